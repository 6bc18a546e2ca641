//! Parts of picklists: what a record type has of a list, and what hangs on another field. And the UI API, which tells of the former.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::State;
use super::cell::Val;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::Org;
use super::records::object;
use super::schema::FieldType;
use super::table::Row;
use super::wire::{Answer, Call};

/// A list whose values hang on another field: for each of its values, those that go with it.
pub(crate) struct Dependency {
    pub object: String,
    pub field: String,
    pub controller: String,
    pub valid: Vec<(String, Vec<String>)>,
}

impl Org {
    /// What a record type has of a list.
    fn values_of(&self, object: &str, record_type: SfId, field: &str) -> Option<&Vec<String>> {
        let fits = |known: &&(String, SfId, String, Vec<String>)| known.0 == object && known.1 == record_type && known.2 == field;
        self.record_type_values.iter().rfind(fits).map(|(.., values)| values)
    }

    /// Restricted lists take only what the row's record type has of them.
    pub fn check_record_type(&self, table: usize, old: Option<&Row>, new: &Row) -> Outcome<()> {
        let t = &self.tables[table];
        let Some(record_type) = t.slot("RecordTypeId").and_then(|slot| new.cell(slot).id()) else { return Ok(()) };
        for (slot, field) in t.fields().filter(|(_, field)| field.spec.restricted) {
            let Val::Text(text) = new.cell(slot) else { continue };
            let untouched = old.is_some_and(|row| row.cell(slot) == new.cell(slot));
            let Some(values) = self.values_of(&t.name, record_type, &field.spec.name).filter(|_| !untouched) else { continue };
            if !text.split(';').all(|one| values.iter().any(|known| known == one)) {
                let message = format!("{}: bad value for restricted picklist field: {text}", field.spec.label);
                return Err(Fail::on("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", &field.spec.name, message));
            }
        }
        Ok(())
    }

    /// Writes what a field hangs on into its description.
    pub fn describe_dependency(&self, object: &str, field: &mut Value) {
        let name = field["name"].as_str().unwrap_or_default();
        let Some(known) = self.dependencies.iter().find(|known| known.object == object && known.field == name) else { return };
        field["controllerName"] = json!(known.controller);
        field["dependentPicklist"] = json!(true);
        let controlling = self.controlling(object, &known.controller);
        for value in field["picklistValues"].as_array_mut().into_iter().flatten() {
            let mut bits = vec![0_u8; controlling.len().div_ceil(8)];
            for (at, is) in controlling.iter().enumerate() {
                let valid = known.valid.iter().any(|(of, values)| of == is && values.iter().any(|one| value["value"] == one.as_str()));
                if valid {
                    bits[at / 8] |= 0x80 >> (at % 8);
                }
            }
            value["validFor"] = json!(STANDARD.encode(bits));
        }
    }

    fn controlling(&self, object: &str, controller: &str) -> Vec<String> {
        let field = self.table(object).and_then(|table| Some(self.tables[table].named(controller)?.1));
        match field {
            Some(field) if field.spec.kind == FieldType::Boolean => vec!["false".to_owned(), "true".to_owned()],
            Some(field) => field.spec.values.clone(),
            None => Vec::new(),
        }
    }
}

/// What a record type has of each list of an object: its own values, or all of them.
pub(crate) fn values_of_record_type(state: &State, table: usize, record_type: SfId) -> Vec<(String, Vec<String>)> {
    let t = &state.org.tables[table];
    let lists = t.fields().filter(|(_, field)| matches!(field.spec.kind, FieldType::Picklist | FieldType::MultiPicklist));
    lists
        .map(|(_, field)| {
            let values = state.org.values_of(&t.name, record_type, &field.spec.name).unwrap_or(&field.spec.values);
            (field.spec.name.clone(), values.clone())
        })
        .collect()
}

/// `GET /ui-api/object-info/{X}/picklist-values/{recordTypeId}`.
pub(crate) fn picklist_values(state: &State, call: &Call, name: &str, record_type: &str) -> Outcome<Answer> {
    let table = object(state, name)?;
    let id = SfId::parse(record_type).ok_or_else(|| Fail::bad("INVALID_RECORD_TYPE", "The record type is not valid"))?;
    let t = &state.org.tables[table];
    let mut fields = Map::new();
    for (name, values) in values_of_record_type(state, table, id) {
        let shown: Vec<Value> =
            values.iter().map(|value| json!({"attributes": null, "label": value, "validFor": [], "value": value})).collect();
        let url = format!("{}/ui-api/object-info/{}/picklist-values/{id}/{name}", call.base(), t.name);
        fields.insert(name, json!({"controllerValues": {}, "defaultValue": null, "eTag": "0", "url": url, "values": shown}));
    }
    Ok(Answer::json(200, json!({"eTag": "0", "picklistFieldValues": fields})))
}
