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
        let verdict = match rule {
            Rule::SelfService => only(candidates, Reason::SelfService, |c| c.mark.by == Actor::Customer),
            Rule::SalesContact if policy.kind == Kind::Contact => {
                only(candidates, Reason::SalesContact, |c| c.role == Some(Role::Crm) && c.mark.by == Actor::Sales)
            }
            Rule::SupportStatus if policy.kind == Kind::Status => only(candidates, Reason::SupportStatus, |c| {
                c.role == Some(Role::Support) && matches!(c.mark.by, Actor::Support | Actor::Automation)
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
