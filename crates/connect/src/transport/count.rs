//! Counts of the calls of one connection.

use std::sync::{Mutex, PoisonError};

use crate::connector::CallCounts;

/// How a call ended, for the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an answer the caller wanted.
    Well,
    /// With a refusal, or with none.
    Badly,
    /// With a refusal for pace.
    Limited,
}

/// The running counts. A lock rather than atomics: it is taken once per vendor call, which takes a hundred thousand times longer.
#[derive(Debug, Default)]
pub struct Counts(Mutex<CallCounts>);

impl Counts {
    /// Counts one call of `kind` that took `ms` milliseconds.
    pub fn add(&self, kind: &'static str, ended: Ended, ms: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.calls += 1;
        counts.ms += ms;
        counts.failed += u64::from(ended != Ended::Well);
        counts.limited += u64::from(ended == Ended::Limited);
        *counts.by_kind.entry(kind).or_default() += 1;
    }

    /// The counts so far.
    #[must_use]
    pub fn snapshot(&self) -> CallCounts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
