//! Limits: the company's tokens of a day, calls of a token in two seconds, and searches in two seconds.

use std::collections::VecDeque;

use http::Method;

use super::call::{Call, Version};
use super::moment::DAY_MS;
use super::refusal::Refusal;
use super::state::State;

/// Length of the burst window.
const WINDOW_MS: i64 = 2_000;
/// Searches in a window.
const SEARCHES: usize = 10;
/// Shown as the burst limit where there is none.
const UNLIMITED: u64 = 100_000;

/// Calls counted.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    calls: VecDeque<i64>,
    searches: VecDeque<i64>,
    /// Midnight at which the present day ends, and the tokens spent since the last.
    day: (i64, u64),
    /// Tokens spent since the company was made.
    pub(crate) spent: u64,
    exhausted: bool,
}

impl Limits {
    fn turn(&mut self, now_ms: i64) {
        for window in [&mut self.calls, &mut self.searches] {
            while window.front().is_some_and(|at| *at <= now_ms - WINDOW_MS) {
                window.pop_front();
            }
        }
        if now_ms >= self.day.0 {
            self.day = ((now_ms.div_euclid(DAY_MS) + 1) * DAY_MS, 0);
            self.exhausted = false;
        }
    }
}

/// Whether a call searches.
pub(crate) fn is_search(call: &Call) -> bool {
    call.path.first().is_some_and(|head| head == "itemSearch") || call.path.get(1).is_some_and(|tail| tail == "search")
}

/// What a call costs, by kind of endpoint and version.
pub(crate) fn cost(call: &Call) -> u64 {
    let new = call.version == Version::New;
    let head = call.path.first().map_or("", String::as_str);
    if is_search(call) {
        return if new { 20 } else { 40 };
    }
    let list = call.path.len() == 1 || matches!(call.path.get(1).map(String::as_str), Some("archived"));
    match (&call.method, list) {
        (&Method::GET, true) if new && call.path.len() == 2 => 20,
        (&Method::GET, true) if new && matches!(head, "pipelines" | "stages") => 5,
        (&Method::GET, true) => {
            if new {
                10
            } else {
                20
            }
        }
        (&Method::GET, false) => {
            if new {
                1
            } else {
                2
            }
        }
        (&Method::DELETE, _) => {
            if new {
                3
            } else {
                6
            }
        }
        _ => {
            if new {
                5
            } else {
                10
            }
        }
    }
}

impl State {
    /// Counts a call, or refuses it.
    pub(crate) fn count_call(&mut self, call: &Call) -> Result<(), Refusal> {
        let (now, quota, hold, cost, search) =
            (self.now_ms, self.options.profile.quota, self.options.profile.limits, cost(call), is_search(call));
        let daily = self.options.daily_tokens;
        self.limits.turn(now);
        let day_spent = self.limits.exhausted || (hold && self.limits.day.1 + cost > daily);
        if day_spent {
            self.limits.day.1 = daily.max(self.limits.day.1);
            return Err(Refusal::too_many());
        }
        if search && hold && self.limits.searches.len() >= SEARCHES {
            return Err(Refusal::too_many());
        }
        if !search && quota > 0 && self.limits.calls.len() as u64 >= quota {
            return Err(Refusal::too_many());
        }
        if search {
            self.limits.searches.push_back(now)
        } else {
            self.limits.calls.push_back(now)
        }
        self.limits.day.1 += cost;
        self.limits.spent += cost;
        Ok(())
    }

    /// Uses the rest of the day up.
    pub(crate) fn exhaust(&mut self) {
        self.limits.turn(self.now_ms);
        self.limits.exhausted = true;
    }

    /// Headers about limits. Those of the day may be missing.
    pub(crate) fn limit_headers(&self, search: bool) -> Vec<(&'static str, String)> {
        let quota = if self.options.profile.quota > 0 { self.options.profile.quota } else { UNLIMITED };
        let (limit, used) = if search { (SEARCHES as u64, self.limits.searches.len()) } else { (quota, self.limits.calls.len()) };
        let mut headers = vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", limit.saturating_sub(used as u64).to_string()),
            ("x-ratelimit-reset", "2".to_owned()),
        ];
        if self.options.says_daily {
            let daily = self.options.daily_tokens;
            let left = if self.limits.exhausted { 0 } else { daily.saturating_sub(self.limits.day.1) };
            headers.push(("x-daily-ratelimit-token-limit", daily.to_string()));
            headers.push(("x-daily-ratelimit-token-remaining", left.to_string()));
        }
        headers
    }
}
