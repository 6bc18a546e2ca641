//! How much agrees: each customer compared with its counterparts, field by field, as they were last seen.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::{Direction, Owner};
use entente_model::value::{Value, get};
use entente_store::{
    DeadLetterFilter, DeadLetterState, EntryId, Link, LinkState, PAGE_ROWS_MAX, Record, ReviewState, StoreError, Tx, Viewer,
};

use super::dashboard::DriftLine;
use super::mapped;
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
    /// Records of which a counterpart differs while nothing is in flight.
    pub(super) drifting: u64,
    /// The same by object and field (`account.plan`).
    pub(super) drifting_fields: BTreeMap<String, u64>,
    /// Records with a value in every field that a mapping needs.
    pub(super) complete: u64,
    /// Records without a value in such a field, by object and field.
    pub(super) lacking: BTreeMap<(String, String), u64>,
    /// Records with a value, by object and field.
    pub(super) filled: BTreeMap<(String, String), u64>,
    /// Records by object.
    pub(super) by_object: BTreeMap<String, u64>,
    /// Accounts won since the instant asked for, and the ledger entry that told of their support profile.
    pub(super) won: Vec<(Timestamp, EntryId)>,
}

/// Why a field of a record may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Waiting,
    Dead,
    Stuck,
    Moving,
    Review,
    Lasting,
    Unnoticed,
}

impl Cause {
    /// Whether it is the same at whichever counterpart a field differs: somebody has to act, and then all of them agree.
    fn is_of_the_record(self) -> bool {
        matches!(self, Self::Waiting | Self::Dead | Self::Review)
    }

    fn words(self, behind: &str) -> String {
        match self {
            Self::Waiting => "a conflict waits for a person".to_owned(),
            Self::Dead => "the sync failed for good; see the dead letters".to_owned(),
            Self::Stuck => format!("{behind} cannot be used right now; see the alerts"),
            Self::Moving => format!("on its way to {behind}"),
            Self::Review => "a possible match waits for a person".to_owned(),
            Self::Lasting => format!("blank elsewhere, and {behind} cannot be without a value"),
            Self::Unnoticed => format!("{behind} differs and nothing is in flight; the next look puts it right"),
        }
    }
}

/// What the comparison goes by.
pub(super) struct Comparison<'a> {
    pub(super) viewer: &'a Viewer,
    pub(super) catalog: &'a Catalog,
    pub(super) connections: &'a [String],
    /// Connections that cannot be used right now.
    pub(super) stuck: &'a BTreeSet<String>,
    /// Accounts won from here on are gathered.
    pub(super) won_since: Timestamp,
    pub(super) now: Timestamp,
}

/// What is waiting, of a page of records.
struct Waiting {
    moving: BTreeSet<String>,
    /// Fields frozen by a conflict, by record.
    frozen: BTreeSet<(RecordId, String)>,
    conflicted: BTreeSet<RecordId>,
    reviewed: BTreeSet<String>,
}

impl Waiting {
    fn of(tx: &mut Tx<'_>, ids: &[RecordId]) -> Result<Self, StoreError> {
        let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let conflicts = tx.conflicts_of(ids)?;
        let reviews = tx.reviews_of(&names)?.into_iter().filter(|review| review.state == ReviewState::Waiting);
        Ok(Self {
            moving: tx.hinted(&names)?,
            frozen: conflicts.iter().map(|found| (found.conflict.record.clone(), found.conflict.field.clone())).collect(),
            conflicted: conflicts.into_iter().map(|found| found.conflict.record).collect(),
            reviewed: reviews.flat_map(|review| [review.review.record.to_string(), review.review.other]).collect(),
        })
    }
}

