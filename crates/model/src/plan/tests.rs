use std::collections::{BTreeMap, BTreeSet};

use super::policy::{FieldPolicy, Kind, Merge};
use super::*;
use crate::actor::Actor;
use crate::clock::Timestamp;

fn mark(seconds: i64, by: Actor) -> ChangeMark {
    ChangeMark { at: Some(Timestamp::from_second(1_700_000_000 + seconds).unwrap()), by, who: None }
}

fn side(name: &str, role: Role, base: Option<&str>, now: &str, mark: ChangeMark) -> Side {
    let base = base.map(|base| Fields::from([("f".to_owned(), Value::text(base))])).unwrap_or_default();
    Side {
        name: name.to_owned(),
        role,
        values: Fields::from([("f".to_owned(), Value::text(now))]),
        base,
        taken: Fields::new(),
        writable: BTreeSet::from(["f".to_owned()]),
        never_blank: BTreeSet::new(),
        mark,
        marks: BTreeMap::new(),
    }
}

fn run(held: &str, sides: &[Side], policy: &FieldPolicy, frozen: bool) -> Plan {
    let held = Held { values: Fields::from([("f".to_owned(), Value::text(held))]), marks: BTreeMap::new() };
    let frozen = if frozen { BTreeSet::from(["f".to_owned()]) } else { BTreeSet::new() };
    plan(Input { held: &held, sides, policy: std::slice::from_ref(policy), frozen: &frozen })
}

fn shared(kind: Kind) -> FieldPolicy {
    FieldPolicy { kind, ..FieldPolicy::new("f", Owner::Shared) }
}

fn crm(base: Option<&str>, now: &str, at: i64, by: Actor) -> Side {
    side("crm", Role::Crm, base, now, mark(at, by))
}

fn desk(base: Option<&str>, now: &str, at: i64, by: Actor) -> Side {
    side("desk", Role::Support, base, now, mark(at, by))
}

fn written(plan: &Plan, side: &str) -> Option<Value> {
    plan.sides.get(side).and_then(|side| side.writes.get("f")).cloned()
}

#[test]
fn the_owner_s_value_wins_and_the_other_side_is_put_back() {
    let policy = FieldPolicy::new("f", Owner::Crm);
    let sides = [crm(Some("gold"), "gold", 0, Actor::Sales), desk(Some("gold"), "free", 9, Actor::Support)];
    let plan = run("gold", &sides, &policy, false);
    assert_eq!(written(&plan, "desk"), Some(Value::text("gold")));
    assert_eq!(written(&plan, "crm"), None);
    assert_eq!(plan.drift.len(), 1);
    assert!(plan.changes.is_empty());
}

#[test]
fn of_two_desks_that_own_a_field_and_changed_it_the_latest_speaks() {
    let policy = FieldPolicy::new("f", Owner::Support);
    for (first, second, wins) in [(5, 9, "other's"), (9, 5, "desk's")] {
        let sides = [
            crm(Some("a"), "a", 0, Actor::Sales),
            desk(Some("a"), "desk's", first, Actor::Support),
            side("other", Role::Support, Some("a"), "other's", mark(second, Actor::Support)),
        ];
        let plan = run("a", &sides, &policy, false);
        assert_eq!(written(&plan, "crm"), Some(Value::text(wins)));
        let lost = if wins == "desk's" { "other" } else { "desk" };
        assert_eq!(plan.drift.iter().map(|drift| drift.side.as_str()).collect::<Vec<_>>(), [lost], "what the other said is on record");
    }
}

#[test]
fn without_a_counterpart_at_the_owner_nothing_is_put_back_to_blank() {
    let sides = [desk(None, "Acme", 0, Actor::Unknown)];
    let plan = run("", &sides, &FieldPolicy::new("f", Owner::Crm), false);
    assert_eq!(plan.changes[0].after, Value::text("Acme"));
    assert_eq!(written(&plan, "desk"), None);
    let joined = [crm(None, "ACME Inc", 9, Actor::Sales), desk(Some("Acme"), "Acme", 0, Actor::Unknown)];
    let plan = run("Acme", &joined, &FieldPolicy::new("f", Owner::Crm), false);
    assert_eq!(written(&plan, "desk"), Some(Value::text("ACME Inc")));
}

