//! What can go wrong on the way to a vendor, drawn from a seed or ordered by name.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// One thing that goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The call never reaches the vendor; the client hears nothing.
    TimeoutBefore,
    /// The vendor does the work; the client hears nothing.
    TimeoutAfter,
    /// 429 (all but Salesforce) or REQUEST_LIMIT_EXCEEDED for concurrent calls (Salesforce).
    TooMany,
    /// The day's or minute's quota is gone until it renews.
    QuotaExhausted,
    /// 500.
    ServerError,
    /// 503.
    Unavailable,
    /// The access token is no longer valid.
    ExpiredSession,
    /// A page shorter than asked for, with more to come.
    HalfPage,
    /// A record is locked or collides with another write (UNABLE_TO_LOCK_ROW, DatabaseConflict).
    Collision,
}

/// Faults that every call can suffer but those of signing in.
const OF_CALLS: [Fault; 6] =
    [Fault::TimeoutBefore, Fault::TimeoutAfter, Fault::TooMany, Fault::QuotaExhausted, Fault::ServerError, Fault::Unavailable];

/// How clients are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownBy {
    /// By a session, which can end at any moment.
    Session,
    /// By a key, which does not end.
    Key,
}

fn of_calls(by: KnownBy, further: Option<Fault>) -> Vec<Fault> {
    let expiry = (by == KnownBy::Session).then_some(Fault::ExpiredSession);
    OF_CALLS.into_iter().chain(expiry).chain(further).collect()
}

/// Faults that reads can suffer.
pub(crate) fn of_reads(by: KnownBy) -> Vec<Fault> {
    of_calls(by, Some(Fault::HalfPage))
}

/// Faults that writes can suffer where others write at the same time.
pub(crate) fn of_writes(by: KnownBy) -> Vec<Fault> {
    of_calls(by, Some(Fault::Collision))
}

/// Faults that writes can suffer at a platform that knows no collisions.
pub(crate) fn of_lone_writes(by: KnownBy) -> Vec<Fault> {
    of_calls(by, None)
}

/// Faults that a call can suffer that only reads, or writes where others do.
pub(crate) fn of(reads: bool, by: KnownBy) -> Vec<Fault> {
    if reads { of_reads(by) } else { of_writes(by) }
}

/// Faults of signing in.
pub(crate) const OF_SIGN_IN: &[Fault] = &[Fault::TimeoutBefore, Fault::TimeoutAfter, Fault::ServerError, Fault::Unavailable];

/// One thing that goes wrong with one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryFault {
    /// Never sent.
    Lost,
    /// Sent twice.
    Doubled,
    /// Sent minutes later.
    Late,
    /// Overtaken by the ones after it.
    Reordered,
}

/// Faults per thousand events, and a queue of faults ordered by name. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    rng: ChaCha8Rng,
    calls: BTreeMap<Fault, u32>,
    deliveries: BTreeMap<DeliveryFault, u32>,
    ordered: VecDeque<Fault>,
    ordered_of_writes: VecDeque<Fault>,
}

impl Faults {
    /// No faults until some are ordered.
    #[must_use]
    pub fn none(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng: ChaCha8Rng::seed_from_u64(seed),
            calls: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            ordered: VecDeque::new(),
            ordered_of_writes: VecDeque::new(),
        })))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how many of a thousand calls suffer `fault`; 0 ends it.
    pub fn set_calls(&self, fault: Fault, per_mille: u32) {
        self.state().calls.insert(fault, per_mille);
    }

    /// Sets how many of a thousand webhooks suffer `fault`; 0 ends it.
    pub fn set_deliveries(&self, fault: DeliveryFault, per_mille: u32) {
        self.state().deliveries.insert(fault, per_mille);
    }

    /// Ends every fault, ordered ones included.
    pub fn clear(&self) {
        let mut state = self.state();
        state.calls.clear();
        state.deliveries.clear();
        state.ordered.clear();
        state.ordered_of_writes.clear();
    }

    /// Makes the next calls fail, one after the other, before any drawn fault.
    pub fn order(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().ordered.extend(faults);
    }

    /// Makes the next calls fail that write, one after the other: those that may collide with another write.
    pub fn order_of_writes(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().ordered_of_writes.extend(faults);
    }

    /// The fault that this call suffers, if any. `allowed` lists those that make sense for it.
    #[must_use]
    pub fn draw_call(&self, allowed: &[Fault]) -> Option<Fault> {
        let mut state = self.state();
        if allowed.contains(&Fault::Collision)
            && let Some(at) = state.ordered_of_writes.iter().position(|fault| allowed.contains(fault))
        {
            return state.ordered_of_writes.remove(at);
        }
        if let Some(at) = state.ordered.iter().position(|fault| allowed.contains(fault)) {
            return state.ordered.remove(at);
        }
        let State { rng, calls, .. } = &mut *state;
        draw(rng, calls.iter().filter(|(fault, _)| allowed.contains(fault)))
    }

    /// The fault that this webhook suffers, if any.
    #[must_use]
    pub fn draw_delivery(&self) -> Option<DeliveryFault> {
        let mut state = self.state();
        let State { rng, deliveries, .. } = &mut *state;
        draw(rng, deliveries.iter())
    }

    /// A number below `bound`, from the same seed (for delays and choices that belong to a fault).
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        self.state().rng.random_range(0..bound.max(1))
    }
}

/// An order for faults, as a simulator's own surface takes it.
#[derive(Debug, Default, Deserialize)]
pub struct FaultOrder {
    /// Calls of a thousand by fault.
    #[serde(default)]
    pub calls: BTreeMap<Fault, u32>,
    /// Webhooks of a thousand by fault.
    #[serde(default)]
    pub deliveries: BTreeMap<DeliveryFault, u32>,
    /// Faults of the next calls, in this order.
    #[serde(default)]
    pub order: Vec<Fault>,
    /// Faults of the next calls that write, in this order.
    #[serde(default)]
    pub order_of_writes: Vec<Fault>,
    /// Ends all others first.
    #[serde(default)]
    pub clear: bool,
}

impl FaultOrder {
    /// Sets everything that was ordered.
    pub fn carry_out(self, faults: &Faults) {
        if self.clear {
            faults.clear();
        }
        self.calls.into_iter().for_each(|(fault, per_mille)| faults.set_calls(fault, per_mille));
        self.deliveries.into_iter().for_each(|(fault, per_mille)| faults.set_deliveries(fault, per_mille));
        faults.order(self.order);
        faults.order_of_writes(self.order_of_writes);
    }
}

fn draw<'a, F: Copy + 'a>(rng: &mut ChaCha8Rng, odds: impl Iterator<Item = (&'a F, &'a u32)>) -> Option<F> {
    let roll = rng.random_range(0..1000_u32);
    let mut edge = 0;
    for (fault, per_mille) in odds {
        edge += per_mille;
        if roll < edge {
            return Some(*fault);
        }
    }
    None
}
