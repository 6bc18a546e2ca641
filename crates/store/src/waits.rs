//! Waits: records that cannot go on before another record has its counterpart at a connection.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use serde::Serialize;

use crate::error::Result;
use crate::sql::{Row, Val, vals};
use crate::tx::{BATCH_ROWS, Tx};

/// What waits for counterparts at one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WaitCount {
    /// Records.
    pub records: u64,
    /// Since when the one that has waited longest does.
    pub oldest: Timestamp,
}

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

    /// Ends whatever records wait for, save for what they are about to wait for again: (record, target, connection). What stays keeps
    /// its age.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_waits_of(&mut self, records: &[RecordId], save: &[(RecordId, String, String)]) -> Result<()> {
        let save: Vec<_> = save
            .iter()
            .map(|(record, target, connection)| serde_json::json!({ "record": record, "target": target, "connection": connection }))
            .collect();
        for batch in records.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            self.exec(
                "delete from waits where record IN_LIST($1) and (record, target, connection) not in
                 (select x.value->>'record', x.value->>'target', x.value->>'connection' from EACH($2))",
                &[names.into(), Val::json(&save)?],
            )?;
        }
        Ok(())
    }

    /// How many records wait, and since when the one that has waited longest, by connection.
    ///
    /// # Errors
    /// As for any read.
    pub fn wait_counts(&mut self) -> Result<BTreeMap<String, WaitCount>> {
        self.rows("waits", "select connection, count(distinct record), min(since) from waits group by connection", &[])?
            .into_iter()
            .map(|mut row| Ok((row.text()?, WaitCount { records: row.num()?, oldest: row.time()? })))
            .collect()
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
