//! What is wrong with connections: credentials, configuration, outages, quotas, and platforms that were not read.

use std::collections::BTreeMap;

use entente_connect::error::Class;
use entente_model::clock::Timestamp;
use entente_store::{Alert, Severity, StoreError, Tx};
use serde::{Deserialize, Serialize};

use super::explained::Known;
use super::kind::AlertKind;
use super::raise::{Signal, lasted_words};
use crate::engine::Engine;
use crate::reports::meter::{CALLS, CALLS_LIMITED, Condition, setting};
use crate::sync::resting_objects::Asked;

/// Setting that keeps how many calls were refused for pace when it was last looked.
const LIMITED: &str = "watch/limited";

/// Milliseconds of an hour and of a day.
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Polls that were missed before a platform counts as not read.
const MISSED_POLLS: u64 = 3;

/// Time below which no platform counts as not read, in milliseconds: a page may take minutes when a quota is tight.
const STALE_MS_MIN: u64 = 10 * 60 * 1000;

/// Connections that cannot be used. What was so before this process started is so until the platform has answered it.
pub(super) fn outages(engine: &Engine, alerts: &[Alert], now: Timestamp) -> Vec<Signal> {
    let mut signals = Vec::new();
    for (name, connection) in engine.connections() {
        let Some(trouble) = connection.pressure.paused(now).or_else(|| connection.pressure.last_trouble()) else {
            if !connection.pressure.answers() {
                signals.extend(alerts.iter().filter(|alert| alert.ended_at.is_none()).filter_map(|alert| still_out(name, alert)));
            }
            continue;
        };
        let body = Condition::of(connection, now).note.unwrap_or_default();
        let (kind, title) = if trouble.is_outage() {
            (AlertKind::CircuitOpen, format!("{name} fails and is left alone"))
        } else if trouble.error.class == Class::Reauthenticate {
            (AlertKind::Credentials, format!("{name} refuses the credentials"))
        } else {
            (AlertKind::Configuration, format!("{name} does not fit the configuration"))
        };
        signals.push(Signal { kind, subject: name.clone(), severity: Severity::Critical, title, body });
    }
    signals
}

/// Objects that a platform refuses to us. What was so before this process started is so until the platform has told of the object.
pub(super) fn refused_objects(engine: &Engine, alerts: &[Alert], now: Timestamp) -> Vec<Signal> {
    let mut signals = Vec::new();
    for (name, connection) in engine.connections() {
        for resting in Condition::of(connection, now).resting {
            let subject = format!("{name}/{}/{}", resting.asked.words(), resting.object);
            let title = format!("{name} does not let us have {} {}", resting.object, resting.asked.words());
            let body = format!("{}. Everything else goes on; it is asked again every few minutes.", resting.line());
            signals.push(Signal::warning(AlertKind::ObjectRefused, subject, title, body));
        }
        let unheard = alerts.iter().filter(|alert| alert.ended_at.is_none()).filter_map(|alert| {
            let of = alert.alert.subject.strip_prefix(name.as_str())?.strip_prefix('/')?;
            let asked = [Asked::Read, Asked::Written, Asked::Erased].into_iter().find(|asked| of.starts_with(asked.words()))?;
            let object = of.strip_prefix(asked.words())?.strip_prefix('/')?;
            let Alert { alert, .. } = alert.clone();
            let is_ours = AlertKind::of(&alert.kind) == Some(AlertKind::ObjectRefused) && !connection.objects.heard_of(asked, object);
            is_ours.then(|| Signal::warning(AlertKind::ObjectRefused, alert.subject, alert.title, alert.body))
        });
        signals.extend(unheard);
    }
    signals
}

fn still_out(connection: &str, open: &Alert) -> Option<Signal> {
    let kind = AlertKind::of(&open.alert.kind).filter(|kind| kind.is_outage() && open.alert.subject == connection)?;
    let Alert { alert, .. } = open.clone();
    Some(Signal { kind, subject: alert.subject, severity: alert.severity, title: alert.title, body: alert.body })
}

/// How many calls of an hour were refused for pace, as last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    hour: i64,
    many: i64,
}

