//! One record with everything that is known of it: values, where each came from, counterparts, conflicts.

use std::collections::BTreeMap;

use entente_model::mapping::Owner;
use entente_model::object::Object;
use entente_model::value::{Value, get};
use entente_store::{Entry, EntryId, Record, ReviewState, Viewer};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::conflicts::Conflict;
use super::history::{actor, notes};
use super::{Display, kind, no_record, parse_id, title};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordField {
    /// Field.
    pub key: String,
    /// What people call it.
    pub label: String,
    /// Type: `text`, `email`, `number`, `reference`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The value as people read it; none for no value.
    pub value: Option<String>,
    /// The value as programs read it, with its type: `{"text": "Ada"}`.
    #[schema(value_type = Value)]
    pub raw: serde_json::Value,
    /// Source of truth: `crm`, `support`, `shared`, or `native` for Entente itself.
    pub owner: String,
    /// When it was set.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub set_at: Option<Timestamp>,
    /// The kind of hand that set it.
    pub set_by: Option<String>,
    /// The side it came from.
    pub from: Option<String>,
    /// The rule that decided.
    pub reason: Option<String>,
    /// The ledger entry that set it.
    pub entry: Option<String>,
}

/// A counterpart of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordLinkDetail {
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub remote_object: String,
    /// External id.
    pub external_id: String,
    /// `present`, `deleted` or `merged`.
    pub state: String,
    /// When it was last seen.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen_at: Option<Timestamp>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordDetail {
    /// Record id.
    pub id: String,
    /// Object.
    pub object: String,
    /// What people call it.
    pub title: String,
    /// `active`, `deleted`, `merged` or `erased`.
    pub state: String,
    /// The record it was merged into.
    pub merged_into: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Its fields, in the order people see them.
    pub fields: Vec<RecordField>,
    /// Its counterparts.
    pub links: Vec<RecordLinkDetail>,
    /// Conflicts that wait for a person.
    pub conflicts: Vec<Conflict>,
    /// Ids of match reviews that ask about it and wait for a person.
    pub reviews: Vec<String>,
    /// Whether work on it is waiting or under way.
    pub in_flight: bool,
}

/// One record with its provenance.
///
/// # Errors
/// When the record does not exist or the store fails.
pub async fn get_record(engine: &Engine, viewer: &Viewer, id: &str) -> Result<RecordDetail> {
    let id = parse_id(id)?;
    let (seer, wanted, catalog) = (viewer.clone(), id.clone(), engine.catalog());
    let found = engine
        .store()
        .read(move |tx| {
            let Some(record) = tx.record(&seer, &wanted)? else { return Ok(None) };
            let mut entries: BTreeMap<EntryId, Entry> = BTreeMap::new();
            for entry in record.provenance.values() {
                if !entries.contains_key(entry)
                    && let Some(found) = tx.entry(&seer, *entry)?
                {
                    entries.insert(*entry, found);
                }
            }
            let links = tx.links_of(std::slice::from_ref(&wanted))?;
            let in_flight = tx.hint_of(wanted.as_str())?.is_some();
            let reviews = tx.reviews_of(&[wanted.to_string()])?.into_iter().filter(|review| review.state == ReviewState::Waiting);
            let reviews: Vec<String> = reviews.map(|review| review.id.to_string()).collect();
            let display = Display::of(tx, &seer, &catalog, record.data.values())?;
            Ok(Some((record, entries, links, reviews, in_flight, display)))
        })
        .await?;
    let Some((record, entries, links, reviews, in_flight, display)) = found else { return Err(no_record(&id)) };
    let catalog = engine.catalog();
    let object = catalog.object(&record.object);
    let links = links.into_iter().map(|link| RecordLinkDetail {
        connection: link.connection,
        remote_object: link.remote_object,
        external_id: link.external_id,
        state: link.state.to_string(),
        seen_at: link.seen_at,
    });
    Ok(RecordDetail {
        title: title(object, &id, &record.data),
        fields: fields(&catalog, object, &record, &entries, &display)?,
        links: links.collect(),
        conflicts: super::conflicts::of_record(engine, viewer, &id).await?,
        reviews,
        in_flight,
        id: id.to_string(),
        state: record.state.to_string(),
        merged_into: record.merged_into.map(|id| id.to_string()),
        created_at: record.created_at,
        updated_at: record.updated_at,
        object: record.object,
    })
}

fn fields(
    catalog: &Catalog,
    object: Option<&Object>,
    record: &Record,
    entries: &BTreeMap<EntryId, Entry>,
    display: &Display,
) -> Result<Vec<RecordField>> {
    let mut noted = BTreeMap::new();
    for (id, entry) in entries {
        noted.insert(*id, notes(entry)?.unwrap_or_default());
    }
    let known = object.into_iter().flat_map(|object| &object.fields).map(|field| (field.key.as_str(), field.label.clone(), kind(field)));
    // A field that metadata no longer has keeps its value; it is shown under its key.
    let strays = record
        .data
        .keys()
        .filter(|key| object.is_none_or(|object| object.field(key).is_none()))
        .map(|key| (key.as_str(), key.clone(), String::new()));
    let mut fields = Vec::new();
    for (key, label, kind) in known.chain(strays) {
        let value = get(&record.data, key);
        let entry = record.provenance.get(key).and_then(|id| entries.get(id));
        let note = entry.and_then(|entry| noted.get(&entry.id)).and_then(|notes| notes.get(key));
        let owner = catalog.policy(&record.object).iter().find(|policy| policy.field == key).map_or(Owner::Native, |policy| policy.owner);
        let hand =
            note.map(|note| note.mark.by).filter(|by| *by != entente_model::actor::Actor::Unknown).or(entry.map(|entry| entry.actor));
        fields.push(RecordField {
            key: key.to_owned(),
            label,
            kind,
            value: display.show(value),
            raw: raw(value),
            owner: owner_name(owner),
            set_at: note.and_then(|note| note.mark.at).or(entry.map(|entry| entry.at)),
            set_by: hand.map(actor),
            from: note.and_then(|note| note.from.clone()).or_else(|| entry.and_then(|entry| entry.connection.clone())),
            reason: note.and_then(|note| note.reason.clone()),
            entry: entry.map(|entry| entry.id.to_string()),
        });
    }
    Ok(fields)
}

pub(crate) fn owner_name(owner: Owner) -> String {
    serde_json::to_value(owner).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(crate) fn raw(value: &Value) -> serde_json::Value {
    if value.is_blank() { serde_json::Value::Null } else { serde_json::to_value(value).unwrap_or_default() }
}
