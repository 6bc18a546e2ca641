//! Quality: the measures of the sync against its promises, by hour and by day, and the levels of now. Read from hourly sums; nothing is
//! scanned but what waits.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_store::{FAILED, StoreError, Tx};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::levels;
use super::meter::{CALLS, CALLS_LIMITED, Condition, setting};
use crate::alerts::burn;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::settle::LIVE_LATENCY;

/// The promise for the success rate, in percent.
pub const SUCCESS_PERCENT: f64 = 99.5;

/// Milliseconds of an hour and of a day.
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Hours and days shown when nothing is said.
const HOURS: u32 = 24;
const DAYS: u32 = 7;

/// Hours and days shown at most: a quarter.
const HOURS_MAX: u32 = 31 * 24;
const DAYS_MAX: u32 = 92;

/// How much to show.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QualityQuery {
    /// Hours back, 1 to 744; 24 without it.
    #[param(nullable = false)]
    pub hours: Option<u32>,
    /// Days back, 1 to 92; 7 without it.
    #[param(nullable = false)]
    pub days: Option<u32>,
}

/// The measures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Quality {
    /// When they were taken.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What is promised.
    pub promises: Promises,
    /// Hour by hour, the latest last.
    pub hours: Vec<Slice>,
    /// Day by day in the organisation's time zone, the latest last.
    pub days: Vec<Slice>,
    /// The levels of now.
    pub now: Levels,
    /// How fast the error budgets burn, as multiples of the rate that lasts a month.
    pub burn: Vec<Burn>,
    /// Calls of today (UTC) against the quotas.
    pub api: Vec<ApiUse>,
}

/// What is promised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Promises {
    /// Syncs that land, in percent.
    pub success_percent: f64,
    /// Milliseconds within which 95 of a hundred live changes land.
    pub p95_ms: u64,
    /// Hours within which a person decides about a conflict.
    pub conflict_hours: u64,
}

/// One hour or day.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Slice {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Syncs that landed.
    pub landed: u64,
    /// Failures that came up.
    pub failed: u64,
    /// Share that landed, in percent; nothing when there was none.
    pub success_percent: Option<f64>,
    /// Half of the live changes took no longer, in milliseconds.
    pub p50_ms: Option<u64>,
    /// 95 of a hundred took no longer.
    pub p95_ms: Option<u64>,
    /// Calls to platforms.
    pub calls: u64,
    /// Whether both promises were kept.
    pub kept: bool,
}

/// Levels of now. Those of records are as last counted, a few times an hour while a server runs; nothing before the first count.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Levels {
    /// When records were last counted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub counted_at: Option<Timestamp>,
    /// When they are counted next, by a server that runs then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub count_due_at: Option<Timestamp>,
    /// Customers held.
    pub records: Option<u64>,
    /// Of those, in agreement everywhere.
    pub in_agreement: Option<u64>,
    /// Of those, drifting: differing while nothing is in flight.
    pub drift: Option<u64>,
    /// Of those, with a value in every required field, in percent.
    pub complete_percent: Option<f64>,
    /// Pairs that may be duplicates and wait for a person.
    pub duplicates: u64,
    /// Records and rows that were at one side alone at the last reconciliation; nothing before the first.
    pub orphans: Option<u64>,
    /// Records with work waiting or under way.
    pub queue: u64,
    /// Since when the oldest waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub queue_since: Option<Timestamp>,
    /// Conflicts that wait for a person.
    pub conflicts: u64,
    /// Since when the oldest waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub conflicts_since: Option<Timestamp>,
    /// Of those, how many wait longer than is promised.
    pub conflicts_late: u64,
    /// Dead letters that wait for a person.
    pub dead_letters: u64,
}

/// How fast an error budget burns.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Burn {
    /// `success/<connection>` or `latency`.
    pub promise: String,
    /// Over the last hour.
    pub hour: f64,
    /// Over the last six hours.
    pub six_hours: f64,
    /// Over the last three days.
    pub three_days: f64,
}

