//! Offsets of the platforms' clocks, kept beyond the process: a message may come before the first answer of its platform, and the time that it
//! tells is compared with those of others.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use entente_connect::connector::Connector;
use entente_model::clock::Timestamp;
use entente_store::Store;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::error::Result;

/// Prefix of the settings that keep the offset of each connection.
const SETTING: &str = "clocks/";

/// Milliseconds by which a measurement must differ from what is kept to be kept in its place: a header in whole seconds hides as many.
const KEPT_APART_MS: i64 = 1_000;

/// Milliseconds after which what is kept is kept anew.
const FRESH_MS: i64 = 60 * 60 * 1000;

/// Milliseconds for which it holds: either clock may have been put right while nobody looked.
const HOLDS_MS: i64 = 24 * FRESH_MS;

/// Time between looks whether there is something to keep.
pub(crate) const EVERY: Duration = Duration::from_secs(60);

/// An offset as it was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Measured {
    /// Milliseconds ahead of ours.
    ms: i64,
    /// When, in milliseconds since 1970.
    at_ms: i64,
}

/// What is kept of a connection's clock.
#[derive(Debug, Default)]
pub(crate) struct KeptClock(Mutex<Measured>);

impl KeptClock {
    fn get(&self) -> Measured {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, measured: Measured) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = measured;
    }
}

/// Recalls the offset that a connection's clock had, unless that was long ago.
///
/// # Errors
/// When the store fails.
pub(crate) async fn recall(store: &Store, name: &str, connector: &dyn Connector, now: Timestamp) -> Result<KeptClock> {
    let kept = KeptClock::default();
    let setting = format!("{SETTING}{name}");
    if let (Some(clock), Some(measured)) = (connector.clock(), store.read(move |tx| tx.setting::<Measured>(&setting)).await?) {
        if now.as_millisecond() - measured.at_ms < HOLDS_MS {
            clock.recall(measured.ms);
        }
        kept.set(measured);
    }
    Ok(kept)
}

/// Keeps the offsets that have changed, or that were kept a while ago. A clock that was never found wrong is not worth a word.
///
/// # Errors
/// When the store fails.
pub(crate) async fn keep(engine: &Engine) -> Result<()> {
    let now_ms = engine.now().as_millisecond();
    let measured = engine.connections().iter().filter_map(|(name, connection)| {
        let (ms, kept) = (connection.connector.clock_offset_ms()?, connection.clock.get());
        let is_stale = kept.ms != 0 && now_ms - kept.at_ms >= FRESH_MS;
        ((ms - kept.ms).abs() >= KEPT_APART_MS || is_stale).then(|| (name.clone(), Measured { ms, at_ms: now_ms }))
    });
    let changed: Vec<(String, Measured)> = measured.collect();
    if changed.is_empty() {
        return Ok(());
    }
    let news = changed.clone();
    engine
        .store()
        .write(move |tx| news.iter().try_for_each(|(name, measured)| tx.put_setting(&format!("{SETTING}{name}"), measured)))
        .await?;
    for (name, measured) in changed {
        engine.connection(&name)?.clock.set(measured);
    }
    Ok(())
}
