//! Records and queries over SOAP.

use serde_json::{Map, Value};

use super::State;
use super::cell::datetime_z;
use super::collections::{key_value, together};
use super::envelope::{Element, escape, tag};
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::queries::Page;
use super::replication;
use super::soap::{Errand, errors, result, sobject};
use super::soql_run::{Bound, Column, Found};
use super::table::Row;
use super::write::Upserted;
use crate::faults::Fault;

/// Objects in one write.
const OBJECTS_MAX: usize = 200;
/// Ids in one retrieve.
const IDS_MAX: usize = 2000;
/// Losers in one merge.
const LOSERS_MAX: usize = 2;

fn id_of(text: &str) -> Outcome<SfId> {
    SfId::parse(text.trim()).ok_or_else(|| Fail::bad("MALFORMED_ID", format!("bad id {text}")))
}

fn take_id(fields: &mut Map<String, Value>) -> Outcome<SfId> {
    let text = key_value(fields, "Id").ok_or_else(|| Fail::bad("MISSING_ARGUMENT", "Id not specified in an update call"))?;
    fields.retain(|name, _| !name.eq_ignore_ascii_case("Id"));
    id_of(&text)
}

/// create, update, upsert, delete, undelete.
pub(crate) fn write(state: &mut State, errand: &Errand<'_>, operation: &Element) -> Outcome<String> {
    let by_id = matches!(operation.name.as_str(), "delete" | "undelete");
    let items: Vec<&Element> = operation.all(if by_id { "ids" } else { "sObjects" }).collect();
    // The older spelling of the first letter is common among clients.
    let items: Vec<&Element> = if items.is_empty() { operation.all("ID").collect() } else { items };
    if items.len() > OBJECTS_MAX {
        return Err(Fail::bad("EXCEEDED_ID_LIMIT", format!("record limit reached. cannot submit more than {OBJECTS_MAX} records")));
    }
    let key = operation.value("externalIDFieldName").unwrap_or("Id").to_owned();
    let locked =
        (errand.call.fault == Some(Fault::Collision) && !items.is_empty()).then(|| (errand.call.luck % items.len() as u64) as usize);
    let actor = errand.actor;
    let results = together(state, errand.all_or_none, items.len(), |state, at| {
        if locked == Some(at) {
            return Err(Fail::locked());
        }
        if by_id {
            let id = id_of(&items[at].text)?;
            if operation.name == "undelete" {
                state.org.undelete(id, &actor)?;
            } else {
                let table = state.org.table_of(id).ok_or_else(|| Fail::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"))?;
                state.org.delete(table, id, &actor)?;
            }
            return Ok((id, None));
        }
        let (kind, mut fields) = sobject(items[at])?;
        let table = state.org.table(&kind).ok_or_else(|| Fail::invalid_type(&kind))?;
        match operation.name.as_str() {
            "create" => Ok((state.org.insert(table, &fields, &actor)?, None)),
            "update" => {
                let id = take_id(&mut fields)?;
                state.org.update(table, id, &fields, &actor)?;
                Ok((id, None))
            }
            _ => {
                let Some(value) = key_value(&fields, &key) else {
                    if key.eq_ignore_ascii_case("Id") {
                        return Ok((state.org.insert(table, &fields, &actor)?, Some(true)));
                    }
                    return Err(Fail::on("MISSING_ARGUMENT", &key, format!("{key} not specified")));
                };
                fields.retain(|name, _| !name.eq_ignore_ascii_case(&key));
                match state.org.upsert(table, &key, &value, &fields, false, &actor)? {
                    Upserted::Created(id) => Ok((id, Some(true))),
                    Upserted::Updated(id) => Ok((id, Some(false))),
                    Upserted::Many(_) => Err(Fail::on("DUPLICATE_EXTERNAL_ID", &key, "more than one record found for external id field")),
                }
            }
        }
    });
    Ok(results.iter().map(result).collect())
}

/// emptyRecycleBin.
pub(crate) fn empty_bin(state: &mut State, operation: &Element) -> Outcome<String> {
    let ids: Vec<&Element> = operation.all("ids").collect();
    if ids.len() > OBJECTS_MAX {
        return Err(Fail::bad("EXCEEDED_ID_LIMIT", format!("cannot empty more than {OBJECTS_MAX} records")));
    }
    let mut purge = |text: &str| {
        let id = id_of(text)?;
        state.org.purge(id)?;
        Ok((id, None))
    };
    Ok(ids.iter().map(|id| result(&purge(&id.text))).collect())
}

pub(crate) fn retrieve(state: &mut State, errand: &Errand<'_>, operation: &Element) -> Outcome<String> {
    let kind = operation.value("sObjectType").unwrap_or_default();
    let table = state.org.table(kind).ok_or_else(|| Fail::invalid_type(kind))?;
    let names: Vec<String> = operation.value("fieldList").unwrap_or_default().split(',').map(|f| f.trim().to_owned()).collect();
    let bound = super::records::columns(state, errand.call.user, table, Some(&names))?;
    let ids: Vec<&str> = operation.all("ids").map(|e| e.text.trim()).collect();
    if ids.len() > IDS_MAX {
        return Err(Fail::bad("EXCEEDED_ID_LIMIT", format!("cannot retrieve more than {IDS_MAX} records")));
    }
    let t = &state.org.tables[table];
    let mut out = String::new();
    for text in ids {
        match t.find(id_of(text)?).and_then(|ord| t.row(ord)).filter(|row| row.live()) {
            Some(row) => out.push_str(&record(state, &bound, row, "result")),
            None => out.push_str(r#"<result xsi:nil="true"/>"#),
        }
    }
    Ok(out)
}

pub(crate) fn query(state: &mut State, errand: &Errand<'_>, operation: &Element, all: bool) -> Outcome<String> {
    let text = operation.value("queryString").unwrap_or_default();
    match state.org.query(text, errand.call.user, all)? {
        Found::Count(n) => {
            Ok(format!(r#"<result xsi:type="QueryResult"><done>true</done><queryLocator xsi:nil="true"/><size>{n}</size></result>"#))
        }
        Found::Aggregates(rows) => {
            let mut out = String::from(r#"<result xsi:type="QueryResult"><done>true</done><queryLocator xsi:nil="true"/>"#);
            for row in &rows {
                out.push_str(r#"<records xsi:type="sf:sObject"><sf:type>AggregateResult</sf:type><sf:Id xsi:nil="true"/>"#);
                for (name, value) in row.as_object().into_iter().flatten().filter(|(name, _)| *name != "attributes") {
                    let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    out.push_str(&tag(&format!("sf:{name}"), &plain));
                }
                out.push_str("</records>");
            }
            Ok(format!("{out}<size>{}</size></result>", rows.len()))
        }
        Found::Rows(bound, rows) => {
            let size = batch_size(errand);
            let (now, pod) = (state.org.clock.now_ms(), state.org.pod);
            let page = state.cursors.start(bound, rows, errand.call.user, pod, now, size);
            Ok(shown(state, &page))
        }
    }
}

pub(crate) fn query_more(state: &mut State, errand: &Errand<'_>, operation: &Element) -> Outcome<String> {
    let locator = operation.value("queryLocator").unwrap_or_default();
    let page = state.cursors.page(locator, errand.call.user, state.org.clock.now_ms(), batch_size(errand))?;
    Ok(shown(state, &page))
}

fn batch_size(errand: &Errand<'_>) -> usize {
    let asked = errand.header.child("QueryOptions").and_then(|h| h.value("batchSize")).and_then(|text| text.parse().ok());
    asked.unwrap_or(500).clamp(200, 2000)
}

fn shown(state: &State, page: &Page) -> String {
    let t = &state.org.tables[page.bound.table];
    let mut out = format!(r#"<result xsi:type="QueryResult"><done>{}</done>"#, page.next.is_none());
    match &page.next {
        Some(next) => out.push_str(&tag("queryLocator", next)),
        None => out.push_str(r#"<queryLocator xsi:nil="true"/>"#),
    }
    for row in page.rows.iter().filter_map(|ord| t.row(*ord)) {
        out.push_str(&record(state, &page.bound, row, "records"));
    }
    out.push_str(&format!("<size>{}</size></result>", page.total));
    out
}

/// An sObject: type, Id, then the fields. The id is there even when nobody asked for it.
fn record(state: &State, bound: &Bound, row: &Row, name: &str) -> String {
    let t = &state.org.tables[bound.table];
    let mut out = format!(r#"<{name} xsi:type="sf:sObject"><sf:type>{}</sf:type>"#, t.name);
    let asks_id = bound.columns.iter().any(|c| matches!(c, Column::Field { path, .. } if path.steps.is_empty() && path.name == "Id"));
    out.push_str(&if asks_id { tag("sf:Id", row.id.as_str()) } else { r#"<sf:Id xsi:nil="true"/>"#.to_owned() });
    let json = state.org.project(bound, row, "62.0");
    fields(&mut out, &json, true);
    out.push_str(&format!("</{name}>"));
    out
}

/// Members of a projected record as elements; parents and children nest.
fn fields(out: &mut String, json: &Value, top: bool) {
    for (name, value) in json.as_object().into_iter().flatten() {
        if name == "attributes" {
            continue;
        }
        match value {
            Value::Null => out.push_str(&format!(r#"<sf:{name} xsi:nil="true"/>"#)),
            Value::Object(inner) => {
                if let Some(Value::Array(records)) = inner.get("records") {
                    out.push_str(&format!(r#"<sf:{name} xsi:type="QueryResult"><done>true</done><queryLocator xsi:nil="true"/>"#));
                    for record in records {
                        nested(out, "records", record);
                    }
                    out.push_str(&format!("<size>{}</size></sf:{name}>", records.len()));
                } else {
                    nested(out, &format!("sf:{name}"), value);
                }
            }
            Value::String(_) if top && name == "Id" => {}
            Value::String(text) => {
                let text = text.strip_suffix("+0000").map_or_else(|| text.clone(), |head| format!("{head}Z"));
                out.push_str(&tag(&format!("sf:{name}"), &text));
            }
            other => out.push_str(&tag(&format!("sf:{name}"), &other.to_string())),
        }
    }
}

fn nested(out: &mut String, name: &str, record: &Value) {
    let kind = record["attributes"]["type"].as_str().unwrap_or("address");
    out.push_str(&format!(r#"<{name} xsi:type="sf:sObject"><sf:type>{}</sf:type>"#, escape(kind)));
    match record["Id"].as_str() {
        Some(id) => out.push_str(&tag("sf:Id", id)),
        None => out.push_str(r#"<sf:Id xsi:nil="true"/>"#),
    }
    fields(out, record, true);
    out.push_str(&format!("</{name}>"));
}

pub(crate) fn merge(state: &mut State, errand: &Errand<'_>, operation: &Element) -> Outcome<String> {
    let mut out = String::new();
    for request in operation.all("request") {
        let mark = state.org.begin();
        match merge_one(state, errand, request) {
            Ok((winner, losers, moved)) => {
                out.push_str(&format!("<result>{}", tag("id", winner.as_str())));
                losers.iter().for_each(|id| out.push_str(&tag("mergedRecordIds", id.as_str())));
                out.push_str("<success>true</success>");
                moved.iter().for_each(|id| out.push_str(&tag("updatedRelatedIds", id.as_str())));
                out.push_str("</result>");
            }
            Err(fail) => {
                state.org.rollback(mark);
                out.push_str(&format!(r#"<result>{}<id xsi:nil="true"/><success>false</success></result>"#, errors(&fail)));
            }
        }
    }
    Ok(out)
}

type Merged = (SfId, Vec<SfId>, Vec<SfId>);

fn merge_one(state: &mut State, errand: &Errand<'_>, request: &Element) -> Outcome<Merged> {
    let master = request.child("masterRecord").ok_or_else(|| Fail::bad("MISSING_ARGUMENT", "masterRecord is required"))?;
    let (_, mut fields) = sobject(master)?;
    let winner = take_id(&mut fields)?;
    let losers = request.all("recordToMergeIds").map(|e| id_of(&e.text)).collect::<Outcome<Vec<SfId>>>()?;
    if losers.is_empty() || losers.len() > LOSERS_MAX {
        return Err(Fail::bad("INVALID_NUM_1_OR_2", format!("give one to {LOSERS_MAX} recordToMergeIds")));
    }
    if errand.call.fault == Some(Fault::Collision) {
        return Err(Fail::locked());
    }
    let moved = state.org.merge(winner, &losers, &fields, &errand.actor)?;
    Ok((winner, losers, moved))
}

/// getUpdated and getDeleted.
pub(crate) fn replicate(state: &mut State, operation: &Element, deleted: bool) -> Outcome<String> {
    let kind = operation.value("sObjectType").unwrap_or_default();
    let table = state.org.table(kind).ok_or_else(|| Fail::invalid_type(kind))?;
    let (start, end) = (operation.value("startDate").unwrap_or_default(), operation.value("endDate").unwrap_or_default());
    let (start, end) = replication::window(&state.org, start, end, if deleted { 15 } else { 30 })?;
    if deleted {
        let (found, covered) = replication::deleted_ids(&state.org, table, start, end);
        let rows: String = found
            .iter()
            .map(|(id, at)| format!("<deletedRecords>{}{}</deletedRecords>", tag("deletedDate", &datetime_z(*at)), tag("id", id)))
            .collect();
        let earliest = tag("earliestDateAvailable", &datetime_z(replication::earliest(&state.org)));
        return Ok(format!("<result>{rows}{earliest}{}</result>", tag("latestDateCovered", &datetime_z(covered))));
    }
    let (ids, covered) = replication::updated_ids(&state.org, table, start, end);
    let ids: String = ids.iter().map(|id| tag("ids", id)).collect();
    Ok(format!("<result>{ids}{}</result>", tag("latestDateCovered", &datetime_z(covered))))
}
