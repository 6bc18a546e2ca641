//! One record at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Map, Value, json};

use super::State;
use super::cell::read_http_date;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::soql_run::{Bound, Column, attributes};
use super::table::Row;
use super::wire::{Answer, Call};
use super::write::Upserted;
use crate::door::http_date;
use crate::faults::Fault;

/// The table of an object that clients may reach.
pub(crate) fn object(state: &State, name: &str) -> Outcome<usize> {
    state.org.reachable(name).ok_or_else(Fail::not_found)
}

fn refuse_collision(call: &Call) -> Outcome<()> {
    if call.fault == Some(Fault::Collision) { Err(Fail::locked()) } else { Ok(()) }
}

pub(crate) fn created(call: &Call, object: &str, id: SfId, upserted: bool) -> Answer {
    let mut body = json!({"id": id.as_str(), "success": true, "errors": []});
    if upserted {
        body["created"] = json!(true);
    }
    Answer::json(201, body).header("Location", format!("{}/sobjects/{object}/{id}", call.base()))
}

/// `POST /sobjects/{X}`.
pub(crate) fn create(state: &mut State, call: &Call, name: &str) -> Outcome<Answer> {
    let table = object(state, name)?;
    let fields = call.object()?;
    refuse_collision(call)?;
    let id = state.org.insert(table, &fields, &call.actor())?;
    Ok(created(call, &state.org.tables[table].name, id, false))
}

/// `/sobjects/{X}/{id}`.
pub(crate) fn one(state: &mut State, call: &Call, name: &str, id: &str) -> Outcome<Answer> {
    let table = object(state, name)?;
    let unknown = || Fail::new(404, "NOT_FOUND", format!("Provided external ID field does not exist or is not accessible: {id}"));
    let id = SfId::parse(id).ok_or_else(unknown)?;
    if call.method == Method::GET || call.method == Method::HEAD {
        return read(state, call, table, id);
    }
    if call.method == Method::PATCH {
        let fields = call.object()?;
        let ord = state.org.live(table, id)?;
        if let Some(stopped) = precondition(state, call, table, ord)? {
            return Ok(stopped);
        }
        refuse_collision(call)?;
        state.org.update(table, id, &fields, &call.actor())?;
        return Ok(Answer::empty(204));
    }
    if call.method == Method::DELETE {
        state.org.live(table, id)?;
        refuse_collision(call)?;
        state.org.delete(table, id, &call.actor())?;
        return Ok(Answer::empty(204));
    }
    Err(Fail::method())
}

fn http_seconds(call: &Call, header: &str) -> Outcome<Option<i64>> {
    let Some(text) = call.header(header) else { return Ok(None) };
    let malformed = || Fail::bad("INVALID_HEADER", format!("Invalid value for header {header}: {text}"));
    read_http_date(text).map(Some).ok_or_else(malformed)
}

/// Refuses a write whose condition does not hold. Stamps have the resolution of one second here.
fn precondition(state: &State, call: &Call, table: usize, ord: u32) -> Outcome<Option<Answer>> {
    let t = &state.org.tables[table];
    let Some(row) = t.row(ord) else { return Err(Fail::not_found()) };
    let since = http_seconds(call, "if-unmodified-since")?;
    let late = since.is_some_and(|limit| row.stamp_ms.div_euclid(1000) > limit);
    let other = t.name == "Account" && call.header("if-match").is_some_and(|tags| !tag_fits(tags, &etag(state, table, row)));
    if late || other {
        let fail = Fail::new(412, "PRECONDITION_FAILED", "The request could not be completed because a precondition failed");
        return Ok(Some(Answer::refusal(&fail)));
    }
    Ok(None)
}

fn tag_fits(tags: &str, own: &str) -> bool {
    tags.trim() == "*" || tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == own)
}

/// A strong tag of the record's content; only accounts have one.
fn etag(state: &State, table: usize, row: &Row) -> String {
    let text = Value::Object(state.org.map(table, row)).to_string();
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    format!("\"{}-gzip\"", STANDARD.encode(digest.as_ref()))
}

fn read(state: &mut State, call: &Call, table: usize, id: SfId) -> Outcome<Answer> {
    let ord = state.org.live(table, id)?;
    let names: Option<Vec<String>> = call.param("fields").map(|list| list.split(',').map(|f| f.trim().to_owned()).collect());
    let bound = columns(state, call.user, table, names.as_deref())?;
    let modified = http_seconds(call, "if-modified-since")?;
    let t = &state.org.tables[table];
    let Some(row) = t.row(ord) else { return Err(Fail::not_found()) };
    let tag = (t.name == "Account").then(|| etag(state, table, row));
    let known = match (&tag, call.header("if-none-match")) {
        (Some(own), Some(tags)) => tag_fits(tags, own),
        _ => modified.is_some_and(|since| row.stamp_ms.div_euclid(1000) <= since),
    };
    let mut answer = if known { Answer::empty(304) } else { Answer::json(200, state.org.project(&bound, row, &call.version)) };
    answer = answer.header("Last-Modified", http_date(row.stamp_ms));
    if let Some(tag) = tag {
        answer = answer.header("ETag", tag);
    }
    Ok(answer)
}

