//! Everything that is held about a person, for the person: every value with its source and its history, in a form that programs read.

use std::collections::BTreeMap;

use entente_model::id::RecordId;
use entente_model::value::{Fields, get};
use entente_store::{Changes, Entry, EntryId, Link, PAGE_ROWS_MAX, Record, RecordState, StoreError, Tx, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::person::{Who, find, gather};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::detail::raw;
use crate::records::history::actor;
use crate::records::{label, title};

/// Whose data to export.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// The person: a record's id, a connection and external id, the whole name, or an e-mail address or phone number.
    pub who: String,
}

/// Everything about a person.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PersonExport {
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub exported_at: Timestamp,
    /// The person's record.
    pub person: String,
    /// The person's own records first, then those about them.
    pub records: Vec<RecordExport>,
    /// What others' records say of the person, in words: which record, which fields.
    pub named_elsewhere: Vec<String>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordExport {
    /// Record id.
    pub id: String,
    /// Object.
    pub object: String,
    /// What people call it.
    pub title: String,
    /// `active`, `deleted` or `merged`.
    pub state: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Its values.
    pub values: Vec<ValueExport>,
    /// Its counterparts, with what each holds.
    pub counterparts: Vec<CounterpartExport>,
    /// Everything that happened to it, oldest first.
    pub history: Vec<HistoryExport>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ValueExport {
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// As people read it.
    pub text: String,
    /// As programs read it, with its type.
    #[schema(value_type = Value)]
    pub value: serde_json::Value,
    /// The side that it came from.
    pub source: Option<String>,
    /// When it was set.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub set_at: Option<Timestamp>,
    /// The kind of hand that set it.
    pub set_by: Option<String>,
    /// The ledger entry that set it.
    pub entry: Option<String>,
}

/// A counterpart at a platform.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CounterpartExport {
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub object: String,
    /// External id.
    pub id: String,
    /// `present`, `deleted` or `merged`.
    pub state: String,
    /// What it holds, as far as it is known here, by field.
    #[schema(value_type = Object)]
    pub values: BTreeMap<String, serde_json::Value>,
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HistoryExport {
    /// Number of the entry.
    pub entry: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The kind of hand behind it.
    pub by: String,
    /// Name of the user, connection or flow.
    pub name: String,
    /// Why.
    pub cause: String,
    /// What happened beyond values.
    pub detail: String,
    /// The values that changed.
    pub changes: Vec<ChangeExport>,
}

/// One change of a value.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChangeExport {
    /// Field.
    pub field: String,
    /// The value before.
    #[schema(value_type = Value)]
    pub before: serde_json::Value,
    /// The value after.
    #[schema(value_type = Value)]
    pub after: serde_json::Value,
    /// The side that it came from.
    pub source: Option<String>,
    /// Values of other sides that it replaced.
    #[schema(value_type = Vec<Value>)]
    pub replaced: Vec<serde_json::Value>,
}

/// Exports everything about a person.
///
/// # Errors
/// When nobody or more than one person is meant, the person was erased, or the store fails.
pub async fn export(engine: &Engine, viewer: &Viewer, who: &str) -> Result<PersonExport> {
    let who = match find(engine, viewer, who).await? {
        who @ Who::Record(_) => who,
        Who::Email(text) | Who::Phone(text) => {
            return Err(EngineError::Unknown {
                what: "person",
                name: text,
                remedy: "nothing is held about them here; check the spelling".to_owned(),
            });
        }
    };
    let (catalog, now, seer) = (engine.catalog(), engine.now(), viewer.clone());
    let made = engine.store().read(move |tx| {
        let person = gather(tx, &catalog, &who)?;
        let Some(id) = person.record.clone() else { return Ok(None) };
        if let Some(erased) = person.records.iter().find(|record| record.id == id && record.state == RecordState::Erased) {
            return Err(StoreError::Erased { subject: erased.id.to_string() });
        }
        let mut links: BTreeMap<RecordId, Vec<Link>> = BTreeMap::new();
        for link in person.links {
            links.entry(link.record.clone()).or_default().push(link);
        }
        let mut records = Vec::with_capacity(person.records.len());
        for record in &person.records {
            records.push(of_record(tx, &seer, &catalog, record, links.remove(&record.id).unwrap_or_default())?);
        }
        Ok(Some(PersonExport { exported_at: now, person: id.to_string(), records, named_elsewhere: person.elsewhere }))
    });
    made.await?.ok_or_else(|| EngineError::Unknown {
        what: "person",
        name: "of this record".to_owned(),
        remedy: "take the id from a list or a search".to_owned(),
    })
}

fn of_record(tx: &mut Tx<'_>, viewer: &Viewer, catalog: &Catalog, record: &Record, links: Vec<Link>) -> Result<RecordExport, StoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let page = tx.history(viewer, &record.id, PAGE_ROWS_MAX, entries.last().map(|entry| entry.id))?;
        let is_last = page.len() < PAGE_ROWS_MAX;
        entries.extend(page);
        if is_last {
            break;
        }
    }
    entries.reverse();
    let by_number: BTreeMap<EntryId, &Entry> = entries.iter().map(|entry| (entry.id, entry)).collect();
    let object = catalog.object(&record.object);
    let values = record.data.iter().filter(|(_, value)| !value.is_blank()).map(|(field, value)| {
        let entry = record.provenance.get(field).and_then(|number| by_number.get(number));
        let change = entry.and_then(|entry| if let Changes::Open(changes) = &entry.changes { changes.get(field) } else { None });
        ValueExport {
            field: field.clone(),
            label: label(object, field),
            text: value.display(),
            value: raw(value),
            source: change.and_then(|change| change.from.clone()),
            set_at: change.and_then(|change| change.mark.at).or(entry.map(|entry| entry.at)),
            set_by: change.map(|change| actor(change.mark.by)),
            entry: entry.map(|entry| entry.id.to_string()),
        }
    });
    Ok(RecordExport {
        id: record.id.to_string(),
        object: record.object.clone(),
        title: title(object, &record.id, &record.data),
        state: record.state.to_string(),
        created_at: record.created_at,
        values: values.collect(),
        counterparts: links.into_iter().map(counterpart).collect(),
        history: entries.iter().map(told).collect(),
    })
}

fn counterpart(link: Link) -> CounterpartExport {
    let mut held: Fields = link.base;
    held.extend(link.seen.unwrap_or_default());
    CounterpartExport {
        connection: link.connection,
        object: link.remote_object,
        id: link.external_id,
        state: link.state.to_string(),
        values: held.keys().filter(|field| !get(&held, field).is_blank()).map(|field| (field.clone(), raw(get(&held, field)))).collect(),
    }
}

fn told(entry: &Entry) -> HistoryExport {
    let changes = match &entry.changes {
        Changes::Open(changes) => changes
            .iter()
            .map(|(field, change)| ChangeExport {
                field: field.clone(),
                before: raw(&change.before),
                after: raw(&change.after),
                source: change.from.clone(),
                replaced: change.lost.iter().map(|lost| raw(&lost.value)).collect(),
            })
            .collect(),
        _ => Vec::new(),
    };
    HistoryExport {
        entry: entry.id.to_string(),
        at: entry.at,
        by: actor(entry.actor),
        name: entry.actor_name.clone(),
        cause: entry.cause.clone(),
        detail: entry.detail.clone(),
        changes,
    }
}
