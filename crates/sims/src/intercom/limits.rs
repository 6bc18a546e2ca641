//! The limit of ten seconds, and the headers that tell of it. A refusal carries no `Retry-After`.

use super::refusal::Refusal;
use super::state::State;

/// Length of a window.
const WINDOW_MS: i64 = 10_000;
/// Shown as the limit where there is none.
const UNLIMITED: u64 = 1_000_000;

/// Calls counted in a window.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    ends_ms: i64,
    used: u64,
    /// Whether a fault used the window up.
    spent: bool,
}

impl State {
    fn window(&mut self) {
        if self.now_ms >= self.limits.ends_ms {
            self.limits = Limits { ends_ms: (self.now_ms.div_euclid(WINDOW_MS) + 1) * WINDOW_MS, ..Limits::default() };
        }
    }

    fn limit(&self) -> u64 {
        if self.options.profile.quota > 0 { self.options.profile.quota } else { UNLIMITED }
    }

    /// Counts a call, or refuses it.
    pub(crate) fn count_call(&mut self) -> Result<(), Refusal> {
        self.window();
        if self.limits.spent || self.limits.used >= self.limit() {
            return Err(Refusal::rate(self.limit()));
        }
        self.limits.used += 1;
        Ok(())
    }

    /// Uses the rest of the window up.
    pub(crate) fn exhaust(&mut self) {
        self.window();
        self.limits.spent = true;
    }

    pub(crate) fn limit_headers(&self) -> Vec<(&'static str, String)> {
        let left = if self.limits.spent { 0 } else { self.limit().saturating_sub(self.limits.used) };
        vec![
            ("x-ratelimit-limit", self.limit().to_string()),
            ("x-ratelimit-remaining", left.to_string()),
            ("x-ratelimit-reset", self.limits.ends_ms.div_euclid(1000).to_string()),
        ]
    }
}
