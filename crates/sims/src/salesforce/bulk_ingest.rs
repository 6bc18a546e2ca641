//! Bulk API 2.0, loading: a job, one CSV upload, and CSV results per row.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};

use super::State;
use super::bulk_query::QueryJob;
use super::cell::datetime;
use super::collections::key_value;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::records::object;
use super::wire::{Answer, Call};
use super::write::Upserted;
use crate::faults::Fault;

/// Most bytes of a CSV part in a multipart creation.
const MULTIPART_CHARS_MAX: usize = 100_000;

/// Every bulk job of the org.
#[derive(Default)]
pub(crate) struct Jobs {
    pub ingest: BTreeMap<String, IngestJob>,
    pub query: BTreeMap<String, QueryJob>,
    serial: u64,
}

impl Jobs {
    pub fn next_id(&mut self, pod: [u8; 3]) -> String {
        self.serial += 1;
        SfId::new(*b"750", pod, self.serial).to_string()
    }

    /// Jobs of a type made so far.
    pub fn count(&self, job_type: &str) -> u64 {
        (if job_type == "V2Query" { self.query.len() } else { self.ingest.len() }) as u64
    }
}

/// One row's fate.
struct Fate {
    record: Vec<String>,
    outcome: Outcome<(SfId, bool)>,
}

/// One load.
pub(crate) struct IngestJob {
    id: String,
    object: String,
    operation: String,
    key: Option<String>,
    delimiter: (&'static str, u8),
    line_ending: &'static str,
    user: SfId,
    version: String,
    created_ms: i64,
    changed_ms: i64,
    state: &'static str,
    /// From when on the job says that it is complete.
    done_ms: i64,
    upload: Option<String>,
    header: Vec<String>,
    fates: Vec<Fate>,
    error: Option<String>,
}

pub(crate) fn delimiter(name: &str) -> Option<(&'static str, u8)> {
    Some(match name {
        "COMMA" => ("COMMA", b','),
        "SEMICOLON" => ("SEMICOLON", b';'),
        "TAB" => ("TAB", b'\t'),
        "PIPE" => ("PIPE", b'|'),
        "CARET" => ("CARET", b'^'),
        "BACKQUOTE" => ("BACKQUOTE", b'`'),
        _ => return None,
    })
}

pub(crate) fn serve(state: &mut State, call: &Call, rest: &[&str]) -> Outcome<Answer> {
    match (&call.method, rest) {
        (&Method::POST, []) => create(state, call),
        (&Method::GET, []) => Ok(list(state, call)),
        (&Method::GET, [id]) => {
            let now = state.org.clock.now_ms();
            Ok(Answer::json(200, job(state, id)?.whole(now)))
        }
        (&Method::PATCH, [id]) => close(state, call, id),
        (&Method::DELETE, [id]) => {
            let now = state.org.clock.now_ms();
            if !matches!(job(state, id)?.shown_state(now), "JobComplete" | "Failed" | "Aborted") {
                return Err(Fail::bad("API_ERROR", "Delete is only allowed for jobs that have ended"));
            }
            state.jobs.ingest.remove(*id);
            Ok(Answer::empty(204))
        }
        (&Method::PUT, [id, "batches"]) => upload(state, call, id),
        (&Method::GET, [id, results]) => {
            let now = state.org.clock.now_ms();
            job(state, id)?.results(&results.to_ascii_lowercase(), now)
        }
        _ => Err(Fail::method()),
    }
}

fn job<'a>(state: &'a mut State, id: &str) -> Outcome<&'a mut IngestJob> {
    let id = SfId::parse(id).map(|id| id.to_string()).unwrap_or_default();
    state.jobs.ingest.get_mut(&id).ok_or_else(Fail::not_found)
}

/// The job description and, in a multipart creation, the data.
fn parts(call: &Call) -> Outcome<(Map<String, Value>, Option<String>)> {
    let kind = call.header("content-type").unwrap_or_default().to_owned();
    let Some((_, boundary)) = kind.split_once("boundary=") else { return Ok((call.object()?, None)) };
    let body = String::from_utf8_lossy(&call.body).into_owned();
    let mark = format!("--{}", boundary.trim_matches('"'));
    let mut sections =
        body.split(&mark).filter_map(|part| part.split_once("\r\n\r\n").or_else(|| part.split_once("\n\n"))).map(|(_, text)| text);
    let head = sections.next().ok_or_else(|| Fail::json("The job part is missing"))?;
    let data = sections.next().ok_or_else(|| Fail::json("The content part is missing"))?;
    if data.chars().count() > MULTIPART_CHARS_MAX {
        return Err(Fail::bad("INVALIDJOB", format!("The content part holds more than {MULTIPART_CHARS_MAX} characters")));
    }
    let head: Map<String, Value> = serde_json::from_str(head.trim()).map_err(|error| Fail::json(error.to_string()))?;
    Ok((head, Some(data.strip_suffix("\r\n").unwrap_or(data).to_owned())))
}

