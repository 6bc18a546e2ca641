//! Limits of a minute: credits of the account, and calls of four endpoints.

use std::collections::BTreeMap;

use http::Method;

use super::call::Call;
use super::refusal::Refusal;
use super::state::State;

/// Length of the window.
const MINUTE_MS: i64 = 60_000;
/// Shown as the limit where there is none.
const UNLIMITED: u64 = 1_000_000;

/// Plans by calls a minute: creations and updates of tickets, lists of tickets and contacts.
const PLANS: &[(u64, u64, u64)] = &[(200, 80, 20), (400, 160, 100), (700, 280, 200), (1000, 400, 300), (2000, 800, 400)];

/// Credits counted.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    ends_ms: i64,
    used: u64,
    /// Whether a fault used the minute up.
    spent: bool,
    by_endpoint: BTreeMap<&'static str, u64>,
    /// Credits of the present call.
    pub(crate) current: u64,
}

/// The endpoint whose calls are counted on their own.
fn endpoint(call: &Call) -> Option<&'static str> {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match (call.method.as_str(), path.as_slice()) {
        ("POST", ["tickets"]) => Some("create_ticket"),
        ("PUT", ["tickets", _]) => Some("update_ticket"),
        ("GET", ["tickets"]) => Some("list_tickets"),
        ("GET", ["contacts"]) => Some("list_contacts"),
        _ => None,
    }
}

/// What a call costs: one, and more for what comes embedded.
fn credits(call: &Call) -> u64 {
    if call.method != Method::GET {
        return 1;
    }
    let embedded = call.includes().len() as u64;
    let list = call.path.len() == 1;
    1 + embedded * if list { 2 } else { 1 }
}

impl State {
    /// Counts a call, refused ones too, or refuses it.
    pub(crate) fn count_call(&mut self, call: &Call) -> Result<(), Refusal> {
        let (now, quota, hold) = (self.now_ms, self.options.profile.quota, self.options.profile.limits);
        if now >= self.limits.ends_ms {
            self.limits = Limits { ends_ms: now + MINUTE_MS, ..Limits::default() };
        }
        let cost = credits(call);
        self.limits.current = cost;
        let wait = u64::try_from((self.limits.ends_ms - now + 999) / 1000).unwrap_or(1);
        if self.limits.spent || (quota > 0 && self.limits.used + cost > quota) {
            return Err(Refusal::too_many(wait));
        }
        self.limits.used += cost;
        if let Some(name) = endpoint(call) {
            let made = self.limits.by_endpoint.entry(name).or_default();
            *made += 1;
            let plan = PLANS.iter().find(|(total, ..)| *total == quota).filter(|_| hold);
            let most = plan.map(|(_, writes, lists)| if name.starts_with("list") { *lists } else { *writes });
            if most.is_some_and(|most| *made > most) {
                return Err(Refusal::too_many(wait));
            }
        }
        Ok(())
    }

    /// Uses the rest of the minute up.
    pub(crate) fn exhaust(&mut self) {
        self.limits = Limits { ends_ms: self.now_ms + MINUTE_MS, spent: true, ..Limits::default() };
    }

    pub(crate) fn limit_headers(&self) -> Vec<(&'static str, String)> {
        let quota = if self.options.profile.quota > 0 { self.options.profile.quota } else { UNLIMITED };
        vec![
            ("x-ratelimit-total", quota.to_string()),
            ("x-ratelimit-remaining", if self.limits.spent { 0 } else { quota.saturating_sub(self.limits.used) }.to_string()),
            ("x-ratelimit-used-currentrequest", self.limits.current.max(1).to_string()),
        ]
    }
}
