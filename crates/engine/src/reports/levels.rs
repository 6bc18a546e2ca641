//! Levels: how much agrees, drifts, lacks values and waits, counted a few times an hour and kept by hour, so that a month's report needs no
//! scan of what the month was like.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_store::{StoreError, Tx, Viewer};
use serde::{Deserialize, Serialize};

use super::agreement::{Agreement, Comparison};
use super::meter::{Condition, setting};
use super::monthly::Month;
use crate::engine::Engine;
use crate::error::Result;
use crate::options::Options;
use crate::reconcile::report::read_last;

/// Customers held.
pub const RECORDS: &str = "records";
/// Of those, how many agree at every connection, without anything in flight, in conflict or failed.
pub const IN_AGREEMENT: &str = "in_agreement";
/// Of those, how many differ from a counterpart while nothing is in flight.
pub const DRIFT: &str = "drift";
/// Of those, how many have a value in every field that a mapping needs.
pub const COMPLETE: &str = "complete";
/// Pairs of records of one platform that may be one customer and wait for a person.
pub const DUPLICATES: &str = "duplicates";
/// Records that lack a counterpart and rows without a record, at the last reconciliation.
pub const ORPHANS: &str = "orphans";
/// Conflicts that wait for a person.
pub const CONFLICTS: &str = "conflicts";
/// Minutes that the oldest of them waits.
pub const CONFLICT_AGE: &str = "conflict_age_minutes";
/// Dead letters that wait for a person.
pub const DEAD_LETTERS: &str = "dead_letters";
/// Records with work waiting or under way.
pub const QUEUE: &str = "queue";
/// Minutes that the oldest of them waits.
pub const QUEUE_AGE: &str = "queue_age_minutes";
/// What the drift of a field is kept under: this, then object and field.
const DRIFT_OF: &str = "drift/";

/// Setting that keeps when it was last counted, and how long that took.
const COUNTED: &str = "levels/counted";

/// Setting that keeps which values there were, for recommendations: this, then the month in which they were counted last.
const FILLED: &str = "levels/filled/";
/// What the settings that recommendations go by are kept under, so that a month that is over is judged by its own.
pub(crate) const POLL_MINUTES: &str = "setting/poll_minutes";
/// The hour of the daily reconciliation, and [`NO_HOUR`] without one.
pub(crate) const RECONCILE_HOUR: &str = "setting/reconcile_hour";
/// The hour of a reconciliation that there is none of.
pub(crate) const NO_HOUR: u64 = 24;
/// What the calls that a connection has a day are kept under: this, then its name.
pub(crate) const DAILY_LIMIT: &str = "daily_limit/";

/// Time between counts, in milliseconds: a peak that lasts shorter was no drift worth a line.
const EVERY_MS: i64 = 15 * 60 * 1000;

/// The same while there are no records, and while much is on its way, as in a first sync or a burst: what was counted is soon not so any more.
const SOON_MS: i64 = 60_000;

/// Much is on its way when it is more than one of so many records.
const MUCH: u64 = 100;

/// Counting never takes more than this share of one core: a hundredth.
const REST: i64 = 100;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// The last count.
#[derive(Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) at: Timestamp,
    ms: i64,
    /// Records that there were.
    #[serde(default)]
    records: Option<u64>,
    /// Records and rows that were on their way.
    #[serde(default)]
    queue: u64,
}

impl Counted {
    /// When it is time for the next.
    pub(crate) fn next(&self) -> Timestamp {
        let unsettled = self.records.is_some_and(|records| self.queue.saturating_mul(MUCH) > records);
        let every = if self.records == Some(0) || unsettled { SOON_MS } else { EVERY_MS };
        let wait = every.max(self.ms.saturating_mul(REST));
        Timestamp::from_millisecond(self.at.as_millisecond().saturating_add(wait)).unwrap_or(self.at)
    }
}

/// The last count, if there was one.
pub(crate) fn last_count(tx: &mut Tx<'_>) -> Result<Option<Counted>, StoreError> {
    tx.setting(COUNTED)
}

/// Which values are there, as last counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filled {
    /// Records by object.
    pub(crate) records: BTreeMap<String, u64>,
    /// Records with a value, by object and field (`account.industry`).
    pub(crate) filled: BTreeMap<String, u64>,
    /// Records without a value that a mapping needs, by object and field.
    pub(crate) lacking: BTreeMap<String, u64>,
}

/// Which values there were, as last counted within a month; nothing when they were not.
pub(crate) fn filled(tx: &mut Tx<'_>, month: Month) -> Result<Option<Filled>, StoreError> {
    tx.setting(&format!("{FILLED}{month}"))
}

