//! Waits: records that cannot go on before another record has its counterpart at a connection.

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;

use crate::error::Result;
use crate::sql::{Row, vals};
use crate::tx::Tx;

impl Tx<'_> {
    /// Notes that a record waits for another one's counterpart at a connection.
    ///
    /// # Errors
    /// As for any write.
    pub fn wait_for(&mut self, record: &RecordId, target: &(impl ToString + ?Sized), connection: &str, now: Timestamp) -> Result<()> {
        self.exec(
            "insert into waits (record, target, connection, since) values ($1, $2, $3, $4) on conflict (record, target, connection) do nothing",
            vals![record, target.to_string(), connection, now],
        )?;
        Ok(())
    }

    /// Ends the waits for a target that has its counterpart now, and answers the records that waited, to be hinted at.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_waits(&mut self, target: &(impl ToString + ?Sized), connection: &str) -> Result<Vec<RecordId>> {
        self.rows(
            "waits",
            "delete from waits where target = $1 and connection = $2 returning record",
            vals![target.to_string(), connection],
        )?
        .iter_mut()
        .map(Row::parse)
        .collect()
    }

    /// Ends whatever a record waits for, once it converged or was deleted.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_waits_of(&mut self, record: &RecordId) -> Result<u64> {
        self.exec("delete from waits where record = $1", vals![record])
    }

    /// Who waits for whom, the longest first: record, target, connection, since.
    ///
    /// # Errors
    /// As for any read.
    pub fn waits(&mut self, limit: usize) -> Result<Vec<(RecordId, String, String, Timestamp)>> {
        self.rows("waits", "select record, target, connection, since from waits order by since limit $1", &[crate::tx::page(limit)])?
            .into_iter()
            .map(|mut row| Ok((row.parse()?, row.text()?, row.text()?, row.time()?)))
            .collect()
    }
}
