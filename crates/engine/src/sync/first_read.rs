//! The first complete read of a remote object: until every row of it is known, nothing is created there, because it may be there.
//!
//! It is over when the last page was read *and* every row of it was adopted: a row that waits for a worker could be the counterpart of
//! the record that another worker is about to create one for.

use entente_model::clock::Timestamp;
use entente_store::{StoreError, Tx};

use super::decide::read_target;
use super::subject::RowKey;
use super::task::LANE_BACKFILL;
use super::wake::wake;

/// Settings under this prefix name remote objects that were read completely at least once (`read/zendesk/user`).
pub const FIRST_READ: &str = "read/";

/// Settings under this prefix name remote objects whose last page was read for the first time, with the instant at which that read began.
const LAST_PAGE: &str = "last_page/";

/// Key under which it is kept that the first read of an object is over.
pub(crate) fn over_key(connection: &str, object: &str) -> String {
    format!("{FIRST_READ}{connection}/{object}")
}

/// Notes that the last page of an object was read, in a read that began then.
pub(crate) fn note_last_page(
    tx: &mut Tx<'_>,
    connection: &str,
    object: &str,
    started_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.put_setting(&format!("{LAST_PAGE}{connection}/{object}"), &started_at)?;
    end_if_adopted(tx, connection, object, now)
}

/// Ends the first read of an object once none of its rows waits to be adopted, and wakes what waited for that.
pub(crate) fn end_if_adopted(tx: &mut Tx<'_>, connection: &str, object: &str, now: Timestamp) -> Result<(), StoreError> {
    let key = over_key(connection, object);
    let Some(started_at) = tx.setting::<Timestamp>(&format!("{LAST_PAGE}{connection}/{object}"))? else { return Ok(()) };
    if tx.setting::<serde_json::Value>(&key)?.is_some() {
        return Ok(());
    }
    let rows = RowKey { connection: connection.to_owned(), object: object.to_owned(), id: String::new() };
    if tx.hinted_below(&rows.to_string())? {
        return Ok(());
    }
    tx.put_setting(&key, &serde_json::json!({ "started_at": started_at, "at": now }))?;
    wake(tx, &read_target(object), connection, LANE_BACKFILL, now)
}
