//! Waits: records that cannot go on before another record has its counterpart at a connection.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use serde::Serialize;

use crate::error::Result;
use crate::sql::{Val, cells, vals};
use crate::tx::{BATCH_ROWS, Tx};

/// What waits for counterparts at one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WaitCount {
    /// Records.
    pub records: u64,
    /// Since when the one that has waited longest does.
    pub oldest: Timestamp,
}

/// A wait that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedWait {
    /// The record that waited.
    pub record: RecordId,
    /// What it waited for.
    pub target: String,
    /// Name of the connection.
    pub connection: String,
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

    /// Ends the waits for targets (of a connection each) that have come, and answers who waited for which, to be hinted at.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_waits(&mut self, targets: &[(String, String)]) -> Result<Vec<EndedWait>> {
        let mut sorted: Vec<&(String, String)> = targets.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut ended = Vec::new();
        for batch in sorted.chunks(BATCH_ROWS) {
            let rows = batch.iter().map(|(target, connection)| cells![target, connection]).collect();
            let gone = self.rows(
                "waits",
                "delete from waits using EACH($1) where waits.target = x.value->>'target' and waits.connection = x.value->>'connection'
                 returning record, target, connection",
                &[Val::rows(&["target", "connection"], rows)],
            )?;
            for mut row in gone {
                ended.push(EndedWait { record: row.parse()?, target: row.text()?, connection: row.text()? });
            }
        }
        Ok(ended)
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
