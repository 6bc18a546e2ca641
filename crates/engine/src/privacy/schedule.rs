//! When the work of erasures is done: at once, again when a system did not answer, and a month later to see that nobody came back. One
//! process does it, the one that leads. The database's files are scrubbed when the platforms have answered.

use std::time::Duration;

use entente_store::ErasureState;

use super::platforms::work_off;
use super::recheck::recheck;
use super::work::Work;
use crate::engine::Engine;
use crate::error::Result;

/// Time between looks whether there is something to do.
pub const EVERY: Duration = Duration::from_secs(2);

/// Requests worked off in one step.
const BATCH: usize = 20;

/// Largest SQLite file that is scrubbed at once, in bytes: a matter of two or three seconds in which nothing else is written. A larger one
/// waits for the hour of the night in which reconciliations are made.
const AT_ONCE_BYTES: u64 = 256 << 20;

/// How long a scrub waits for systems that do not answer, in milliseconds: what is held here has been erased already.
const SCRUB_AFTER_MS: i64 = 60 * 60 * 1000;

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

/// Has what was erased leave the database's files, if there is something and it is time; or now, when somebody asks for it. Answers how many
/// erasures that was for.
///
/// # Errors
/// When the store fails; then it is tried again.
pub async fn scrub(engine: &Engine, now_please: bool) -> Result<usize> {
    let now = engine.now();
    let waiting = engine.store().read(|tx| tx.unscrubbed_erasures()).await?;
    let old = |at: entente_model::clock::Timestamp| now.as_millisecond() - at.as_millisecond() > SCRUB_AFTER_MS;
    let ready = |erasure: &&entente_store::Erasure| now_please || erasure.state != ErasureState::Working || old(erasure.asked_at);
    let ids: Vec<i64> = waiting.iter().filter(ready).map(|erasure| erasure.id).collect();
    // What came in before the person was blocked and is still to be read would bring values in again.
    if ids.is_empty() || !(now_please || is_time(engine)) || engine.store().read(|tx| tx.has_deliveries()).await? {
        return Ok(0);
    }
    engine.store().scrub().await?;
    tracing::info!(erasures = ids.len(), "the database's files were scrubbed");
    let many = ids.len();
    engine.store().write(move |tx| tx.note_scrubbed(&ids, now)).await?;
    Ok(many)
}

fn is_time(engine: &Engine) -> bool {
    let bytes = engine.store().path().and_then(|path| std::fs::metadata(path).ok()).map_or(0, |file| file.len());
    let options = engine.options();
    let hour = engine.now().to_zoned(options.locale.timezone.clone()).hour();
    bytes <= AT_ONCE_BYTES || i64::from(hour) == i64::from(options.reconcile_hour)
}
