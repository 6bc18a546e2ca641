//! When reconciliations happen: once a day at the hour of the settings, and on demand. One process does both, the one that leads.

use std::time::Duration;

use entente_model::clock::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::place::{Scope, places};
use super::{Outcome, Stop, reconcile, running};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::poll::first_read_is_done;
use crate::sync::resting_objects::Asked;

/// Time between looks whether one is due or was asked for.
pub const EVERY: Duration = Duration::from_secs(2);

/// How long a reconciliation waits for the sync: failures are retried after one and five minutes.
pub const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Time before a daily reconciliation that could not be made is tried again, in milliseconds.
const AGAIN_MS: i64 = 60 * 60 * 1000;

/// Setting that keeps a request.
const REQUEST: &str = "reconcile/request";

/// Setting that keeps when the daily one was made.
const DAILY: &str = "reconcile/daily";

/// On whose behalf the daily one is made.
const SCHEDULE: &str = "the daily schedule";

/// A wish for a reconciliation. It waits in the store until the leading process takes it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Request {
    scope: Scope,
    repairs: bool,
    by: String,
    at: Timestamp,
}

/// What is known of the daily one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Daily {
    /// The day of the last one.
    day: Date,
    /// When the one of the next day was tried, if it was not made.
    tried_at: Option<Timestamp>,
}

/// Asks for a reconciliation. A later request takes the place of one that nobody has taken up yet.
///
/// # Errors
/// When the object or connection does not exist, or the store fails.
pub async fn ask(engine: &Engine, scope: &Scope, repairs: bool, by: &str) -> Result<()> {
    scope.check(engine)?;
    let request = Request { scope: scope.clone(), repairs, by: by.to_owned(), at: engine.now() };
    engine.store().write(move |tx| tx.put_setting(REQUEST, &request)).await?;
    Ok(())
}

/// Makes what was asked for and what is due. Answers the outcome, if there was any.
///
/// # Errors
/// When the store fails: then it is tried again.
pub async fn tick(engine: &Engine, stop: Stop<'_>) -> Result<Option<Outcome>> {
    let request = engine.store().read(|tx| tx.setting::<Request>(REQUEST)).await?;
    let slot = if request.is_none() { due(engine).await? } else { None };
    if (request.is_none() && slot.is_none()) || running(engine).await?.is_some() {
        return Ok(None);
    }
    let daily = Request { scope: Scope::default(), repairs: true, by: SCHEDULE.to_owned(), at: engine.now() };
    let wanted = request.as_ref().unwrap_or(&daily);
    note_tried(engine, slot).await?;
    let outcome = match reconcile(engine, &wanted.scope, wanted.repairs, &wanted.by, PATIENCE, &|_, _, _| {}, stop).await {
        Ok(outcome) => Some(outcome),
        Err(error @ EngineError::Store(_)) => return Err(error),
        // The next process goes on with what was asked for.
        Err(_) if stop() => return Ok(None),
        Err(error) => {
            tracing::warn!(%error, scope = wanted.scope.words(), "no reconciliation was made");
            None
        }
    };
    let made = outcome.is_some();
    engine
        .store()
        .write(move |tx| {
            // One that was asked for meanwhile is made next.
            if request.is_some() && tx.setting::<Request>(REQUEST)? == request {
                tx.delete_setting(REQUEST)?;
            }
            match slot {
                Some(day) if made => tx.put_setting(DAILY, &Daily { day, tried_at: None }),
                _ => Ok(()),
            }
        })
        .await?;
    Ok(outcome)
}

async fn note_tried(engine: &Engine, slot: Option<Date>) -> Result<()> {
    if slot.is_none() {
        return Ok(());
    }
    let now = engine.now();
    engine
        .store()
        .write(move |tx| match tx.setting::<Daily>(DAILY)? {
            Some(known) => tx.put_setting(DAILY, &Daily { tried_at: Some(now), ..known }),
            None => Ok(()),
        })
        .await?;
    Ok(())
}

/// The day whose reconciliation is due. On the first day of an instance there is none: everything has just been read.
async fn due(engine: &Engine) -> Result<Option<Date>> {
    let options = engine.options();
    if !options.reconcile_daily || engine.connections().is_empty() {
        return Ok(None);
    }
    let now = engine.now();
    let slot = day_of(now, options.reconcile_hour, &options.locale.timezone);
    let known = engine.store().read(|tx| tx.setting::<Daily>(DAILY)).await?;
    match known {
        None => {
            engine.store().write(move |tx| tx.put_setting(DAILY, &Daily { day: slot, tried_at: None })).await?;
            return Ok(None);
        }
        Some(known) if known.day >= slot => return Ok(None),
        Some(known) if known.tried_at.is_some_and(|at| now.as_millisecond() - at.as_millisecond() < AGAIN_MS) => return Ok(None),
        Some(_) => {}
    }
    for place in places(engine, &Scope::default()) {
        // What the platform refuses to us is listed as not read, and holds up no reconciliation of the rest.
        let refused = engine.connection(&place.connection)?.objects.rests(Asked::Read, &place.object, engine.now());
        if !refused && !first_read_is_done(engine, &place.connection, &place.object).await? {
            return Ok(None);
        }
    }
    Ok(Some(slot))
}

/// The day of the last instant at which the clock showed this hour.
fn day_of(now: Timestamp, hour: u8, zone: &TimeZone) -> Date {
    let local = now.to_zoned(zone.clone());
    let today = local.date();
    if i64::from(local.hour()) >= i64::from(hour) { today } else { today.yesterday().unwrap_or(today) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_the_hour_of_the_settings_where_the_organisation_is() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let day = |text: &str, zone: &TimeZone| day_of(at(text), 3, zone).to_string();
        assert_eq!(day("2026-01-15T02:59:59Z", &TimeZone::UTC), "2026-01-14");
        assert_eq!(day("2026-01-15T03:00:00Z", &TimeZone::UTC), "2026-01-15");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(day("2026-01-15T02:00:00Z", &berlin), "2026-01-15");
        assert_eq!(day("2026-07-15T00:59:59Z", &berlin), "2026-07-14");
    }
}
