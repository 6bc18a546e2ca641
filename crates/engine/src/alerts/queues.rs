//! What waits too long: dead letters, conflicts, changes in the queue, mass changes that are held, and a reconciliation that could not
//! read everything.

use entente_connect::error::Class;
use entente_model::clock::Timestamp;
use entente_store::{HoldState, PAGE_ROWS_MAX, Severity, StoreError, Tx, Viewer};

use super::explained::Known;
use super::kind::AlertKind;
use super::raise::{Signal, lasted_words};
use crate::engine::Engine;
use crate::reconcile::report::read_last;
use crate::sync::guard;
use crate::sync::task::LANE_BACKFILL;

/// Dead letters from which it cannot wait: more than one fault is at work, or one hits everybody.
const DEAD_CRITICAL: u64 = 50;

/// Subject of the alert about live changes that wait.
const LIVE: &str = "live";

/// Subjects of the alerts about dead letters.
const SOME: &str = "some";
const MANY: &str = "many";

/// Milliseconds of a minute and of an hour.
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Everything that waits too long.
pub(super) fn queues(engine: &Engine, tx: &mut Tx<'_>, known: &Known<'_>) -> Result<Vec<Signal>, StoreError> {
    let now = known.now;
    let mut signals = dead_letters(engine, tx, known)?;
    signals.extend(conflicts(engine, tx, now)?);
    if known.is_open(AlertKind::QueueAge, LIVE) || !known.outage(None, 0) {
        signals.extend(backlog(engine, tx, now)?);
    }
    for hold in tx.holds(&Viewer::system(), HoldState::Open, PAGE_ROWS_MAX, None)? {
        signals.push(guard::signal(hold.id, &hold.key, hold.many, hold.allowed));
    }
    if let Some(report) = read_last(tx)?.filter(|report| !report.complete) {
        let unread: Vec<String> = report
            .objects
            .iter()
            .filter_map(|line| Some(format!("{} of {}: {}", line.object, line.connection, line.incomplete.as_ref()?)))
            .collect();
        signals.push(Signal {
            kind: AlertKind::Reconciliation,
            subject: "last".to_owned(),
            severity: Severity::Warning,
            title: "The last reconciliation could not read everything".to_owned(),
            body: format!("{}. `entente reconcile` tries again; the daily one does by itself.", unread.join("; ")),
        });
    }
    Ok(signals)
}

fn dead_letters(engine: &Engine, tx: &mut Tx<'_>, known: &Known<'_>) -> Result<Vec<Signal>, StoreError> {
    let mut counts = tx.dead_letter_counts()?;
    // What died of an outage is told when the outage has been over for a while, if it waits then still.
    if known.outage(None, 0) && !known.is_open(AlertKind::DeadLetters, SOME) {
        counts.remove(Class::Retry.name());
    }
    let many: u64 = counts.values().sum();
    if many < engine.options().alert_dead_letters.max(1) {
        return Ok(Vec::new());
    }
    let classes: Vec<String> = counts.iter().map(|(class, many)| format!("{many} {class}")).collect();
    let body = format!(
        "{many} {} failed for good ({}). `entente dead-letters list` shows each with what to do; the rest flows.",
        if many == 1 { "record" } else { "records" },
        classes.join(", ")
    );
    let signal = |subject: &str, severity, title: String| Signal {
        kind: AlertKind::DeadLetters,
        subject: subject.to_owned(),
        severity,
        title,
        body: body.clone(),
    };
    let mut signals = Vec::new();
    if many >= DEAD_CRITICAL {
        signals.push(signal(MANY, Severity::Critical, format!("{DEAD_CRITICAL} and more dead letters wait for a person")));
    }
    // What is told as many is not told as some beside it, and what was told as some before is not over.
    if many < DEAD_CRITICAL || known.is_open(AlertKind::DeadLetters, SOME) {
        signals.push(signal(SOME, Severity::Warning, "Dead letters wait for a person".to_owned()));
    }
    Ok(signals)
}

fn conflicts(engine: &Engine, tx: &mut Tx<'_>, now: Timestamp) -> Result<Option<Signal>, StoreError> {
    let hours = engine.options().alert_conflict_hours;
    let limit = before(now, i64::try_from(hours).unwrap_or(i64::MAX / HOUR_MS).saturating_mul(HOUR_MS));
    let (oldest, late) = tx.conflict_ages(limit)?;
    let Some(oldest) = oldest.filter(|_| late > 0) else { return Ok(None) };
    let age = lasted_words(now.as_millisecond() - oldest.as_millisecond());
    Ok(Some(Signal {
        kind: AlertKind::ConflictAge,
        subject: "oldest".to_owned(),
        severity: Severity::Warning,
        title: format!("Conflicts wait longer than {hours} hours"),
        body: format!(
            "{late} wait too long, the oldest for {age}. Their fields are frozen meanwhile. `entente conflicts list` shows them."
        ),
    }))
}

fn backlog(engine: &Engine, tx: &mut Tx<'_>, now: Timestamp) -> Result<Option<Signal>, StoreError> {
    let minutes = engine.options().alert_queue_minutes;
    let limit = before(now, i64::try_from(minutes).unwrap_or(i64::MAX / MINUTE_MS).saturating_mul(MINUTE_MS));
    // A first read and a resync take as long as they take; live changes must not.
    let live = tx.hint_counts(now)?.into_iter().filter(|(lane, _)| *lane < LANE_BACKFILL);
    let (mut many, mut oldest) = (0, None::<Timestamp>);
    for (_, lane) in live {
        many += lane.waiting + lane.retrying + lane.leased;
        oldest = [oldest, lane.oldest].into_iter().flatten().min();
    }
    let Some(oldest) = oldest.filter(|oldest| *oldest < limit) else { return Ok(None) };
    let age = lasted_words(now.as_millisecond() - oldest.as_millisecond());
    Ok(Some(Signal {
        kind: AlertKind::QueueAge,
        subject: LIVE.to_owned(),
        severity: Severity::Warning,
        title: format!("Changes wait longer than {minutes} minutes"),
        body: format!("{many} records wait, the oldest for {age}. `entente status` shows what holds them."),
    }))
}

fn before(now: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond().saturating_sub(ms)).unwrap_or(Timestamp::UNIX_EPOCH)
}
