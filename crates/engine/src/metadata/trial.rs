//! Trials: a version of a mapping is tried on real records, beside the one in force. Rows are read, and nothing is written.

use std::collections::BTreeMap;

use entente_model::id::RecordId;
use entente_model::mapping::Mapping;
use entente_store::{Hint, RecordQuery, Viewer};
use serde::Serialize;
use utoipa::ToSchema;

use super::mappings::{version_of, with};
use super::proposal::{Judgement, judge};
use super::{column, refresh};
use crate::engine::Engine;
use crate::error::Result;
use crate::records::title;
use crate::sync::converge::decide_all;
use crate::sync::gather::{fetch, load};
use crate::sync::shadow::{Difference, differences};
use crate::sync::task::{LANE_URGENT, Task};

/// Records that a mapping is tried on at most: a worker's batch.
pub const RECORDS_MAX: usize = 400;

/// Records that a mapping is tried on, unless somebody says otherwise.
pub const RECORDS: usize = 50;

/// What trying a mapping on records came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MappingTrial)]
pub struct Trial {
    /// What was found without records: errors, and what lines lose.
    pub judgement: Judgement,
    /// Records that it was tried on, last changed first.
    pub records: usize,
    /// Records that it decides otherwise than the mapping in force.
    pub differing: Vec<TriedRecord>,
    /// Writes that it would make for these records, by connection; those that the mapping in force would make too are among them.
    pub writes: BTreeMap<String, usize>,
    /// What all records would cost.
    pub cost: TrialCost,
}

/// Calls that putting a mapping in force would cost, reckoned from the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct TrialCost {
    /// Records of the object.
    pub records: u64,
    /// Calls that read their rows, or the new columns of them, at most.
    pub read_calls: u64,
    /// Calls that write what differs.
    pub write_calls: u64,
}

/// A record that two versions of a mapping decide differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TriedRecord {
    /// Record id.
    pub record: String,
    /// What people call it.
    pub title: String,
    /// Field by field, what is written now and what would be.
    pub differences: Vec<Difference>,
    /// Why it cannot go on with the new version, if it cannot.
    pub blocked: Option<String>,
}

/// Tries a version on the records last changed.
///
/// # Errors
/// When there is no such version, and as [`try_out`].
pub async fn try_version(engine: &Engine, connection: &str, object: &str, version: i64, records: usize) -> Result<Trial> {
    let chosen = version_of(engine, connection, object, version).await?;
    try_out(engine, connection, &chosen.mapping, records).await
}

/// Tries a mapping on the records last changed.
///
/// # Errors
/// When the connection does not exist, a platform cannot be asked, the mapping does not compile with the others, or the store fails.
pub async fn try_out(engine: &Engine, connection: &str, mapping: &Mapping, records: usize) -> Result<Trial> {
    refresh(engine).await?;
    let judgement = judge(engine, connection, mapping).await?;
    let base = engine.catalog();
    let mut proposed = with(engine, &base, &[(connection.to_owned(), mapping.clone())], &[])?;
    // Both decide on the same rows, so they are read with the columns of both.
    if let Some(known) = base.mapped(connection, &mapping.object) {
        proposed.extend_reads(connection, &mapping.object, &known.reads);
    }
    let wanted = RecordQuery { object: Some(mapping.object.clone()), ..RecordQuery::default() };
    let (limit, counted) = (records.clamp(1, RECORDS_MAX), mapping.object.clone());
    let (ids, total) = engine
        .store()
        .read(move |tx| {
            let page = tx.list_records(&Viewer::system(), &wanted, limit)?;
            let ids: Vec<RecordId> = page.records.into_iter().map(|record| record.id).collect();
            Ok((ids, tx.record_counts(&Viewer::system())?.get(&counted).copied().unwrap_or_default()))
        })
        .await?;
    let (mut tasks, _) = load(engine, ids.iter().map(|id| hint(engine, id, &mapping.object)).collect()).await?;
    fetch(engine, &proposed, &mut tasks).await;
    let (failed, tasks): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(|task| task.failure.is_some());
    let blocked = |task: &Task| task.failure.as_ref().map(|(at, error)| format!("{at}: {error}; {}", error.advice));
    let named = |task: &Task| title(base.object(&task.record.object), &task.record.id, &task.record.data);
    let mut differing: Vec<TriedRecord> = failed
        .iter()
        .map(|task| TriedRecord { record: task.record.id.to_string(), title: named(task), differences: Vec::new(), blocked: blocked(task) })
        .collect();
    let now = decide_all(engine, &base, tasks.clone()).await?;
    let then = decide_all(engine, &proposed, tasks).await?;
    let (mut writes, mut fresh) = (BTreeMap::new(), BTreeMap::new());
    for (now, then) in now.iter().zip(&then) {
        for planned in &then.writes {
            *writes.entry(planned.connection.clone()).or_insert(0) += 1;
        }
        let found = differences(now, then);
        let stopped = blocked(&then.task).filter(|why| blocked(&now.task).as_ref() != Some(why));
        for place in found.iter().filter(|one| one.then.is_some()).map(|one| &one.place).collect::<std::collections::BTreeSet<_>>() {
            *fresh.entry(place.clone()).or_insert(0_u64) += 1;
        }
        if !found.is_empty() || stopped.is_some() {
            let record = then.task.record.id.to_string();
            differing.push(TriedRecord { record, title: named(&then.task), differences: found, blocked: stopped });
        }
    }
    let tried = (now.len() as u64).max(1);
    let calls = |rows: u64, batch: usize| rows.div_ceil(batch.max(1) as u64);
    let batch = |place: &String| engine.connection(place).map(|ready| ready.pressure.batch()).ok();
    let write_calls = fresh.iter().filter_map(|(place, many)| Some(calls((many * total).div_ceil(tried), batch(place)?))).sum();
    let ready = engine.connection(connection)?;
    let in_force = base.mapped(connection, &mapping.object).map(|mapped| &mapped.saved);
    let columns = in_force.zip(base.object(&mapping.object)).and_then(|(saved, object)| column::added(saved, mapping, object));
    let reads = columns.is_some() || in_force != Some(mapping);
    let read_calls = if reads { calls(total, ready.connector.spec().fetch_max) } else { 0 };
    let cost = TrialCost { records: total, read_calls, write_calls };
    Ok(Trial { judgement, records: ids.len(), differing, writes, cost })
}

fn hint(engine: &Engine, id: &RecordId, object: &str) -> Hint {
    let now = engine.now();
    Hint {
        subject: id.to_string(),
        object: object.to_owned(),
        // A person waits for the rows.
        lane: LANE_URGENT,
        due_at: now,
        first_at: now,
        origin_at: None,
        cause: "user".to_owned(),
        fetch: engine.connections().keys().cloned().collect(),
        attempts: 0,
        races: 0,
        last_error: None,
        failures: Vec::new(),
        taken_over: false,
        generation: 0,
    }
}
