//! The planner that a test turns on to see it caught: the whole record from whichever side changed last.

use std::collections::BTreeSet;

use entente_model::plan::{Change, Input, Plan, Reason, SidePlan};
use entente_model::value::{FieldKey, get};

/// Takes every field from the side with the latest mark.
pub(crate) fn whole_record(input: Input<'_>) -> Plan {
    let mut plan = Plan::default();
    let Some(latest) = input.sides.iter().max_by_key(|side| side.mark.at) else { return plan };
    let fields: BTreeSet<&FieldKey> = input.policy.iter().map(|policy| &policy.field).collect();
    for field in fields {
        let Some(value) = latest.values.get(field) else { continue };
        let held = get(&input.held.values, field);
        if !held.agrees(value) {
            plan.changes.push(Change {
                field: field.clone(),
                before: held.clone(),
                after: value.clone(),
                reason: Reason::Latest,
                from: latest.name.clone(),
                mark: latest.mark,
            });
        }
        for side in input.sides {
            let side_plan = plan.sides.entry(side.name.clone()).or_insert_with(SidePlan::default);
            if get(&side.values, field).agrees(value) {
                side_plan.agreed.insert(field.clone(), value.clone());
            } else if side.writable.contains(field) {
                side_plan.writes.insert(field.clone(), value.clone());
            }
        }
    }
    plan
}
