//! Reading in bulk: a query job that takes over what a read has not seen yet.
//!
//! The first page is an ordinary one: it tells how many rows there are, and its locator is the way on if the job fails. What the job found
//! is handed out in pages of ordinary size; where it stands is part of the cursor, so that another process goes on in the middle.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::cursor::Position;
use super::super::describe::Described;
use super::super::map::parse_instant;
use super::super::wire::{QueryKind, text};
use super::super::{SPEC, Salesforce, read, soql};
use super::csv_rows::Lines;
use super::job::{Kind, State};
use super::rule;
use super::rule::RESULT_ROWS;
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::{Page, ReadSpec};
use crate::transport::call::Call;

/// Rows handed out at once: what one transaction keeps without holding up others.
const PAGE_ROWS: usize = 2_000;

/// Questions how the job stands before the cursor is kept again.
const QUESTIONS_A_PAGE: u32 = 4;

/// Questions before a query job is given up: about an hour.
const QUESTIONS_MAX: u32 = 120;

/// Results kept at once: of a poll, and of a reconciliation beside it.
const CHUNKS_MAX: usize = 2;

/// The locator of a last page, word for word.
const NO_LOCATOR: &str = "null";

/// A query job under way, as the cursor keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::vendors::salesforce) struct BulkRead {
    job: String,
    /// Questions how it stands so far.
    #[serde(default)]
    asked: u32,
    /// Whether it has ended well.
    #[serde(default)]
    ready: bool,
    /// Where its results go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locator: Option<String>,
    /// Rows behind that locator that were handed out.
    #[serde(default)]
    given: usize,
}

/// One call's worth of results, kept while its pages are handed out.
#[derive(Debug)]
pub(in crate::vendors::salesforce) struct Chunk {
    job: String,
    locator: Option<String>,
    lines: Lines,
    next: Option<String>,
}

impl Salesforce {
    /// Whether a job can read these fields and is cheaper for so many rows. Compound fields it does not read, and of parents' fields only
    /// those are known well enough to be read out of text.
    pub(in crate::vendors::salesforce) fn worth_a_job(&self, spec: &ReadSpec, described: &Described, rows: u64) -> bool {
        let readable = |field: &String| match described.kind(field) {
            Some(entente_model::mapping::remote::RemoteKind::Json) => false,
            Some(_) => true,
            None => described.object.fields.iter().any(|known| known.name.eq_ignore_ascii_case(field)),
        };
        rule::reads_in_bulk(usize::try_from(rows).unwrap_or(usize::MAX)) && spec.fields.iter().all(readable)
    }

    /// Makes a job that reads what lies behind a position. `None` when the vendor makes none: the pages go on as they are.
    pub(in crate::vendors::salesforce) async fn begin_bulk_read(
        &self,
        spec: &ReadSpec,
        select: &str,
        position: &Position,
        kind: QueryKind,
        priority: Priority,
    ) -> Result<Option<BulkRead>, VendorError> {
        let condition = position.condition(SPEC.overlap).map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
        let query = format!("SELECT {select} FROM {}{condition}", soql::name(&spec.object)?);
        let operation = if kind == QueryKind::Live { "query" } else { "queryAll" };
        match self.make_job(Kind::Query, json!({"operation": operation, "query": query}), priority).await {
            Ok(job) => {
                tracing::debug!(object = %spec.object, job = job.id, "reading in bulk");
                Ok(Some(BulkRead { job: job.id, asked: 0, ready: false, locator: None, given: 0 }))
            }
            // A page would meet the same.
            Err(error) if matches!(error.class, Class::Wait { .. } | Class::Reauthenticate) => Err(error),
            Err(error) => {
                tracing::info!(object = %spec.object, %error, "no bulk job was made; the read goes on page by page");
                Ok(None)
            }
        }
    }

