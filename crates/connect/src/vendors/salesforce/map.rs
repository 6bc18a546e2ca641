//! Between Salesforce's records and flat rows.

use entente_model::actor::ChangeMark;
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteKind, Row};
use serde_json::{Map, Number, Value};

use super::describe::{Described, RECORD_TYPE};
use super::ids;
use super::wire::{Record, flag, member, text};
use crate::actors::Actors;
use crate::look::{Existence, Look};
use crate::transport::offset::Offset;

/// Characters of a datetime as Salesforce writes it in JSON (`2014-02-14T00:53:26.000+0000`).
const DATETIME_CHARS: usize = 28;

/// The same in SOAP (`2014-02-14T00:53:26.000Z`).
const SOAP_DATETIME_CHARS: usize = 24;

/// What a look needs beside the record.
pub(crate) struct Seeing<'a> {
    pub object: &'a str,
    pub described: &'a Described,
    pub actors: &'a Actors,
    pub ours: &'a str,
    pub offset: &'a Offset,
    pub seen_at: Timestamp,
}

impl Seeing<'_> {
    /// The change mark in a record.
    pub fn mark(&self, record: &Record) -> ChangeMark {
        let at = text(record, "LastModifiedDate").and_then(|at| parse_instant(&at)).map(|at| self.offset.correct(at));
        self.actors.mark(at, text(record, "LastModifiedById").as_deref(), self.ours)
    }

    /// A whole look at a record that was asked for `fields`. `None` when the record has no id.
    pub fn look(&self, record: &Record, fields: &[String]) -> Option<Look> {
        let id = ids::to_18(&text(record, "Id")?);
        let deleted = flag(record, "IsDeleted");
        let existence = match text(record, "MasterRecordId").filter(|_| deleted) {
            Some(master) => Existence::MergedInto(ids::to_18(&master)),
            None if deleted => Existence::Deleted,
            None => Existence::Present,
        };
        let row = if existence == Existence::Present { flatten(record, fields, self.described) } else { Row::new() };
        Some(Look {
            object: self.object.to_owned(),
            id,
            existence,
            row,
            complete: true,
            version: version(record),
            mark: self.mark(record),
            seen_at: self.seen_at,
        })
    }

    /// The look at a row that cannot be found.
    pub fn gone(&self, id: &str) -> Look {
        Look {
            object: self.object.to_owned(),
            id: ids::to_18(id),
            existence: Existence::Deleted,
            row: Row::new(),
            complete: true,
            version: None,
            mark: ChangeMark::default(),
            seen_at: self.seen_at,
        }
    }
}

/// The version of a record: its `SystemModstamp`, in our spelling.
pub(crate) fn version(record: &Record) -> Option<String> {
    let stamp = text(record, "SystemModstamp")?;
    Some(parse_instant(&stamp).map_or(stamp, |at| at.to_string()))
}

/// Reads an instant as Salesforce writes it.
pub(crate) fn parse_instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// A record's values by flat name. Parents that are missing give null.
pub(crate) fn flatten(record: &Record, fields: &[String], described: &Described) -> Row {
    fields.iter().map(|field| (field.clone(), value_at(record, field, described))).collect()
}

fn value_at(record: &Record, field: &str, described: &Described) -> Value {
    let mut parts = field.split('.');
    let first = parts.next().unwrap_or_default();
    let mut value = member(record, first);
    let mut nested = false;
    for part in parts {
        nested = true;
        value = value.and_then(Value::as_object).and_then(|parent| member(parent, part));
    }
    let value = value.cloned().unwrap_or(Value::Null);
    let kind = if nested { None } else { described.kind(field) };
    convert(value, kind)
}

/// One value, from the vendor's form to ours. Without a kind (parents' fields), only what cannot be mistaken is converted.
pub(crate) fn convert(value: Value, kind: Option<RemoteKind>) -> Value {
    match (value, kind) {
        (Value::String(text), Some(RemoteKind::MultiPicklist)) => {
            text.split(';').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect()
        }
        (Value::String(text), Some(RemoteKind::Datetime)) => instant(text),
        // Over SOAP every value is a text.
        (Value::String(text), Some(RemoteKind::Boolean)) => Value::from(text == "true" || text == "1"),
        (Value::String(text), Some(RemoteKind::Number)) => {
            serde_json::from_str::<Number>(&text).map_or_else(|_| Value::from(text), Value::Number)
        }
        (Value::String(text), None) if text.len() == DATETIME_CHARS && text.ends_with("+0000") => instant(text),
        (Value::String(text), None) if text.len() == SOAP_DATETIME_CHARS && text.ends_with('Z') && text.contains('T') => instant(text),
        (Value::String(text), Some(RemoteKind::LongText)) if text.contains('\r') => Value::from(text.replace("\r\n", "\n")),
        (Value::String(text), Some(RemoteKind::Reference)) => Value::from(ids::to_18(&text)),
        (Value::Object(mut nested), _) => {
            nested.remove("attributes");
            Value::Object(nested)
        }
        (value, _) => value,
    }
}

