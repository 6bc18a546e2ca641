//! Writing in bulk: an ingest job per some thousand rows, each row's fate read out of the job's results.
//!
//! Creations are upserts by our key, so that a job that is repeated makes no twin. Results come in no order: rows are told apart by our
//! key, or by their ids. What the job cannot carry, and rows that were locked, go as collections.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::describe::Described;
use super::super::map::unflatten;
use super::super::wire::ErrorItem;
use super::super::{Salesforce, ids, refusal};
use super::job::{Job, Kind, State};
use super::{csv_rows, rule};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::{Answer, Body, Call};
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

/// Questions how a job stands before it is given up: about half an hour.
const QUESTIONS_MAX: u32 = 60;

/// The column of a row's id in results, and of the refusal of one that failed.
const ID: &str = "sf__Id";
const ERROR: &str = "sf__Error";
const CREATED: &str = "sf__Created";

type Placed<'a> = (usize, &'a Write);

impl Salesforce {
    /// Writes rows of one kind by jobs. Answers the outcomes by place; rows without one are to be written otherwise.
    pub(in crate::vendors::salesforce) async fn write_in_bulk(
        &self,
        target: &WriteTarget,
        described: Option<&Described>,
        kind: WriteKind,
        placed: &[Placed<'_>],
        priority: Priority,
    ) -> Result<BTreeMap<usize, WriteOutcome>, VendorError> {
        let mut outcomes = BTreeMap::new();
        if !rule::writes_in_bulk(placed.len()) {
            return Ok(outcomes);
        }
        let mut landed = false;
        for part in placed.chunks(rule::JOB_ROWS) {
            match self.load(target, described, kind, part, priority).await {
                Ok(of_part) => {
                    landed |= !of_part.is_empty();
                    outcomes.extend(of_part);
                }
                // Rows of an earlier job are known to have landed, so this failure must not speak for them.
                Err(error) if landed => outcomes.extend(part.iter().map(|(place, _)| (*place, Err(error.clone())))),
                Err(error) => return Err(error),
            }
        }
        Ok(outcomes)
    }

    /// One job. Rows that it does not carry are left out of the answer.
    async fn load(
        &self,
        target: &WriteTarget,
        described: Option<&Described>,
        kind: WriteKind,
        part: &[Placed<'_>],
        priority: Priority,
    ) -> Result<BTreeMap<usize, WriteOutcome>, VendorError> {
        let key = if kind == WriteKind::Create { target.key_field.as_str() } else { "Id" };
        let mut places = BTreeMap::new();
        let mut rows = Vec::with_capacity(part.len());
        for (place, write) in part {
            let mut record = described.map(|described| unflatten(&write.row, described)).unwrap_or_default();
            let name = match kind {
                WriteKind::Create => write.key.clone(),
                WriteKind::Update | WriteKind::Delete => ids::to_18(write.id.as_deref().unwrap_or_default()),
            };
            record.insert(key.to_owned(), Value::from(name.as_str()));
            // Two writes of one row could not be told apart.
            if let Some(cells) = csv_rows::cells(&record).filter(|_| !name.is_empty() && !places.contains_key(&name)) {
                places.insert(name, *place);
                rows.push(cells);
            }
        }
        if rows.is_empty() {
            return Ok(BTreeMap::new());
        }
        let job = match self.run(target, kind, &csv_rows::write(&rows)?, priority).await {
            // The org or our user has no bulk API: collections do it.
            Err(error) if matches!(error.code.as_str(), "FEATURENOTENABLED" | "FUNCTIONALITY_NOT_ENABLED" | "INVALIDENTITY") => {
                tracing::info!(object = %target.object, %error, "rows go as collections");
                return Ok(BTreeMap::new());
            }
            job => job?,
        };
        let processed = job.number_records_processed.unwrap_or(rows.len() as u64);
        if job.state != State::JobComplete && processed == 0 {
            return Err(job.failure());
        }
        let mut outcomes = self.fates(&job, kind, key, &places, priority).await?;
        for place in places.values() {
            outcomes.entry(*place).or_insert_with(|| Err(unprocessed(&job)));
        }
        Ok(outcomes)
    }

    /// Makes a job, gives it its rows and waits for its end. What fails before the rows are handed over has not landed.
    async fn run(&self, target: &WriteTarget, kind: WriteKind, file: &str, priority: Priority) -> Result<Job, VendorError> {
        let mut what = json!({"object": target.object, "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"});
        match kind {
            WriteKind::Create => {
                what["operation"] = json!("upsert");
                what["externalIdFieldName"] = json!(target.key_field);
            }
            WriteKind::Update => what["operation"] = json!("update"),
            WriteKind::Delete => what["operation"] = json!("delete"),
        }
        let job = self.make_job(Kind::Ingest, what, priority).await?;
        let mut upload = Call::new(http::Method::PUT, format!("{}/batches", self.job_path(Kind::Ingest, &job.id)?));
        upload.body = Body::Text { content_type: "text/csv", text: file.to_owned() };
        if let Err(error) = self.client.call("bulk_upload", priority, upload).await {
            self.abort(&job.id, priority).await;
            return Err(error);
        }
        if let Err(error) = self.set_state(Kind::Ingest, &job.id, "UploadComplete", priority).await {
            // Unheard, it may have been closed all the same.
            let now = self.job(Kind::Ingest, &job.id, priority).await;
            if now.as_ref().is_ok_and(|job| job.state == State::Open) {
                self.abort(&job.id, priority).await;
            }
            if !now.is_ok_and(|job| job.state != State::Open) {
                return Err(error);
            }
        }
        let mut asked = 0;
        let ended = self.watch(Kind::Ingest, &job.id, &mut asked, QUESTIONS_MAX, priority).await?;
        if !ended.state.has_ended() {
            self.abort(&job.id, priority).await;
        }
        Ok(ended)
    }

    /// Ends a job that nobody wants any more. It may have ended already.
    async fn abort(&self, id: &str, priority: Priority) {
        if let Err(error) = self.set_state(Kind::Ingest, id, "Aborted", priority).await {
            tracing::debug!(job = id, %error, "a bulk job could not be stopped; the vendor removes it after seven days");
        }
    }

    /// What became of the rows of a job, by place. Rows that it did not come to are left out.
    async fn fates(
        &self,
        job: &Job,
        kind: WriteKind,
        key: &str,
        places: &BTreeMap<String, usize>,
        priority: Priority,
    ) -> Result<BTreeMap<usize, WriteOutcome>, VendorError> {
        let mut outcomes = BTreeMap::new();
        let failed = job.number_records_failed.unwrap_or(u64::MAX);
        if job.number_records_processed != Some(failed) {
            let (rows, _) = self.results(job, "successfulResults", priority).await?;
            for row in rows {
                let id = row.get(ID).map(|id| ids::to_18(id)).unwrap_or_default();
                let name = if kind == WriteKind::Create { row.get(key).cloned().unwrap_or_default() } else { id.clone() };
                if let Some(place) = places.get(&name).filter(|_| ids::is_id(&id)) {
                    let created = (kind == WriteKind::Create).then(|| row.get(CREATED).is_none_or(|created| created == "true"));
                    outcomes.insert(*place, Ok(Written { id, created, version: None, look: None }));
                }
            }
        }
        if failed > 0 {
            let (rows, answer) = self.results(job, "failedResults", priority).await?;
            let now = self.client.now();
            for row in rows {
                let named = row
                    .get(key)
                    .or_else(|| row.get(ID))
                    .map(|name| if kind == WriteKind::Create { name.clone() } else { ids::to_18(name) });
                if let Some(place) = named.and_then(|name| places.get(&name)) {
                    outcomes.insert(*place, Err(refusal::row(&[refused(row.get(ERROR).map_or("", String::as_str))], &answer, now)));
                }
            }
        }
        Ok(outcomes)
    }

    async fn results(&self, job: &Job, which: &str, priority: Priority) -> Result<(Vec<BTreeMap<String, String>>, Answer), VendorError> {
        let call = Call::get(format!("{}/{which}", self.job_path(Kind::Ingest, &job.id)?)).header("accept", "text/csv");
        let answer = self.client.call("bulk_results", priority, call).await?;
        Ok((csv_rows::read(&answer.body)?, answer))
    }
}

/// Reads `CODE:message:field, field --`.
fn refused(text: &str) -> ErrorItem {
    let (code, rest) = text.split_once(':').unwrap_or(("unexplained", text));
    let (message, fields) = match rest.trim_end().strip_suffix("--").and_then(|rest| rest.rsplit_once(':')) {
        Some((message, fields)) => (message, fields.trim()),
        None => (rest, ""),
    };
    let fields: Vec<String> = fields.split(',').map(str::trim).filter(|field| !field.is_empty()).map(str::to_owned).collect();
    ErrorItem { code: code.to_owned(), message: message.to_owned(), fields: Some(fields), ..ErrorItem::default() }
}

fn unprocessed(job: &Job) -> VendorError {
    VendorError::new(
        Class::Retry,
        "unprocessed",
        format!("bulk job {} ended as {:?} before it came to the row", job.id, job.state),
        "nothing to do: the row is looked at again before anything is repeated",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_s_refusal_is_read() {
        let item = refused("REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --");
        assert_eq!((item.code.as_str(), item.message.as_str()), ("REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]"));
        assert_eq!(item.fields.as_deref(), Some(["Name".to_owned()].as_slice()));
        let item = refused("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--");
        assert_eq!((item.code.as_str(), item.fields.map(|fields| fields.len())), ("UNABLE_TO_LOCK_ROW", Some(0)));
        assert_eq!(refused("nothing more").message, "nothing more");
    }
}
