//! Planning: what several copies of one record should become. Pure: no I/O, no clock, no chance.
//!
//! Per field it is a three-way merge against what is known of each side: the value last weighed there, else the one last agreed. A side
//! whose value differs from that has changed; one change wins, equal changes agree, different changes go through the [`cascade`] of
//! rules or wait for a person. A waiting field is frozen alone; the others keep moving.

pub mod cascade;
pub mod consent;
pub mod policy;
mod sets;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, ChangeMark};
use crate::mapping::{Owner, Role};
use crate::value::{FieldKey, Fields, Value, get};
use cascade::{Candidate, Verdict};
use policy::{FieldPolicy, Merge};

/// Name of the side that Entente's own record is.
pub const NATIVE: &str = "entente";

/// One linked counterpart, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Name of the connection.
    pub name: String,
    /// The part it plays.
    pub role: Role,
    /// Fields whose value is known from this side. A field that is mapped but missing here is left as it is.
    pub values: Fields,
    /// Values last agreed with this side. A field that is missing here was never agreed.
    pub base: Fields,
    /// Values last weighed: what the last committed plan saw here and decided upon, where that is not the base.
    pub taken: Fields,
    /// Fields that may be written at this side.
    pub writable: BTreeSet<FieldKey>,
    /// Fields that this side cannot be without: a value there can be changed, and not taken away.
    pub never_blank: BTreeSet<FieldKey>,
    /// When and by whom the row was last changed.
    pub mark: ChangeMark,
    /// When and by whom values were changed of which more is known than of the row.
    pub marks: BTreeMap<FieldKey, ChangeMark>,
}

impl Side {
    /// The value that a change is measured against.
    fn known(&self, key: &str) -> Option<&Value> {
        self.taken.get(key).or_else(|| self.base.get(key))
    }

    /// When and by whom a value was last changed, as far as it is known.
    #[must_use]
    pub fn mark_of(&self, key: &str) -> ChangeMark {
        self.marks.get(key).copied().unwrap_or(self.mark)
    }

    /// Whether a value can be written there at all.
    fn takes(&self, key: &str, value: &Value) -> bool {
        self.writable.contains(key) && !(value.is_blank() && self.never_blank.contains(key))
    }
}

/// The record as Entente holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// Present values.
    pub values: Fields,
    /// When and by whom each value was set, at its source.
    pub marks: BTreeMap<FieldKey, ChangeMark>,
}

/// Everything a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The record.
    pub held: &'a Held,
    /// Its counterparts that exist.
    pub sides: &'a [Side],
    /// Owner, merge and rules of every field.
    pub policy: &'a [FieldPolicy],
    /// Fields with a conflict that waits for a person.
    pub frozen: &'a BTreeSet<FieldKey>,
}

/// Why a field has the value that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The owner's value counts.
    Owner,
    /// Only one side changed it.
    OnlyChange,
    /// Several sides changed it to the same value.
    SameChange,
    /// Changes of a set were merged.
    SetMerge,
    /// The customer's own change wins.
    SelfService,
    /// Sales' change of contact data wins.
    SalesContact,
    /// A status change caused by a support event wins.
    SupportStatus,
    /// The latest change wins; the older one is flagged for review.
    Latest,
    /// A rule decides that people adopted from their own decisions.
    Adopted,
    /// Nobody changed it.
    Unchanged,
}

impl Reason {
    /// Name for the ledger and for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::OnlyChange => "only_change",
            Self::SameChange => "same_change",
            Self::SetMerge => "set_merge",
            Self::SelfService => "self_service",
            Self::SalesContact => "sales_contact",
            Self::SupportStatus => "support_status",
            Self::Latest => "latest",
            Self::Adopted => "adopted",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A field of the record that gets a new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Field.
    pub field: FieldKey,
    /// Value before.
    pub before: Value,
    /// Value after.
    pub after: Value,
    /// Why.
    pub reason: Reason,
    /// The side it came from.
    pub from: String,
    /// When and by whom it was changed there.
    #[serde(skip)]
    pub mark: ChangeMark,
}

/// A conflict, waiting or resolved by a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Field.
    pub field: FieldKey,
    /// The value last agreed, if there is one.
    pub base: Value,
    /// The values that compete.
    pub candidates: Vec<Candidate>,
    /// The rule that resolved it and the candidate that won; `None` while it waits for a person.
    pub resolved: Option<(Reason, String)>,
}

