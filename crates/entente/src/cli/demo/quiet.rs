//! Knowing when nothing is on its way any more.

use std::time::{Duration, Instant};

use entente_engine::reports::headline::headline;
use entente_engine::sync::first_read::FIRST_READ;
use entente_store::Viewer;

use super::hub::Hub;
use super::sims::Sims;
use crate::fault::Result;

/// Looks in a row that must find nothing: between two steps of a long way, nothing is on its way for a moment.
const LOOKS: u32 = 4;
/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(600);

/// How long edits may take to land once they ended: two polls, and the minute that Zendesk withholds from polls.
pub const LANDING_MAX: Duration = Duration::from_secs(200);

/// Whether nothing waits: not here, and not at the platforms.
pub async fn is_quiet(hub: &Hub, sims: &Sims) -> Result<bool> {
    Ok(hub_is_quiet(hub).await? && sims.control.is_quiet().await?)
}

async fn hub_is_quiet(hub: &Hub) -> Result<bool> {
    if headline(&hub.engine, &Viewer::system()).await?.in_flight > 0 {
        return Ok(false);
    }
    Ok(hub.engine.store().read(|tx| tx.oldest_unread()).await?.is_none())
}

/// Whether every object of every connection was read completely once.
pub async fn everything_was_read(hub: &Hub) -> Result<bool> {
    let done = hub.engine.store().read(|tx| tx.settings(FIRST_READ)).await?;
    let catalog = hub.engine.catalog();
    let mut wanted = hub
        .engine
        .connections()
        .keys()
        .flat_map(|name| catalog.reads(name).into_iter().map(move |(object, _)| format!("{FIRST_READ}{name}/{object}")));
    Ok(wanted.all(|key| done.contains_key(&key)))
}

/// Counts looks in a row that found nothing.
#[derive(Debug, Default)]
pub struct Stillness(u32);

impl Stillness {
    /// Takes a look in; whether it has been still for long enough.
    pub fn note(&mut self, quiet: bool) -> bool {
        self.0 = if quiet { self.0 + 1 } else { 0 };
        self.0 >= LOOKS
    }
}

/// Sleeps until the next look.
pub async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

/// Waits until all live edits have landed and nothing is on its way, `longest` at most. Answers whether that came to be.
pub async fn wait(hub: &Hub, sims: &Sims, longest: Duration) -> Result<bool> {
    let began = Instant::now();
    let mut stillness = Stillness::default();
    loop {
        let landed = sims.control.report().await?.outstanding == 0;
        if stillness.note(landed && is_quiet(hub, sims).await?) {
            return Ok(true);
        }
        if began.elapsed() >= longest {
            return Ok(false);
        }
        pause().await;
    }
}
