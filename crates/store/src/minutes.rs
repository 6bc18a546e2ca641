//! Syncs by minute: how many landed and failed at each connection, and how many live changes took too long. Kept for days, for rates over
//! the last minutes and hours; what is kept for good is by hour (see `counters`).

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::sql::{Val, cells, vals};
use crate::tx::Tx;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

fn minute(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(MINUTE_MS)
}

/// What came of syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Syncs {
    /// Writes that landed.
    pub landed: u64,
    /// Failures that came up.
    pub failed: u64,
    /// Live changes whose time to land is known.
    pub timed: u64,
    /// Of those, how many took longer than the promise.
    pub slow: u64,
}

impl Tx<'_> {
    /// Adds what came of syncs within this minute, by connection (empty where none is meant).
    ///
    /// # Errors
    /// As for any write.
    pub fn add_syncs(&mut self, now: Timestamp, adds: &BTreeMap<String, Syncs>) -> Result<()> {
        if adds.is_empty() {
            return Ok(());
        }
        let rows = adds.iter().map(|(connection, add)| cells![connection, add.landed, add.failed, add.timed, add.slow]).collect();
        self.exec(
            "insert into sync_minutes (minute, connection, landed, failed, timed, slow)
             select $2, x.value->>'connection', cast(x.value->>'landed' as bigint), cast(x.value->>'failed' as bigint),
                    cast(x.value->>'timed' as bigint), cast(x.value->>'slow' as bigint) from EACH($1) where true
             on conflict (minute, connection) do update set landed = sync_minutes.landed + excluded.landed,
                 failed = sync_minutes.failed + excluded.failed, timed = sync_minutes.timed + excluded.timed,
                 slow = sync_minutes.slow + excluded.slow",
            &[Val::rows(&["connection", "landed", "failed", "timed", "slow"], rows), minute(now).into()],
        )?;
        Ok(())
    }

    /// What came of syncs in the minutes from an instant on, by connection.
    ///
    /// # Errors
    /// As for any read.
    pub fn syncs_since(&mut self, from: Timestamp) -> Result<BTreeMap<String, Syncs>> {
        let sql = "select connection, cast(sum(landed) as bigint), cast(sum(failed) as bigint), cast(sum(timed) as bigint),
                   cast(sum(slow) as bigint) from sync_minutes where minute >= $1 group by connection";
        let rows = self.rows("sync_minutes", sql, vals![minute(from)])?;
        rows.into_iter()
            .map(|mut row| Ok((row.text()?, Syncs { landed: row.num()?, failed: row.num()?, timed: row.num()?, slow: row.num()? })))
            .collect()
    }

    /// Removes minutes before an instant.
    ///
    /// # Errors
    /// As for any write.
    pub fn prune_syncs(&mut self, before: Timestamp) -> Result<u64> {
        self.exec("delete from sync_minutes where minute < $1", vals![minute(before)])
    }
}