impl Comparison<'_> {
    /// Goes through all customers.
    pub(super) fn run(&self, tx: &mut Tx<'_>) -> Result<Agreement, StoreError> {
        let mut found = Agreement::default();
        let mut drift: BTreeMap<(String, String, Cause), u64> = BTreeMap::new();
        let required = self.required();
        let dead = dead_records(tx, self.viewer)?;
        let mut nowhere = Nowhere::default();
        for object in CUSTOMERS {
            let mut after: Option<RecordId> = None;
            loop {
                let records = tx.records_after(self.viewer, object, after.as_ref(), PAGE_ROWS_MAX)?;
                let Some(last) = records.last() else { break };
                after = Some(last.id.clone());
                let ids: Vec<RecordId> = records.iter().map(|record| record.id.clone()).collect();
                let mut links: BTreeMap<RecordId, Vec<Link>> = BTreeMap::new();
                for link in tx.links_of(&ids)?.into_iter().filter(|link| link.state == LinkState::Present) {
                    links.entry(link.record.clone()).or_default().push(link);
                }
                let waiting = Waiting::of(tx, &ids)?;
                for record in &records {
                    let links = links.get(&record.id).map(Vec::as_slice).unwrap_or_default();
                    let linked = self.is_linked(record, links, &mut nowhere);
                    self.count(record, links, linked, &waiting, &dead, &mut found, &mut drift);
                    count_values(record, required.get(record.object.as_str()), &mut found);
                }
                if records.len() < PAGE_ROWS_MAX {
                    break;
                }
            }
        }
        let lines = drift.into_iter().map(|((field, behind, cause), records)| {
            let (object, name) = field.split_once('.').unwrap_or((&field, ""));
            DriftLine { label: mapped::label(self.catalog, object, name), cause: cause.words(&behind), field, records, behind }
        });
        found.drift = lines.collect();
        found.drift.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.field.cmp(&b.field)));
        found.drift.truncate(DRIFT_LINES);
        Ok(found)
    }

    /// Fields that a mapping of an object needs, by object.
    fn required(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut required: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for mapped in self.connections.iter().flat_map(|connection| self.catalog.mappings(connection)) {
            let mapping = mapped.mapping();
            let lines = mapping.fields.iter().filter(|line| line.required).map(|line| line.field.clone());
            required.entry(mapping.object.clone()).or_default().extend(lines);
        }
        required
    }

    /// Whether the record has a counterpart wherever its mappings want one. Accounts are asked about before their contacts.
    fn is_linked(&self, record: &Record, links: &[Link], nowhere: &mut Nowhere) -> bool {
        self.connections.iter().fold(true, |linked, connection| {
            if links.iter().any(|link| link.connection == *connection) {
                return linked;
            }
            let Some(mapped) = self.catalog.mapped(connection, &record.object) else { return linked };
            let create = &mapped.mapping().create;
            let parents = |fields: &[String]| nowhere.all(connection, record, fields);
            let in_vain = parents(&create.after) && (create.or_after.is_empty() || parents(&create.or_after));
            let wanted = mapped.lens.creates(&record.data, self.now) && !in_vain;
            if !wanted {
                nowhere.0.entry(connection.clone()).or_default().insert(record.id.clone());
            }
            linked && !wanted
        })
    }

    #[expect(clippy::too_many_arguments, reason = "what a record is judged by, and where it is counted")]
    fn count(
        &self,
        record: &Record,
        links: &[Link],
        linked: bool,
        waiting: &Waiting,
        dead: &BTreeSet<RecordId>,
        found: &mut Agreement,
        drift: &mut BTreeMap<(String, String, Cause), u64>,
    ) {
        let differing = differing(self.catalog, record, links);
        let moving = waiting.moving.contains(record.id.as_str());
        // Nobody can put right what a platform cannot be without: it is told, and is no drift.
        let lasts = |(field, behind): &(String, String)| {
            let kept = self.catalog.mapped(behind, &record.object).is_some_and(|mapped| mapped.never_blank.contains(field));
            kept && get(&record.data, field).is_blank()
        };
        let idle = !moving && !dead.contains(&record.id) && !waiting.conflicted.contains(&record.id);
        found.records += 1;
        found.linked += u64::from(linked);
        found.in_agreement += u64::from(linked && idle && differing.is_empty());
        found.drifting += u64::from(!moving && !differing.iter().all(lasts));
        let (mut fields, mut told) = (BTreeSet::new(), BTreeSet::new());
        for (field, behind) in differing {
            let lasting = lasts(&(field.clone(), behind.clone()));
            let cause = if waiting.frozen.contains(&(record.id.clone(), field.clone())) {
                Cause::Waiting
            } else if dead.contains(&record.id) {
                Cause::Dead
            } else if self.stuck.contains(&behind) {
                Cause::Stuck
            } else if moving {
                Cause::Moving
            } else if waiting.reviewed.contains(record.id.as_str()) {
                Cause::Review
            } else if lasting {
                Cause::Lasting
            } else {
                Cause::Unnoticed
            };
            let name = format!("{}.{field}", record.object);
            if !moving && !lasting && fields.insert(field.clone()) {
                *found.drifting_fields.entry(name.clone()).or_default() += 1;
            }
            let behind = if cause.is_of_the_record() { String::new() } else { behind };
            if told.insert((field, behind.clone(), cause)) {
                *drift.entry((name, behind, cause)).or_default() += 1;
            }
        }
        if let (Value::DateTime(won), Some(told)) = (get(&record.data, "won_at"), record.provenance.get("support_id"))
            && *won >= self.won_since
        {
            found.won.push((*won, *told));
        }
    }
}

/// Records that have no counterpart at a connection and are to get none, such as prospects at a desk, by connection. What is made after them there
/// only, such as their contacts, belongs there no more than they do.
#[derive(Default)]
struct Nowhere(BTreeMap<String, BTreeSet<RecordId>>);

impl Nowhere {
    /// Whether everything of these that the record refers to is to get no counterpart at the connection; not where it refers to none of them.
    fn all(&self, connection: &str, record: &Record, fields: &[String]) -> bool {
        let ids = self.0.get(connection);
        let mut referred =
            fields.iter().filter_map(|field| if let Value::Ref(id) = get(&record.data, field) { Some(id) } else { None }).peekable();
        referred.peek().is_some() && referred.all(|id| ids.is_some_and(|ids| ids.contains(id)))
    }
}

/// Which fields of a record have a value, and which lack one that a mapping needs.
fn count_values(record: &Record, required: Option<&BTreeSet<String>>, found: &mut Agreement) {
    *found.by_object.entry(record.object.clone()).or_default() += 1;
    for (field, _) in record.data.iter().filter(|(_, value)| !value.is_blank()) {
        *found.filled.entry((record.object.clone(), field.clone())).or_default() += 1;
    }
    let mut complete = true;
    for field in required.into_iter().flatten().filter(|field| get(&record.data, field).is_blank()) {
        complete = false;
        *found.lacking.entry((record.object.clone(), field.clone())).or_default() += 1;
    }
    found.complete += u64::from(complete);
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

/// Fields that a counterpart should hold and, as last seen, does not; with its connection.
fn differing(catalog: &Catalog, record: &Record, links: &[Link]) -> BTreeSet<(String, String)> {
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
                fields.insert((line.field.clone(), link.connection.clone()));
            }
        }
    }
    fields
}
