//! Delivering: the writes of many records, grouped into as few calls as the vendors allow.

use std::collections::BTreeMap;
use std::sync::Arc;

use entente_connect::connector::Priority;
use entente_connect::error::VendorError;
use entente_connect::write::{WriteKind, WriteOutcome};
use futures::future::join_all;

use super::converge::Committed;
use super::decide::PlannedWrite;
use super::task::priority;
use crate::engine::{Connection, Engine};

/// One write and what became of it. `record` is the index of its decision.
pub(crate) struct Delivered {
    pub(crate) record: usize,
    pub(crate) planned: PlannedWrite,
    pub(crate) outcome: WriteOutcome,
}

impl Delivered {
    /// The refusal, with the connection and the remote object that it is about.
    pub(crate) fn refusal(&mut self) -> Option<(&str, &str, &mut VendorError)> {
        let error = self.outcome.as_mut().err()?;
        Some((&self.planned.connection, &self.planned.target.object, error))
    }
}

/// Makes all writes of decisions that were committed, together. A refused call fails each of its writes with the same error; a refused row fails
/// alone. What became of them is told batch by batch.
pub(crate) async fn deliver(engine: &Engine, batches: &[Committed]) -> Vec<Vec<Delivered>> {
    type Group = (String, String, WriteKindOrder);
    /// A batch, and the decision in it.
    type Place = (usize, usize);
    type Writes<'a> = Vec<(Place, &'a PlannedWrite)>;
    let mut groups: BTreeMap<Group, (Priority, Writes<'_>)> = BTreeMap::new();
    for (number, batch) in batches.iter().enumerate() {
        for (at, decision) in batch.decisions.iter().enumerate() {
            for planned in &decision.writes {
                let group = (planned.connection.clone(), planned.target.object.clone(), WriteKindOrder::of(planned.write.kind));
                let urgency = priority(decision.task.hint.lane);
                let (most_urgent, writes) = groups.entry(group).or_insert_with(|| (urgency, Vec::new()));
                *most_urgent = (*most_urgent).min(urgency);
                writes.push(((number, at), planned));
            }
        }
    }
    let mut calls = Vec::new();
    for ((connection, _, _), (urgency, writes)) in groups {
        let Ok(ready) = engine.connection(&connection) else { continue };
        for chunk in writes.chunks(size(ready, urgency, writes.len())) {
            let connector = Arc::clone(&ready.connector);
            let chunk = chunk.to_vec();
            calls.push(async move {
                let target = chunk[0].1.target.clone();
                let rows: Vec<_> = chunk.iter().map(|(_, planned)| planned.write.clone()).collect();
                let answer = connector.write(&target, &rows, urgency).await;
                (chunk, answer)
            });
        }
    }
    let mut delivered: Vec<Vec<Delivered>> = batches.iter().map(|_| Vec::new()).collect();
    for (chunk, answer) in join_all(calls).await {
        let outcomes = answer.unwrap_or_else(|error| chunk.iter().map(|_| Err(error.clone())).collect());
        for (((number, record), planned), outcome) in chunk.into_iter().zip(outcomes) {
            delivered[number].push(Delivered { record, planned: planned.clone(), outcome });
        }
    }
    delivered
}

/// Rows that one call carries. Background work goes whole to a platform that has jobs for it when it makes at least half a job: fewer rows
/// share calls. While the platform is under pressure, it does not.
fn size(ready: &Connection, urgency: Priority, rows: usize) -> usize {
    let batch = ready.pressure.batch().max(1);
    match ready.connector.bulk_rows() {
        Some(bulk) if urgency == Priority::Backfill && rows > batch && rows >= bulk.div_ceil(2) && !ready.pressure.presses() => bulk.max(1),
        _ => batch,
    }
}

/// Creations before updates before deletions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum WriteKindOrder {
    Create,
    Update,
    Delete,
}

impl WriteKindOrder {
    fn of(kind: WriteKind) -> Self {
        match kind {
            WriteKind::Create => Self::Create,
            WriteKind::Update => Self::Update,
            WriteKind::Delete => Self::Delete,
        }
    }
}