fn instant(text: String) -> Value {
    match parse_instant(&text) {
        Some(at) => Value::from(at.to_string()),
        None => Value::from(text),
    }
}

/// A record to send, from flat values. The row's own id is left to the caller; a dotted name sets a parent by that field of it,
/// which must be an external id there, and a dotted null empties the reference itself.
pub(crate) fn unflatten(row: &Row, described: &Described) -> Record {
    let mut record = Map::new();
    for (field, value) in row {
        if field.eq_ignore_ascii_case("Id") || described.stands_for_the_currency(field) {
            continue;
        }
        if field.eq_ignore_ascii_case(RECORD_TYPE)
            && let Some(id) = value.as_str().and_then(|name| described.record_type(name))
        {
            record.insert("RecordTypeId".to_owned(), Value::from(id));
            continue;
        }
        match field.split_once('.') {
            Some((parent, _)) if value.is_null() => {
                let reference = described.reference(parent).map_or_else(|| format!("{parent}Id"), str::to_owned);
                record.insert(reference, Value::Null);
            }
            Some((parent, inner)) => {
                record.insert(parent.to_owned(), Value::Object(Map::from_iter([(inner.to_owned(), value.clone())])));
            }
            None => {
                record.insert(field.clone(), revert(value, described.kind(field)));
            }
        }
    }
    record
}

/// One value, from our form to the vendor's.
fn revert(value: &Value, kind: Option<RemoteKind>) -> Value {
    match (value, kind) {
        (Value::Array(items), _) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            if items.is_empty() { Value::Null } else { Value::from(items.join(";")) }
        }
        // A checkbox cannot be empty.
        (Value::Null, Some(RemoteKind::Boolean)) => Value::from(false),
        (Value::String(text), Some(RemoteKind::Number)) => decimal(text),
        (Value::Object(_), Some(RemoteKind::Text | RemoteKind::LongText)) => Value::from(value.to_string()),
        _ => value.clone(),
    }
}

