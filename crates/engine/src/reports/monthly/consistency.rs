//! How much agreed in a month.

use entente_model::clock::Timestamp;
use entente_store::{StoreError, Tx};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Range, sum};
use crate::records::conflicts::kind::End;
use crate::reports::levels;
use crate::reports::quality::percent;
use crate::sync::settle::{DUPLICATES_MERGED, ORPHANS_RESOLVED};

/// Hours that a conflict may wait for a person.
const DECIDE_MS: i64 = 24 * 60 * 60 * 1000;

/// How much agreed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ConsistencyMonth {
    /// As of when its records were counted, while the month goes on; they are counted a few times an hour. Nothing for a month that is over, whose
    /// numbers are those of its end, and before the first count.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub counted_at: Option<Timestamp>,
    /// Customers held at the end of the month; nothing when they were not counted.
    pub records: Option<u64>,
    /// Of those, in agreement everywhere.
    pub in_agreement: Option<u64>,
    /// Their share, in percent.
    pub in_agreement_percent: Option<f64>,
    /// Records that drifted at the end of the month.
    pub drift: Option<u64>,
    /// When most of them drifted; nothing when none did.
    pub peak_drift: Option<PeakDrift>,
    /// Share of records with a value in every required field at the end of the month, in percent.
    pub complete_percent: Option<f64>,
    /// Records that were found to be another one's twin and merged.
    pub duplicates_merged: u64,
    /// Pairs that waited for a person at the end of the month.
    pub duplicates_waiting: Option<u64>,
    /// Records and rows that had been at one side alone and found their counterpart.
    pub orphans_resolved: u64,
    /// Those that were left at the last reconciliation of the month.
    pub orphans_left: Option<u64>,
    /// Rows that reconciliations compared.
    pub compared: u64,
    /// Differences that they found.
    pub differences: u64,
    /// Of those, how many were gone at their second look.
    pub differences_resolved: u64,
    /// Conflicts that a person was asked about.
    pub conflicts: ConflictMonth,
}

/// When most records drifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PeakDrift {
    /// Records.
    pub records: u64,
    /// The hour.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Hours until none drifted; nothing when that was not within the month.
    pub resolved_hours: Option<u64>,
}

/// Conflicts that a person was asked about: those that no rule decided.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ConflictMonth {
    /// Opened in the month.
    pub opened: u64,
    /// Of those, decided by a person. Others wait, or ended because the sides came to agree.
    pub decided: u64,
    /// Mean time to a person's decision, in hours.
    pub mean_hours: Option<f64>,
    /// Of those opened, how many waited longer than 24 hours.
    pub late: u64,
}

/// Adds the month up.
pub(super) fn consistency(tx: &mut Tx<'_>, range: Range, complete: bool) -> Result<ConsistencyMonth, StoreError> {
    let of = (range.from, range.to);
    let counted_at = levels::last_count(tx)?.map(|count| count.at).filter(|at| !complete && *at >= of.0);
    let mut end = |name: &str| -> Result<Option<u64>, StoreError> { Ok(tx.levels(name, of.0, of.1)?.last().map(|level| level.last)) };
    let (records, in_agreement, drift) = (end(levels::RECORDS)?, end(levels::IN_AGREEMENT)?, end(levels::DRIFT)?);
    let (complete, duplicates_waiting, orphans_left) = (end(levels::COMPLETE)?, end(levels::DUPLICATES)?, end(levels::ORPHANS)?);
    let share = |part: Option<u64>| part.zip(records).and_then(|(part, records)| percent(part, records));
    Ok(ConsistencyMonth {
        counted_at,
        in_agreement_percent: share(in_agreement),
        complete_percent: share(complete),
        peak_drift: peak(&tx.levels(levels::DRIFT, of.0, of.1)?),
        duplicates_merged: sum(tx, DUPLICATES_MERGED, of)?,
        orphans_resolved: sum(tx, ORPHANS_RESOLVED, of)?,
        compared: sum(tx, crate::reconcile::COMPARED, of)?,
        differences: sum(tx, crate::reconcile::FOUND, of)?,
        differences_resolved: sum(tx, crate::reconcile::RESOLVED, of)?,
        conflicts: conflicts(tx, range)?,
        records,
        in_agreement,
        drift,
        duplicates_waiting,
        orphans_left,
    })
}

/// The highest level, the earliest of several, and how long it took until there was none.
fn peak(levels: &[entente_store::Level]) -> Option<PeakDrift> {
    let highest = levels.iter().filter(|level| level.peak > 0).max_by_key(|level| (level.peak, std::cmp::Reverse(level.hour)))?;
    let gone = levels.iter().find(|level| level.hour >= highest.hour && level.last == 0);
    // An hour in which it came and went counts as one.
    let hours = gone.map(|level| (level.hour.as_millisecond() - highest.hour.as_millisecond()) / 3_600_000 + 1);
    Some(PeakDrift { records: highest.peak, at: highest.hour, resolved_hours: hours.and_then(|hours| u64::try_from(hours).ok()) })
}

fn conflicts(tx: &mut Tx<'_>, range: Range) -> Result<ConflictMonth, StoreError> {
    let (mut opened, mut decided, mut late, mut ms) = (0, 0_u64, 0, 0_i64);
    let mut after = 0;
    loop {
        let page = tx.conflicts_opened(range.from, range.to, after)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for conflict in &page {
            let end = End::of(conflict);
            // What waited until a rule was adopted went to a person first.
            if matches!(end, End::Rule(_)) && conflict.entry.is_none() {
                continue;
            }
            let waited = conflict.resolved_at.unwrap_or(range.to).as_millisecond() - conflict.conflict.opened_at.as_millisecond();
            opened += 1;
            late += u64::from(waited > DECIDE_MS);
            if matches!(end, End::Person(_)) {
                decided += 1;
                ms += waited;
            }
        }
    }
    let mean_hours = (decided > 0).then(|| ms as f64 / decided as f64 / 3_600_000.0);
    Ok(ConflictMonth { opened, decided, mean_hours, late })
}

#[cfg(test)]
mod tests {
    use entente_store::Level;

    use super::*;

    fn levels(peaks: &[(u64, u64)]) -> Vec<Level> {
        let hour = |number: usize| Timestamp::from_millisecond(number as i64 * 3_600_000).unwrap();
        peaks.iter().enumerate().map(|(number, (last, peak))| Level { hour: hour(number), last: *last, peak: *peak }).collect()
    }

    #[test]
    fn a_peak_is_resolved_when_nothing_drifts_any_more() {
        let peak = |peaks: &[(u64, u64)]| peak(&levels(peaks)).map(|peak| (peak.records, peak.resolved_hours));
        assert_eq!(peak(&[(0, 0), (0, 0)]), None);
        assert_eq!(peak(&[(0, 0), (200, 253), (90, 200), (3, 90), (0, 3)]), Some((253, Some(4))));
        assert_eq!(peak(&[(0, 12)]), Some((12, Some(1))), "it came and went within the hour");
        assert_eq!(peak(&[(5, 12), (4, 5)]), Some((12, None)), "it is there still");
    }
}
