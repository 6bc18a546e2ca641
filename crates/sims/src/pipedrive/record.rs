//! A row of a company, and how each version of the API shows it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fields::Field;
use super::kinds::{Kind, attributes};
use super::moment::{fine, iso, old};
use super::state::State;

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    /// Number, counted for each object by itself.
    pub(crate) number: u64,
    /// Id of leads.
    pub(crate) uuid: String,
    /// Attributes as the present version writes them.
    pub(crate) values: Map<String, Value>,
    /// Custom fields by code.
    pub(crate) custom: BTreeMap<String, Value>,
    pub(crate) added_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) deleted_ms: Option<i64>,
    /// Into which row it went.
    pub(crate) merged_into: Option<u64>,
    pub(crate) creator: u64,
}

impl Record {
    /// Its id in answers.
    pub(crate) fn id(&self) -> Value {
        if self.kind == Kind::Lead { json!(self.uuid) } else { json!(self.number) }
    }

    /// Its id as text.
    pub(crate) fn id_text(&self) -> String {
        if self.kind == Kind::Lead { self.uuid.clone() } else { self.number.to_string() }
    }

    pub(crate) fn get(&self, name: &str) -> &Value {
        self.values.get(name).unwrap_or(&Value::Null)
    }

    pub(crate) fn refers(&self, name: &str) -> Option<u64> {
        self.get(name).as_u64()
    }

    pub(crate) fn is_archived(&self) -> bool {
        self.get("is_archived") == true
    }
}

/// `Ada King Lovelace` → (`Ada King`, `Lovelace`).
fn split_name(name: &str) -> (Value, Value) {
    match name.trim().rsplit_once(' ') {
        Some((first, last)) => (json!(first.trim()), json!(last)),
        None => (json!(name.trim()), Value::Null),
    }
}

impl State {
    /// A row as the present version shows it.
    pub(crate) fn shown(&self, record: &Record) -> Value {
        let mut row = Map::new();
        row.insert("id".to_owned(), record.id());
        let sync = super::kinds::CONTACT_SYNC;
        for attribute in attributes(record.kind) {
            if record.kind == Kind::Person && sync.contains(&attribute.name) && !self.options.contact_sync {
                continue;
            }
            // Shown on request alone, or under other names.
            if !matches!(attribute.name, "attendees" | "add_time") {
                row.insert(attribute.name.to_owned(), record.get(attribute.name).clone());
            }
        }
        row.insert("add_time".to_owned(), json!(iso(record.added_ms)));
        row.insert("update_time".to_owned(), json!(iso(record.updated_ms)));
        row.insert("is_deleted".to_owned(), json!(record.deleted_ms.is_some()));
        match record.kind {
            Kind::Person => {
                let (first, last) = split_name(record.get("name").as_str().unwrap_or_default());
                row.insert("first_name".to_owned(), first);
                row.insert("last_name".to_owned(), last);
                row.insert("picture_id".to_owned(), Value::Null);
            }
            Kind::Deal => {
                row.insert("creator_user_id".to_owned(), json!(record.creator));
                row.insert("stage_change_time".to_owned(), record.get("stage_change_time").clone());
                row.insert("origin".to_owned(), json!("API"));
                row.insert("archive_time".to_owned(), record.get("archive_time").clone());
                if record.deleted_ms.is_some() {
                    row.insert("status".to_owned(), json!("deleted"));
                }
            }
            Kind::Activity => {
                let people = record.get("participants").as_array().cloned().unwrap_or_default();
                let primary = people.iter().find(|each| each["primary"] == true).or(people.first());
                row.insert("person_id".to_owned(), primary.map_or(Value::Null, |each| each["person_id"].clone()));
                row.insert("creator_user_id".to_owned(), json!(record.creator));
                row.insert("marked_as_done_time".to_owned(), record.get("marked_as_done_time").clone());
            }
            _ => {}
        }
        if record.kind.schema().is_some() {
            row.insert("custom_fields".to_owned(), self.shown_custom(record));
        }
        Value::Object(row)
    }

    /// Every custom field, set or not; nothing at all for a row that never had one.
    fn shown_custom(&self, record: &Record) -> Value {
        if record.custom.is_empty() {
            return Value::Null;
        }
        let fields = self.custom_fields(record.kind);
        fields
            .map(|field| (field.code.clone(), record.custom.get(&field.code).cloned().unwrap_or(Value::Null)))
            .collect::<Map<_, _>>()
            .into()
    }

    /// A row as the older version shows it: what notes and leads are, and what a merge or the list of recent changes shows of the others.
    pub(crate) fn shown_old(&self, record: &Record) -> Value {
        match record.kind {
            Kind::Note => self.shown_note(record),
            Kind::Lead => self.shown_lead(record),
            _ => self.shown_as_before(record),
        }
    }

