//! Pressure of one connection: how many rows a write call carries, and whether the connection is paused.

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
const PROBE_MS: i64 = 10_000;

/// Batch size and pause. Shared by all workers of the process.
pub struct Pressure(Mutex<State>);

struct State {
    batch: usize,
    calm: usize,
    floor: usize,
    ceiling: usize,
    quiet_calls: u32,
    trouble: Option<Trouble>,
}

impl State {
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

fn after(now: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond() + ms).unwrap_or(now)
}

impl Pressure {
    /// Calm, at the configured batch size.
    #[must_use]
    pub fn new(options: &Options, spec: &Spec) -> Self {
        let ceiling = spec.write_max;
        let calm = options.write_batch.min(ceiling);
        let floor = options.write_batch_under_pressure.min(calm);
        Self(Mutex::new(State { batch: calm, calm, floor, ceiling, quiet_calls: 0, trouble: None }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rows that the next write call may carry.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.state().batch
    }

    /// Notes a call that went through: after some of them the batch grows, up to the vendor's maximum.
    pub fn calm(&self) {
        let mut state = self.state();
        state.trouble = None;
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
            Class::Wait { .. } | Class::Retry => state.batch = state.floor,
            // While it rests already, this is the same refusal again, or one of a call that was in flight: the rest is not prolonged.
            Class::Reauthenticate | Class::Configuration if state.rests(now) => {}
            Class::Reauthenticate | Class::Configuration => {
                state.trouble = Some(Trouble { error: error.clone(), until: after(now, PAUSE_MS) });
            }
            Class::LookAgain | Class::Data => {}
        }
    }

    /// Whether a call may be made now. Of those that ask first after a rest, one may; the others rest until its answer is there.
    pub(crate) fn admit(&self, now: Timestamp) -> Admission {
        let mut state = self.state();
        match &mut state.trouble {
            None => Admission::Go,
            Some(trouble) if trouble.until > now => Admission::Rest(Box::new(trouble.error.clone())),
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
            None => state.trouble = None,
            Some(error) if matches!(error.class, Class::Reauthenticate | Class::Configuration) => {
                state.trouble = Some(Trouble { error: error.clone(), until: after(now, PAUSE_MS) });
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
        silent: &[],
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
}
