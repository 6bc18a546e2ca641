//! Calls, quotas and the time of day.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_store::{StoreError, Tx};
use jiff::tz::TimeZone;

use super::{Found, Grounds};
use crate::alerts::burn;
use crate::reports::levels::{NO_HOUR, POLL_MINUTES, RECONCILE_HOUR};
use crate::sync::settle::LIVE_LATENCY;

/// Share of a day's quota from which it is worth a word, in percent.
const QUOTA_PERCENT: f64 = 80.0;

/// Calls below which a share of them means nothing.
const CALLS_MIN: u64 = 500;

/// Share of the calls that polls make from which fewer are worth it, in percent.
const POLLS_PERCENT: u64 = 20;

/// Syncs of an hour of the day, in the mean, below which the time of day does not matter.
const SYNCS_MIN: f64 = 20.0;

/// How many times busier the hour of the reconciliation must be than the calmest.
const BUSIER: f64 = 2.0;

/// Samples of an hour of the day below which its latency means nothing.
const SAMPLES_MIN: u64 = 20;

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

/// Quotas that the busiest day nearly used up.
pub(super) fn quotas(grounds: &Grounds<'_>) -> Vec<Found> {
    let tight = grounds.api.iter().filter(|line| line.peak_percent.is_some_and(|percent| percent >= QUOTA_PERCENT));
    let found = tight.map(|line| {
        let percent = line.peak_percent.unwrap_or_default();
        Found::new(
            "quota",
            80,
            format!("Get more API calls for {}, or spend fewer", line.connection),
            format!(
                "its busiest day used {} of {} calls ({percent:.0}%), and {} calls of the month were refused for pace",
                line.peak_day,
                line.daily_limit.unwrap_or_default(),
                line.limited
            ),
        )
    });
    found.collect()
}

/// Platforms whose polls cost much of the calls, with and without webhooks that bring the news anyhow.
pub(super) fn polls(grounds: &Grounds<'_>, tx: &mut Tx<'_>) -> Result<Vec<Found>, StoreError> {
    let minutes = grounds.setting(tx, POLL_MINUTES)?;
    let mut found = Vec::new();
    for line in grounds.api.iter().filter(|line| line.calls >= CALLS_MIN && line.polls * 100 >= line.calls * POLLS_PERCENT) {
        let share = line.polls * 100 / line.calls;
        if line.webhooks == 0 {
            let late = minutes.map(|minutes| format!(", up to {minutes} minutes late")).unwrap_or_default();
            found.push(Found::new(
                "webhooks",
                75,
                format!("Have {} tell of changes by webhooks (`entente provision`)", line.connection),
                format!(
                    "no webhook came in the month: each change was seen by a poll{late}, and polls made {share}% of {} calls",
                    line.calls
                ),
            ));
        } else if let Some(minutes) = minutes.filter(|minutes| (1..60).contains(minutes)) {
            let fewer = line.polls - line.polls * minutes / 60;
            found.push(Found::new(
                "poll_interval",
                30 + share.min(20),
                format!("Poll {} every hour instead of every {minutes} minutes (sync.poll_interval_ms)", line.connection),
                format!(
                    "polls made {share}% of {} calls while {} webhooks brought the news; hourly ones would be {fewer} calls fewer ({}%)",
                    line.calls,
                    line.webhooks,
                    fewer * 100 / line.calls
                ),
            ));
        }
    }
    Ok(found)
}

fn hour_of_day(at: Timestamp, zone: &TimeZone) -> i8 {
    at.to_zoned(zone.clone()).hour()
}

/// Syncs by hour of the day, in the mean of the days.
fn by_hour_of_day(grounds: &Grounds<'_>, tx: &mut Tx<'_>) -> Result<BTreeMap<i8, f64>, StoreError> {
    let zone = &grounds.engine.options().locale.timezone;
    let days = grounds.performance.days.len().max(1) as f64;
    let mut hours: BTreeMap<i8, f64> = (0..24).map(|hour| (hour, 0.0)).collect();
    for (at, many) in tx.counted_by_hour("synced", None, grounds.range.from, grounds.range.to)? {
        *hours.entry(hour_of_day(at, zone)).or_default() += many as f64 / days;
    }
    Ok(hours)
}

/// A daily reconciliation at an hour that is busier than others.
pub(super) fn reconciliation(grounds: &Grounds<'_>, tx: &mut Tx<'_>) -> Result<Option<Found>, StoreError> {
    let Some(own) = grounds.setting(tx, RECONCILE_HOUR)?.filter(|hour| *hour != NO_HOUR) else { return Ok(None) };
    let hours = by_hour_of_day(grounds, tx)?;
    let own = i8::try_from(own).unwrap_or(0);
    let now = hours.get(&own).copied().unwrap_or_default();
    let Some((calm, least)) = hours.iter().min_by(|a, b| a.1.total_cmp(b.1)).map(|(hour, many)| (*hour, *many)) else { return Ok(None) };
    if now < SYNCS_MIN || now < least * BUSIER {
        return Ok(None);
    }
    Ok(Some(Found::new(
        "reconcile_hour",
        40,
        format!("Move the daily reconciliation from {own}:00 to {calm}:00 (sync.reconcile_hour)"),
        format!("{now:.0} syncs a day fall into its hour, and {least:.0} into the calmest one"),
    )))
}

/// The hours of the day that miss the promise for the latency, when the month does.
pub(super) fn slow_hours(grounds: &Grounds<'_>, tx: &mut Tx<'_>) -> Result<Option<Found>, StoreError> {
    if grounds.performance.p95_kept {
        return Ok(None);
    }
    let zone = &grounds.engine.options().locale.timezone;
    let mut worst: BTreeMap<i8, (u64, u64)> = BTreeMap::new();
    let mut at = grounds.range.from;
    while at < grounds.range.to {
        let next = Timestamp::from_millisecond(at.as_millisecond() + HOUR_MS).unwrap_or(grounds.range.to);
        let latency = tx.latency(LIVE_LATENCY, at, next)?;
        let slow = worst.entry(hour_of_day(at, zone)).or_default();
        slow.1 += latency.samples;
        if latency.p95_ms >= burn::LATENCY_MS {
            slow.0 += latency.samples;
        }
        at = next;
    }
    let Some((hour, (slow, all))) =
        worst.into_iter().filter(|(_, (_, all))| *all >= SAMPLES_MIN).max_by_key(|(_, (slow, all))| slow * 1_000 / all)
    else {
        return Ok(None);
    };
    let p95 = grounds.performance.p95_ms.unwrap_or_default() as f64 / 1_000.0;
    Ok(Some(Found::new(
        "latency",
        85,
        format!("Look at what happens at {hour}:00-{}:00: changes land late then", (hour + 1) % 24),
        format!(
            "{slow} of {all} changes of that time of day fell into hours with a P95 above 10 s; the month's P95 was {p95:.1} s. More workers \
             (sync.workers) help when platforms answer fast, a larger quota when they refuse for pace"
        ),
    )))
}
