//! The gate that keeps calls in flight below a vendor's liking, and lets the urgent ones through first.
//!
//! How many may be in flight adapts: one more after a calm round, half as many when the vendor says "too many" or falls silent, never
//! fewer than one and never more than the platform allows. It goes by calls alone, not by time, so the same calls give the same gate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::connector::Priority;

/// A gate with places that come and go.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Places there are now.
    places: usize,
    /// Places there may be.
    ceiling: usize,
    in_flight: usize,
    /// Calm calls since the last change.
    calm: usize,
    /// Counts halvings: a burst of refusals of calls that were in flight together halves once.
    halvings: u64,
    arrivals: u64,
    waiting: BTreeMap<(Priority, u64), oneshot::Sender<Place>>,
}

/// A place in flight; dropping it lets the next one through.
#[derive(Debug)]
pub struct Place {
    gate: Option<Gate>,
    entered: Entered,
}

/// When a call entered, told by the halvings before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entered(u64);

impl Gate {
    /// A gate with `ceiling` places, at least one.
    #[must_use]
    pub fn new(ceiling: usize) -> Self {
        let ceiling = ceiling.max(1);
        Self(Arc::new(Mutex::new(State {
            places: ceiling,
            ceiling,
            in_flight: 0,
            calm: 0,
            halvings: 0,
            arrivals: 0,
            waiting: BTreeMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls that may be in flight at once now.
    #[must_use]
    pub fn places(&self) -> usize {
        self.state().places
    }

    /// Waits for a place: urgent calls first, then in order of arrival.
    pub async fn enter(&self, priority: Priority) -> Place {
        let place = {
            let mut state = self.state();
            if state.in_flight < state.places {
                state.in_flight += 1;
                return Place { gate: Some(self.clone()), entered: Entered(state.halvings) };
            }
            let (sender, receiver) = oneshot::channel();
            let arrival = state.arrivals;
            state.arrivals += 1;
            state.waiting.insert((priority, arrival), sender);
            receiver
        };
        match place.await {
            Ok(place) => place,
            // The sender lives in the gate's own state, which `self` keeps alive, until it is used: this arm is not reached. A
            // place without a gate is the harmless answer.
            Err(_) => Place { gate: None, entered: Entered(0) },
        }
    }

    /// Notes a call that went through. After as many as there are places, there is one place more.
    pub fn calm(&self) {
        {
            let mut state = self.state();
            state.calm += 1;
            if state.calm < state.places || state.places >= state.ceiling {
                return;
            }
            state.calm = 0;
            state.places += 1;
        }
        self.admit();
    }

    /// Notes a call that was refused for pace or not answered: half as many places, but once for all that were in flight together.
    pub fn pressed(&self, entered: Entered) {
        let mut state = self.state();
        state.calm = 0;
        if entered.0 < state.halvings {
            return;
        }
        state.halvings += 1;
        state.places = (state.places / 2).max(1);
    }

    /// Lets those in who wait, while there are places.
    fn admit(&self) {
        loop {
            let (sender, entered) = {
                let mut state = self.state();
                if state.in_flight >= state.places {
                    return;
                }
                let Some((_, sender)) = state.waiting.pop_first() else { return };
                state.in_flight += 1;
                (sender, Entered(state.halvings))
            };
            // A waiter that has given up hands the place back; it is emptied first so that its own drop does not give it back twice.
            if let Err(mut refused) = sender.send(Place { gate: Some(self.clone()), entered }) {
                refused.gate = None;
                self.state().in_flight -= 1;
            }
        }
    }
}

impl Place {
    /// Gives the place back. What the answer was can be told to the gate afterwards.
    #[must_use]
    pub fn leave(self) -> Entered {
        self.entered
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(gate) = self.gate.take() else { return };
        gate.state().in_flight -= 1;
        gate.admit();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_urgent_call_overtakes_those_that_wait() {
        let gate = Gate::new(1);
        let first = gate.enter(Priority::Backfill).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for priority in [Priority::Backfill, Priority::Update, Priority::Urgent] {
            let (gate, order) = (gate.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _place = gate.enter(priority).await;
                order.lock().unwrap().push(priority);
            }));
            tokio::task::yield_now().await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [Priority::Urgent, Priority::Update, Priority::Backfill]);
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_loses_no_place() {
        let gate = Gate::new(1);
        let first = gate.enter(Priority::Update).await;
        let impatient = tokio::time::timeout(Duration::from_millis(5), gate.enter(Priority::Urgent)).await;
        assert!(impatient.is_err());
        drop(first);
        let second = tokio::time::timeout(Duration::from_secs(5), gate.enter(Priority::Update)).await;
        assert!(second.is_ok());
    }

    #[tokio::test]
    async fn refusals_halve_the_places_and_calm_brings_them_back_one_by_one() {
        let gate = Gate::new(8);
        let mut burst = Vec::new();
        for _ in 0..8 {
            burst.push(gate.enter(Priority::Update).await);
        }
        for place in burst {
            gate.pressed(place.leave());
        }
        assert_eq!(gate.places(), 4, "one burst of refusals halves once");
        for expected in [2, 1, 1] {
            let entered = gate.enter(Priority::Update).await.leave();
            gate.pressed(entered);
            assert_eq!(gate.places(), expected);
        }
        let mut calls = 0;
        while gate.places() < 8 {
            gate.calm();
            calls += 1;
        }
        assert_eq!(calls, 1 + 2 + 3 + 4 + 5 + 6 + 7, "one more after each calm round");
        (0..100).for_each(|_| gate.calm());
        assert_eq!(gate.places(), 8, "and never more than the platform allows");
    }

    #[tokio::test]
    async fn with_fewer_places_the_calls_in_flight_end_first_and_the_urgent_one_goes_next() {
        let gate = Gate::new(2);
        let (first, second) = (gate.enter(Priority::Update).await, gate.enter(Priority::Update).await);
        gate.pressed(first.leave());
        let gates = (gate.clone(), gate.clone());
        let backfill = tokio::spawn(async move { gates.0.enter(Priority::Backfill).await });
        tokio::task::yield_now().await;
        let urgent = tokio::spawn(async move { gates.1.enter(Priority::Urgent).await });
        tokio::task::yield_now().await;
        assert!(!urgent.is_finished(), "one place is left, and it is taken");
        drop(second);
        let urgent = urgent.await.unwrap();
        assert!(!backfill.is_finished());
        drop(urgent);
        drop(backfill.await.unwrap());
    }
}