/// Calls of today at a connection.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ApiUse {
    /// Connection.
    pub connection: String,
    /// Calls of today (UTC).
    pub calls: u64,
    /// Of those, refused for pace.
    pub limited: u64,
    /// Calls that a day has, if known.
    pub daily_limit: Option<u64>,
    /// Share of it that is used, in percent.
    pub percent: Option<f64>,
}

/// Takes the measures.
///
/// # Errors
/// When the query is out of bounds, or the store fails.
pub async fn quality(engine: &Engine, query: QualityQuery) -> Result<Quality> {
    let hours = bounded("hours", query.hours.unwrap_or(HOURS), HOURS_MAX)?;
    let days = bounded("days", query.days.unwrap_or(DAYS), DAYS_MAX)?;
    let (engine_, now) = (engine.clone(), engine.now());
    let read = engine.store().read(move |tx| {
        let this_hour = before(now, now.as_millisecond().rem_euclid(HOUR_MS));
        let mut by_hour = Vec::new();
        for back in (0..i64::from(hours)).rev() {
            let from = before(this_hour, back * HOUR_MS);
            by_hour.push(slice(tx, from, before(from, -HOUR_MS))?);
        }
        let mut by_day = Vec::new();
        for (from, to) in days_back(now, i64::from(days), &engine_.options().locale.timezone) {
            by_day.push(slice(tx, from, to)?);
        }
        Ok(Quality {
            at: now,
            promises: Promises {
                success_percent: SUCCESS_PERCENT,
                p95_ms: burn::LATENCY_MS,
                conflict_hours: engine_.options().alert_conflict_hours,
            },
            hours: by_hour,
            days: by_day,
            now: levels_now(tx, &engine_, now)?,
            burn: burns(tx, &engine_, now)?,
            api: api(tx, &engine_, now)?,
        })
    });
    Ok(read.await?)
}

fn bounded(field: &str, wanted: u32, most: u32) -> Result<u32> {
    if (1..=most).contains(&wanted) {
        return Ok(wanted);
    }
    let (reason, remedy) = (format!("{wanted} is out of bounds"), format!("use 1 to {most}"));
    Err(EngineError::Invalid { field: field.to_owned(), reason, remedy })
}

fn before(at: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond() - ms).unwrap_or(at)
}

/// The last days with their bounds, the latest last; it ends now.
fn days_back(now: Timestamp, days: i64, zone: &TimeZone) -> Vec<(Timestamp, Timestamp)> {
    let today = now.to_zoned(zone.clone()).date();
    let start = |back: i64| {
        let date = today.checked_sub(jiff::Span::new().days(back)).ok()?;
        Some(date.to_zoned(zone.clone()).ok()?.timestamp())
    };
    (0..days).rev().filter_map(|back| Some((start(back)?, start(back - 1)?))).collect()
}

fn unsigned(many: i64) -> u64 {
    u64::try_from(many).unwrap_or(0)
}

/// What the hours of a range come to.
pub(super) fn slice(tx: &mut Tx<'_>, from: Timestamp, to: Timestamp) -> Result<Slice, StoreError> {
    let landed = unsigned(tx.counted("synced", None, from, to)?);
    let failed = unsigned(tx.counted(FAILED, None, from, to)?);
    let latency = tx.latency(LIVE_LATENCY, from, to)?;
    let timed = latency.samples > 0;
    let success_percent = percent(landed, landed + failed);
    let p95_ms = timed.then_some(latency.p95_ms);
    Ok(Slice {
        from,
        landed,
        failed,
        success_percent,
        p50_ms: timed.then_some(latency.p50_ms),
        p95_ms,
        calls: unsigned(tx.counted(CALLS, None, from, to)?),
        kept: success_percent.is_none_or(|percent| percent >= SUCCESS_PERCENT) && p95_ms.is_none_or(|ms| ms < burn::LATENCY_MS),
    })
}

/// A share in percent; nothing of nothing.
pub(super) fn percent(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 * 100.0 / of as f64)
}

