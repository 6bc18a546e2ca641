//! Presence: every process that serves or works says so in the store now and then, so that what must not happen while some run
//! (changing the master key) can name them.

use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_store::{Store, Worker};

use super::run::Shutdown;
use crate::engine::Engine;
use crate::error::Result;

/// Time between signs of life.
pub(crate) const BEAT: Duration = Duration::from_secs(5);

/// Milliseconds after a start in which what a dead process has sent may still land: calls under way, and jobs that a platform works off. Whoever wrote
/// the same row meanwhile would be written over.
const LANDING_MS: i64 = 10_000;

/// A process not heard of for this long is taken for dead, in milliseconds: three signs of life that did not come.
const SILENT_MS: i64 = 15_000;

/// Says that this process is alive until `shutdown` says so, and that it is gone then. `place` tells people which one it is. An SQLite
/// database has one process, whose seat tells already.
pub async fn keep(engine: Engine, place: String, mut shutdown: Shutdown) {
    if !engine.store().is_postgres() {
        return;
    }
    let started_at = engine.now();
    while !*shutdown.borrow() {
        let (name, place, now) = (engine.owner().to_owned(), place.clone(), engine.now());
        if let Err(error) = engine.store().write(move |tx| tx.worker_seen(&name, &place, started_at, now)).await {
            tracing::warn!(%error, "this process could not say that it is alive; trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            _ = shutdown.changed() => {}
        }
    }
    let name = engine.owner().to_owned();
    if let Err(error) = engine.store().write(move |tx| tx.worker_gone(&name)).await {
        tracing::warn!(%error, "this process could not say that it is gone; it counts as alive for some seconds");
    }
}

/// Gives back what dead processes hold, so that nobody waits for the end of their leases: on SQLite, soon after the start of the one process that
/// there is, everybody else's; on PostgreSQL, what those hold who have said that they live and do not any more.
///
/// # Errors
/// When the store fails; then the leases end by themselves.
pub(crate) async fn inherit(engine: &Engine) -> Result<()> {
    let (now, owner, shared) = (engine.now(), engine.owner().to_owned(), engine.store().is_postgres());
    let silent = Timestamp::from_millisecond(now.as_millisecond() - SILENT_MS).unwrap_or(now);
    let landed = Timestamp::from_millisecond(now.as_millisecond() + LANDING_MS).unwrap_or(now);
    let write =
        engine.store().write(move |tx| if shared { tx.release_silent(silent, now) } else { tx.end_leases_of_others(&owner, landed) });
    let released = write.await?;
    if released > 0 {
        tracing::info!(records = released, "a process that is dead held records; they are looked at within seconds");
    }
    Ok(())
}

/// The processes that are alive at `now`.
///
/// # Errors
/// When the store fails.
pub async fn alive(store: &Store, now: Timestamp) -> Result<Vec<Worker>> {
    let since = Timestamp::from_millisecond(now.as_millisecond() - SILENT_MS).unwrap_or(now);
    Ok(store.read(move |tx| tx.workers(since)).await?)
}
