//! Reading records, and the three kinds of work that wait for a person: conflicts, match reviews and dead letters. The answers here
//! are what the HTTP API, the CLI and the web app show; every function takes the viewer on whose behalf it looks.

pub mod as_of;
pub mod conflicts;
pub mod dead_letters;
pub mod detail;
pub mod history;
pub mod holds;
pub mod list;
pub(crate) mod overrule;
pub mod reviews;
pub mod undo;
pub mod unmerge;

use std::collections::{BTreeMap, BTreeSet};

use entente_model::id::RecordId;
use entente_model::object::{Field, FieldType, Object};
use entente_model::value::{Fields, Value, get};
use entente_store::{Record, Tx, Viewer};

use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::words;

/// Rows of a list when the caller does not say.
pub const PAGE: usize = 50;

/// Records that are listed for somebody whose words fit several.
const CANDIDATES: usize = 8;

/// What a person calls a record: its title fields, else its id.
#[must_use]
pub fn title(object: Option<&Object>, id: &RecordId, data: &Fields) -> String {
    let parts =
        object.into_iter().flat_map(|object| &object.title).map(|key| get(data, key)).filter(|value| !value.is_blank()).map(Value::display);
    let text = parts.collect::<Vec<_>>().join(" ");
    if text.trim().is_empty() { id.to_string() } else { text }
}

/// What a person calls a field.
#[must_use]
pub fn label(object: Option<&Object>, key: &str) -> String {
    object.and_then(|object| object.field(key)).map_or_else(|| key.to_owned(), |field| field.label.clone())
}

/// The name of a field's type, as metadata has it.
pub(crate) fn kind(field: &Field) -> String {
    serde_json::to_value(&field.kind).ok().and_then(|value| value["type"].as_str().map(str::to_owned)).unwrap_or_default()
}

/// How values are shown: references by the title of what they point to. `None` for no value.
pub(crate) struct Display {
    titles: BTreeMap<RecordId, String>,
}

impl Display {
    /// Reads the titles of all records that the values point to.
    pub(crate) fn of<'a>(
        tx: &mut Tx<'_>,
        viewer: &Viewer,
        catalog: &Catalog,
        values: impl Iterator<Item = &'a Value>,
    ) -> entente_store::Result<Self> {
        let mut ids: Vec<RecordId> = values.filter_map(|value| if let Value::Ref(id) = value { Some(id.clone()) } else { None }).collect();
        ids.sort();
        ids.dedup();
        let records = tx.records(viewer, &ids)?;
        Ok(Self { titles: titles(catalog, &records) })
    }

    /// One value as a person reads it.
    pub(crate) fn show(&self, value: &Value) -> Option<String> {
        if value.is_blank() {
            return None;
        }
        Some(match value {
            Value::Ref(id) => self.titles.get(id).cloned().unwrap_or_else(|| id.to_string()),
            other => other.display(),
        })
    }
}

/// Titles of records, by id.
pub(crate) fn titles(catalog: &Catalog, records: &BTreeMap<RecordId, Record>) -> BTreeMap<RecordId, String> {
    records.iter().map(|(id, record)| (id.clone(), title(catalog.object(&record.object), id, &record.data))).collect()
}

/// Reads a record id that a person gave.
pub(crate) fn parse_id(text: &str) -> Result<RecordId> {
    text.parse().map_err(|error: entente_model::id::IdError| EngineError::Invalid {
        field: "id".to_owned(),
        reason: error.to_string(),
        remedy: "take the id from a list or a search".to_owned(),
    })
}

/// The refusal for a record that is not there.
pub(crate) fn no_record(id: &RecordId) -> EngineError {
    EngineError::Unknown { what: "record", name: id.to_string(), remedy: "take the id from a list or a search".to_owned() }
}

