//! Tooling API: custom fields, messages with the flows that send them, and queries about the schema.

use http::Method;
use serde_json::{Value, json};

use super::State;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::records::created;
use super::schema::{FieldSpec, FieldType};
use super::wire::{Answer, Call};
use super::{automations, queries, records};

/// Where custom fields of tasks and events are defined.
const ACTIVITY: &str = "Activity";

/// The objects that have the fields which are defined at [`ACTIVITY`].
const ACTIVITIES: [&str; 2] = ["Task", "Event"];

/// `/tooling/…`.
pub(crate) fn serve(state: &mut State, call: &Call, rest: &[&str]) -> Outcome<Answer> {
    match (&call.method, rest) {
        (&Method::GET, ["query"]) => queries::first(state, call, false),
        (&Method::GET, ["query", locator]) => queries::more(state, call, locator),
        (&Method::POST, ["sobjects", "CustomField"]) => add_field(state, call),
        (&Method::PATCH, ["sobjects", "CustomField", id]) => change_field(state, call, id),
        (&Method::DELETE, ["sobjects", "CustomField", id]) => drop_field(state, call, id),
        (&Method::GET, ["sobjects", name @ ("CustomField" | "FieldDefinition" | "EntityDefinition"), id]) => {
            records::one(state, call, name, id)
        }
        (_, ["sobjects", of_one @ ..]) if matches!(of_one.first(), Some(&("WorkflowOutboundMessage" | "Flow" | "FlowDefinition"))) => {
            automations::serve(state, call, of_one)
        }
        _ => Err(Fail::not_found()),
    }
}

fn add_field(state: &mut State, call: &Call) -> Outcome<Answer> {
    let body = call.object()?;
    let full = body
        .get("FullName")
        .and_then(Value::as_str)
        .ok_or_else(|| Fail::on("REQUIRED_FIELD_MISSING", "FullName", "Required fields are missing: [FullName]"))?;
    let (object, name) =
        full.split_once('.').ok_or_else(|| Fail::on("FIELD_INTEGRITY_EXCEPTION", "FullName", "FullName must be Object.Field__c"))?;
    if !name.ends_with("__c") {
        return Err(Fail::on("FIELD_INTEGRITY_EXCEPTION", "FullName", format!("{name} must end in __c")));
    }
    if ACTIVITIES.contains(&object) {
        let message = format!("custom fields of {object} are defined at {ACTIVITY}");
        return Err(Fail::on("FIELD_INTEGRITY_EXCEPTION", "FullName", message));
    }
    let objects: &[&str] = if object == ACTIVITY { &ACTIVITIES } else { &[object] };
    let mut spec = spec(name, &body["Metadata"])?;
    spec.needs_grant = true;
    for object in objects {
        let unknown = || Fail::on("FIELD_INTEGRITY_EXCEPTION", "FullName", format!("There is no object {object}"));
        let table = state.org.table(object).ok_or_else(unknown)?;
        state.org.add_field(table, spec.clone())?;
    }
    let id = state.org.silent_row(
        "CustomField",
        &[("FullName", full), ("DeveloperName", name.trim_end_matches("__c")), ("TableEnumOrId", object)],
        None,
    );
    let id = id.ok_or_else(|| Fail::new(500, "UNKNOWN_EXCEPTION", "the field was made without an id"))?;
    Ok(created(call, "CustomField", id, false))
}

