//! Previewing: the plan of records as it would be carried out now, and nothing written anywhere.

mod arrivals;

use std::collections::{BTreeMap, BTreeSet};

use entente_model::id::RecordId;
use entente_model::value::Value;
use entente_store::{Hint, RecordQuery, Viewer};
use serde::Serialize;
use utoipa::ToSchema;

use super::converge::{by_version, decide_all};
use super::gather::{fetch, load};
use super::task::{LANE_BACKFILL, Task};
use crate::catalog::{Catalog, ORDER, rank};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::title;

pub use arrivals::AdoptionPreview;

/// Records planned at once: what a worker takes, so that fetches are batched as in earnest.
const BATCH: usize = 400;

/// Which records to preview.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// One record.
    pub record: Option<RecordId>,
    /// Records of one object.
    pub object: Option<String>,
    /// At most this many records, last changed first; all of them without it, and rows that no record stands for yet.
    pub limit: Option<usize>,
    /// Whether every side is fetched from the vendors first; otherwise the last looks count.
    pub fresh: bool,
}

/// What a preview found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Preview {
    /// Records looked at.
    pub looked_at: usize,
    /// Records for which something would be written or is waiting.
    pub records: Vec<RecordPreview>,
    /// Rows of platforms that no record stands for yet, with what would become of them. What they make written at other connections
    /// is planned with their record, once it is there.
    pub adoptions: Vec<AdoptionPreview>,
    /// Rows that came in and wait to be adopted.
    pub waiting_rows: u64,
    /// Write calls that carrying it out would take, at the present batch sizes.
    pub calls: usize,
}

/// The plan of one record.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordPreview {
    /// Record id.
    pub record: String,
    /// Object.
    pub object: String,
    /// What people call the record.
    pub title: String,
    /// What would be written.
    pub writes: Vec<WritePreview>,
    /// Changes of the record itself: field, before, after, rule.
    pub changes: Vec<ChangePreview>,
    /// Fields with a conflict that a person would have to decide.
    pub waiting: Vec<String>,
    /// Why it cannot go on, if it cannot.
    pub blocked: Option<String>,
}

/// One write.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WritePreview {
    /// Connection.
    pub connection: String,
    /// `create`, `update` or `delete`.
    pub kind: String,
    /// Remote object.
    pub object: String,
    /// External id, for rows that exist.
    pub external_id: Option<String>,
    /// Our fields that it carries, with the values to write.
    pub fields: Vec<FieldPreview>,
}

/// A field to be written.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldPreview {
    /// Field.
    pub field: String,
    /// What stands there, as last seen.
    pub before: String,
    /// What would be written.
    pub after: String,
}

/// A change of the record.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChangePreview {
    /// Field.
    pub field: String,
    /// Before.
    pub before: String,
    /// After.
    pub after: String,
    /// Rule.
    pub reason: String,
}

impl Preview {
    /// Whether carrying it out would write anything, at a platform or here.
    #[must_use]
    pub fn would_write(&self) -> bool {
        self.records.iter().any(|record| !record.writes.is_empty()) || !self.adoptions.is_empty() || self.waiting_rows > 0
    }

    /// Records that cannot go on.
    pub fn blocked(&self) -> impl Iterator<Item = &RecordPreview> {
        self.records.iter().filter(|record| record.blocked.is_some())
    }
}

/// Told after each batch: records planned so far, and records in all.
pub type OnPlanned<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// Rows of one kind of write: connection, remote object, kind.
type WriteCounts = BTreeMap<(String, String, String), usize>;

/// Previews records, and rows that have none.
///
/// # Errors
/// When a record or object does not exist, or the store fails. Vendors that cannot be read show as blocked records.
pub async fn preview(engine: &Engine, selection: &Selection, on_planned: OnPlanned<'_>) -> Result<Preview> {
    if let Some(object) = &selection.object
        && engine.catalog().object(object).is_none()
    {
        return Err(crate::records::no_object(&engine.catalog(), object));
    }
    let mut preview = Preview { looked_at: 0, records: Vec::new(), adoptions: Vec::new(), waiting_rows: 0, calls: 0 };
    let mut writes = WriteCounts::new();
    if selection.record.is_some() || selection.limit.is_some() {
        let chosen = chosen(engine, selection).await?;
        let total = chosen.len() as u64;
        for batch in chosen.chunks(BATCH) {
            plan(engine, batch, selection.fresh, &mut preview, &mut writes).await?;
            on_planned(preview.looked_at as u64, total);
        }
    } else {
        plan_all(engine, selection, on_planned, &mut preview, &mut writes).await?;
    }
    preview.calls = writes
        .into_iter()
        .map(|((connection, _, _), rows)| rows.div_ceil(engine.connection(&connection).map_or(1, |ready| ready.pressure.batch().max(1))))
        .sum();
    Ok(preview)
}

