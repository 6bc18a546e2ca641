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

/// Why a connection rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The vendor's refusal.
    pub error: VendorError,
    /// When it is tried again.
    pub until: Timestamp,
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
            Class::Reauthenticate | Class::Configuration => {
                let until = Timestamp::from_millisecond(now.as_millisecond() + PAUSE_MS).unwrap_or(now);
                state.trouble = Some(Trouble { error: error.clone(), until });
            }
            Class::LookAgain | Class::Data => {}
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
