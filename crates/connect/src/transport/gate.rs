//! The gate that keeps calls in flight below a vendor's liking, and lets the urgent ones through first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::connector::Priority;

/// A gate with a fixed number of places.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    arrivals: u64,
    waiting: BTreeMap<(Priority, u64), oneshot::Sender<Place>>,
}

/// A place in flight; dropping it lets the next one through.
#[derive(Debug)]
pub struct Place(Option<Arc<Mutex<State>>>);

impl Gate {
    /// A gate with `places` places, at least one.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Mutex::new(State { free: places.max(1), arrivals: 0, waiting: BTreeMap::new() })))
    }

    /// Waits for a place: urgent calls first, then in order of arrival.
    pub async fn enter(&self, priority: Priority) -> Place {
        let place = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.free > 0 {
                state.free -= 1;
                return Place(Some(Arc::clone(&self.0)));
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
            Err(_) => Place(None),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(gate) = self.0.take() else { return };
        loop {
            let next = {
                let mut state = gate.lock().unwrap_or_else(PoisonError::into_inner);
                match state.waiting.pop_first() {
                    Some((_, sender)) => sender,
                    None => {
                        state.free += 1;
                        return;
                    }
                }
            };
            // A waiter that has given up hands the place back; it is emptied first so that its own drop does not pass it on too.
            match next.send(Self(Some(Arc::clone(&gate)))) {
                Ok(()) => return,
                Err(mut refused) => refused.0 = None,
            }
        }
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
}
