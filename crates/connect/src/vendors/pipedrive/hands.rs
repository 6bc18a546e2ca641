//! Whose hand a change was. Rows do not say; webhooks do, so what they said is remembered until the row is read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;

use super::kind::Kind;

/// Changes remembered: those of a busy hour in a large company.
const REMEMBERED_MAX: usize = 10_000;

type Row = (Kind, String);

#[derive(Debug, Default)]
struct Remembered {
    hands: BTreeMap<Row, (Timestamp, Actor)>,
    order: VecDeque<Row>,
}

/// What webhooks said of who changed rows.
#[derive(Debug, Default)]
pub(crate) struct Hands(Mutex<Remembered>);

impl Hands {
    /// Takes in that a row was changed at an instant of the vendor's clock.
    pub fn note(&self, kind: Kind, id: &str, at: Timestamp, by: Actor) {
        let row = (kind, id.to_owned());
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.hands.get(&row).is_some_and(|(known, _)| *known > at) {
            return;
        }
        if held.hands.insert(row.clone(), (at, by)).is_none() {
            held.order.push_back(row);
        }
        while held.order.len() > REMEMBERED_MAX {
            if let Some(oldest) = held.order.pop_front() {
                held.hands.remove(&oldest);
            }
        }
    }

    /// Who made the row what it is since `changed`; unknown where no webhook of just that change came by.
    pub fn of(&self, kind: Kind, id: &str, changed: Option<Timestamp>) -> Actor {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.hands.get(&(kind, id.to_owned()));
        known.filter(|(at, _)| changed.is_some_and(|changed| at.as_second() == changed.as_second())).map_or(Actor::Unknown, |(_, by)| *by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_change_that_a_webhook_told_of_has_a_hand() {
        let hands = Hands::default();
        let at = |second| Timestamp::from_second(second).ok();
        hands.note(Kind::Deal, "1", at(100).expect("timestamp"), Actor::Sales);
        hands.note(Kind::Deal, "1", at(90).expect("timestamp"), Actor::Us);
        assert_eq!(hands.of(Kind::Deal, "1", at(100)), Actor::Sales);
        assert_eq!((hands.of(Kind::Deal, "1", at(101)), hands.of(Kind::Person, "1", at(100))), (Actor::Unknown, Actor::Unknown));
    }
}
