//! Counting API calls, and the org's quota over a rolling day.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::fail::Fail;
use super::org::DAY_MS;

/// Calls are remembered in slices of this many milliseconds.
const SLICE_MS: i64 = 60_000;
/// What the usage header shows as the limit when there is none.
const NO_LIMIT: u64 = 100_000_000;

/// API calls by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CallCounts {
    /// Calls that count against the quota.
    pub total: u64,
    /// All calls by kind: `query`, `query_more`, `record_read`, `record_write`, `collections`, `composite`, `describe`,
    /// `replication`, `bulk`, `soap`, `tooling`, `action`, `limits`, `other`, and `token`, which counts against no quota.
    pub by_kind: BTreeMap<String, u64>,
}

#[derive(Debug)]
pub(crate) struct Quota {
    max: u64,
    used: u64,
    slices: VecDeque<(i64, u64)>,
    pub counts: CallCounts,
}

impl Quota {
    pub fn new(max: u64) -> Self {
        Self { max, used: 0, slices: VecDeque::new(), counts: CallCounts::default() }
    }

    /// Counts a call that spends quota, or refuses it.
    pub fn spend(&mut self, kind: &str, now: i64) -> Result<(), Fail> {
        while self.slices.front().is_some_and(|(at, _)| *at <= now - DAY_MS) {
            self.used -= self.slices.pop_front().map_or(0, |(_, n)| n);
        }
        if self.max > 0 && self.used >= self.max {
            return Err(total_exceeded());
        }
        self.used += 1;
        let slice = now.div_euclid(SLICE_MS) * SLICE_MS;
        match self.slices.back_mut().filter(|(at, _)| *at == slice) {
            Some((_, n)) => *n += 1,
            None => self.slices.push_back((slice, 1)),
        }
        self.counts.total += 1;
        self.note(kind);
        Ok(())
    }

    /// Counts a call that spends none.
    pub fn note(&mut self, kind: &str) {
        match self.counts.by_kind.get_mut(kind) {
            Some(n) => *n += 1,
            None => _ = self.counts.by_kind.insert(kind.to_owned(), 1),
        }
    }

    pub fn max(&self) -> u64 {
        if self.max == 0 { NO_LIMIT } else { self.max }
    }

    pub fn remaining(&self) -> u64 {
        self.max().saturating_sub(self.used)
    }

    /// Value of `Sforce-Limit-Info`.
    pub fn info(&self) -> String {
        format!("api-usage={}/{}", self.used, self.max())
    }
}

pub(crate) fn total_exceeded() -> Fail {
    Fail::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
}

pub(crate) fn concurrent_exceeded() -> Fail {
    Fail::new(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.")
}
