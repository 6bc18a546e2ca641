//! Outbound messages and the record-triggered flows that send them, as the Tooling API makes and changes them.
//!
//! Sources: Tooling API reference, objects `WorkflowOutboundMessage` (32.0 and later: POST, PATCH, DELETE with `FullName` and `Metadata`), `Flow` and
//! `FlowDefinition` (34.0 and later: a flow's first version makes its definition; `activeVersionNumber` of the definition's metadata puts a
//! version in force, 0 puts none); Metadata API, types of the same names.

use http::Method;
use serde_json::{Value, json};

use super::State;
use super::cell::Cell;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::Org;
use super::outbound::OutboundRule;
use super::records::created;
use super::wire::{Answer, Call};

/// A flow with its versions.
#[derive(Debug)]
pub(crate) struct Automation {
    definition: SfId,
    name: String,
    /// Ids and metadata of the versions, the first first.
    versions: Vec<(SfId, Value)>,
    /// Number of the version in force, 0 for none.
    active: usize,
}

impl Automation {
    /// Whether the version in force sends this message when a row of the object is saved.
    fn sends(&self, object: &str, message: &str) -> bool {
        let Some((_, metadata)) = self.active.checked_sub(1).and_then(|at| self.versions.get(at)) else { return false };
        let start = &metadata["start"];
        let saved = start["triggerType"] == "RecordAfterSave" && start["recordTriggerType"] == "CreateAndUpdate";
        let ours = start["object"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(object));
        let next = &start["connector"]["targetReference"];
        saved && ours && calls(metadata).any(|call| &call["name"] == next && call["actionName"].as_str() == Some(message))
    }
}

/// Calls of outbound messages in a flow's metadata.
fn calls(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["actionCalls"].as_array().into_iter().flatten().filter(|call| call["actionType"] == "outboundMessage")
}

fn required<'a>(value: &'a Value, name: &str) -> Outcome<&'a str> {
    let missing = || Fail::on("REQUIRED_FIELD_MISSING", name, format!("Required fields are missing: [{name}]"));
    value[name].as_str().filter(|text| !text.is_empty()).ok_or_else(missing)
}

/// `/tooling/sobjects/{WorkflowOutboundMessage, Flow, FlowDefinition}…`.
pub(crate) fn serve(state: &mut State, call: &Call, rest: &[&str]) -> Outcome<Answer> {
    match (&call.method, rest) {
        (&Method::POST, ["WorkflowOutboundMessage"]) => add_message(state, call),
        (&Method::GET, ["WorkflowOutboundMessage", id]) => message(&state.org, id),
        (&Method::PATCH, ["WorkflowOutboundMessage", id]) => change_message(state, call, id),
        (&Method::POST, ["Flow"]) => add_flow(state, call),
        (&Method::PATCH, ["FlowDefinition", id]) => put_in_force(state, call, id),
        _ => Err(Fail::not_found()),
    }
}

/// The definition of an outbound message, row by row as the Tooling API gives it.
fn message(org: &Org, id: &str) -> Outcome<Answer> {
    let id = SfId::parse(id).ok_or_else(Fail::not_found)?;
    let table = org.named("WorkflowOutboundMessage")?;
    let row = org.live(table, id)?;
    let rule = org.outbound.iter().find(|rule| rule.action == Some(id)).ok_or_else(Fail::not_found)?;
    let text = |field: &str| org.text_of(table, row, field);
    // Rules that a person set up send under the name of whoever it was.
    let of_a_person = || SfId::parse(&org.users.integration).map(|user| org.text_of_row(user, "Username"));
    let sender = Some(rule.sender.clone()).filter(|sender| !sender.is_empty()).or_else(of_a_person);
    Ok(Answer::json(
        200,
        json!({
            "attributes": {"type": "WorkflowOutboundMessage"}, "Id": id.to_string(), "Name": text("Name"), "FullName": text("FullName"),
            "Metadata": {
                "apiVersion": 62.0, "description": null, "endpointUrl": rule.url, "fields": rule.fields, "includeSessionId": false,
                "integrationUser": sender, "name": text("Name"), "protected": false, "urls": null, "useDeadLetterQueue": false
            }
        }),
    ))
}

