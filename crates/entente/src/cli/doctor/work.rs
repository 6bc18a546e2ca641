//! What is checked of the work: polls, what waits for people, and the ledger.

use entente_engine::Engine;
use entente_engine::sync::first_read::FIRST_READ;
use entente_store::{Verdict, Viewer};

use super::Report;
use crate::cli::output::counted;
use crate::fault::Fault;

/// Polls that were missed before it is worth a word.
const MISSED_POLLS: u64 = 2;

/// How instants are shown.
const TIME: &str = "%Y-%m-%d %H:%M UTC";

/// Items for people beyond which the queue is no longer under control.
const QUEUE_MAX: u64 = 5;

/// Checks all of it.
pub(super) async fn examine(engine: &Engine, report: &mut Report) {
    polls(engine, report).await;
    queues(engine, report).await;
    ledger(engine, report).await;
}

async fn polls(engine: &Engine, report: &mut Report) {
    let read = engine.store().read(|tx| Ok((tx.cursors("poll/")?, tx.settings(FIRST_READ)?))).await;
    let (cursors, first_reads) = match read {
        Ok(read) => read,
        Err(error) => return report.fault("polls", &Fault::of(&error)),
    };
    let conditions = match entente_engine::reports::meter::conditions(engine).await {
        Ok(conditions) => conditions,
        Err(error) => return report.fault("polls", &Fault::of(&error)),
    };
    let late_ms = engine.options().poll_interval_ms.saturating_mul(MISSED_POLLS);
    for connection in engine.connections().keys() {
        let area = connection.as_str();
        let condition = conditions.get(connection);
        for resting in condition.map(|condition| condition.resting.as_slice()).unwrap_or_default() {
            let (what, since, until) = (resting.asked.words(), resting.since.strftime(TIME), resting.until.strftime(TIME));
            let text = format!(
                "{} has not been {what} since {since}: {}; everything else goes on, and it is asked again at {until}",
                resting.object, resting.reason
            );
            report.warn(area, text, resting.remedy.clone());
        }
        let refused = |object: &str| condition.is_some_and(|condition| condition.does_not_read(object));
        let read = engine.catalog().reads(connection).into_iter().map(|(object, _)| object);
        let objects: Vec<String> = read.filter(|object| !refused(object)).collect();
        let unread: Vec<&str> = objects
            .iter()
            .filter(|object| !first_reads.contains_key(&format!("{FIRST_READ}{connection}/{object}")))
            .map(String::as_str)
            .collect();
        if !unread.is_empty() {
            report.warn(
                area,
                format!("{} was not read completely yet", unread.join(", ")),
                "start `entente serve` and let the first sync end",
            );
            continue;
        }
        let oldest = objects.iter().filter_map(|object| cursors.get(&format!("poll/{connection}/{object}"))).map(|(_, at)| *at).min();
        let Some(at) = oldest else { continue };
        let age_ms = u64::try_from(engine.now().as_millisecond() - at.as_millisecond()).unwrap_or(0);
        let ago = match age_ms / 60_000 {
            0 => "less than a minute".to_owned(),
            minutes => counted(minutes, "minute"),
        };
        if age_ms > late_ms {
            report.warn(area, format!("the last poll was {ago} ago"), "check that `entente serve` runs, and its log");
        } else {
            report.ok(area, format!("the last poll was {ago} ago"));
        }
    }
}

async fn queues(engine: &Engine, report: &mut Report) {
    let read = engine.store().read(|tx| {
        Ok((
            tx.dead_letter_counts()?.values().sum::<u64>(),
            tx.conflict_counts()?.values().sum::<u64>(),
            tx.review_counts()?.values().sum::<u64>(),
        ))
    });
    match read.await {
        Ok((dead, conflicts, reviews)) => {
            if dead > 0 {
                let wait = if dead == 1 { "waits" } else { "wait" };
                report.warn("work", format!("{} {wait} for a person", counted(dead, "dead letter")), "see `entente dead-letters list`");
            }
            if conflicts + reviews >= QUEUE_MAX {
                let what = format!("{} and {} wait for a person", counted(conflicts, "conflict"), counted(reviews, "match review"));
                report.warn("work", what, "see `entente conflicts list` and `entente reviews list`");
            }
            if dead == 0 && conflicts + reviews < QUEUE_MAX {
                report.ok("work", format!("no dead letters; {} conflicts and match reviews wait for a person", conflicts + reviews));
            }
        }
        Err(error) => report.fault("work", &Fault::of(&error)),
    }
}

async fn ledger(engine: &Engine, report: &mut Report) {
    let viewer = Viewer::system();
    let entries = engine.store().read(move |tx| tx.entry_count(&viewer)).await;
    match engine.store().verify(|_| {}).await {
        Ok(Verdict::Intact(_)) => report.ok("ledger", format!("{} entries, and the chain is whole", entries.unwrap_or_default())),
        Ok(Verdict::Broken(broken)) => report.fail(
            "ledger",
            format!("it was changed after the fact: {}", broken.what),
            "restore from a backup and find out who had access to the database; `entente ledger verify` names the place",
        ),
        Err(error) => report.fault("ledger", &Fault::of(&error)),
    }
}
