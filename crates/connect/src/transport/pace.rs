//! The live budgets of one connection: what the vendor still allows, and who may use it.
//!
//! Windows start from what the platform documents and follow what its headers say. Where a budget is short, the less urgent
//! priorities stop first, so that a backfill never takes the call a new customer needs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use entente_model::clock::Timestamp;

use super::dialect::Block;
use crate::connector::{Budget, Priority};

/// Percent of a short window that each priority may use up, Urgent to Backfill.
const SHARES_SHORT: [u64; 4] = [100, 95, 85, 70];

/// The same for windows beyond [`SHORT`]: a day's last tenth is far more calls than a minute's last third.
const SHARES_LONG: [u64; 4] = [100, 98, 95, 90];

/// Longest window that counts as short.
const SHORT: Duration = Duration::from_secs(3_600);

/// How long a reading of a rolling window is believed. Afterwards one may ask again: a rolling window never says when it frees up.
const ROLLING_BELIEF: Duration = Duration::from_secs(900);

/// Hours in which our own daily spending is counted.
const HOURS: usize = 24;

/// One hour.
const HOUR_S: i64 = 3_600;

/// A budget as the platform documents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetRule {
    /// Name; `None` is the connection's own budget, that every call draws on.
    pub bucket: Option<&'static str>,
    /// Calls per window, before the vendor's headers say better; `None` when only they know.
    pub limit: Option<u64>,
    /// Length of the window.
    pub window: Duration,
    /// Whether the window rolls (each call frees up one window later) rather than starting anew at once.
    pub rolling: bool,
    /// Whether priorities keep a reserve in it. Pointless for budgets that one priority uses alone.
    pub reserve: bool,
}

/// What an answer's headers say about one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Name; `None` is the connection's own.
    pub bucket: Option<&'static str>,
    /// Calls per window.
    pub limit: Option<u64>,
    /// Calls left.
    pub remaining: Option<u64>,
    /// Time until the window starts anew, if the vendor says.
    pub resets_in: Option<Duration>,
}

#[derive(Debug)]
struct Window {
    rule: BudgetRule,
    limit: Option<u64>,
    left: u64,
    ends: Option<Timestamp>,
    blocked_until: Option<Timestamp>,
}

#[derive(Debug)]
struct State {
    windows: BTreeMap<Option<&'static str>, Window>,
    /// Our calls by hour since 1970, for the cap of `daily_calls`.
    spent: BTreeMap<i64, u64>,
}

/// The budgets of one connection.
#[derive(Debug)]
pub struct Pace {
    daily: Option<u64>,
    state: Mutex<State>,
}

