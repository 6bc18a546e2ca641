//! The meter: call counts and the condition of each connection, written to the store now and then, so that every process and every
//! restart adds up to one day.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use entente_connect::connector::CallCounts;
use entente_connect::transport::round_trip::round_trip;
use entente_model::clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine::{Connection, Engine};
use crate::error::Result;
use crate::sync::batches::Scheduled;
use crate::sync::resting_objects::{Asked, RestingObject};
use crate::sync::shared_rests;

/// Counter of calls, by connection.
pub const CALLS: &str = "calls";
/// Counter of calls that failed.
pub const CALLS_FAILED: &str = "calls_failed";
/// Counter of calls refused for pace.
pub const CALLS_LIMITED: &str = "calls_limited";
/// Counter of milliseconds spent in calls.
pub const CALLS_MS: &str = "calls_ms";
/// Counter of webhooks that were not verified or not readable.
pub const WEBHOOKS_REFUSED: &str = "webhooks_refused";

/// Counter of polls that failed, by connection.
pub const POLLS_FAILED: &str = "polls_failed";
/// Counter of microseconds of measured round trips, by connection.
pub const NETWORK_US: &str = "network_us";
/// Counter of measured round trips, by connection.
pub const NETWORK_TRIPS: &str = "network_trips";

/// Windows at least this long are a day's quota.
const DAY: Duration = Duration::from_secs(20 * 60 * 60);

/// Condition of a connection, as last seen by a process that makes calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// When it was seen.
    pub at: Timestamp,
    /// `ok`, `limited`, `paused` (a person must act), `broken` (the platform fails, and is tried now and then), `unchecked`.
    pub state: String,
    /// Why it is not ok, and what to do.
    pub note: Option<String>,
    /// The mode of scheduled batches, while changes wait for them.
    #[serde(default)]
    pub scheduled: Option<Scheduled>,
    /// Calls allowed in the vendor's window.
    pub limit: Option<u64>,
    /// Calls left in it.
    pub remaining: Option<u64>,
    /// Calls allowed per day, if known.
    pub daily_limit: Option<u64>,
    /// The vendor's clock minus ours, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Objects that are left alone by themselves, because the platform refuses them to us.
    #[serde(default)]
    pub resting: Vec<RestingObject>,
}

/// Name of the setting that keeps a connection's condition.
pub(crate) fn setting(connection: &str) -> String {
    format!("condition/{connection}")
}

/// An instant in a note for people.
const MOMENT: &str = "%Y-%m-%d %H:%M:%S UTC";

impl Condition {
    /// Whether an object is not read, because the platform refuses it to us.
    #[must_use]
    pub fn does_not_read(&self, object: &str) -> bool {
        self.resting.iter().any(|resting| resting.asked == Asked::Read && resting.object == object)
    }

    /// The condition of a connection as this process sees it.
    #[must_use]
    pub fn of(connection: &Connection, now: Timestamp) -> Self {
        let budget = connection.connector.budget();
        let blocked = budget.blocked_until.filter(|until| *until > now);
        let (state, note) = if let Some(trouble) = connection.pressure.paused(now).or_else(|| connection.pressure.last_trouble()) {
            if trouble.is_outage() {
                let until = trouble.until.strftime(MOMENT);
                let note = format!("it fails and is left alone; one call tries it from {until} on. Last: {}", trouble.error);
                ("broken", Some(note))
            } else {
                ("paused", Some(format!("{}; {}", trouble.error, trouble.error.advice)))
            }
        } else if let Some(until) = blocked {
            ("limited", Some(format!("the vendor's quota is used up until {}; work goes on by itself then", until.strftime(MOMENT))))
        } else if connection.connector.counts().calls == 0 {
            ("unchecked", None)
        } else {
            ("ok", None)
        };
        let of_day = budget.limit.filter(|_| budget.window.is_some_and(|window| window >= DAY));
        let daily_limit = [connection.settings.daily_calls, of_day].into_iter().flatten().min();
        Self {
            at: now,
            state: state.to_owned(),
            note,
            scheduled: connection.batches.mode(now),
            limit: budget.limit,
            remaining: budget.remaining,
            daily_limit,
            clock_offset_ms: connection.connector.clock_offset_ms(),
            resting: connection.objects.all(),
        }
    }
}

