//! Two records that a person has found to be two, or has parted again: no creation of the one takes the row of the other, and rows that went
//! back to their record carry its id before the other gets a row of its own.

use std::collections::BTreeSet;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::matching::{self, KeyKind};
use entente_model::value::{Fields, get};
use entente_store::{Link, MatchKey, NewEntry, NewHint, NewNotice, Record, RemoteKey, StoreError, Tx, Viewer};

use super::adopt::{has_match_keys, kind_name, match_keys};
use super::decide::{Decision, PlannedWrite};
use super::task::{LANE_UPDATE, LANE_URGENT, Task};
use crate::catalog::Catalog;
use crate::engine::Engine;
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
pub(super) fn are_two(tx: &mut Tx<'_>, record: &RecordId, other: &RecordId) -> Result<bool, StoreError> {
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
/// has written over that row. Nothing is linked; the other's values are put back, and what both have keeps the creation from being tried
/// again before a person has given one of them something else.
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
    let Some(other) = tx.record(&Viewer::system(), &hit.record)? else { return Ok(()) };
    let connection = &planned.connection;
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

/// Has a record be found by the e-mail address of another one, too: a platform has given that address to its row.
///
/// # Errors
/// As for any write.
pub(crate) fn known_by_too(tx: &mut Tx<'_>, record: &Record, theirs: &Fields) -> Result<(), StoreError> {
    if !has_match_keys(&record.object) {
        return Ok(());
    }
    let mut keys = match_keys(&record.object, &record.data);
    let addresses = matching::keys(&record.object, theirs).into_iter().filter(|key| key.kind == KeyKind::Email);
    keys.extend(addresses.map(|key| MatchKey::new(kind_name(key.kind), key.value)));
    tx.put_match_keys(&[(record.id.clone(), record.object.clone(), keys)])
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
        at: now,
    }
}