#[test]
fn a_change_on_one_side_goes_to_the_other() {
    let sides = [crm(Some("a"), "a", 0, Actor::Sales), desk(Some("a"), "b", 9, Actor::Unknown)];
    let plan = run("a", &sides, &shared(Kind::Other), false);
    assert_eq!(written(&plan, "crm"), Some(Value::text("b")));
    assert_eq!(plan.sides["desk"].agreed["f"], Value::text("b"));
    assert_eq!(plan.changes[0].reason, Reason::OnlyChange);
}

#[test]
fn an_echo_of_our_own_write_vanishes() {
    let sides = [crm(Some("b"), "b", 0, Actor::Us), desk(Some("b"), "b", 9, Actor::Us)];
    let plan = run("b", &sides, &shared(Kind::Other), false);
    assert!(plan.is_quiet() && plan.sides.is_empty());
}

#[test]
fn the_same_change_on_both_sides_is_agreement() {
    let sides = [crm(Some("a"), "b", 0, Actor::Sales), desk(Some("a"), "b", 1, Actor::Unknown)];
    let plan = run("a", &sides, &shared(Kind::Other), false);
    assert_eq!(plan.changes[0].reason, Reason::SameChange);
    assert!(plan.conflicts.is_empty() && written(&plan, "crm").is_none() && written(&plan, "desk").is_none());
}

#[test]
fn the_cascade_runs_in_order() {
    let story = |crm_by, desk_by, kind, gap| {
        let sides = [crm(Some("a"), "b", 0, crm_by), desk(Some("a"), "c", gap, desk_by)];
        let plan = run("a", &sides, &shared(kind), false);
        plan.conflicts[0].resolved.clone()
    };
    let wins = |reason, side: &str| Some((reason, side.to_owned()));
    assert_eq!(story(Actor::Sales, Actor::Customer, Kind::Contact, 100), wins(Reason::SelfService, "desk"));
    assert_eq!(story(Actor::Sales, Actor::Support, Kind::Contact, 100), wins(Reason::SalesContact, "crm"));
    assert_eq!(story(Actor::Sales, Actor::Support, Kind::Status, -100), wins(Reason::SupportStatus, "desk"));
    assert_eq!(story(Actor::Unknown, Actor::Unknown, Kind::Contact, 100), wins(Reason::Latest, "desk"));
    assert_eq!(story(Actor::Unknown, Actor::Unknown, Kind::Contact, -100), wins(Reason::Latest, "crm"));
    assert_eq!(story(Actor::Unknown, Actor::Unknown, Kind::Contact, 4), None);
}

#[test]
fn an_adopted_rule_decides_only_what_would_go_to_a_person() {
    let sides = BTreeMap::from([("crm".to_owned(), Actor::Sales), ("desk".to_owned(), Actor::Support)]);
    let adopted = vec![policy::Adopted { id: "one".to_owned(), sides, winner: "desk".to_owned() }];
    let policy = FieldPolicy { adopted, ..shared(Kind::Other) };
    let story = |crm_by, desk_by, gap| {
        let sides = [crm(Some("a"), "b", 0, crm_by), desk(Some("a"), "c", gap, desk_by)];
        run("a", &sides, &policy, false).conflicts[0].resolved.clone()
    };
    assert_eq!(story(Actor::Sales, Actor::Support, 2), Some((Reason::Adopted, "desk".to_owned())), "both within five seconds");
    assert_eq!(story(Actor::Sales, Actor::Unknown, 2), None, "whose hand it was is not known: the rule does not apply");
    assert_eq!(story(Actor::Sales, Actor::Support, -900), Some((Reason::Latest, "crm".to_owned())), "the cascade comes first");
}

