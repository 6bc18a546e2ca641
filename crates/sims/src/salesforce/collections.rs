//! Up to 200 records in one call, each with its own result.

use std::collections::HashMap;

use http::Method;
use serde_json::{Map, Value, json};

use super::State;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::records::{columns, object};
use super::wire::{Answer, Call};
use super::write::Upserted;
use crate::faults::Fault;

/// Records in one write.
const RECORDS_MAX: usize = 200;
/// Ids in one read by POST.
const IDS_MAX: usize = 2000;

/// One done item: the id, and for upserts whether it is new.
pub(crate) type Done = Outcome<(SfId, Option<bool>)>;

pub(crate) fn serve(state: &mut State, call: &Call, rest: &[&str]) -> Outcome<Answer> {
    match (&call.method, rest) {
        (&Method::POST, []) => write(state, call, |state, call, record| {
            let table = typed(state, record)?;
            Ok((state.org.insert(table, record, &call.actor())?, None))
        }),
        (&Method::PATCH, []) => write(state, call, |state, call, record| {
            let mut fields = record.clone();
            let id = take_id(&mut fields)?;
            let table = match record.get("attributes") {
                Some(_) => typed(state, record)?,
                None => state.org.table_of(id).ok_or_else(Fail::not_found)?,
            };
            state.org.update(table, id, &fields, &call.actor())?;
            Ok((id, None))
        }),
        (&Method::PATCH, [name, key]) => upsert(state, call, name, key),
        (&Method::DELETE, []) => delete(state, call),
        (&Method::GET, [name]) => {
            let split = |text: &str| text.split(',').map(|v| v.trim().to_owned()).collect::<Vec<String>>();
            let (ids, fields) = (call.param("ids").map(split), call.param("fields").map(split));
            retrieve(state, call, name, &ids.unwrap_or_default(), &fields.unwrap_or_default())
        }
        (&Method::POST, [name]) => {
            let body = call.object()?;
            let list = |key: &str| -> Vec<String> {
                let items = body.get(key).and_then(Value::as_array);
                items.map(|items| items.iter().filter_map(Value::as_str).map(str::to_owned).collect()).unwrap_or_default()
            };
            retrieve(state, call, name, &list("ids"), &list("fields"))
        }
        (_, [] | [_] | [_, _]) => Err(Fail::method()),
        _ => Err(Fail::not_found()),
    }
}

/// The table named in a record's attributes.
pub(crate) fn typed(state: &State, record: &Map<String, Value>) -> Outcome<usize> {
    let name = record.get("attributes").and_then(|a| a.get("type")).and_then(Value::as_str);
    let name = name.ok_or_else(|| Fail::bad("INVALID_TYPE", "Must send a valid type in attributes"))?;
    state.org.reachable(name).ok_or_else(|| Fail::invalid_type(name))
}

fn take_id(fields: &mut Map<String, Value>) -> Outcome<SfId> {
    let key = fields.keys().find(|key| key.eq_ignore_ascii_case("id")).cloned();
    let value = key.and_then(|key| fields.shift_remove(&key));
    let text = value.as_ref().and_then(Value::as_str).ok_or_else(|| Fail::bad("MISSING_ARGUMENT", "Id not specified in an update call"))?;
    SfId::parse(text).ok_or_else(|| Fail::on("MALFORMED_ID", "Id", format!("Id: id value of incorrect type: {text}")))
}

/// `records` and `allOrNone` of a body.
fn records_of(call: &Call) -> Outcome<(Vec<Map<String, Value>>, bool)> {
    let body = call.object()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let Some(Value::Array(items)) = body.get("records") else {
        return Err(Fail::json("The request body must have an array of records"));
    };
    if items.len() > RECORDS_MAX {
        return Err(Fail::bad("EXCEEDED_MAX_SOBJECTS", format!("Number of records must not be more than {RECORDS_MAX}")));
    }
    let records = items.iter().map(|item| item.as_object().cloned().ok_or_else(|| Fail::json("Every record must be an object")));
    Ok((records.collect::<Outcome<_>>()?, all_or_none))
}

fn write(state: &mut State, call: &Call, each: impl Fn(&mut State, &Call, &Map<String, Value>) -> Done) -> Outcome<Answer> {
    let (records, all_or_none) = records_of(call)?;
    let locked = locked_item(call, records.len());
    let results =
        together(
            state,
            all_or_none,
            records.len(),
            |state, at| {
                if Some(at) == locked { Err(Fail::locked()) } else { each(state, call, &records[at]) }
            },
        );
    Ok(Answer::json(200, Value::Array(results.iter().map(result).collect())))
}

/// The item that a collision hits.
fn locked_item(call: &Call, items: usize) -> Option<usize> {
    (call.fault == Some(Fault::Collision) && items > 0).then(|| (call.luck % items as u64) as usize)
}

