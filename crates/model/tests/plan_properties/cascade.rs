//! The cascade: who wins when two sides changed one field to different values.

use std::collections::BTreeSet;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::mapping::Owner;
use entente_model::plan::policy::{DEFAULT_RULES, FieldPolicy, Kind, Rule, SIMULTANEOUS_MS};
use entente_model::plan::{Conflict, Reason};
use entente_model::value::{Fields, Value, get};
use proptest::prelude::*;

use super::chance::actor;
use super::world::{ALL_LAND, CRM, DESK, World, at_ms, waiting};

const KINDS: [Kind; 3] = [Kind::Contact, Kind::Status, Kind::Other];

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(KINDS.to_vec())
}

fn mark(by: impl Strategy<Value = Actor>) -> impl Strategy<Value = ChangeMark> {
    let at = prop::option::weighted(0.9, prop_oneof![0..6_000_i64, 0..90_000_i64]);
    (by, at).prop_map(|(by, at)| ChangeMark { at: at.map(at_ms), by, who: None })
}

/// Whoever is not the customer.
fn staff() -> impl Strategy<Value = Actor> {
    actor().prop_filter("not the customer", |by| *by != Actor::Customer)
}

/// A hand that no rule knows.
fn nobody() -> impl Strategy<Value = Actor> {
    prop::sample::select(vec![Actor::Unknown, Actor::Us, Actor::Person])
}

/// Milliseconds within the window of the simultaneous rule, either way.
fn just_within() -> impl Strategy<Value = i64> {
    prop_oneof![Just(-4_999_i64), Just(4_999), -4_999..5_000_i64]
}

fn beyond() -> impl Strategy<Value = i64> {
    prop_oneof![Just(5_000_i64), 5_000..90_000_i64]
}

/// The CRM and the desk change a field, each to its own value; the look finds a conflict, and the world goes by it.
fn clash(policy: FieldPolicy, crm: ChangeMark, desk: ChangeMark) -> (Conflict, World) {
    let mut world = World::pair(policy, Value::text("before"));
    for (side, mark) in world.sides.iter_mut().zip([crm, desk]) {
        side.values.insert("email".to_owned(), Value::text(&side.name));
        side.mark = mark;
    }
    let plan = world.look(ALL_LAND, 0);
    let conflict = plan.conflicts[0].clone();
    let entered: Vec<&str> = conflict.candidates.iter().filter_map(|one| one.value.as_text()).collect();
    assert_eq!(entered, ["crm", "desk"], "both values stay on record, whoever wins");
    assert_eq!(waiting(&plan).contains("email"), conflict.resolved.is_none());
    let winner = conflict.resolved.as_ref().map(|(_, side)| side.as_str());
    for side in &world.sides {
        let now = get(&side.values, "email").as_text().unwrap();
        assert_eq!(now, winner.unwrap_or(&side.name), "the winner goes everywhere, a waiting conflict nowhere");
    }
    assert_eq!(get(&world.held.values, "email").as_text(), Some(winner.unwrap_or("before")));
    (conflict, world)
}

fn shared(kind: Kind, rules: &[Rule]) -> FieldPolicy {
    FieldPolicy { kind, rules: rules.to_vec(), ..FieldPolicy::new("email", Owner::Shared) }
}

fn verdict(kind: Kind, crm: ChangeMark, desk: ChangeMark) -> Option<(Reason, String)> {
    clash(shared(kind, DEFAULT_RULES), crm, desk).0.resolved
}

fn wins(reason: Reason, side: &str) -> Option<(Reason, String)> {
    Some((reason, side.to_owned()))
}

/// What time alone says of two changes.
fn by_time(crm: ChangeMark, desk: ChangeMark) -> Option<(Reason, String)> {
    let gap = desk.at?.as_millisecond() - crm.at?.as_millisecond();
    (gap.abs() >= SIMULTANEOUS_MS).then(|| (Reason::Latest, if gap > 0 { "desk" } else { "crm" }.to_owned()))
}

