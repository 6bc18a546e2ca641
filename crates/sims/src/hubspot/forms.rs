//! Forms, and what people sent with them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::kinds::CONTACTS;
use super::moment::iso;
use super::record::Hand;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Most forms on a page, and most submissions.
const PAGE_MAX: usize = 50;

/// One form.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) id: String,
    /// As it was defined, without what HubSpot adds.
    definition: Map<String, Value>,
    archived: bool,
    created_ms: i64,
    updated_ms: i64,
    /// The oldest first.
    submissions: Vec<Submission>,
}

/// What somebody sent.
#[derive(Debug, Clone)]
struct Submission {
    id: String,
    at_ms: i64,
    values: Vec<(String, String)>,
    page: String,
}

impl Form {
    fn shown(&self) -> Value {
        let mut shown = Value::Object(self.definition.clone());
        let added = json!({
            "id": self.id, "createdAt": iso(self.created_ms), "updatedAt": iso(self.updated_ms), "archived": self.archived, "formType": "hubspot",
        });
        if let (Some(shown), Some(added)) = (shown.as_object_mut(), added.as_object()) {
            shown.extend(added.clone());
        }
        shown
    }
}

fn defaults(definition: &mut Map<String, Value>) {
    for (name, usual) in [
        ("fieldGroups", json!([])),
        (
            "configuration",
            json!({"language": "en", "cloneable": true, "editable": true, "archivable": true, "createNewContactForNewEmail": false}),
        ),
        ("displayOptions", json!({"renderRawHtml": false, "theme": "default_style", "submitButtonText": "Submit"})),
        ("legalConsentOptions", json!({"type": "none"})),
    ] {
        definition.entry(name).or_insert(usual);
    }
}

impl State {
    /// `/forms/…`.
    pub(crate) fn form_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        self.scoped("forms")?;
        let now = self.now_ms;
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let archived = call.query("archived") == Some("true");
                let limit = call.number("limit", PAGE_MAX)?.clamp(1, PAGE_MAX);
                let from: usize = call.query("after").and_then(|text| text.parse().ok()).unwrap_or(0);
                let all: Vec<&Form> = self.forms.values().filter(|form| form.archived == archived).collect();
                let page: Vec<Value> = all.iter().skip(from).take(limit).map(|form| form.shown()).collect();
                let mut body = json!({"results": page});
                if from + limit < all.len() {
                    body["paging"] = call.next(&(from + limit).to_string());
                }
                Ok(Answer::ok(body))
            }
            ("POST", []) => {
                let definition = call.body.as_object().cloned().unwrap_or_default();
                let id = self.make_form(definition)?;
                Ok(Answer::created(self.form(&id)?.shown()))
            }
            ("GET", [id]) => Ok(Answer::ok(self.form(id)?.shown())),
            ("PATCH" | "PUT", [id]) => {
                self.form(id)?;
                let given = call.body.as_object().cloned().unwrap_or_default();
                self.forms.entry((*id).to_owned()).and_modify(|form| {
                    form.definition.extend(given);
                    form.updated_ms = now;
                });
                Ok(Answer::ok(self.form(id)?.shown()))
            }
            ("DELETE", [id]) => {
                self.forms.entry((*id).to_owned()).and_modify(|form| form.archived = true);
                Ok(Answer::nothing())
            }
            _ => Err(Refusal::resource()),
        }
    }

    fn form(&self, id: &str) -> Result<&Form, Refusal> {
        self.forms.get(id).filter(|form| !form.archived).ok_or_else(|| Refusal::missing(&[id.to_owned()]))
    }

    /// Makes a form; gives its GUID.
    ///
    /// # Errors
    /// Without a name.
    pub(crate) fn make_form(&mut self, mut definition: Map<String, Value>) -> Result<String, Refusal> {
        if definition.get("name").and_then(Value::as_str).unwrap_or_default().is_empty() {
            return Err(Refusal::validation("name is required"));
        }
        defaults(&mut definition);
        let (id, now) = (self.uuid(), self.now_ms);
        let form = Form { id: id.clone(), definition, archived: false, created_ms: now, updated_ms: now, submissions: Vec::new() };
        self.forms.insert(id.clone(), form);
        Ok(id)
    }

    /// `/submissions/{form}`: what came in, the newest first.
    pub(crate) fn submissions(&self, call: &Call, id: &str) -> Outcome {
        self.scoped("forms")?;
        let form = self.form(id)?;
        let limit = call.number("limit", PAGE_MAX)?;
        if limit == 0 || limit > PAGE_MAX {
            return Err(Refusal::validation(format!("limit must be between 1 and {PAGE_MAX}")));
        }
        let from: usize = call.query("after").and_then(|text| text.parse().ok()).unwrap_or(0);
        let all: Vec<&Submission> = form.submissions.iter().rev().collect();
        let shown = |submission: &&Submission| {
            let values: Vec<Value> =
                submission.values.iter().map(|(name, value)| json!({"name": name, "value": value, "objectTypeId": "0-1"})).collect();
            json!({"conversionId": submission.id, "submittedAt": submission.at_ms, "values": values, "pageUrl": submission.page})
        };
        let page: Vec<Value> = all.iter().skip(from).take(limit).map(shown).collect();
        let mut body = json!({"results": page});
        if from + limit < all.len() {
            body["paging"] = json!({"next": {"after": (from + limit).to_string()}});
        }
        Ok(Answer::ok(body))
    }

    /// Somebody sends a form: its fields change the contact with the address, or make one.
    ///
    /// # Errors
    /// When there is no such form, or a field will not do.
    pub(crate) fn submit(&mut self, id: &str, body: &Value) -> Result<(), Refusal> {
        self.form(id)?;
        let values: Vec<(String, String)> = body["fields"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|field| Some((field["name"].as_str()?.to_owned(), super::values::text(&field["value"])?)))
            .collect();
        let known: Map<String, Value> = values
            .iter()
            .filter(|(name, _)| self.property(CONTACTS, name).is_some())
            .map(|(name, value)| (name.clone(), Value::String(value.clone())))
            .collect();
        let email = values.iter().find(|(name, _)| name == "email").map(|(_, value)| value.clone());
        if let Some(email) = &email {
            match self.find(CONTACTS, email, Some("email")) {
                Some(found) => {
                    let values = self.check(CONTACTS, &known, Some(found))?;
                    self.update(CONTACTS, found, values, Hand::Visitor);
                }
                None => {
                    let values = self.check(CONTACTS, &known, None)?;
                    self.create(CONTACTS, values, Hand::Visitor);
                }
            }
        }
        let (conversion, now) = (self.uuid(), self.now_ms);
        let page = body["context"]["pageUri"].as_str().unwrap_or_default().to_owned();
        self.forms.entry(id.to_owned()).and_modify(|form| form.submissions.push(Submission { id: conversion, at_ms: now, values, page }));
        Ok(())
    }
}

/// Forms by GUID.
pub(crate) type Forms = BTreeMap<String, Form>;
