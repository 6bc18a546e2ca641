//! Watching: what operators should be told of, once when it begins and once when it is over.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_store::{NewNotice, SyncStatus, Viewer};
use serde::{Deserialize, Serialize};

use super::meter::Condition;
use crate::engine::Engine;
use crate::error::Result;

/// Setting that keeps which alerts are on.
const SETTING: &str = "alerts";

/// Audience of alerts.
const AUDIENCE: &str = "ops";

/// Failures of the last hour above which operators are told, in percent.
const FAILURE_PERCENT: u64 = 1;

/// Syncs of an hour below which a rate means nothing.
const SYNCS_MIN: u64 = 50;

/// Dead letters and conflicts that are too many to wait.
const QUEUE_MAX: u64 = 5;

/// An alert that is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct On {
    title: String,
    since: Timestamp,
}

/// Looks once. Alerts that begin and alerts that end become notices.
///
/// # Errors
/// When the store fails; the same is found again then.
pub async fn watch(engine: &Engine) -> Result<()> {
    let now = engine.now();
    let begun = of_connections(engine, now);
    let hour_ago = Timestamp::from_millisecond(now.as_millisecond() - 3_600_000).unwrap_or(now);
    engine
        .store()
        .write(move |tx| {
            let mut signals = begun.clone();
            signals.extend(crate::schema::alerts(tx)?);
            let synced = u64::try_from(tx.counted("synced", None, hour_ago, now)?).unwrap_or(0);
            let events =
                tx.sync_event_counts(&Viewer::system(), hour_ago, Timestamp::from_millisecond(now.as_millisecond() + 1).unwrap_or(now))?;
            let failed: u64 = events
                .iter()
                .filter(|((_, status), _)| matches!(status, SyncStatus::Failing | SyncStatus::Manual))
                .map(|(_, many)| many)
                .sum();
            if synced + failed >= SYNCS_MIN && failed * 100 > (synced + failed) * FAILURE_PERCENT {
                let body = format!("{failed} of {} syncs of the last hour failed. `entente status` lists them.", synced + failed);
                signals.insert("failures".to_owned(), (format!("More than {FAILURE_PERCENT}% of syncs fail"), body));
            }
            let waiting: u64 = tx.dead_letter_counts()?.values().chain(tx.conflict_counts()?.values()).sum();
            if waiting >= QUEUE_MAX {
                let body = "See `entente dead-letters list` and `entente conflicts list`, or the web app.".to_owned();
                signals.insert(
                    "queue".to_owned(),
                    ("Work is waiting for people".to_owned(), format!("{waiting} dead letters and conflicts wait. {body}")),
                );
            }
            let known: BTreeMap<String, On> = tx.setting(SETTING)?.unwrap_or_default();
            let on: BTreeMap<String, On> = signals
                .iter()
                .map(|(key, (title, _))| (key.clone(), known.get(key).cloned().unwrap_or_else(|| On { title: title.clone(), since: now })))
                .collect();
            if on == known {
                return Ok(());
            }
            for (key, (title, body)) in signals.iter().filter(|(key, _)| !known.contains_key(*key)) {
                tracing::warn!(alert = key, "{title}");
                tx.notify(&notice(now, "alert", format!("⚠ {title}"), body.clone()))?;
            }
            for (_, over) in known.iter().filter(|(key, _)| !on.contains_key(*key)) {
                let minutes = (now.as_millisecond() - over.since.as_millisecond()) / 60_000;
                tx.notify(&notice(now, "recovery", format!("✅ Over: {}", over.title), format!("It lasted {minutes} minutes.")))?;
            }
            tx.put_setting(SETTING, &on)
        })
        .await?;
    Ok(())
}

fn of_connections(engine: &Engine, now: Timestamp) -> BTreeMap<String, (String, String)> {
    let mut signals = BTreeMap::new();
    for (name, connection) in engine.connections() {
        let condition = Condition::of(connection, now);
        let note = condition.note.unwrap_or_default();
        match condition.state.as_str() {
            "paused" => drop(signals.insert(format!("paused/{name}"), (format!("{name} cannot be used"), note))),
            "broken" => drop(signals.insert(format!("broken/{name}"), (format!("{name} fails and is left alone"), note))),
            "limited" => drop(signals.insert(format!("limited/{name}"), (format!("{name}: API rate limit reached"), note))),
            _ => {}
        }
    }
    signals
}

fn notice(at: Timestamp, kind: &str, title: String, body: String) -> NewNotice {
    NewNotice { at, kind: kind.to_owned(), recipient: AUDIENCE.to_owned(), title, body, record: None }
}
