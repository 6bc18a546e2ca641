//! Waking records that wait: for a row to be adopted, a counterpart to be created, a first read to end.

use std::collections::BTreeSet;

use entente_model::clock::Timestamp;
use entente_store::{Lane, NewHint, PAGE_ROWS_MAX, StoreError, Tx};

use super::decide::row_target;
use super::subject::RowKey;

/// Age from which a wait for a row is given up when a poll does not bring the row: exports hold back the newest minute, and a poll may
/// have begun in the middle of a page.
const HOPELESS_MS: i64 = 10 * 60 * 1000;

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

/// Ends waits for rows of an object that will never have a record: a complete poll has passed since, and the row is not on its way. An
/// agent who asked for a ticket is such a row: no mapping wants agents. What waited has gone on without it.
pub(crate) fn give_up(tx: &mut Tx<'_>, connection: &str, object: &str, now: Timestamp) -> Result<(), StoreError> {
    let prefix = row_target(object, "");
    let waits = tx.waits(PAGE_ROWS_MAX)?;
    let old = waits.iter().filter(|(_, _, at, since)| at == connection && now.as_millisecond() - since.as_millisecond() >= HOPELESS_MS);
    let ids: BTreeSet<&str> = old.filter_map(|(_, target, _, _)| target.strip_prefix(&prefix)).collect();
    for id in ids {
        let row = RowKey { connection: connection.to_owned(), object: object.to_owned(), id: id.to_owned() };
        if tx.hint_of(&row.to_string())?.is_none() {
            tx.end_waits(&row_target(object, id), connection)?;
        }
    }
    Ok(())
}