/// What the metadata of a message must hold: the rule that it makes, dormant until something sends it.
fn rule_of(org: &Org, object: &str, metadata: &Value) -> Outcome<OutboundRule> {
    let table = org.table(object).ok_or_else(|| Fail::on("INVALID_FIELD", "FullName", format!("Unknown object: {object}")))?;
    let url = required(metadata, "endpointUrl")?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Fail::on("FIELD_INTEGRITY_EXCEPTION", "endpointUrl", "Invalid Endpoint URL"));
    }
    required(metadata, "name")?;
    for flag in ["includeSessionId", "protected"] {
        if !metadata[flag].is_boolean() {
            return Err(Fail::on("REQUIRED_FIELD_MISSING", flag, format!("Required fields are missing: [{flag}]")));
        }
    }
    let sender = required(metadata, "integrationUser")?;
    let mut known = false;
    org.each_live("User", |t, row| {
        known |= t.slot("Username").is_some_and(|slot| row.cell(slot).plain(super::schema::FieldType::String) == sender)
    });
    if !known {
        return Err(Fail::on("INVALID_CROSS_REFERENCE_KEY", "integrationUser", format!("no User named {sender} found")));
    }
    let fields: Vec<&str> = metadata["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if let Some(stranger) = fields.iter().find(|field| org.tables[table].slot(field).is_none()) {
        return Err(Fail::on("INVALID_FIELD", "fields", format!("Field {stranger} does not exist. Check spelling.")));
    }
    let mut rule = OutboundRule::new(object, url, &fields);
    rule.sender = sender.to_owned();
    rule.dormant = true;
    Ok(rule)
}

fn add_message(state: &mut State, call: &Call) -> Outcome<Answer> {
    let body = Value::Object(call.object()?);
    let full = required(&body, "FullName")?;
    let (object, developer) =
        full.split_once('.').ok_or_else(|| Fail::on("FIELD_INTEGRITY_EXCEPTION", "FullName", "FullName must be Object.Message"))?;
    let is_name = developer.starts_with(|c: char| c.is_ascii_alphabetic())
        && developer.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !developer.ends_with('_')
        && !developer.contains("__");
    if !is_name {
        return Err(Fail::on("INVALID_FULL_NAME", "FullName", format!("{developer} is no developer name")));
    }
    let rule = rule_of(&state.org, object, &body["Metadata"])?;
    let mut taken = false;
    state.org.each_live("WorkflowOutboundMessage", |t, row| {
        taken |= t.slot("FullName").is_some_and(|slot| row.cell(slot).plain(super::schema::FieldType::String) == full);
    });
    if taken {
        return Err(Fail::on("DUPLICATE_DEVELOPER_NAME", "FullName", "The developer name is already used by another outbound message"));
    }
    let id = state.org.keep_message(rule, required(&body["Metadata"], "name")?, full);
    let id = id.ok_or_else(|| Fail::new(500, "UNKNOWN_EXCEPTION", "the message was made without an id"))?;
    state.org.wake_messages();
    Ok(created(call, "WorkflowOutboundMessage", id, false))
}

fn change_message(state: &mut State, call: &Call, id: &str) -> Outcome<Answer> {
    let body = call.object()?;
    let id = SfId::parse(id).ok_or_else(Fail::not_found)?;
    let at = state.org.outbound.iter().position(|rule| rule.action == Some(id)).ok_or_else(Fail::not_found)?;
    let fresh = rule_of(&state.org, &state.org.outbound[at].object, &body["Metadata"])?;
    let rule = &mut state.org.outbound[at];
    (rule.url, rule.fields) = (fresh.url, fresh.fields);
    if !rule.sender.is_empty() {
        rule.sender = fresh.sender;
    }
    Ok(Answer::empty(204))
}

