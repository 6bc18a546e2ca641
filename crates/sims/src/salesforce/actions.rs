//! Flows, approvals and workflow rules, as far as a client can start them.

use std::collections::HashMap;

use http::Method;
use serde_json::{Map, Value, json};

use super::State;
use super::approvals;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::wire::{Answer, Call};

/// What an autolaunched flow does: from its inputs to its outputs, or a message.
pub type FlowBody = Box<dyn Fn(&Map<String, Value>) -> Result<Map<String, Value>, String> + Send + Sync>;

/// One approval under way.
pub(crate) struct Approval {
    pub instance: SfId,
    pub record: SfId,
}

/// A flow: its name, the names of its inputs, what it does.
pub(crate) struct Flow {
    pub name: String,
    pub inputs: Vec<String>,
    pub run: FlowBody,
}

/// What can be started.
#[derive(Default)]
pub(crate) struct Actions {
    pub flows: Vec<Flow>,
    /// Object, name, id.
    pub processes: Vec<(String, String, SfId)>,
    /// By work item.
    pub pending: HashMap<SfId, Approval>,
    serial: u64,
}

impl Actions {
    pub fn next_id(&mut self, prefix: &[u8; 3], pod: [u8; 3]) -> SfId {
        self.serial += 1;
        SfId::new(*prefix, pod, self.serial)
    }
}

/// `/actions/…`.
pub(crate) fn actions(state: &mut State, call: &Call, rest: &[&str]) -> Outcome<Answer> {
    let base = call.base();
    match (&call.method, rest) {
        (&Method::GET, []) => {
            Ok(Answer::json(200, json!({"standard": format!("{base}/actions/standard"), "custom": format!("{base}/actions/custom")})))
        }
        (&Method::GET, ["standard"]) => {
            let list = [("Convert Lead", "convertLead"), ("Post to Chatter", "chatterPost"), ("Send Email", "emailSimple")];
            let list: Vec<Value> = list
                .iter()
                .map(|(label, name)| json!({"label": label, "name": name, "type": name.to_uppercase(), "url": format!("{base}/actions/standard/{name}")}))
                .collect();
            Ok(Answer::json(200, json!({"actions": list})))
        }
        (&Method::GET, ["custom"]) => {
            Ok(Answer::json(200, json!({"flow": format!("{base}/actions/custom/flow"), "apex": format!("{base}/actions/custom/apex")})))
        }
        (&Method::GET, ["custom", "flow"]) => {
            let one = |name: &str| json!({"label": name.replace('_', " "), "name": name, "type": "FLOW", "url": format!("{base}/actions/custom/flow/{name}")});
            let list: Vec<Value> = state.actions.flows.iter().map(|flow| one(&flow.name)).collect();
            Ok(Answer::json(200, json!({"actions": list})))
        }
        (&Method::GET, ["custom", "apex"]) => Ok(Answer::json(200, json!({"actions": []}))),
        (&Method::GET, ["custom", "flow", name]) => {
            let known = state.actions.flows.iter().find(|flow| flow.name == *name).ok_or_else(Fail::not_found)?;
            let inputs: Vec<Value> = known
                .inputs
                .iter()
                .map(|input| json!({"byteLength": 0, "description": null, "label": input, "maxOccurs": 1, "name": input, "required": false, "sobjectType": null, "type": "STRING"}))
                .collect();
            Ok(Answer::json(
                200,
                json!({"description": null, "inputs": inputs, "label": name.replace('_', " "), "name": name, "outputs": [], "standard": false,
                "targetEntityName": null, "type": "FLOW"}),
            ))
        }
        (&Method::POST, ["custom", "flow", name]) => run_flow(state, call, name),
        _ => Err(Fail::not_found()),
    }
}

fn run_flow(state: &mut State, call: &Call, name: &str) -> Outcome<Answer> {
    let body = call.object()?;
    let at = state.actions.flows.iter().position(|flow| flow.name == name).ok_or_else(Fail::not_found)?;
    let inputs = match body.get("inputs") {
        Some(Value::Array(inputs)) if !inputs.is_empty() => inputs.clone(),
        _ => vec![json!({})],
    };
    let mut failed = false;
    let mut results = Vec::new();
    for input in inputs {
        let empty = Map::new();
        let guid = state.actions.next_id(b"0Fo", state.org.pod);
        let outcome = (state.actions.flows[at].run)(input.as_object().unwrap_or(&empty));
        results.push(match outcome {
            Ok(outputs) => {
                let mut values = Map::new();
                values.insert("Flow__InterviewStatus".to_owned(), json!("Finished"));
                values.insert("Flow__InterviewGuid".to_owned(), json!(guid.as_str()));
                values.extend(outputs);
                json!({"actionName": name, "errors": null, "isSuccess": true, "outputValues": values})
            }
            Err(message) => {
                failed = true;
                json!({"actionName": name, "errors": [{"statusCode": "UNKNOWN_EXCEPTION", "message": message, "fields": []}], "isSuccess": false,
                    "outputValues": {"Flow__InterviewStatus": "Error", "Flow__InterviewGuid": guid.as_str()}})
            }
        });
    }
    Ok(Answer::json(if failed { 400 } else { 200 }, Value::Array(results)))
}

/// `/process/…`.
pub(crate) fn process(state: &mut State, call: &Call, rest: &[&str]) -> Outcome<Answer> {
    match (&call.method, rest) {
        (&Method::GET, ["approvals"]) => {
            let mut by_object = Map::new();
            for ((object, name, id), order) in state.actions.processes.iter().zip(1..) {
                let entry = by_object.entry(object.clone()).or_insert_with(|| json!([]));
                if let Value::Array(list) = entry {
                    list.push(json!({"description": null, "id": id.as_str(), "name": name, "object": object, "sortOrder": order}));
                }
            }
            Ok(Answer::json(200, json!({"approvals": by_object})))
        }
        (&Method::POST, ["approvals"]) => {
            let body = call.object()?;
            let requests = body.get("requests").and_then(Value::as_array).cloned().unwrap_or_default();
            let results: Vec<Outcome<Value>> = requests.iter().map(|request| approvals::decide(state, call, request)).collect();
            if let Some(Err(fail)) = results.iter().find(|r| r.is_err()) {
                return Err(fail.clone());
            }
            Ok(Answer::json(200, Value::Array(results.into_iter().filter_map(Result::ok).collect())))
        }
        (&Method::GET, ["rules"]) => Ok(Answer::json(200, json!({"rules": {}}))),
        (&Method::POST, ["rules"]) => Ok(Answer::json(200, json!({"errors": null, "success": true}))),
        _ => Err(Fail::not_found()),
    }
}
