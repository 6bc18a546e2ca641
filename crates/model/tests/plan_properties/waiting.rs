//! A conflict that waits for a person freezes its field, and nothing else.

use entente_model::actor::Actor;
use entente_model::mapping::Owner;
use entente_model::value::{Value, get};
use proptest::prelude::*;

use super::chance::{any_world, edit, lived_in};
use super::promises::about;
use super::world::{ALL_LAND, FIELDS, World, set};

/// A world in which some shared fields wait, and people went on editing.
fn waiting_world() -> impl Strategy<Value = World> {
    (lived_in(any_world()), prop::bits::u8::between(0, 3), prop::collection::vec(edit(), 0..4)).prop_map(|(mut world, bits, edits)| {
        let chosen = FIELDS.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, field)| (*field).to_owned());
        world.frozen = chosen.filter(|field| world.policy(field).owner == Owner::Shared).collect();
        world.run(&edits);
        world
    })
}

proptest! {
    #[test]
    fn a_waiting_field_stays_as_it_is_until_the_sides_agree(world in waiting_world()) {
        let plan = world.plan();
        for field in world.frozen.iter().filter(|field| !world.sides_agree(field)) {
            prop_assert!(plan.sides.values().all(|side| !side.writes.contains_key(field)));
            prop_assert!(plan.changes.iter().all(|change| change.field != *field));
            prop_assert!(!plan.thawed.contains(field));
        }
    }

    #[test]
    fn a_waiting_field_thaws_when_the_sides_agree(mut world in waiting_world(), number in 0..1000_u16) {
        let frozen = world.frozen.clone();
        let agreed = Value::text(format!("agreed {number}"));
        for field in &frozen {
            for at in 0..world.sides.len() {
                // Where a side has not seen what the record holds, that competes: see `open`.
                world.sides[at].base.insert(field.clone(), get(&world.held.values, field).clone());
                world.edit(at, field, agreed.clone(), Actor::Person, 1, true);
            }
        }
        let plan = world.look(ALL_LAND, 0);
        for field in &frozen {
            prop_assert!(plan.thawed.contains(field), "{field} {plan:?}");
            prop_assert_eq!(get(&world.held.values, field), &agreed);
        }
    }

    #[test]
    fn the_other_fields_keep_moving(world in waiting_world()) {
        let mut free = world.clone();
        free.frozen.clear();
        let (plan, free) = (world.plan(), free.plan());
        for field in FIELDS.iter().filter(|field| !world.frozen.contains(**field)) {
            prop_assert_eq!(about(&plan, field), about(&free, field));
        }
    }

    #[test]
    fn what_a_person_decides_goes_everywhere(mut world in waiting_world(), list in any::<bool>()) {
        let waiting = world.frozen.clone();
        let decided = if list { set(&["decided"]) } else { Value::text("decided") };
        waiting.iter().for_each(|field| world.decide(field, decided.clone()));
        let plan = world.look(ALL_LAND, 0);
        for field in &waiting {
            prop_assert_eq!(get(&world.held.values, field), &decided);
            prop_assert!(plan.conflicts.iter().all(|conflict| conflict.field != *field));
            let mut writable = world.sides.iter().filter(|side| side.writable.contains(field));
            prop_assert!(writable.all(|side| get(&side.values, field) == &decided));
        }
    }
}
