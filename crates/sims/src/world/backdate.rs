//! Filling simulators with records of the past: their clocks are moved back meanwhile.

use crate::clock::SimClock;
use crate::salesforce::Salesforce;
use crate::zendesk::Zendesk;

/// One minute in milliseconds.
pub(crate) const MINUTE_MS: i64 = 60_000;
/// One day in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// Clocks away from the present. They return to it when this is dropped.
pub(crate) struct Backdated {
    clocks: Vec<SimClock>,
    away_ms: i64,
}

impl Backdated {
    /// Takes hold of both simulators' clocks, which may be one.
    pub(crate) fn of(salesforce: &Salesforce, zendesk: &Zendesk) -> Self {
        let mut clocks = vec![salesforce.clock().clone()];
        if !zendesk.clock().moves_with(salesforce.clock()) {
            clocks.push(zendesk.clock().clone());
        }
        Self { clocks, away_ms: 0 }
    }

    /// Goes to so many milliseconds before the present.
    pub(crate) fn ago(&mut self, ms: i64) {
        let by = -ms - self.away_ms;
        self.clocks.iter().for_each(|clock| clock.shift(by));
        self.away_ms = -ms;
    }

    /// Goes to the place of `step` among `steps` that are spread evenly over a time, both ends in milliseconds before the present.
    pub(crate) fn between(&mut self, from_ms: i64, to_ms: i64, step: usize, steps: usize) {
        let (step, steps) = (i64::try_from(step).unwrap_or(0), i64::try_from(steps.max(1)).unwrap_or(1));
        self.ago(from_ms - (from_ms - to_ms) * step / steps);
    }
}

impl Drop for Backdated {
    fn drop(&mut self) {
        self.ago(0);
    }
}
