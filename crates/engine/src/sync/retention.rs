//! Retention: what is no longer needed is removed once a day, by the leader.

use entente_model::clock::Timestamp;
use entente_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::error::Result;

/// Rows removed in one transaction: a second's work, so that nobody waits for it.
const ROWS: usize = 2_000;

/// One day, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Days that syncs are kept by minute: the longest window of a burn rate is three.
const MINUTES_DAYS: u64 = 4;

/// Setting that keeps when it was last done.
const SETTING: &str = "retention/at";

/// Setting that keeps since when alerts are kept: those that were over before were removed.
const ALERTS: &str = "retention/alerts";

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pruned {
    /// Webhook deliveries.
    pub deliveries: u64,
    /// Bodies of webhook deliveries.
    pub bodies: u64,
    /// Failures that are over.
    pub sync_events: u64,
    /// Alerts that are over.
    pub alerts: u64,
}

/// Removes what is older than the settings say, unless that was done within a day. `None` when it was.
///
/// # Errors
/// When the store fails; the rest is removed the next time.
pub async fn daily(engine: &Engine, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<Option<Pruned>> {
    let now = engine.now();
    let last = engine.store().read(|tx| tx.setting::<Timestamp>(SETTING)).await?;
    if last.is_some_and(|last| now.as_millisecond() - last.as_millisecond() < DAY_MS) {
        return Ok(None);
    }
    let options = engine.options();
    let before = |days: u64| {
        let ms = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(DAY_MS);
        Timestamp::from_millisecond(now.as_millisecond().saturating_sub(ms)).unwrap_or(Timestamp::UNIX_EPOCH)
    };
    let (deliveries, bodies, events) =
        (before(options.keep_deliveries_days), before(options.keep_bodies_days), before(options.keep_sync_events_days));
    let passes = before(1);
    let minutes = before(MINUTES_DAYS);
    let mut pruned = Pruned::default();
    while !stop() {
        let step = engine
            .store()
            .write(move |tx| {
                tx.prune_holds(passes)?;
                tx.prune_syncs(minutes)?;
                Ok(Pruned {
                    deliveries: tx.prune_inbox(deliveries, ROWS)?,
                    bodies: tx.empty_deliveries(bodies, ROWS)?,
                    sync_events: tx.prune_sync_events(events, ROWS)?,
                    alerts: tx.prune_alerts(events, ROWS)?,
                })
            })
            .await?;
        pruned.deliveries += step.deliveries;
        pruned.bodies += step.bodies;
        pruned.sync_events += step.sync_events;
        pruned.alerts += step.alerts;
        if step == Pruned::default() {
            let done = engine.store().write(move |tx| {
                // Days that are kept longer from now on bring nothing back.
                let since = alerts_kept_since(tx)?.map_or(events, |known| known.max(events));
                tx.put_setting(ALERTS, &since)?;
                tx.put_setting(SETTING, &now)
            });
            done.await?;
            let Pruned { deliveries, bodies, sync_events, alerts } = pruned;
            if pruned != Pruned::default() {
                tracing::info!(deliveries, bodies, sync_events, alerts, "old deliveries and failures were removed");
            }
            break;
        }
    }
    Ok(Some(pruned))
}

/// Since when alerts are kept; nothing while none was ever removed.
pub(crate) fn alerts_kept_since(tx: &mut Tx<'_>) -> Result<Option<Timestamp>, StoreError> {
    tx.setting(ALERTS)
}
