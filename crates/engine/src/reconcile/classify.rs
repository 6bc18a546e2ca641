//! Classifying: what was found to differ, with its cause.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::look::Look;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::{FieldMap, Owner, Role};
use entente_model::value::{Fields, Value, get};
use entente_store::{Counterpart, DeadLetterFilter, DeadLetterState, Link, PAGE_ROWS_MAX, RemoteKey, StoreError, Tx, Viewer};

use super::cause::Cause;
use super::place::Place;
use crate::sync::task::Task;

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The side that differs.
    pub connection: String,
    /// The platform's name of the object.
    pub remote_object: String,
    /// The row, if there is one.
    pub external_id: Option<String>,
    /// The record, if there is one.
    pub record: Option<RecordId>,
    /// Our object.
    pub object: String,
    /// The field; `None` when it is the row as a whole.
    pub field: Option<String>,
    /// Who owns the field.
    pub owner: Option<Owner>,
    /// Why.
    pub cause: Cause,
    /// Since when, as far as the platform tells.
    pub since: Option<Timestamp>,
    /// What else is to be said, without any value of a customer.
    pub detail: Option<String>,
}

impl Finding {
    /// What it is about, whatever its cause.
    pub(crate) fn place(&self) -> (&str, Option<&RecordId>, Option<&str>, Option<&str>) {
        // A row without a record may have one by the second look: then it is about that record.
        let row = self.external_id.as_deref().filter(|_| self.record.is_none());
        (&self.connection, self.record.as_ref(), row, self.field.as_deref())
    }

    /// What a hint about it would be about: the record, or the row.
    pub(crate) fn subject(&self) -> Option<String> {
        match (&self.record, &self.external_id) {
            (Some(record), _) => Some(record.to_string()),
            (None, Some(id)) => Some(format!("{}/{}/{id}", self.connection, self.remote_object)),
            (None, None) => None,
        }
    }
}

/// What a side shows of a field that is not what the record holds.
pub(crate) enum Shown {
    /// Another value.
    Value(Value),
    /// A value that cannot be read, and why.
    Unreadable(String),
    /// A reference to a row without a record.
    Unknown,
}

/// A row that differs.
pub(crate) struct Differing<'a> {
    /// What was read.
    pub(crate) look: &'a Look,
    /// The record.
    pub(crate) counterpart: &'a Counterpart,
    /// Fields that the side cannot be without.
    pub(crate) never_blank: &'a BTreeSet<String>,
    /// The fields.
    pub(crate) fields: Vec<(&'a FieldMap, Shown)>,
}

/// Subjects whose sync failed for good, with the kind of error.
pub(crate) type Dead = BTreeMap<String, String>;

/// Reads which subjects have a dead letter that waits for a person.
pub(crate) fn dead(tx: &mut Tx<'_>) -> Result<Dead, StoreError> {
    let mut dead = Dead::new();
    let mut before = None;
    loop {
        let filter = DeadLetterFilter { state: Some(DeadLetterState::Open), before, ..DeadLetterFilter::default() };
        let letters = tx.dead_letters(&Viewer::system(), &filter, PAGE_ROWS_MAX)?;
        before = letters.last().map(|letter| letter.id);
        let full = letters.len() == PAGE_ROWS_MAX;
        for letter in letters {
            let at = letter.letter.connection.map(|connection| format!(" at {connection}")).unwrap_or_default();
            dead.entry(letter.letter.subject).or_insert_with(|| format!("{}{at}", letter.letter.error_code));
        }
        if !full {
            return Ok(dead);
        }
    }
}

