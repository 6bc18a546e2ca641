//! Values that last: a platform that cannot be without a value keeps the one it has when the record's is taken away elsewhere. It is not written
//! there, for the platform would refuse it or put one of its own in its place, which would come back as somebody's entry. Whoever looks at the
//! record's history is told, and a reconciliation lists the two as different.

use entente_model::plan::{Plan, Side};
use entente_model::value::{Fields, get};
use entente_store::{Link, LinkState, Record};

use super::task::Task;
use crate::catalog::Catalog;

/// What the ledger says of values that this plan takes away and that sides keep.
pub(super) fn notes(plan: &Plan, sides: &[Side]) -> Vec<String> {
    let blanked = plan.changes.iter().filter(|change| change.after.is_blank() && !change.before.is_blank());
    let kept = blanked.flat_map(|change| {
        let keeping = sides.iter().filter(|side| side.never_blank.contains(&change.field) && !get(&side.values, &change.field).is_blank());
        keeping.map(|side| note(&side.name, &change.field))
    });
    kept.collect()
}

/// What the ledger says of values that a parting takes from a record and that its counterparts keep.
pub(crate) fn notes_of_parting(catalog: &Catalog, record: &Record, then: &Fields, links: &[Link]) -> Vec<String> {
    let blanked = then.iter().filter(|(field, value)| value.is_blank() && !get(&record.data, field).is_blank());
    let kept = blanked.flat_map(|(field, _)| {
        let keeping = links.iter().filter(move |link| {
            let lasts = catalog.mapped(&link.connection, &record.object).is_some_and(|mapped| mapped.never_blank.contains(field));
            lasts && link.state == LinkState::Present && !get(&Task::believed(link), field).is_blank()
        });
        keeping.map(move |link| note(&link.connection, field))
    });
    kept.collect()
}

fn note(connection: &str, field: &str) -> String {
    format!("{connection} cannot be without `{field}` and keeps its value")
}