    /// The next page of a bulk read. `None` when the job has come to nothing: the position is then where the pages were left.
    pub(in crate::vendors::salesforce) async fn bulk_page(
        &self,
        spec: &ReadSpec,
        described: &Described,
        position: &mut Position,
        priority: Priority,
    ) -> Result<Option<Page>, VendorError> {
        let Some(mut bulk) = position.bulk.take() else { return Ok(None) };
        if !bulk.ready {
            let job = match self.watch(Kind::Query, &bulk.job, &mut bulk.asked, QUESTIONS_A_PAGE, priority).await {
                Err(error) if error.status == 404 => return Ok(None),
                job => job?,
            };
            match job.state {
                State::JobComplete => bulk.ready = true,
                State::Failed | State::Aborted => {
                    tracing::info!(object = %spec.object, error = %job.failure(), "the read goes on page by page");
                    return Ok(None);
                }
                _ if bulk.asked >= QUESTIONS_MAX => {
                    // Whether it can still be stopped does not matter: nobody reads its results.
                    if let Err(error) = self.set_state(Kind::Query, &bulk.job, "Aborted", priority).await {
                        tracing::debug!(job = bulk.job, %error, "a job that takes too long could not be stopped");
                    }
                    return Ok(None);
                }
                _ => {
                    position.bulk = Some(bulk);
                    return Ok(Some(Page { looks: Vec::new(), next: position.to_text(), more: true, total: None }));
                }
            }
        }
        let chunk = match self.chunk(&bulk, priority).await {
            // Jobs are gone after seven days.
            Err(error) if error.status == 404 => return Ok(None),
            chunk => chunk?,
        };
        let end = (bulk.given + PAGE_ROWS).min(chunk.lines.len());
        let records = chunk.lines.records(bulk.given..end, described);
        let looks = self.seeing(&spec.object, described, priority, |seeing| read::looks(seeing, &records, &spec.fields)).await?;
        // The job reads in no order: where a poll stands afterwards is the latest stamp it saw, unless the server's clock told more.
        let latest = records.iter().filter_map(|record| parse_instant(&text(record, "SystemModstamp")?)).max();
        position.seen = position.seen.max(latest);
        let more = if end < chunk.lines.len() {
            bulk.given = end;
            true
        } else {
            bulk.locator.clone_from(&chunk.next);
            bulk.given = 0;
            chunk.next.is_some()
        };
        if more {
            position.bulk = Some(bulk);
            return Ok(Some(Page { looks, next: position.to_text(), more, total: None }));
        }
        self.forget_chunk(&bulk.job);
        position.stamp = position.stamp.max(position.seen);
        Ok(Some(Page { looks, next: position.rest().to_text(), more, total: None }))
    }

    /// The results at a locator, asked for once.
    async fn chunk(&self, bulk: &BulkRead, priority: Priority) -> Result<Arc<Chunk>, VendorError> {
        let kept = self.chunks().iter().find(|chunk| chunk.job == bulk.job && chunk.locator == bulk.locator).cloned();
        if let Some(chunk) = kept {
            return Ok(chunk);
        }
        let mut call =
            Call::get(format!("{}/results", self.job_path(Kind::Query, &bulk.job)?)).query("maxRecords", RESULT_ROWS.to_string());
        if let Some(locator) = &bulk.locator {
            call = call.query("locator", locator.as_str());
        }
        let answer = self.client.call("bulk_results", priority, call.header("accept", "text/csv")).await?;
        let next = answer.header("sforce-locator").filter(|locator| *locator != NO_LOCATOR && !locator.is_empty()).map(str::to_owned);
        let lines = Lines::read(&answer.body)?;
        let chunk = Arc::new(Chunk { job: bulk.job.clone(), locator: bulk.locator.clone(), lines, next });
        self.forget_chunk(&bulk.job);
        let mut chunks = self.chunks();
        // Of a read that was given up, nobody asks for the rest.
        while chunks.len() >= CHUNKS_MAX {
            chunks.remove(0);
        }
        chunks.push(Arc::clone(&chunk));
        drop(chunks);
        Ok(chunk)
    }

    fn chunks(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Chunk>>> {
        self.chunks.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn forget_chunk(&self, job: &str) {
        self.chunks().retain(|chunk| chunk.job != job);
    }
}