/// Plans every record, parents first, and rows without one.
async fn plan_all(
    engine: &Engine,
    selection: &Selection,
    on_planned: OnPlanned<'_>,
    preview: &mut Preview,
    writes: &mut WriteCounts,
) -> Result<()> {
    let catalog = engine.catalog();
    let mut objects: Vec<String> = catalog.objects().map(|object| object.key.clone()).collect();
    objects.retain(|object| selection.object.as_ref().is_none_or(|wanted| wanted == object));
    objects.sort_by_key(|object| if ORDER.contains(&object.as_str()) { rank(object) } else { ORDER.len() });
    let counted = objects.clone();
    let counts = engine.store().read(|tx| tx.record_counts(&Viewer::system())).await?;
    let total: u64 = counted.iter().filter_map(|object| counts.get(object)).sum();
    let mut hinted = 0;
    for object in objects {
        let mut after: Option<RecordId> = None;
        loop {
            let (wanted, last) = (object.clone(), after.clone());
            let (ids, moving) = engine
                .store()
                .read(move |tx| {
                    let records = tx.records_after(&Viewer::system(), &wanted, last.as_ref(), BATCH)?;
                    let ids: Vec<RecordId> = records.into_iter().map(|record| record.id).collect();
                    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
                    Ok((ids, tx.hinted(&names)?.len() as u64))
                })
                .await?;
            hinted += moving;
            let batch: Vec<(RecordId, String)> = ids.into_iter().map(|id| (id, object.clone())).collect();
            plan(engine, &batch, selection.fresh, preview, writes).await?;
            on_planned(preview.looked_at as u64, total);
            if batch.len() < BATCH {
                break;
            }
            after = batch.last().map(|(id, _)| id.clone());
        }
    }
    if selection.fresh {
        preview.adoptions = arrivals::foresee(engine, selection.object.as_deref()).await?;
    }
    if selection.object.is_none() {
        let now = engine.now();
        let hints = engine.store().read(move |tx| tx.hint_counts(now)).await?;
        let all: u64 = hints.values().map(|lane| lane.waiting + lane.retrying + lane.leased).sum();
        preview.waiting_rows = all.saturating_sub(hinted);
    }
    Ok(())
}

async fn plan(engine: &Engine, chosen: &[(RecordId, String)], fresh: bool, preview: &mut Preview, writes: &mut WriteCounts) -> Result<()> {
    let now = engine.now();
    let fetch_from: BTreeSet<String> = if fresh { engine.connections().keys().cloned().collect() } else { BTreeSet::new() };
    let hints: Vec<Hint> = chosen
        .iter()
        .map(|(id, object)| Hint {
            subject: id.to_string(),
            object: object.clone(),
            lane: LANE_BACKFILL,
            due_at: now,
            first_at: now,
            origin_at: None,
            cause: "user".to_owned(),
            fetch: fetch_from.clone(),
            attempts: 0,
            races: 0,
            last_error: None,
            failures: Vec::new(),
            taken_over: false,
            generation: 0,
        })
        .collect();
    for (catalog, hints) in by_version(&engine.catalog(), hints, |hint| (hint.subject.as_str(), hint.object.as_str())) {
        let (mut tasks, _) = load(engine, hints).await?;
        if fresh {
            fetch(engine, &catalog, &mut tasks).await;
        }
        preview.looked_at += tasks.len();
        let (failed, tasks): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(|task| task.failure.is_some());
        preview.records.extend(failed.iter().map(|task| blocked(&catalog, task)));
        for decision in decide_all(engine, &catalog, tasks).await? {
            let record = of_decision(engine, &decision);
            for write in &record.writes {
                *writes.entry((write.connection.clone(), write.object.clone(), write.kind.clone())).or_default() += 1;
            }
            if !(record.writes.is_empty() && record.changes.is_empty() && record.waiting.is_empty() && record.blocked.is_none()) {
                preview.records.push(record);
            }
        }
    }
    Ok(())
}