proptest! {
    #[test]
    fn the_customer_s_own_change_wins(kind in kind(), customer in mark(Just(Actor::Customer)), staff in mark(staff())) {
        prop_assert_eq!(verdict(kind, customer, staff), wins(Reason::SelfService, "crm"));
        prop_assert_eq!(verdict(kind, staff, customer), wins(Reason::SelfService, "desk"));
    }

    #[test]
    fn two_customers_who_disagree_leave_it_to_time(crm in mark(Just(Actor::Customer)), desk in mark(Just(Actor::Customer))) {
        prop_assert_eq!(verdict(Kind::Other, crm, desk), by_time(crm, desk));
    }

    #[test]
    fn sales_wins_with_contact_data_at_the_crm(sales in mark(Just(Actor::Sales)), staff in mark(staff())) {
        prop_assert_eq!(verdict(Kind::Contact, sales, staff), wins(Reason::SalesContact, "crm"));
        prop_assert_eq!(verdict(Kind::Other, sales, staff), by_time(sales, staff), "other data is not sales' own");
    }

    #[test]
    fn sales_has_no_privilege_at_the_desk(crm in mark(nobody()), sales in mark(Just(Actor::Sales))) {
        prop_assert_eq!(verdict(Kind::Contact, crm, sales), by_time(crm, sales));
    }

    #[test]
    fn an_event_of_support_wins_with_status(
        crm in mark(staff()), desk in mark(prop::sample::select(vec![Actor::Support, Actor::Automation])), by_support in any::<bool>(),
    ) {
        prop_assert_eq!(verdict(Kind::Status, crm, desk), wins(Reason::SupportStatus, "desk"));
        prop_assert_eq!(verdict(Kind::Other, crm, desk), by_time(crm, desk), "other data is not support's own");
        let at_crm = ChangeMark { by: if by_support { Actor::Support } else { Actor::Automation }, ..crm };
        let unknown = ChangeMark { by: Actor::Unknown, ..desk };
        prop_assert_eq!(verdict(Kind::Status, at_crm, unknown), by_time(at_crm, unknown), "an event at the CRM is not one of support");
    }

    #[test]
    fn without_a_known_hand_time_decides_or_a_person(kind in kind(), crm in mark(nobody()), desk in mark(nobody())) {
        prop_assert_eq!(verdict(kind, crm, desk), by_time(crm, desk));
    }

    #[test]
    fn less_than_the_window_apart_a_person_decides(by in nobody(), at in 0..90_000_i64, gap in just_within(), kind in kind()) {
        let (crm, desk) = (ChangeMark { at: Some(at_ms(at)), by, who: None }, ChangeMark { at: Some(at_ms(at + gap)), by, who: None });
        prop_assert_eq!(verdict(kind, crm, desk), None);
    }

    #[test]
    fn otherwise_the_latest_wins(by in nobody(), at in 0..90_000_i64, gap in beyond(), kind in kind()) {
        let (early, late) = (ChangeMark { at: Some(at_ms(at)), by, who: None }, ChangeMark { at: Some(at_ms(at + gap)), by, who: None });
        prop_assert_eq!(verdict(kind, early, late), wins(Reason::Latest, "desk"));
        prop_assert_eq!(verdict(kind, late, early), wins(Reason::Latest, "crm"));
    }

    #[test]
    fn of_three_the_latest_wins_and_the_others_stay_on_record(first in 0..3_usize, second in 1..3_usize, gap in beyond()) {
        let values = Fields::from([("email".to_owned(), Value::text("before"))]);
        let mut world = World::agreed(vec![shared(Kind::Other, DEFAULT_RULES)], &values, &[CRM, DESK, ("desk2", DESK.1)]);
        let order = [first, (first + second) % 3, (first + 3 - second) % 3];
        for (number, at) in order.into_iter().enumerate() {
            world.edit(at, "email", Value::text(format!("edit {number}")), Actor::Unknown, gap, true);
        }
        let plan = world.look(ALL_LAND, 0);
        prop_assert!(world.sides.iter().all(|side| get(&side.values, "email") == &Value::text("edit 2")));
        let told: BTreeSet<_> = plan.conflicts[0].candidates.iter().filter_map(|one| one.value.as_text()).collect();
        prop_assert_eq!(told, ["edit 0", "edit 1", "edit 2"].into());
    }

    #[test]
    fn an_admin_s_rules_are_the_only_ones(
        rules in prop::sample::subsequence(DEFAULT_RULES, 0..DEFAULT_RULES.len()),
        kind in kind(), crm in mark(actor()), desk in mark(actor()),
    ) {
        let (conflict, _) = clash(shared(kind, &rules), crm, desk);
        let allowed = match conflict.resolved {
            Some((Reason::SelfService, _)) => rules.contains(&Rule::SelfService),
            Some((Reason::SalesContact, _)) => rules.contains(&Rule::SalesContact),
            Some((Reason::SupportStatus, _)) => rules.contains(&Rule::SupportStatus),
            Some((reason, _)) => reason == Reason::Latest && rules.contains(&Rule::Latest),
            None => true,
        };
        prop_assert!(allowed && (!rules.is_empty() || conflict.resolved.is_none()));
    }

    #[test]
    fn a_decided_conflict_stays_decided(kind in kind(), crm in mark(actor()), desk in mark(actor())) {
        let (_, world) = clash(shared(kind, DEFAULT_RULES), crm, desk);
        prop_assert!(world.plan().is_quiet());
        prop_assert_eq!(world.plan().conflicts.is_empty(), world.frozen.is_empty());
    }
}
