//! From flattened values to the bodies of writes. Pipedrive refuses a whole request for one key that it does not know.

use std::collections::BTreeMap;

use entente_model::mapping::remote::{RemoteKind, Row};
use serde_json::{Map, Value, json};

use super::attributes::{KEY_LINE, attribute};
use super::fields::{Fields, unknown};
use super::kind::Kind;
use super::map::person_of;
use super::marker;
use super::refusal::{misfit, unusable};
use super::values::{self, as_id, as_number, items, parts};
use super::wire::id_text;
use crate::error::VendorError;

/// What a body needs beside the values.
pub(crate) struct Drafting<'a> {
    pub kind: Kind,
    pub fields: &'a Fields,
    /// The row as it stands, where there is one and it matters.
    pub present: &'a Value,
    /// Entente's record id.
    pub key: &'a str,
    /// Currency of amounts that have none yet.
    pub currency: &'a str,
    /// Ids of the labels that are written to leads, by name.
    pub lead_labels: &'a BTreeMap<String, String>,
}

/// Whether a write must know the row as it stands: what it changes is a part of something that is written whole.
pub(crate) fn needs_present(kind: Kind, row: &Row, fields: &Fields) -> bool {
    row.keys().any(|name| match (kind, name.as_str()) {
        (Kind::Person, "email" | "phone") | (Kind::Activity, "person_id") | (Kind::Lead, "value" | "currency") => true,
        // A note that was deleted can still be written to.
        (Kind::Note, _) => true,
        _ => fields.named(name).ok().flatten().is_some_and(|named| !parts(&named.definition.ty).is_empty()),
    })
}

/// The list of addresses or numbers with another primary one; the others stay.
fn contacts(present: &Value, wanted: Option<&str>) -> Value {
    let mut listed: Vec<Value> = present.as_array().cloned().unwrap_or_default();
    listed.retain(|entry| entry["value"].as_str().is_some_and(|value| !value.trim().is_empty()));
    let at = listed.iter().position(|entry| entry["primary"] == true).or((!listed.is_empty()).then_some(0));
    match (wanted, at) {
        (None, Some(at)) => drop(listed.remove(at)),
        (None, None) => {}
        (Some(wanted), at) => {
            let same = |entry: &Value| entry["value"].as_str().is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted));
            match listed.iter().position(same) {
                // It stands there already, perhaps in another case or not as the primary one.
                Some(known) => listed[known]["value"] = json!(wanted),
                None => match at {
                    Some(at) => listed[at]["value"] = json!(wanted),
                    None => listed.push(json!({"value": wanted, "label": "work"})),
                },
            }
            for entry in &mut listed {
                entry["primary"] = json!(entry["value"] == wanted);
            }
        }
    }
    if !listed.is_empty() && !listed.iter().any(|entry| entry["primary"] == true) {
        listed[0]["primary"] = json!(true);
    }
    Value::from(listed)
}

/// The participants with another primary one; the others stay.
fn participants(present: &Value, person: &Value) -> Value {
    let mut listed: Vec<Value> = present["participants"].as_array().cloned().unwrap_or_default();
    let old = person_of(present);
    listed.retain(|each| id_text(&each["person_id"]) != old && each["person_id"] != *person);
    for each in &mut listed {
        each["primary"] = json!(false);
    }
    if !person.is_null() {
        listed.insert(0, json!({"person_id": person, "primary": true}));
    }
    Value::from(listed)
}

