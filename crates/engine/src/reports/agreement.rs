//! How much agrees: each customer compared with its counterparts, field by field, as they were last seen.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::{Direction, Owner};
use entente_model::value::get;
use entente_store::{DeadLetterFilter, DeadLetterState, Link, LinkState, PAGE_ROWS_MAX, Record, StoreError, Tx, Viewer};

use super::dashboard::DriftLine;
use crate::catalog::Catalog;

/// Objects that count as customers.
const CUSTOMERS: &[&str] = &["account", "contact"];

/// Lines of the drift breakdown.
const DRIFT_LINES: usize = 12;

/// What the comparison found.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    pub(super) records: u64,
    pub(super) linked: u64,
    pub(super) in_agreement: u64,
    pub(super) drift: Vec<DriftLine>,
}

/// Why a record's fields may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Moving,
    Waiting,
    Dead,
    Unnoticed,
}

impl Cause {
    fn words(self) -> &'static str {
        match self {
            Self::Moving => "sync in progress",
            Self::Waiting => "a conflict waits for a person",
            Self::Dead => "the sync failed for good; see the dead letters",
            Self::Unnoticed => "the sides differ and nothing is in flight; reconciliation puts it right",
        }
    }
}

/// Goes through all customers.
pub(super) fn count(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    catalog: &Catalog,
    connections: &[String],
    now: Timestamp,
) -> Result<Agreement, StoreError> {
    let mut found = Agreement::default();
    let mut drift: BTreeMap<(String, Cause), u64> = BTreeMap::new();
    let dead = dead_records(tx, viewer)?;
    for object in CUSTOMERS {
        let mut after: Option<RecordId> = None;
        loop {
            let records = tx.records_after(viewer, object, after.as_ref(), PAGE_ROWS_MAX)?;
            let Some(last) = records.last() else { break };
            after = Some(last.id.clone());
            let full = records.len() == PAGE_ROWS_MAX;
            let ids: Vec<RecordId> = records.iter().map(|record| record.id.clone()).collect();
            let mut links: BTreeMap<RecordId, Vec<Link>> = BTreeMap::new();
            for link in tx.links_of(&ids)?.into_iter().filter(|link| link.state == LinkState::Present) {
                links.entry(link.record.clone()).or_default().push(link);
            }
            let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let moving = tx.hinted(&names)?;
            let waiting: BTreeSet<RecordId> = tx.conflicts_of(&ids)?.into_iter().map(|conflict| conflict.conflict.record).collect();
            for record in &records {
                let links = links.get(&record.id).map(Vec::as_slice).unwrap_or_default();
                let cause = if waiting.contains(&record.id) {
                    Some(Cause::Waiting)
                } else if dead.contains(&record.id) {
                    Some(Cause::Dead)
                } else if moving.contains(record.id.as_str()) {
                    Some(Cause::Moving)
                } else {
                    None
                };
                let differing = differing(catalog, record, links);
                found.records += 1;
                let linked = is_linked(catalog, connections, record, links, now);
                found.linked += u64::from(linked);
                found.in_agreement += u64::from(linked && cause.is_none() && differing.is_empty());
                for field in differing {
                    *drift.entry((format!("{object}.{field}"), cause.unwrap_or(Cause::Unnoticed))).or_default() += 1;
                }
            }
            if !full {
                break;
            }
        }
    }
    let mut lines: Vec<DriftLine> =
        drift.into_iter().map(|((field, cause), records)| DriftLine { field, records, cause: cause.words().to_owned() }).collect();
    lines.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.field.cmp(&b.field)));
    lines.truncate(DRIFT_LINES);
    found.drift = lines;
    Ok(found)
}

fn dead_records(tx: &mut Tx<'_>, viewer: &Viewer) -> Result<BTreeSet<RecordId>, StoreError> {
    let mut dead = BTreeSet::new();
    let mut before = None;
    loop {
        let filter = DeadLetterFilter { state: Some(DeadLetterState::Open), before, ..DeadLetterFilter::default() };
        let letters = tx.dead_letters(viewer, &filter, PAGE_ROWS_MAX)?;
        before = letters.last().map(|letter| letter.id);
        let full = letters.len() == PAGE_ROWS_MAX;
        dead.extend(letters.into_iter().filter_map(|letter| letter.letter.record));
        if !full {
            return Ok(dead);
        }
    }
}

/// Whether the record has a counterpart wherever its mappings want one.
fn is_linked(catalog: &Catalog, connections: &[String], record: &Record, links: &[Link], now: Timestamp) -> bool {
    connections.iter().all(|connection| {
        links.iter().any(|link| link.connection == *connection)
            || catalog.mapped(connection, &record.object).is_none_or(|mapped| !mapped.lens.creates(&record.data, now))
    })
}

/// Fields that a counterpart should hold and, as last seen, does not.
fn differing(catalog: &Catalog, record: &Record, links: &[Link]) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for link in links {
        let Some(mapped) = catalog.mapped(&link.connection, &record.object) else { continue };
        for line in mapped.mapping().fields.iter().filter(|line| line.direction != Direction::In) {
            if line.owner == Owner::Native && !record.data.contains_key(&line.field) {
                // Not ours to say until we have said something.
                continue;
            }
            let held = link.seen.as_ref().and_then(|seen| seen.get(&line.field)).unwrap_or_else(|| get(&link.base, &line.field));
            if !held.agrees(get(&record.data, &line.field)) {
                fields.insert(line.field.clone());
            }
        }
    }
    fields
}