/// The refusal for an object that is not there.
pub(crate) fn no_object(catalog: &Catalog, name: &str) -> EngineError {
    let remedy = words::remedy(name, catalog.objects().map(|object| object.key.as_str()));
    EngineError::Unknown { what: "object", name: name.to_owned(), remedy }
}

/// Finds the record that a person means: by its id, by an external id at a connection (`zendesk/123` or `zendesk/user/123`), or by a
/// search that finds exactly one.
///
/// # Errors
/// When nothing or more than one record fits.
pub async fn find(engine: &Engine, viewer: &Viewer, text: &str) -> Result<RecordId> {
    if text.trim().is_empty() {
        // Words that are none fit every record, and so the only one there may be.
        let remedy = "give its id, a connection and external id such as zendesk/123, or words that fit it alone".to_owned();
        return Err(EngineError::Invalid { field: "record".to_owned(), reason: "no record is named".to_owned(), remedy });
    }
    if let Ok(id) = text.parse::<RecordId>() {
        return Ok(id);
    }
    if let Some(id) = by_external_id(engine, text).await? {
        return Ok(id);
    }
    let query = list::ListQuery { q: Some(text.to_owned()), limit: Some(CANDIDATES + 1), ..list::ListQuery::default() };
    let found = list::list(engine, viewer, query).await?.items;
    let remedy = || "give the record's id, a connection and external id such as zendesk/123, or words that fit one record only".to_owned();
    match found.as_slice() {
        [one] => parse_id(&one.id),
        [] => Err(EngineError::Unknown { what: "record", name: text.to_owned(), remedy: remedy() }),
        several => {
            let listed = several.iter().take(CANDIDATES).map(|one| format!("{} ({}, {})", one.title, one.object, one.id));
            let more = if several.len() > CANDIDATES { " and others" } else { "" };
            Err(EngineError::Invalid {
                field: "record".to_owned(),
                reason: format!("more than one record fits `{text}`: {}{more}", listed.collect::<Vec<_>>().join(", ")),
                remedy: remedy(),
            })
        }
    }
}

async fn by_external_id(engine: &Engine, text: &str) -> Result<Option<RecordId>> {
    let Some((connection, rest)) = text.split_once('/') else { return Ok(None) };
    if !engine.connections().contains_key(connection) {
        return Ok(None);
    }
    let keys: Vec<entente_store::RemoteKey> = match rest.split_once('/') {
        Some((object, id)) => vec![entente_store::RemoteKey::new(connection, object, id)],
        None => engine
            .catalog()
            .reads(connection)
            .into_iter()
            .map(|(object, _)| entente_store::RemoteKey::new(connection, object, rest))
            .collect(),
    };
    let links = engine.store().read(move |tx| tx.links_at(&keys)).await?;
    let named: BTreeMap<String, RecordId> =
        links.into_values().map(|link| (format!("{}/{}/{}", link.connection, link.remote_object, link.external_id), link.record)).collect();
    let records: BTreeSet<&RecordId> = named.values().collect();
    if records.len() > 1 {
        // Platforms number each object by itself.
        let rows: Vec<&str> = named.keys().map(String::as_str).collect();
        return Err(EngineError::Invalid {
            field: "record".to_owned(),
            reason: format!("more than one record fits `{text}`: {}", rows.join(", ")),
            remedy: format!("name the object too, as in {}", rows.first().unwrap_or(&"zendesk/user/123")),
        });
    }
    Ok(named.into_values().next())
}

/// Reads a value that a program or a person gave for a field: a text as people write it, the typed form, or null. `input` is the name of
/// what it was given in, for the refusal.
pub(crate) fn given_value(catalog: &Catalog, object: &str, field: &str, input: &str, given: &serde_json::Value) -> Result<Value> {
    let invalid = |reason: String, remedy: &str| EngineError::Invalid { field: input.to_owned(), reason, remedy: remedy.to_owned() };
    match given {
        serde_json::Value::Null => Ok(Value::Null),
        serde_json::Value::String(text) => match catalog.object(object).and_then(|object| object.field(field)) {
            Some(known) => parse_value(&known.kind, text).map_err(|reason| invalid(reason, "write the value in that form")),
            None => Ok(Value::text(text)),
        },
        typed => serde_json::from_value(typed.clone())
            .map_err(|error| invalid(error.to_string(), "use a text, or the typed form such as {\"text\": \"Ada\"}")),
    }
}