/// The last level within the last day.
fn last_level(tx: &mut Tx<'_>, name: &str, now: Timestamp) -> Result<Option<u64>, StoreError> {
    Ok(tx.levels(name, before(now, DAY_MS), before(now, -1))?.last().map(|level| level.last))
}

fn levels_now(tx: &mut Tx<'_>, engine: &Engine, now: Timestamp) -> Result<Levels, StoreError> {
    let late_ms = i64::try_from(engine.options().alert_conflict_hours).unwrap_or(i64::MAX / HOUR_MS).saturating_mul(HOUR_MS);
    let (conflicts_since, conflicts_late) = tx.conflict_ages(before(now, late_ms))?;
    let lanes = tx.hint_counts(now)?;
    let records = last_level(tx, levels::RECORDS, now)?;
    let complete = last_level(tx, levels::COMPLETE, now)?.zip(records);
    let count = levels::last_count(tx)?;
    Ok(Levels {
        counted_at: count.as_ref().map(|count| count.at),
        count_due_at: count.as_ref().map(levels::Counted::next),
        records,
        in_agreement: last_level(tx, levels::IN_AGREEMENT, now)?,
        drift: last_level(tx, levels::DRIFT, now)?,
        complete_percent: complete.and_then(|(complete, records)| percent(complete, records)),
        duplicates: tx.review_counts()?.get(crate::sync::adopt::DUPLICATE).copied().unwrap_or(0),
        orphans: last_level(tx, levels::ORPHANS, now)?,
        queue: lanes.values().map(|lane| lane.waiting + lane.retrying + lane.leased).sum(),
        queue_since: lanes.values().filter_map(|lane| lane.oldest).min(),
        conflicts: tx.conflict_counts()?.values().sum(),
        conflicts_since,
        conflicts_late,
        dead_letters: tx.dead_letter_counts()?.values().sum(),
    })
}

fn burns(tx: &mut Tx<'_>, engine: &Engine, now: Timestamp) -> Result<Vec<Burn>, StoreError> {
    let mut windows: Vec<BTreeMap<String, entente_store::Syncs>> = Vec::new();
    for rule in burn::RULES {
        windows.push(tx.syncs_since(before(now, rule.long * 60_000))?);
    }
    let rate = |window: usize, promise: burn::Promise, at: &str| {
        let syncs = windows.get(window).and_then(|window| window.get(at)).copied().unwrap_or_default();
        (burn::rate(promise, syncs) * 100.0).round() / 100.0
    };
    let of = |promise: burn::Promise, at: &str, name: String| Burn {
        promise: name,
        hour: rate(0, promise, at),
        six_hours: rate(1, promise, at),
        three_days: rate(2, promise, at),
    };
    let mut burns: Vec<Burn> =
        engine.connections().keys().map(|name| of(burn::Promise::Success, name, format!("success/{name}"))).collect();
    burns.push(of(burn::Promise::Latency, "", "latency".to_owned()));
    Ok(burns)
}

fn api(tx: &mut Tx<'_>, engine: &Engine, now: Timestamp) -> Result<Vec<ApiUse>, StoreError> {
    let day = before(now, now.as_millisecond().rem_euclid(DAY_MS));
    let until = before(now, -1);
    let (calls, limited) = (tx.counted_by_connection(CALLS, day, until)?, tx.counted_by_connection(CALLS_LIMITED, day, until)?);
    let many = |counts: &BTreeMap<String, i64>, name: &str| unsigned(counts.get(name).copied().unwrap_or(0));
    let mut uses = Vec::new();
    for (name, connection) in engine.connections() {
        let stored = tx.setting::<Condition>(&setting(name))?.and_then(|condition| condition.daily_limit);
        let daily_limit = stored.or_else(|| Condition::of(connection, now).daily_limit);
        let used = many(&calls, name);
        uses.push(ApiUse {
            connection: name.clone(),
            calls: used,
            limited: many(&limited, name),
            daily_limit,
            percent: daily_limit.and_then(|limit| percent(used, limit)),
        });
    }
    Ok(uses)
}
