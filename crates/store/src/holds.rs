//! Holds: unusual mass changes that wait for a person, the records that wait with them, and the counts that tell what is unusual.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use serde::Serialize;

use crate::error::Result;
use crate::named::named;
use crate::sql::{Row, Val, vals};
use crate::tx::{BATCH_ROWS, Tx, page};
use crate::viewer::Viewer;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

named! {
    /// What has become of a hold.
    pub enum HoldState {
        /// Waits for a person.
        Open = "open",
        /// A person let it go.
        Released = "released",
        /// A person decided against it, and it was put back.
        Dropped = "dropped",
    }
}

/// A kind of change of an object at a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct MassKey {
    /// The connection that would be written to.
    pub connection: String,
    /// Our object.
    pub object: String,
    /// Kind of change.
    pub kind: String,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Number.
    pub id: i64,
    /// What is held.
    #[serde(flatten)]
    pub key: MassKey,
    /// Changes within the window when it was opened.
    pub many: u64,
    /// How many would have passed.
    pub allowed: u64,
    /// What has become of it.
    pub state: HoldState,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When a person decided.
    pub closed_at: Option<Timestamp>,
    /// Who decided.
    pub closed_by: Option<String>,
    /// Records that wait with it.
    pub records: u64,
}

/// A record that waits with a hold, or passes because its hold was released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldRecord {
    /// The record.
    pub record: RecordId,
    /// The hold.
    pub hold: i64,
    /// What would be written, as a document of the caller's.
    pub preview: serde_json::Value,
    /// Since when.
    pub since: Timestamp,
}

const COLUMNS: &str = "id, connection, object, kind, many, allowed, state, opened_at, closed_at, closed_by, \
                       (select count(*) from held_records where held_records.hold = holds.id)";

fn key(row: &mut Row) -> Result<MassKey> {
    Ok(MassKey { connection: row.text()?, object: row.text()?, kind: row.text()? })
}

fn hold(mut row: Row) -> Result<Hold> {
    Ok(Hold {
        id: row.int()?,
        key: key(&mut row)?,
        many: row.num()?,
        allowed: row.num()?,
        state: row.parse()?,
        opened_at: row.time()?,
        closed_at: row.opt_time()?,
        closed_by: row.opt_text()?,
        records: row.num()?,
    })
}

fn held(mut row: Row) -> Result<HeldRecord> {
    Ok(HeldRecord { record: row.parse()?, hold: row.int()?, preview: row.json()?, since: row.time()? })
}

fn whole(many: u64) -> i64 {
    i64::try_from(many).unwrap_or(i64::MAX)
}