/// A change on a side that does not own the field: it is put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Field.
    pub field: FieldKey,
    /// The side that drifted.
    pub side: String,
    /// What stood there.
    pub found: Value,
    /// What it is put back to.
    pub owner_value: Value,
}

/// A value that a side has never agreed with us on, and that gives way to the owner's: somebody entered it there before the two were
/// linked. It is no drift, and it must not vanish without a trace. It is told when it is first weighed, and not again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overwritten {
    /// Field.
    pub field: FieldKey,
    /// What stood where.
    pub lost: Candidate,
    /// The value that takes its place.
    pub owner_value: Value,
    /// The side that value came from.
    pub from: String,
}

/// What one side needs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SidePlan {
    /// Fields to write, with the values to write.
    pub writes: Fields,
    /// Fields that already agree: their base becomes this value.
    pub agreed: Fields,
}

/// The plan of one record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Plan {
    /// Changes of the record itself.
    pub changes: Vec<Change>,
    /// What each side needs, by name of the connection. Sides without writes and without news are left out.
    pub sides: BTreeMap<String, SidePlan>,
    /// Conflicts met, resolved ones included.
    pub conflicts: Vec<Conflict>,
    /// Drift met.
    pub drift: Vec<Drift>,
    /// Values that the owner's replaces at a side that was not agreed with before.
    pub overwritten: Vec<Overwritten>,
    /// Frozen fields that have come to agree by themselves: their conflicts are over.
    pub thawed: BTreeSet<FieldKey>,
}

impl Plan {
    /// Whether nothing would be written anywhere.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.changes.is_empty() && self.sides.values().all(|side| side.writes.is_empty())
    }
}

/// What one field comes to.
enum Outcome {
    Winner { value: Value, reason: Reason, from: String, mark: ChangeMark },
    Waiting,
}

/// Plans one record.
#[must_use]
pub fn plan(input: Input<'_>) -> Plan {
    let mut plan = Plan::default();
    for policy in input.policy {
        plan_field(input, policy, &mut plan);
    }
    plan
}

fn plan_field(input: Input<'_>, policy: &FieldPolicy, plan: &mut Plan) {
    let key = &policy.field;
    let held = get(&input.held.values, key);
    let sides: Vec<&Side> = input.sides.iter().filter(|side| side.values.contains_key(key)).collect();
    let frozen = input.frozen.contains(key);
    if policy.owner == Owner::Native && !input.held.values.contains_key(key) {
        // Entente has never given this field a value, not even a blank one: what stands at the sides is somebody else's.
        return;
    }
    let outcome = match policy.owner {
        Owner::Native => held_wins(input, key),
        Owner::Crm if has(&sides, Role::Crm) => owner_wins(input, &sides, key, Role::Crm),
        Owner::Support if has(&sides, Role::Support) => owner_wins(input, &sides, key, Role::Support),
        // Without a counterpart at the owner, what there is counts: nothing is put back to a value that nobody gave.
        Owner::Crm | Owner::Support | Owner::Shared => merge_shared(input, &sides, policy, frozen, plan),
    };
    let Outcome::Winner { value, reason, from, mark } = outcome else { return };
    if policy.owner != Owner::Shared && (reason == Reason::Owner || reason == Reason::Unchanged) {
        note_replaced(&sides, key, &value, &from, plan);
    }
    if frozen {
        plan.thawed.insert(key.clone());
    }
    if !value.agrees(held) {
        let change = Change { field: key.clone(), before: held.clone(), after: value.clone(), reason, from, mark };
        plan.changes.push(change);
    }
    for side in sides {
        let now = get(&side.values, key);
        if now.agrees(&value) {
            if side.base.get(key).is_none_or(|base| !base.agrees(&value)) {
                // As that side says it: "no" and no answer agree, and are not the same of a consent.
                plan.sides.entry(side.name.clone()).or_default().agreed.insert(key.clone(), now.clone());
            }
        } else if side.takes(key, &value) {
            plan.sides.entry(side.name.clone()).or_default().writes.insert(key.clone(), value.clone());
        }
    }
}

fn has(sides: &[&Side], role: Role) -> bool {
    sides.iter().any(|side| side.role == role)
}

fn held_wins(input: Input<'_>, key: &str) -> Outcome {
    Outcome::Winner {
        value: get(&input.held.values, key).clone(),
        reason: Reason::Unchanged,
        from: NATIVE.to_owned(),
        mark: input.held.marks.get(key).copied().unwrap_or_default(),
    }
}

