//! The properties API: definitions, groups, and batches of them.

use http::Method;
use serde_json::{Value, json};

use super::call::Call;
use super::properties::{Choice, FIELD_TYPES, Property, TYPES};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Custom properties of one object type.
const CUSTOM_MAX: usize = 1_000;
/// Unique custom properties of one object type.
const UNIQUE_MAX: usize = 10;
/// Most inputs of a batch.
const INPUTS_MAX: usize = 100;

fn choices(list: &Value) -> Vec<Choice> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.as_array()
        .into_iter()
        .flatten()
        .map(|option| Choice {
            label: text(&option["label"]),
            value: text(&option["value"]),
            hidden: option["hidden"].as_bool().unwrap_or(false),
        })
        .collect()
}

impl State {
    /// `/properties/{type}/…`.
    pub(crate) fn property_routes(&mut self, call: &Call, kind: usize, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let archived = call.query("archived") == Some("true");
                let found = self.properties[kind].iter().filter(|property| property.archived == archived);
                Ok(Answer::ok(json!({"results": found.map(Property::shown).collect::<Vec<_>>()})))
            }
            ("POST", []) => self.add_property(kind, &call.body).map(Answer::created),
            (_, ["groups", rest @ ..]) => self.group_routes(call, kind, rest),
            ("POST", ["batch", verb]) => self.property_batch(call, kind, verb),
            ("GET", [name]) => self.property(kind, name).map(|property| Answer::ok(property.shown())).ok_or_else(Refusal::resource),
            ("PATCH", [name]) => self.change_property(kind, name, &call.body),
            ("DELETE", [name]) => self.drop_property(kind, name).map(|()| Answer::nothing()),
            _ => Err(Refusal::resource()),
        }
    }

    /// Adds a property, or brings an archived one back.
    ///
    /// # Errors
    /// As HubSpot refuses it.
    pub(crate) fn add_property(&mut self, kind: usize, body: &Value) -> Result<Value, Refusal> {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        for name in ["name", "label", "type", "fieldType", "groupName"] {
            if text(name).is_empty() {
                return Err(Refusal::validation(format!("Invalid input JSON: {name} is required")));
            }
        }
        let name = text("name");
        if name != name.to_lowercase() || !name.starts_with(|letter: char| letter.is_ascii_lowercase()) || name.contains([' ', '.', '-']) {
            return Err(Refusal::validation(format!(
                "{name} is not a valid property name: lower-case letters, digits and underscores, beginning with a letter"
            )));
        }
        if !TYPES.contains(&text("type").as_str()) || !FIELD_TYPES.contains(&text("fieldType").as_str()) {
            return Err(Refusal::validation(format!(
                "{} with field type {} is not a valid property type",
                text("type"),
                text("fieldType")
            )));
        }
        let now = self.now_ms;
        if let Some(held) = self.properties[kind].iter_mut().find(|property| property.name == name) {
            if !held.archived {
                return Err(Refusal::new(409, "OBJECT_ALREADY_EXISTS", format!("A property named '{name}' already exists."))
                    .with("subCategory", json!("Properties.PROPERTY_WITH_NAME_EXISTS")));
            }
            held.archived = false;
            held.updated_ms = now;
            return Ok(held.shown());
        }
        if !self.groups[kind].iter().any(|(group, _)| *group == text("groupName")) {
            return Err(Refusal::validation(format!("Property group {} does not exist", text("groupName"))));
        }
        let unique = body["hasUniqueValue"].as_bool().unwrap_or(false);
        let custom = || self.properties[kind].iter().filter(|property| !property.built_in && !property.archived);
        if custom().count() >= CUSTOM_MAX {
            return Err(Refusal::validation(format!("There may be at most {CUSTOM_MAX} custom properties")));
        }
        if unique && custom().filter(|property| property.unique).count() >= UNIQUE_MAX {
            return Err(Refusal::validation(format!("There may be at most {UNIQUE_MAX} properties with unique values")));
        }
        if unique && !matches!(text("type").as_str(), "string" | "number") {
            return Err(Refusal::validation("Only texts and numbers can have unique values"));
        }
        let property = Property {
            name,
            label: text("label"),
            group: text("groupName"),
            description: text("description"),
            ty: text("type"),
            field: text("fieldType"),
            choices: choices(&body["options"]),
            unique,
            read_only: body["modificationMetadata"]["readOnlyValue"].as_bool().unwrap_or(false),
            calculated: text("fieldType") == "calculation_equation",
            owner: false,
            built_in: false,
            archived: false,
            created_ms: now,
            updated_ms: now,
        };
        let shown = property.shown();
        self.properties[kind].push(property);
        Ok(shown)
    }

    fn change_property(&mut self, kind: usize, name: &str, body: &Value) -> Outcome {
        let now = self.now_ms;
        let held = self.properties[kind].iter_mut().find(|property| property.name == name && !property.archived);
        let held = held.ok_or_else(Refusal::resource)?;
        if let Some(label) = body["label"].as_str() {
            label.clone_into(&mut held.label);
        }
        if body["options"].is_array() {
            held.choices = choices(&body["options"]);
        }
        held.updated_ms = now;
        Ok(Answer::ok(held.shown()))
    }

    /// Archives a custom property; records keep the values out of sight.
    ///
    /// # Errors
    /// When it is unknown or HubSpot's own.
    pub(crate) fn drop_property(&mut self, kind: usize, name: &str) -> Result<(), Refusal> {
        let held = self.properties[kind].iter_mut().find(|property| property.name == name).ok_or_else(Refusal::resource)?;
        if held.built_in {
            return Err(Refusal::validation(format!("{name} is defined by HubSpot and cannot be archived")));
        }
        held.archived = true;
        Ok(())
    }

    fn property_batch(&mut self, call: &Call, kind: usize, verb: &str) -> Outcome {
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in call.inputs(INPUTS_MAX)? {
            let name = input["name"].as_str().unwrap_or_default();
            let outcome = match verb {
                "create" => self.add_property(kind, input),
                "read" => self.property(kind, name).map(Property::shown).ok_or_else(Refusal::resource),
                "archive" => self.drop_property(kind, name).map(|()| Value::Null),
                _ => return Err(Refusal::resource()),
            };
            match outcome {
                Ok(result) => results.push(result),
                Err(refusal) => errors.push(refusal.row(None, None)),
            }
        }
        match verb {
            "archive" => Ok(Answer::nothing()),
            "create" => Ok(call.batch(201, results, errors)),
            _ => Ok(call.batch(200, results, errors)),
        }
    }

    fn group_routes(&mut self, call: &Call, kind: usize, rest: &[&str]) -> Outcome {
        let shown = |(name, label): &(String, String)| json!({"name": name, "label": label, "displayOrder": -1, "archived": false});
        match (call.method.clone(), rest) {
            (Method::GET, []) => Ok(Answer::ok(json!({"results": self.groups[kind].iter().map(shown).collect::<Vec<_>>()}))),
            (Method::POST, []) => {
                let text = |name: &str| call.body[name].as_str().unwrap_or_default().to_owned();
                let group = (text("name"), text("label"));
                if group.0.is_empty() || group.1.is_empty() {
                    return Err(Refusal::validation("name and label are required"));
                }
                if self.groups[kind].iter().any(|(name, _)| *name == group.0) {
                    return Err(Refusal::new(
                        409,
                        "OBJECT_ALREADY_EXISTS",
                        format!("A property group named '{}' already exists.", group.0),
                    ));
                }
                self.groups[kind].push(group.clone());
                Ok(Answer::created(shown(&group)))
            }
            (Method::GET, [name]) => {
                let held = self.groups[kind].iter().find(|(known, _)| known == name).ok_or_else(Refusal::resource)?;
                Ok(Answer::ok(shown(held)))
            }
            _ => Err(Refusal::resource()),
        }
    }
}
