//! Promises that are easily broken, each by the smallest story that shows it.

use entente_model::actor::Actor;
use entente_model::mapping::{Owner, Role};
use entente_model::plan::policy::{FieldPolicy, Kind, Merge};
use entente_model::value::{Fields, Value, get};

use super::world::{ALL_FAIL, ALL_LAND, CRM, DESK, Fate, World, set};

const ALL_UNHEARD: [Fate; 3] = [Fate::Unheard; 3];
const MINUTE: i64 = 60_000;
const EMAIL: &str = "email";

fn shared(kind: Kind) -> FieldPolicy {
    FieldPolicy { kind, ..FieldPolicy::new(EMAIL, Owner::Shared) }
}

fn at(world: &World, side: usize) -> String {
    get(&world.sides[side].values, EMAIL).display()
}

#[test]
fn what_sales_won_does_not_flip_when_its_write_is_lost() {
    let mut world = World::pair(shared(Kind::Contact), Value::text("old"));
    world.edit(0, EMAIL, Value::text("by sales"), Actor::Sales, 1, true);
    world.edit(1, EMAIL, Value::text("by support"), Actor::Support, MINUTE, true);
    world.look(ALL_FAIL, 0);
    world.settle();
    assert_eq!([at(&world, 0), at(&world, 1)], ["by sales", "by sales"]);
}

#[test]
fn what_sales_won_does_not_flip_where_the_desk_is_read_only() {
    let mut world = World::pair(shared(Kind::Contact), Value::text("old"));
    world.sides[1].writable.clear();
    world.edit(0, EMAIL, Value::text("by sales"), Actor::Sales, 1, true);
    world.edit(1, EMAIL, Value::text("by support"), Actor::Support, MINUTE, true);
    world.settle();
    assert_eq!(at(&world, 0), "by sales");
}

#[test]
fn a_status_that_support_won_does_not_flip_when_its_write_is_lost() {
    let mut world = World::pair(shared(Kind::Status), Value::text("old"));
    world.edit(1, EMAIL, Value::text("by support"), Actor::Support, 1, true);
    world.edit(0, EMAIL, Value::text("by sales"), Actor::Sales, MINUTE, true);
    world.look(ALL_FAIL, 0);
    world.settle();
    assert_eq!([at(&world, 0), at(&world, 1)], ["by support", "by support"]);
}

#[test]
fn the_echo_of_an_unheard_write_does_not_compete_with_a_person() {
    let mut world = World::pair(shared(Kind::Other), Value::text("old"));
    world.edit(0, EMAIL, Value::text("typo"), Actor::Sales, 1, true);
    world.look(ALL_UNHEARD, 0);
    world.edit(0, EMAIL, Value::text("corrected"), Actor::Sales, 1_000, true);
    let plan = world.look(ALL_LAND, 0);
    assert!(plan.conflicts.is_empty(), "nobody but one person typed anything: {:?}", plan.conflicts);
    assert_eq!([at(&world, 0), at(&world, 1)], ["corrected", "corrected"]);
}

#[test]
fn an_unheard_write_with_a_later_time_does_not_undo_a_person_s_edit() {
    let mut world = World::pair(shared(Kind::Other), Value::text("old"));
    world.edit(0, EMAIL, Value::text("typo"), Actor::Sales, 1, true);
    let plan = world.plan();
    world.commit(&plan);
    world.edit(0, EMAIL, Value::text("corrected"), Actor::Sales, 1, true);
    // Our write of the typo reaches the desk later than the correction reached the CRM, and times out.
    world.edit(1, EMAIL, Value::text("typo"), Actor::Us, MINUTE, true);
    world.settle();
    assert_eq!([at(&world, 0), at(&world, 1)], ["corrected", "corrected"]);
}

#[test]
fn a_removed_item_stays_removed() {
    let mut world = World::pair(FieldPolicy { merge: Merge::Set, ..shared(Kind::Other) }, set(&[]));
    world.edit(0, EMAIL, set(&["typo"]), Actor::Sales, 1, true);
    world.edit(1, EMAIL, set(&["vip"]), Actor::Support, 1, true);
    world.look([Fate::Fails, Fate::Lands, Fate::Lands], 0);
    // The desk shows both by now; the CRM has its own alone, because our write to it failed.
    world.edit(1, EMAIL, set(&["vip"]), Actor::Support, MINUTE, true);
    world.settle();
    assert_eq!([at(&world, 0), at(&world, 1)], ["vip", "vip"]);
}

#[test]
fn what_a_side_takes_back_is_gone() {
    let mut world = World::pair(FieldPolicy { merge: Merge::Set, ..shared(Kind::Other) }, set(&[]));
    world.edit(0, EMAIL, set(&["vip"]), Actor::Sales, 1, true);
    world.edit(1, EMAIL, set(&["typo"]), Actor::Support, 1, true);
    world.look(ALL_FAIL, 0);
    world.edit(1, EMAIL, set(&[]), Actor::Support, 1, true);
    world.settle();
    assert_eq!([at(&world, 0), at(&world, 1)], ["vip", "vip"]);
}

