//! Service protection: requests and execution time of one user in five minutes.

use std::collections::VecDeque;

use super::refusal::Refusal;
use super::state::State;

/// Length of the window.
const WINDOW_MS: i64 = 300_000;
/// Milliseconds of execution that fit into it.
const EXECUTION_MS: i64 = 1_200_000;
/// Milliseconds that one operation takes on the server.
const OPERATION_MS: i64 = 40;
/// What a row takes that a bulk message changes, and an operation of a batch, as a multiple of one that a bulk message makes: in Microsoft's sample
/// of bulk operations a hundred rows are made in 1 s and changed in 3 s, and 2,000 are made one by one in 58 s.
const MULTIPLE: u64 = 3;
/// Seconds that a call has to wait that came while too many ran.
const CONCURRENT_S: i64 = 5;
/// Shown as the limit where there is none.
const UNLIMITED: u64 = 6_000;

/// Calls counted.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    calls: VecDeque<(i64, i64)>,
    executed_ms: i64,
    /// Calls refused since the last one that went through: pushing on makes the wait longer.
    pushed: i64,
    exhausted_until_ms: i64,
}

impl Limits {
    fn turn(&mut self, now_ms: i64) {
        while self.calls.front().is_some_and(|(at, _)| *at <= now_ms - WINDOW_MS) {
            self.executed_ms -= self.calls.pop_front().map_or(0, |(_, ms)| ms);
        }
    }

    /// Seconds until the oldest call leaves the window.
    fn after_s(&self, now_ms: i64) -> i64 {
        let oldest = self.calls.front().map_or(now_ms, |(at, _)| *at);
        (oldest + WINDOW_MS - now_ms).div_euclid(1000) + self.pushed
    }
}

/// The refusal of a call that came while too many ran.
pub(crate) fn too_many_at_once() -> Refusal {
    Refusal::slow_down("0x80072326", "Number of concurrent requests exceeded the limit of 52.", CONCURRENT_S)
}

impl State {
    /// Counts a call of so many operations, or refuses it.
    pub(crate) fn count_call(&mut self, operations: usize) -> Result<(), Refusal> {
        let (now, quota, hold) = (self.now_ms, self.options.profile.quota, self.options.profile.limits);
        self.limits.turn(now);
        let requests = || {
            format!(
                "Number of requests exceeded the limit of {} over time window of 300 seconds.",
                if quota > 0 { quota } else { UNLIMITED }
            )
        };
        if self.limits.exhausted_until_ms > now {
            let after = (self.limits.exhausted_until_ms - now) / 1000;
            return Err(Refusal::slow_down("0x80072322", requests(), after));
        }
        if quota > 0 && self.limits.calls.len() as u64 >= quota {
            let after = self.limits.after_s(now);
            self.limits.pushed += 1;
            return Err(Refusal::slow_down("0x80072322", requests(), after));
        }
        if hold && self.limits.executed_ms >= EXECUTION_MS {
            let after = self.limits.after_s(now);
            self.limits.pushed += 1;
            let told = "Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds over time window of 300 seconds. Decrease number of concurrent requests or reduce the duration of requests and try again later.";
            return Err(Refusal::slow_down("0x80072321", told, after));
        }
        let ms = OPERATION_MS * i64::try_from(operations.max(1)).unwrap_or(1);
        self.limits.calls.push_back((now, ms));
        self.limits.executed_ms += ms;
        self.limits.pushed = 0;
        Ok(())
    }

    /// Milliseconds that a call of so many operations takes beyond the time of a call.
    pub(crate) fn lasts(&self, path: &[String], operations: usize) -> u64 {
        let row = self.options.profile.row_ms;
        let each = match path.last().map(|last| last.rsplit('.').next().unwrap_or_default()) {
            Some("CreateMultiple") => row,
            Some("UpdateMultiple" | "UpsertMultiple" | "$batch") => row * MULTIPLE,
            _ => return 0,
        };
        each * operations as u64
    }

    /// Uses the rest of the window up.
    pub(crate) fn exhaust(&mut self) {
        self.limits.exhausted_until_ms = self.now_ms + WINDOW_MS;
    }

    /// Headers about limits.
    pub(crate) fn limit_headers(&self) -> Vec<(&'static str, String)> {
        let quota = if self.options.profile.quota > 0 { self.options.profile.quota } else { UNLIMITED };
        let left = if self.limits.exhausted_until_ms > self.now_ms { 0 } else { quota.saturating_sub(self.limits.calls.len() as u64) };
        let seconds = (EXECUTION_MS - self.limits.executed_ms).max(0) / 1000;
        vec![
            ("x-ms-ratelimit-burst-remaining-xrm-requests", left.to_string()),
            ("x-ms-ratelimit-time-remaining-xrm-requests", format!("{seconds},{:03}", 0)),
        ]
    }
}