/// A decimal text as a JSON number, if that loses nothing; else as it is, and the vendor reads the text.
fn decimal(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::from(whole);
    }
    let exact = text.parse::<f64>().ok().filter(|number| {
        let shown = number.to_string();
        shown == text || text.trim_end_matches('0').trim_end_matches('.') == shown
    });
    exact.and_then(Number::from_f64).map_or_else(|| Value::from(text), Value::Number)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use entente_model::actor::Actor;
    use serde_json::json;

    use super::*;
    use crate::vendors::salesforce::wire::DescribeAnswer;

    fn contact() -> Described {
        let answer: DescribeAnswer = serde_json::from_value(json!({"name": "Contact", "fields": [
            {"name": "Id", "type": "id"},
            {"name": "SystemModstamp", "type": "datetime"},
            {"name": "LastModifiedDate", "type": "datetime"},
            {"name": "LastModifiedById", "type": "reference"},
            {"name": "IsDeleted", "type": "boolean"},
            {"name": "MasterRecordId", "type": "reference"},
            {"name": "Email", "type": "email"},
            {"name": "Name", "type": "string", "nameField": true},
            {"name": "AccountId", "type": "reference", "relationshipName": "Account", "referenceTo": ["Account"]},
            {"name": "Interests__c", "type": "multipicklist"},
            {"name": "Score__c", "type": "double"},
            {"name": "HasOptedOutOfEmail", "type": "boolean"},
            {"name": "Description", "type": "textarea"},
            {"name": "Met__c", "type": "datetime"}
        ]}))
        .expect("describe");
        Described::new(answer)
    }

    fn record(value: Value) -> Record {
        value.as_object().cloned().expect("object")
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_record_becomes_a_flat_row() {
        let record = record(json!({
            "attributes": {"type": "Contact"}, "Id": "003R0000005hDFYIA2", "Email": "ada@example.com", "Score__c": 12.5,
            "Interests__c": "chess;engines", "HasOptedOutOfEmail": false, "Description": "one\r\ntwo",
            "Met__c": "2014-02-14T00:53:26.000+0000",
            "Account": {"attributes": {"type": "Account"}, "Name": "Acme", "CreatedDate": "2014-02-14T00:53:26.000+0000"},
            "Owner": null
        }));
        let fields = names(&[
            "email",
            "Score__c",
            "Interests__c",
            "HasOptedOutOfEmail",
            "Description",
            "Met__c",
            "Account.Name",
            "Account.CreatedDate",
            "Owner.Email",
            "Phone",
        ]);
        let row = flatten(&record, &fields, &contact());
        assert_eq!(
            Value::Object(row),
            json!({
                "email": "ada@example.com", "Score__c": 12.5, "Interests__c": ["chess", "engines"], "HasOptedOutOfEmail": false,
                "Description": "one\ntwo", "Met__c": "2014-02-14T00:53:26Z", "Account.Name": "Acme",
                "Account.CreatedDate": "2014-02-14T00:53:26Z", "Owner.Email": null, "Phone": null
            })
        );
    }

    #[test]
    fn a_row_becomes_a_record() {
        let row = record(json!({
            "Id": "ignored", "Interests__c": ["chess", "engines"], "Score__c": "12.50", "HasOptedOutOfEmail": null,
            "Account.Entente_Id__c": "acc_1", "Email": null, "Met__c": "2014-02-14T00:53:26Z"
        }));
        assert_eq!(
            Value::Object(unflatten(&row, &contact())),
            json!({
                "Interests__c": "chess;engines", "Score__c": 12.5, "HasOptedOutOfEmail": false, "Account": {"Entente_Id__c": "acc_1"},
                "Email": null, "Met__c": "2014-02-14T00:53:26Z"
            })
        );
        let orphan = record(json!({"Account.Entente_Id__c": null}));
        assert_eq!(Value::Object(unflatten(&orphan, &contact())), json!({"AccountId": null}));
    }

    #[test]
    fn amounts_beyond_a_float_stay_exact() {
        assert_eq!(decimal("7"), json!(7));
        assert_eq!(decimal("0.10"), json!(0.1));
        assert_eq!(decimal("1234567890123456.78"), json!("1234567890123456.78"));
    }

    #[test]
    fn merged_rows_name_their_master_and_users_their_kind() {
        let setting = BTreeMap::from([("self_service".to_owned(), vec!["005R0000005hDFY".to_owned()])]);
        let actors = Actors::new(&setting, ids::to_18);
        let described = contact();
        let offset = Offset::default();
        let seeing = Seeing {
            object: "Contact",
            described: &described,
            actors: &actors,
            ours: "005R0000000OURSIA2",
            offset: &offset,
            seen_at: "2026-01-01T00:00:00Z".parse().expect("instant"),
        };
        let gone = record(json!({
            "Id": "003R0000005hDFY", "IsDeleted": true, "MasterRecordId": "003R0000005hDFZ", "SystemModstamp": "2026-01-01T00:00:00.000+0000",
            "LastModifiedDate": "2026-01-01T00:00:00.000+0000", "LastModifiedById": "005R0000005hDFYIA2", "Email": "ada@example.com"
        }));
        let look = seeing.look(&gone, &names(&["Email"])).expect("look");
        assert_eq!(look.existence, Existence::MergedInto(ids::to_18("003R0000005hDFZ")));
        assert!(look.row.is_empty());
        assert_eq!(look.mark.by, Actor::Customer);
        assert_eq!(look.version.as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(actors.of(Some("005R0000000OURSIA2"), "005R0000000OURSIA2"), Actor::Us);
        assert_eq!(actors.of(Some("005R0000000OTHRIA2"), "005R0000000OURSIA2"), Actor::Unknown, "nobody told yet");
        actors.learn(BTreeMap::from([(ids::to_18("005R0000000OTHRIA2"), Actor::Sales)]));
        assert_eq!(actors.of(Some("005R0000000OTHRIA2"), "005R0000000OURSIA2"), Actor::Sales);
        assert_eq!(actors.of(None, "005R0000000OURSIA2"), Actor::Unknown);
    }
}
