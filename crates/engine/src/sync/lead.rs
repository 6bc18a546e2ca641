//! Leading: of all processes on one database, one polls, follows the ledger, seals it, prunes and watches. It holds a lease and prolongs
//! it; when it dies, another one takes over within seconds. Converging and the inbox run everywhere.
//!
//! A leader that stalls may overlap with the next one for a moment. Nothing hangs on that: cursors move by comparison, under a lock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use entente_model::clock::Timestamp;

use crate::engine::Engine;
use crate::error::Result;

/// Name of the lease.
pub const LEASE: &str = "sync";

/// How long the lease lasts without a sign of life: what a take-over takes at most, but for one beat.
const LEASE_MS: i64 = 8_000;

/// Time between signs of life: three may fail before the lease is lost.
const BEAT: Duration = Duration::from_secs(2);

/// The holder stops believing in its lease this long before it ends, for what is under way.
const MARGIN_MS: i64 = 1_000;

/// Whether this process leads, as far as it knows.
#[derive(Debug, Default)]
pub(crate) struct Leadership(AtomicI64);

impl Leadership {
    /// Whether the lease lasts at `now`.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        now.as_millisecond() < self.0.load(Ordering::SeqCst)
    }

    fn set(&self, until_ms: i64) {
        self.0.store(until_ms, Ordering::SeqCst);
    }
}

/// Tries to lead for good, and keeps the lease once it is held. Ends only by being dropped.
pub(crate) async fn keep(engine: Engine) {
    loop {
        if let Err(error) = beat(&engine).await {
            tracing::warn!(%error, "the lease of the leader could not be prolonged; trying again");
        }
        tokio::time::sleep(BEAT).await;
    }
}

/// One sign of life. An SQLite database has one worker, which leads.
///
/// # Errors
/// When the store fails.
pub async fn beat(engine: &Engine) -> Result<()> {
    if !engine.store().is_postgres() {
        engine.leadership().set(i64::MAX);
        return Ok(());
    }
    let (now, owner) = (engine.now(), engine.owner().to_owned());
    let until_ms = now.as_millisecond() + LEASE_MS;
    let until = Timestamp::from_millisecond(until_ms).unwrap_or(now);
    let led_before = engine.leads();
    let term = engine.store().write(move |tx| tx.lead(LEASE, &owner, now, until)).await?;
    engine.leadership().set(if term.is_some() { until_ms - MARGIN_MS } else { 0 });
    match (led_before, term) {
        (false, Some(term)) => tracing::info!(term, "this process leads now: it polls, follows the ledger and seals it"),
        (true, None) => tracing::warn!("another process leads now"),
        _ => {}
    }
    Ok(())
}

/// Gives the lease back, so that another process takes over at its next beat.
///
/// # Errors
/// When the store fails; then the lease ends by itself.
pub(crate) async fn resign(engine: &Engine) -> Result<()> {
    engine.leadership().set(0);
    if engine.store().is_postgres() {
        let owner = engine.owner().to_owned();
        engine.store().write(move |tx| tx.resign(LEASE, &owner).map(drop)).await?;
    }
    Ok(())
}
