//! Pressure of one connection: how many rows a write call carries, and whether the connection is paused.
//!
//! A connection rests for two reasons. What only a person can mend rests at the first refusal. A platform that fails call after call, or in
//! too large a share of the latest calls, breaks the circuit: it is left alone, tried with one call after a while, and used again as soon as
//! one goes through.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use entente_connect::error::{Class, VendorError};
use entente_connect::spec::Spec;
use entente_model::clock::Timestamp;

use crate::options::Options;

/// Calls without trouble after which the batch grows.
const CALM_CALLS: u32 = 10;

/// How long a connection rests that only a person can mend, before it is tried again, in milliseconds.
pub const PAUSE_MS: i64 = 5 * 60 * 1000;

/// How long the others wait for the answer of the one call that shows whether a rest is over, in milliseconds.
pub(super) const PROBE_MS: i64 = 10_000;

/// How long the first rest of a broken circuit is, in milliseconds: an outage is longer, a hiccup is over. Each failed probe doubles it.
pub const BREAK_MS: i64 = 30_000;

/// How long a rest of a broken circuit is at most, in milliseconds: as long as a person's mending is waited for.
const BREAK_MS_MAX: i64 = PAUSE_MS;

/// Latest calls of which the share of failures is taken.
const SHARE_CALLS: usize = 40;

/// Calls below which a share means nothing.
const SHARE_CALLS_MIN: usize = 20;

/// Batch size and pause. Shared by all workers of the process.
pub struct Pressure(Mutex<State>);

struct State {
    batch: usize,
    calm: usize,
    floor: usize,
    ceiling: usize,
    quiet_calls: u32,
    trouble: Option<Trouble>,
    /// Failures one after the other that break the circuit.
    streak_max: u32,
    /// Share of failures that breaks it, in percent.
    share_max: usize,
    streak: u32,
    /// Of the latest calls, whether each failed.
    latest: VecDeque<bool>,
    /// Probes of the present rest that failed.
    probes_failed: u32,
    /// Whether it has answered since it last rested, or since start.
    answers: bool,
    /// When it last began or ended to rest, here or at another process, as far as others have heard of it.
    turned: Option<Timestamp>,
    /// What they heard.
    heard: Option<Trouble>,
}

impl State {
    /// Takes in how a call ended. Answers whether the circuit breaks.
    fn note_call(&mut self, failed: bool) -> bool {
        self.streak = if failed { self.streak + 1 } else { 0 };
        self.latest.push_back(failed);
        if self.latest.len() > SHARE_CALLS {
            self.latest.pop_front();
        }
        let failures = self.latest.iter().filter(|failed| **failed).count();
        let share = self.latest.len() >= SHARE_CALLS_MIN && failures * 100 >= self.latest.len() * self.share_max;
        failed && (self.streak >= self.streak_max || share)
    }

    fn break_circuit(&mut self, error: &VendorError, now: Timestamp) {
        let wait = BREAK_MS.saturating_mul(1 << self.probes_failed.min(8)).min(BREAK_MS_MAX);
        self.trouble = Some(Trouble { error: error.clone(), until: after(now, wait) });
        self.streak = 0;
        self.latest.clear();
        self.answers = false;
    }

    fn rests(&self, now: Timestamp) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.until > now)
    }
}

/// Why a connection rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The vendor's refusal.
    pub error: VendorError,
    /// When it is tried again.
    pub until: Timestamp,
}

impl Trouble {
    /// Whether the platform itself fails, so that it heals without anybody here.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.error.class == Class::Retry
    }

    /// What a call is answered that is not made. A broken circuit costs nobody an attempt.
    fn refusal(&self) -> VendorError {
        if !self.is_outage() {
            return self.error.clone();
        }
        VendorError { class: Class::Wait { until: self.until }, ..self.error.clone() }
    }
}

/// Whether a call may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may.
    Go,
    /// It may, alone, and its answer is to be told to [`Pressure::probed`].
    Probe,
    /// It may not: the connection rests for this reason.
    Rest(Box<VendorError>),
}

pub(super) fn after(now: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond() + ms).unwrap_or(now)
}

