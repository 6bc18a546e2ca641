//! Statistics of conflicts: how many there were among all syncs, who decided them, by which rule, about which field, and how long it took.

use std::collections::BTreeMap;

use entente_store::{Conflict, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::kind::{End, opened};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::label;

/// Milliseconds of an hour and of a day.
const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Days when the caller does not say.
const DAYS: u64 = 30;
/// Days that may be asked for: conflicts are kept for good, a look over more would take long.
const DAYS_MAX: u64 = 400;

/// Over how long.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatisticsQuery {
    /// Days back from now, 1 to 400; 30 without it.
    #[param(nullable = false)]
    pub days: Option<u64>,
}

/// How many conflicts a rule decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ConflictsByRule)]
pub struct ByRule {
    /// `self_service`, `sales_contact`, `support_status`, `latest` or `adopted`.
    pub rule: String,
    /// Conflicts.
    pub conflicts: u64,
}

/// Conflicts about a field.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ConflictsByField)]
pub struct ByField {
    /// Object.
    pub object: String,
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// Conflicts.
    pub conflicts: u64,
    /// Of those, decided by a rule.
    pub automatic: u64,
    /// Decided by a person.
    pub manual: u64,
    /// Ended because the sides came to agree.
    pub by_themselves: u64,
    /// Wait for a person.
    pub waiting: u64,
    /// Hours from when they were found to a person's decision, on average.
    pub mean_hours: Option<f64>,
}

/// Conflicts of the last days.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ConflictStatistics)]
pub struct Statistics {
    /// Days looked at.
    pub days: u64,
    /// Syncs within them.
    pub syncs: u64,
    /// Syncs per day.
    pub syncs_per_day: f64,
    /// Conflicts found.
    pub conflicts: u64,
    /// Conflicts per day.
    pub conflicts_per_day: f64,
    /// Conflicts in percent of syncs.
    pub percent_of_syncs: f64,
    /// Decided by a rule.
    pub automatic: u64,
    /// The same, in percent of the conflicts.
    pub automatic_percent: f64,
    /// Decided by a person.
    pub manual: u64,
    /// Went to a person: decided by one, waiting for one, or ended by themselves meanwhile; in percent of the conflicts.
    pub manual_percent: f64,
    /// Ended because the sides came to agree before a person decided.
    pub by_themselves: u64,
    /// Wait for a person.
    pub waiting: u64,
    /// Since when the oldest of them waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest: Option<Timestamp>,
    /// Values that were passed over for a later change and that nobody has looked at yet, of whatever day.
    pub flagged: u64,
    /// Hours within which a person decides, by promise.
    pub promise_hours: u64,
    /// Conflicts that waited, or wait, longer than that.
    pub late: u64,
    /// Hours from when a conflict was found to a person's decision, on average.
    pub mean_hours: Option<f64>,
    /// The same, half of them.
    pub median_hours: Option<f64>,
    /// By rule, most first.
    pub by_rule: Vec<ByRule>,
    /// By field, most first.
    pub by_field: Vec<ByField>,
}

#[derive(Default)]
struct Tally {
    conflicts: u64,
    automatic: u64,
    by_themselves: u64,
    waiting: u64,
    /// Milliseconds that people took.
    took: Vec<i64>,
}

impl Tally {
    fn add(&mut self, conflict: &Conflict, end: &End) {
        self.conflicts += 1;
        match end {
            End::Rule(_) => self.automatic += 1,
            End::Itself => self.by_themselves += 1,
            End::Waits => self.waiting += 1,
            End::Person(_) => self.took.push(waited(conflict, conflict.conflict.opened_at)),
        }
    }

    fn mean_hours(&self) -> Option<f64> {
        (!self.took.is_empty()).then(|| hours(self.took.iter().sum::<i64>()) / self.took.len() as f64)
    }
}

fn hours(ms: i64) -> f64 {
    ms as f64 / HOUR_MS as f64
}

/// Milliseconds that a conflict waited, up to `now` if it still does.
fn waited(conflict: &Conflict, now: Timestamp) -> i64 {
    conflict.resolved_at.unwrap_or(now).as_millisecond() - conflict.conflict.opened_at.as_millisecond()
}

