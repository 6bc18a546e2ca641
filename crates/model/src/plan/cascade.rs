//! The cascade of rules that settles a conflict, or hands it to a person.

use serde::{Deserialize, Serialize};

use super::Reason;
use super::policy::{Adopted, FieldPolicy, Kind, Rule};
use crate::actor::{Actor, ChangeMark};
use crate::mapping::Role;
use crate::value::Value;

/// One of the values that compete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The side: a connection, or [`super::NATIVE`].
    pub side: String,
    /// The part it plays; `None` for Entente's own record.
    pub role: Option<Role>,
    /// The value.
    pub value: Value,
    /// When and by whom it was set there.
    pub mark: ChangeMark,
}

/// What the cascade says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The candidate at this index wins.
    Wins {
        /// Index into the candidates.
        at: usize,
        /// The rule.
        reason: Reason,
    },
    /// No rule applies: a person decides.
    Person,
}

/// Runs the rules of a field over candidates with at least two different values. What they leave to a person is decided by a rule that
/// people adopted, if one fits.
#[must_use]
pub fn decide(policy: &FieldPolicy, candidates: &[Candidate]) -> Verdict {
    match run(policy, candidates) {
        Verdict::Person => adopted(policy, candidates).unwrap_or(Verdict::Person),
        wins @ Verdict::Wins { .. } => wins,
    }
}

/// The first adopted rule whose sides and hands are those of the candidates.
fn adopted(policy: &FieldPolicy, candidates: &[Candidate]) -> Option<Verdict> {
    let fits = |rule: &&Adopted| {
        rule.sides.len() == candidates.len() && candidates.iter().all(|one| rule.sides.get(&one.side) == Some(&one.mark.by))
    };
    let rule = policy.adopted.iter().find(fits)?;
    let at = candidates.iter().position(|candidate| candidate.side == rule.winner)?;
    Some(Verdict::Wins { at, reason: Reason::Adopted })
}

fn run(policy: &FieldPolicy, candidates: &[Candidate]) -> Verdict {
    for rule in &policy.rules {
        let counts = |c: &Candidate| policy.counts(&c.side, *rule);
        let verdict = match rule {
            Rule::SelfService => only(candidates, Reason::SelfService, |c| c.mark.by == Actor::Customer && counts(c)),
            Rule::SalesContact if policy.kind == Kind::Contact => {
                only(candidates, Reason::SalesContact, |c| c.role == Some(Role::Crm) && c.mark.by == Actor::Sales && counts(c))
            }
            Rule::SupportStatus if policy.kind == Kind::Status => only(candidates, Reason::SupportStatus, |c| {
                c.role == Some(Role::Support) && matches!(c.mark.by, Actor::Support | Actor::Automation) && counts(c)
            }),
            Rule::SalesContact | Rule::SupportStatus => None,
            Rule::Simultaneous => simultaneous(candidates, policy.simultaneous_ms).then_some(Verdict::Person),
            Rule::Latest => latest(candidates),
        };
        if let Some(verdict) = verdict {
            return verdict;
        }
    }
    Verdict::Person
}

/// The verdict if all candidates that fit hold one value.
fn only(candidates: &[Candidate], reason: Reason, fits: impl Fn(&Candidate) -> bool) -> Option<Verdict> {
    let mut fitting = candidates.iter().enumerate().filter(|(_, candidate)| fits(candidate));
    let (at, first) = fitting.next()?;
    fitting.all(|(_, other)| other.value.agrees(&first.value)).then_some(Verdict::Wins { at, reason })
}

/// Whether the two latest changes with different values are closer than the window. Unknown times never are.
fn simultaneous(candidates: &[Candidate], window_ms: i64) -> bool {
    let Some((first, second)) = two_latest(candidates) else { return false };
    match (first.mark.at, second.mark.at) {
        (Some(a), Some(b)) => (a.as_millisecond() - b.as_millisecond()).abs() < window_ms,
        _ => false,
    }
}

/// The latest change, if every candidate's time is known and one is latest.
fn latest(candidates: &[Candidate]) -> Option<Verdict> {
    let (first, second) = two_latest(candidates)?;
    let known = candidates.iter().all(|candidate| candidate.mark.at.is_some());
    if !known || first.mark.at == second.mark.at {
        return None;
    }
    let at = candidates.iter().position(|candidate| candidate == first)?;
    Some(Verdict::Wins { at, reason: Reason::Latest })
}

