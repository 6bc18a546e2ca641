//! Consent at a first meeting: of what a person has agreed to, "no" is an answer. Where rows that never agreed on it answer differently, no rule
//! may decide, for what is known of a row is when it was changed, and not when the person was asked.

use super::cascade::Candidate;
use super::policy::{FieldPolicy, Kind};
use super::{Input, Side, changed, held_candidate};
use crate::value::{Value, get};

/// What a value says of a consent; none where it is no answer.
#[must_use]
pub fn answer(value: &Value) -> Option<&Value> {
    (matches!(value, Value::Bool(_)) || !value.is_blank()).then_some(value)
}

/// The answers that compete, where the field is a consent, some side was never agreed with on it, and not all answers are the same.
pub(super) fn disagreement(input: Input<'_>, sides: &[&Side], policy: &FieldPolicy) -> Option<Vec<Candidate>> {
    if policy.kind != Kind::Consent {
        return None;
    }
    let key = &policy.field;
    let answers: Vec<(&Side, &Value)> = sides.iter().filter_map(|side| Some((*side, answer(said(side, key))?))).collect();
    let is_first = answers.iter().any(|(side, _)| side.known(key).is_none());
    if !is_first {
        return None;
    }
    let mut candidates: Vec<Candidate> = answers
        .iter()
        .map(|(side, value)| Candidate { side: side.name.clone(), role: Some(side.role), value: (*value).clone(), mark: side.mark_of(key) })
        .collect();
    // What a person entered here, and what a side that is gone by now has said, is an answer too, while nobody has changed it.
    let stands = sides.iter().all(|side| side.known(key).is_none() || !changed(side, key));
    if stands && answer(get(&input.held.values, key)).is_some_and(|held| !candidates.iter().any(|one| one.value == *held)) {
        candidates.push(held_candidate(input, key));
    }
    let differ = candidates.iter().any(|one| one.value != candidates[0].value);
    differ.then_some(candidates)
}

