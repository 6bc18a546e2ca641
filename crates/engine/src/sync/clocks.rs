//! Offsets of the platforms' clocks, kept beyond the process: a message may come before the first answer of its platform, and the time that it
//! tells is compared with those of others.

use std::sync::{Mutex, PoisonError};

use entente_connect::connector::Connector;
use entente_store::Store;

use crate::engine::Engine;
use crate::error::Result;

/// Prefix of the settings that keep the offset of each connection, in milliseconds ahead of ours.
const SETTING: &str = "clocks/";

/// Milliseconds by which a measurement must differ from what is kept to be kept in its place: a header in whole seconds hides as many.
const KEPT_APART_MS: i64 = 1_000;

/// What is kept of a connection's clock.
#[derive(Debug, Default)]
pub(crate) struct KeptClock(Mutex<i64>);

impl KeptClock {
    fn get(&self) -> i64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, ms: i64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ms;
    }
}

/// Recalls the offset that a connection's clock had.
///
/// # Errors
/// When the store fails.
pub(crate) async fn recall(store: &Store, name: &str, connector: &dyn Connector) -> Result<KeptClock> {
    let kept = KeptClock::default();
    let setting = format!("{SETTING}{name}");
    if let (Some(clock), Some(ms)) = (connector.clock(), store.read(move |tx| tx.setting::<i64>(&setting)).await?) {
        clock.recall(ms);
        kept.set(ms);
    }
    Ok(kept)
}

/// Keeps the offsets that have changed.
///
/// # Errors
/// When the store fails.
pub(crate) async fn keep(engine: &Engine) -> Result<()> {
    let measured = engine.connections().iter().filter_map(|(name, connection)| {
        let ms = connection.connector.clock()?.measured()?;
        ((ms - connection.clock.get()).abs() >= KEPT_APART_MS).then(|| (name.clone(), ms))
    });
    let changed: Vec<(String, i64)> = measured.collect();
    if changed.is_empty() {
        return Ok(());
    }
    let news = changed.clone();
    engine.store().write(move |tx| news.iter().try_for_each(|(name, ms)| tx.put_setting(&format!("{SETTING}{name}"), ms))).await?;
    for (name, ms) in changed {
        engine.connection(&name)?.clock.set(ms);
    }
    Ok(())
}