impl Pressure {
    /// Calm, at the configured batch size.
    #[must_use]
    pub fn new(options: &Options, spec: &Spec) -> Self {
        let ceiling = spec.write_max;
        let calm = options.write_batch.min(ceiling);
        let floor = options.write_batch_under_pressure.min(calm);
        Self(Mutex::new(State {
            batch: calm,
            calm,
            floor,
            ceiling,
            quiet_calls: 0,
            trouble: None,
            streak_max: options.breaker_failures.max(1),
            share_max: usize::try_from(options.breaker_failure_percent.clamp(1, 100)).unwrap_or(100),
            streak: 0,
            latest: VecDeque::new(),
            probes_failed: 0,
            answers: false,
            turned: None,
            heard: None,
        }))
    }

    /// Why the connection rests, or that it does so no more, if other processes have not heard of it; as of `now`.
    pub(crate) fn news(&self, now: Timestamp) -> Option<(Timestamp, Option<Trouble>)> {
        let mut state = self.state();
        // Who lets one call through after a rest has not found out anything yet.
        let same = |one: &Trouble, other: &Trouble| one.error == other.error && one.until <= other.until;
        let told = match (&state.trouble, &state.heard) {
            (None, None) => true,
            (Some(trouble), Some(heard)) => same(trouble, heard) || trouble.until <= now,
            _ => false,
        };
        if told {
            return None;
        }
        state.turned = Some(now);
        Some((now, state.trouble.clone()))
    }

    /// Others have heard of it.
    pub(crate) fn told(&self, at: Timestamp, trouble: Option<Trouble>) {
        let mut state = self.state();
        state.turned = Some(at);
        state.heard = trouble;
    }

    /// Takes over what another process has found out later than what is known here.
    pub(crate) fn take_over(&self, at: Timestamp, trouble: Option<Trouble>) {
        let mut state = self.state();
        if state.turned.is_some_and(|known| known >= at) {
            return;
        }
        state.turned = Some(at);
        state.answers = trouble.is_none();
        if trouble.is_none() {
            state.probes_failed = 0;
        }
        state.heard.clone_from(&trouble);
        state.trouble = trouble;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is known to answer: a call has gone through since it last rested, or since this process started.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.state().answers
    }

    /// How many calls failed one after the other, up to now.
    #[must_use]
    pub fn failing_in_a_row(&self) -> u32 {
        self.state().streak
    }

