//! Waking records that wait: for a row to be adopted, a counterpart to be created, a first read to end.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_store::{Lane, NewHint, PAGE_ROWS_MAX, StoreError, Tx};

use super::decide::row_target;
use super::subject::RowKey;

/// Age from which a wait for a row is given up when a poll does not bring the row: exports hold back the newest minute, and a poll may
/// have begun in the middle of a page.
const HOPELESS_MS: i64 = 10 * 60 * 1000;

/// Something that records may wait for, and that is there now.
pub(crate) struct Arrived {
    /// What they wait for.
    pub(crate) target: String,
    /// Where.
    pub(crate) connection: String,
    /// How urgent it is to whoever waits.
    pub(crate) lane: Lane,
    /// Whether it is a row that stands for a record now. A reference that led nowhere is kept by nobody: the side that holds it is looked at
    /// again.
    pub(crate) is_row: bool,
}

/// Hints every record that waits for `target`, and ends their wait.
pub(crate) fn wake(tx: &mut Tx<'_>, target: &str, connection: &str, lane: Lane, now: Timestamp) -> Result<(), StoreError> {
    wake_all(tx, &[Arrived { target: target.to_owned(), connection: connection.to_owned(), lane, is_row: false }], now)
}

/// Hints every record that waits for any of these, and ends their wait.
pub(crate) fn wake_all(tx: &mut Tx<'_>, arrived: &[Arrived], now: Timestamp) -> Result<(), StoreError> {
    let by_target: BTreeMap<(&str, &str), &Arrived> =
        arrived.iter().map(|one| ((one.target.as_str(), one.connection.as_str()), one)).collect();
    let targets: Vec<(String, String)> =
        by_target.keys().map(|(target, connection)| ((*target).to_owned(), (*connection).to_owned())).collect();
    let ended = tx.end_waits(&targets)?;
    let hints = ended.into_iter().filter_map(|wait| {
        let one = by_target.get(&(wait.target.as_str(), wait.connection.as_str()))?;
        Some(NewHint {
            object: String::new(),
            subject: wait.record.to_string(),
            lane: one.lane,
            due_at: now,
            cause: "event".to_owned(),
            fetch: if one.is_row { BTreeSet::from([one.connection.clone()]) } else { BTreeSet::new() },
            origin_at: None,
            is_news: true,
            at: now,
        })
    });
    tx.hint(&hints.collect::<Vec<_>>())
}

/// Ends waits for rows of an object that will never have a record: a complete poll has passed since, and the row is not on its way. An
/// agent who asked for a ticket is such a row: no mapping wants agents. What waited has gone on without it.
pub(crate) fn give_up(tx: &mut Tx<'_>, connection: &str, object: &str, now: Timestamp) -> Result<(), StoreError> {
    let prefix = row_target(object, "");
    let waits = tx.waits(PAGE_ROWS_MAX)?;
    let old = waits.iter().filter(|(_, _, at, since)| at == connection && now.as_millisecond() - since.as_millisecond() >= HOPELESS_MS);
    let ids: BTreeSet<&str> = old.filter_map(|(_, target, _, _)| target.strip_prefix(&prefix)).collect();
    let mut hopeless = Vec::new();
    for id in ids {
        let row = RowKey { connection: connection.to_owned(), object: object.to_owned(), id: id.to_owned() };
        if tx.hint_of(&row.to_string())?.is_none() {
            hopeless.push((row_target(object, id), connection.to_owned()));
        }
    }
    tx.end_waits(&hopeless).map(drop)
}