/// What a side says: what it shows, unless that means the same as what was agreed with it. A box that we made without a tick is no answer.
fn said<'a>(side: &'a Side, key: &str) -> &'a Value {
    let now = get(&side.values, key);
    side.known(key).filter(|known| known.agrees(now)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::{Held, NATIVE, Plan, plan};
    use super::*;
    use crate::actor::{Actor, ChangeMark};
    use crate::clock::Timestamp;
    use crate::mapping::{Owner, Role};
    use crate::value::Fields;

    const YES: Value = Value::Bool(true);
    const NO: Value = Value::Bool(false);

    fn one(value: Value) -> Fields {
        Fields::from([("f".to_owned(), value)])
    }

    fn side(name: &str, role: Role, base: Option<Value>, now: Value, at: i64, by: Actor) -> Side {
        Side {
            name: name.to_owned(),
            role,
            values: one(now),
            base: base.map(one).unwrap_or_default(),
            taken: Fields::new(),
            writable: BTreeSet::from(["f".to_owned()]),
            never_blank: BTreeSet::new(),
            mark: ChangeMark { at: Timestamp::from_second(1_700_000_000 + at).ok(), by, who: None },
            marks: BTreeMap::new(),
        }
    }

    fn crm(base: Option<Value>, now: Value) -> Side {
        side("crm", Role::Crm, base, now, 0, Actor::Sales)
    }

    fn desk(base: Option<Value>, now: Value) -> Side {
        side("desk", Role::Support, base, now, 900, Actor::Customer)
    }

    fn story(kind: Kind, held: Value, sides: &[Side], frozen: bool) -> Plan {
        let held = Held { values: one(held), marks: BTreeMap::new() };
        let policy = FieldPolicy { kind, ..FieldPolicy::new("f", Owner::Shared) };
        let frozen = if frozen { BTreeSet::from(["f".to_owned()]) } else { BTreeSet::new() };
        plan(Input { held: &held, sides, policy: &[policy], frozen: &frozen })
    }

    /// The sides that a person is to decide between; nothing is written and nothing changes.
    fn asked(plan: &Plan) -> Vec<&str> {
        assert!(plan.is_quiet() && plan.sides.is_empty(), "{plan:?}");
        let [conflict] = plan.conflicts.as_slice() else { panic!("no conflict, or several: {plan:?}") };
        assert_eq!((&conflict.resolved, conflict.candidates.len() > 1), (&None, true));
        conflict.candidates.iter().map(|one| one.side.as_str()).collect()
    }

    #[test]
    fn rows_that_meet_for_the_first_time_with_different_answers_are_for_a_person() {
        let at_once = [crm(None, YES), desk(None, NO)];
        assert_eq!(asked(&story(Kind::Consent, Value::Null, &at_once, false)), ["crm", "desk"]);
        assert_eq!(
            asked(&story(Kind::Consent, YES, &[crm(Some(YES), YES), desk(None, NO)], false)),
            ["crm", "desk"],
            "yes was there first"
        );
        assert_eq!(asked(&story(Kind::Consent, NO, &[crm(Some(NO), NO), desk(None, YES)], false)), ["crm", "desk"], "no was there first");
        let silent = [crm(Some(NO), NO), desk(None, YES)];
        assert_eq!(asked(&story(Kind::Consent, Value::Null, &silent, false)), ["crm", "desk"], "the record need not know");
        let waiting = [crm(None, YES), desk(None, NO)];
        assert_eq!(asked(&story(Kind::Consent, YES, &waiting, true)), ["crm", "desk"], "it waits until somebody decides");
        let entered = [crm(Some(Value::Null), Value::Null), desk(None, NO)];
        assert_eq!(asked(&story(Kind::Consent, YES, &entered, false)), ["desk", NATIVE], "what a person entered here is an answer");
    }

    #[test]
    fn other_boxes_are_as_they_were_and_so_is_a_consent_that_was_agreed_on() {
        let plan = story(Kind::Other, Value::Null, &[crm(None, YES), desk(None, NO)], false);
        assert_eq!(plan.sides["desk"].writes["f"], YES, "a box that is no consent: a tick stands");
        let plan = story(Kind::Consent, YES, &[crm(Some(YES), YES), desk(Some(YES), NO)], false);
        assert_eq!(
            (&plan.sides["crm"].writes["f"], plan.conflicts.len()),
            (&NO, 0),
            "whoever takes the tick away takes it away everywhere"
        );
        let plan = story(Kind::Consent, NO, &[crm(Some(NO), NO), desk(Some(NO), YES)], false);
        assert_eq!(plan.sides["crm"].writes["f"], YES);
    }

    #[test]
    fn no_answer_is_none() {
        for (theirs, ours) in [(YES, Value::Null), (Value::Null, YES)] {
            let plan = story(Kind::Consent, Value::Null, &[crm(None, theirs), desk(None, ours)], false);
            assert_eq!((plan.changes[0].after.clone(), plan.conflicts.len()), (YES, 0));
        }
        assert!(story(Kind::Consent, Value::Null, &[crm(None, NO), desk(None, NO)], false).conflicts.is_empty(), "one answer");
        // A row that we made without a tick shows an empty box: nobody was asked there.
        let made = [desk(None, YES), crm(Some(Value::Null), NO)];
        assert_eq!(story(Kind::Consent, Value::Null, &made, false).sides["crm"].writes["f"], YES);
    }

    #[test]
    fn a_no_is_kept_as_agreed_so_that_it_is_known_to_whoever_comes_later() {
        let plan = story(Kind::Consent, Value::Null, &[crm(None, NO)], false);
        assert_eq!(plan.sides["crm"].agreed["f"], NO);
    }

    #[test]
    fn an_answer_that_somebody_has_changed_meanwhile_does_not_compete() {
        // The record has yet to hear that the CRM's box was ticked; the desk's row, which is new, says the same.
        let plan = story(Kind::Consent, NO, &[crm(Some(NO), YES), desk(None, YES)], false);
        assert_eq!((plan.changes[0].after.clone(), plan.conflicts.len()), (YES, 0));
    }
}