/// Runs every item; with `all_or_none`, one failure takes the others back.
pub(crate) fn together(state: &mut State, all_or_none: bool, items: usize, mut each: impl FnMut(&mut State, usize) -> Done) -> Vec<Done> {
    let mark = all_or_none.then(|| state.org.begin());
    let mut results: Vec<Done> = (0..items).map(|at| each(state, at)).collect();
    if let Some(mark) = mark
        && results.iter().any(Result::is_err)
    {
        state.org.rollback(mark);
        for done in results.iter_mut().filter(|done| done.is_ok()) {
            *done = Err(Fail::rolled_back());
        }
    }
    results
}

fn result(done: &Done) -> Value {
    match done {
        Err(fail) => fail.failed_item(),
        Ok((id, None)) => json!({"id": id.as_str(), "success": true, "errors": []}),
        Ok((id, Some(created))) => json!({"id": id.as_str(), "success": true, "errors": [], "created": created}),
    }
}

fn upsert(state: &mut State, call: &Call, name: &str, key: &str) -> Outcome<Answer> {
    let table = object(state, name)?;
    let by_id = key.eq_ignore_ascii_case("Id");
    if !by_id {
        state.org.key_slot(table, key, &call.actor())?;
    }
    let (records, all_or_none) = records_of(call)?;
    let locked = locked_item(call, records.len());
    let keys: Vec<Option<String>> = records.iter().map(|record| key_value(record, key)).collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for value in keys.iter().flatten() {
        *seen.entry(value.to_lowercase()).or_default() += 1;
    }
    let results = together(state, all_or_none, records.len(), |state, at| {
        if Some(at) == locked {
            return Err(Fail::locked());
        }
        let record = &records[at];
        if typed(state, record)? != table {
            return Err(Fail::bad("INVALID_TYPE", format!("The type of the record must be {name}")));
        }
        let mut fields = record.clone();
        fields.retain(|field, _| !field.eq_ignore_ascii_case(key));
        let Some(value) = &keys[at] else {
            if by_id {
                return Ok((state.org.insert(table, &fields, &call.actor())?, Some(true)));
            }
            return Err(Fail::on("MISSING_ARGUMENT", key, format!("{key} not specified")));
        };
        if seen.get(&value.to_lowercase()).is_some_and(|n| *n > 1) {
            return Err(Fail::on("DUPLICATE_VALUE", key, format!("Duplicate external id specified: {value}")));
        }
        match state.org.upsert(table, key, value, &fields, false, &call.actor())? {
            Upserted::Created(id) => Ok((id, Some(true))),
            Upserted::Updated(id) => Ok((id, Some(false))),
            Upserted::Many(_) => {
                let message = format!("{key}: more than one record found for external id field");
                Err(Fail::on("DUPLICATE_EXTERNAL_ID", key, message))
            }
        }
    });
    Ok(Answer::json(200, Value::Array(results.iter().map(result).collect())))
}

/// The value of a key field in a record, as text; `None` when it is missing or empty.
pub(crate) fn key_value(record: &Map<String, Value>, key: &str) -> Option<String> {
    let (_, value) = record.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

fn delete(state: &mut State, call: &Call) -> Outcome<Answer> {
    let ids: Vec<&str> = call.param("ids").unwrap_or_default().split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    if ids.is_empty() {
        return Err(Fail::bad("MISSING_ARGUMENT", "The ids parameter is required"));
    }
    if ids.len() > RECORDS_MAX {
        return Err(Fail::bad("EXCEEDED_MAX_SOBJECTS", format!("Number of records must not be more than {RECORDS_MAX}")));
    }
    let locked = locked_item(call, ids.len());
    let results = together(state, call.flag("allOrNone"), ids.len(), |state, at| {
        if Some(at) == locked {
            return Err(Fail::locked());
        }
        let malformed = || Fail::bad("MALFORMED_ID", format!("malformed id {}", ids[at]));
        let id = SfId::parse(ids[at]).ok_or_else(malformed)?;
        let table = state.org.table_of(id).ok_or_else(malformed)?;
        let gone = |fail: Fail| {
            if fail.code == "NOT_FOUND" { Fail::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id") } else { fail }
        };
        state.org.delete(table, id, &call.actor()).map_err(gone)?;
        Ok((id, None))
    });
    Ok(Answer::json(200, Value::Array(results.iter().map(result).collect())))
}

fn retrieve(state: &mut State, call: &Call, name: &str, ids: &[String], fields: &[String]) -> Outcome<Answer> {
    let table = object(state, name)?;
    if ids.is_empty() || fields.is_empty() {
        return Err(Fail::bad("MISSING_ARGUMENT", "ids and fields are required"));
    }
    if ids.len() > IDS_MAX {
        return Err(Fail::bad("EXCEEDED_ID_LIMIT", format!("Number of ids must not be more than {IDS_MAX}")));
    }
    let bound = columns(state, call.user, table, Some(fields))?;
    let t = &state.org.tables[table];
    let found = ids.iter().map(|text| {
        let id = SfId::parse(text).ok_or_else(|| Fail::bad("MALFORMED_ID", format!("malformed id {text}")))?;
        let row = t.find(id).and_then(|ord| t.row(ord)).filter(|row| row.live());
        Ok(row.map_or(Value::Null, |row| state.org.project(&bound, row, &call.version)))
    });
    Ok(Answer::json(200, Value::Array(found.collect::<Outcome<_>>()?)))
}
