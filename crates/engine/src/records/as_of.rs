//! A record as it was at an instant: its present values, walked back through the ledger.

use std::collections::BTreeMap;

use entente_model::undo::{Step, Turn, as_of};
use entente_model::value::{FieldKey, Fields, get};
use entente_store::{Changes, Entry, Record, RecordState, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Display, label, no_record, parse_id, title};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// When to look at a record.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AsOfQuery {
    /// The instant.
    #[param(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A field as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldAsOf {
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// The value then, as people read it; none for no value.
    pub value: Option<String>,
    /// The present value.
    pub now: Option<String>,
    /// The first entry after the instant that gave it another value; none when it has kept it.
    pub changed_by: Option<String>,
    /// When that was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub changed_at: Option<Timestamp>,
}

/// A record as it was at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordAsOf {
    /// Record id.
    pub id: String,
    /// Object.
    pub object: String,
    /// What people called it then.
    pub title: String,
    /// The instant.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `active`, `deleted` or `merged` then, `unknown` before Entente knew it, or `erased` when the values of then were erased since.
    pub state: String,
    /// Entries since then.
    pub entries_since: u64,
    /// Its fields then, those without a value then and now left out.
    pub fields: Vec<FieldAsOf>,
}

/// A record as it was at an instant.
///
/// # Errors
/// When the record does not exist, the instant is yet to come, or the store fails.
pub async fn record_as_of(engine: &Engine, viewer: &Viewer, id: &str, at: Timestamp) -> Result<RecordAsOf> {
    let id = parse_id(id)?;
    if at > engine.now() {
        let (field, reason) = ("at".to_owned(), format!("{at} is yet to come"));
        return Err(EngineError::Invalid { field, reason, remedy: "name an instant that is over".to_owned() });
    }
    let (seer, wanted, catalog) = (viewer.clone(), id.clone(), engine.catalog());
    let found = engine.store().read(move |tx| {
        let Some(record) = tx.record(&seer, &wanted)? else { return Ok(None) };
        let from = tx.entry_before(at)? + 1;
        let ids = std::slice::from_ref(&wanted);
        let mut later = tx.histories_since(&seer, ids, from)?.remove(&wanted).unwrap_or_default();
        // Numbers decide where times do not: an entry is later when the one before it is.
        let known = later.iter().rposition(|entry| entry.at <= at).map_or(0, |at| at + 1);
        later.drain(..known);
        let first = tx.first_entries(ids)?.remove(&wanted);
        let existed = later.first().map_or(record.created_at <= at, |entry| first.is_some_and(|first| first < entry.id));
        if record.state == RecordState::Erased || later.iter().any(|entry| entry.changes == Changes::Erased) {
            return Ok(Some(erased(&record, &later, at)));
        }
        let then = if existed { as_of(&record.data, steps(&later).iter().rev()) } else { Fields::new() };
        let display = Display::of(tx, &seer, &catalog, then.values().chain(record.data.values()))?;
        Ok(Some(shown(&catalog, &record, &then, &later, existed, &display, at)))
    });
    found.await?.ok_or_else(|| no_record(&id))
}

/// What can still be said of a record whose values were erased since.
fn erased(record: &Record, later: &[Entry], at: Timestamp) -> RecordAsOf {
    RecordAsOf {
        id: record.id.to_string(),
        object: record.object.clone(),
        title: record.id.to_string(),
        at,
        state: RecordState::Erased.to_string(),
        entries_since: later.len() as u64,
        fields: Vec::new(),
    }
}

fn steps(entries: &[Entry]) -> Vec<Step> {
    let step = |entry: &Entry| {
        let Changes::Open(changes) = &entry.changes else { return Step { entry: entry.id, ..Step::default() } };
        let turns = changes.iter().map(|(field, change)| {
            let turn = Turn { before: change.before.clone(), after: change.after.clone() };
            (field.clone(), turn)
        });
        Step { entry: entry.id, undone: false, turns: turns.collect() }
    };
    entries.iter().map(step).collect()
}

fn shown(
    catalog: &Catalog,
    record: &Record,
    then: &Fields,
    later: &[Entry],
    existed: bool,
    display: &Display,
    at: Timestamp,
) -> RecordAsOf {
    let object = catalog.object(&record.object);
    let mut turned: BTreeMap<&FieldKey, &Entry> = BTreeMap::new();
    for entry in later {
        let Changes::Open(changes) = &entry.changes else { continue };
        for (field, _) in changes.iter().filter(|(_, change)| !change.before.agrees(&change.after)) {
            turned.entry(field).or_insert(entry);
        }
    }
    let known = object.into_iter().flat_map(|object| object.fields.iter().map(|field| &field.key));
    let strays = record.data.keys().filter(|key| object.is_none_or(|object| object.field(key).is_none()));
    let fields = known.chain(strays).map(|key| FieldAsOf {
        label: label(object, key),
        value: display.show(get(then, key)),
        now: display.show(get(&record.data, key)),
        changed_by: turned.get(key).map(|entry| entry.id.to_string()),
        changed_at: turned.get(key).map(|entry| entry.at),
        field: key.clone(),
    });
    RecordAsOf {
        id: record.id.to_string(),
        object: record.object.clone(),
        title: title(object, &record.id, then),
        at,
        state: if existed { state_then(record, later).to_string() } else { "unknown".to_owned() },
        entries_since: later.len() as u64,
        fields: fields.filter(|field| field.value.is_some() || field.now.is_some()).collect(),
    }
}

/// The state before some entries: what ended the record since had not happened.
fn state_then(record: &Record, later: &[Entry]) -> RecordState {
    let ended = |entry: &Entry| entry.detail.contains("deleted at ") || entry.detail.contains("merged into ");
    if later.iter().any(ended) { RecordState::Active } else { record.state }
}