/// The latest candidate, and the latest among those that differ from it.
fn two_latest(candidates: &[Candidate]) -> Option<(&Candidate, &Candidate)> {
    let first = candidates.iter().max_by_key(|candidate| candidate.mark.at)?;
    let second = candidates.iter().filter(|other| !other.value.agrees(&first.value)).max_by_key(|candidate| candidate.mark.at)?;
    Some((first, second))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::clock::Timestamp;
    use crate::mapping::Owner;
    use crate::plan::policy::{DEFAULT_RULES, SIMULTANEOUS_MS};

    fn candidate(side: &str, role: Role, by: Actor, ms: i64) -> Candidate {
        let at = Timestamp::from_millisecond(1_700_000_000_000 + ms).ok();
        Candidate { side: side.to_owned(), role: Some(role), value: Value::text(side), mark: ChangeMark { at, by, who: None } }
    }

    /// Sales changed it at the CRM, the customer at the desk, `gap` milliseconds later.
    fn sales_and_customer(gap: i64) -> [Candidate; 2] {
        [candidate("crm", Role::Crm, Actor::Sales, 0), candidate("desk", Role::Support, Actor::Customer, gap)]
    }

    fn policy(rules: &[Rule]) -> FieldPolicy {
        FieldPolicy { kind: Kind::Contact, rules: rules.to_vec(), ..FieldPolicy::new("phone", Owner::Shared) }
    }

    fn winner(policy: &FieldPolicy, candidates: &[Candidate]) -> Option<(Reason, String)> {
        match decide(policy, candidates) {
            Verdict::Wins { at, reason } => Some((reason, candidates[at].side.clone())),
            Verdict::Person => None,
        }
    }

    fn wins(reason: Reason, side: &str) -> Option<(Reason, String)> {
        Some((reason, side.to_owned()))
    }

    #[test]
    fn the_first_rule_that_fits_decides_whatever_their_order() {
        let both = sales_and_customer(60_000);
        assert_eq!(winner(&policy(DEFAULT_RULES), &both), wins(Reason::SelfService, "desk"));
        assert_eq!(winner(&policy(&[Rule::SalesContact, Rule::SelfService]), &both), wins(Reason::SalesContact, "crm"));
        let near = sales_and_customer(1_000);
        assert_eq!(winner(&policy(&[Rule::Simultaneous, Rule::SelfService]), &near), None, "a person comes first");
    }

    #[test]
    fn a_rule_that_is_left_out_decides_nothing() {
        let both = sales_and_customer(-60_000);
        assert_eq!(winner(&policy(&[Rule::SalesContact, Rule::Simultaneous, Rule::Latest]), &both), wins(Reason::SalesContact, "crm"));
        assert_eq!(winner(&policy(&[Rule::Simultaneous, Rule::Latest]), &both), wins(Reason::Latest, "crm"));
        assert_eq!(winner(&policy(&[Rule::Simultaneous]), &both), None);
        assert_eq!(winner(&policy(&[]), &both), None, "without rules everything is for a person");
        assert_eq!(winner(&policy(&[Rule::Latest]), &sales_and_customer(1)), wins(Reason::Latest, "desk"), "however close");
    }

    #[test]
    fn the_window_says_what_is_simultaneous() {
        let story = |window_ms, gap| {
            let policy = FieldPolicy { simultaneous_ms: window_ms, ..policy(&[Rule::Simultaneous, Rule::Latest]) };
            winner(&policy, &sales_and_customer(gap))
        };
        assert_eq!(story(SIMULTANEOUS_MS, 4_999), None);
        assert_eq!(story(SIMULTANEOUS_MS, 5_000), wins(Reason::Latest, "desk"));
        assert_eq!(story(60_000, 59_999), None);
        assert_eq!(story(0, 1), wins(Reason::Latest, "desk"));
        assert_eq!(story(0, 0), None, "of two at one instant none is the latest");
    }

    #[test]
    fn a_rule_that_a_connection_leaves_out_does_not_count_for_its_side_alone() {
        let without = |side: &str, rule| BTreeMap::from([(side.to_owned(), vec![rule])]);
        let both = sales_and_customer(60_000);
        let desk = FieldPolicy { without: without("desk", Rule::SelfService), ..policy(DEFAULT_RULES) };
        assert_eq!(winner(&desk, &both), wins(Reason::SalesContact, "crm"), "this desk's self-service does not count");
        let other = FieldPolicy { without: without("other", Rule::SelfService), ..policy(DEFAULT_RULES) };
        assert_eq!(winner(&other, &both), wins(Reason::SelfService, "desk"));
        let neither = FieldPolicy {
            without: BTreeMap::from([("desk".to_owned(), vec![Rule::SelfService]), ("crm".to_owned(), vec![Rule::SalesContact])]),
            ..policy(DEFAULT_RULES)
        };
        assert_eq!(winner(&neither, &both), wins(Reason::Latest, "desk"), "it still competes, and wins by the others");
    }
}
