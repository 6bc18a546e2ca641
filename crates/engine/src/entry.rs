//! What a ledger entry says of each field.

use std::collections::BTreeMap;

use entente_model::actor::ChangeMark;
use entente_model::plan::cascade::Candidate;
use entente_model::plan::{Plan, Reason};
use entente_model::value::{FieldKey, Value};
use serde::{Deserialize, Serialize};

/// One field of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldEntry {
    /// Value before.
    pub before: Value,
    /// Value after.
    pub after: Value,
    /// The rule that decided ([`Reason::name`]), or what a flow or person did.
    pub reason: String,
    /// The side it came from.
    pub from: String,
    /// When and by whom it was set there.
    #[serde(default)]
    pub mark: ChangeMark,
    /// Values that lost: nobody's entry disappears without a trace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Candidate>,
}

/// The fields of an entry.
pub type Changes = BTreeMap<FieldKey, FieldEntry>;

/// The fields of the entry that a plan makes: what changes, with what lost; and what is put back or overwritten elsewhere without a
/// change of ours.
#[must_use]
pub fn of_plan(plan: &Plan) -> Changes {
    let mut changes = Changes::new();
    for change in &plan.changes {
        let lost = losers(plan, &change.field, &change.after);
        changes.insert(
            change.field.clone(),
            FieldEntry {
                before: change.before.clone(),
                after: change.after.clone(),
                reason: change.reason.name().to_owned(),
                from: change.from.clone(),
                mark: change.mark,
                lost,
            },
        );
    }
    for conflict in &plan.conflicts {
        if changes.contains_key(&conflict.field) {
            continue;
        }
        // Resolved in favour of what the record already holds: no change of ours, but the other side's value is replaced.
        if let Some((reason, side)) = &conflict.resolved
            && let Some(winner) = conflict.candidates.iter().find(|candidate| candidate.side == *side)
        {
            let lost = losers(plan, &conflict.field, &winner.value);
            let entry = FieldEntry {
                before: winner.value.clone(),
                after: winner.value.clone(),
                reason: reason.name().to_owned(),
                from: side.clone(),
                mark: winner.mark,
                lost,
            };
            changes.insert(conflict.field.clone(), entry);
        }
    }
    for drift in &plan.drift {
        let candidate = Candidate { side: drift.side.clone(), role: None, value: drift.found.clone(), mark: ChangeMark::default() };
        let entry = changes.entry(drift.field.clone()).or_insert_with(|| FieldEntry {
            before: drift.owner_value.clone(),
            after: drift.owner_value.clone(),
            reason: Reason::Owner.name().to_owned(),
            from: drift.side.clone(),
            mark: ChangeMark::default(),
            lost: Vec::new(),
        });
        entry.lost.push(candidate);
    }
    for overwritten in &plan.overwritten {
        let entry = changes.entry(overwritten.field.clone()).or_insert_with(|| FieldEntry {
            before: overwritten.owner_value.clone(),
            after: overwritten.owner_value.clone(),
            reason: Reason::Owner.name().to_owned(),
            from: overwritten.from.clone(),
            mark: ChangeMark::default(),
            lost: Vec::new(),
        });
        entry.lost.push(overwritten.lost.clone());
    }
    changes
}

fn losers(plan: &Plan, field: &str, winner: &Value) -> Vec<Candidate> {
    plan.conflicts
        .iter()
        .filter(|conflict| conflict.field == field && conflict.resolved.is_some())
        .flat_map(|conflict| conflict.candidates.iter())
        .filter(|candidate| !candidate.value.agrees(winner))
        .cloned()
        .collect()
}

/// The entry's fields as the store keeps them.
#[must_use]
pub fn to_store(changes: &Changes) -> BTreeMap<FieldKey, entente_store::Change> {
    let kept = changes.iter().map(|(field, entry)| {
        let change = entente_store::Change {
            before: entry.before.clone(),
            after: entry.after.clone(),
            rule: Some(entry.reason.clone()),
            from: Some(entry.from.clone()),
            mark: entry.mark,
            lost: entry.lost.clone(),
        };
        (field.clone(), change)
    });
    kept.collect()
}
