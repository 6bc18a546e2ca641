//! Previewing: the plan of records as it would be carried out now, and nothing written anywhere.

use entente_model::id::RecordId;
use entente_model::value::Value;
use entente_store::{Hint, RecordQuery, Viewer};
use serde::Serialize;
use utoipa::ToSchema;

use super::converge::decide_all;
use super::gather::{fetch, load};
use super::task::{LANE_BACKFILL, Task};
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Which records to preview.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// One record.
    pub record: Option<RecordId>,
    /// Records of one object.
    pub object: Option<String>,
    /// At most this many.
    pub limit: usize,
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
    /// Whether carrying it out would write anything.
    #[must_use]
    pub fn would_write(&self) -> bool {
        self.records.iter().any(|record| !record.writes.is_empty())
    }
}

/// Previews records.
///
/// # Errors
/// When a record does not exist or the store fails. Vendors that cannot be read show as blocked records.
pub async fn preview(engine: &Engine, selection: &Selection) -> Result<Preview> {
    let ids = chosen(engine, selection).await?;
    let now = engine.now();
    let connections = engine.connections().keys().cloned();
    let fetch_from: std::collections::BTreeSet<String> = if selection.fresh { connections.collect() } else { Default::default() };
    let hints: Vec<Hint> = ids
        .into_iter()
        .map(|(id, object)| Hint {
            subject: id.to_string(),
            object,
            lane: LANE_BACKFILL,
            due_at: now,
            first_at: now,
            origin_at: None,
            cause: "user".to_owned(),
            fetch: fetch_from.clone(),
            attempts: 0,
            last_error: None,
            failures: Vec::new(),
            generation: 0,
        })
        .collect();
    let catalog = engine.catalog();
    let (mut tasks, _) = load(engine, hints).await?;
    if selection.fresh {
        fetch(engine, &catalog, &mut tasks).await;
    }
    let looked_at = tasks.len();
    let (failed, tasks): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(|task| task.failure.is_some());
    let mut records: Vec<RecordPreview> = failed.iter().map(blocked).collect();
    let mut writes: std::collections::BTreeMap<(String, String, String), usize> = std::collections::BTreeMap::new();
    for decision in decide_all(engine, &catalog, tasks).await? {
        let record = of_decision(&decision);
        for write in &record.writes {
            *writes.entry((write.connection.clone(), write.object.clone(), write.kind.clone())).or_default() += 1;
        }
        if !(record.writes.is_empty() && record.changes.is_empty() && record.waiting.is_empty()) {
            records.push(record);
        }
    }
    let calls = writes
        .into_iter()
        .map(|((connection, _, _), rows)| rows.div_ceil(engine.connection(&connection).map_or(1, |ready| ready.pressure.batch().max(1))))
        .sum();
    Ok(Preview { looked_at, records, calls })
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
            let query = RecordQuery { object: selection.object.clone(), ..RecordQuery::default() };
            Ok(tx.list_records(&Viewer::system(), &query, selection.limit)?.records)
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

fn blocked(task: &Task) -> RecordPreview {
    RecordPreview {
        record: task.record.id.to_string(),
        object: task.record.object.clone(),
        writes: Vec::new(),
        changes: Vec::new(),
        waiting: task.frozen.iter().cloned().collect(),
        blocked: task.failure.as_ref().map(|(connection, error)| format!("{connection}: {error}; {}", error.advice)),
    }
}

fn of_decision(decision: &super::decide::Decision) -> RecordPreview {
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
        waiting: waiting.collect(),
        blocked: decision.task.failure.as_ref().map(|(connection, error)| format!("{connection}: {error}; {}", error.advice)),
    }
}
