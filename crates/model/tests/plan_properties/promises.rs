//! What holds in every world: quiet, agreement, no lost update, owners, echoes, and a plan that depends on nothing but its input.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::Actor;
use entente_model::mapping::Owner;
use entente_model::plan::{Plan, Reason};
use entente_model::value::{FieldKey, Fields, Value, get};
use proptest::prelude::*;

use super::chance::{agreed_world, any_world, days, lived_in};
use super::world::{ALL_FAIL, ALL_LAND, FIELDS, Fate, Step, World, waiting};

fn writable_world() -> impl Strategy<Value = World> {
    any_world().prop_filter("every field may be written", World::all_writable)
}

fn writes(plan: &Plan) -> BTreeMap<&str, &Fields> {
    plan.sides.iter().filter(|(_, side)| !side.writes.is_empty()).map(|(name, side)| (name.as_str(), &side.writes)).collect()
}

/// Whether a plan has nothing to say but that conflicts wait.
fn is_silent(plan: &Plan) -> bool {
    let mut plan = plan.clone();
    plan.conflicts.retain(|conflict| conflict.resolved.is_some());
    plan == Plan::default()
}

/// What a plan says of one field.
pub(crate) fn about(plan: &Plan, field: &str) -> Plan {
    let mut plan = plan.clone();
    plan.changes.retain(|change| change.field == field);
    plan.conflicts.retain(|conflict| conflict.field == field);
    plan.drift.retain(|drift| drift.field == field);
    plan.overwritten.retain(|one| one.field == field);
    plan.thawed.retain(|thawed| thawed == field);
    plan.sides.retain(|_, side| {
        side.writes.retain(|written, _| written == field);
        side.agreed.retain(|agreed, _| agreed == field);
        !side.writes.is_empty() || !side.agreed.is_empty()
    });
    plan
}

/// A plan without what may differ between two tellings of the same: the order, which of several equal values was met first (and so
/// whose mark and base are told), and how blank is written.
fn gist(mut plan: Plan) -> Plan {
    let plain = |value: &mut Value| *value = if value.is_blank() { Value::Null } else { std::mem::take(value) };
    for change in &mut plan.changes {
        (change.from, change.mark) = Default::default();
        [&mut change.before, &mut change.after].into_iter().for_each(plain);
    }
    for conflict in &mut plan.conflicts {
        conflict.candidates.iter_mut().for_each(|one| plain(&mut one.value));
        if let Some((_, winner)) = &mut conflict.resolved {
            let value = conflict.candidates.iter().find(|one| one.side == *winner).map(|one| one.value.display());
            *winner = value.unwrap_or_default();
        }
        conflict.candidates.sort_by(|one, other| one.side.cmp(&other.side));
        conflict.base = Value::Null;
    }
    for drift in &mut plan.drift {
        [&mut drift.found, &mut drift.owner_value].into_iter().for_each(plain);
    }
    plan.drift.sort_by(|one, other| one.side.cmp(&other.side));
    for one in &mut plan.overwritten {
        one.from.clear();
        [&mut one.lost.value, &mut one.owner_value].into_iter().for_each(plain);
    }
    plan.overwritten.sort_by(|one, other| one.lost.side.cmp(&other.lost.side));
    plan.sides.values_mut().flat_map(|side| side.writes.values_mut().chain(side.agreed.values_mut())).for_each(plain);
    plan
}

/// Values that a plan puts where a person will find them: replaced with a reason, competing, or put back.
fn told(plan: &Plan) -> Vec<(FieldKey, Value)> {
    let replaced = plan.changes.iter().map(|change| (&change.field, &change.before));
    let competing = plan.conflicts.iter().flat_map(|conflict| conflict.candidates.iter().map(|one| (&conflict.field, &one.value)));
    let drifted = plan.drift.iter().map(|drift| (&drift.field, &drift.found));
    let overwritten = plan.overwritten.iter().map(|one| (&one.field, &one.lost.value));
    replaced.chain(competing).chain(drifted).chain(overwritten).map(|(field, value)| (field.clone(), value.clone())).collect()
}

/// A value that was never there before; in a set, one more item.
fn fresh(now: &Value, mark: &str) -> Value {
    match now {
        Value::Set(items) => Value::Set(items.iter().cloned().chain([mark.to_owned()]).collect()),
        _ => Value::text(mark),
    }
}

