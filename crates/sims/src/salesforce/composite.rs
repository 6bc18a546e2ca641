//! Several calls in one: composite with references, batch, and trees of records.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::State;
use super::fail::{Fail, Outcome};
use super::http::{route, split};
use super::id::SfId;
use super::records::object;
use super::wire::{Answer, Call};
use crate::faults::Fault;

/// Parts of one composite or batch.
const PARTS_MAX: usize = 25;
/// Of these, queries and collections.
const WIDE_PARTS_MAX: usize = 5;
/// Records of one tree call.
const TREE_RECORDS_MAX: usize = 200;
/// Levels of one tree.
const TREE_DEPTH_MAX: usize = 5;

fn halted(message: &str) -> Fail {
    Fail::bad("PROCESSING_HALTED", message)
}

/// A part as a call of its own, for the same user.
fn part(call: &Call, method: &str, target: &str, body: Option<&Value>, headers: Option<&Map<String, Value>>) -> Outcome<Call> {
    let (mut segments, query) = split(target);
    if segments.first().is_some_and(|s| s == "services") {
        segments.drain(..2.min(segments.len()));
    }
    let version = segments.first().and_then(|s| s.strip_prefix('v')).map(str::to_owned);
    let version = version.ok_or_else(|| Fail::bad("INVALID_SUBREQUEST", format!("{target} is no path of the API")))?;
    segments.remove(0);
    let mut merged: HeaderMap = call.headers.clone();
    for (name, value) in headers.into_iter().flatten() {
        if let (Ok(name), Some(Ok(value))) = (HeaderName::from_bytes(name.as_bytes()), value.as_str().map(HeaderValue::from_str)) {
            merged.insert(name, value);
        }
    }
    Ok(Call {
        method: Method::from_bytes(method.as_bytes()).map_err(|_| Fail::method())?,
        segments,
        query,
        headers: merged,
        body: body.map(|value| Bytes::from(value.to_string())).unwrap_or_default(),
        origin: call.origin.clone(),
        version,
        user: call.user,
        fault: None,
        luck: call.luck,
    })
}

/// `POST /composite`.
pub(crate) fn requests(state: &mut State, call: &Call) -> Outcome<Answer> {
    let body = call.object()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let Some(Value::Array(items)) = body.get("compositeRequest") else {
        return Err(Fail::json("compositeRequest must be an array"));
    };
    if items.len() > PARTS_MAX {
        return Err(Fail::bad("LIMIT_EXCEEDED", format!("The number of subrequests must not be more than {PARTS_MAX}")));
    }
    let wide =
        items.iter().filter_map(|item| item["url"].as_str()).filter(|url| url.contains("/query") || url.contains("/composite/sobjects"));
    if wide.count() > WIDE_PARTS_MAX {
        return Err(Fail::bad("LIMIT_EXCEEDED", format!("At most {WIDE_PARTS_MAX} subrequests may be queries or collections")));
    }
    let locked = (call.fault == Some(Fault::Collision) && !items.is_empty()).then(|| (call.luck % items.len() as u64) as usize);
    let mark = all_or_none.then(|| state.org.begin());
    let mut known: Map<String, Value> = Map::new();
    let mut answers: Vec<(String, Answer)> = Vec::new();
    let mut failed = None;
    for (at, item) in items.iter().enumerate() {
        let reference = item["referenceId"].as_str().unwrap_or_default().to_owned();
        let answer: Answer = if all_or_none && failed.is_some() {
            Answer::refusal(&transaction_failed())
        } else if locked == Some(at) && item["method"] != "GET" {
            Answer::refusal(&Fail::locked())
        } else {
            one(state, call, item, &known).into()
        };
        if answer.status >= 300 {
            failed = failed.or(Some(at));
        } else {
            known.insert(reference.clone(), answer.value());
        }
        answers.push((reference, answer));
    }
    if let (Some(mark), Some(culprit)) = (mark, failed) {
        state.org.rollback(mark);
        for (at, (_, answer)) in answers.iter_mut().enumerate() {
            if at != culprit {
                *answer = Answer::refusal(&transaction_failed());
            }
        }
    }
    let list: Vec<Value> = answers
        .into_iter()
        .map(|(reference, answer)| {
            let headers: Map<String, Value> = answer.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            json!({"body": answer.value(), "httpHeaders": headers, "httpStatusCode": answer.status, "referenceId": reference})
        })
        .collect();
    Ok(Answer::json(200, json!({"compositeResponse": list})))
}

fn transaction_failed() -> Fail {
    halted("The transaction was rolled back since another operation in the same transaction failed.")
}

fn one(state: &mut State, call: &Call, item: &Value, known: &Map<String, Value>) -> Outcome<Answer> {
    let url = filled(item["url"].as_str().unwrap_or_default(), known, true)?;
    let body = item.get("body").map(|body| filled_value(body, known)).transpose()?;
    let sub =
        part(call, item["method"].as_str().unwrap_or("GET"), &url, body.as_ref(), item.get("httpHeaders").and_then(Value::as_object))?;
    route(state, &sub)
}

/// Replaces each `@{ref.path}` of a text.
fn filled(text: &str, known: &Map<String, Value>, in_url: bool) -> Outcome<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((path, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        let value = look_up(path, known).ok_or_else(|| halted(&format!("Invalid reference specified. No value for {path} found")))?;
        let plain = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if in_url {
            out.extend(utf8_percent_encode(&plain, NON_ALPHANUMERIC));
        } else {
            out.push_str(&plain);
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

fn filled_value(value: &Value, known: &Map<String, Value>) -> Outcome<Value> {
    Ok(match value {
        Value::String(text) => Value::String(filled(text, known, false)?),
        Value::Array(items) => Value::Array(items.iter().map(|item| filled_value(item, known)).collect::<Outcome<_>>()?),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| Ok((key.clone(), filled_value(value, known)?))).collect::<Outcome<_>>()?)
        }
        other => other.clone(),
    })
}

