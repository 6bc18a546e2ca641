//! Two records that a person has found to be two, or has parted again: no creation of the one takes the row of the other, and rows that went
//! back to their record carry its id before the other gets a row of its own.

use std::collections::BTreeSet;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::Owner;
use entente_model::matching::{self, KeyKind};
use entente_model::value::{FieldKey, Fields, Value, get};
use entente_store::{
    Link, MatchKey, NewEntry, NewHint, NewNotice, PutRecord, Record, RecordState, RemoteKey, Review, ReviewState, StoreError, Tx, Viewer,
};

use super::adopt::{has_match_keys, kind_name, match_keys};
use super::decide::{Decision, PlannedWrite};
use super::edit::search_text;
use super::task::{LANE_UPDATE, LANE_URGENT, Task};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::records::overrule::owns;

/// Kind of the notice.
pub const NOTICE: &str = "parted";

/// The link as it is once what its side shows has been weighed, and `wanted` was decided instead: nothing of it counts as a change any more,
/// and the next look writes what was decided.
pub(crate) fn decided(engine: &Engine, catalog: &Catalog, record: &Record, mut link: Link, wanted: &Fields) -> Link {
    for (field, shown) in Task::believed(&link) {
        if shown.agrees(get(wanted, &field)) {
            continue;
        }
        if owns(engine, catalog, record, &link, &field) {
            // Of an owner, only what was weighed and not agreed gives way.
            link.base.remove(&field);
            for apart in [&mut link.seen, &mut link.taken] {
                apart.get_or_insert_default().insert(field.clone(), shown.clone());
            }
            continue;
        }
        link.base.insert(field.clone(), shown);
        for apart in [&mut link.seen, &mut link.taken] {
            if let Some(fields) = apart {
                fields.remove(&field);
            }
            *apart = apart.take().filter(|fields| !fields.is_empty());
        }
    }
    link
}

/// Whether two records are two: a person has found them so, or one of those that were ever merged into the other. What a platform has given to
/// a row in a merge goes on with that row.
pub(crate) fn are_two(tx: &mut Tx<'_>, record: &RecordId, other: &RecordId) -> Result<bool, StoreError> {
    let (mut open, mut known) = (vec![other.clone()], BTreeSet::from([record.clone()]));
    while let Some(id) = open.pop() {
        if !known.insert(id.clone()) {
            continue;
        }
        if tx.are_apart(record, &id)? {
            return Ok(true);
        }
        open.extend(tx.merges_into(&id)?.into_iter().map(|one| one.merge.absorbed));
    }
    Ok(false)
}

/// A creation came back with the row of another record, which is somebody else: the platform knows people by something that both have, and
/// has written over that row. Nothing is linked; the other's values and its id are put back, and what both have keeps the creation from being
/// tried again before a person has given one of them something else.
pub(super) fn hit_another(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    decision: &Decision,
    planned: &PlannedWrite,
    mut hit: Link,
    now: Timestamp,
) -> Result<(), StoreError> {
    let record = &decision.task.record;
    let Some(mut other) = tx.record(&Viewer::system(), &hit.record)? else { return Ok(()) };
    let connection = &planned.connection;
    if claim_ours(catalog, &mut other, &planned.fields) {
        let search_text = search_text(catalog, &other);
        tx.put_records(&[PutRecord { record: other.clone(), search_text }])?;
    }
    // The row carries the other record's id now: it gets its own back before that one is tried again, which would find it by that.
    tx.note_misnamed(&hit.key(), &other.id, &record.id)?;
    for (field, value) in &planned.fields {
        hit.seen.get_or_insert_default().insert(field.clone(), value.clone());
    }
    hit.version = None;
    tx.put_links(&[decided(engine, catalog, &other, hit, &other.data)])?;
    let detail = format!(
        "{connection} answered the creation with the row of {}, who is somebody else: nothing was linked, and its values are put back",
        other.id
    );
    tx.append(&[NewEntry {
        record: record.id.clone(),
        object: record.object.clone(),
        subject: record.subject.clone(),
        at: now,
        actor: Actor::Us,
        actor_name: connection.clone(),
        cause: "event".to_owned(),
        detail: detail.clone(),
        connection: Some(connection.clone()),
        changes: Default::default(),
    }])?;
    known_by_too(tx, &other, &decision.after)?;
    tx.notify(&NewNotice {
        at: now,
        kind: NOTICE.to_owned(),
        recipient: "ops".to_owned(),
        title: format!("{connection} takes two {}s for one", record.object),
        body: format!("{}: {detail}. Give one of the two another address, or take the shared one off the row at {connection}.", record.id),
        record: Some(record.id.clone()),
    })?;
    tx.hint(&[hint(&other.id, &other.object, BTreeSet::from([connection.clone()]), LANE_URGENT, now)])
}

/// What a row shows of fields of our own for somebody else is to be taken off it. A field of ours that the record never had a value for would be left
/// as it stands, so from now on it is known to have none. Answers whether that is new.
pub(crate) fn claim_ours(catalog: &Catalog, record: &mut Record, shown: &Fields) -> bool {
    let ours = catalog.policy(&record.object).iter().filter(|policy| policy.owner == Owner::Native).map(|policy| &policy.field);
    let foreign: Vec<FieldKey> = ours.filter(|field| !get(shown, field).is_blank() && !record.data.contains_key(*field)).cloned().collect();
    record.data.extend(foreign.iter().map(|field| (field.clone(), Value::Null)));
    !foreign.is_empty()
}