fn create(state: &mut State, call: &Call) -> Outcome<Answer> {
    let (body, data) = parts(call)?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let name = text("object").ok_or_else(|| Fail::bad("INVALIDJOB", "object is required"))?;
    let table =
        state.org.table(name).ok_or_else(|| Fail::bad("INVALIDENTITY", format!("Entity '{name}' is not supported by the Bulk API.")))?;
    let operation = text("operation").unwrap_or_default();
    if !matches!(operation, "insert" | "update" | "upsert" | "delete" | "hardDelete") {
        return Err(Fail::bad("INVALIDJOB", format!("Unknown operation {operation}")));
    }
    let key = text("externalIdFieldName").map(str::to_owned);
    if operation == "upsert" {
        let key = key.as_deref().ok_or_else(|| Fail::bad("INVALIDJOB", "External ID was blank for upsert"))?;
        if !key.eq_ignore_ascii_case("Id") && state.org.key_slot(table, key, &call.actor()).is_err() {
            return Err(Fail::bad("INVALIDJOB", format!("Field name provided, {key} is not an External ID or indexed field for {name}")));
        }
    }
    let separator = text("columnDelimiter").unwrap_or("COMMA");
    let delimiter = delimiter(separator).ok_or_else(|| Fail::bad("INVALIDJOB", format!("Unknown columnDelimiter {separator}")))?;
    let now = state.org.clock.now_ms();
    let id = state.jobs.next_id(state.org.pod);
    let job = IngestJob {
        id: id.clone(),
        object: state.org.tables[table].name.clone(),
        operation: operation.to_owned(),
        key,
        delimiter,
        line_ending: if text("lineEnding") == Some("CRLF") { "CRLF" } else { "LF" },
        user: call.user,
        version: call.version.clone(),
        created_ms: now,
        changed_ms: now,
        state: "Open",
        done_ms: now,
        upload: data,
        header: Vec::new(),
        fates: Vec::new(),
        error: None,
    };
    let direct = job.upload.is_some();
    state.jobs.ingest.insert(id.clone(), job);
    if direct {
        run(state, call, &id)?;
    }
    let mut body = self::job(state, &id)?.short(now);
    if direct {
        body["state"] = json!("UploadComplete");
    }
    Ok(Answer::json(200, body))
}

fn upload(state: &mut State, call: &Call, id: &str) -> Outcome<Answer> {
    let text = String::from_utf8(call.body.to_vec()).map_err(|_| Fail::bad("INVALIDBATCH", "The data is not UTF-8"))?;
    let now = state.org.clock.now_ms();
    let job = job(state, id)?;
    if job.state != "Open" || job.upload.is_some() {
        return Err(Fail::bad("INVALIDJOBSTATE", "Found multiple contents for job: only one upload is allowed, while the job is Open"));
    }
    job.upload = Some(text);
    job.changed_ms = now;
    Ok(Answer::empty(201))
}

fn close(state: &mut State, call: &Call, id: &str) -> Outcome<Answer> {
    let body = call.object()?;
    let now = state.org.clock.now_ms();
    let wanted = body.get("state").and_then(Value::as_str).unwrap_or_default();
    let job = job(state, id)?;
    let id = job.id.clone();
    match (wanted, job.state) {
        ("UploadComplete", "Open") => run(state, call, &id)?,
        ("Aborted", "Open") => {
            job.state = "Aborted";
            job.changed_ms = now;
        }
        _ => return Err(Fail::bad("INVALIDJOBSTATE", format!("The job cannot go from {} to {wanted}", job.state))),
    }
    let mut answer = self::job(state, &id)?.short(now);
    if wanted == "UploadComplete" {
        answer["state"] = json!("UploadComplete");
    }
    Ok(Answer::json(200, answer))
}

fn list(state: &State, call: &Call) -> Answer {
    let now = state.org.clock.now_ms();
    let wanted = call.param("jobType").unwrap_or("V2Ingest");
    let mut records: Vec<Value> = state.jobs.ingest.values().filter(|_| wanted != "V2Query").map(|job| job.short(now)).collect();
    if wanted == "V2Query" {
        records = state.jobs.query.values().map(|job| job.short(now)).collect();
    }
    Answer::json(200, json!({"done": true, "nextRecordsUrl": null, "records": records}))
}

