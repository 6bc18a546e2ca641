//! A record's history and the blame of a field, both read from the ledger.

use std::collections::BTreeMap;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::id::RecordId;
use entente_model::object::Object;
use entente_model::value::{FieldKey, Value};
use entente_store::{Changes, Entry, EntryFilter, EntryId, Record, Tx, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Display, PAGE, label, no_record, parse_id};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::words;

/// Causes of entries.
pub const CAUSES: [&str; 13] =
    ["webhook", "poll", "schedule", "event", "resync", "reconcile", "import", "user", "api", "agent", "flow", "undo", "erasure"];

/// Which part of a history to read.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Go on where the last page ended: its `next`.
    #[param(nullable = false)]
    pub before: Option<String>,
    /// Entries per page, 1 to 1,000; 50 without it.
    #[param(nullable = false)]
    pub limit: Option<usize>,
    /// Only entries that tell of this field, by its key or by what people call it.
    #[param(nullable = false)]
    pub field: Option<String>,
}

/// What an entry did to one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldChange {
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// Value before, as people read it; none for no value.
    pub before: Option<String>,
    /// Value after.
    pub after: Option<String>,
    /// The rule that decided, or what a flow or a person did.
    pub reason: Option<String>,
    /// The side it came from.
    pub from: Option<String>,
    /// Values of other sides that lost, with the side.
    pub lost: Vec<LostValue>,
}

/// A value that somebody entered and that a rule replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LostValue {
    /// The side that held it.
    pub side: String,
    /// The value, as people read it.
    pub value: Option<String>,
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// Number of the entry.
    pub entry: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The kind of hand behind it: `customer`, `sales`, `support`, `automation`, `us`, `person`, `unknown`.
    pub actor: String,
    /// Name of the user, connection or flow.
    pub actor_name: Option<String>,
    /// Why: `webhook`, `poll`, `schedule`, `event`, `resync`, `reconcile`, `import`, `user`, `api`, `agent`, `flow`, `undo`, `erasure`.
    pub cause: String,
    /// The connection it came from or went to.
    pub connection: Option<String>,
    /// What happened beyond values.
    pub detail: Option<String>,
    /// Whether the values were destroyed by an erasure.
    pub erased: bool,
    /// The changes.
    pub changes: Vec<FieldChange>,
}

/// A page of a history, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryPage {
    /// The entries.
    pub items: Vec<HistoryEntry>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// Who set a field, and each value it had before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Blame {
    /// Record id.
    pub record: String,
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// The present value, as people read it.
    pub value: Option<String>,
    /// The entry that set the present value.
    pub set_by: Option<HistoryEntry>,
    /// Earlier entries that touched the field, newest first.
    pub earlier: Vec<HistoryEntry>,
}

/// What an entry says of a field. Entries of every age are read through it, so each part but the two values may be missing.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct FieldNote {
    #[serde(default)]
    pub(crate) before: Value,
    #[serde(default)]
    pub(crate) after: Value,
    #[serde(default, alias = "rule")]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) from: Option<String>,
    #[serde(default)]
    pub(crate) mark: ChangeMark,
    #[serde(default)]
    pub(crate) lost: Vec<LostNote>,
}

/// A losing value within a [`FieldNote`].
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct LostNote {
    #[serde(default)]
    pub(crate) side: String,
    #[serde(default)]
    pub(crate) value: Value,
}

/// The fields of an entry; `None` when an erasure destroyed them.
pub(crate) fn notes(entry: &Entry) -> Result<Option<BTreeMap<FieldKey, FieldNote>>> {
    let Changes::Open(changes) = &entry.changes else { return Ok(None) };
    let corrupt = |error: serde_json::Error| EngineError::Corrupt { what: format!("ledger entry {}", entry.id), reason: error.to_string() };
    let json = serde_json::to_value(changes).map_err(corrupt)?;
    serde_json::from_value(json).map(Some).map_err(corrupt)
}