fn after(now: Timestamp, pause: Duration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

impl Window {
    fn new(rule: BudgetRule) -> Self {
        Self { rule, limit: rule.limit, left: rule.limit.unwrap_or(0), ends: None, blocked_until: None }
    }

    fn turn(&mut self, now: Timestamp) {
        if self.blocked_until.is_some_and(|until| until <= now) {
            self.blocked_until = None;
        }
        if self.ends.is_none_or(|ends| ends <= now) {
            self.left = self.limit.unwrap_or(0);
            self.ends = None;
        }
    }

    /// When `priority` may call, if not now.
    fn refuses(&self, priority: Priority) -> Option<Timestamp> {
        self.refuses_after(0, priority)
    }

    /// The same for a call that `others` are to leave before.
    fn refuses_after(&self, others: u64, priority: Priority) -> Option<Timestamp> {
        if let Some(until) = self.blocked_until {
            return Some(until);
        }
        let limit = self.limit?;
        let shares = if self.rule.window <= SHORT { SHARES_SHORT } else { SHARES_LONG };
        let share = if self.rule.reserve { shares[priority as usize] } else { 100 };
        // Rounded up, so that a budget of one or two calls is not reserved away from everyone.
        let usable = (limit * share).div_ceil(100);
        let used = limit.saturating_sub(self.left).saturating_add(others);
        if used < usable { None } else { self.ends }
    }

    fn take(&mut self, now: Timestamp) {
        if self.limit.is_none() {
            return;
        }
        let length = if self.rule.rolling { ROLLING_BELIEF } else { self.rule.window };
        self.ends.get_or_insert_with(|| after(now, length));
        self.left = self.left.saturating_sub(1);
    }

    fn read(&mut self, reading: &Reading, now: Timestamp) {
        self.turn(now);
        if let Some(limit) = reading.limit {
            if self.limit.is_none() {
                self.left = limit;
            }
            self.limit = Some(limit);
            self.left = self.left.min(limit);
        }
        let Some(remaining) = reading.remaining else { return };
        if self.limit.is_none() {
            return;
        }
        if self.rule.rolling {
            self.left = remaining;
            self.ends = Some(after(now, ROLLING_BELIEF));
            return;
        }
        let named_end = reading.resets_in.map(|pause| after(now, pause));
        let same_window = match (self.ends, named_end) {
            // Answers overtake each other and resets are given in whole seconds: within one window the lower number is the newer.
            (Some(known), Some(named)) => named.as_second() <= known.as_second() + 1,
            (Some(_), None) => true,
            (None, _) => false,
        };
        self.left = if same_window { self.left.min(remaining) } else { remaining };
        self.ends = Some(named_end.or(self.ends).unwrap_or_else(|| after(now, self.rule.window)));
    }
}

impl Pace {
    /// Budgets that start from `rules`, and at most `daily` calls of ours in any 24 hours.
    #[must_use]
    pub fn new(rules: Vec<BudgetRule>, daily: Option<u64>) -> Self {
        let windows = rules.into_iter().map(|rule| (rule.bucket, Window::new(rule))).collect();
        Self { daily, state: Mutex::new(State { windows, spent: BTreeMap::new() }) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one call out of the connection's budget and of `bucket`'s.
    ///
    /// # Errors
    /// The instant at which this priority may try again, if it may not call now. Nothing is taken then.
    pub fn acquire(&self, priority: Priority, bucket: Option<&'static str>, now: Timestamp) -> Result<(), Timestamp> {
        let mut state = self.state();
        let mut keys = vec![None];
        keys.extend(bucket.map(Some));
        let mut until: Option<Timestamp> = self.daily.and_then(|cap| state.over_cap(cap, priority, now));
        for key in &keys {
            if let Some(window) = state.windows.get_mut(key) {
                window.turn(now);
                until = until.max(window.refuses(priority));
            }
        }
        if let Some(until) = until {
            return Err(until);
        }
        for key in &keys {
            if let Some(window) = state.windows.get_mut(key) {
                window.take(now);
            }
        }
        if self.daily.is_some() {
            *state.spent.entry(now.as_second().div_euclid(HOUR_S)).or_default() += 1;
        }
        Ok(())
    }

    /// Whether a call of this priority could leave at once, and `besides` others after it. Nothing is taken.
    #[must_use]
    pub fn has_room(&self, priority: Priority, bucket: Option<&'static str>, besides: u64, now: Timestamp) -> bool {
        let mut state = self.state();
        state.windows.get_mut(&bucket).is_none_or(|window| {
            window.turn(now);
            window.refuses_after(besides, priority).is_none()
        })
    }

    /// Learns from an answer's headers. Budgets that no rule names are added as non-rolling windows without a reserve.
    pub fn learn(&self, readings: &[Reading], now: Timestamp) {
        let mut state = self.state();
        for reading in readings {
            let rule = BudgetRule {
                bucket: reading.bucket,
                limit: None,
                window: reading.resets_in.unwrap_or(Duration::from_secs(60)),
                rolling: false,
                reserve: reading.bucket.is_none(),
            };
            state.windows.entry(reading.bucket).or_insert_with(|| Window::new(rule)).read(reading, now);
        }
    }

    /// Stops calls until the instant the vendor named.
    pub fn block(&self, block: Block) {
        let mut state = self.state();
        let rule = BudgetRule { bucket: block.bucket, limit: None, window: Duration::from_secs(60), rolling: false, reserve: false };
        let window = state.windows.entry(block.bucket).or_insert_with(|| Window::new(rule));
        window.blocked_until = window.blocked_until.max(Some(block.until));
    }

    /// What is left of the connection's own budget.
    #[must_use]
    pub fn budget(&self, now: Timestamp) -> Budget {
        let mut state = self.state();
        let blocked_by_cap = self.daily.and_then(|cap| state.over_cap(cap, Priority::Urgent, now));
        let Some(window) = state.windows.get_mut(&None) else {
            return Budget { limit: self.daily, remaining: None, window: None, blocked_until: blocked_by_cap };
        };
        window.turn(now);
        Budget {
            limit: window.limit,
            remaining: window.limit.map(|_| window.left),
            window: Some(window.rule.window),
            blocked_until: window.refuses(Priority::Urgent).max(blocked_by_cap),
        }
    }
}

impl State {
    /// When our own cap lets `priority` call again, if not now: at the start of the next hour, when the oldest one is forgotten.
    /// Spending is kept in memory; a restart forgets it, and the vendor's own count stands in.
    fn over_cap(&mut self, cap: u64, priority: Priority, now: Timestamp) -> Option<Timestamp> {
        let hour = now.as_second().div_euclid(HOUR_S);
        let oldest = hour - HOURS as i64;
        self.spent.retain(|at, _| *at > oldest);
        let usable = (cap * SHARES_LONG[priority as usize]).div_ceil(100);
        let spent: u64 = self.spent.values().sum();
        (spent >= usable).then(|| Timestamp::from_second((hour + 1) * HOUR_S).unwrap_or(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("timestamp")
    }

    fn minute(limit: u64) -> Pace {
        Pace::new(vec![BudgetRule { bucket: None, limit: Some(limit), window: MINUTE, rolling: false, reserve: true }], None)
    }

    fn spend(pace: &Pace, priority: Priority, second: i64) -> u64 {
        let mut calls = 0;
        while pace.acquire(priority, None, at(second)).is_ok() {
            calls += 1;
        }
        calls
    }

    #[test]
    fn a_backfill_leaves_room_for_new_customers() {
        let pace = minute(100);
        assert_eq!(spend(&pace, Priority::Backfill, 0), 70);
        assert_eq!(spend(&pace, Priority::Activity, 1), 15);
        assert_eq!(spend(&pace, Priority::Update, 2), 10);
        assert_eq!(spend(&pace, Priority::Urgent, 3), 5);
        assert_eq!(pace.acquire(Priority::Urgent, None, at(4)), Err(at(60)), "the window began with the first call");
        assert_eq!(spend(&pace, Priority::Backfill, 60), 70, "and starts anew");
    }

    #[test]
    fn the_vendors_headers_are_believed() {
        let pace = minute(700);
        let reading = Reading { bucket: None, limit: Some(200), remaining: Some(2), resets_in: Some(Duration::from_secs(20)) };
        pace.learn(&[reading], at(0));
        assert_eq!(spend(&pace, Priority::Backfill, 0), 0);
        assert_eq!(spend(&pace, Priority::Urgent, 0), 2);
        pace.learn(&[Reading { remaining: Some(50), ..reading }], at(0));
        assert_eq!(spend(&pace, Priority::Urgent, 1), 0, "an answer that was overtaken does not refill the window");
        assert_eq!(pace.budget(at(1)).blocked_until, Some(at(20)));
        assert_eq!(spend(&pace, Priority::Urgent, 20), 200);
    }

    #[test]
    fn a_named_bucket_stops_only_its_own_calls() {
        let bucket = BudgetRule { bucket: Some("export"), limit: Some(10), window: MINUTE, rolling: false, reserve: false };
        let pace = Pace::new(vec![bucket], None);
        for _ in 0..10 {
            assert_eq!(pace.acquire(Priority::Backfill, Some("export"), at(0)), Ok(()));
        }
        assert_eq!(pace.acquire(Priority::Backfill, Some("export"), at(5)), Err(at(60)));
        assert_eq!(pace.acquire(Priority::Backfill, Some("search"), at(5)), Ok(()));
    }

    #[test]
    fn a_refusal_for_pace_holds_everyone_back_until_it_ends() {
        let pace = minute(100);
        pace.block(Block { bucket: None, until: at(30) });
        assert_eq!(pace.acquire(Priority::Urgent, None, at(29)), Err(at(30)));
        assert_eq!(pace.acquire(Priority::Backfill, None, at(30)), Ok(()));
    }

    #[test]
    fn a_rolling_day_is_asked_again_after_a_while() {
        let day = BudgetRule { bucket: None, limit: None, window: Duration::from_secs(86_400), rolling: true, reserve: true };
        let pace = Pace::new(vec![day], None);
        assert_eq!(pace.acquire(Priority::Backfill, None, at(0)), Ok(()), "nothing is known yet");
        pace.learn(&[Reading { bucket: None, limit: Some(1_000), remaining: Some(40), resets_in: None }], at(0));
        assert_eq!(pace.acquire(Priority::Backfill, None, at(1)), Err(at(900)), "the last tenth is not for backfill");
        assert_eq!(pace.acquire(Priority::Urgent, None, at(1)), Ok(()));
        assert_eq!(pace.acquire(Priority::Backfill, None, at(900)), Ok(()));
    }

    #[test]
    fn our_own_daily_cap_frees_up_hour_by_hour() {
        let pace = Pace::new(Vec::new(), Some(10));
        assert_eq!(spend(&pace, Priority::Urgent, 0), 10);
        let retry = pace.acquire(Priority::Urgent, None, at(1)).expect_err("spent");
        assert!(retry > at(1) && retry <= at(3_600), "{retry}");
        assert!(pace.acquire(Priority::Urgent, None, at(23 * 3_600)).is_err());
        assert_eq!(pace.acquire(Priority::Urgent, None, at(24 * 3_600)), Ok(()));
    }
}