/// The condition of each connection as it was last seen by a process that makes calls; none where nothing was called yet.
///
/// # Errors
/// When the store fails.
pub async fn conditions(engine: &Engine) -> Result<BTreeMap<String, Condition>> {
    let names: Vec<String> = engine.connections().keys().cloned().collect();
    let read = engine.store().read(move |tx| {
        let mut conditions = BTreeMap::new();
        for name in names {
            if let Some(condition) = tx.setting::<Condition>(&setting(&name))? {
                conditions.insert(name, condition);
            }
        }
        Ok(conditions)
    });
    Ok(read.await?)
}

/// Remembers what was written, so that only the difference is added.
#[derive(Debug, Default)]
pub struct Meter {
    written: BTreeMap<String, (CallCounts, u64)>,
}

impl Meter {
    /// Adds what was called since the last time, and notes the condition of each connection.
    ///
    /// # Errors
    /// When the store fails; the difference is kept for the next time.
    pub async fn write(&mut self, engine: &Engine) -> Result<()> {
        shared_rests::exchange(engine).await?;
        let now = engine.now();
        let mut adds: Vec<(&'static str, String, i64)> = Vec::new();
        let mut conditions = Vec::new();
        let mut present = BTreeMap::new();
        for (name, connection) in engine.connections() {
            let counts = connection.connector.counts();
            let refused = connection.refused.load(Ordering::Relaxed);
            let (before, refused_before) = self.written.get(name).cloned().unwrap_or_default();
            for (counter, new, old) in [
                (CALLS, counts.calls, before.calls),
                (CALLS_FAILED, counts.failed, before.failed),
                (CALLS_LIMITED, counts.limited, before.limited),
                (CALLS_MS, counts.ms, before.ms),
                (WEBHOOKS_REFUSED, refused, refused_before),
            ] {
                let delta = i64::try_from(new.saturating_sub(old)).unwrap_or(i64::MAX);
                if delta > 0 {
                    adds.push((counter, name.clone(), delta));
                }
            }
            // A process that made no call knows nothing of the connection.
            if counts.calls > 0 {
                conditions.push((setting(name), Condition::of(connection, now)));
            }
            present.insert(name.clone(), (counts, refused));
        }
        if !adds.is_empty() || !conditions.is_empty() {
            engine
                .store()
                .write(move |tx| {
                    let adds: Vec<(&str, &str, i64)> =
                        adds.iter().map(|(counter, name, delta)| (*counter, name.as_str(), *delta)).collect();
                    tx.count(now, &adds)?;
                    for (key, condition) in &conditions {
                        tx.put_setting(key, condition)?;
                    }
                    Ok(())
                })
                .await?;
        }
        self.written = present;
        Ok(())
    }
}

/// Measures one round trip to each connection's host. One that cannot be reached is not measured; calls tell of that.
///
/// # Errors
/// When the store fails.
pub async fn measure_network(engine: &Engine) -> Result<()> {
    let mut adds: Vec<(&'static str, String, i64)> = Vec::new();
    for (name, connection) in engine.connections() {
        if let Some(trip) = round_trip(&connection.settings).await {
            adds.push((NETWORK_US, name.clone(), i64::try_from(trip.as_micros()).unwrap_or(i64::MAX)));
            adds.push((NETWORK_TRIPS, name.clone(), 1));
        }
    }
    let now = engine.now();
    engine
        .store()
        .write(move |tx| {
            let adds: Vec<(&str, &str, i64)> = adds.iter().map(|(counter, name, many)| (*counter, name.as_str(), *many)).collect();
            tx.count(now, &adds)
        })
        .await?;
    Ok(())
}

/// Counts a poll that failed. A count that fails as well is only logged: the poll's own failure is what matters.
pub(crate) async fn note_failed_poll(engine: &Engine, connection: &str) {
    let (now, name) = (engine.now(), connection.to_owned());
    if let Err(error) = engine.store().write(move |tx| tx.count(now, &[(POLLS_FAILED, &name, 1)])).await {
        tracing::warn!(connection, %error, "a failed poll could not be counted");
    }
}