/// Name of an actor, as the API has it.
pub(crate) fn actor(actor: Actor) -> String {
    serde_json::to_value(actor).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(crate) fn values(notes: &BTreeMap<FieldKey, FieldNote>) -> impl Iterator<Item = &Value> {
    notes.values().flat_map(|note| [&note.before, &note.after].into_iter().chain(note.lost.iter().map(|lost| &lost.value)))
}

fn shown(entry: Entry, notes: Option<BTreeMap<FieldKey, FieldNote>>, object: Option<&Object>, display: &Display) -> HistoryEntry {
    let blank = |text: String| (!text.is_empty()).then_some(text);
    let erased = notes.is_none();
    let changes = notes
        .into_iter()
        .flatten()
        .map(|(field, note)| FieldChange {
            label: label(object, &field),
            field,
            before: display.show(&note.before),
            after: display.show(&note.after),
            reason: note.reason.and_then(blank),
            from: note.from.and_then(blank),
            lost: note.lost.into_iter().map(|lost| LostValue { side: lost.side, value: display.show(&lost.value) }).collect(),
        })
        .collect();
    HistoryEntry {
        entry: entry.id.to_string(),
        at: entry.at,
        actor: actor(entry.actor),
        actor_name: blank(entry.actor_name),
        cause: entry.cause,
        connection: entry.connection,
        detail: blank(entry.detail),
        erased,
        changes,
    }
}

async fn show_all(engine: &Engine, viewer: &Viewer, object: &str, entries: Vec<Entry>) -> Result<Vec<HistoryEntry>> {
    let catalog = engine.catalog();
    let mut noted = Vec::with_capacity(entries.len());
    for entry in entries {
        let notes = notes(&entry)?;
        noted.push((entry, notes));
    }
    let pointed: Vec<Value> = noted
        .iter()
        .filter_map(|(_, notes)| notes.as_ref())
        .flat_map(values)
        .filter(|value| matches!(value, Value::Ref(_)))
        .cloned()
        .collect();
    let viewer = viewer.clone();
    let known = engine.catalog();
    let display = engine.store().read(move |tx| Display::of(tx, &viewer, &known, pointed.iter())).await?;
    Ok(noted.into_iter().map(|(entry, notes)| shown(entry, notes, catalog.object(object), &display)).collect())
}

/// A page of a record's history.
///
/// # Errors
/// When the record does not exist or the store fails.
pub async fn history(engine: &Engine, viewer: &Viewer, id: &str, query: HistoryQuery) -> Result<HistoryPage> {
    let id = parse_id(id)?;
    let before =
        query.before.filter(|text| !text.is_empty()).map(|text| text.parse::<EntryId>()).transpose().map_err(|_| EngineError::Invalid {
            field: "before".to_owned(),
            reason: "this is not the number of an entry".to_owned(),
            remedy: "pass on `next` of the page before".to_owned(),
        })?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, entente_store::PAGE_ROWS_MAX);
    let (seer, wanted) = (viewer.clone(), id.clone());
    let record = engine.store().read(move |tx| tx.record(&seer, &wanted)).await?.ok_or_else(|| no_record(&id))?;
    let field = query.field.filter(|word| !word.trim().is_empty());
    let field = field.map(|word| field_of(&engine.catalog(), &record, "field", &word)).transpose()?;
    let (seer, of) = (viewer.clone(), field.clone());
    let entries = engine.store().read(move |tx| told_of(tx, &seer, &id, of.as_deref(), limit, before)).await?;
    let next = entries.last().filter(|_| entries.len() == limit).map(|last| last.id.to_string());
    let mut items = show_all(engine, viewer, &record.object, entries).await?;
    if let Some(field) = &field {
        items.iter_mut().for_each(|entry| entry.changes.retain(|change| change.field == *field));
    }
    Ok(HistoryPage { items, next })
}

/// Entries of a record, newest first: all of them, or those that tell of a field. Of erased ones nobody can say, so they are among both.
fn told_of(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    id: &RecordId,
    field: Option<&str>,
    limit: usize,
    mut before: Option<EntryId>,
) -> entente_store::Result<Vec<Entry>> {
    let mut told = Vec::new();
    loop {
        let page = tx.history(viewer, id, limit, before)?;
        let is_last = page.len() < limit;
        before = page.last().map(|entry| entry.id);
        told.extend(page.into_iter().filter(|entry| match (&entry.changes, field) {
            (Changes::Open(changes), Some(field)) => changes.contains_key(field),
            _ => true,
        }));
        if is_last || told.len() >= limit {
            told.truncate(limit);
            return Ok(told);
        }
    }
}

/// The field of a record that a word names. What the record holds of a field that is no longer among its object's goes by its key.
fn field_of(catalog: &Catalog, record: &Record, input: &str, word: &str) -> Result<FieldKey> {
    if record.data.contains_key(word) { Ok(word.to_owned()) } else { words::field(catalog, &record.object, input, word) }
}

/// Entries that a blame reads at most: what lies further back is in the history.
const BLAME_ENTRIES: usize = 1_000;

/// Who set a field, when, why, and what it was before.
///
/// # Errors
/// When the record or the field does not exist, or the store fails.
pub async fn blame(engine: &Engine, viewer: &Viewer, id: &str, field: &str) -> Result<Blame> {
    let id = parse_id(id)?;
    let (seer, wanted) = (viewer.clone(), id.clone());
    let found = engine
        .store()
        .read(move |tx| {
            let Some(record) = tx.record(&seer, &wanted)? else { return Ok(None) };
            let filter = EntryFilter { record: Some(wanted.clone()), ..EntryFilter::default() };
            let entries = tx.entries(&seer, &filter, BLAME_ENTRIES)?;
            Ok(Some((record, entries)))
        })
        .await?;
    let Some((record, mut entries)) = found else { return Err(no_record(&id)) };
    let catalog = engine.catalog();
    let object = catalog.object(&record.object);
    let field = &field_of(&catalog, &record, "field", field).map_err(|error| match error {
        EngineError::Invalid { remedy, .. } => EngineError::Unknown { what: "field", name: format!("{}.{field}", record.object), remedy },
        other => other,
    })?;
    let mut touching = Vec::new();
    let setter = record.provenance.get(field).copied();
    for entry in entries.drain(..) {
        if notes(&entry)?.is_some_and(|notes| notes.contains_key(field)) || Some(entry.id) == setter {
            touching.push(entry);
        }
    }
    let mut shown = show_all(engine, viewer, &record.object, touching).await?;
    for entry in &mut shown {
        entry.changes.retain(|change| change.field == *field);
    }
    let set_by = setter.and_then(|setter| shown.iter().position(|entry| entry.entry == setter.to_string())).map(|at| shown.remove(at));
    let value = entente_model::value::get(&record.data, field).clone();
    let seer = viewer.clone();
    let known = engine.catalog();
    let value = engine.store().read(move |tx| Ok(Display::of(tx, &seer, &known, std::iter::once(&value))?.show(&value))).await?;
    Ok(Blame { record: id.to_string(), field: field.clone(), label: label(object, field), value, set_by, earlier: shown })
}