/// Statistics of the last days.
///
/// # Errors
/// When more days are asked for than are looked at, or the store fails.
pub async fn statistics(engine: &Engine, _viewer: &Viewer, query: StatisticsQuery) -> Result<Statistics> {
    let days = query.days.unwrap_or(DAYS);
    if days == 0 || days > DAYS_MAX {
        return Err(EngineError::Invalid {
            field: "days".to_owned(),
            reason: format!("{days} days cannot be looked at"),
            remedy: format!("ask for 1 to {DAYS_MAX}"),
        });
    }
    let (catalog, now, promise) = (engine.catalog(), engine.now(), engine.options().alert_conflict_hours);
    let whole = i64::try_from(days).unwrap_or(1) * DAY_MS;
    let from = Timestamp::from_millisecond(now.as_millisecond() - whole).unwrap_or(now);
    let next = Timestamp::from_millisecond(now.as_millisecond() + 1).unwrap_or(now);
    let read = engine.store().read(move |tx| Ok((opened(tx, from, next)?, tx.counted("synced", None, from, next)?, tx.flagged_count()?)));
    let (found, syncs, flagged) = read.await?;
    let promise_ms = i64::try_from(promise).unwrap_or(i64::MAX / HOUR_MS).saturating_mul(HOUR_MS);
    let (mut all, mut late, mut oldest) = (Tally::default(), 0, None);
    let (mut rules, mut fields): (BTreeMap<String, u64>, BTreeMap<(String, String), Tally>) = (BTreeMap::new(), BTreeMap::new());
    for conflict in &found {
        let end = End::of(conflict);
        all.add(conflict, &end);
        fields.entry((conflict.conflict.object.clone(), conflict.conflict.field.clone())).or_default().add(conflict, &end);
        if let End::Rule(rule) = &end {
            *rules.entry(rule.clone()).or_default() += 1;
        }
        // What a rule decides at once waits for nobody; what one decides that was adopted later has.
        late += u64::from(waited(conflict, now) > promise_ms);
        if end == End::Waits {
            oldest = oldest.or(Some(conflict.conflict.opened_at));
        }
    }
    let syncs = u64::try_from(syncs).unwrap_or(0);
    let percent = |part: u64, of: u64| if of == 0 { 0.0 } else { 100.0 * part as f64 / of as f64 };
    let mut by_rule: Vec<ByRule> = rules.into_iter().map(|(rule, conflicts)| ByRule { rule, conflicts }).collect();
    by_rule.sort_by_key(|one| std::cmp::Reverse(one.conflicts));
    let mut by_field: Vec<ByField> = fields
        .into_iter()
        .map(|((object, field), tally)| ByField {
            label: label(catalog.object(&object), &field),
            conflicts: tally.conflicts,
            automatic: tally.automatic,
            manual: tally.took.len() as u64,
            by_themselves: tally.by_themselves,
            waiting: tally.waiting,
            mean_hours: tally.mean_hours(),
            object,
            field,
        })
        .collect();
    by_field.sort_by_key(|one| std::cmp::Reverse(one.conflicts));
    let mut took = all.took.clone();
    took.sort_unstable();
    Ok(Statistics {
        days,
        syncs,
        syncs_per_day: syncs as f64 / days as f64,
        conflicts: all.conflicts,
        conflicts_per_day: all.conflicts as f64 / days as f64,
        percent_of_syncs: percent(all.conflicts, syncs),
        automatic: all.automatic,
        automatic_percent: percent(all.automatic, all.conflicts),
        manual: all.took.len() as u64,
        manual_percent: percent(all.conflicts - all.automatic, all.conflicts),
        by_themselves: all.by_themselves,
        waiting: all.waiting,
        oldest,
        flagged,
        promise_hours: promise,
        late,
        mean_hours: all.mean_hours(),
        median_hours: took.get(took.len() / 2).filter(|_| !took.is_empty()).map(|ms| hours(*ms)),
        by_rule,
        by_field,
    })
}