/// Finds the cause of each field that differs.
pub(crate) fn classify(tx: &mut Tx<'_>, place: &Place, rows: &[Differing<'_>], dead: &Dead) -> Result<Vec<Finding>, StoreError> {
    let keys: Vec<RemoteKey> = rows.iter().map(|row| RemoteKey::new(&place.connection, &place.object, &row.look.id)).collect();
    let links = tx.links_at(&keys)?;
    let records: Vec<RecordId> = rows.iter().map(|row| row.counterpart.record.clone()).collect();
    let names: Vec<String> = records.iter().map(ToString::to_string).collect();
    let moving = tx.hinted(&names)?;
    let frozen: BTreeSet<(RecordId, String)> =
        tx.conflicts_of(&records)?.into_iter().map(|found| (found.conflict.record, found.conflict.field)).collect();
    let mut findings = Vec::new();
    for (row, key) in rows.iter().zip(&keys) {
        let Some(link) = links.get(key) else { continue };
        let record = &row.counterpart.record;
        let believed = Task::believed(link);
        for (line, shown) in &row.fields {
            let state = State {
                frozen: frozen.contains(&(record.clone(), line.field.clone())),
                dead: dead.contains_key(record.as_str()),
                moving: moving.contains(record.as_str()),
                lasts: row.never_blank.contains(&line.field),
            };
            let held = get(&row.counterpart.data, &line.field);
            let cause = cause(line, shown, held, &believed, link, place.role, state);
            let detail = match (&cause, shown) {
                (Cause::Unreadable, Shown::Unreadable(why)) => Some(why.clone()),
                (Cause::Refused, _) => dead.get(record.as_str()).cloned(),
                _ => None,
            };
            findings.push(Finding {
                connection: place.connection.clone(),
                remote_object: place.object.clone(),
                external_id: Some(row.look.id.clone()),
                record: Some(record.clone()),
                object: row.counterpart.object.clone(),
                field: Some(line.field.clone()),
                owner: Some(line.owner),
                since: row.look.mark.at.filter(|_| matches!(cause, Cause::NotTaken | Cause::AgainstOwner)),
                cause,
                detail,
            });
        }
    }
    Ok(findings)
}

/// What goes on with a record when something of it is found to differ.
#[derive(Clone, Copy)]
struct State {
    frozen: bool,
    dead: bool,
    moving: bool,
    /// Whether the side cannot be without the field.
    lasts: bool,
}

fn cause(line: &FieldMap, shown: &Shown, held: &Value, believed: &Fields, link: &Link, role: Role, state: State) -> Cause {
    if state.frozen {
        return Cause::Conflict;
    }
    if state.dead {
        return Cause::Refused;
    }
    let value = match shown {
        Shown::Unreadable(_) => return Cause::Unreadable,
        Shown::Unknown if state.moving => return Cause::InProgress,
        Shown::Unknown => return Cause::UnknownReference,
        Shown::Value(value) => value,
    };
    let being_written =
        link.pending.as_ref().is_some_and(|pending| pending.get(&line.field).is_some_and(|on_its_way| on_its_way.agrees(held)));
    if state.moving || being_written {
        return Cause::InProgress;
    }
    if believed.get(&line.field).is_some_and(|known| known.agrees(value)) {
        if state.lasts && held.is_blank() {
            return Cause::CannotBeBlank;
        }
        return if same_but_for_form(value, held) { Cause::Formatting } else { Cause::NotWritten };
    }
    if owns(line.owner, role) { Cause::NotTaken } else { Cause::AgainstOwner }
}

/// Whether what a side shows of a field counts.
pub(crate) fn owns(owner: Owner, role: Role) -> bool {
    matches!((owner, role), (Owner::Shared, _) | (Owner::Crm, Role::Crm) | (Owner::Support, Role::Support))
}

/// Whether two values differ only in case, spaces and signs, as when a platform writes what it was given in its own way.
fn same_but_for_form(one: &Value, other: &Value) -> bool {
    let plain = |value: &Value| value.display().chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let (one, other) = (plain(one), plain(other));
    !one.is_empty() && one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_is_told_from_content() {
        let same = |one: &str, other: &str| same_but_for_form(&Value::text(one), &Value::text(other));
        assert!(same("Acme  Inc.", "ACME Inc"));
        assert!(!same("Acme", "Acme 2"));
        assert!(!same("—", "…"), "nothing in common is not the same");
    }
}
