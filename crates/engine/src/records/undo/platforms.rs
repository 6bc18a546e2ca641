//! What platforms cannot hold: an earlier value that one of a record's counterparts could not be given would leave two sides that differ, so the
//! field is left as it is everywhere, and the plan says at which platform and why.

use std::collections::BTreeSet;

use entente_model::value::{FieldKey, Fields};
use entente_store::LinkState;
use jiff::Timestamp;

use super::judge::Judged;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::schema::leave_out_refused;

/// A field that a platform could not be given back.
pub(super) struct CannotHold {
    pub(super) field: FieldKey,
    pub(super) reason: String,
    pub(super) remedy: String,
}

/// The fields of a judged record that one of its platforms could not be given back, each once.
pub(super) fn cannot_hold(engine: &Engine, catalog: &Catalog, one: &Judged, now: Timestamp) -> Vec<CannotHold> {
    let catalog = catalog.deciding(one.record.id.as_str(), &one.record.object).map_or(catalog, |deciding| &**deciding);
    let mut after = one.record.data.clone();
    after.extend(one.restored().map(|(field, inverse)| (field.clone(), inverse.then.clone())));
    let mut found: Vec<CannotHold> = Vec::new();
    for link in one.links.iter().filter(|link| link.state == LinkState::Present && engine.connection(&link.connection).is_ok()) {
        let (Some(mapped), at) = (catalog.mapped(&link.connection, &one.record.object), &link.connection) else { continue };
        let before: Vec<String> = mapped.lens.broken_rules(&one.record.data, now);
        let broken = mapped.lens.broken_rules(&after, now).into_iter().find(|rule| !before.contains(rule));
        for (field, inverse) in one.restored().filter(|(field, _)| mapped.writable.contains(*field)) {
            if found.iter().any(|known| known.field == *field) {
                continue;
            }
            let (reason, remedy) = if inverse.then.is_blank() && mapped.never_blank.contains(field) {
                let remedy = "give it another value; to clear it elsewhere alone, clear it at a platform that can be without one";
                (format!("it was blank, and {at} cannot be without a value"), remedy)
            } else if let Some(rule) = &broken {
                let remedy = "undo its fields one by one (--field, `fields`), or change the rule";
                (format!("as it was, the record breaks a rule of its mapping at {at}: {rule}"), remedy)
            } else if let Some(refused) = refused(mapped, &after, field, now) {
                (format!("{at} {refused}"), "give it a value that is taken there, or change the list or the mapping")
            } else {
                continue;
            };
            found.push(CannotHold { field: field.clone(), reason, remedy: remedy.to_owned() });
        }
    }
    found
}

/// Why a value cannot be written through a mapping, if it cannot. References are looked up when they are written, and wait if need be.
fn refused(mapped: &crate::catalog::Mapped, after: &Fields, field: &FieldKey, now: Timestamp) -> Option<String> {
    let mut put = mapped.lens.put(after, &BTreeSet::from([field.clone()]), &|_| None, now);
    if let Some((_, why)) = put.faults.iter().find(|(of, _)| of == field) {
        return Some(format!("cannot be given the earlier value: {why}"));
    }
    leave_out_refused(mapped, &mut put.row).contains(field).then(|| "does not take the earlier value any more".to_owned())
}
