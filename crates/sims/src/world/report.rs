//! What became of live edits, in numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::call_costs::CallCosts;
use super::choice::{Direction, Kind};

/// How long edits took to land, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Edits measured.
    pub count: u64,
    /// Half of them took at most this long.
    pub p50_ms: u64,
    /// 95 of 100 took at most this long.
    pub p95_ms: u64,
    /// 99 of 100 took at most this long.
    pub p99_ms: u64,
    /// The slowest.
    pub max_ms: u64,
}

impl Latency {
    /// From samples in any order, by nearest rank.
    pub(crate) fn of(mut samples: Vec<u32>) -> Self {
        samples.sort_unstable();
        let rank = |percent: usize| {
            let at = (samples.len() * percent).div_ceil(100).max(1) - 1;
            samples.get(at).copied().map_or(0, u64::from)
        };
        Self {
            count: samples.len() as u64,
            p50_ms: rank(50),
            p95_ms: rank(95),
            p99_ms: rank(99),
            max_ms: samples.last().copied().map_or(0, u64::from),
        }
    }
}

/// New customers: from the won deal to the support id written back to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NewCustomers {
    /// Deals won.
    pub won: u64,
    /// Those whose support id is written back, and how long it took.
    #[serde(flatten)]
    pub latency: Latency,
}

/// What became of live edits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrafficReport {
    /// Whether edits still come.
    pub running: bool,
    /// How long edits came, in milliseconds.
    pub duration_ms: u64,
    /// From the start to the latest landing, in milliseconds; 0 before the first.
    pub last_landing_ms: u64,
    /// Edits made, won deals included.
    pub edits: u64,
    /// Of those, seen on the other side with the very value.
    pub landed: u64,
    /// Of those, overtaken by a later edit of the same field before they landed.
    pub superseded: u64,
    /// Of those, changed on both sides before either landed: rules or people decide, so no landing is expected.
    pub conflicting: u64,
    /// Of those, not landed yet.
    pub outstanding: u64,
    /// Edits that a simulator refused; they are not among the others.
    pub refused: u64,
    /// From the edit to the other side's commit; edits that only a poll can see are left out.
    #[serde(flatten)]
    pub latency: Latency,
    /// The same for edits in the CRM.
    pub crm_to_support: Latency,
    /// The same for edits at the desk.
    pub support_to_crm: Latency,
    /// The same by kind of edit.
    pub by_kind: BTreeMap<Kind, Latency>,
    /// Won deals.
    pub new_customers: NewCustomers,
    /// API calls since edits began.
    pub calls: CallCosts,
    /// The oldest edits that have not landed, at most ten, in words.
    pub waiting: Vec<String>,
}

/// Samples of landed edits.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    all: Vec<(Direction, Kind, u32)>,
    won: Vec<u32>,
}

impl Samples {
    pub(crate) fn add(&mut self, direction: Direction, kind: Kind, ms: u32) {
        match kind {
            Kind::ClosedWon => self.won.push(ms),
            _ => self.all.push((direction, kind, ms)),
        }
    }

    pub(crate) fn fill(&self, report: &mut TrafficReport) {
        let of = |wanted: &dyn Fn(&(Direction, Kind, u32)) -> bool| {
            Latency::of(self.all.iter().filter(|sample| wanted(sample)).map(|(_, _, ms)| *ms).collect())
        };
        report.latency = of(&|_| true);
        report.crm_to_support = of(&|(direction, _, _)| *direction == Direction::CrmToSupport);
        report.support_to_crm = of(&|(direction, _, _)| *direction == Direction::SupportToCrm);
        let kinds: std::collections::BTreeSet<Kind> = self.all.iter().map(|(_, kind, _)| *kind).collect();
        report.by_kind = kinds.into_iter().map(|kind| (kind, of(&|(_, other, _)| *other == kind))).collect();
        report.new_customers.latency = Latency::of(self.won.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_that_were_measured() {
        let latency = Latency::of((1..=200).rev().collect());
        assert_eq!((latency.count, latency.p50_ms, latency.p95_ms, latency.p99_ms, latency.max_ms), (200, 100, 190, 198, 200));
        let one = Latency::of(vec![7]);
        assert_eq!((one.p50_ms, one.p95_ms, one.max_ms), (7, 7, 7));
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }
}
