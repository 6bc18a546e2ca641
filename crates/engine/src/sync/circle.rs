//! Merges that go one way at one platform and the other way at another. Both people mean the same: the two are one. The record that stayed first
//! stays, and takes over the row into which its own was merged; no record ever ends in one that has ended in it.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_store::{Link, LinkState, RecordState, RemoteKey, StoreError, Tx, Viewer};

use super::decide::Decision;

/// Whether a record has ended in another one, by itself or through others.
///
/// # Errors
/// As for any read.
pub(crate) fn has_ended_in(tx: &mut Tx<'_>, record: &RecordId, other: &RecordId) -> Result<bool, StoreError> {
    leads_to(tx, record, other, &BTreeMap::new())
}

/// The same, where some merges are not written yet.
fn leads_to(tx: &mut Tx<'_>, record: &RecordId, other: &RecordId, unwritten: &BTreeMap<RecordId, RecordId>) -> Result<bool, StoreError> {
    let (mut at, mut passed) = (record.clone(), BTreeSet::new());
    while passed.insert(at.clone()) {
        let next = match unwritten.get(&at) {
            Some(next) => Some(next.clone()),
            None => tx.record(&Viewer::system(), &at)?.filter(|one| one.state == RecordState::Merged).and_then(|one| one.merged_into),
        };
        match next {
            None => return Ok(false),
            Some(next) if next == *other => return Ok(true),
            Some(next) => at = next,
        }
    }
    Ok(false)
}

/// Decisions by which a record would end in one that has ended in it since they were made, or does in this batch. They are made anew.
///
/// # Errors
/// As for any read.
pub(super) fn closing(tx: &mut Tx<'_>, decisions: &[Decision]) -> Result<BTreeSet<usize>, StoreError> {
    let ends = |decision: &Decision| decision.state == RecordState::Merged && decision.task.record.state != RecordState::Merged;
    let ending: Vec<(usize, RecordId, RecordId)> = decisions
        .iter()
        .enumerate()
        .filter(|(_, decision)| ends(decision))
        .filter_map(|(at, decision)| Some((at, decision.task.record.id.clone(), decision.merged_into.clone()?)))
        .collect();
    if ending.is_empty() {
        return Ok(BTreeSet::new());
    }
    tx.lock_records(&ending.iter().flat_map(|(_, one, other)| [one.clone(), other.clone()]).collect())?;
    let (mut closing, mut unwritten) = (BTreeSet::new(), BTreeMap::new());
    for (at, record, survivor) in ending {
        if leads_to(tx, &survivor, &record, &unwritten)? {
            closing.insert(at);
        } else {
            unwritten.insert(record, survivor);
        }
    }
    Ok(closing)
}

/// A record's row was merged into the row of one that had ended in it: that row is the record's from now on, and goes back with the other one if
/// the two are parted.
///
/// # Errors
/// As for any write.
pub(super) fn take_over(tx: &mut Tx<'_>, decision: &Decision, now: Timestamp) -> Result<(), StoreError> {
    let moved = decision.links.iter().filter(|link| {
        link.state == LinkState::Present
            && decision.task.link(&link.connection).is_some_and(|before| before.external_id != link.external_id)
    });
    let rows: Vec<RemoteKey> = moved.map(Link::key).collect();
    for (row, link) in tx.links_at(&rows)? {
        if link.record != decision.task.record.id {
            tx.delete_link(&link.record, &link.connection)?;
            tx.note_moved(&link.record, &row, true)?;
            super::merged::end_asking(tx, &link.record, &row.connection, now)?;
        }
    }
    Ok(())
}