impl Tx<'_> {
    /// Opens a hold and answers its number, and whether it is new: one that is open for the same stays.
    ///
    /// # Errors
    /// As for any write.
    pub fn open_hold(&mut self, of: &MassKey, many: u64, allowed: u64, now: Timestamp) -> Result<(i64, bool)> {
        let fresh = self.row(
            "holds",
            "insert into holds (connection, object, kind, many, allowed, state, opened_at) values ($1, $2, $3, $4, $5, 'open', $6)
             on conflict (connection, object, kind) where state = 'open' do nothing returning id",
            vals![&of.connection, &of.object, &of.kind, whole(many), whole(allowed), now],
        )?;
        if let Some(mut row) = fresh {
            return Ok((row.int()?, true));
        }
        let sql = "select id from holds where connection = $1 and object = $2 and kind = $3 and state = 'open'";
        Ok((self.the_row("holds", sql, vals![&of.connection, &of.object, &of.kind])?.int()?, false))
    }

    /// Holds in a state, newest first. `before` is the last number of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn holds(&mut self, viewer: &Viewer, state: HoldState, limit: usize, before: Option<i64>) -> Result<Vec<Hold>> {
        let sql = format!("select {COLUMNS} from holds where state = $1 and id < $2 and {} order by id desc limit $3", viewer.clause());
        let params = vals![state.as_str(), before.unwrap_or(i64::MAX), page(limit)];
        self.rows("holds", &sql, params)?.into_iter().map(hold).collect()
    }

    /// One hold.
    ///
    /// # Errors
    /// As for any read.
    pub fn hold_of(&mut self, viewer: &Viewer, id: i64) -> Result<Option<Hold>> {
        let sql = format!("select {COLUMNS} from holds where id = $1 and {}", viewer.clause());
        self.row("holds", &sql, vals![id])?.map(hold).transpose()
    }

    /// What is held, by kind of change.
    ///
    /// # Errors
    /// As for any read.
    pub fn open_holds(&mut self) -> Result<BTreeMap<MassKey, i64>> {
        let sql = "select connection, object, kind, id from holds where state = 'open'";
        self.rows("holds", sql, &[])?.into_iter().map(|mut row| Ok((key(&mut row)?, row.int()?))).collect()
    }

    /// The kinds of change whose hold was released at this instant or later.
    ///
    /// # Errors
    /// As for any read.
    pub fn released_since(&mut self, at: Timestamp) -> Result<Vec<MassKey>> {
        let sql = "select connection, object, kind from holds where state = 'released' and closed_at >= $1";
        self.rows("holds", sql, vals![at])?.iter_mut().map(key).collect()
    }

    /// Closes an open hold. Answers whether it was open.
    ///
    /// # Errors
    /// As for any write.
    pub fn close_hold(&mut self, id: i64, state: HoldState, by: &str, now: Timestamp) -> Result<bool> {
        let sql = "update holds set state = $2, closed_at = $3, closed_by = $4 where id = $1 and state = 'open'";
        Ok(self.exec(sql, vals![id, state.as_str(), now, by])? > 0)
    }

    /// Lets records wait with their holds; what is known of one that waits already is brought up to date.
    ///
    /// # Errors
    /// As for any write.
    pub fn put_held(&mut self, held: &[HeldRecord]) -> Result<()> {
        for one in held {
            self.exec(
                "insert into held_records (record, hold, preview, since) values ($1, $2, $3, $4)
                 on conflict (record, hold) do update set preview = excluded.preview",
                &[(&one.record).into(), one.hold.into(), Val::json(&one.preview)?, one.since.into()],
            )?;
        }
        Ok(())
    }

    /// Ends the waiting of records with holds.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_held(&mut self, pairs: &[(RecordId, i64)]) -> Result<()> {
        for (record, hold) in pairs {
            self.exec("delete from held_records where record = $1 and hold = $2", vals![record, *hold])?;
        }
        Ok(())
    }

    /// Records of a hold, by id. `after` is the last one of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn held_by(&mut self, hold: i64, after: Option<&RecordId>, limit: usize) -> Result<Vec<HeldRecord>> {
        let sql = "select record, hold, preview, since from held_records where hold = $1 and record > $2 order by record limit $3";
        let after = after.map(ToString::to_string).unwrap_or_default();
        self.rows("held_records", sql, vals![hold, after, page(limit)])?.into_iter().map(held).collect()
    }

    /// The holds of records, with what each hold is of and what has become of it.
    ///
    /// # Errors
    /// As for any read.
    pub fn held_of(&mut self, records: &[RecordId]) -> Result<Vec<(RecordId, i64, MassKey, HoldState)>> {
        let mut found = Vec::new();
        for batch in records.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            let sql = "select held_records.record, holds.id, holds.connection, holds.object, holds.kind, holds.state
                       from held_records join holds on holds.id = held_records.hold where held_records.record IN_LIST($1)";
            for mut row in self.rows("held_records", sql, vals![names])? {
                found.push((row.parse()?, row.int()?, key(&mut row)?, row.parse()?));
            }
        }
        Ok(found)
    }

    /// How many records wait with open holds.
    ///
    /// # Errors
    /// As for any read.
    pub fn held_count(&mut self) -> Result<u64> {
        let sql = "select count(distinct record) from held_records where hold in (select id from holds where state = 'open')";
        self.the_row("held_records", sql, &[])?.num()
    }

    /// Counts changes that passed.
    ///
    /// # Errors
    /// As for any write.
    pub fn count_mass(&mut self, now: Timestamp, passed: &BTreeMap<MassKey, u64>) -> Result<()> {
        for (of, many) in passed {
            self.exec(
                "insert into mass_changes (connection, object, kind, minute, many) values ($1, $2, $3, $4, $5)
                 on conflict (connection, object, kind, minute) do update set many = mass_changes.many + excluded.many",
                vals![&of.connection, &of.object, &of.kind, now.as_millisecond().div_euclid(MINUTE_MS), whole(*many)],
            )?;
        }
        Ok(())
    }

    /// Changes that passed from the minute of this instant on.
    ///
    /// # Errors
    /// As for any read.
    pub fn mass_since(&mut self, at: Timestamp) -> Result<BTreeMap<MassKey, u64>> {
        let sql = "select connection, object, kind, cast(sum(many) as bigint) from mass_changes where minute >= $1
                   group by connection, object, kind";
        let params = vals![at.as_millisecond().div_euclid(MINUTE_MS)];
        self.rows("mass_changes", sql, params)?.into_iter().map(|mut row| Ok((key(&mut row)?, row.num()?))).collect()
    }

    /// Forgets counts of before an instant, and the passes of records whose hold was closed before it.
    ///
    /// # Errors
    /// As for any write.
    pub fn prune_holds(&mut self, before: Timestamp) -> Result<()> {
        self.exec("delete from mass_changes where minute < $1", vals![before.as_millisecond().div_euclid(MINUTE_MS)])?;
        let sql = "delete from held_records where hold in (select id from holds where state <> 'open' and closed_at < $1)";
        self.exec(sql, vals![before]).map(drop)
    }

    /// Rows of a remote object at a connection that are linked to records.
    ///
    /// # Errors
    /// As for any read.
    pub fn linked_rows(&mut self, connection: &str, remote_object: &str) -> Result<u64> {
        let sql = "select count(*) from links where connection = $1 and remote_object = $2 and state = 'present'";
        self.the_row("links", sql, vals![connection, remote_object])?.num()
    }
}
