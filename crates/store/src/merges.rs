//! Merges of records: what went over, so that two records that became one can become two again; and rows that carry another record's id
//! since they were parted.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ledger::EntryId;
use crate::links::RemoteKey;
use crate::named::named;
use crate::reviews::ReviewState;
use crate::sql::{Row, Val, vals};
use crate::tx::{BATCH_ROWS, Tx};

named! {
    /// How two records became one.
    pub enum MergeWay {
        /// A person, or a setting of theirs, decided it.
        Decided = "decided",
        /// A platform merged the rows, and Entente followed.
        Followed = "followed",
        /// Both turned out to stand for one row.
        OneRow = "one_row",
    }
}

/// What went over in a merge. No value of anybody is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Counterparts of the record that ended, which went over to the one that stayed.
    #[serde(default)]
    pub rows: Vec<RemoteKey>,
    /// Reviews about the record that ended, which were closed for it.
    #[serde(default)]
    pub closed: Vec<i64>,
    /// Reviews that were opened about the record that stayed in their place.
    #[serde(default)]
    pub opened: Vec<i64>,
    /// Those of the rows into which their platform has merged the row of the record that stayed: there, it had been the other way round.
    #[serde(default)]
    pub swallowed: Vec<RemoteKey>,
}

/// A merge that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewMerge {
    /// Our object.
    pub object: String,
    /// The record that stayed.
    pub survivor: RecordId,
    /// The record that ended in it.
    pub absorbed: RecordId,
    /// How it came.
    pub way: MergeWay,
    /// The connection that merged the rows, or at which the one row is.
    pub connection: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Entries of the ledger after this one may be its doing.
    pub after: EntryId,
    /// What went over.
    pub moved: Moved,
}

/// A merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merge {
    /// Number.
    pub id: i64,
    /// What it was.
    #[serde(flatten)]
    pub merge: NewMerge,
    /// When the two were parted again.
    pub undone_at: Option<Timestamp>,
    /// Who parted them.
    pub undone_by: Option<String>,
}

const COLUMNS: &str = "id, object, survivor, absorbed, way, connection, at, by_whom, after, moved, undone_at, undone_by";

fn merge(mut row: Row) -> Result<Merge> {
    Ok(Merge {
        id: row.int()?,
        merge: NewMerge {
            object: row.text()?,
            survivor: row.parse()?,
            absorbed: row.parse()?,
            way: row.parse()?,
            connection: row.opt_text()?,
            at: row.time()?,
            by: row.text()?,
            after: row.int()?,
            moved: row.json()?,
        },
        undone_at: row.opt_time()?,
        undone_by: row.opt_text()?,
    })
}

