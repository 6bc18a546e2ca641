//! Rates: failures above the setting, and error budgets that burn.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_store::{Severity, StoreError, Syncs, Tx};

use super::burn::{self, BAD_MIN, Promise, RULES, Rule};
use super::explained::Known;
use super::kind::AlertKind;
use super::raise::Signal;
use crate::engine::Engine;

/// Failed calls one after the other from which an outage is likely: the circuit breaker decides about it, and tells.
const STREAK: u32 = 3;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// What a window shows, by connection.
type Window = BTreeMap<String, Syncs>;

struct Windows(BTreeMap<i64, Window>);

impl Windows {
    fn read(tx: &mut Tx<'_>, now: Timestamp) -> Result<Self, StoreError> {
        let mut windows = BTreeMap::new();
        for minutes in RULES.iter().flat_map(|rule| [rule.long, rule.short]) {
            let from = Timestamp::from_millisecond(now.as_millisecond() - minutes * MINUTE_MS).unwrap_or(now);
            windows.insert(minutes, tx.syncs_since(from)?);
        }
        Ok(Self(windows))
    }

    fn of(&self, minutes: i64, connection: &str) -> Syncs {
        self.0.get(&minutes).and_then(|window| window.get(connection)).copied().unwrap_or_default()
    }
}

/// Failure rates and burn rates that are too high and not explained by an outage.
pub(super) fn rates(engine: &Engine, tx: &mut Tx<'_>, known: &Known<'_>) -> Result<Vec<Signal>, StoreError> {
    let windows = Windows::read(tx, known.now)?;
    let mut signals = Vec::new();
    for (name, connection) in engine.connections() {
        let likely_out = connection.pressure.failing_in_a_row() >= STREAK;
        let burning = burning(&windows, Promise::Success, Some(name), known, likely_out);
        let fast = subject(Promise::Success, Some(name), Severity::Critical);
        let told = likely_out || burning.iter().any(|signal| signal.subject == fast) || known.told(AlertKind::SloBurn, &fast);
        signals.extend(burning);
        signals.extend(failing(engine, &windows, name, known, told));
    }
    signals.extend(burning(&windows, Promise::Latency, None, known, false));
    Ok(signals)
}

fn failing(engine: &Engine, windows: &Windows, connection: &str, known: &Known<'_>, told: bool) -> Option<Signal> {
    const HOUR: i64 = 60;
    let Syncs { landed, failed, .. } = windows.of(HOUR, connection);
    let percent = engine.options().alert_failure_percent;
    if failed < BAD_MIN || failed * 100 <= (landed + failed) * percent {
        return None;
    }
    if (told || known.outage(Some(connection), HOUR * MINUTE_MS)) && !known.is_open(AlertKind::FailureRate, connection) {
        return None;
    }
    Some(Signal {
        kind: AlertKind::FailureRate,
        subject: connection.to_owned(),
        severity: Severity::Warning,
        title: format!("More than {percent}% of syncs to {connection} fail"),
        body: format!("{failed} of {} syncs of the last hour failed. `entente status` lists them.", landed + failed),
    })
}

fn subject(promise: Promise, connection: Option<&str>, severity: Severity) -> String {
    let speed = if severity == Severity::Critical { "fast" } else { "slow" };
    match promise {
        Promise::Success => format!("success/{}/{speed}", connection.unwrap_or_default()),
        Promise::Latency => format!("latency/{speed}"),
    }
}

/// The most urgent rule that applies. What is told as urgent is not told as less urgent beside it, but for what was told before.
fn burning(windows: &Windows, promise: Promise, connection: Option<&str>, known: &Known<'_>, likely_out: bool) -> Vec<Signal> {
    let at = connection.unwrap_or_default();
    let subject = |severity| subject(promise, connection, severity);
    let (fast, slow) = (subject(Severity::Critical), subject(Severity::Warning));
    let open = |subject: &str| known.is_open(AlertKind::SloBurn, subject);
    let applies = |rule: &&Rule| {
        let explained = likely_out || known.outage(connection, rule.short * MINUTE_MS);
        burn::burns(promise, rule, windows.of(rule.long, at), windows.of(rule.short, at)) && (!explained || open(&subject(rule.severity)))
    };
    let Some(rule) = RULES.iter().find(applies) else { return Vec::new() };
    let mut signals = Vec::new();
    if rule.severity == Severity::Critical {
        signals.push(signal(windows, promise, at, rule, &fast));
    }
    if open(&slow) || (rule.severity == Severity::Warning && !known.told(AlertKind::SloBurn, &fast)) {
        signals.push(Signal { severity: Severity::Warning, ..signal(windows, promise, at, rule, &slow) });
    }
    signals
}

fn signal(windows: &Windows, promise: Promise, at: &str, rule: &Rule, subject: &str) -> Signal {
    let window = windows.of(rule.long, at);
    let (bad, all) = promise.of(window);
    let (title, what) = match promise {
        Promise::Success => {
            (format!("{at}: the error budget of the success rate burns"), format!("{bad} of {all} syncs failed (promise: 99.5% land)"))
        }
        Promise::Latency => (
            "The error budget of the sync latency burns".to_owned(),
            format!("{bad} of {all} live changes took more than 10 seconds (promise: 95% take less)"),
        ),
    };
    let hours = rule.long / 60;
    let body = format!(
        "{what} within {}: {:.1} times the rate that the month's budget allows. `entente quality` shows it by hour.",
        if hours >= 48 { format!("{} days", hours / 24) } else { format!("{hours} h") },
        burn::rate(promise, window),
    );
    Signal { kind: AlertKind::SloBurn, subject: subject.to_owned(), severity: rule.severity, title, body }
}