#[test]
fn a_waiting_conflict_freezes_the_field_until_the_sides_agree() {
    let policy = shared(Kind::Other);
    let apart = [crm(Some("a"), "b", 0, Actor::Unknown), desk(Some("a"), "c", 900, Actor::Unknown)];
    let plan = run("a", &apart, &policy, true);
    assert!(plan.is_quiet() && plan.thawed.is_empty());
    assert_eq!(plan.conflicts[0].resolved, None);
    let together = [crm(Some("a"), "c", 0, Actor::Unknown), desk(Some("a"), "c", 900, Actor::Unknown)];
    let plan = run("a", &together, &policy, true);
    assert!(plan.thawed.contains("f"));
    assert_eq!(plan.changes[0].after, Value::text("c"));
    let still = apart.map(|side| Side { values: Fields::new(), ..side });
    assert!(run("a", &still, &policy, true).thawed.is_empty(), "sides at which the field stands still agree on nothing");
}

#[test]
fn a_value_the_record_holds_but_a_side_has_not_seen_competes() {
    // The CRM's `b` was taken, its write to the desk has not landed, and now the desk says `c`.
    let sides = [crm(Some("b"), "b", 0, Actor::Sales), desk(Some("a"), "c", 900, Actor::Unknown)];
    let plan = run("b", &sides, &shared(Kind::Other), false);
    assert_eq!(plan.conflicts.len(), 1);
    assert!(plan.conflicts[0].candidates.iter().any(|candidate| candidate.side == NATIVE));
}

#[test]
fn a_value_that_came_in_competes_as_the_side_s_that_shows_it() {
    let story = |by, kind, sides: &[Side]| {
        let marks = BTreeMap::from([("f".to_owned(), mark(0, by))]);
        let held = Held { values: Fields::from([("f".to_owned(), Value::text("b"))]), marks };
        let policy = shared(kind);
        let plan = plan(Input { held: &held, sides, policy: std::slice::from_ref(&policy), frozen: &BTreeSet::new() });
        let conflict = plan.conflicts.into_iter().next().unwrap();
        (conflict.candidates.last().unwrap().side.clone(), conflict.resolved)
    };
    // The desk's `b` was taken, its write to the CRM has not landed, and by now the CRM says `c`.
    let taken = |gap| [crm(Some("a"), "c", gap, Actor::Sales), desk(Some("b"), "b", 0, Actor::Support)];
    assert_eq!(story(Actor::Support, Kind::Other, &taken(2)), ("desk".to_owned(), None), "people decide between the two platforms");
    let support = Some((Reason::SupportStatus, "desk".to_owned()));
    assert_eq!(story(Actor::Support, Kind::Status, &taken(900)), ("desk".to_owned(), support), "and the desk's rule knows its side");
    let ours = story(Actor::Person, Kind::Other, &taken(2)).0;
    assert_eq!(ours, NATIVE, "what a person entered here and the desk has already is no platform's");
    // A second CRM shows it too: whose it is cannot be told.
    let both = [
        crm(Some("a"), "c", 2, Actor::Sales),
        desk(Some("b"), "b", 0, Actor::Support),
        side("other", Role::Crm, Some("b"), "b", mark(0, Actor::Sales)),
    ];
    assert_eq!(story(Actor::Support, Kind::Other, &both).0, NATIVE);
}

#[test]
fn a_new_counterpart_fills_blanks_and_keeps_what_agrees() {
    let sides = [crm(Some("a"), "a", 0, Actor::Sales), desk(None, "", 9, Actor::Unknown)];
    let plan = run("a", &sides, &shared(Kind::Other), false);
    assert_eq!(written(&plan, "desk"), Some(Value::text("a")));
    let sides = [crm(Some(""), "", 0, Actor::Sales), desk(None, "z", 9, Actor::Unknown)];
    let plan = run("", &sides, &shared(Kind::Other), false);
    assert_eq!(written(&plan, "crm"), Some(Value::text("z")));
}