fn owner_wins(input: Input<'_>, sides: &[&Side], key: &str, role: Role) -> Outcome {
    let held = get(&input.held.values, key);
    let owners: Vec<&&Side> = sides.iter().filter(|side| side.role == role).collect();
    // Several connections of the owning role: the one that changed speaks, of several the one that changed last, else the one that was heard
    // last, else the first.
    let news = owners.iter().filter(|side| changed(side, key)).rev().max_by_key(|side| side.mark_of(key).at);
    let spoke = news.or_else(|| owners.iter().find(|side| get(&side.values, key).agrees(held)));
    let Some(owner) = spoke.or_else(|| owners.first().filter(|owner| !outvoted(owner, key))) else {
        return held_wins(input, key);
    };
    let value = get(&owner.values, key).clone();
    Outcome::Winner { value, reason: Reason::Owner, from: owner.name.clone(), mark: owner.mark_of(key) }
}

/// Whether a decision that was committed weighed the value that the owner shows and went against it: a person undid it. It stands until
/// the owner changes the field again.
fn outvoted(owner: &Side, key: &str) -> bool {
    let weighed = owner.taken.get(key).filter(|taken| owner.base.get(key).is_none_or(|base| !base.agrees(taken)));
    weighed.is_some() && owner.writable.contains(key)
}

/// The held set with what sides added and took away.
fn merged_sets(held: &Value, sides: &[&Side], key: &str) -> Value {
    sets::merge(held, sides.iter().map(|side| (side.known(key), get(&side.values, key))))
}

/// Whether the side's value differs from what is known of it. What was never weighed nor agreed counts as changed unless blank.
fn changed(side: &Side, key: &str) -> bool {
    let now = get(&side.values, key);
    side.known(key).map_or_else(|| !now.is_blank(), |known| !known.agrees(now))
}

/// Notes what gives way to the owner's value elsewhere, once: it is known with the plan that notes it.
fn note_replaced(sides: &[&Side], key: &str, value: &Value, owner: &str, plan: &mut Plan) {
    for side in sides.iter().filter(|side| side.name != owner && changed(side, key)) {
        let found = get(&side.values, key);
        if found.agrees(value) {
            continue;
        }
        if side.base.contains_key(key) {
            plan.drift.push(Drift { field: key.to_owned(), side: side.name.clone(), found: found.clone(), owner_value: value.clone() });
        } else if !found.is_blank() {
            let lost = Candidate { side: side.name.clone(), role: Some(side.role), value: found.clone(), mark: side.mark_of(key) };
            plan.overwritten.push(Overwritten { field: key.to_owned(), lost, owner_value: value.clone(), from: owner.to_owned() });
        }
    }
}

fn merge_shared(input: Input<'_>, sides: &[&Side], policy: &FieldPolicy, frozen: bool, plan: &mut Plan) -> Outcome {
    let key = &policy.field;
    let held = get(&input.held.values, key);
    if let Some(candidates) = consent::disagreement(input, sides, policy) {
        plan.conflicts.push(Conflict { field: key.clone(), base: Value::Null, candidates, resolved: None });
        return Outcome::Waiting;
    }
    // What the record holds already is no news: it may be the echo of our own write.
    let news = |side: &&Side| changed(side, key) && !get(&side.values, key).agrees(held);
    let changed_sides: Vec<&Side> = sides.iter().copied().filter(news).collect();
    if changed_sides.is_empty() {
        // A side that does not show the field, because it stands still there, has come to agree with nobody.
        let agree = !sides.is_empty() && sides.iter().all(|side| get(&side.values, key).agrees(held));
        return if frozen && !agree { Outcome::Waiting } else { held_wins(input, key) };
    }
    let candidates = candidates(input, &changed_sides, key);
    let distinct = distinct(&candidates);
    if distinct == 1 {
        if frozen && !everyone_agrees(sides, key) {
            plan.conflicts.push(Conflict { field: key.clone(), base: base_of(&changed_sides, key), candidates, resolved: None });
            return Outcome::Waiting;
        }
        // The one side that changed may not have heard yet of what others took away.
        let first = &candidates[0];
        let is_set = policy.merge == Merge::Set && !matches!(first.value, Value::Text(_));
        let merged = if is_set { merged_sets(held, &changed_sides, key) } else { first.value.clone() };
        if !merged.agrees(&first.value) {
            return Outcome::Winner { value: merged, reason: Reason::SetMerge, from: NATIVE.to_owned(), mark: first.mark };
        }
        let reason = if changed_sides.len() > 1 { Reason::SameChange } else { Reason::OnlyChange };
        return Outcome::Winner { value: first.value.clone(), reason, from: first.side.clone(), mark: first.mark };
    }
    if frozen {
        let base = base_of(&changed_sides, key);
        plan.conflicts.push(Conflict { field: key.clone(), base, candidates, resolved: None });
        return Outcome::Waiting;
    }
    if policy.merge == Merge::Set {
        let value = merged_sets(held, &changed_sides, key);
        let mark = latest_mark(&candidates);
        return Outcome::Winner { value, reason: Reason::SetMerge, from: NATIVE.to_owned(), mark };
    }
    let base = base_of(&changed_sides, key);
    match cascade::decide(policy, &candidates) {
        Verdict::Wins { at, reason } => {
            let winner = candidates[at].clone();
            let resolved = Some((reason, winner.side.clone()));
            plan.conflicts.push(Conflict { field: key.clone(), base, candidates, resolved });
            Outcome::Winner { value: winner.value, reason, from: winner.side, mark: winner.mark }
        }
        Verdict::Person => {
            plan.conflicts.push(Conflict { field: key.clone(), base, candidates, resolved: None });
            Outcome::Waiting
        }
    }
}

