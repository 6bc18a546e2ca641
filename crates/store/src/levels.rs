//! Levels by hour: how much agrees, drifts and waits. Of each hour the last level is kept and the highest, so that a month's report reads
//! a few hundred rows.

use entente_model::clock::Timestamp;
use serde::Serialize;

use crate::counters::{hour, hour_up};
use crate::error::Result;
use crate::sql::{Val, cells, vals};
use crate::tx::Tx;

/// A level in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Level {
    /// When the hour began.
    pub hour: Timestamp,
    /// The last level seen within it.
    pub last: u64,
    /// The highest.
    pub peak: u64,
}

impl Tx<'_> {
    /// Notes levels.
    ///
    /// # Errors
    /// As for any write.
    pub fn put_levels(&mut self, now: Timestamp, levels: &[(&str, u64)]) -> Result<()> {
        if levels.is_empty() {
            return Ok(());
        }
        let rows = levels.iter().map(|(name, value)| cells![*name, *value]).collect();
        self.exec(
            "insert into levels (hour, name, last, peak)
             select $2, x.value->>'name', cast(x.value->>'value' as bigint), cast(x.value->>'value' as bigint) from EACH($1) where true
             on conflict (name, hour) do update set last = excluded.last, peak = GREATEST(levels.peak, excluded.peak)",
            &[Val::rows(&["name", "value"], rows), hour(now).into()],
        )?;
        Ok(())
    }

    /// A level hour by hour, in order; hours in which it was not looked at are left out.
    ///
    /// # Errors
    /// As for any read.
    pub fn levels(&mut self, name: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Level>> {
        let sql = "select hour * 3600000, last, peak from levels where name = $1 and hour >= $2 and hour < $3 order by hour";
        let rows = self.rows("levels", sql, vals![name, hour(from), hour_up(to)])?;
        rows.into_iter().map(|mut row| Ok(Level { hour: row.time()?, last: row.num()?, peak: row.num()? })).collect()
    }
}
