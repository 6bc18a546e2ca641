//! The Avro schema of an object's change events, as the subscribing user sees the object.

use serde_json::{Value, json};

use super::super::id::SfId;
use super::super::org::Org;
use super::super::schema::{FieldType, Source};

/// Parts of a person's name, in the order of the event.
const NAME_PARTS: [&str; 3] = ["Salutation", "FirstName", "LastName"];

/// Parts of an address, in the order of the event.
const ADDRESS_PARTS: [&str; 5] = ["Street", "City", "State", "PostalCode", "Country"];

/// Fields of an event that every row has.
const SYSTEM: [&str; 4] = ["CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"];

/// Fields of the calendar's events that change events do not have: the vendor's examples of them show the others alone.
const UNTOLD: [&str; 4] = ["StartDateTime", "EndDateTime", "EventSubtype", "IsArchived"];

/// One field of an event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Carried {
    pub name: String,
    pub kind: Kind,
}

/// How a field travels.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Plain(FieldType),
    /// A record of parts: the part's name there, and the field it stands for.
    Compound(Vec<(String, String)>),
}

/// The fields of an object's events, the header left out.
pub(super) fn carried(org: &mut Org, table: usize, user: SfId) -> Vec<Carried> {
    let hidden = org.hidden(user, table);
    let t = &org.tables[table];
    let has = |name: &str| t.slot(name).is_some_and(|slot| !hidden.contains(&slot));
    let is_person = has("FirstName") && has("LastName");
    let mut fields = Vec::new();
    if is_person {
        let parts = NAME_PARTS.iter().filter(|part| has(part)).map(|part| ((*part).to_owned(), (*part).to_owned())).collect();
        fields.push(Carried { name: "Name".to_owned(), kind: Kind::Compound(parts) });
    }
    for (slot, field) in t.fields().filter(|(slot, _)| !hidden.contains(slot)) {
        let name = &field.spec.name;
        if t.name == "Event" && UNTOLD.contains(&name.as_str()) {
            continue;
        }
        let plain = field.source == Source::Cell || SYSTEM.contains(&name.as_str());
        if field.source == Source::Address {
            let stem = name.trim_end_matches("Address");
            let parts = ADDRESS_PARTS.iter().filter(|part| has(&format!("{stem}{part}")));
            let parts = parts.map(|part| ((*part).to_owned(), format!("{stem}{part}"))).collect();
            fields.push(Carried { name: name.clone(), kind: Kind::Compound(parts) });
        } else if plain && !is_part(t, slot, is_person) && name != "MasterRecordId" {
            fields.push(Carried { name: name.clone(), kind: Kind::Plain(field.spec.kind) });
        }
    }
    fields
}

/// Whether a field travels within a compound.
fn is_part(t: &super::super::table::Table, slot: u16, is_person: bool) -> bool {
    let Some(field) = t.field(slot) else { return false };
    let name = field.spec.name.as_str();
    let of_name = is_person && (NAME_PARTS.contains(&name) || name == "Name");
    let stem = ADDRESS_PARTS.iter().find_map(|part| name.strip_suffix(part));
    of_name || stem.is_some_and(|stem| t.slot(&format!("{stem}Address")).is_some())
}

/// The schema, as Avro writes it.
pub(super) fn avro(object: &str, fields: &[Carried]) -> Value {
    let event = match object.strip_suffix("__c") {
        Some(custom) => format!("{custom}__ChangeEvent"),
        None => format!("{object}ChangeEvent"),
    };
    let texts = json!({"type": "array", "items": "string"});
    let header = json!({"type": "record", "name": "ChangeEventHeader", "fields": [
        {"name": "entityName", "type": "string"},
        {"name": "recordIds", "type": texts},
        {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": ["CREATE", "UPDATE", "DELETE", "UNDELETE",
            "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT"]}},
        {"name": "changeOrigin", "type": "string"},
        {"name": "transactionKey", "type": "string"},
        {"name": "sequenceNumber", "type": "int"},
        {"name": "commitTimestamp", "type": "long"},
        {"name": "commitNumber", "type": "long"},
        {"name": "commitUser", "type": "string"},
        {"name": "nulledFields", "type": texts},
        {"name": "diffFields", "type": texts},
        {"name": "changedFields", "type": texts}
    ]});
    let mut list = vec![json!({"name": "ChangeEventHeader", "type": header})];
    for field in fields {
        let kind = match &field.kind {
            Kind::Plain(kind) => plain(*kind),
            Kind::Compound(parts) => {
                let parts: Vec<Value> =
                    parts.iter().map(|(part, _)| json!({"name": part, "type": ["null", "string"], "default": null})).collect();
                json!({"type": "record", "name": format!("{}_{}", event.trim_end_matches("ChangeEvent"), field.name), "fields": parts})
            }
        };
        list.push(json!({"name": field.name, "type": ["null", kind], "default": null}));
    }
    json!({"type": "record", "name": event, "namespace": "com.sforce.eventbus", "fields": list})
}

fn plain(kind: FieldType) -> Value {
    match kind {
        FieldType::Boolean => json!("boolean"),
        FieldType::Int => json!("int"),
        FieldType::Double | FieldType::Currency | FieldType::Percent => json!("double"),
        FieldType::Datetime => json!("long"),
        FieldType::Date => json!({"type": "int", "logicalType": "date"}),
        _ => json!("string"),
    }
}
