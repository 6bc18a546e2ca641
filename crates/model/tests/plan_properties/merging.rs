//! Sets merge item by item: what anybody added is there, what anybody removed is gone.

use std::collections::BTreeSet;

use entente_model::actor::Actor;
use entente_model::mapping::Owner;
use entente_model::plan::policy::{FieldPolicy, Merge};
use entente_model::value::{Fields, Value, get};
use proptest::prelude::*;

use super::chance::fate;
use super::world::{ALL_LAND, CRM, DESK, Fate, World, set};

type Items = BTreeSet<String>;

fn three_sides(tags: Value) -> World {
    let policy = FieldPolicy { merge: Merge::Set, ..FieldPolicy::new("tags", Owner::Shared) };
    World::agreed(vec![policy], &Fields::from([("tags".to_owned(), tags)]), &[CRM, DESK, ("desk2", DESK.1)])
}

fn items() -> impl Strategy<Value = Items> {
    prop::collection::btree_set("[a-f]", 0..5)
}

fn items_of(fields: &Fields) -> Items {
    let Value::Set(items) = get(fields, "tags") else { return Items::new() };
    items.clone()
}

#[derive(Debug, Clone)]
enum Happening {
    /// An item that was never there before.
    Adds {
        side: usize,
    },
    Removes {
        side: usize,
        which: usize,
    },
    /// Entente looks, with what becomes of its writes.
    Looks([Fate; 3]),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => (0..3_usize).prop_map(|side| Happening::Adds { side }),
        2 => (0..3_usize, 0..9_usize).prop_map(|(side, which)| Happening::Removes { side, which }),
        3 => [fate(), fate(), fate()].prop_map(Happening::Looks),
    ]
}

/// A write that landed unheard, a removal elsewhere whose write failed, and then an addition: the side still shows what is gone.
#[test]
fn what_was_taken_away_does_not_come_back_with_the_next_addition() {
    let mut world = three_sides(set(&["one"]));
    world.edit(2, "tags", set(&["one", "new"]), Actor::Unknown, 1, true);
    world.look([Fate::Unheard, Fate::Lands, Fate::Lands], 0);
    world.edit(1, "tags", set(&["one"]), Actor::Unknown, 1, true);
    world.look([Fate::Fails, Fate::Lands, Fate::Lands], 0);
    world.edit(0, "tags", set(&["one", "new", "more"]), Actor::Unknown, 1, true);
    world.settle();
    assert!(get(&world.held.values, "tags").agrees(&set(&["one", "more"])), "{world:?}");
}

proptest! {
    #[test]
    fn what_was_added_is_there_and_what_was_removed_is_gone(base in items(), now in [items(), items(), items()], turn in 0..3_usize) {
        let mut world = three_sides(Value::Set(base.clone()));
        for (at, now) in now.iter().enumerate() {
            world.edit(at, "tags", Value::Set(now.clone()), Actor::Unknown, 1, true);
        }
        world.sides.rotate_left(turn);
        let plan = world.look(ALL_LAND, 0);
        let kept = base.iter().filter(|item| now.iter().all(|now| now.contains(*item)));
        let added = now.iter().flat_map(|now| now.difference(&base));
        let expected = Value::Set(kept.chain(added).cloned().collect());
        prop_assert!(plan.conflicts.is_empty(), "sets need no judge");
        prop_assert!(get(&world.held.values, "tags").agrees(&expected));
        prop_assert!(world.sides.iter().all(|side| get(&side.values, "tags").agrees(&expected)));
    }

    /// Every item is added once, so that nothing comes back but by our own fault.
    #[test]
    fn no_item_is_lost_and_none_comes_back(days in prop::collection::vec(happening(), 0..16)) {
        let mut world = three_sides(set(&["one", "two", "three"]));
        let mut expected = items_of(&world.held.values);
        for (number, happening) in days.into_iter().enumerate() {
            match happening {
                Happening::Adds { side } => {
                    let item = format!("new {number}");
                    expected.insert(item.clone());
                    let now = items_of(&world.sides[side].values).into_iter().chain([item]).collect();
                    world.edit(side, "tags", Value::Set(now), Actor::Unknown, 1, true);
                }
                Happening::Removes { side, which } => {
                    let mut now = items_of(&world.sides[side].values);
                    // What came by a write that nobody heard of, and went before anybody looked, was never there for us.
                    let known = |item: &&String| {
                        let side = &world.sides[side];
                        [&side.base, &side.taken].iter().any(|fields| items_of(fields).contains(*item))
                    };
                    let Some(item) = now.iter().filter(known).nth(which).cloned() else { continue };
                    now.remove(&item);
                    expected.remove(&item);
                    world.edit(side, "tags", Value::Set(now), Actor::Unknown, 1, true);
                }
                Happening::Looks(fates) => drop(world.look(fates, 0)),
            }
        }
        world.settle();
        prop_assert!(get(&world.held.values, "tags").agrees(&Value::Set(expected)));
    }
}