/// Loads the rows. The job says so only later, when the profile gives jobs a duration.
fn run(state: &mut State, call: &Call, id: &str) -> Outcome<()> {
    let (now, job_ms) = (state.org.clock.now_ms(), state.job_ms);
    let Some(mut job) = state.jobs.ingest.remove(id) else { return Err(Fail::not_found()) };
    job.changed_ms = now;
    job.done_ms = now + job_ms;
    match load(state, call, &mut job) {
        Ok(()) => job.state = "JobComplete",
        Err(message) => {
            job.state = "Failed";
            job.error = Some(message);
        }
    }
    state.jobs.ingest.insert(id.to_owned(), job);
    Ok(())
}

fn load(state: &mut State, call: &Call, job: &mut IngestJob) -> Result<(), String> {
    let text = job.upload.take().unwrap_or_default();
    let crlf = text.contains("\r\n");
    if text.contains('\n') && crlf != (job.line_ending == "CRLF") {
        return Err(format!("InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is {}", job.line_ending));
    }
    let table = object(state, &job.object).map_err(|fail| fail.message)?;
    let mut reader = csv::ReaderBuilder::new().delimiter(job.delimiter.1).flexible(true).from_reader(text.as_bytes());
    job.header = reader.headers().map_err(|error| format!("ClientInputError : {error}"))?.iter().map(|h| h.trim().to_owned()).collect();
    for name in &job.header {
        let base = name.split('.').next().unwrap_or_default();
        let t = &state.org.tables[table];
        let known = if name.contains('.') { t.relationship(base).is_some() } else { t.slot(name).is_some() };
        if !known {
            return Err(format!("InvalidBatch : Field name not found : {name}"));
        }
    }
    for record in reader.records() {
        let record = record.map_err(|error| format!("ClientInputError : {error}"))?;
        let cells: Vec<String> = record.iter().map(str::to_owned).collect();
        let outcome = if cells.len() == job.header.len() {
            row(state, call, job, table, &cells)
        } else {
            let message = format!("The number of columns in row {} does not match the header", job.fates.len() + 1);
            Err(Fail::bad("InvalidBatch", message))
        };
        job.fates.push(Fate { record: cells, outcome });
        state.org.commit();
    }
    Ok(())
}

fn row(state: &mut State, call: &Call, job: &IngestJob, table: usize, cells: &[String]) -> Outcome<(SfId, bool)> {
    if call.fault == Some(Fault::Collision) && job.fates.is_empty() {
        return Err(Fail::locked());
    }
    let mut fields = Map::new();
    for (name, cell) in job.header.iter().zip(cells) {
        let value = match cell.as_str() {
            "" => continue,
            "#N/A" => Value::Null,
            text => Value::String(text.to_owned()),
        };
        match name.split_once('.') {
            Some((parent, key)) => fields.insert(parent.to_owned(), if value.is_null() { Value::Null } else { json!({key: value}) }),
            None => fields.insert(name.clone(), value),
        };
    }
    let actor = call.actor();
    let take = |fields: &mut Map<String, Value>, key: &str| {
        let value = key_value(fields, key);
        fields.retain(|name, _| !name.eq_ignore_ascii_case(key));
        value.ok_or_else(|| Fail::on("MISSING_ARGUMENT", key, format!("{key} not specified")))
    };
    let parse = |text: String| SfId::parse(&text).ok_or_else(|| Fail::on("MALFORMED_ID", "Id", format!("bad id {text}")));
    match job.operation.as_str() {
        "insert" => Ok((state.org.insert(table, &fields, &actor)?, true)),
        "update" => {
            let id = parse(take(&mut fields, "Id")?)?;
            state.org.update(table, id, &fields, &actor)?;
            Ok((id, false))
        }
        "upsert" => {
            let key = job.key.as_deref().unwrap_or("Id");
            if key.eq_ignore_ascii_case("Id") && key_value(&fields, key).is_none() {
                return Ok((state.org.insert(table, &fields, &actor)?, true));
            }
            let value = take(&mut fields, key)?;
            match state.org.upsert(table, key, &value, &fields, false, &actor)? {
                Upserted::Created(id) => Ok((id, true)),
                Upserted::Updated(id) => Ok((id, false)),
                Upserted::Many(_) => Err(Fail::on("DUPLICATE_EXTERNAL_ID", key, "more than one record found for external id field")),
            }
        }
        operation => {
            let id = parse(take(&mut fields, "Id")?)?;
            if operation == "hardDelete" {
                state.org.destroy(table, id, &actor)?;
            } else {
                state.org.delete(table, id, &actor)?;
            }
            Ok((id, false))
        }
    }
}

