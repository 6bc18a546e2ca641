//! When the work of erasures is done: at once, again when a system did not answer, and a month later to see that nobody came back. One
//! process does it, the one that leads. The database's files are scrubbed when the platforms have answered.

use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_store::{Erasure, ErasureState, Scrubbed, StoreError, Tx};

use super::platforms::work_off;
use super::recheck::recheck;
use super::work::{ScrubWork, Work};
use crate::engine::Engine;
use crate::error::Result;

/// Time between looks whether there is something to do.
pub const EVERY: Duration = Duration::from_secs(2);

/// Requests worked off in one step.
const BATCH: usize = 20;

/// Largest database that is scrubbed at once, in bytes: a matter of two or three seconds in which nothing else is written. A larger one
/// waits for the hour of the night in which reconciliations are made.
const AT_ONCE_BYTES: u64 = 256 << 20;

/// How long a scrub waits for systems that do not answer, in milliseconds: what is held here has been erased already.
const SCRUB_AFTER_MS: i64 = 60 * 60 * 1000;

/// Shortest time between two scrubs for one request, in milliseconds: in the first hour after its end, in which the platforms' webhooks about
/// it come in, and later, when an address that a stranger has as well may come in again and again.
const SCRUB_AGAIN_MS: [i64; 2] = [20 * 1000, 60 * 60 * 1000];

/// Time until a scrub that did not succeed is tried again, in milliseconds: it writes much, and what hindered it may last.
const SCRUB_RETRY_MS: i64 = 5 * 60 * 1000;

/// What a scrub came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scrub {
    /// Erasures whose people have left the database's files.
    pub done: usize,
    /// Erasures that wait: for webhooks that came in before they had ended and are still to be read, for platforms, or for the night.
    pub waiting: usize,
}

/// Asked between requests: whether to stop there.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Send + Sync);

/// Does what is due. Answers how many requests that were.
///
/// # Errors
/// When the store fails; then it is tried again.
pub async fn tick(engine: &Engine, stop: Stop<'_>) -> Result<usize> {
    let now = engine.now();
    let due = engine.store().read(move |tx| tx.due_erasures(now, BATCH)).await?;
    let many = due.len();
    for erasure in due {
        if stop() {
            break;
        }
        let work = Work::of(&erasure)?;
        let recheck_is_due =
            erasure.state != ErasureState::Working && work.recheck_at.is_some_and(|at| at <= now) && work.rechecked_at.is_none();
        if recheck_is_due { recheck(engine, &erasure).await? } else { work_off(engine, &erasure).await? }
    }
    scrub(engine, false).await?;
    Ok(many)
}

/// Has what was erased leave the database's files, if there is something and it is time; or now, when somebody asks for it.
///
/// # Errors
/// When the store fails; then it is tried again.
pub async fn scrub(engine: &Engine, now_please: bool) -> Result<Scrub> {
    let now = engine.now();
    let (waiting, unread) = engine.store().read(|tx| Ok((tx.unscrubbed_erasures()?, tx.oldest_unread()?))).await?;
    let mut ready = Vec::new();
    for erasure in &waiting {
        let work = Work::of(erasure)?;
        // What came in before it ended and is still to be read would bring values in again. What comes in later is heeded when it is read.
        let is_unread = unread.is_some_and(|at| at <= erasure.ended_at.unwrap_or(erasure.asked_at));
        let is_due = erasure.state != ErasureState::Working || is_past(erasure.asked_at, SCRUB_AFTER_MS, now);
        let is_old = is_past(erasure.ended_at.unwrap_or(erasure.asked_at), SCRUB_AFTER_MS, now);
        let is_again = work.scrubbed_at.is_some_and(|at| !is_past(at, SCRUB_AGAIN_MS[usize::from(is_old)], now));
        let has_failed = work.scrub_failed_at.is_some_and(|at| !is_past(at, SCRUB_RETRY_MS, now));
        if !is_unread && (now_please || is_due && !is_again && !has_failed) {
            ready.push((erasure.clone(), work.brought_in_at));
        }
    }
    if ready.is_empty() || !(now_please || is_time(engine).await?) {
        return Ok(Scrub { done: 0, waiting: waiting.len() });
    }
    let how = match engine.store().scrub().await {
        Ok(Scrubbed::File) => ScrubWork::Sqlite,
        Ok(Scrubbed::Tables { many, statistics }) => ScrubWork::Postgresql { tables: many, statistics },
        Err(error) if !now_please && !error.is_total() => {
            tracing::warn!(%error, "the database's files could not be scrubbed; it is tried again in five minutes");
            engine.store().write(move |tx| ready.iter().try_for_each(|(erasure, _)| note_failure(tx, erasure.id, now))).await?;
            return Ok(Scrub { done: 0, waiting: waiting.len() });
        }
        Err(error) => return Err(error.into()),
    };
    let ended = engine.now();
    let done = engine.store().write(move |tx| {
        let mut done = 0;
        for (erasure, brought_in_at) in &ready {
            done += usize::from(note(tx, erasure, *brought_in_at, &how, ended)?);
        }
        Ok(done)
    });
    let done = done.await?;
    tracing::info!(erasures = done, "the database's files were scrubbed");
    Ok(Scrub { done, waiting: waiting.len() - done })
}

/// Notes that a request's person has left the files, unless something has happened to it since that the scrub may have missed.
fn note(tx: &mut Tx<'_>, as_read: &Erasure, brought_in_at: Option<Timestamp>, how: &ScrubWork, at: Timestamp) -> Result<bool, StoreError> {
    let Some(mut erasure) = tx.erasure_for_update(as_read.id)? else { return Ok(false) };
    let mut work = Work::of(&erasure)?;
    if erasure.ended_at != as_read.ended_at || work.brought_in_at != brought_in_at {
        return Ok(false);
    }
    erasure.scrubbed_at = Some(at);
    work.scrubbed_at = Some(at);
    work.scrub = Some(how.clone());
    work.scrub_failed_at = None;
    erasure.work = work.document()?;
    tx.put_erasure(&erasure)?;
    Ok(true)
}

fn note_failure(tx: &mut Tx<'_>, id: i64, at: Timestamp) -> Result<(), StoreError> {
    let Some(mut erasure) = tx.erasure_for_update(id)? else { return Ok(()) };
    let mut work = Work::of(&erasure)?;
    work.scrub_failed_at = Some(at);
    erasure.work = work.document()?;
    tx.put_erasure(&erasure)
}

/// Notes that a webhook has brought something of a request's person in again: the files have to be scrubbed once more.
pub(crate) fn brought_in(tx: &mut Tx<'_>, id: i64, at: Timestamp) -> Result<(), StoreError> {
    let Some(mut erasure) = tx.erasure_for_update(id)? else { return Ok(()) };
    let mut work = Work::of(&erasure)?;
    work.brought_in_at = Some(at);
    erasure.scrubbed_at = None;
    erasure.work = work.document()?;
    tx.put_erasure(&erasure)
}

fn is_past(at: Timestamp, ms: i64, now: Timestamp) -> bool {
    now.as_millisecond() - at.as_millisecond() > ms
}

async fn is_time(engine: &Engine) -> Result<bool> {
    let options = engine.options();
    let hour = engine.now().to_zoned(options.locale.timezone.clone()).hour();
    Ok(i64::from(hour) == i64::from(options.reconcile_hour) || engine.store().scrub_bytes().await? <= AT_ONCE_BYTES)
}
