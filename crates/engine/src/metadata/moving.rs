//! What is known of a platform's rows when their mapping moves to another object of the platform. Where that one shows the same rows, it goes along:
//! otherwise each of them would be a new record's, beside the one that it has.

use entente_connect::connector::Connector;
use entente_store::{PAGE_ROWS_MAX, RemoteKey, StoreError, Tx};

/// Names the rows that records of an object are linked to as the mapping's new remote object does. Rows that it does not show keep their name.
/// Answers how many went along.
///
/// # Errors
/// When the store fails.
pub(super) fn take_along(
    tx: &mut Tx<'_>,
    connector: &dyn Connector,
    connection: &str,
    object: &str,
    (from, to): (&str, &str),
) -> Result<u64, StoreError> {
    let (mut after, mut many) = (String::new(), 0);
    if from == to {
        return Ok(many);
    }
    loop {
        let rows = tx.rows_linked(connection, from, object, &after, PAGE_ROWS_MAX)?;
        let Some(last) = rows.last() else { return Ok(many) };
        after.clone_from(&last.key.id);
        let same = rows
            .into_iter()
            .filter_map(|row| Some((row.record, RemoteKey::new(connection, to, connector.same_row(from, to, &row.key.id)?))));
        let same: Vec<_> = same.collect();
        // Somebody's already: a person sees both records.
        let taken = tx.records_at(&same.iter().map(|(_, key)| key.clone()).collect::<Vec<_>>())?;
        let free: Vec<_> = same.into_iter().filter(|(_, key)| !taken.contains_key(key)).collect();
        tx.rename_links(&free)?;
        many += free.len() as u64;
    }
}