    /// Rows that the next write call may carry.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.state().batch
    }

    /// Whether batches are smaller than in calm times.
    #[must_use]
    pub fn presses(&self) -> bool {
        let state = self.state();
        state.batch < state.calm
    }

    /// Notes a call that went through: after some of them the batch grows, up to the vendor's maximum.
    pub fn calm(&self) {
        let mut state = self.state();
        // While the circuit is broken, this was a call in flight: only a probe mends it.
        if state.trouble.as_ref().is_some_and(Trouble::is_outage) {
            return;
        }
        state.trouble = None;
        state.answers = true;
        state.note_call(false);
        state.quiet_calls += 1;
        if state.quiet_calls >= CALM_CALLS {
            state.quiet_calls = 0;
            state.batch = if state.batch < state.calm { state.calm } else { (state.batch * 2).min(state.ceiling) };
        }
    }

    /// Notes a failed call. Pace and silence shrink the batch; what only a person can mend pauses the connection.
    pub fn trouble(&self, error: &VendorError, now: Timestamp) {
        let mut state = self.state();
        state.quiet_calls = 0;
        match error.class {
            Class::Wait { .. } => state.batch = state.floor,
            Class::Retry => {
                state.batch = state.floor;
                if !state.rests(now) && state.note_call(true) {
                    state.break_circuit(error, now);
                }
            }
            // While it rests already, this is the same refusal again, or one of a call that was in flight: the rest is not prolonged.
            Class::Reauthenticate | Class::Configuration if state.rests(now) => {}
            Class::Reauthenticate | Class::Configuration => {
                state.trouble = Some(Trouble { error: error.clone(), until: after(now, PAUSE_MS) });
                state.answers = false;
            }
            Class::LookAgain | Class::Data => {}
        }
    }

    /// Takes in that the vendor has said by itself that it refuses us from now on, whatever was wrong before.
    pub(crate) fn shut(&self, error: &VendorError, now: Timestamp) {
        let mut state = self.state();
        // Said again, it is no other refusal: the rest is not prolonged.
        if state.rests(now) && state.trouble.as_ref().is_some_and(|trouble| trouble.error == *error) {
            return;
        }
        state.trouble = Some(Trouble { error: error.clone(), until: after(now, PAUSE_MS) });
        state.answers = false;
        state.quiet_calls = 0;
    }

    /// Whether a call may be made now. Of those that ask first after a rest, one may; the others rest until its answer is there.
    pub(crate) fn admit(&self, now: Timestamp) -> Admission {
        let mut state = self.state();
        match &mut state.trouble {
            None => Admission::Go,
            Some(trouble) if trouble.until > now => Admission::Rest(Box::new(trouble.refusal())),
            Some(trouble) => {
                trouble.until = after(now, PROBE_MS);
                Admission::Probe
            }
        }
    }

    /// Takes in how the call ended that was let through after a rest.
    pub(crate) fn probed(&self, error: Option<&VendorError>, now: Timestamp) {
        let mut state = self.state();
        match error {
            None => {
                state.trouble = None;
                state.answers = true;
                state.probes_failed = 0;
            }
            Some(error) if error.class == Class::Retry && state.trouble.as_ref().is_some_and(Trouble::is_outage) => {
                state.probes_failed += 1;
                state.break_circuit(error, now);
            }
            Some(error) if matches!(error.class, Class::Reauthenticate | Class::Configuration) => {
                state.trouble = Some(Trouble { error: error.clone(), until: after(now, PAUSE_MS) });
            }
            // It answers again, whatever it thinks of the row.
            Some(error)
                if matches!(error.class, Class::Data | Class::LookAgain) && state.trouble.as_ref().is_some_and(Trouble::is_outage) =>
            {
                state.trouble = None;
                state.answers = true;
                state.probes_failed = 0;
            }
            // Neither mended nor refused: the next call after the short rest shows it.
            Some(_) => {}
        }
    }

    /// Why the connection rests, if it does at `now`.
    #[must_use]
    pub fn paused(&self, now: Timestamp) -> Option<Trouble> {
        self.state().trouble.clone().filter(|trouble| trouble.until > now)
    }

    /// The last trouble that nothing has cleared yet, whether or not the rest is over.
    #[must_use]
    pub fn last_trouble(&self) -> Option<Trouble> {
        self.state().trouble.clone()
    }
}

#[cfg(test)]
mod tests {
    use entente_model::mapping::Role;

    use super::*;

    static SPEC: Spec = Spec {
        key: "desk",
        label: "Desk",
        role: Role::Support,
        write_max: 100,
        fetch_max: 100,
        concurrency: 2,
        timeout: std::time::Duration::from_secs(30),
        overlap: std::time::Duration::ZERO,
        shares_calls: false,
        renews_access: true,
        objects: &[],
        limits: &[],
    };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    fn refusal(code: &str) -> VendorError {
        VendorError::new(Class::Reauthenticate, code, "no", "sign in again")
    }

    #[test]
    fn a_connection_rests_once_and_is_tried_with_one_call() {
        let pressure = Pressure::new(&Options::default(), &SPEC);
        assert_eq!(pressure.admit(at(0)), Admission::Go);
        pressure.trouble(&refusal("first"), at(0));
        pressure.trouble(&refusal("in flight"), at(1_000));
        assert_eq!(pressure.paused(at(1_000)).unwrap().until, at(PAUSE_MS), "the rest is not prolonged by what was in flight");
        assert_eq!(pressure.admit(at(PAUSE_MS - 1)), Admission::Rest(Box::new(refusal("first"))));

        assert_eq!(pressure.admit(at(PAUSE_MS)), Admission::Probe);
        assert!(matches!(pressure.admit(at(PAUSE_MS)), Admission::Rest(_)), "the others wait for its answer");
        pressure.probed(Some(&refusal("again")), at(PAUSE_MS + 100));
        assert_eq!(pressure.paused(at(PAUSE_MS + 100)).unwrap().until, at(2 * PAUSE_MS + 100));

        assert_eq!(pressure.admit(at(3 * PAUSE_MS)), Admission::Probe);
        pressure.probed(None, at(3 * PAUSE_MS));
        assert_eq!(pressure.admit(at(3 * PAUSE_MS)), Admission::Go);
    }

