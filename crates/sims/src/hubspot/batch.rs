//! Batches of up to a hundred records. A row that carries a trace id fails alone; without one, a bad row fails the whole call.

use std::collections::{BTreeSet, HashSet};

use http::Method;
use serde_json::{Map, Value};

use super::call::Call;
use super::edits::Values;
use super::record::{Hand, View, Wanted};
use super::record_routes::Inline;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Most inputs of a batch.
const INPUTS_MAX: usize = 100;
/// Most inputs of a read with history.
const INPUTS_MAX_HISTORY: usize = 50;

/// What one row will do, once every row is checked.
enum Step {
    Create(Values, Inline),
    Update(u64, Values),
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

impl State {
    /// `/objects/{type}/batch/{verb}`.
    pub(crate) fn batch_routes(&mut self, call: &Call, kind: usize, verb: &str) -> Outcome {
        if call.method != Method::POST {
            return Err(Refusal::new(405, "VALIDATION_ERROR", "Method not allowed"));
        }
        match verb {
            "read" => self.batch_read(call, kind),
            "create" | "update" | "upsert" => self.batch_write(call, kind, verb),
            "archive" => {
                for id in ids(call.inputs(INPUTS_MAX)?)? {
                    if let Some(found) = self.find(kind, &id, None) {
                        self.archive(kind, found, Hand::Integration);
                    }
                }
                Ok(Answer::nothing())
            }
            _ => Err(Refusal::resource()),
        }
    }

    fn batch_read(&self, call: &Call, kind: usize) -> Outcome {
        let wanted = Wanted {
            properties: names(&call.body["properties"]),
            history: names(&call.body["propertiesWithHistory"]),
            associations: Vec::new(),
        };
        let inputs = call.inputs(if wanted.history.is_empty() { INPUTS_MAX } else { INPUTS_MAX_HISTORY })?;
        let by = call.body["idProperty"].as_str();
        self.id_property(kind, by)?;
        let archived = call.query("archived") == Some("true");
        let (mut results, mut missing) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for id in ids(inputs)? {
            let found = if archived {
                id.parse().ok().filter(|id| self.records[kind].get(id).is_some_and(|record| record.archived_ms.is_some()))
            } else {
                self.find(kind, &id, by)
            };
            match found.and_then(|id| self.records[kind].get(&id)) {
                Some(record) if seen.insert(record.id) => results.push(self.shown(&View::now(record), &wanted)),
                Some(_) => {}
                None => missing.push(id),
            }
        }
        let errors = if missing.is_empty() { Vec::new() } else { vec![Refusal::missing(&missing).row(None, None)] };
        Ok(call.batch(200, results, errors))
    }

    fn batch_write(&mut self, call: &Call, kind: usize, verb: &str) -> Outcome {
        let inputs = call.inputs(INPUTS_MAX)?;
        if verb != "create" {
            ids(inputs)?;
        }
        let mut taken: HashSet<(String, String)> = HashSet::new();
        let mut steps = Vec::with_capacity(inputs.len());
        let mut errors = Vec::new();
        for input in inputs {
            let trace = input["objectWriteTraceId"].as_str();
            let step = self.step(kind, verb, input).and_then(|step| {
                let (Step::Create(values, _) | Step::Update(_, values)) = &step;
                for (name, value) in values.iter().filter(|(name, value)| !value.is_empty() && self.is_unique(kind, name)) {
                    if !taken.insert((name.clone(), value.to_lowercase())) {
                        return Err(Refusal::conflict(format!("Two rows of this batch have the same {name}")));
                    }
                }
                Ok(step)
            });
            match step {
                Ok(step) => steps.push((input, step)),
                Err(refusal) if trace.is_some() => errors.push(refusal.row(trace, None)),
                Err(refusal) if refusal.status == 404 => errors.push(refusal.row(None, input["id"].as_str())),
                Err(refusal) => return Err(refusal),
            }
        }
        let mut results = Vec::with_capacity(steps.len());
        for (input, step) in steps {
            let sent: Vec<String> = input["properties"].as_object().map(|given| given.keys().cloned().collect()).unwrap_or_default();
            let new = matches!(step, Step::Create(..));
            let id = match step {
                Step::Create(values, ends) => {
                    let id = self.create(kind, values, Hand::Integration);
                    self.link(kind, id, ends)?;
                    id
                }
                Step::Update(id, values) => {
                    self.update(kind, id, values, Hand::Integration);
                    id
                }
            };
            let mut result = self.echo(kind, id, sent);
            if verb == "upsert" {
                result["new"] = Value::from(new);
            }
            if let Some(trace) = input["objectWriteTraceId"].as_str() {
                result["objectWriteTraceId"] = Value::from(trace);
            }
            results.push(result);
        }
        Ok(call.batch(if verb == "create" { 201 } else { 200 }, results, errors))
    }

    /// Checks one row.
    fn step(&self, kind: usize, verb: &str, input: &Value) -> Result<Step, Refusal> {
        let empty = Map::new();
        let given = input["properties"].as_object().unwrap_or(&empty);
        if verb == "create" {
            let (values, ends) = (self.check(kind, given, None)?, self.inline_ends(&input["associations"])?);
            self.bound(kind, &ends)?;
            return Ok(Step::Create(values, ends));
        }
        let by = input["idProperty"].as_str();
        self.id_property(kind, by)?;
        let id = input["id"].as_str().ok_or_else(|| Refusal::validation("id is required"))?;
        match (self.find(kind, id, by), verb) {
            (Some(found), _) => Ok(Step::Update(found, self.check(kind, given, Some(found))?)),
            (None, "upsert") => {
                let Some(by) = by else { return Err(Refusal::missing(&[id.to_owned()])) };
                let mut whole = given.clone();
                whole.insert(by.to_owned(), Value::from(id));
                // An upsert takes no associations.
                self.bound(kind, &[])?;
                Ok(Step::Create(self.check(kind, &whole, None)?, Inline::new()))
            }
            _ => Err(Refusal::missing(&[id.to_owned()])),
        }
    }
}

/// The ids of a batch, each once.
fn ids(inputs: &[Value]) -> Result<Vec<String>, Refusal> {
    let mut seen = HashSet::new();
    let mut ids = Vec::with_capacity(inputs.len());
    for input in inputs {
        let id = input["id"].as_str().map(str::to_owned).or_else(|| input["id"].as_u64().map(|id| id.to_string()));
        let id = id.ok_or_else(|| Refusal::validation("Invalid input JSON: every input needs an id"))?;
        if !seen.insert(id.to_lowercase()) {
            return Err(Refusal::validation(format!("Duplicate IDs found in batch input: [{id}]. IDs must be unique")));
        }
        ids.push(id);
    }
    Ok(ids)
}