#[test]
fn sets_merge_item_by_item() {
    let set = |items: &[&str]| Value::Set(items.iter().map(|item| (*item).to_owned()).collect());
    let make = |name: &str, role, now: Value| Side {
        name: name.to_owned(),
        role,
        values: Fields::from([("f".to_owned(), now)]),
        base: Fields::from([("f".to_owned(), set(&["vip", "old"]))]),
        taken: Fields::new(),
        writable: BTreeSet::from(["f".to_owned()]),
        never_blank: BTreeSet::new(),
        mark: ChangeMark::default(),
        marks: BTreeMap::new(),
    };
    let sides = [make("crm", Role::Crm, set(&["vip", "old", "new"])), make("desk", Role::Support, set(&["vip", "risk"]))];
    let held = Held { values: Fields::from([("f".to_owned(), set(&["vip", "old"]))]), marks: BTreeMap::new() };
    let policy = FieldPolicy { merge: Merge::Set, ..FieldPolicy::new("f", Owner::Shared) };
    let plan = plan(Input { held: &held, sides: &sides, policy: &[policy], frozen: &BTreeSet::new() });
    assert_eq!(plan.changes[0].after, set(&["vip", "new", "risk"]));
    assert!(plan.conflicts.is_empty());
}

#[test]
fn what_an_owner_overwrites_at_the_first_link_leaves_a_trace() {
    let sides = [crm(None, "gold", 0, Actor::Sales), desk(None, "platinum", 9, Actor::Support)];
    let plan = run("", &sides, &FieldPolicy::new("f", Owner::Crm), false);
    assert_eq!(written(&plan, "desk"), Some(Value::text("gold")));
    assert!(plan.drift.is_empty(), "what was never agreed has not drifted");
    let lost: Vec<(&str, &Value)> = plan.overwritten.iter().map(|one| (one.lost.side.as_str(), &one.lost.value)).collect();
    assert_eq!(lost, [("desk", &Value::text("platinum"))]);
    let blank = [crm(None, "gold", 0, Actor::Sales), desk(None, "", 9, Actor::Support)];
    assert!(run("", &blank, &FieldPolicy::new("f", Owner::Crm), false).overwritten.is_empty());
    let agreed = [crm(Some("free"), "gold", 0, Actor::Sales), desk(Some("free"), "free", 9, Actor::Support)];
    assert!(
        run("free", &agreed, &FieldPolicy::new("f", Owner::Crm), false).overwritten.is_empty(),
        "the ledger has it since it was agreed"
    );
}

#[test]
fn a_field_of_ours_that_was_never_set_is_left_as_it_stands() {
    let policy = FieldPolicy::new("f", Owner::Native);
    let sides = [desk(None, "Billing team", 9, Actor::Support)];
    let held = Held::default();
    let story = |held: &Held| plan(Input { held, sides: &sides, policy: std::slice::from_ref(&policy), frozen: &BTreeSet::new() });
    assert!(story(&held).is_quiet() && story(&held).drift.is_empty());
    // Once Entente gives it a value, that value goes there, and what it replaces is kept.
    let set = Held { values: Fields::from([("f".to_owned(), Value::text("Enterprise"))]), marks: BTreeMap::new() };
    assert_eq!(written(&story(&set), "desk"), Some(Value::text("Enterprise")));
    assert_eq!(story(&set).overwritten[0].lost.value, Value::text("Billing team"));
    // Taking the value away again is a value, too.
    let cleared = Held { values: Fields::from([("f".to_owned(), Value::Null)]), marks: BTreeMap::new() };
    assert_eq!(written(&story(&cleared), "desk"), Some(Value::Null));
}