    fn outage(code: &str) -> VendorError {
        VendorError::new(Class::Retry, code, "bad gateway", "wait")
    }

    #[test]
    fn a_platform_that_fails_call_after_call_is_left_alone_and_probed() {
        let pressure = Pressure::new(&Options { breaker_failures: 3, ..Options::default() }, &SPEC);
        pressure.trouble(&outage("1"), at(0));
        pressure.trouble(&outage("2"), at(1));
        pressure.calm();
        pressure.trouble(&outage("3"), at(2));
        pressure.trouble(&outage("4"), at(3));
        assert_eq!(pressure.admit(at(3)), Admission::Go, "one that went through in between begins the count anew");
        pressure.trouble(&outage("5"), at(4));
        let until = at(4 + BREAK_MS);
        let Admission::Rest(refusal) = pressure.admit(at(5)) else { panic!("it is not left alone") };
        assert_eq!((refusal.class, refusal.code.as_str()), (Class::Wait { until }, "5"), "no attempt is spent on it");
        pressure.trouble(&outage("in flight"), at(6));
        assert_eq!(pressure.paused(at(7)).unwrap().until, until);

        // The probe fails: the next rest is twice as long, and so on up to a limit.
        let mut now = 4 + BREAK_MS;
        for wait in [2, 4, 8, 10, 10] {
            assert_eq!(pressure.admit(at(now)), Admission::Probe);
            assert!(matches!(pressure.admit(at(now)), Admission::Rest(_)), "one call alone");
            pressure.probed(Some(&outage("still")), at(now));
            assert_eq!(pressure.paused(at(now)).unwrap().until, at(now + wait * BREAK_MS));
            now += wait * BREAK_MS;
        }
        assert_eq!(pressure.admit(at(now)), Admission::Probe);
        pressure.probed(None, at(now));
        assert_eq!(pressure.admit(at(now)), Admission::Go);
        assert_eq!(pressure.last_trouble(), None);
    }

    #[test]
    fn a_platform_that_fails_too_often_is_left_alone_though_some_calls_go_through() {
        let pressure = Pressure::new(&Options { breaker_failures: 100, breaker_failure_percent: 50, ..Options::default() }, &SPEC);
        for call in 0..SHARE_CALLS {
            if call % 3 == 0 { pressure.trouble(&outage("x"), at(0)) } else { pressure.calm() }
        }
        assert_eq!(pressure.admit(at(0)), Admission::Go, "a third is not half");
        for _ in 0..SHARE_CALLS / 2 {
            pressure.trouble(&outage("y"), at(0));
            pressure.calm();
        }
        pressure.trouble(&outage("z"), at(0));
        assert!(matches!(pressure.admit(at(0)), Admission::Rest(_)));
    }

    #[test]
    fn what_the_vendor_says_by_itself_counts_once_and_more_than_an_outage() {
        let pressure = Pressure::new(&Options { breaker_failures: 1, ..Options::default() }, &SPEC);
        pressure.trouble(&outage("down"), at(0));
        pressure.shut(&refusal("app_removed"), at(1_000));
        pressure.shut(&refusal("app_removed"), at(2_000));
        let until = at(1_000 + PAUSE_MS);
        assert_eq!(pressure.paused(at(2_000)), Some(Trouble { error: refusal("app_removed"), until }), "the rest is not prolonged");
        assert_eq!(pressure.admit(until), Admission::Probe, "whether it is so is asked with one call");
        pressure.probed(None, until);
        assert_eq!(pressure.last_trouble(), None);
    }

    #[test]
    fn waiting_for_a_quota_breaks_nothing() {
        let pressure = Pressure::new(&Options { breaker_failures: 2, ..Options::default() }, &SPEC);
        for _ in 0..50 {
            pressure.trouble(&VendorError::new(Class::Wait { until: at(5) }, "budget", "later", "wait"), at(0));
        }
        assert_eq!(pressure.admit(at(0)), Admission::Go);
    }
}