    fn shown_note(&self, record: &Record) -> Value {
        let flag = |name: &str| record.get(name) == 1 || record.get(name) == true;
        let user = self.users.iter().find(|user| Some(user.id) == record.refers("user_id"));
        let of = |kind: Kind, name: &str| record.refers(name).and_then(|number| self.records[&kind].get(&number));
        json!({
            "id": record.number, "user_id": record.get("user_id"), "deal_id": record.get("deal_id"), "person_id": record.get("person_id"),
            "org_id": record.get("org_id"), "lead_id": record.get("lead_id"), "content": record.get("content"),
            "add_time": old(record.added_ms), "update_time": old(record.updated_ms), "active_flag": record.deleted_ms.is_none(),
            "pinned_to_deal_flag": flag("pinned_to_deal_flag"), "pinned_to_person_flag": flag("pinned_to_person_flag"),
            "pinned_to_organization_flag": flag("pinned_to_organization_flag"), "pinned_to_lead_flag": flag("pinned_to_lead_flag"),
            "last_update_user_id": null,
            "organization": of(Kind::Organization, "org_id").map(|row| json!({"name": row.get("name")})),
            "person": of(Kind::Person, "person_id").map(|row| json!({"name": row.get("name")})),
            "deal": of(Kind::Deal, "deal_id").map(|row| json!({"title": row.get("title")})),
            "user": user.map(|user| json!({"email": user.email, "name": user.name, "icon_url": null, "is_you": user.id == self.options.user_id})),
        })
    }

    fn shown_lead(&self, record: &Record) -> Value {
        let or = |name: &str, usual: Value| if record.get(name).is_null() { usual } else { record.get(name).clone() };
        let mut row = json!({
            "id": record.uuid, "title": record.get("title"), "owner_id": record.get("owner_id"), "creator_id": record.creator,
            "label_ids": or("label_ids", json!([])), "value": record.get("value"), "expected_close_date": record.get("expected_close_date"),
            "person_id": record.get("person_id"), "organization_id": record.get("organization_id"), "is_archived": record.is_archived(),
            "archive_time": record.get("archive_time"), "source_name": "API", "source_deal_id": null, "origin": "API", "origin_id": null,
            "channel": null, "channel_id": null, "was_seen": or("was_seen", json!(false)), "next_activity_id": null,
            "add_time": fine(record.added_ms), "update_time": fine(record.updated_ms), "visible_to": or("visible_to", json!("3")), "cc_email": "",
        });
        for (code, value) in &record.custom {
            if let Some(field) = self.custom_fields(record.kind).find(|field| field.code == *code) {
                flat(field, value, &mut row);
            }
        }
        row
    }

    fn shown_as_before(&self, record: &Record) -> Value {
        let user = |number: Option<u64>| {
            let user = self.users.iter().find(|user| Some(user.id) == number);
            user.map(|user| json!({"id": user.id, "name": user.name, "email": user.email, "has_pic": 0, "active_flag": user.active, "value": user.id}))
        };
        let named = |kind: Kind, name: &str| {
            let row = record.refers(name).and_then(|number| self.records[&kind].get(&number));
            row.map(|row| json!({"name": row.get("name"), "value": row.number}))
        };
        let mut row = json!({
            "id": record.number, "company_id": self.options.company_id, "active_flag": record.deleted_ms.is_none(),
            "add_time": old(record.added_ms), "update_time": old(record.updated_ms),
            "visible_to": record.get("visible_to").as_u64().unwrap_or(3).to_string(),
        });
        match record.kind {
            Kind::Person | Kind::Organization => {
                row["name"] = record.get("name").clone();
                row["owner_id"] = json!(user(record.refers("owner_id")));
                row["label_ids"] = record.get("label_ids").clone();
                if record.kind == Kind::Person {
                    let blank = |listed: &Value| {
                        if listed.as_array().is_some_and(|all| !all.is_empty()) {
                            listed.clone()
                        } else {
                            json!([{"value": "", "primary": true}])
                        }
                    };
                    row["email"] = blank(record.get("emails"));
                    row["phone"] = blank(record.get("phones"));
                    row["org_id"] = json!(named(Kind::Organization, "org_id"));
                }
            }
            Kind::Deal => {
                for name in ["title", "value", "currency", "stage_id", "pipeline_id", "lost_reason", "expected_close_date"] {
                    row[name] = record.get(name).clone();
                }
                row["status"] = if record.deleted_ms.is_some() { json!("deleted") } else { record.get("status").clone() };
                row["deleted"] = json!(record.deleted_ms.is_some());
                row["user_id"] = json!(user(record.refers("owner_id")));
                row["person_id"] = json!(named(Kind::Person, "person_id"));
                row["org_id"] = json!(named(Kind::Organization, "org_id"));
            }
            _ => {
                for name in ["subject", "type", "note", "due_date", "done", "deal_id", "org_id"] {
                    row[name] = record.get(name).clone();
                }
                row["user_id"] = record.get("owner_id").clone();
            }
        }
        for field in self.custom_fields(record.kind) {
            match record.custom.get(&field.code) {
                Some(value) => flat(field, value, &mut row),
                None => row[&field.code] = Value::Null,
            }
        }
        row
    }
}

/// A custom value as the older version has it: flat, with its parts beside it.
fn flat(field: &Field, value: &Value, row: &mut Value) {
    let code = &field.code;
    match value {
        Value::Object(inner) => {
            for (part, value) in inner {
                let key = match part.as_str() {
                    "value" => code.clone(),
                    "timezone_name" => format!("{code}_timezone_id"),
                    other => format!("{code}_{other}"),
                };
                row[&key] = value.clone();
            }
        }
        Value::Array(ids) => row[code] = json!(ids.iter().map(Value::to_string).collect::<Vec<_>>().join(",")),
        Value::Number(id) if field.ty == "enum" => row[code] = json!(id.to_string()),
        other => row[code] = other.clone(),
    }
}
