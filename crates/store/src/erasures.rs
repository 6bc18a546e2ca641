//! Requests that a person be erased, what is known of their work, and the keyed hashes that keep the person from coming back.

use std::collections::{BTreeSet, HashMap};

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use serde::Serialize;

use crate::crypto;
use crate::error::{Result, StoreError};
use crate::named::named;
use crate::sql::{Row, Val, cells, vals};
use crate::tx::{BATCH_ROWS, Tx, page};
use crate::viewer::Viewer;

/// Bytes of a hash that blocks.
pub const BLOCK_HASH_BYTES: usize = 32;

/// Setting that counts changes of what is blocked: who keeps a copy of it compares.
const STAMP: &str = "privacy/blocked";

named! {
    /// Where an erasure stands.
    pub enum ErasureState {
        /// Systems have still to be written to.
        Working = "working",
        /// What is left only a person can do.
        People = "people",
        /// Every system has answered, and nothing is left.
        Done = "done",
    }
}

/// A request to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewErasure {
    /// The person's record, if there was one.
    pub record: Option<RecordId>,
    /// When.
    pub asked_at: Timestamp,
    /// By whom.
    pub asked_by: String,
    /// Where it came from.
    pub source: String,
    /// What is done, as a document of the caller's without any value of the person.
    pub work: serde_json::Value,
    /// What the work has to know of the person until it is over. Kept encrypted.
    pub errand: Vec<u8>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Erasure {
    /// Number.
    pub id: i64,
    /// Where it stands.
    pub state: ErasureState,
    /// The person's record, if there was one.
    pub record: Option<RecordId>,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// By whom.
    pub asked_by: String,
    /// Where it came from.
    pub source: String,
    /// What is done, as a document of the caller's.
    pub work: serde_json::Value,
    /// When something is to be done next.
    pub due_at: Option<Timestamp>,
    /// When every system had answered.
    pub ended_at: Option<Timestamp>,
    /// When the person's values had left the database's files.
    pub scrubbed_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, state, record, asked_at, asked_by, source, work, due_at, ended_at, scrubbed_at";

fn erasure(mut row: Row) -> Result<Erasure> {
    Ok(Erasure {
        id: row.int()?,
        state: row.parse()?,
        record: row.opt_parse()?,
        asked_at: row.time()?,
        asked_by: row.text()?,
        source: row.text()?,
        work: row.json()?,
        due_at: row.opt_time()?,
        ended_at: row.opt_time()?,
        scrubbed_at: row.opt_time()?,
    })
}

/// The subject whose key an errand is under: destroyed with it.
fn errand_subject(id: i64) -> String {
    format!("erasure/{id}")
}

impl Tx<'_> {
    /// Keeps a request, due at once, and answers its number.
    ///
    /// # Errors
    /// As for any write.
    pub fn open_erasure(&mut self, new: &NewErasure) -> Result<i64> {
        let id = self
            .the_row(
                "erasures",
                "insert into erasures (state, record, asked_at, asked_by, source, work, errand, due_at)
                 values ('working', $1, $2, $3, $4, $5, $6, $2) returning id",
                &[
                    new.record.as_ref().into(),
                    new.asked_at.into(),
                    new.asked_by.as_str().into(),
                    new.source.as_str().into(),
                    Val::json(&new.work)?,
                    Vec::<u8>::new().into(),
                ],
            )?
            .int()?;
        let subject = errand_subject(id);
        let keys = self.subject_keys_for_writing(&BTreeSet::from([subject.as_str()]))?;
        let key = keys.get(&subject).ok_or_else(|| StoreError::Erased { subject: subject.clone() })?;
        let sealed = crypto::seal(key, subject.as_bytes(), &new.errand)?;
        self.exec("update erasures set errand = $2 where id = $1", vals![id, sealed])?;
        self.wake();
        Ok(id)
    }

    /// What the work of a request has to know of the person; `None` once it is over.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it does not open.
    pub fn errand(&mut self, id: i64) -> Result<Option<Vec<u8>>> {
        let Some(mut row) = self.row("erasures", "select errand from erasures where id = $1", vals![id])? else { return Ok(None) };
        let sealed = row.blob()?;
        let subject = errand_subject(id);
        let keys = self.subject_keys_for_reading(&BTreeSet::from([subject.as_str()]))?;
        let Some(key) = keys.get(&subject).filter(|_| !sealed.is_empty()) else { return Ok(None) };
        crypto::open(key, subject.as_bytes(), &sealed)?
            .map(Some)
            .ok_or_else(|| StoreError::corrupt(format!("the errand of erasure {id} does not open")))
    }

    /// Forgets what the work of a request had to know of the person, and destroys its key.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_errand(&mut self, id: i64, now: Timestamp) -> Result<()> {
        self.exec("update erasures set errand = $2 where id = $1", vals![id, Vec::<u8>::new()])?;
        self.shred(&errand_subject(id), now).map(drop)
    }

    /// One request.
    ///
    /// # Errors
    /// As for any read.
    pub fn erasure(&mut self, viewer: &Viewer, id: i64) -> Result<Option<Erasure>> {
        let sql = format!("select {COLUMNS} from erasures where id = $1 and {}", viewer.clause());
        self.row("erasures", &sql, vals![id])?.map(erasure).transpose()
    }

    /// One request, held to the end of the transaction.
    ///
    /// # Errors
    /// As for any write.
    pub fn erasure_for_update(&mut self, id: i64) -> Result<Option<Erasure>> {
        let sql = format!("select {COLUMNS} from erasures where id = $1 FOR_UPDATE");
        self.row("erasures", &sql, vals![id])?.map(erasure).transpose()
    }

    /// Requests, newest first; those in a state, or all. `before` is the last number of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn erasures(&mut self, viewer: &Viewer, state: Option<ErasureState>, limit: usize, before: Option<i64>) -> Result<Vec<Erasure>> {
        let sql = format!(
            "select {COLUMNS} from erasures where id < $1 and (cast($2 as text) is null or state = $2) and {} order by id desc limit $3",
            viewer.clause()
        );
        let params = vals![before.unwrap_or(i64::MAX), state.map(ErasureState::as_str), page(limit)];
        self.rows("erasures", &sql, params)?.into_iter().map(erasure).collect()
    }

    /// Requests at which something is to be done by now, the longest due first.
    ///
    /// # Errors
    /// As for any read.
    pub fn due_erasures(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Erasure>> {
        let sql = format!("select {COLUMNS} from erasures where due_at <= $1 order by due_at, id limit $2");
        self.rows("erasures", &sql, vals![now, page(limit)])?.into_iter().map(erasure).collect()
    }

    /// Requests whose person may still be in the database's files.
    ///
    /// # Errors
    /// As for any read.
    pub fn unscrubbed_erasures(&mut self) -> Result<Vec<Erasure>> {
        let sql = format!("select {COLUMNS} from erasures where scrubbed_at is null order by id");
        self.rows("erasures", &sql, &[])?.into_iter().map(erasure).collect()
    }

    /// The latest request about a record.
    ///
    /// # Errors
    /// As for any read.
    pub fn erasure_of(&mut self, record: &RecordId) -> Result<Option<Erasure>> {
        let sql = format!("select {COLUMNS} from erasures where record = $1 order by id desc limit 1");
        self.row("erasures", &sql, vals![record])?.map(erasure).transpose()
    }

    /// Writes what has become of a request: its state, its work, and when something is to be done next.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none of this number.
    pub fn put_erasure(&mut self, erasure: &Erasure) -> Result<()> {
        let touched = self.exec(
            "update erasures set state = $2, work = $3, due_at = $4, ended_at = $5, scrubbed_at = $6 where id = $1",
            &[
                erasure.id.into(),
                erasure.state.as_str().into(),
                Val::json(&erasure.work)?,
                erasure.due_at.into(),
                erasure.ended_at.into(),
                erasure.scrubbed_at.into(),
            ],
        )?;
        if touched == 1 { Ok(()) } else { Err(StoreError::Missing(format!("erasure {}", erasure.id))) }
    }

    /// Blocks whatever has one of these hashes.
    ///
    /// # Errors
    /// As for any write.
    pub fn block(&mut self, id: i64, hashes: &[[u8; BLOCK_HASH_BYTES]]) -> Result<()> {
        for batch in hashes.chunks(BATCH_ROWS) {
            let rows = batch.iter().map(|hash| cells![&hash[..]]).collect();
            self.exec(
                "insert into blocked (hash, erasure) select unhex(x.value->>'hash'), $2 from EACH($1) where true
                 on conflict (hash, erasure) do nothing",
                &[Val::rows(&["hash"], rows), id.into()],
            )?;
        }
        self.bump_blocked()
    }

    /// Lets in again whatever a request blocked. Answers how many hashes that were.
    ///
    /// # Errors
    /// As for any write.
    pub fn unblock(&mut self, id: i64) -> Result<u64> {
        let gone = self.exec("delete from blocked where erasure = $1", vals![id])?;
        self.bump_blocked()?;
        Ok(gone)
    }

    fn bump_blocked(&mut self) -> Result<()> {
        let next = self.blocked_stamp()? + 1;
        self.put_setting(STAMP, &next)
    }

    /// Counts the changes of what is blocked; 0 while nothing ever was.
    ///
    /// # Errors
    /// As for any read.
    pub fn blocked_stamp(&mut self) -> Result<i64> {
        Ok(self.setting(STAMP)?.unwrap_or(0))
    }

    /// Everything that is blocked, with the request that blocks it.
    ///
    /// # Errors
    /// As for any read.
    pub fn blocked(&mut self) -> Result<HashMap<[u8; BLOCK_HASH_BYTES], i64>> {
        self.rows("blocked", "select hash, erasure from blocked order by erasure", &[])?
            .into_iter()
            .map(|mut row| Ok((row.hash()?, row.int()?)))
            .collect()
    }

    /// How many hashes a request blocks.
    ///
    /// # Errors
    /// As for any read.
    pub fn blocked_by(&mut self, id: i64) -> Result<u64> {
        self.the_row("blocked", "select count(*) from blocked where erasure = $1", vals![id])?.num()
    }

    /// Requests by state.
    ///
    /// # Errors
    /// As for any read.
    pub fn erasure_counts(&mut self) -> Result<HashMap<ErasureState, u64>> {
        let sql = "select state, count(*) from erasures group by state";
        self.rows("erasures", sql, &[])?.into_iter().map(|mut row| Ok((row.parse()?, row.num()?))).collect()
    }
}
