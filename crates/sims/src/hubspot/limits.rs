//! Limits: calls in ten seconds, calls in a day, and the searches of one second.

use std::collections::VecDeque;

use super::auth::Caller;
use super::moment::midnight_after;
use super::refusal::Refusal;
use super::state::State;

/// Length of the burst window.
const BURST_MS: i64 = 10_000;
/// Searches of an account in one second.
const SEARCHES: usize = 5;
/// Shown as the limit where there is none.
const UNLIMITED: u64 = 1_000_000;

/// Calls counted.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    burst: VecDeque<i64>,
    searches: VecDeque<i64>,
    /// Midnight at which the present day ends, and the calls since the last.
    day: (i64, u64),
    spent: bool,
}

impl Limits {
    fn turn(&mut self, now_ms: i64, offset_ms: i64) {
        while self.burst.front().is_some_and(|at| *at <= now_ms - BURST_MS) {
            self.burst.pop_front();
        }
        while self.searches.front().is_some_and(|at| *at <= now_ms - 1_000) {
            self.searches.pop_front();
        }
        if now_ms >= self.day.0 {
            self.day = (midnight_after(now_ms, offset_ms), 0);
            self.spent = false;
        }
    }
}

/// The sentence of the burst limit.
pub(crate) fn burst_spent() -> Refusal {
    Refusal::too_many("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.")
}

impl State {
    /// Counts a call, or refuses it.
    pub(crate) fn count_call(&mut self, caller: Caller, search: bool) -> Result<(), Refusal> {
        let (now, quota, limits_hold) = (self.now_ms, self.options.profile.quota, self.options.profile.limits);
        self.limits.turn(now, self.options.utc_offset_ms);
        let day_spent = self.limits.spent || (limits_hold && caller == Caller::Key && self.limits.day.1 >= self.options.daily_calls);
        if day_spent {
            return Err(Refusal::too_many("DAILY", "You have reached your daily limit."));
        }
        if search {
            if limits_hold && self.limits.searches.len() >= SEARCHES {
                return Err(Refusal::too_many("SECONDLY", "You have reached your secondly limit."));
            }
            self.limits.searches.push_back(now);
        } else {
            if quota > 0 && self.limits.burst.len() as u64 >= quota {
                return Err(burst_spent());
            }
            self.limits.burst.push_back(now);
        }
        self.limits.day.1 += 1;
        Ok(())
    }

    /// Uses the rest of the day up.
    pub(crate) fn exhaust(&mut self) {
        self.limits.turn(self.now_ms, self.options.utc_offset_ms);
        self.limits.spent = true;
    }

    /// Headers about limits; answers of search carry none.
    pub(crate) fn limit_headers(&self, caller: Option<Caller>) -> Vec<(&'static str, String)> {
        let quota = if self.options.profile.quota > 0 { self.options.profile.quota } else { UNLIMITED };
        let mut headers = vec![
            ("x-hubspot-ratelimit-interval-milliseconds", BURST_MS.to_string()),
            ("x-hubspot-ratelimit-max", quota.to_string()),
            ("x-hubspot-ratelimit-remaining", quota.saturating_sub(self.limits.burst.len() as u64).to_string()),
            ("x-hubspot-ratelimit-secondly", (quota / 10).to_string()),
            ("x-hubspot-ratelimit-secondly-remaining", (quota / 10).saturating_sub(1).to_string()),
        ];
        if caller == Some(Caller::Key) {
            let daily = self.options.daily_calls;
            let left = if self.limits.spent { 0 } else { daily.saturating_sub(self.limits.day.1) };
            headers.push(("x-hubspot-ratelimit-daily", daily.to_string()));
            headers.push(("x-hubspot-ratelimit-daily-remaining", left.to_string()));
        }
        headers
    }
}