fn add_flow(state: &mut State, call: &Call) -> Outcome<Answer> {
    let body = Value::Object(call.object()?);
    let name = required(&body, "FullName")?.to_owned();
    let metadata = body["Metadata"].clone();
    let label = required(&metadata, "label")?.to_owned();
    required(&metadata, "processType")?;
    for sent in calls(&metadata) {
        let sent = required(sent, "actionName")?;
        let mut known = false;
        state.org.each_live("WorkflowOutboundMessage", |t, row| {
            known |= t.slot("FullName").is_some_and(|slot| row.cell(slot).plain(super::schema::FieldType::String) == sent);
        });
        if !known {
            return Err(Fail::on("FIELD_INTEGRITY_EXCEPTION", "Metadata", format!("The outbound message {sent} doesn't exist.")));
        }
    }
    let at = match state.org.automations.iter().position(|flow| flow.name == name) {
        Some(at) => at,
        None => {
            let cells = [("DeveloperName", name.as_str()), ("MasterLabel", label.as_str())];
            let definition = state.org.silent_row("FlowDefinition", &cells, None);
            let definition = definition.ok_or_else(|| Fail::new(500, "UNKNOWN_EXCEPTION", "the flow was made without a definition"))?;
            state.org.automations.push(Automation { definition, name, versions: Vec::new(), active: 0 });
            state.org.automations.len() - 1
        }
    };
    let definition = state.org.automations[at].definition;
    let is_active = metadata["status"] == "Active";
    let id = state.org.silent_row("Flow", &[("MasterLabel", &label), ("Status", "Draft")], Some(("DefinitionId", definition)));
    let id = id.ok_or_else(|| Fail::new(500, "UNKNOWN_EXCEPTION", "the flow was made without an id"))?;
    let flow = &mut state.org.automations[at];
    flow.versions.push((id, metadata));
    let number = flow.versions.len();
    state.org.set_cell(id, "VersionNumber", Cell::Num(number as f64));
    if is_active {
        state.org.activate(at, number);
    }
    Ok(created(call, "Flow", id, false))
}

fn put_in_force(state: &mut State, call: &Call, id: &str) -> Outcome<Answer> {
    let body = call.object()?;
    let id = SfId::parse(id).ok_or_else(Fail::not_found)?;
    let at = state.org.automations.iter().position(|flow| flow.definition == id).ok_or_else(Fail::not_found)?;
    let number = body.get("Metadata").and_then(|metadata| metadata["activeVersionNumber"].as_u64());
    let number =
        number.and_then(|number| usize::try_from(number).ok()).filter(|number| *number <= state.org.automations[at].versions.len());
    let Some(number) = number else {
        return Err(Fail::on("FIELD_INTEGRITY_EXCEPTION", "activeVersionNumber", "There is no version of this number"));
    };
    state.org.activate(at, number);
    Ok(Answer::empty(204))
}

impl Org {
    /// Puts a version of a flow in force, or none.
    fn activate(&mut self, at: usize, number: usize) {
        let flow = &mut self.automations[at];
        flow.active = number;
        let statuses: Vec<(SfId, &str)> = flow
            .versions
            .iter()
            .enumerate()
            .map(|(place, (id, _))| (*id, if place + 1 == number { "Active" } else { "Obsolete" }))
            .collect();
        for (id, status) in statuses {
            self.set_cell(id, "Status", Cell::text(status));
        }
        self.wake_messages();
    }

    pub(crate) fn switch_flows_off(&mut self) {
        for at in 0..self.automations.len() {
            self.activate(at, 0);
        }
    }

    /// Messages that the Tooling API made are sent by what is in force alone.
    fn wake_messages(&mut self) {
        for at in 0..self.outbound.len() {
            let Some(action) = self.outbound[at].action.filter(|_| !self.outbound[at].sender.is_empty()) else { continue };
            let message = self.text_of_row(action, "FullName");
            let object = self.outbound[at].object.clone();
            self.outbound[at].dormant = !self.automations.iter().any(|flow| flow.sends(&object, &message));
        }
    }

    fn set_cell(&mut self, id: SfId, field: &str, cell: Cell) {
        let Some((table, ord)) = self.locate(id) else { return };
        let t = &mut self.tables[table];
        if let (Some(slot), Some(mut row)) = (t.slot(field), t.row(ord).cloned()) {
            row.set(slot, Some(cell));
            t.put(ord, Some(row));
        }
    }
}
