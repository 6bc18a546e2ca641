//! A parting as people read it.

use std::collections::BTreeSet;

use entente_model::value::{FieldKey, Value, get};
use entente_store::{EntryId, LinkState, Tx, Viewer};

use super::work_out::Parting;
use super::{LISTED, PartedField, PartedLink, PartedRecord, PartedReference, PartedSince, PastMerge, UnmergeReport};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::records::overrule::is_id;
use crate::records::undo::NotUndone;
use crate::records::{Display, label, title};

/// Shows a parting, or what an applied one came to.
pub(super) fn show(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    viewer: &Viewer,
    parting: Parting,
    entry: Option<EntryId>,
) -> entente_store::Result<UnmergeReport> {
    let (absorbed, stays) = (&parting.absorbed, parting.stays());
    let (theirs, ours) = (parting.comes_back(), parting.stays_then());
    let object = catalog.object(&absorbed.object);
    let values = theirs.values().chain(ours.values()).chain(stays.data.values()).chain(parting.since.iter().map(|since| &since.value));
    let display = Display::of(tx, viewer, catalog, values)?;
    let mut fields = Vec::new();
    let all: BTreeSet<&FieldKey> = theirs.keys().chain(ours.keys()).collect();
    let shown = all.into_iter().filter(|field| !is_id(field) && !parting.already && parting.is_possible());
    for field in shown {
        let now = get(&stays.data, field);
        let mut add = |record: &str, then: &Value, since: bool| {
            fields.push(PartedField {
                record: record.to_owned(),
                field: field.clone(),
                label: label(object, field),
                now: display.show(now),
                then: display.show(then),
                since,
            });
        };
        let (their, our) = (get(&theirs, field), get(&ours, field));
        if !our.agrees(now) {
            add(stays.id.as_str(), our, false);
        }
        if !their.agrees(now) {
            add(absorbed.id.as_str(), their, parting.entered.contains_key(field));
        }
    }
    let mut links: Vec<PartedLink> = Vec::new();
    for (link, goes_to) in parting
        .back
        .iter()
        .chain(&parting.own)
        .map(|link| (link, &absorbed.id))
        .chain(parting.keeps.iter().map(|link| (link, &stays.id)))
        .filter(|(link, _)| link.state == LinkState::Present && engine.connection(&link.connection).is_ok())
    {
        links.push(PartedLink {
            connection: link.connection.clone(),
            remote_object: link.remote_object.clone(),
            external_id: link.external_id.clone(),
            goes_to: goes_to.to_string(),
        });
    }
    let references = parting.pointing.iter().take(LISTED).map(|pointing| PartedReference {
        record: pointing.record.id.to_string(),
        object: pointing.record.object.clone(),
        title: title(catalog.object(&pointing.record.object), &pointing.record.id, &pointing.record.data),
        field: pointing.field.clone(),
        since: pointing.since,
    });
    let since = parting.since.iter().map(|since| PartedSince {
        entry: since.entry.to_string(),
        at: since.at,
        by: since.by.clone(),
        field: since.field.clone(),
        value: display.show(&since.value),
        goes_to: since.goes_to.to_string(),
    });
    let impossible =
        parting.impossible.iter().map(|one| NotUndone { field: None, entry: None, reason: one.reason.clone(), remedy: one.remedy.clone() });
    let merge = &parting.merge.merge;
    Ok(UnmergeReport {
        object: absorbed.object.clone(),
        comes_back: PartedRecord { record: absorbed.id.to_string(), title: title(object, &absorbed.id, &theirs) },
        stays: PartedRecord { record: stays.id.to_string(), title: title(object, &stays.id, &ours) },
        merge: PastMerge { at: merge.at, by: merge.by.clone(), way: merge.way.to_string() },
        applied: entry.is_some() || parting.already,
        already: parting.already,
        fields,
        links,
        creates_at: parting.creates_at.iter().cloned().collect(),
        references: references.collect(),
        reference_count: parting.pointing.len() as u64,
        since: since.collect(),
        impossible: impossible.collect(),
        entry: entry.map(|entry| entry.to_string()),
    })
}