/// `q1.records[0].Id`.
fn look_up<'a>(path: &str, known: &'a Map<String, Value>) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let mut here: Option<&Value> = None;
    for part in parts.by_ref() {
        let (name, indexes) = part.split_once('[').map_or((part, ""), |(name, rest)| (name, rest));
        let mut next = match here {
            None => known.get(name)?,
            Some(value) => value.get(name)?,
        };
        for index in indexes.split('[').filter(|i| !i.is_empty()) {
            next = next.get(index.trim_end_matches(']').parse::<usize>().ok()?)?;
        }
        here = Some(next);
    }
    here
}

/// `POST /composite/batch`.
pub(crate) fn batch(state: &mut State, call: &Call) -> Outcome<Answer> {
    let body = call.object()?;
    let halt = body.get("haltOnError").and_then(Value::as_bool).unwrap_or(false);
    let Some(Value::Array(items)) = body.get("batchRequests") else {
        return Err(Fail::json("batchRequests must be an array"));
    };
    if items.len() > PARTS_MAX {
        return Err(Fail::bad("LIMIT_EXCEEDED", format!("The number of subrequests must not be more than {PARTS_MAX}")));
    }
    let locked = (call.fault == Some(Fault::Collision) && !items.is_empty()).then(|| (call.luck % items.len() as u64) as usize);
    let mut failed = false;
    let mut results = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let answer: Answer = if halt && failed {
            Answer::refusal(&Fail::new(
                412,
                "BATCH_PROCESSING_HALTED",
                "Batch processing halted because of an error in a previous subrequest",
            ))
        } else if locked == Some(at) && item["method"] != "GET" {
            Answer::refusal(&Fail::locked())
        } else {
            let target = item["url"].as_str().unwrap_or_default();
            part(call, item["method"].as_str().unwrap_or("GET"), target, item.get("richInput"), None)
                .and_then(|sub| route(state, &sub))
                .into()
        };
        failed |= answer.status >= 400;
        results.push(json!({"statusCode": answer.status, "result": answer.value()}));
    }
    Ok(Answer::json(200, json!({"hasErrors": failed, "results": results})))
}

/// `POST /composite/tree/{X}`: all or nothing.
pub(crate) fn tree(state: &mut State, call: &Call, name: &str) -> Outcome<Answer> {
    let table = object(state, name)?;
    let body = call.object()?;
    let Some(Value::Array(items)) = body.get("records") else {
        return Err(Fail::json("records must be an array"));
    };
    let mark = state.org.begin();
    let mut grown = Grown { call, ids: Vec::new(), errors: Vec::new(), records: 0 };
    if call.fault == Some(Fault::Collision) {
        grown.errors.push(json!({"referenceId": "", "errors": [Fail::locked().item()]}));
    }
    for item in items {
        grown.plant(state, table, item, None, 1);
    }
    if grown.errors.is_empty() {
        return Ok(Answer::json(201, json!({"hasErrors": false, "results": grown.ids})));
    }
    state.org.rollback(mark);
    Ok(Answer::json(400, json!({"hasErrors": true, "results": grown.errors})))
}

struct Grown<'a> {
    call: &'a Call,
    ids: Vec<Value>,
    errors: Vec<Value>,
    records: usize,
}

impl Grown<'_> {
    fn plant(&mut self, state: &mut State, table: usize, item: &Value, parent: Option<(u16, SfId)>, depth: usize) {
        let reference = item["attributes"]["referenceId"].as_str().unwrap_or_default().to_owned();
        match self.create(state, table, item, parent, depth) {
            Err(fail) => self.errors.push(json!({"referenceId": reference, "errors": [fail.item()]})),
            Ok((id, children)) => {
                self.ids.push(json!({"referenceId": reference, "id": id.as_str()}));
                for (child, slot, records) in children {
                    for record in &records {
                        self.plant(state, child, record, Some((slot, id)), depth + 1);
                    }
                }
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "an id and its children: table, reference slot, records")]
    fn create(
        &mut self,
        state: &mut State,
        table: usize,
        item: &Value,
        parent: Option<(u16, SfId)>,
        depth: usize,
    ) -> Outcome<(SfId, Vec<(usize, u16, Vec<Value>)>)> {
        self.records += 1;
        if self.records > TREE_RECORDS_MAX || depth > TREE_DEPTH_MAX {
            return Err(Fail::bad("LIMIT_EXCEEDED", format!("A tree holds at most {TREE_RECORDS_MAX} records on {TREE_DEPTH_MAX} levels")));
        }
        let mut fields = item.as_object().cloned().ok_or_else(|| Fail::json("Every record must be an object"))?;
        let own = state.org.tables[table].name.clone();
        let mut children = Vec::new();
        for (t, at) in state.org.tables.iter().zip(0..) {
            for (slot, field) in t.fields() {
                let Some(name) = field.spec.child_relationship.as_ref().filter(|_| field.spec.reference_to.contains(&own)) else {
                    continue;
                };
                let found = fields.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
                let nested = found.filter(|key| fields[key.as_str()].get("records").is_some()).and_then(|key| fields.shift_remove(&key));
                if let Some(Value::Array(records)) = nested.and_then(|mut value| value.get_mut("records").map(Value::take)) {
                    children.push((at, slot, records));
                }
            }
        }
        if let Some((slot, id)) = parent
            && let Some(field) = state.org.tables[table].field(slot)
        {
            fields.insert(field.spec.name.clone(), json!(id.as_str()));
        }
        Ok((state.org.insert(table, &fields, &self.call.actor())?, children))
    }
}