proptest! {
    #[test]
    fn when_edits_stop_one_look_that_lands_is_enough(mut world in lived_in(writable_world())) {
        world.look(ALL_LAND, 0);
        prop_assert!(is_silent(&world.plan()), "{:?}", world.plan());
    }

    #[test]
    fn what_may_not_be_written_does_not_keep_the_sides_busy(mut world in lived_in(any_world())) {
        prop_assert!(world.settle() <= 1);
    }

    #[test]
    fn in_the_end_all_sides_hold_what_entente_holds(mut world in lived_in(any_world())) {
        world.settle();
        for field in FIELDS.iter().filter(|field| !world.frozen.contains(**field)) {
            for side in world.sides.iter().filter(|side| side.writable.contains(*field)) {
                prop_assert!(get(&side.values, field).agrees(get(&world.held.values, field)), "{field} at {}", side.name);
                prop_assert!(side.base.get(*field).is_some_and(|base| base.agrees(get(&side.values, field))), "base of {field}");
            }
        }
    }

    /// Every edit enters something of its own, so that none is there by chance.
    #[test]
    fn what_was_seen_is_not_lost(mut world in any_world(), days in days()) {
        let mut entered: BTreeMap<(String, FieldKey), String> = BTreeMap::new();
        let mut seen: BTreeSet<(FieldKey, String)> = BTreeSet::new();
        let mut on_record: Vec<(FieldKey, Value)> = Vec::new();
        let last = Step::Look { fates: ALL_LAND, blind: 0 };
        for (number, step) in days.iter().chain([&last, &last, &last]).enumerate() {
            match *step {
                Step::Edit { side, field, by, wait, timed, .. } => {
                    let (at, field, mark) = (side % world.sides.len(), FIELDS[field], format!("<{number}>"));
                    world.edit(at, field, fresh(get(&world.sides[at].values, field), &mark), by, wait, timed);
                    let side = &world.sides[at];
                    // What is replaced before anybody looked is for the webhook to notice, not for the plan.
                    entered.insert((side.name.clone(), field.to_owned()), mark);
                }
                Step::Look { blind, .. } => {
                    for side in world.seen(blind) {
                        let fields = side.values.into_keys();
                        seen.extend(fields.filter_map(|field| Some((field.clone(), entered.remove(&(side.name.clone(), field))?))));
                    }
                    on_record.extend(world.step(step).iter().flat_map(told));
                }
                Step::EditHere { .. } | Step::Decide { .. } => {}
            }
        }
        on_record.extend(world.held.values);
        for (field, mark) in seen {
            let found = on_record.iter().any(|(known, value)| *known == field && value.display().contains(&mark));
            prop_assert!(found, "{mark} of {field} is gone");
        }
    }

    #[test]
    fn a_change_tells_what_it_replaces_and_where_it_comes_from(world in lived_in(any_world())) {
        for change in world.plan().changes {
            prop_assert_eq!(&change.before, get(&world.held.values, &change.field));
            prop_assert!(!change.before.agrees(&change.after));
            // A merge of sets comes from all of them.
            let from = world.sides.iter().find(|side| side.name == change.from);
            prop_assert_eq!(from.is_none(), change.reason == Reason::SetMerge);
            prop_assert!(from.is_none_or(|side| *get(&side.values, &change.field) == change.after && side.mark_of(&change.field) == change.mark));
        }
    }

    #[test]
    fn what_a_new_side_leaves_blank_is_filled(mut world in agreed_world(), at in 0..3_usize) {
        let at = at % world.sides.len();
        world.sides[at].base.clear();
        world.sides[at].values.values_mut().for_each(|value| *value = Value::Null);
        let plan = world.plan();
        for field in FIELDS.iter().filter(|field| world.owners(field).iter().all(|owner| owner.name != world.sides[at].name)) {
            let held = get(&world.held.values, field);
            let written = plan.sides.get(&world.sides[at].name).and_then(|side| side.writes.get(*field));
            prop_assert_eq!(written, (!held.is_blank()).then_some(held));
            prop_assert!(about(&plan, field).changes.is_empty() && about(&plan, field).conflicts.is_empty());
        }
    }

    #[test]
    fn the_owner_is_not_written_to_and_everybody_follows(world in lived_in(any_world())) {
        let plan = world.plan();
        for field in FIELDS {
            let owners = world.owners(field);
            let [owner] = owners.as_slice() else { continue };
            let value = get(&owner.values, field);
            for side in &world.sides {
                let written = plan.sides.get(&side.name).and_then(|side| side.writes.get(field));
                let due = !get(&side.values, field).agrees(value) && side.writable.contains(field);
                prop_assert_eq!(written, due.then_some(value), "{} at {}", field, &side.name);
            }
            let change = plan.changes.iter().find(|change| change.field == field);
            prop_assert_eq!(change.is_some(), !get(&world.held.values, field).agrees(value));
            prop_assert!(change.is_none_or(|one| one.after == *value && one.reason == Reason::Owner && one.from == owner.name));
        }
    }

    #[test]
    fn a_change_where_it_is_not_owned_is_noted_and_put_back(mut world in agreed_world(), at in 0..3_usize) {
        let (at, before) = (at % world.sides.len(), world.held.values.clone());
        FIELDS.iter().for_each(|field| world.edit(at, field, Value::text("drifted"), Actor::Unknown, 1, true));
        let plan = world.look(ALL_LAND, 0);
        for field in FIELDS {
            let owns = world.owners(field).iter().any(|owner| owner.name == world.sides[at].name);
            let owns = owns || world.policy(field).owner == Owner::Shared;
            prop_assert_eq!(plan.drift.iter().any(|drift| drift.field == field && drift.found == Value::text("drifted")), !owns);
            let now = [&world.held.values, &world.sides[at].values].map(|fields| get(fields, field));
            prop_assert!(owns || now.iter().all(|now| now.agrees(get(&before, field))));
        }
    }

    #[test]
    fn reading_back_what_was_written_is_no_news(mut world in lived_in(writable_world()), heard in any::<[bool; 3]>()) {
        world.look(heard.map(|heard| if heard { Fate::Lands } else { Fate::Unheard }), 0);
        let plan = world.look(ALL_LAND, 0);
        prop_assert!(plan.is_quiet() && plan.drift.is_empty() && plan.overwritten.is_empty(), "{plan:?}");
        prop_assert!(plan.conflicts.iter().all(|conflict| conflict.resolved.is_none()), "{plan:?}");
        prop_assert!(is_silent(&world.plan()), "what was read back is the base now");
    }

    #[test]
    fn a_crash_before_delivery_changes_nothing(mut world in lived_in(any_world())) {
        let before = world.look(ALL_FAIL, 0);
        let after = world.plan();
        for field in FIELDS.iter() {
            let (before, after) = (gist(about(&before, field)), gist(about(&after, field)));
            prop_assert_eq!(writes(&before), writes(&after));
            prop_assert!(after.changes.is_empty(), "it was decided before: {:?}", after.changes);
            prop_assert_eq!(waiting(&before), waiting(&after));
        }
    }

    #[test]
    fn only_what_is_known_writable_and_different_is_written(world in lived_in(any_world()), blind in 0..512_u16) {
        let seen = world.seen(blind);
        let plan = world.plan_from(&seen);
        for side in &seen {
            let Some(news) = plan.sides.get(&side.name) else { continue };
            for (field, value) in &news.writes {
                prop_assert!(side.writable.contains(field) && side.values.get(field).is_some_and(|now| !now.agrees(value)));
            }
            for (field, value) in &news.agreed {
                prop_assert!(side.values.get(field).is_some_and(|now| now.agrees(value)), "a base is what the side is known to hold");
            }
        }
    }

    #[test]
    fn the_order_of_sides_does_not_matter(world in lived_in(any_world()), turn in 0..3_usize, back in any::<bool>()) {
        let mut turned = world.clone();
        turned.sides.rotate_left(turn % world.sides.len());
        if back {
            turned.sides.reverse();
        }
        for field in FIELDS {
            // Of two sides that own a field and differ, the first that changed speaks: there the order decides, on purpose.
            let owners = world.owners(field);
            if owners.windows(2).all(|pair| get(&pair[0].values, field).agrees(get(&pair[1].values, field))) {
                prop_assert_eq!(gist(about(&world.plan(), field)), gist(about(&turned.plan(), field)));
            }
        }
    }

    #[test]
    fn fields_do_not_meddle_with_each_other(world in lived_in(any_world())) {
        let plan = world.plan();
        prop_assert_eq!(&plan, &world.clone().plan(), "the same question gets the same answer");
        for field in FIELDS {
            let mut alone = world.clone();
            alone.policy.retain(|policy| policy.field == field);
            prop_assert_eq!(alone.plan(), about(&plan, field));
        }
    }

    #[test]
    fn how_blank_is_written_is_no_change(mut world in lived_in(any_world()), picks in prop::collection::vec(0..4_usize, 24)) {
        let plan = gist(world.plan());
        let blanks = [Value::Null, Value::text(""), Value::Set(BTreeSet::new()), Value::Bool(false)];
        let mut picks = picks.into_iter().cycle();
        let all = world.sides.iter_mut().flat_map(|side| [&mut side.values, &mut side.base, &mut side.taken]).chain([&mut world.held.values]);
        for value in all.flat_map(|fields| fields.values_mut()).filter(|value| value.is_blank()) {
            *value = blanks[picks.next().unwrap_or_default()].clone();
        }
        prop_assert_eq!(plan, gist(world.plan()));
    }
}