impl Tx<'_> {
    /// Keeps a merge. A record that ended in one already is not merged again: the one there is stands.
    ///
    /// # Errors
    /// As for any write.
    pub fn keep_merge(&mut self, new: &NewMerge) -> Result<()> {
        self.exec(
            "insert into merges (object, survivor, absorbed, way, connection, at, by_whom, after, moved)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (absorbed) where undone_at is null do nothing",
            &[
                new.object.as_str().into(),
                (&new.survivor).into(),
                (&new.absorbed).into(),
                new.way.as_str().into(),
                new.connection.clone().into(),
                new.at.into(),
                new.by.as_str().into(),
                new.after.into(),
                Val::json(&new.moved)?,
            ],
        )
        .map(drop)
    }

    /// Notes that a counterpart of a record that ended goes over to the one that stays after all: because a person wants so, or, where it has
    /// `swallowed` that one's row, because its platform has merged that into it.
    ///
    /// # Errors
    /// As for any write.
    pub fn note_moved(&mut self, absorbed: &RecordId, row: &RemoteKey, swallowed: bool) -> Result<()> {
        let sql = "select id, moved from merges where absorbed = $1 and undone_at is null FOR_UPDATE";
        let Some(mut found) = self.row("merges", sql, vals![absorbed])? else { return Ok(()) };
        let (id, mut moved): (i64, Moved) = (found.int()?, found.json()?);
        moved.rows.push(row.clone());
        if swallowed {
            moved.swallowed.push(row.clone());
        }
        self.exec("update merges set moved = $2 where id = $1", &[id.into(), Val::json(&moved)?]).map(drop)
    }

    /// Every merge that a record ended in, newest first.
    ///
    /// # Errors
    /// As for any read.
    pub fn merges_of(&mut self, absorbed: &RecordId) -> Result<Vec<Merge>> {
        let sql = format!("select {COLUMNS} from merges where absorbed = $1 order by id desc");
        self.rows("merges", &sql, vals![absorbed])?.into_iter().map(merge).collect()
    }

    /// Every merge into a record, undone ones too, newest first.
    ///
    /// # Errors
    /// As for any read.
    pub fn merges_into(&mut self, survivor: &RecordId) -> Result<Vec<Merge>> {
        let sql = format!("select {COLUMNS} from merges where survivor = $1 order by id desc");
        self.rows("merges", &sql, vals![survivor])?.into_iter().map(merge).collect()
    }

    /// Ends a merge: the two are two again. Answers whether it stood.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_merge(&mut self, id: i64, by: &str, now: Timestamp) -> Result<bool> {
        Ok(self.exec("update merges set undone_at = $2, undone_by = $3 where id = $1 and undone_at is null", vals![id, now, by])? > 0)
    }

    /// Remembers that two records are not the same: no rule merges them, and nobody is asked again.
    ///
    /// # Errors
    /// As for any write.
    pub fn remember_apart(&mut self, one: &RecordId, other: &RecordId, object: &str, by: &str, now: Timestamp) -> Result<()> {
        let changed = self.exec(
            "update reviews set state = 'rejected', decided_by = $3, decided_at = $4
             where (record = $1 and other = $2) or (record = $2 and other = $1)",
            vals![one, other, by, now],
        )?;
        if changed > 0 {
            return Ok(());
        }
        self.exec(
            "insert into reviews (kind, record, other, object, score, evidence, state, opened_at, decided_by, decided_at)
             values ('duplicate', $1, $2, $3, 0, $4, 'rejected', $5, $6, $5)",
            &[
                one.into(),
                other.into(),
                object.into(),
                Val::json(&serde_json::json!({ "why": "a person parted them again" }))?,
                now.into(),
                by.into(),
            ],
        )
        .map(drop)
    }

    /// Whether a person has found two records not to be the same.
    ///
    /// # Errors
    /// As for any read.
    pub fn are_apart(&mut self, one: &RecordId, other: &RecordId) -> Result<bool> {
        let sql =
            "select 1 from reviews where state = 'rejected' and ((record = $1 and other = $2) or (record = $2 and other = $1)) limit 1";
        Ok(self.row("reviews", sql, vals![one, other])?.is_some())
    }

    /// Has a decided review wait again, or ends one that waits. Answers whether it was in the other state.
    ///
    /// # Errors
    /// As for any write.
    pub fn turn_review(&mut self, id: i64, from: ReviewState, to: ReviewState, by: Option<&str>, now: Timestamp) -> Result<bool> {
        let at = by.map(|_| now.as_millisecond());
        let sql = "update reviews set state = $3, decided_by = $4, decided_at = $5 where id = $1 and state = $2";
        Ok(self.exec(sql, vals![id, from.as_str(), to.as_str(), by.map(str::to_owned), at])? > 0)
    }

    /// Whether a worker holds any of these records now: something may be on its way to a platform for it.
    ///
    /// # Errors
    /// As for any read.
    pub fn is_any_leased(&mut self, records: &[RecordId], now: Timestamp) -> Result<bool> {
        let names: Vec<String> = records.iter().map(ToString::to_string).collect();
        let sql = "select 1 from hints where subject IN_LIST($1) and coalesce(lease_until, 0) > $2 limit 1";
        Ok(self.row("hints", sql, vals![names, now])?.is_some())
    }

    /// Notes that a row is `record`'s and carries the id of `other`.
    ///
    /// # Errors
    /// As for any write.
    pub fn note_misnamed(&mut self, row: &RemoteKey, record: &RecordId, other: &RecordId) -> Result<()> {
        self.exec(
            "insert into misnamed_rows (connection, remote_object, external_id, record, other) values ($1, $2, $3, $4, $5)
             on conflict (connection, remote_object, external_id) do update set record = excluded.record, other = excluded.other",
            vals![&row.connection, &row.object, &row.id, record, other],
        )
        .map(drop)
    }

    /// Rows that carry another record's id, by connection, for the records whose they are now, and for those whose id they carry. One that went
    /// over to the record whose id it carries is named as it should be.
    ///
    /// # Errors
    /// As for any read.
    pub fn misnamed(&mut self, records: &[RecordId]) -> Result<BTreeMap<RecordId, Vec<(String, bool)>>> {
        let mut found: BTreeMap<RecordId, Vec<(String, bool)>> = BTreeMap::new();
        // Hardly a row is misnamed, and every record has links. A cross join, in which SQLite keeps the order of the tables, begins at the rows.
        let sql = "select l.record, m.other, m.connection from misnamed_rows m cross join links l
             where l.connection = m.connection and l.remote_object = m.remote_object and l.external_id = m.external_id
             and l.state = 'present' and l.record <> m.other and (l.record IN_LIST($1) or m.other IN_LIST($1))";
        for batch in records.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            for mut row in self.rows("misnamed_rows", sql, vals![names])? {
                let (record, other, connection): (RecordId, RecordId, String) = (row.parse()?, row.parse()?, row.text()?);
                found.entry(record).or_default().push((connection.clone(), true));
                found.entry(other).or_default().push((connection, false));
            }
        }
        Ok(found)
    }

    /// A row carries its own record's id now, or is gone. Answers the record whose id it carried before, if it did.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_misnamed(&mut self, row: &RemoteKey) -> Result<Option<RecordId>> {
        let sql = "delete from misnamed_rows where connection = $1 and remote_object = $2 and external_id = $3 returning other";
        self.row("misnamed_rows", sql, vals![&row.connection, &row.object, &row.id])?.map(|mut row| row.parse()).transpose()
    }
}