impl IngestJob {
    fn shown_state(&self, now: i64) -> &'static str {
        if matches!(self.state, "JobComplete" | "Failed") && now < self.done_ms { "InProgress" } else { self.state }
    }

    fn short(&self, now: i64) -> Value {
        let mut body = json!({"id": self.id, "operation": self.operation, "object": self.object, "createdById": self.user.as_str(),
            "createdDate": datetime(self.created_ms), "systemModstamp": datetime(self.changed_ms), "state": self.shown_state(now)});
        if let Some(key) = &self.key {
            body["externalIdFieldName"] = json!(key);
        }
        body["concurrencyMode"] = json!("Parallel");
        body["contentType"] = json!("CSV");
        body["apiVersion"] = json!(self.version.parse::<f64>().unwrap_or_default());
        if self.state == "Open" {
            body["contentUrl"] = json!(format!("services/data/v{}/jobs/ingest/{}/batches", self.version, self.id));
        }
        body["lineEnding"] = json!(self.line_ending);
        body["columnDelimiter"] = json!(self.delimiter.0);
        body
    }

    fn whole(&self, now: i64) -> Value {
        let mut body = self.short(now);
        let done = matches!(self.shown_state(now), "JobComplete" | "Failed");
        let failed = self.fates.iter().filter(|fate| fate.outcome.is_err()).count();
        body["jobType"] = json!("V2Ingest");
        body["retries"] = json!(0);
        body["totalProcessingTime"] = json!(if done { self.done_ms - self.changed_ms } else { 0 });
        body["apiActiveProcessingTime"] = json!(0);
        body["apexProcessingTime"] = json!(0);
        body["numberRecordsProcessed"] = json!(if done { self.fates.len() } else { 0 });
        body["numberRecordsFailed"] = json!(if done { failed } else { 0 });
        if let Some(message) = self.error.as_ref().filter(|_| done) {
            body["errorMessage"] = json!(message);
        }
        body
    }

    fn results(&self, which: &str, now: i64) -> Outcome<Answer> {
        let mut writer = csv::WriterBuilder::new();
        writer.quote_style(csv::QuoteStyle::Always).delimiter(self.delimiter.1);
        if self.line_ending == "CRLF" {
            writer.terminator(csv::Terminator::CRLF);
        }
        let mut out = writer.from_writer(Vec::new());
        let ended = matches!(self.shown_state(now), "JobComplete" | "Failed" | "Aborted");
        if !ended {
            return Err(Fail::bad("INVALIDJOBSTATE", "Results are available when the job has ended"));
        }
        let broken = |error: csv::Error| Fail::new(500, "UNKNOWN_EXCEPTION", error.to_string());
        let columns = self.header.iter().map(String::as_str);
        match which {
            "successfulresults" => {
                out.write_record(["sf__Id", "sf__Created"].into_iter().chain(columns)).map_err(broken)?;
                // In no order that a client could rely on.
                for fate in self.fates.iter().rev() {
                    if let Ok((id, created)) = &fate.outcome {
                        let head = [id.as_str(), if *created { "true" } else { "false" }];
                        out.write_record(head.into_iter().chain(fate.record.iter().map(String::as_str))).map_err(broken)?;
                    }
                }
            }
            "failedresults" => {
                out.write_record(["sf__Id", "sf__Error"].into_iter().chain(columns)).map_err(broken)?;
                let id_at = self.header.iter().position(|h| h.eq_ignore_ascii_case("Id"));
                for fate in self.fates.iter().rev() {
                    if let Err(fail) = &fate.outcome {
                        let id = id_at.and_then(|at| fate.record.get(at)).map(String::as_str).unwrap_or_default();
                        let text = fail.bulk();
                        let mut record: Vec<&str> = vec![id, &text];
                        record.extend(fate.record.iter().map(String::as_str));
                        record.resize(self.header.len() + 2, "");
                        out.write_record(record).map_err(broken)?;
                    }
                }
            }
            "unprocessedrecords" => {
                let lost = self.upload.as_deref().filter(|_| self.state == "Aborted").unwrap_or_default();
                return Ok(Answer::text(200, "text/csv", lost.to_owned()));
            }
            _ => return Err(Fail::not_found()),
        }
        let bytes = out.into_inner().map_err(|error| Fail::new(500, "UNKNOWN_EXCEPTION", error.to_string()))?;
        Ok(Answer::text(200, "text/csv", String::from_utf8_lossy(&bytes).into_owned()))
    }
}
