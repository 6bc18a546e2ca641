//! Whose hand a change was. Rows do not say; webhooks do, so what they said is remembered until the row is read. A row that is read after several
//! webhooks shows what all of them did together: where they named different hands, nobody's is known of what it shows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;

use super::kind::Kind;

/// Changes remembered: those of a busy hour in a large company.
const REMEMBERED_MAX: usize = 10_000;

type Row = (Kind, String);

/// What webhooks said of a row.
#[derive(Debug, Clone, Copy)]
struct Noted {
    /// Its latest change, by the vendor's clock. The hand is unknown where several changed the row since it was read.
    last: ChangeMark,
    /// Whether the row was read since.
    is_read: bool,
}

#[derive(Debug, Default)]
struct Remembered {
    noted: BTreeMap<Row, Noted>,
    order: VecDeque<Row>,
}

/// What webhooks said of who changed rows.
#[derive(Debug, Default)]
pub(crate) struct Hands(Mutex<Remembered>);

/// The hand behind two changes that are seen as one. What we do ourselves is nobody's entry.
fn together(one: ChangeMark, other: ChangeMark) -> ChangeMark {
    match (one.by, other.by) {
        (Actor::Us, _) => other,
        (_, Actor::Us) => one,
        (a, b) if a == b => ChangeMark { who: one.who.filter(|who| other.who == Some(*who)), ..one },
        _ => ChangeMark::default(),
    }
}

impl Hands {
    /// Takes in that a row was changed, at an instant of the vendor's clock.
    pub fn note(&self, kind: Kind, id: &str, change: ChangeMark) {
        let row = (kind, id.to_owned());
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.noted.get(&row).copied();
        let is_late = known.is_some_and(|known| known.last.at > change.at);
        if is_late && known.is_some_and(|known| known.is_read) {
            return;
        }
        let at = known.map_or(change.at, |known| known.last.at.max(change.at));
        let before = known.filter(|known| !known.is_read);
        let last = before.map_or(change, |known| together(known.last, change));
        if held.noted.insert(row.clone(), Noted { last: ChangeMark { at, ..last }, is_read: false }).is_none() {
            held.order.push_back(row);
        }
        while held.order.len() > REMEMBERED_MAX {
            if let Some(oldest) = held.order.pop_front() {
                held.noted.remove(&oldest);
            }
        }
    }

    /// Who made the row what it is since `changed`, with no time; unknown where no webhook of just that change came by.
    pub fn of(&self, kind: Kind, id: &str, changed: Option<Timestamp>) -> ChangeMark {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let second = changed.map(Timestamp::as_second);
        let known = held
            .noted
            .get_mut(&(kind, id.to_owned()))
            .filter(|known| second.is_some() && known.last.at.map(Timestamp::as_second) == second);
        known.map_or_else(ChangeMark::default, |known| {
            known.is_read = true;
            ChangeMark { at: None, ..known.last }
        })
    }
}

#[cfg(test)]
mod tests {
    use entente_model::actor::UserId;

    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    fn change(second: i64, by: Actor, user: &str) -> ChangeMark {
        ChangeMark { at: at(second), by, who: UserId::new(user) }
    }

    #[test]
    fn only_the_change_that_a_webhook_told_of_has_a_hand() {
        let hands = Hands::default();
        hands.note(Kind::Deal, "1", change(100, Actor::Sales, "7"));
        let told = hands.of(Kind::Deal, "1", at(100));
        assert_eq!((told.by, told.who), (Actor::Sales, UserId::new("7")));
        hands.note(Kind::Deal, "1", change(90, Actor::Support, "8"));
        assert_eq!(hands.of(Kind::Deal, "1", at(100)).by, Actor::Sales, "it came late, and the row was read");
        assert_eq!((hands.of(Kind::Deal, "1", at(101)).by, hands.of(Kind::Person, "1", at(100)).by), (Actor::Unknown, Actor::Unknown));
    }

    #[test]
    fn what_several_did_before_the_row_is_read_is_nobody_s_whom_we_know() {
        let hands = Hands::default();
        hands.note(Kind::Deal, "1", change(100, Actor::Customer, ""));
        hands.note(Kind::Deal, "1", change(101, Actor::Sales, "7"));
        assert_eq!(hands.of(Kind::Deal, "1", at(101)), ChangeMark::default());
        hands.note(Kind::Deal, "1", change(102, Actor::Sales, "7"));
        assert_eq!(hands.of(Kind::Deal, "1", at(102)).by, Actor::Sales, "the row was read between the two");
        hands.note(Kind::Deal, "1", change(103, Actor::Sales, "8"));
        hands.note(Kind::Deal, "1", change(104, Actor::Us, ""));
        hands.note(Kind::Deal, "1", change(105, Actor::Sales, "7"));
        let two = hands.of(Kind::Deal, "1", at(105));
        assert_eq!((two.by, two.who), (Actor::Sales, None), "sales, and one of two people; what we do ourselves is nobody's entry");
    }
}
