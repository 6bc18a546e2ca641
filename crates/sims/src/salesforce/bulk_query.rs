//! Bulk API 2.0, reading: a job around a query, results as CSV pages.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::Method;
use serde_json::{Value, json};

use super::State;
use super::bulk_ingest::delimiter;
use super::cell::datetime;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::schema::FieldType;
use super::soql_run::{Bound, Column, Found};
use super::wire::{Answer, Call};

/// Rows of a result page when the client names no number.
const PAGE_ROWS: usize = 50_000;
/// Result pages named in one answer of `resultPages`.
const RESULT_PAGES: usize = 5;

/// One query job.
pub(crate) struct QueryJob {
    id: String,
    operation: String,
    query: String,
    object: String,
    user: SfId,
    version: String,
    delimiter: (&'static str, u8),
    line_ending: &'static str,
    created_ms: i64,
    done_ms: i64,
    aborted: bool,
    bound: Arc<Bound>,
    rows: Arc<Vec<u32>>,
}

pub(crate) fn serve(state: &mut State, call: &Call, rest: &[&str]) -> Outcome<Answer> {
    let now = state.org.clock.now_ms();
    match (&call.method, rest) {
        (&Method::POST, []) => create(state, call),
        (&Method::GET, []) => {
            let records: Vec<Value> = state.jobs.query.values().map(|job| job.short(now)).collect();
            Ok(Answer::json(200, json!({"done": true, "nextRecordsUrl": null, "records": records})))
        }
        (&Method::GET, [id]) => Ok(Answer::json(200, job(state, id)?.whole(now))),
        (&Method::PATCH, [id]) => {
            let wanted = call.object()?.get("state").and_then(Value::as_str).map(str::to_owned);
            let job = job(state, id)?;
            if wanted.as_deref() != Some("Aborted") || job.state(now) == "JobComplete" {
                return Err(Fail::bad("INVALIDJOBSTATE", "Only a job that has not ended can be aborted"));
            }
            job.aborted = true;
            Ok(Answer::json(200, job.short(now)))
        }
        (&Method::DELETE, [id]) => {
            if !matches!(job(state, id)?.state(now), "JobComplete" | "Aborted") {
                return Err(Fail::bad("API_ERROR", "Delete is only allowed for jobs that have ended"));
            }
            state.jobs.query.remove(*id);
            Ok(Answer::empty(204))
        }
        (&Method::GET, [id, "results"]) => results(state, call, id, now),
        (&Method::GET, [id, "resultPages"]) => result_pages(state, call, id, now),
        _ => Err(Fail::method()),
    }
}

fn job<'a>(state: &'a mut State, id: &str) -> Outcome<&'a mut QueryJob> {
    let id = SfId::parse(id).map(|id| id.to_string()).unwrap_or_default();
    state.jobs.query.get_mut(&id).ok_or_else(Fail::not_found)
}

fn create(state: &mut State, call: &Call) -> Outcome<Answer> {
    let body = call.object()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let operation = text("operation").unwrap_or("query");
    if !matches!(operation, "query" | "queryAll") {
        return Err(Fail::bad("INVALIDJOB", format!("Unknown operation {operation}")));
    }
    let query = text("query").ok_or_else(|| Fail::bad("INVALIDJOB", "query is required"))?;
    let separator = text("columnDelimiter").unwrap_or("COMMA");
    let delimiter = delimiter(separator).ok_or_else(|| Fail::bad("INVALIDJOB", format!("Unknown columnDelimiter {separator}")))?;
    let parsed = super::soql::parse(query)?;
    if parsed.offset > 0 || !parsed.group.is_empty() {
        return Err(Fail::bad("FEATURENOTENABLED", "OFFSET and GROUP BY are not supported by the Bulk API"));
    }
    let Found::Rows(bound, rows) = state.org.query(query, call.user, operation == "queryAll")? else {
        return Err(Fail::bad("FEATURENOTENABLED", "Aggregate queries are not supported by the Bulk API"));
    };
    for column in &bound.columns {
        match column {
            Column::Children { .. } => {
                return Err(Fail::bad("FEATURENOTENABLED", "Nested queries are not supported by the Bulk API"));
            }
            Column::Field { path, .. } if path.kind == FieldType::Address => {
                return Err(Fail::bad("FEATURENOTENABLED", "Selecting compound data not supported in Bulk Query"));
            }
            Column::Field { .. } => {}
        }
    }
    let now = state.org.clock.now_ms();
    let id = state.jobs.next_id(state.org.pod);
    let job = QueryJob {
        id: id.clone(),
        operation: operation.to_owned(),
        query: query.to_owned(),
        object: state.org.tables[bound.table].name.clone(),
        user: call.user,
        version: call.version.clone(),
        delimiter,
        line_ending: if text("lineEnding") == Some("CRLF") { "CRLF" } else { "LF" },
        created_ms: now,
        done_ms: now + state.job_ms,
        aborted: false,
        bound,
        rows,
    };
    let mut answer = job.short(now);
    answer["state"] = json!("UploadComplete");
    state.jobs.query.insert(id, job);
    Ok(Answer::json(200, answer))
}

fn locator(offset: usize) -> String {
    STANDARD_NO_PAD.encode(offset.to_string())
}

