//! Burn rates: how fast the error budget of a promise is spent. A budget that is spent evenly lasts thirty days at a rate of 1.
//!
//! An alert needs a long window, so that a hiccup wakes nobody, and a short one, so that it ends soon after the trouble does. Windows and
//! factors are those of Google's Site Reliability Workbook, chapter 5 "Alerting on SLOs", table 5-8: 2 % of the month's budget within an
//! hour and 5 % within six are for now, 10 % within three days is for the working day.

use entente_store::{Severity, Syncs};

/// Share of syncs that may fail: the promise is 99.5 %.
pub const FAILURE_BUDGET: f64 = 0.005;

/// Share of live changes that may take longer than ten seconds: the promise is for the 95th percentile.
pub const LATENCY_BUDGET: f64 = 0.05;

/// Milliseconds that a live change may take.
pub const LATENCY_MS: u64 = 10_000;

/// Bad ones below which a rate means nothing, in the long window.
pub const BAD_MIN: u64 = 5;

/// Two windows and the rate that both must exceed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The long window, in minutes.
    pub long: i64,
    /// The short one, in minutes.
    pub short: i64,
    /// Times the even rate.
    pub factor: f64,
    /// How bad it is.
    pub severity: Severity,
}

/// The rules, the most urgent first.
pub const RULES: &[Rule] = &[
    Rule { long: 60, short: 5, factor: 14.4, severity: Severity::Critical },
    Rule { long: 6 * 60, short: 30, factor: 6.0, severity: Severity::Critical },
    Rule { long: 3 * 24 * 60, short: 6 * 60, factor: 1.0, severity: Severity::Warning },
];

/// What a promise counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Syncs that land.
    Success,
    /// Live changes that land in time.
    Latency,
}

impl Promise {
    /// Bad ones and all of them.
    #[must_use]
    pub fn of(self, syncs: Syncs) -> (u64, u64) {
        match self {
            Self::Success => (syncs.failed, syncs.landed + syncs.failed),
            Self::Latency => (syncs.slow, syncs.timed),
        }
    }

    /// Share of bad ones that is allowed.
    #[must_use]
    pub fn budget(self) -> f64 {
        match self {
            Self::Success => FAILURE_BUDGET,
            Self::Latency => LATENCY_BUDGET,
        }
    }
}

/// How many times the even rate a window burns; 0 when nothing happened.
#[must_use]
pub fn rate(promise: Promise, window: Syncs) -> f64 {
    let (bad, all) = promise.of(window);
    if all == 0 { 0.0 } else { bad as f64 / all as f64 / promise.budget() }
}

/// Whether a rule applies to what its two windows show.
#[must_use]
pub fn burns(promise: Promise, rule: &Rule, long: Syncs, short: Syncs) -> bool {
    // A share that is exactly at the factor must not miss it by the last digit of a fraction.
    let exceeds = |window| rate(promise, window) >= rule.factor - 1e-9;
    promise.of(long).0 >= BAD_MIN && exceeds(long) && exceeds(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syncs(landed: u64, failed: u64) -> Syncs {
        Syncs { landed, failed, ..Syncs::default() }
    }

    #[test]
    fn the_whole_budget_at_the_even_rate_is_one() {
        assert!((rate(Promise::Success, syncs(995, 5)) - 1.0).abs() < 1e-9);
        assert!((rate(Promise::Latency, Syncs { timed: 100, slow: 5, ..Syncs::default() }) - 1.0).abs() < 1e-9);
        assert!(rate(Promise::Success, Syncs::default()).abs() < f64::EPSILON);
    }

    #[test]
    fn both_windows_must_burn() {
        let rule = &RULES[0];
        // 7.2 % of failures are 14.4 times the budget of 0.5 %.
        assert!(burns(Promise::Success, rule, syncs(928, 72), syncs(92, 8)));
        assert!(!burns(Promise::Success, rule, syncs(928, 72), syncs(100, 0)), "it is over");
        assert!(!burns(Promise::Success, rule, syncs(9_950, 50), syncs(0, 10)), "a hiccup");
    }

    #[test]
    fn a_handful_says_nothing() {
        assert!(!burns(Promise::Success, &RULES[0], syncs(0, BAD_MIN - 1), syncs(0, BAD_MIN - 1)));
        assert!(burns(Promise::Success, &RULES[0], syncs(0, BAD_MIN), syncs(0, BAD_MIN)));
    }

    #[test]
    fn the_factors_are_shares_of_a_month_s_budget() {
        let month = 30.0 * 24.0 * 60.0;
        let shares: Vec<i64> = RULES.iter().map(|rule| (rule.factor * rule.long as f64 / month * 100.0).round() as i64).collect();
        assert_eq!(shares, [2, 5, 10], "percent of the budget that is gone when the rule applies");
    }
}