/// A field from the Tooling API's `Metadata`.
fn spec(name: &str, metadata: &Value) -> Outcome<FieldSpec> {
    let text = |key: &str| metadata[key].as_str();
    let number = |key: &str| metadata[key].as_u64().or_else(|| metadata[key].as_str()?.parse().ok()).and_then(|n| u32::try_from(n).ok());
    let flag = |key: &str| metadata[key].as_bool().unwrap_or(false);
    let wanted = text("type").ok_or_else(|| Fail::on("REQUIRED_FIELD_MISSING", "Metadata", "Required fields are missing: [type]"))?;
    let kind =
        FieldType::read(wanted).ok_or_else(|| Fail::on("FIELD_INTEGRITY_EXCEPTION", "type", format!("{wanted} is no field type")))?;
    let mut spec = FieldSpec::new(name, kind);
    if let Some(label) = text("label") {
        spec.label = label.to_owned();
    }
    if wanted == "Text" && number("length").is_none() {
        return Err(Fail::on("FIELD_INTEGRITY_EXCEPTION", "length", "Must specify 'length' for a CustomField of type Text"));
    }
    spec.length = number("length").unwrap_or(if wanted == "LongTextArea" { 32_768 } else { spec.length });
    spec.precision = number("precision").unwrap_or(spec.precision);
    spec.scale = number("scale").unwrap_or(spec.scale);
    spec.required = flag("required");
    spec.unique = flag("unique");
    spec.external_id = flag("externalId");
    spec.id_lookup = spec.external_id;
    spec.case_sensitive = flag("caseSensitive");
    let set = &metadata["valueSet"];
    spec.restricted = set["restricted"].as_bool().unwrap_or(false);
    for value in set["valueSetDefinition"]["value"].as_array().into_iter().flatten() {
        let name = value["fullName"].as_str().or_else(|| value["valueName"].as_str()).unwrap_or_default();
        spec.values.push(name.to_owned());
        if value["default"] == true {
            spec.default = Some(json!(name));
        }
    }
    if let Some(target) = text("referenceTo") {
        spec.reference_to = vec![target.to_owned()];
        spec.child_relationship = text("relationshipName").map(|n| format!("{n}__r"));
    }
    if kind == FieldType::Boolean && metadata["defaultValue"].is_null() {
        return Err(Fail::on(
            "FIELD_INTEGRITY_EXCEPTION",
            "defaultValue",
            "Must specify 'defaultValue' for a CustomField of type Checkbox",
        ));
    }
    Ok(spec)
}

/// Object and field that a `CustomField` row stands for.
fn field_of(state: &State, id: &str) -> Outcome<(usize, u32, String, String)> {
    let id = SfId::parse(id).ok_or_else(Fail::not_found)?;
    let table = state.org.named("CustomField")?;
    let ord = state.org.live(table, id)?;
    let full = state.org.text_of(table, ord, "FullName");
    let (object, name) = full.split_once('.').ok_or_else(Fail::not_found)?;
    Ok((table, ord, object.to_owned(), name.to_owned()))
}

fn change_field(state: &mut State, call: &Call, id: &str) -> Outcome<Answer> {
    let body = call.object()?;
    let (_, _, object, name) = field_of(state, id)?;
    let fresh = spec(&name, &body["Metadata"])?;
    let objects: &[&str] = if object == ACTIVITY { &ACTIVITIES } else { &[object.as_str()] };
    let now = state.org.clock.now_ms();
    for object in objects {
        let table = state.org.named(object)?;
        let t = &mut state.org.tables[table];
        let slot = t.slot(&name).ok_or_else(Fail::not_found)?;
        if let Some(field) = t.field_mut(slot) {
            if field.spec.kind != fresh.kind || field.spec.indexed() != fresh.indexed() {
                return Err(Fail::on("FIELD_INTEGRITY_EXCEPTION", "type", "The type of a field in use cannot be changed"));
            }
            field.spec = FieldSpec { needs_grant: field.spec.needs_grant, ..fresh.clone() };
        }
        t.schema_ms = now;
    }
    Ok(Answer::empty(204))
}

fn drop_field(state: &mut State, _call: &Call, id: &str) -> Outcome<Answer> {
    let (table, ord, object, name) = field_of(state, id)?;
    let objects: &[&str] = if object == ACTIVITY { &ACTIVITIES } else { &[object.as_str()] };
    objects.iter().try_for_each(|object| state.org.remove_field(object, &name))?;
    state.org.tables[table].put(ord, None);
    Ok(Answer::empty(204))
}
