//! Waking records that wait: for a row to be adopted, a counterpart to be created, a first read to end.

use std::collections::BTreeSet;

use entente_model::clock::Timestamp;
use entente_store::{Lane, NewHint, StoreError, Tx};

/// Hints every record that waits for `target`, and ends their wait.
pub(crate) fn wake(tx: &mut Tx<'_>, target: &str, connection: &str, lane: Lane, now: Timestamp) -> Result<(), StoreError> {
    wake_with(tx, target, connection, &BTreeSet::new(), lane, now)
}

/// Hints every record that waits for a row to stand for a record. A reference that led nowhere is kept by nobody: the side that holds it
/// is looked at again.
pub(crate) fn wake_for_row(tx: &mut Tx<'_>, target: &str, connection: &str, lane: Lane, now: Timestamp) -> Result<(), StoreError> {
    wake_with(tx, target, connection, &BTreeSet::from([connection.to_owned()]), lane, now)
}

fn wake_with(
    tx: &mut Tx<'_>,
    target: &str,
    connection: &str,
    fetch: &BTreeSet<String>,
    lane: Lane,
    now: Timestamp,
) -> Result<(), StoreError> {
    let waiting = tx.end_waits(target, connection)?;
    let hints: Vec<NewHint> = waiting
        .into_iter()
        .map(|record| NewHint {
            object: String::new(),
            subject: record.to_string(),
            lane,
            due_at: now,
            cause: "event".to_owned(),
            fetch: fetch.clone(),
            origin_at: None,
            at: now,
        })
        .collect();
    tx.hint(&hints)
}
