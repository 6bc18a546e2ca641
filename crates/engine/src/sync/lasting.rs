//! Values that last: a platform that cannot be without a value keeps the one it has when the record's is taken away elsewhere. It is not written
//! there, for the platform would refuse it or put one of its own in its place, which would come back as somebody's entry. Whoever looks at the
//! record's history is told, and a reconciliation lists the two as different.

use entente_model::plan::{Plan, Side};
use entente_model::value::get;

/// What the ledger says of values that this plan takes away and that sides keep.
pub(super) fn notes(plan: &Plan, sides: &[Side]) -> Vec<String> {
    let blanked = plan.changes.iter().filter(|change| change.after.is_blank() && !change.before.is_blank());
    let kept = blanked.flat_map(|change| {
        let keeping = sides.iter().filter(|side| side.never_blank.contains(&change.field) && !get(&side.values, &change.field).is_blank());
        keeping.map(|side| format!("{} cannot be without `{}` and keeps its value", side.name, change.field))
    });
    kept.collect()
}