/// The columns of a read: the named fields, or all that the user sees.
pub(crate) fn columns(state: &mut State, user: SfId, table: usize, names: Option<&[String]>) -> Outcome<Bound> {
    let hidden = state.org.hidden(user, table);
    let names: Vec<String> = match names {
        Some(names) => names.to_vec(),
        None => state.org.tables[table].fields().filter(|(slot, _)| !hidden.contains(slot)).map(|(_, f)| f.spec.name.clone()).collect(),
    };
    let columns = names
        .into_iter()
        .map(|dotted| Ok(Column::Field { path: state.org.path(table, &dotted, &hidden)?, dotted }))
        .collect::<Outcome<Vec<Column>>>()?;
    Ok(Bound { table, columns, filter: None })
}

/// `/sobjects/{X}/{field}/{value}`, and `/sobjects/{X}/{id}/{relationship}`.
pub(crate) fn keyed(state: &mut State, call: &Call, name: &str, key: &str, value: &str) -> Outcome<Answer> {
    let table = object(state, name)?;
    if call.method == Method::GET
        && let Some(id) = SfId::parse(key)
    {
        return related(state, call, table, id, value);
    }
    let actor = call.actor();
    if call.method == Method::PATCH {
        return upsert(state, call, table, key, value);
    }
    let slot = state.org.key_slot(table, key, &actor)?;
    let ords = state.org.keyed(table, slot, value);
    let ids: Vec<SfId> = ords.iter().filter_map(|ord| Some(state.org.tables[table].row(*ord)?.id)).collect();
    match ids.as_slice() {
        [] => Err(Fail::not_found()),
        [id] if call.method == Method::GET => read(state, call, table, *id),
        [id] if call.method == Method::DELETE => {
            refuse_collision(call)?;
            state.org.delete(table, *id, &actor)?;
            Ok(Answer::empty(204))
        }
        [_] => Err(Fail::method()),
        many => Ok(choices(call, name, many)),
    }
}

/// 300: several records have the key; their addresses.
fn choices(call: &Call, name: &str, ids: &[SfId]) -> Answer {
    let urls: Vec<Value> = ids.iter().map(|id| json!(format!("{}/sobjects/{name}/{id}", call.base()))).collect();
    Answer::json(300, Value::Array(urls))
}

fn upsert(state: &mut State, call: &Call, table: usize, key: &str, value: &str) -> Outcome<Answer> {
    let actor = call.actor();
    let fields = call.object()?;
    if !key.eq_ignore_ascii_case("Id") {
        state.org.key_slot(table, key, &actor)?;
        if fields.keys().any(|name| name.eq_ignore_ascii_case(key)) {
            let message = format!("The {key} field should not be specified in the sobject data.");
            return Err(Fail::on("INVALID_FIELD", key, message));
        }
    }
    refuse_collision(call)?;
    let name = state.org.tables[table].name.clone();
    match state.org.upsert(table, key, value, &fields, call.flag("updateOnly"), &actor)? {
        Upserted::Created(id) => Ok(created(call, &name, id, true)),
        Upserted::Updated(id) => {
            let old = call.version.split_once('.').and_then(|(major, _)| major.parse::<u32>().ok()).is_some_and(|v| v < 46);
            if old {
                return Ok(Answer::empty(204));
            }
            Ok(Answer::json(200, json!({"id": id.as_str(), "success": true, "errors": [], "created": false})))
        }
        Upserted::Many(ids) => Ok(choices(call, &name, &ids)),
    }
}

/// Follows a relationship from a record: to its parent, or to its children.
fn related(state: &mut State, call: &Call, table: usize, id: SfId, relationship: &str) -> Outcome<Answer> {
    let ord = state.org.live(table, id)?;
    let parent = state.org.tables[table].relationship(relationship).map(|(slot, _)| slot);
    if let Some(slot) = parent {
        let t = &state.org.tables[table];
        let target = t.row(ord).and_then(|row| t.value(row, slot).id()).ok_or_else(Fail::not_found)?;
        let at = state.org.table_of(target).ok_or_else(Fail::not_found)?;
        return read(state, call, at, target);
    }
    let own = state.org.tables[table].name.clone();
    let child = state.org.tables.iter().zip(0..).find_map(|(t, at)| {
        let (slot, _) = t.fields().find(|(_, f)| {
            f.spec.child_relationship.as_deref().is_some_and(|c| c.eq_ignore_ascii_case(relationship)) && f.spec.reference_to.contains(&own)
        })?;
        Some((at, slot))
    });
    let (at, slot) = child.ok_or_else(Fail::not_found)?;
    let bound = columns(state, call.user, at, None)?;
    let rows: Vec<Value> = state
        .org
        .children(at, slot, id)
        .into_iter()
        .filter_map(|ord| Some(state.org.project(&bound, state.org.tables[at].row(ord)?, &call.version)))
        .collect();
    Ok(Answer::json(200, json!({"totalSize": rows.len(), "done": true, "records": rows})))
}

/// A record's fields with `attributes`, for answers that name it only.
pub(crate) fn stub(state: &State, table: usize, row: &Row, version: &str) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("attributes".to_owned(), attributes(&state.org.tables[table], row, version));
    map.insert("Id".to_owned(), json!(row.id.as_str()));
    map
}
