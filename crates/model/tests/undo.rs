//! A random history, undone, is the state before, but for what was edited since.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as told")]

use std::collections::{BTreeMap, BTreeSet};

use entente_model::undo::{Step, Turn, as_of, inverse};
use entente_model::value::{Fields, Value, get};
use proptest::prelude::*;

const FIELDS: [&str; 4] = ["name", "plan", "phone", "tags"];

/// What somebody wants one field to be.
fn wish() -> impl Strategy<Value = (usize, Value)> {
    let word = prop::sample::select(vec!["", "a", "b", "c"]);
    let text = (0..3_usize, word).prop_map(|(field, word)| (field, if word.is_empty() { Value::Null } else { Value::text(word) }));
    let items = prop::collection::btree_set(prop::sample::select(vec!["x", "y", "z"]), 0..3);
    let set = items.prop_map(|items| (3, Value::Set(items.into_iter().map(str::to_owned).collect())));
    prop_oneof![3 => text, 1 => set]
}

/// Entries' worth of wishes.
fn wishes() -> impl Strategy<Value = Vec<Vec<(usize, Value)>>> {
    prop::collection::vec(prop::collection::vec(wish(), 0..4), 0..7)
}

/// Writes entries as an edit does, and answers every state on the way, the first one before any of them.
fn write(state: &Fields, wishes: &[Vec<(usize, Value)>], first: i64, undone: bool) -> (Vec<Step>, Vec<Fields>) {
    let (mut state, mut steps, mut states) = (state.clone(), Vec::new(), vec![state.clone()]);
    for (at, wishes) in wishes.iter().enumerate() {
        let mut turns = BTreeMap::new();
        for (field, after) in wishes.iter().cloned().collect::<BTreeMap<_, _>>() {
            let before = get(&state, FIELDS[field]).clone();
            state.insert(FIELDS[field].to_owned(), after.clone());
            turns.insert(FIELDS[field].to_owned(), Turn { before, after });
        }
        steps.push(Step { entry: first + i64::try_from(at).unwrap(), undone, turns });
        states.push(state.clone());
    }
    (steps, states)
}

/// The record once the inverse is carried out, and the entry that does it.
fn undo(state: &Fields, steps: &[Step]) -> (Fields, Step) {
    let mut turns = BTreeMap::new();
    let mut after = state.clone();
    for (field, inverse) in inverse(state, steps) {
        after.insert(field.clone(), inverse.then.clone());
        turns.insert(field, Turn { before: inverse.now, after: inverse.then });
    }
    (after, Step { entry: 1_000, undone: false, turns })
}

fn same(one: &Fields, other: &Fields, field: &str) -> bool {
    get(one, field).agrees(get(other, field))
}

fn really_turned(steps: &[Step], field: &str) -> bool {
    steps.iter().any(|step| step.turns.get(field).is_some_and(|turn| !turn.before.agrees(&turn.after)))
}

proptest! {
    #[test]
    fn a_history_undone_is_the_state_before(earlier in wishes(), undone in wishes()) {
        let (_, states) = write(&Fields::new(), &earlier, 1, false);
        let before = states.last().unwrap();
        let (steps, states) = write(before, &undone, 100, true);
        let (after, _) = undo(states.last().unwrap(), &steps);
        for field in FIELDS {
            prop_assert!(same(before, &after, field), "{field}: {:?} instead of {:?}", get(&after, field), get(before, field));
        }
    }

    #[test]
    fn what_was_edited_since_stays_and_the_rest_is_as_before(earlier in wishes(), undone in wishes(), later in wishes()) {
        let (_, states) = write(&Fields::new(), &earlier, 1, false);
        let before = states.last().unwrap();
        let (mut steps, states) = write(before, &undone, 100, true);
        let (since, states) = write(states.last().unwrap(), &later, 200, false);
        let now = states.last().unwrap();
        steps.extend(since.clone());
        let (after, _) = undo(now, &steps);
        for field in FIELDS {
            if !really_turned(&since, field) {
                prop_assert!(same(before, &after, field), "{field} was not edited since");
            } else if field != "tags" {
                prop_assert!(same(now, &after, field) , "{field} was edited since");
                let named = inverse(now, &steps).get(field).is_none_or(|one| one.stays != get(before, field).agrees(get(now, field)));
                prop_assert!(named, "that {field} was edited since is told, unless it is as before anyway");
            }
        }
        let held = |fields: &Fields, item: &str| matches!(get(fields, "tags"), Value::Set(items) if items.contains(item));
        for item in ["x", "y", "z"] {
            let toggled = states.windows(2).any(|pair| held(&pair[0], item) != held(&pair[1], item));
            prop_assert_eq!(held(&after, item), held(if toggled { now } else { before }, item), "{} of a set is judged alone", item);
        }
    }

    #[test]
    fn an_undo_is_undone_like_anything_else(undone in wishes(), later in wishes()) {
        let (mut steps, states) = write(&Fields::new(), &undone, 100, true);
        let (since, states) = write(states.last().unwrap(), &later, 200, false);
        let now = states.last().unwrap();
        steps.extend(since);
        let (after, entry) = undo(now, &steps);
        let (again, _) = undo(&after, &[Step { undone: true, ..entry.clone() }]);
        for field in FIELDS {
            prop_assert!(same(now, &again, field), "{field}");
        }
        // Asked for twice, it does nothing more.
        steps.push(entry);
        prop_assert!(inverse(&after, &steps).values().all(|inverse| !inverse.changes()));
    }

    #[test]
    fn any_choice_of_entries_goes_back_to_a_value_that_was_there(history in wishes(), chosen in prop::collection::vec(any::<bool>(), 7)) {
        let (mut steps, states) = write(&Fields::new(), &history, 1, false);
        for (step, chosen) in steps.iter_mut().zip(chosen) {
            step.undone = chosen;
        }
        for (field, inverse) in inverse(states.last().unwrap(), &steps) {
            let took: BTreeSet<i64> = steps.iter().filter(|step| step.undone).map(|step| step.entry).collect();
            prop_assert!(inverse.takes_back.is_subset(&took) && inverse.edited_by.is_disjoint(&took));
            if field != "tags" {
                prop_assert!(states.iter().any(|state| get(state, &field).agrees(&inverse.then)));
            }
        }
    }

    #[test]
    fn every_state_of_the_past_can_be_read_back(history in wishes()) {
        let (steps, states) = write(&Fields::new(), &history, 1, false);
        for (at, then) in states.iter().enumerate() {
            let back = as_of(states.last().unwrap(), steps[at..].iter().rev());
            prop_assert!(FIELDS.iter().all(|field| same(then, &back, field)), "state {at}");
        }
    }
}
