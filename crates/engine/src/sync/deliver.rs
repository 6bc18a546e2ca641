//! Delivering: the writes of many records, grouped into as few calls as the vendors allow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_connect::connector::Priority;
use entente_connect::error::VendorError;
use entente_connect::write::{WriteKind, WriteOutcome};
use futures::future::join_all;

use super::decide::{Decision, PlannedWrite};
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

/// Makes all writes of a batch of decisions. A refused call fails each of its writes with the same error; a refused row fails alone.
pub(crate) async fn deliver(engine: &Engine, decisions: &[Decision], written: &BTreeSet<usize>) -> Vec<Delivered> {
    type Group = (String, String, WriteKindOrder);
    let mut groups: BTreeMap<Group, (Priority, Vec<(usize, PlannedWrite)>)> = BTreeMap::new();
    for (at, decision) in decisions.iter().enumerate().filter(|(at, _)| written.contains(at)) {
        for planned in &decision.writes {
            let group = (planned.connection.clone(), planned.target.object.clone(), WriteKindOrder::of(planned.write.kind));
            let urgency = priority(decision.task.hint.lane);
            let (most_urgent, writes) = groups.entry(group).or_insert_with(|| (urgency, Vec::new()));
            *most_urgent = (*most_urgent).min(urgency);
            writes.push((at, planned.clone()));
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
    let mut delivered = Vec::new();
    for (chunk, answer) in join_all(calls).await {
        match answer {
            Ok(outcomes) => {
                let pairs = chunk.into_iter().zip(outcomes);
                delivered.extend(pairs.map(|((record, planned), outcome)| Delivered { record, planned, outcome }));
            }
            Err(error) => {
                delivered.extend(chunk.into_iter().map(|(record, planned)| Delivered { record, planned, outcome: Err(error.clone()) }));
            }
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
