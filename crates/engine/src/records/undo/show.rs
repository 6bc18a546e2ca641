//! An undo as people and programs read it.

use entente_store::{EntryId, LinkState, Tx, Viewer};

use super::judge::Judged;
use super::{FieldKept, FieldUndo, NotUndone, RecordUndo};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::records::{Display, label, title};

/// Shows what undoing comes to for a record.
pub(super) fn show(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    viewer: &Viewer,
    judged: Judged,
    entry: Option<EntryId>,
) -> entente_store::Result<RecordUndo> {
    let values = judged.inverses.values().flat_map(|inverse| [&inverse.now, &inverse.then]);
    let display = Display::of(tx, viewer, catalog, values)?;
    let record = &judged.record;
    let object = catalog.object(&record.object);
    let numbers = |entries: &std::collections::BTreeSet<i64>| entries.iter().map(ToString::to_string).collect::<Vec<_>>();
    let writes = |field: &str| {
        let written = judged.links.iter().filter(|link| {
            let mapped = catalog.mapped(&link.connection, &record.object);
            link.state == LinkState::Present
                && engine.connection(&link.connection).is_ok()
                && mapped.is_some_and(|mapped| mapped.writable.contains(field))
        });
        written.map(|link| link.connection.clone()).collect::<Vec<_>>()
    };
    let fields = judged.restored().map(|(field, inverse)| FieldUndo {
        label: label(object, field),
        now: display.show(&inverse.now),
        then: display.show(&inverse.then),
        takes_back: numbers(&inverse.takes_back),
        takes_back_undos: numbers(&inverse.takes_back.intersection(&judged.undos).copied().collect()),
        writes: writes(field),
        field: field.clone(),
    });
    let kept = judged.inverses.iter().filter(|(_, inverse)| inverse.stays).map(|(field, inverse)| FieldKept {
        label: label(object, field),
        now: display.show(&inverse.now),
        edited_by: numbers(&inverse.edited_by),
        field: field.clone(),
    });
    Ok(RecordUndo {
        record: record.id.to_string(),
        object: record.object.clone(),
        title: title(object, &record.id, &record.data),
        fields: fields.collect(),
        kept: kept.collect(),
        impossible: judged
            .impossible
            .iter()
            .map(|one| NotUndone {
                field: one.field.clone(),
                entry: one.entry.map(|entry| entry.to_string()),
                reason: one.reason.clone(),
                remedy: one.remedy.clone(),
            })
            .collect(),
        entry: entry.map(|entry| entry.to_string()),
    })
}
