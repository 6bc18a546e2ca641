//! How much was synced in a month, how well, and how fast.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_store::{FAILED, FAILED_FIXED, FAILED_RECOVERED, StoreError, SyncStatus, Tx, Viewer};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Range, sum};
use crate::alerts::burn;
use crate::engine::Engine;
use crate::reports::quality::{SUCCESS_PERCENT, Slice, percent, slice};
use crate::sync::settle::{LIVE_LATENCY, LIVE_MS, LIVE_TIMED};

/// How much was synced, how well, and how fast. An event is a write that landed, or a failure that came up; a sync that failed and was
/// made good later is two: one of each.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PerformanceMonth {
    /// Sync events: what landed and what failed.
    pub events: u64,
    /// Against the month before, in percent.
    pub events_change_percent: Option<f64>,
    /// Of the events, those that landed.
    pub landed: u64,
    /// Their share, in percent.
    pub success_percent: Option<f64>,
    /// Against the month before, in points of a percent.
    pub success_change_points: Option<f64>,
    /// Whether the promise of 99.5 % was kept.
    pub success_kept: bool,
    /// Mean time from an edit to its landing, in milliseconds.
    pub average_ms: Option<u64>,
    /// Against the month before, in milliseconds.
    pub average_change_ms: Option<i64>,
    /// Half took no longer.
    pub p50_ms: Option<u64>,
    /// 95 of a hundred took no longer.
    pub p95_ms: Option<u64>,
    /// Against the month before, in milliseconds.
    pub p95_change_ms: Option<i64>,
    /// Whether the promise of ten seconds was kept.
    pub p95_kept: bool,
    /// Of the events, failures.
    pub failed: u64,
    /// Their share, in percent.
    pub failed_percent: Option<f64>,
    /// Of the failures, those that went through by themselves.
    pub recovered: u64,
    /// Their share of the failures, in percent.
    pub recovered_percent: Option<f64>,
    /// Of the failures, those that a person put right or away, or still has to.
    pub manual: u64,
    /// Their share of the failures, in percent.
    pub manual_percent: Option<f64>,
    /// Of the failures, those that are still being tried.
    pub retrying: u64,
    /// Hours of the month with events.
    pub hours: u64,
    /// Of those, hours below the promise for the success rate.
    pub hours_below: u64,
    /// Day by day.
    pub days: Vec<Slice>,
}

/// The numbers that are compared with the month before.
struct Compared {
    landed: u64,
    failed: u64,
    mean_ms: Option<u64>,
    latency: entente_store::Latency,
}

impl Compared {
    fn read(tx: &mut Tx<'_>, range: (Timestamp, Timestamp)) -> Result<Self, StoreError> {
        let (all_ms, timed) = (sum(tx, LIVE_MS, range)?, sum(tx, LIVE_TIMED, range)?);
        Ok(Self {
            landed: sum(tx, "synced", range)?,
            failed: sum(tx, FAILED, range)?,
            mean_ms: all_ms.checked_div(timed),
            latency: tx.latency(LIVE_LATENCY, range.0, range.1)?,
        })
    }

    fn events(&self) -> u64 {
        self.landed + self.failed
    }

    fn success(&self) -> Option<f64> {
        percent(self.landed, self.events())
    }

    fn p95_ms(&self) -> Option<u64> {
        (self.latency.samples > 0).then_some(self.latency.p95_ms)
    }
}

fn difference(now: Option<u64>, before: Option<u64>) -> Option<i64> {
    Some(i64::try_from(now?).ok()? - i64::try_from(before?).ok()?)
}

/// Adds the month up.
pub(super) fn performance(tx: &mut Tx<'_>, engine: &Engine, range: Range) -> Result<PerformanceMonth, StoreError> {
    let of = (range.from, range.to);
    let (this, last) = (Compared::read(tx, of)?, Compared::read(tx, (range.before_from, range.before_to))?);
    let (recovered, fixed) = (sum(tx, FAILED_RECOVERED, of)?, sum(tx, FAILED_FIXED, of)?);
    let open = tx.sync_event_counts(&Viewer::system(), range.from, range.to)?;
    let waiting: u64 = open.iter().filter(|((_, status), _)| *status == SyncStatus::Manual).map(|(_, many)| many).sum();
    let manual = fixed + waiting;
    let (hours, hours_below) = hours(tx, of)?;
    let mut days = Vec::new();
    for (from, to) in days_of(engine, of) {
        days.push(slice(tx, from, to)?);
    }
    Ok(PerformanceMonth {
        events: this.events(),
        events_change_percent: (last.events() > 0).then(|| (this.events() as f64 / last.events() as f64 - 1.0) * 100.0),
        landed: this.landed,
        success_percent: this.success(),
        success_change_points: this.success().zip(last.success()).map(|(this, last)| this - last),
        success_kept: this.success().is_none_or(|percent| percent >= SUCCESS_PERCENT),
        average_ms: this.mean_ms,
        average_change_ms: difference(this.mean_ms, last.mean_ms),
        p50_ms: (this.latency.samples > 0).then_some(this.latency.p50_ms),
        p95_ms: this.p95_ms(),
        p95_change_ms: difference(this.p95_ms(), last.p95_ms()),
        p95_kept: this.p95_ms().is_none_or(|ms| ms < burn::LATENCY_MS),
        failed: this.failed,
        failed_percent: percent(this.failed, this.events()),
        recovered,
        recovered_percent: percent(recovered, this.failed),
        manual,
        manual_percent: percent(manual, this.failed),
        retrying: this.failed.saturating_sub(recovered + manual),
        hours,
        hours_below,
        days,
    })
}

/// Hours with events, and how many of them are below the promise.
fn hours(tx: &mut Tx<'_>, range: (Timestamp, Timestamp)) -> Result<(u64, u64), StoreError> {
    let mut by_hour: BTreeMap<Timestamp, (u64, u64)> = BTreeMap::new();
    for (at, many) in tx.counted_by_hour("synced", None, range.0, range.1)? {
        by_hour.entry(at).or_default().0 += u64::try_from(many).unwrap_or(0);
    }
    for (at, many) in tx.counted_by_hour(FAILED, None, range.0, range.1)? {
        by_hour.entry(at).or_default().1 += u64::try_from(many).unwrap_or(0);
    }
    let below =
        by_hour.values().filter(|(landed, failed)| percent(*landed, landed + failed).is_some_and(|percent| percent < SUCCESS_PERCENT));
    Ok((by_hour.len() as u64, below.count() as u64))
}

/// The days of a range, in the organisation's time zone.
pub(super) fn days_of(engine: &Engine, range: (Timestamp, Timestamp)) -> Vec<(Timestamp, Timestamp)> {
    let zone = &engine.options().locale.timezone;
    let mut days = Vec::new();
    let mut from = range.0;
    while from < range.1 {
        let next = from.to_zoned(zone.clone()).date().tomorrow().and_then(|date| date.to_zoned(zone.clone()));
        let Ok(next) = next else { break };
        let to = next.timestamp().min(range.1);
        if to <= from {
            break;
        }
        days.push((from, to));
        from = to;
    }
    days
}
