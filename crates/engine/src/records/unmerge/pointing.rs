//! What points to the record that stays and is the other one's: tickets, activities, people of a company.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::id::RecordId;
use entente_model::value::Value;
use entente_store::{Change, Changes, Entry, Link, PAGE_ROWS_MAX, Record, RecordQuery, RecordState, StoreError, Tx, Viewer};

use super::work_out::Parting;
use crate::catalog::Catalog;
use crate::sync::redirect::references;

/// A record that points to the one that comes back again.
pub(super) struct Pointing {
    pub(super) record: Record,
    pub(super) field: String,
    /// Whether it came to point since they became one.
    pub(super) since: bool,
    pub(super) links: Vec<Link>,
}

/// Finds them by their entries: those that pointed to it before, and those that its rows made point since.
pub(super) fn pointing(tx: &mut Tx<'_>, catalog: &Catalog, parting: &Parting) -> Result<Vec<Pointing>, StoreError> {
    let stays = &parting.stays().id;
    let chain = chain(tx, parting)?;
    let mut found = Vec::new();
    for (object, field) in references(catalog, &parting.absorbed.object) {
        let mut query = RecordQuery {
            object: Some(object),
            equal: vec![(field.clone(), Value::Ref(stays.clone()))],
            state: Some(RecordState::Active),
            ..RecordQuery::default()
        };
        loop {
            let page = tx.list_records(&Viewer::system(), &query, PAGE_ROWS_MAX)?;
            let ids: Vec<RecordId> = page.records.iter().map(|record| record.id.clone()).collect();
            let histories = tx.histories_since(&Viewer::system(), &ids, parting.merge.merge.after + 1)?;
            let mut links: BTreeMap<RecordId, Vec<Link>> = BTreeMap::new();
            for link in tx.links_of(&ids)? {
                links.entry(link.record.clone()).or_default().push(link);
            }
            for record in page.records {
                let history = histories.get(&record.id).map(Vec::as_slice).unwrap_or_default();
                if let Some(since) = is_theirs(history, &field, &parting.absorbed.id, &chain, &parting.theirs) {
                    found.push(Pointing { links: links.remove(&record.id).unwrap_or_default(), field: field.clone(), since, record });
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
    }
    Ok(found)
}

/// Records that the one that comes back was, or is, a part of or has a part with: what moved among them was moved by merges alone.
fn chain(tx: &mut Tx<'_>, parting: &Parting) -> Result<BTreeSet<RecordId>, StoreError> {
    let mut chain: BTreeSet<RecordId> = parting.records().cloned().collect();
    let mut open: Vec<RecordId> = chain.iter().cloned().collect();
    while let Some(id) = open.pop() {
        let merges = tx.merges_of(&id)?.into_iter().chain(tx.merges_into(&id)?);
        for other in merges.flat_map(|one| [one.merge.survivor, one.merge.absorbed]) {
            if chain.insert(other.clone()) {
                open.push(other);
            }
        }
    }
    Ok(chain)
}

/// Whether a record that points to the chain is to point to `absorbed`: whether it came to do so since, or did before. Walks its entries back
/// from the latest, as long as they only moved it along the chain.
fn is_theirs(history: &[Entry], field: &str, absorbed: &RecordId, chain: &BTreeSet<RecordId>, theirs: &BTreeSet<String>) -> Option<bool> {
    for change in history.iter().rev().filter_map(|entry| turn(entry, field)) {
        if change.before == Value::Ref(absorbed.clone()) {
            return Some(false);
        }
        if change.from.as_deref().is_some_and(|from| theirs.contains(from)) {
            return Some(true);
        }
        let along = matches!(&change.before, Value::Ref(before) if chain.contains(before));
        if !along {
            return None;
        }
    }
    None
}

fn turn<'a>(entry: &'a Entry, field: &str) -> Option<&'a Change> {
    let Changes::Open(changes) = &entry.changes else { return None };
    changes.get(field).filter(|change| !change.before.agrees(&change.after))
}