fn page_rows(call: &Call) -> Outcome<usize> {
    match call.param("maxRecords") {
        None => Ok(PAGE_ROWS),
        Some(text) => {
            text.parse().ok().filter(|n| *n > 0).ok_or_else(|| Fail::bad("INVALIDMAXRECORDS", format!("maxRecords {text} is no number")))
        }
    }
}

fn results(state: &mut State, call: &Call, id: &str, now: i64) -> Outcome<Answer> {
    let size = page_rows(call)?;
    let found = job(state, id)?;
    if found.state(now) != "JobComplete" {
        return Err(Fail::bad("INVALIDJOBSTATE", "Results are available when the job is complete"));
    }
    let (id, version) = (found.id.clone(), call.version.clone());
    let from = match call.param("locator") {
        None => 0,
        Some(text) => STANDARD_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<usize>().ok())
            .ok_or_else(|| Fail::bad("INVALIDLOCATOR", format!("{text} is no locator of this job")))?,
    };
    let Some(job) = state.jobs.query.get(&id) else { return Err(Fail::not_found()) };
    let to = (from + size).min(job.rows.len());
    let rows = job.rows.get(from..to).ok_or_else(|| Fail::bad("INVALIDLOCATOR", "the locator lies behind the results"))?;
    let mut builder = csv::WriterBuilder::new();
    builder.quote_style(csv::QuoteStyle::Always).delimiter(job.delimiter.1);
    if job.line_ending == "CRLF" {
        builder.terminator(csv::Terminator::CRLF);
    }
    let broken = |error: csv::Error| Fail::new(500, "UNKNOWN_EXCEPTION", error.to_string());
    let mut out = builder.from_writer(Vec::new());
    let fields =
        || job.bound.columns.iter().filter_map(|c| if let Column::Field { path, dotted } = c { Some((path, dotted)) } else { None });
    out.write_record(fields().map(|(path, dotted)| if path.steps.is_empty() { &path.name } else { dotted })).map_err(broken)?;
    let t = &state.org.tables[job.bound.table];
    for row in rows.iter().filter_map(|ord| t.row(*ord)) {
        out.write_record(fields().map(|(path, _)| state.org.read(row, path).plain(path.kind))).map_err(broken)?;
    }
    let bytes = out.into_inner().map_err(|error| Fail::new(500, "UNKNOWN_EXCEPTION", error.to_string()))?;
    let next = if to < job.rows.len() { locator(to) } else { "null".to_owned() };
    tracing::trace!(job = %id, version, from, to, "bulk results");
    Ok(Answer::text(200, "text/csv", String::from_utf8_lossy(&bytes).into_owned())
        .header("Sforce-Locator", next)
        .header("Sforce-NumberOfRecords", rows.len().to_string()))
}

fn result_pages(state: &mut State, call: &Call, id: &str, now: i64) -> Outcome<Answer> {
    let size = page_rows(call)?;
    let version = call.version.clone();
    let job = job(state, id)?;
    if job.version != version {
        return Err(Fail::new(409, "API_ERROR", "The API version differs from the one that the job was created with"));
    }
    if job.state(now) != "JobComplete" {
        return Err(Fail::bad("INVALIDJOBSTATE", "Results are available when the job is complete"));
    }
    let first: usize = call.param("from").and_then(|n| n.parse().ok()).unwrap_or(0);
    let starts: Vec<usize> = (first..job.rows.len().max(1)).step_by(size).take(RESULT_PAGES).collect();
    let base = format!("/services/data/v{}/jobs/query/{}", job.version, job.id);
    let pages: Vec<Value> =
        starts.iter().map(|from| json!({"resultUrl": format!("{base}/results?locator={}&maxRecords={size}", locator(*from))})).collect();
    let next = starts.last().map_or(first, |last| last + size);
    let done = next >= job.rows.len();
    let more = if done { Value::Null } else { json!(format!("{base}/resultPages?from={next}&maxRecords={size}")) };
    Ok(Answer::json(200, json!({"resultPages": pages, "nextRecordsUrl": more, "done": done})))
}

impl QueryJob {
    fn state(&self, now: i64) -> &'static str {
        match (self.aborted, now >= self.done_ms) {
            (true, _) => "Aborted",
            (false, true) => "JobComplete",
            (false, false) => "InProgress",
        }
    }

    pub fn short(&self, now: i64) -> Value {
        json!({"id": self.id, "operation": self.operation, "object": self.object, "createdById": self.user.as_str(),
            "createdDate": datetime(self.created_ms), "systemModstamp": datetime(self.created_ms), "state": self.state(now),
            "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": self.version.parse::<f64>().unwrap_or_default(),
            "lineEnding": self.line_ending, "columnDelimiter": self.delimiter.0})
    }

    fn whole(&self, now: i64) -> Value {
        let mut body = self.short(now);
        body["jobType"] = json!("V2Query");
        body["numberRecordsProcessed"] = json!(if self.state(now) == "JobComplete" { self.rows.len() } else { 0 });
        body["retries"] = json!(0);
        body["totalProcessingTime"] = json!(self.done_ms - self.created_ms);
        body["isPkChunkingSupported"] = json!(!self.query.to_ascii_uppercase().contains(" LIMIT "));
        body
    }
}