/// The settings that recommendations go by, as they are now.
pub(crate) fn settings(options: &Options) -> [(&'static str, u64); 2] {
    let hour = if options.reconcile_daily { u64::from(options.reconcile_hour) } else { NO_HOUR };
    [(POLL_MINUTES, options.poll_interval_ms / 60_000), (RECONCILE_HOUR, hour)]
}

/// The one value that a setting had throughout a range, and has now where the range goes on; nothing when it had several, or none was kept.
pub(crate) fn throughout(tx: &mut Tx<'_>, name: &str, range: (Timestamp, Timestamp), now: Option<u64>) -> Result<Option<u64>, StoreError> {
    let kept = tx.levels(name, range.0, range.1)?;
    let values: BTreeSet<u64> = kept.iter().flat_map(|level| [level.last, level.peak]).chain(now).collect();
    Ok(values.first().copied().filter(|_| values.len() == 1))
}

/// The calls that a connection has a day, as its platform or the configuration tells.
pub(crate) fn daily_limit(tx: &mut Tx<'_>, engine: &Engine, name: &str) -> Result<Option<u64>, StoreError> {
    let told = tx.setting::<Condition>(&setting(name))?.and_then(|condition| condition.daily_limit);
    Ok(told.or_else(|| engine.connections().get(name)?.settings.daily_calls))
}

/// Drift by object and field within a range: the highest number of records.
pub(crate) fn drift_by_field(
    tx: &mut Tx<'_>,
    engine: &Engine,
    from: Timestamp,
    to: Timestamp,
) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut peaks = BTreeMap::new();
    let catalog = engine.catalog();
    for object in catalog.objects() {
        for field in &object.fields {
            let name = format!("{}.{}", object.key, field.key);
            let peak = tx.levels(&format!("{DRIFT_OF}{name}"), from, to)?.into_iter().map(|level| level.peak).max().unwrap_or(0);
            if peak > 0 {
                peaks.insert(name, peak);
            }
        }
    }
    Ok(peaks)
}

/// Counts the levels when it is time. Answers whether it was.
///
/// # Errors
/// When the store fails; then it is counted the next time.
pub async fn due(engine: &Engine) -> Result<bool> {
    let now = engine.now();
    if engine.store().read(last_count).await?.is_some_and(|last| now < last.next()) {
        return Ok(false);
    }
    count(engine).await.map(|()| true)
}

/// Counts the levels now.
///
/// # Errors
/// When the store fails.
pub async fn count(engine: &Engine) -> Result<()> {
    let (engine_, now) = (engine.clone(), engine.now());
    let (levels, filled) = engine.store().read(move |tx| read(tx, &engine_, now)).await?;
    let ms = engine.now().as_millisecond() - now.as_millisecond();
    let month = Month::of(now, &engine.options().locale.timezone);
    let (records, queue) = (levels.get(RECORDS).copied(), levels.get(QUEUE).copied().unwrap_or(0));
    engine
        .store()
        .write(move |tx| {
            let levels: Vec<(&str, u64)> = levels.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            tx.put_levels(now, &levels)?;
            tx.put_setting(&format!("{FILLED}{month}"), &filled)?;
            tx.put_setting(COUNTED, &Counted { at: now, ms, records, queue })
        })
        .await?;
    Ok(())
}

fn read(tx: &mut Tx<'_>, engine: &Engine, now: Timestamp) -> Result<(BTreeMap<String, u64>, Filled), StoreError> {
    let (viewer, catalog) = (Viewer::system(), engine.catalog());
    let names: Vec<String> = engine.connections().keys().cloned().collect();
    let mut stuck = BTreeSet::new();
    for name in &names {
        if tx.setting::<Condition>(&setting(name))?.is_some_and(|condition| matches!(condition.state.as_str(), "paused" | "broken")) {
            stuck.insert(name.clone());
        }
    }
    let comparison = Comparison { viewer: &viewer, catalog: &catalog, connections: &names, stuck: &stuck, won_since: now, now };
    let found = comparison.run(tx)?;
    let lanes = tx.hint_counts(now)?;
    let minutes = |since: Option<Timestamp>| {
        since.map_or(0, |at| u64::try_from((now.as_millisecond() - at.as_millisecond()) / MINUTE_MS).unwrap_or(0))
    };
    let (oldest_conflict, _) = tx.conflict_ages(now)?;
    let mut levels: BTreeMap<String, u64> = [
        (RECORDS, found.records),
        (IN_AGREEMENT, found.in_agreement),
        (DRIFT, found.drifting),
        (COMPLETE, found.complete),
        (DUPLICATES, tx.review_counts()?.get(crate::sync::adopt::DUPLICATE).copied().unwrap_or(0)),
        (CONFLICTS, tx.conflict_counts()?.values().sum()),
        (CONFLICT_AGE, minutes(oldest_conflict)),
        (DEAD_LETTERS, tx.dead_letter_counts()?.values().sum()),
        (QUEUE, lanes.values().map(|lane| lane.waiting + lane.retrying + lane.leased).sum()),
        (QUEUE_AGE, minutes(lanes.values().filter_map(|lane| lane.oldest).min())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(report) = read_last(tx)? {
        levels.insert(ORPHANS.to_owned(), report.orphans + report.unmatched);
    }
    levels.extend(settings(engine.options()).map(|(name, value)| (name.to_owned(), value)));
    for name in &names {
        levels.extend(daily_limit(tx, engine, name)?.map(|limit| (format!("{DAILY_LIMIT}{name}"), limit)));
    }
    // What is on its way is no drift: a first sync would show as fields that somebody changes behind its back.
    for (field, records) in &found.drifting_fields {
        levels.insert(format!("{DRIFT_OF}{field}"), *records);
    }
    Ok((levels, filled_of(found)))
}

fn filled_of(found: Agreement) -> Filled {
    let named = |counts: BTreeMap<(String, String), u64>| {
        counts.into_iter().map(|((object, field), many)| (format!("{object}.{field}"), many)).collect()
    };
    Filled { records: found.by_object, filled: named(found.filled), lacking: named(found.lacking) }
}