/// Finds rows that a creation of somebody else's has written over without an answer that came back: they carry that one's id. What they show of that
/// one's values nobody has entered there, and they get their own id back.
pub(super) async fn find_astray(engine: &Engine, catalog: &Catalog, tasks: &mut [Task]) -> Result<(), EngineError> {
    let mut carrying: Vec<(usize, String, RecordId, RecordId)> = Vec::new();
    for (at, task) in tasks.iter().enumerate() {
        for (connection, seen) in &task.seen {
            let Some(mapped) = catalog.mapped(connection, &task.record.object) else { continue };
            let named = seen.look.row.get(mapped.lens.key()).and_then(|id| id.as_str()?.parse::<RecordId>().ok());
            carrying.extend(named.filter(|id| *id != task.record.id).map(|id| (at, connection.clone(), id, task.record.id.clone())));
        }
    }
    if carrying.is_empty() {
        return Ok(());
    }
    let astray = engine.store().read(move |tx| {
        let mut astray = Vec::new();
        for (at, connection, id, own) in carrying {
            let other = tx.record(&Viewer::system(), &id)?.filter(|other| other.state == RecordState::Active);
            let Some(other) = other else { continue };
            if are_two(tx, &id, &own)? {
                astray.push((at, connection, other.data));
            }
        }
        Ok(astray)
    });
    for (at, connection, theirs) in astray.await? {
        let task = &mut tasks[at];
        if !task.misnamed.contains(&(connection.clone(), true)) {
            task.misnamed.push((connection.clone(), true));
        }
        claim_ours(catalog, &mut task.record, &theirs);
        task.astray.insert(connection, theirs);
    }
    Ok(())
}

/// Has a record be found by the e-mail address of another one, too: a platform has given that address to its row.
///
/// # Errors
/// As for any write.
pub(crate) fn known_by_too(tx: &mut Tx<'_>, record: &Record, theirs: &Fields) -> Result<(), StoreError> {
    known_by_these(tx, record, addresses(&record.object, theirs).collect())
}

/// The same of keys, beside those that it is known by already because a platform has given them to its row.
///
/// # Errors
/// As for any write.
pub(crate) fn known_by_these(tx: &mut Tx<'_>, record: &Record, mut keys: BTreeSet<MatchKey>) -> Result<(), StoreError> {
    if !has_match_keys(&record.object) {
        return Ok(());
    }
    keys.extend(match_keys(&record.object, &record.data));
    keys.extend(shared(tx, record)?);
    tx.put_match_keys(&[(record.id.clone(), record.object.clone(), keys)])
}

/// The records that a person has found to be somebody else than this one, of reviews about it among others.
pub(crate) fn apart_from(record: &RecordId, reviews: &[Review]) -> Vec<RecordId> {
    let rejected = reviews.iter().filter(|review| review.state == ReviewState::Rejected).map(|review| &review.review);
    rejected
        .filter_map(|pair| match (pair.record == *record, pair.other == record.as_str()) {
            (true, _) => pair.other.parse().ok(),
            (_, true) => Some(pair.record.clone()),
            _ => None,
        })
        .collect()
}

/// Addresses of those whom a record was parted from that a platform has given to its row, as far as they have them.
///
/// # Errors
/// As for any read.
pub(crate) fn shared(tx: &mut Tx<'_>, record: &Record) -> Result<BTreeSet<MatchKey>, StoreError> {
    let mut keys = BTreeSet::new();
    let apart = apart_from(&record.id, &tx.reviews_of(&[record.id.to_string()])?);
    keep_shared(tx, record, &apart, &mut keys)?;
    Ok(keys)
}

/// Keeps the addresses of those whom a record was parted from among what it is known by, as long as they have them: a platform has given them to
/// its row ([`known_by_too`]), and nothing of the record's own values tells so.
///
/// # Errors
/// As for any read.
pub(crate) fn keep_shared(
    tx: &mut Tx<'_>,
    record: &Record,
    apart: &[RecordId],
    known_by: &mut BTreeSet<MatchKey>,
) -> Result<(), StoreError> {
    if apart.is_empty() {
        return Ok(());
    }
    let others = tx.records(&Viewer::system(), apart)?;
    let in_use = others.values().filter(|other| other.state == RecordState::Active && other.object == record.object);
    let theirs: BTreeSet<MatchKey> = in_use.flat_map(|other| addresses(&other.object, &other.data)).collect();
    let shared = tx.match_records(&record.object, &theirs.into_iter().collect::<Vec<_>>())?;
    known_by.extend(shared.into_iter().filter(|hit| hit.record == record.id).map(|hit| hit.key));
    Ok(())
}

/// The addresses that a record is known by.
pub(crate) fn addresses(object: &str, fields: &Fields) -> impl Iterator<Item = MatchKey> {
    let keys = matching::keys(object, fields).into_iter().filter(|key| key.kind == KeyKind::Email);
    keys.map(|key| MatchKey::new(kind_name(key.kind), key.value))
}

/// A row was written to. If it carried another record's id and carries its own now, that one may get a row of its own.
pub(super) fn renamed(tx: &mut Tx<'_>, planned: &PlannedWrite, id: &str, now: Timestamp) -> Result<(), StoreError> {
    if !planned.write.row.contains_key(&planned.target.key_field) {
        return Ok(());
    }
    let row = RemoteKey::new(&planned.connection, &planned.target.object, id);
    match tx.end_misnamed(&row)? {
        Some(other) => tx.hint(&[hint(&other, "", BTreeSet::new(), LANE_UPDATE, now)]),
        None => Ok(()),
    }
}

fn hint(record: &RecordId, object: &str, fetch: BTreeSet<String>, lane: entente_store::Lane, now: Timestamp) -> NewHint {
    NewHint {
        subject: record.to_string(),
        object: object.to_owned(),
        lane,
        due_at: now,
        cause: "event".to_owned(),
        fetch,
        origin_at: None,
        is_news: false,
        at: now,
    }
}