#[test]
fn a_waiting_field_whose_sides_agree_thaws() {
    let mut world = World::pair(shared(Kind::Other), Value::text("old"));
    world.edit(0, EMAIL, Value::text("crm's"), Actor::Sales, 1, true);
    world.look(ALL_FAIL, 0);
    world.edit(1, EMAIL, Value::text("desk's"), Actor::Support, 1_000, true);
    world.look(ALL_LAND, 0);
    assert!(world.frozen.contains(EMAIL));
    world.edit(0, EMAIL, Value::text("desk's"), Actor::Sales, MINUTE, true);
    world.look(ALL_LAND, 0);
    assert!(world.frozen.is_empty(), "both sides say the same by now");
    assert_eq!(get(&world.held.values, EMAIL).display(), "desk's");
}

#[test]
fn a_value_that_was_replaced_at_its_side_does_not_come_back() {
    let mut world = World::pair(shared(Kind::Other), Value::text("old"));
    world.edit(0, EMAIL, Value::text("by customer"), Actor::Customer, 1, true);
    world.look(ALL_FAIL, 0);
    world.edit(0, EMAIL, Value::text("by sales"), Actor::Sales, MINUTE, true);
    world.edit(1, EMAIL, Value::text("by support"), Actor::Support, MINUTE, true);
    world.settle();
    assert_ne!(at(&world, 0), "by customer", "somebody saw it and replaced it");
}

#[test]
fn what_is_seen_while_a_field_waits_is_on_record() {
    let mut world = World::pair(shared(Kind::Other), Value::text("old"));
    world.edit(0, EMAIL, Value::text("crm's"), Actor::Sales, 1, true);
    world.edit(1, EMAIL, Value::text("desk's"), Actor::Support, 1, true);
    world.look(ALL_LAND, 0);
    world.edit(0, EMAIL, Value::text("old"), Actor::Sales, MINUTE, true);
    world.edit(1, EMAIL, Value::text("desk's second"), Actor::Support, MINUTE, true);
    let told: Vec<Value> = world.look(ALL_LAND, 0).conflicts.into_iter().flat_map(|one| one.candidates).map(|one| one.value).collect();
    assert!(told.contains(&Value::text("desk's second")), "once the desk changes it again, it is nowhere");
}

#[test]
fn what_a_new_side_held_of_an_owned_field_is_on_record() {
    let mut world = World::pair(FieldPolicy::new(EMAIL, Owner::Crm), Value::text("crm's"));
    world.sides[1].base.clear();
    world.sides[1].values.insert(EMAIL.to_owned(), Value::text("desk's"));
    let plan = world.look(ALL_LAND, 0);
    assert_eq!(at(&world, 1), "crm's");
    assert!(plan.overwritten.iter().any(|one| one.lost.value == Value::text("desk's")), "it is replaced without a trace");
}

#[test]
fn a_lost_write_to_one_owner_does_not_undo_the_other_s_change() {
    let values = Fields::from([(EMAIL.to_owned(), Value::text("old"))]);
    let mut world = World::agreed(vec![FieldPolicy::new(EMAIL, Owner::Crm)], &values, &[CRM, ("crm2", Role::Crm), DESK]);
    world.edit(1, EMAIL, Value::text("new"), Actor::Sales, 1, true);
    world.look(ALL_FAIL, 0);
    world.settle();
    assert_eq!(at(&world, 0), "new");
}

#[test]
fn what_cannot_be_put_back_is_noted_once() {
    let mut world = World::pair(FieldPolicy::new(EMAIL, Owner::Crm), Value::text("crm's"));
    world.sides[1].writable.clear();
    world.edit(1, EMAIL, Value::text("desk's"), Actor::Support, 1, true);
    assert_eq!(world.look(ALL_LAND, 0).drift.len(), 1);
    assert!(world.look(ALL_LAND, 0).drift.is_empty(), "every look would make an entry of the ledger");
}

#[test]
fn what_lost_and_cannot_be_written_is_told_once() {
    let mut world = World::pair(shared(Kind::Other), Value::text("old"));
    world.sides[1].writable.clear();
    world.edit(1, EMAIL, Value::text("desk's"), Actor::Support, 1, true);
    world.edit(0, EMAIL, Value::text("crm's"), Actor::Sales, MINUTE, true);
    assert_eq!(world.look(ALL_LAND, 0).conflicts.len(), 1);
    assert!(world.look(ALL_LAND, 0).conflicts.is_empty(), "every look would make a conflict and an entry of the ledger");
}

#[test]
fn a_decision_for_the_value_of_before_does_not_flip() {
    let mut world = World::pair(shared(Kind::Other), Value::text("before"));
    world.edit(0, EMAIL, Value::text("typo"), Actor::Sales, 1, true);
    world.look(ALL_FAIL, 0);
    world.edit(1, EMAIL, Value::text("desk's"), Actor::Support, MINUTE, true);
    world.edit(0, EMAIL, Value::text("before"), Actor::Sales, MINUTE, true);
    world.look(ALL_FAIL, 0);
    assert_eq!(get(&world.held.values, EMAIL).display(), "before", "the latest");
    world.settle();
    assert_eq!([at(&world, 0), at(&world, 1)], ["before", "before"]);
}

#[test]
fn a_new_side_does_not_bring_back_what_the_customer_deleted() {
    let mut world = World::pair(shared(Kind::Other), Value::text("old"));
    world.sides[1].base.clear();
    world.edit(0, EMAIL, Value::Null, Actor::Customer, 1, true);
    world.look(ALL_FAIL, 0);
    world.settle();
    assert_eq!([at(&world, 0), at(&world, 1)], ["", ""]);
}