/// Rate limits that were reached since the last look, by any process.
pub(super) fn limits(engine: &Engine, tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<Signal>, StoreError> {
    let known: BTreeMap<String, Seen> = tx.setting(LIMITED)?.unwrap_or_default();
    let (mut seen, mut signals) = (BTreeMap::new(), Vec::new());
    let hour = now.as_millisecond().div_euclid(HOUR_MS);
    for (name, connection) in engine.connections() {
        let condition = Condition::of(connection, now);
        let many = tx.counted(CALLS_LIMITED, Some(name), now, after(now, 1))?;
        seen.insert(name.clone(), Seen { hour, many });
        let before = known.get(name).filter(|before| before.hour == hour).map_or(0, |before| before.many);
        let used_up = condition.state == "limited";
        // What was refused before anybody looked is no news.
        let refused = known.contains_key(name) && many > before;
        if !used_up && !refused {
            continue;
        }
        let what = match condition.note.filter(|_| used_up) {
            Some(note) => note,
            None if many - before == 1 => "A call was refused for pace within the last minutes".to_owned(),
            None => format!("{} calls were refused for pace within the last minutes", many - before),
        };
        let body = format!(
            "{what}. Work goes on by priority (new customers, updates, activities), in smaller batches, as fast as the quota allows; \
             nothing is lost. `entente status` shows the calls of today."
        );
        let title = format!("{name}: API rate limit reached");
        signals.push(Signal { kind: AlertKind::RateLimit, subject: name.clone(), severity: Severity::Warning, title, body });
    }
    if seen != known {
        tx.put_setting(LIMITED, &seen)?;
    }
    Ok(signals)
}

/// Connections that went over to scheduled batches.
pub(super) fn scheduled(engine: &Engine, now: Timestamp) -> Vec<Signal> {
    let modes = engine.connections().iter().filter_map(|(name, connection)| Some((name, connection.batches.mode(now)?)));
    let signals = modes.map(|(name, mode)| Signal {
        kind: AlertKind::ScheduledBatches,
        subject: name.clone(),
        severity: Severity::Warning,
        title: format!("{name}: changes travel in scheduled batches"),
        body: format!(
            "Since {} there are more changes than the quota allows one by one. New customers still go at once; other changes wait for the \
             next batch, {} at the latest, and nothing is lost. It ends by itself once the quota suffices (`batch_mode_above` and \
             `batch_mode_interval_ms` set when).",
            mode.since, mode.slot
        ),
    });
    signals.collect()
}

/// Connections that have used most of a day's calls.
pub(super) fn quotas(engine: &Engine, tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<Signal>, StoreError> {
    let day = after(now, -now.as_millisecond().rem_euclid(DAY_MS));
    let calls = tx.counted_by_connection(CALLS, day, after(now, 1))?;
    let above = engine.options().alert_quota_percent;
    let mut signals = Vec::new();
    for (name, connection) in engine.connections() {
        let stored = tx.setting::<Condition>(&setting(name))?.and_then(|condition| condition.daily_limit);
        let limit = Condition::of(connection, now).daily_limit.or(stored).filter(|limit| *limit > 0);
        let (Some(limit), Some(used)) = (limit, calls.get(name).and_then(|many| u64::try_from(*many).ok())) else { continue };
        let percent = used.saturating_mul(100) / limit;
        if percent >= above {
            signals.push(Signal {
                kind: AlertKind::Quota,
                subject: name.clone(),
                severity: Severity::Warning,
                title: format!("{name}: {above}% of the calls of a day are used"),
                body: format!(
                    "{used} of {limit} calls are used since midnight UTC ({percent}%). What is left goes to what is most urgent."
                ),
            });
        }
    }
    Ok(signals)
}

/// Platforms that were not read for too long.
pub(super) fn stale(engine: &Engine, tx: &mut Tx<'_>, known: &Known<'_>) -> Result<Vec<Signal>, StoreError> {
    let now = known.now;
    let limit_ms = i64::try_from((engine.options().poll_interval_ms.saturating_mul(MISSED_POLLS)).max(STALE_MS_MIN)).unwrap_or(i64::MAX);
    // While nothing ran, nothing was read; whoever just started is given the time of a round.
    let up_since = tx.workers(after(now, -HOUR_MS))?.into_iter().map(|worker| worker.started_at).min();
    if up_since.is_some_and(|since| now.as_millisecond() - since.as_millisecond() < limit_ms) {
        return Ok(Vec::new());
    }
    let cursors = tx.cursors("poll/")?;
    let mut signals = Vec::new();
    for (name, connection) in engine.connections() {
        let condition = Condition::of(connection, now);
        let limited = condition.state == "limited";
        if !known.is_open(AlertKind::StaleCursor, name) && (limited || known.outage(Some(name), 0)) {
            continue;
        }
        let read = engine.catalog().reads(name).into_iter().filter(|(object, _)| !condition.does_not_read(object));
        let ages = read.filter_map(|(object, _)| {
            let (_, at) = cursors.get(&format!("poll/{name}/{object}"))?;
            Some((now.as_millisecond() - at.as_millisecond(), object))
        });
        let Some((age_ms, object)) = ages.max() else { continue };
        if age_ms > limit_ms {
            signals.push(Signal {
                kind: AlertKind::StaleCursor,
                subject: name.clone(),
                severity: Severity::Critical,
                title: format!("{name} was not read for too long"),
                body: format!(
                    "{object} was last read {} ago, and polls are due every {}. See the log for failed polls, and `entente doctor`.",
                    lasted_words(age_ms),
                    lasted_words(i64::try_from(engine.options().poll_interval_ms).unwrap_or(i64::MAX)),
                ),
            });
        }
    }
    Ok(signals)
}

fn after(at: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond() + ms).unwrap_or(at)
}