/// The values that compete: each changed side's, and the record's own where a changed side has not seen it yet.
fn candidates(input: Input<'_>, changed_sides: &[&Side], key: &str) -> Vec<Candidate> {
    let held = get(&input.held.values, key);
    let mut candidates: Vec<Candidate> = changed_sides
        .iter()
        .map(|side| Candidate {
            side: side.name.clone(),
            role: Some(side.role),
            value: get(&side.values, key).clone(),
            mark: side.mark_of(key),
        })
        .collect();
    // A blank that a side cannot hold competes with nothing there: it has never been written, and never will be.
    let cannot_see = |side: &Side| held.is_blank() && side.never_blank.contains(key);
    let unheard = |side: &Side| side.base.get(key).map_or(!held.is_blank(), |base| !base.agrees(held));
    let unseen = changed_sides.iter().all(|side| unheard(side) && !cannot_see(side));
    let already = candidates.iter().any(|candidate| candidate.value.agrees(held));
    if unseen && !already {
        candidates.push(held_candidate(input, key));
    }
    candidates
}

/// The record's own value as one that competes. Where it came from a platform and counterparts of one role still show it, it is theirs: people
/// and rules know it by that side. What a person entered here is ours, and so is what nobody's hand is known of.
fn held_candidate(input: Input<'_>, key: &str) -> Candidate {
    let held = get(&input.held.values, key);
    let mark = input.held.marks.get(key).copied();
    let came_in = mark.is_some_and(|mark| !matches!(mark.by, Actor::Person | Actor::Us));
    let showing = || input.sides.iter().filter(|side| came_in && side.values.get(key).is_some_and(|value| value.agrees(held)));
    // The first by name, in whatever order they are looked at.
    let shown_by = showing().min_by_key(|side| &side.name).filter(|first| showing().all(|other| other.role == first.role));
    Candidate {
        side: shown_by.map_or_else(|| NATIVE.to_owned(), |side| side.name.clone()),
        role: shown_by.map(|side| side.role),
        value: held.clone(),
        mark: mark.unwrap_or_default(),
    }
}

fn distinct(candidates: &[Candidate]) -> usize {
    let mut seen: Vec<&Value> = Vec::new();
    for candidate in candidates {
        if !seen.iter().any(|value| value.agrees(&candidate.value)) {
            seen.push(&candidate.value);
        }
    }
    seen.len()
}

fn everyone_agrees(sides: &[&Side], key: &str) -> bool {
    sides.windows(2).all(|pair| get(&pair[0].values, key).agrees(get(&pair[1].values, key)))
}

fn base_of(changed_sides: &[&Side], key: &str) -> Value {
    changed_sides.iter().find_map(|side| side.base.get(key)).cloned().unwrap_or_default()
}

fn latest_mark(candidates: &[Candidate]) -> ChangeMark {
    candidates.iter().map(|candidate| candidate.mark).max_by_key(|mark| mark.at).unwrap_or_default()
}

#[cfg(test)]
mod tests;
