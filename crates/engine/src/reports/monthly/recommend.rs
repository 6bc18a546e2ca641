//! Recommendations: what the numbers of a month say could be better. Each rule looks at one thing, needs enough of it to say anything, and
//! gives the numbers that it goes by. What no number asks for is not recommended.

mod conflicts;
mod fields;
mod pace;

use entente_store::{StoreError, Tx};
use serde::Serialize;
use utoipa::ToSchema;

use super::changes::History;
use super::{ApiMonth, ConsistencyMonth, Month, PerformanceMonth, Range};
use crate::engine::Engine;
use crate::reports::levels;

/// Recommendations of a report at most: more are not acted on.
const MOST: usize = 8;

/// Causes of dead letters that are looked at.
const CAUSES: usize = 10;

/// Dead letters of one cause from which it is worth mending.
const DEAD_MIN: u64 = 3;

/// Pairs that wait for a person from which it is worth a word.
const DUPLICATES_MIN: u64 = 10;

/// What the numbers recommend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Recommendation {
    /// The rule that found it, such as `conflict_owner`.
    pub rule: String,
    /// What to do.
    pub title: String,
    /// The numbers behind it.
    pub evidence: String,
}

/// A recommendation with its weight: how much of the promises it is about, from 0 to 100.
pub(super) struct Found {
    weight: u64,
    recommendation: Recommendation,
}

impl Found {
    pub(super) fn new(rule: &str, weight: u64, title: String, evidence: String) -> Self {
        Self { weight, recommendation: Recommendation { rule: rule.to_owned(), title, evidence } }
    }
}

/// What the rules go by.
pub(super) struct Grounds<'a> {
    pub(super) engine: &'a Engine,
    pub(super) month: Month,
    pub(super) range: Range,
    /// Whether the month is over: then what is set and mapped now says nothing of it.
    pub(super) complete: bool,
    pub(super) histories: &'a [History],
    pub(super) performance: &'a PerformanceMonth,
    pub(super) consistency: &'a ConsistencyMonth,
    pub(super) api: &'a [ApiMonth],
}

impl Grounds<'_> {
    /// A setting, if it was the same throughout the month.
    fn setting(&self, tx: &mut Tx<'_>, name: &str) -> Result<Option<u64>, StoreError> {
        let now = levels::settings(self.engine.options()).into_iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        levels::throughout(tx, name, (self.range.from, self.range.to), now.filter(|_| !self.complete))
    }

    /// Asks every rule.
    pub(super) fn recommend(&self, tx: &mut Tx<'_>) -> Result<Vec<Recommendation>, StoreError> {
        let mut found = self.people();
        found.extend(self.dead_letters(tx)?);
        found.extend(conflicts::owners(self, tx)?);
        found.extend(pace::quotas(self));
        found.extend(pace::polls(self, tx)?);
        found.extend(pace::slow_hours(self, tx)?);
        found.extend(pace::reconciliation(self, tx)?);
        found.extend(fields::drift(self, tx)?);
        found.extend(fields::lacking(self, tx)?);
        found.extend(fields::unshared(self, tx)?);
        found.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.recommendation.title.cmp(&b.recommendation.title)));
        Ok(found.into_iter().take(MOST).map(|found| found.recommendation).collect())
    }

    /// The most frequent cause of dead letters.
    fn dead_letters(&self, tx: &mut Tx<'_>) -> Result<Option<Found>, StoreError> {
        let causes = tx.dead_letter_causes(self.range.from, self.range.to, CAUSES)?;
        let all: u64 = causes.iter().map(|cause| cause.many).sum();
        let Some(first) = causes.first().filter(|cause| cause.many >= DEAD_MIN) else { return Ok(None) };
        let place = if first.connection.is_empty() { String::new() } else { format!(" at {}", first.connection) };
        Ok(Some(Found::new(
            "dead_letters",
            90,
            format!("Mend the cause of `{}` for {} records{place}", first.code, first.object),
            format!("{} of {all} dead letters of the month were of this kind: {}", first.many, first.advice),
        )))
    }

    /// Queues that people do not keep up with.
    fn people(&self) -> Vec<Found> {
        let mut found = Vec::new();
        let conflicts = &self.consistency.conflicts;
        if conflicts.late > 0 {
            let mean = conflicts.mean_hours.map(|hours| format!("; the mean was {hours:.1} hours")).unwrap_or_default();
            found.push(Found::new(
                "late_conflicts",
                70,
                "Name somebody who looks at the conflicts every day".to_owned(),
                format!("{} of {} conflicts waited longer than 24 hours{mean}", conflicts.late, conflicts.opened),
            ));
        }
        if let Some(waiting) = self.consistency.duplicates_waiting.filter(|waiting| *waiting >= DUPLICATES_MIN) {
            found.push(Found::new(
                "waiting_duplicates",
                55,
                "Decide about the possible duplicates".to_owned(),
                format!(
                    "{waiting} pairs waited at the end of the month, and a record of them that lacks a counterpart gets none meanwhile; {} were merged",
                    self.consistency.duplicates_merged
                ),
            ));
        }
        found
    }
}