#[test]
fn what_was_undone_is_written_to_the_owner_until_the_owner_changes_it_again() {
    let policy = FieldPolicy::new("f", Owner::Crm);
    let undone = |now: &str| {
        let mut owner = crm(None, now, 0, Actor::Sales);
        owner.taken = Fields::from([("f".to_owned(), Value::text("steel"))]);
        owner
    };
    let plan = run("software", &[undone("steel"), desk(Some("steel"), "steel", 0, Actor::Us)], &policy, false);
    assert_eq!(written(&plan, "crm"), Some(Value::text("software")));
    assert_eq!(written(&plan, "desk"), Some(Value::text("software")));
    assert!(plan.changes.is_empty());

    let plan = run("software", &[undone("steel"), desk(Some("steel"), "oil", 0, Actor::Support)], &policy, false);
    assert_eq!(plan.drift.iter().map(|drift| &drift.found).collect::<Vec<_>>(), [&Value::text("oil")], "drift is put back as ever");

    let plan = run("software", &[undone("wood"), desk(Some("steel"), "steel", 0, Actor::Us)], &policy, false);
    assert_eq!(plan.changes.iter().map(|change| &change.after).collect::<Vec<_>>(), [&Value::text("wood")], "the owner spoke again");

    let mut read_only = undone("steel");
    read_only.writable.clear();
    let plan = run("software", &[read_only, desk(Some("steel"), "steel", 0, Actor::Us)], &policy, false);
    assert_eq!(plan.changes.iter().map(|change| &change.after).collect::<Vec<_>>(), [&Value::text("steel")]);
}

#[test]
fn a_side_that_cannot_be_without_a_value_keeps_its_own_and_what_is_entered_there_later_counts() {
    let lasting = |base: &str, now: &str, at: i64| Side {
        never_blank: BTreeSet::from(["f".to_owned()]),
        ..desk(Some(base), now, at, Actor::Support)
    };
    // Sales clears it: that stands, and is neither written to the desk nor undone by what the desk still shows.
    let plan = run("Berlin", &[crm(Some("Berlin"), "", 9, Actor::Sales), lasting("Berlin", "Berlin", 0)], &shared(Kind::Contact), false);
    assert!(plan.changes.len() == 1 && plan.changes[0].after.is_blank(), "{plan:?}");
    assert_eq!(written(&plan, "desk"), None);
    let rest = [crm(Some(""), "", 9, Actor::Sales), lasting("Berlin", "Berlin", 0)];
    assert!(run("", &rest, &shared(Kind::Contact), false).is_quiet(), "and that is all");
    // An agent enters another one: the blank that the desk never heard of is no rival, although sales' contact data would win.
    let plan = run("", &[crm(Some(""), "", 9, Actor::Sales), lasting("Berlin", "London", 99)], &shared(Kind::Contact), false);
    assert_eq!(written(&plan, "crm"), Some(Value::text("London")));
    assert!(plan.conflicts.is_empty(), "{:?}", plan.conflicts);
    // Of a field that the CRM owns, the desk's own value is drift that cannot be put back to nothing.
    let policy = FieldPolicy::new("f", Owner::Crm);
    let plan = run("", &[crm(Some(""), "", 9, Actor::Sales), lasting("Berlin", "London", 99)], &policy, false);
    assert!(plan.is_quiet() && plan.drift.len() == 1, "{plan:?}");
}

#[test]
fn a_value_is_judged_by_its_own_time_and_hand_whatever_its_row_was_changed_by_since() {
    let policy = shared(Kind::Contact);
    let desk = desk(Some("a"), "desk's", 60, Actor::Support);
    let mut crm = crm(Some("a"), "crm's", 0, Actor::Sales);
    let decided = |crm: &Side| run("a", &[crm.clone(), desk.clone()], &policy, false).conflicts[0].clone();
    assert_eq!(decided(&crm).resolved, Some((Reason::SalesContact, "crm".to_owned())));
    // Another field of the row is written by us: the hand that entered this value is still the seller's.
    crm.mark = mark(120, Actor::Us);
    crm.marks.insert("f".to_owned(), mark(0, Actor::Sales));
    assert_eq!(decided(&crm).resolved, Some((Reason::SalesContact, "crm".to_owned())));
    // And the later one is the desk's, although the row of the CRM has changed later.
    crm.marks.insert("f".to_owned(), mark(0, Actor::Unknown));
    assert_eq!(decided(&crm).resolved, Some((Reason::Latest, "desk".to_owned())));
    crm.marks.clear();
    assert_eq!(decided(&crm).resolved, Some((Reason::Latest, "crm".to_owned())), "of a row alone nothing better is known");
}