async fn chosen(engine: &Engine, selection: &Selection) -> Result<Vec<(RecordId, String)>> {
    let selection = selection.clone();
    let wanted = selection.record.clone();
    let found = engine
        .store()
        .read(move |tx| {
            if let Some(id) = &selection.record {
                return Ok(tx.record(&Viewer::system(), id)?.into_iter().collect());
            }
            let (mut found, mut left, mut after) = (Vec::new(), selection.limit.unwrap_or(usize::MAX), None);
            while left > 0 {
                let query = RecordQuery { object: selection.object.clone(), after, ..RecordQuery::default() };
                let page = tx.list_records(&Viewer::system(), &query, left)?;
                left = left.saturating_sub(page.records.len());
                found.extend(page.records);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            Ok(found)
        })
        .await?;
    if let (Some(id), true) = (wanted, found.is_empty()) {
        return Err(EngineError::Unknown {
            what: "record",
            name: id.to_string(),
            remedy: "check the id, or search for the record".to_owned(),
        });
    }
    Ok(found.into_iter().map(|record| (record.id, record.object)).collect())
}

fn blocked(catalog: &Catalog, task: &Task) -> RecordPreview {
    RecordPreview {
        record: task.record.id.to_string(),
        title: title(catalog.object(&task.record.object), &task.record.id, &task.record.data),
        object: task.record.object.clone(),
        writes: Vec::new(),
        changes: Vec::new(),
        waiting: task.frozen.iter().cloned().collect(),
        blocked: task.failure.as_ref().map(|(connection, error)| format!("{connection}: {error}; {}", error.advice)),
    }
}

/// What a record waits for that a person decides, beside its conflicts.
fn review(engine: &Engine, decision: &super::decide::Decision) -> Option<String> {
    let catalog = engine.catalog();
    let lacking = engine.connections().keys().any(|connection| {
        let linked = decision.links.iter().any(|link| link.connection == *connection);
        let mapped = catalog.mapped(connection, &decision.task.record.object);
        !linked && mapped.is_some_and(|mapped| mapped.lens.creates(&decision.after, engine.now()))
    });
    ((decision.task.in_review || !decision.asks.is_empty()) && lacking)
        .then(|| "whether it is the same as another record (entente reviews list)".to_owned())
}

fn of_decision(engine: &Engine, decision: &super::decide::Decision) -> RecordPreview {
    let show = |value: Option<&Value>| value.map(Value::display).unwrap_or_default();
    let writes = decision.writes.iter().map(|planned| {
        let believed = decision.task.link(&planned.connection).map(Task::believed).unwrap_or_default();
        WritePreview {
            connection: planned.connection.clone(),
            kind: format!("{:?}", planned.write.kind).to_lowercase(),
            object: planned.target.object.clone(),
            external_id: planned.write.id.clone(),
            fields: planned
                .fields
                .iter()
                .map(|(field, after)| FieldPreview { field: field.clone(), before: show(believed.get(field)), after: after.display() })
                .collect(),
        }
    });
    let waiting = decision.plan.conflicts.iter().filter(|conflict| conflict.resolved.is_none()).map(|conflict| conflict.field.clone());
    RecordPreview {
        record: decision.task.record.id.to_string(),
        title: title(engine.catalog().object(&decision.task.record.object), &decision.task.record.id, &decision.after),
        object: decision.task.record.object.clone(),
        writes: writes.collect(),
        changes: decision
            .changes
            .iter()
            .map(|(field, change)| ChangePreview {
                field: field.clone(),
                before: change.before.display(),
                after: change.after.display(),
                reason: change.reason.clone(),
            })
            .collect(),
        waiting: waiting.chain(review(engine, decision)).collect(),
        blocked: decision.task.failure.as_ref().map(|(connection, error)| format!("{connection}: {error}; {}", error.advice)),
    }
}