fn texts(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

impl Drafting<'_> {
    /// The body of a write.
    ///
    /// # Errors
    /// `read_only_field` and `unknown_field` for fields that take no value; else when a value does not fit its field.
    pub fn body(&self, row: &Row) -> Result<Map<String, Value>, VendorError> {
        let mut body = Map::new();
        let mut custom: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for (name, value) in row {
            if let Some(known) = attribute(self.kind, name) {
                if !known.writable {
                    return Err(misfit(
                        "read_only_field",
                        format!("Pipedrive's {} do not take a value for `{name}`", self.kind.plural()),
                        "set the direction of this field's mapping to in",
                    )
                    .about(name));
                }
                self.attribute(name, known.kind, value, row, &mut body)?;
                continue;
            }
            let named = self.fields.named(name)?.ok_or_else(|| unknown(self.kind, name))?;
            let given = if named.part.is_empty() { values::write(name, named.definition, value)? } else { value.clone() };
            let part = if named.part.is_empty() { "value" } else { named.part };
            custom.entry(&named.definition.code).or_default().insert(part.to_owned(), given);
        }
        self.custom(custom, &mut body);
        Ok(body)
    }

    fn custom(&self, custom: BTreeMap<&str, Map<String, Value>>, body: &mut Map<String, Value>) {
        let mut whole = Map::new();
        for (code, changed) in custom {
            let Some(definition) = self.fields.code(code) else { continue };
            let value = match parts(&definition.ty) {
                [] if definition.ty == "address" => match changed.get("value") {
                    Some(Value::String(text)) => json!({"value": text}),
                    other => other.cloned().unwrap_or(Value::Null),
                },
                [] => changed.get("value").cloned().unwrap_or(Value::Null),
                _ => values::compound(definition, &changed, &self.held(definition), self.currency),
            };
            if self.kind == Kind::Lead {
                values::flatten(definition, &value, body);
            } else {
                whole.insert(code.to_owned(), value);
            }
        }
        if !whole.is_empty() {
            body.insert("custom_fields".to_owned(), Value::Object(whole));
        }
    }

    /// What a field with parts holds now, as an object.
    fn held(&self, definition: &super::fields::Definition) -> Value {
        if self.kind != Kind::Lead {
            return self.present["custom_fields"][&definition.code].clone();
        }
        let mut held = Map::new();
        held.insert("value".to_owned(), self.present[&definition.code].clone());
        for part in parts(&definition.ty) {
            held.insert((*part).to_owned(), values::read_flat(definition, self.present, part));
        }
        Value::Object(held)
    }

    fn attribute(&self, name: &str, kind: RemoteKind, value: &Value, row: &Row, body: &mut Map<String, Value>) -> Result<(), VendorError> {
        let mut put = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
        let text = || value.as_str().unwrap_or_default();
        match (self.kind, name) {
            (Kind::Person, "email") => put("emails", contacts(&self.present["emails"], texts(value))),
            (Kind::Person, "phone") => put("phones", contacts(&self.present["phones"], texts(value))),
            (Kind::Organization, "address") => put("address", texts(value).map_or(Value::Null, |text| json!({"value": text}))),
            (Kind::Organization, "industry") => put("industry", self.industry(value)?),
            (Kind::Activity, "location") => put("location", texts(value).map_or(Value::Null, |text| json!({"value": text}))),
            (Kind::Activity, "person_id") => put("participants", participants(self.present, &as_id(name, value)?)),
            (Kind::Lead, "org_id") => put("organization_id", as_id(name, value)?),
            (Kind::Note, "owner_id") => put("user_id", as_id(name, value)?),
            (Kind::Lead, "value" | "currency") => put("value", self.lead_value(row)?),
            (_, "labels") => put("label_ids", self.labels(value)?),
            (Kind::Activity | Kind::Note, "note") => {
                put(if self.kind == Kind::Note { "content" } else { "note" }, Value::String(marker::join(text(), self.key)));
            }
            // The key goes with the text.
            (Kind::Activity | Kind::Note, KEY_LINE) => {
                if !row.contains_key("note") {
                    let held = &self.present[if self.kind == Kind::Note { "content" } else { "note" }];
                    let (held, _) = marker::split(held.as_str().unwrap_or_default());
                    put(if self.kind == Kind::Note { "content" } else { "note" }, Value::String(marker::join(&held, text())));
                }
            }
            (Kind::Activity | Kind::Note, "lead_id") => put(name, texts(value).map_or(Value::Null, Value::from)),
            // The older version has texts here.
            (Kind::Lead, "visible_to") => put(name, texts(value).map_or(Value::Null, Value::from)),
            (_, "visible_to") => put(name, as_number(name, value)?),
            (_, _) => put(name, self.plain(name, kind, value)?),
        }
        Ok(())
    }

    fn plain(&self, name: &str, kind: RemoteKind, value: &Value) -> Result<Value, VendorError> {
        Ok(match kind {
            RemoteKind::Reference => as_id(name, value)?,
            RemoteKind::Number => as_number(name, value)?,
            RemoteKind::Boolean => match value {
                Value::String(text) => json!(text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("yes")),
                Value::Null => json!(false),
                other => other.clone(),
            },
            RemoteKind::Date => {
                texts(value).map_or(Value::Null, |text| Value::from(text.chars().take("YYYY-MM-DD".len()).collect::<String>()))
            }
            _ => match value {
                Value::Null => Value::Null,
                Value::String(text) if text.is_empty() => Value::Null,
                Value::String(_) => value.clone(),
                other => Value::String(other.to_string()),
            },
        })
    }

    fn industry(&self, value: &Value) -> Result<Value, VendorError> {
        let Some(label) = texts(value) else { return Ok(Value::Null) };
        match self.fields.code("industry") {
            Some(definition) => values::choice("industry", definition, label).map(Value::from),
            None => as_number("industry", value),
        }
    }

    fn labels(&self, value: &Value) -> Result<Value, VendorError> {
        let listed = items(value);
        if self.kind == Kind::Lead {
            let id = |label: &&str| {
                let found = self.lead_labels.get(*label).cloned();
                found.ok_or_else(|| unusable("unknown_choice", "leads have no label of that name at Pipedrive").about("labels"))
            };
            return listed.iter().map(|label| id(label).map(Value::from)).collect::<Result<Vec<_>, _>>().map(Value::from);
        }
        let definition = self.fields.labels().ok_or_else(|| unknown(self.kind, "labels"))?;
        listed
            .into_iter()
            .map(|label| values::choice("labels", definition, label).map(Value::from))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::from)
    }

    /// A lead's amount and currency go together or not at all.
    fn lead_value(&self, row: &Row) -> Result<Value, VendorError> {
        let held = &self.present["value"];
        let amount = match row.get("value") {
            Some(value) => as_number("value", value)?,
            None => held["amount"].clone(),
        };
        let currency = row.get("currency").and_then(texts).or(held["currency"].as_str()).unwrap_or(self.currency);
        Ok(if amount.is_null() { Value::Null } else { json!({"amount": amount, "currency": currency}) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(kind: Kind, row: Value, present: &Value) -> Result<Value, VendorError> {
        let (fields, lead_labels) = (Fields::default(), BTreeMap::new());
        let drafting = Drafting { kind, fields: &fields, present, key: "cas_1", currency: "USD", lead_labels: &lead_labels };
        drafting.body(row.as_object().expect("row")).map(Value::Object)
    }

    #[test]
    fn a_new_address_replaces_the_primary_one_and_leaves_the_others() {
        let there = json!({"emails": [{"value": "a@x.example", "primary": true, "label": "home"}, {"value": "b@x.example", "primary": false, "label": "work"}]});
        let made = body(Kind::Person, json!({"email": "c@x.example"}), &there).expect("body");
        let expected = json!([{"value": "c@x.example", "primary": true, "label": "home"}, {"value": "b@x.example", "primary": false, "label": "work"}]);
        assert_eq!(made["emails"], expected);
        let made = body(Kind::Person, json!({"email": "b@x.example"}), &there).expect("body");
        assert_eq!(
            (&made["emails"][0]["primary"], &made["emails"][1]["primary"]),
            (&json!(false), &json!(true)),
            "one that was there is the primary one now"
        );
        let made = body(Kind::Person, json!({"email": null}), &there).expect("body");
        assert_eq!(made["emails"], json!([{"value": "b@x.example", "primary": true, "label": "work"}]));
        assert_eq!(
            body(Kind::Person, json!({"phone": "+46 8 1"}), &Value::Null).expect("body")["phones"],
            json!([{"value": "+46 8 1", "label": "work", "primary": true}])
        );
    }

    #[test]
    fn types_are_strict() {
        let made =
            body(Kind::Deal, json!({"org_id": "7", "value": "12.5", "is_archived": "true", "title": 5}), &Value::Null).expect("body");
        assert_eq!(made, json!({"org_id": 7, "value": 12.5, "is_archived": true, "title": "5"}));
        assert_eq!(body(Kind::Deal, json!({"org_id": "acme"}), &Value::Null).expect_err("refused").code, "bad_reference");
        assert_eq!(body(Kind::Deal, json!({"is_won": true}), &Value::Null).expect_err("refused").code, "read_only_field");
        assert_eq!(body(Kind::Deal, json!({"nothing": true}), &Value::Null).expect_err("refused").field.as_deref(), Some("nothing"));
    }

    #[test]
    fn whoever_takes_part_beside_the_customer_stays() {
        let there = json!({"participants": [{"person_id": 1, "primary": true}, {"person_id": 2, "primary": false}]});
        let made = body(Kind::Activity, json!({"person_id": "3", "note": "Hello"}), &there).expect("body");
        assert_eq!(made["participants"], json!([{"person_id": 3, "primary": true}, {"person_id": 2, "primary": false}]));
        assert_eq!(marker::split(made["note"].as_str().expect("text")), ("Hello".to_owned(), Some("cas_1".to_owned())));
    }

    #[test]
    fn a_lead_s_amount_keeps_its_currency() {
        let there = json!({"value": {"amount": 5, "currency": "EUR"}});
        assert_eq!(body(Kind::Lead, json!({"value": 7}), &there).expect("body")["value"], json!({"amount": 7, "currency": "EUR"}));
        assert_eq!(body(Kind::Lead, json!({"value": null}), &there).expect("body")["value"], Value::Null);
    }
}
