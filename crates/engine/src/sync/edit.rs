//! Edits of a record from inside Entente: by a flow, a person or a program. One more side of the same merge: the edit is an entry of
//! the ledger, and the hint it makes carries it to the counterparts.

use std::collections::BTreeSet;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::plan::NATIVE;
use entente_model::value::{Fields, Value, get};
use entente_store::{EntryId, Lane, NewEntry, NewHint, PutRecord, Record, RecordState, StoreError, Tx, Viewer};

use super::adopt::{has_match_keys, match_keys};
use crate::catalog::Catalog;
use crate::entry::{Changes, FieldEntry};

/// Fields that match keys are made of.
const RECOGNISED_BY: &[&str] = &["email", "phone", "first_name", "last_name", "account", "name", "domain", "email_domains"];

/// One edit.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The record.
    pub record: RecordId,
    /// New values; those that are held already make no change.
    pub fields: Fields,
    /// Who.
    pub actor: Actor,
    /// Name of the flow, person or program.
    pub actor_name: String,
    /// Cause (`flow`, `user`, `api`, `agent`, `undo`).
    pub cause: String,
    /// Why, in words.
    pub detail: String,
    /// Lane of the hint.
    pub lane: Lane,
    /// How long the hint may wait for others, in milliseconds.
    pub window_ms: i64,
}

/// Carries an edit out. `None` when the record holds all of it already, or is of somebody who was erased.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such record.
pub fn apply(tx: &mut Tx<'_>, catalog: &Catalog, edit: &Edit, now: Timestamp) -> Result<Option<EntryId>, StoreError> {
    apply_because(tx, catalog, edit, &edit.cause, now)
}

/// Carries an edit out whose fields get their values for another reason than what caused it: a rule that a person adopts decides what waits.
///
/// # Errors
/// As [`apply`].
pub(crate) fn apply_because(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    edit: &Edit,
    reason: &str,
    now: Timestamp,
) -> Result<Option<EntryId>, StoreError> {
    let Some(mut record) = tx.record(&Viewer::system(), &edit.record)? else {
        return Err(StoreError::Missing(format!("record {}", edit.record)));
    };
    let changes = changes(&record, edit, reason, now);
    // Nothing is written about somebody who was erased.
    if changes.is_empty() || record.state == RecordState::Erased {
        return Ok(None);
    }
    for (field, entry) in &changes {
        record.data.insert(field.clone(), entry.after.clone());
    }
    let entry = tx.append(&[new_entry(&record, edit, now, &changes)])?.first().copied();
    if let Some(entry) = entry {
        record.provenance.extend(changes.keys().map(|field| (field.clone(), entry)));
    }
    record.updated_at = now;
    let object = record.object.clone();
    if has_match_keys(&object) && changes.keys().any(|field| RECOGNISED_BY.contains(&field.as_str())) {
        let mut known_by = match_keys(&object, &record.data);
        let apart = super::parted::apart_from(&record.id, &tx.reviews_of(&[record.id.to_string()])?);
        super::parted::keep_shared(tx, &record, &apart, &mut known_by)?;
        tx.put_match_keys(&[(record.id.clone(), object.clone(), known_by)])?;
    }
    let search_text = search_text(catalog, &record);
    tx.put_records(&[PutRecord { record, search_text }])?;
    tx.hint(&[NewHint {
        subject: edit.record.to_string(),
        object,
        lane: edit.lane,
        due_at: Timestamp::from_millisecond(now.as_millisecond() + edit.window_ms).unwrap_or(now),
        cause: edit.cause.clone(),
        fetch: BTreeSet::new(),
        origin_at: Some(now),
        is_news: true,
        at: now,
    }])?;
    Ok(entry)
}

fn changes(record: &Record, edit: &Edit, reason: &str, now: Timestamp) -> Changes {
    let mut changes = Changes::new();
    for (field, after) in &edit.fields {
        let before = get(&record.data, field);
        // Saying "no" for the first time says something: until then, what stands at a vendor is not ours to change.
        let first = !record.data.contains_key(field) && *after != Value::Null;
        if first || !before.agrees(after) {
            changes.insert(
                field.clone(),
                FieldEntry {
                    before: before.clone(),
                    after: after.clone(),
                    reason: reason.to_owned(),
                    from: NATIVE.to_owned(),
                    mark: ChangeMark { at: Some(now), by: edit.actor, who: None },
                    lost: Vec::new(),
                },
            );
        }
    }
    changes
}

fn new_entry(record: &Record, edit: &Edit, now: Timestamp, changes: &Changes) -> NewEntry {
    NewEntry {
        record: record.id.clone(),
        object: record.object.clone(),
        subject: record.subject.clone(),
        at: now,
        actor: edit.actor,
        actor_name: edit.actor_name.clone(),
        cause: edit.cause.clone(),
        detail: edit.detail.clone(),
        connection: None,
        changes: crate::entry::to_store(changes),
    }
}

/// Text by which people find a record: its title, e-mail, phone and number.
pub(crate) fn search_text(catalog: &Catalog, record: &Record) -> String {
    const FOUND_BY: &[&str] = &["email", "phone", "number", "domain"];
    let title = catalog.object(&record.object).map(|object| object.title.as_slice()).unwrap_or_default();
    let words = title.iter().map(String::as_str).chain(FOUND_BY.iter().copied());
    words.map(|field| get(&record.data, field).display()).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}
