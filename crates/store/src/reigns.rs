//! Reigns: when versions of mappings decided records, so that what they did can be told from what others did.

use entente_model::clock::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::ledger::EntryId;
use crate::sql::{Row, vals};
use crate::tx::Tx;

/// Share of the version in force, in percent.
pub(crate) const ALL: u64 = 100;

/// A time in which a version of a mapping decided records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reign {
    /// The version.
    pub version: i64,
    /// Share of the records that it decided, in percent; 100 for the version in force.
    pub percent: u64,
    /// When it began.
    pub since: Timestamp,
    /// The last entry of the ledger before it began.
    pub after: EntryId,
    /// The last entry before it ended; none while it lasts.
    pub last: Option<EntryId>,
}

impl Reign {
    /// Whether an entry was made in it.
    #[must_use]
    pub fn holds(&self, entry: EntryId) -> bool {
        entry > self.after && self.last.is_none_or(|last| entry <= last)
    }
}

/// A time in which a version of a mapping was the one in force for all records that no roll-out had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Name of the connection.
    pub connection: String,
    /// Our object.
    pub object: String,
    /// The version.
    pub version: i64,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; none while it lasts. Where no other version followed, that is when the next entry of the ledger was made, or now where none
    /// was.
    pub until: Option<Timestamp>,
}

fn reign(mut row: Row) -> Result<Reign> {
    Ok(Reign { version: row.int()?, percent: row.num()?, since: row.time()?, after: row.int()?, last: row.opt_int()? })
}

impl Tx<'_> {
    /// Every reign of the versions of a mapping, oldest first.
    ///
    /// # Errors
    /// As for any read.
    pub fn reigns(&mut self, connection: &str, object: &str) -> Result<Vec<Reign>> {
        let sql = "select version, percent, since_at, after_entry, last_entry from mapping_reigns
                   where connection = $1 and object = $2 order by after_entry, since_at, percent desc";
        self.rows("mapping_reigns", sql, vals![connection, object])?.into_iter().map(reign).collect()
    }

    /// When each version of every mapping was in force, by connection and object, oldest first; of mappings that are in use no more as well.
    ///
    /// # Errors
    /// As for any read.
    pub fn in_force(&mut self, now: Timestamp) -> Result<Vec<InForce>> {
        let sql = "select connection, object, version, since_at, case when last_entry is null then null else
                   coalesce((select at from entries where id > last_entry order by id limit 1), $1) end
                   from mapping_reigns where percent = 100 order by connection, object, after_entry, since_at";
        let mut all: Vec<InForce> = Vec::new();
        for mut row in self.rows("mapping_reigns", sql, vals![now])? {
            let next =
                InForce { connection: row.text()?, object: row.text()?, version: row.int()?, from: row.time()?, until: row.opt_time()? };
            if let Some(last) = all.last_mut().filter(|last| last.connection == next.connection && last.object == next.object) {
                last.until = Some(next.from);
            }
            all.push(next);
        }
        Ok(all)
    }

    /// Another version is in force for all records, or none any more.
    pub(crate) fn note_in_force(&mut self, connection: &str, object: &str, version: Option<i64>, now: Timestamp) -> Result<()> {
        let lasting = "percent = 100";
        self.change_reign(connection, object, lasting, version.map(|version| (version, ALL)), now)
    }

    /// A version decides another share of the records, or none any more.
    pub(crate) fn note_share(&mut self, connection: &str, object: &str, share: Option<(i64, u64)>, now: Timestamp) -> Result<()> {
        self.change_reign(connection, object, "percent < 100", share, now)
    }

    fn change_reign(&mut self, connection: &str, object: &str, which: &str, next: Option<(i64, u64)>, now: Timestamp) -> Result<()> {
        let last = self.last_entry()?;
        let sql =
            format!("update mapping_reigns set last_entry = $3 where connection = $1 and object = $2 and last_entry is null and {which}");
        self.exec(&sql, vals![connection, object, last])?;
        let Some((version, percent)) = next else { return Ok(()) };
        // One that came and went between two entries did nothing, and may come again.
        let sql = "insert into mapping_reigns (connection, object, version, percent, since_at, after_entry) values ($1, $2, $3, $4, $5, $6)
                   on conflict (connection, object, version, percent, after_entry, since_at) do update set last_entry = null";
        self.exec(sql, vals![connection, object, version, i64::try_from(percent).unwrap_or(100), now, last]).map(drop)
    }
}