/// Refuses to blank a field that a mapping needs: every write of the record to that platform would fail from then on.
pub(crate) fn must_not_be_blank(engine: &Engine, catalog: &Catalog, object: &str, field: &str, input: &str, value: &Value) -> Result<()> {
    let needs = |name: &&String| {
        let mapped = catalog.mapped(name, object);
        mapped.is_some_and(|mapped| mapped.mapping().fields.iter().any(|line| line.field == field && line.required))
    };
    let at: Vec<&str> = engine.connections().keys().filter(needs).map(String::as_str).collect();
    // No is an answer, though it counts as blank where values are compared.
    if !value.is_blank() || matches!(value, Value::Bool(_)) || at.is_empty() {
        return Ok(());
    }
    let reason = format!("{} must have a value at {}", label(catalog.object(object), field), at.join(" and "));
    Err(EngineError::Invalid { field: input.to_owned(), reason, remedy: "name a value that is not blank".to_owned() })
}

/// An amount without the commas between its thousands, where they stand nowhere else.
fn ungrouped(amount: &str) -> String {
    let whole = amount.split('.').next().unwrap_or_default().trim_start_matches('-');
    let mut groups = whole.split(',');
    let is_first = |group: &str| (1..=3).contains(&group.len());
    if groups.next().is_some_and(is_first) && groups.all(|group| group.len() == 3) { amount.replace(',', "") } else { amount.to_owned() }
}

/// Whether a field type's values are shown as they are typed in, for inputs that a person fills.
pub(crate) fn parse_value(kind: &FieldType, text: &str) -> std::result::Result<Value, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let wrong = |expected: &str| format!("expected {expected}");
    Ok(match kind {
        FieldType::Number { .. } => Value::Number(text.parse().map_err(|_| wrong("a number such as 12.5"))?),
        FieldType::Money { currency } => {
            let (amount, code) = text.split_once(' ').unwrap_or((text, currency));
            Value::Money { amount: ungrouped(amount).parse().map_err(|_| wrong("an amount such as 12.50 USD"))?, currency: code.to_owned() }
        }
        FieldType::Date => Value::Date(text.parse().map_err(|_| wrong("a day such as 2026-01-31"))?),
        FieldType::Datetime => Value::DateTime(text.parse().map_err(|_| wrong("an instant such as 2026-01-31T12:00:00Z"))?),
        FieldType::Boolean => Value::Bool(text.parse().map_err(|_| wrong("true or false"))?),
        FieldType::MultiPicklist { .. } => {
            Value::Set(text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect())
        }
        FieldType::Reference { .. } => Value::Ref(text.parse().map_err(|_| wrong("the id of a record"))?),
        FieldType::Json => Value::Json(serde_json::from_str(text).map_err(|_| wrong("JSON"))?),
        FieldType::Text | FieldType::LongText | FieldType::Email | FieldType::Phone | FieldType::Url | FieldType::Picklist { .. } => {
            Value::text(text)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_with_commas_between_its_thousands_and_with_none_elsewhere() {
        let read = |text: &str| parse_value(&FieldType::Money { currency: "USD".to_owned() }, text).map(|value| value.display());
        assert_eq!(read("1,026,000 EUR").unwrap(), "1026000 EUR");
        assert_eq!(read("-1,234.50").unwrap(), "-1234.5 USD");
        assert_eq!(read("1026000").unwrap(), "1026000 USD");
        for wrong in ["1,5", "1,0260", ",100", "1,,000", "12,34,567"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
