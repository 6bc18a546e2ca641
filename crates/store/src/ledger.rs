//! The ledger: every change of a record as one entry, append-only, hashed, and encrypted under its subject's key.

mod canonical;
mod seal;
mod verify;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::plan::cascade::Candidate;
use entente_model::value::{FieldKey, Value};
use serde::{Deserialize, Serialize};

use crate::crypto;
use crate::error::{Result, StoreError};
use crate::sql::{Row, Val, cells, vals};
use crate::tx::{BATCH_ROWS, Tx, page};
use crate::viewer::Viewer;

pub use seal::Block;
pub use verify::{Broken, Progress, Verdict, Verified};
pub use window::{Touch, Window};

/// Number of an entry. Later entries have greater numbers; numbers may be skipped.
pub type EntryId = i64;

/// What an entry did to one field.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Change {
    /// The value before.
    pub before: Value,
    /// The value after.
    pub after: Value,
    /// The rule that decided, when there was something to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The side the value came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When and by whom it was set there.
    #[serde(default)]
    pub mark: ChangeMark,
    /// Values of other sides that it replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Candidate>,
}

/// An entry to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The record.
    pub record: RecordId,
    /// Its object.
    pub object: String,
    /// The data subject under whose key the values are encrypted, usually the person or company the record is about.
    pub subject: String,
    /// When it happened.
    pub at: Timestamp,
    /// The kind of hand behind it.
    pub actor: Actor,
    /// Name of the user, connection or flow. Not encrypted: name nobody who may ask for erasure.
    pub actor_name: String,
    /// Why: webhook, poll, schedule, event, resync, reconcile, import, user, api, agent, flow, undo or erasure.
    pub cause: String,
    /// What happened beyond the changes (the rule, the merge, the deletion). Not encrypted: no personal values.
    pub detail: String,
    /// The connection the change came from or went to.
    pub connection: Option<String>,
    /// The changes. May be empty for entries that only tell of an event.
    pub changes: BTreeMap<FieldKey, Change>,
}

/// What is known of the changes of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Changes {
    /// Readable.
    Open(BTreeMap<FieldKey, Change>),
    /// The subject was erased and its key destroyed.
    Erased,
    /// Not decrypted; see [`Tx::open_entries`].
    #[serde(skip)]
    Sealed(Vec<u8>),
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number.
    pub id: EntryId,
    /// The record.
    pub record: RecordId,
    /// Its object.
    pub object: String,
    /// The data subject.
    pub subject: String,
    /// When it happened.
    pub at: Timestamp,
    /// The kind of hand behind it.
    pub actor: Actor,
    /// Name of the user, connection or flow.
    pub actor_name: String,
    /// Why.
    pub cause: String,
    /// What happened beyond the changes.
    pub detail: String,
    /// The connection the change came from or went to.
    pub connection: Option<String>,
    /// The changes, by field.
    pub changes: Changes,
    /// SHA-256 of the header and the encrypted changes: the entry's leaf in its block's Merkle tree.
    #[serde(serialize_with = "as_hex")]
    pub hash: [u8; 32],
}

fn as_hex<S: serde::Serializer>(hash: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&crypto::hex(hash))
}

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Of this record only.
    pub record: Option<RecordId>,
    /// Of this object only.
    pub object: Option<String>,
    /// From or to this connection only.
    pub connection: Option<String>,
    /// With this cause only.
    pub cause: Option<String>,
    /// From this instant on.
    pub since: Option<Timestamp>,
    /// Up to this instant, it included: "as of".
    pub until: Option<Timestamp>,
    /// Only entries with smaller numbers: the last one of the page before.
    pub before: Option<EntryId>,
}

const COLUMNS: &str = "id, record, object, at, actor, actor_name, cause, detail, connection, subject, changes, hash";

fn entry(mut row: Row) -> Result<Entry> {
    Ok(Entry {
        id: row.int()?,
        record: row.parse()?,
        object: row.text()?,
        at: row.time()?,
        actor: crate::actor_from(&row.text()?)?,
        actor_name: row.text()?,
        cause: row.text()?,
        detail: row.text()?,
        connection: row.opt_text()?,
        subject: row.text()?,
        changes: Changes::Sealed(row.blob()?),
        hash: row.hash()?,
    })
}

impl Tx<'_> {
    /// Appends entries and answers their numbers, in the order given. Subjects get a key with their first entry.
    ///
    /// # Errors
    /// [`StoreError::Erased`] when values of an erased subject were to be written.
    pub fn append(&mut self, entries: &[NewEntry]) -> Result<Vec<EntryId>> {
        let mut ids = Vec::with_capacity(entries.len());
        for batch in entries.chunks(BATCH_ROWS) {
            self.append_batch(batch, &mut ids)?;
        }
        if !entries.is_empty() {
            self.wake();
        }
        Ok(ids)
    }

    fn append_batch(&mut self, batch: &[NewEntry], ids: &mut Vec<EntryId>) -> Result<()> {
        let subjects: BTreeSet<&str> = batch.iter().filter(|new| !new.changes.is_empty()).map(|new| new.subject.as_str()).collect();
        let keys = self.subject_keys_for_writing(&subjects)?;
        let fresh = self.take_entry_ids(batch.len())?;
        let mut rows = Vec::with_capacity(batch.len());
        for (new, id) in batch.iter().zip(&fresh) {
            // Text goes into the header as it will be read back.
            let clean = |text: &str| text.replace('\0', "");
            let mut made = Entry {
                id: *id,
                record: new.record.clone(),
                object: clean(&new.object),
                subject: clean(&new.subject),
                at: Timestamp::from_millisecond(new.at.as_millisecond()).unwrap_or(new.at),
                actor: new.actor,
                actor_name: clean(&new.actor_name),
                cause: clean(&new.cause),
                detail: clean(&new.detail),
                connection: new.connection.as_deref().map(clean),
                changes: Changes::Sealed(Vec::new()),
                hash: [0; 32],
            };
            let header = canonical::header(&made)?;
            let sealed = if new.changes.is_empty() {
                Vec::new()
            } else {
                let plain = serde_json::to_vec(&new.changes).map_err(|error| StoreError::Invalid(format!("changes: {error}")))?;
                let key = keys.get(new.subject.as_str()).ok_or_else(|| StoreError::Erased { subject: new.subject.clone() })?;
                crypto::seal(key, &header, &plain)?
            };
            made.hash = canonical::leaf(&header, &sealed);
            rows.push(cells![
                made.id,
                &made.record,
                made.object,
                made.at,
                crate::actor_name(made.actor)?,
                made.actor_name,
                made.cause,
                made.detail,
                made.connection,
                made.subject,
                sealed,
                &made.hash[..],
            ]);
        }
        self.exec(
            "insert into entries (id, record, object, at, actor, actor_name, cause, detail, connection, subject, changes, hash)
             select cast(x.value->>'id' as bigint), x.value->>'record', x.value->>'object', cast(x.value->>'at' as bigint),
                    x.value->>'actor', x.value->>'actor_name', x.value->>'cause', x.value->>'detail', x.value->>'connection',
                    x.value->>'subject', unhex(x.value->>'changes'), unhex(x.value->>'hash')
             from EACH($1)",
            &[Val::rows(
                &["id", "record", "object", "at", "actor", "actor_name", "cause", "detail", "connection", "subject", "changes", "hash"],
                rows,
            )],
        )?;
        ids.extend(fresh);
        Ok(())
    }

    fn take_entry_ids(&mut self, many: usize) -> Result<Vec<EntryId>> {
        if self.is_postgres() {
            return self.rows("entries", "select take_entry_ids($1)", vals![many])?.iter_mut().map(Row::int).collect();
        }
        let last = self.the_row("entries", "select coalesce(max(id), 0) from entries", &[])?.int()?;
        Ok((last + 1..).take(many).collect())
    }

    /// The greatest number up to which no entry can still appear. On PostgreSQL, transactions commit in another order than they take
    /// their numbers; whoever reads on from a number must not pass one that is still open.
    pub(crate) fn entry_horizon(&mut self) -> Result<EntryId> {
        if !self.is_postgres() {
            return self.the_row("entries", "select coalesce(max(id), 0) from entries", &[])?.int();
        }
        // The order matters: first how far numbers were given out, then who still holds some. Read committed isolation makes the
        // caller's next statement see whatever was committed before the second look.
        let last = self.the_row("entries", "select last_value from entry_ids", &[])?.int()?;
        let open = self
            .the_row(
                "entries",
                "select min(((classid::bigint & 16777215) << 32) | objid::bigint) from pg_locks
                 where locktype = 'advisory' and objsubid = 1 and classid::bigint >> 24 = 69
                   and database = (select oid from pg_database where datname = current_database())",
                &[],
            )?
            .opt_int()?;
        Ok(open.map_or(last, |open| open.min(last)))
    }

    /// One entry, decrypted.
    ///
    /// # Errors
    /// As for any read.
    pub fn entry(&mut self, viewer: &Viewer, id: EntryId) -> Result<Option<Entry>> {
        let sql = format!("select {COLUMNS} from entries where id = $1 and {}", viewer.clause());
        let mut found = self.row("entries", &sql, vals![id])?.map(entry).transpose()?.into_iter().collect::<Vec<_>>();
        self.open_entries(&mut found)?;
        Ok(found.pop())
    }

    /// A record's entries, newest first, decrypted. `before` is the number of the last entry of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn history(&mut self, viewer: &Viewer, record: &RecordId, limit: usize, before: Option<EntryId>) -> Result<Vec<Entry>> {
        self.entries(viewer, &EntryFilter { record: Some(record.clone()), before, ..EntryFilter::default() }, limit)
    }

    /// Entries that pass the filter, newest first, decrypted.
    ///
    /// # Errors
    /// As for any read.
    pub fn entries(&mut self, viewer: &Viewer, filter: &EntryFilter, limit: usize) -> Result<Vec<Entry>> {
        let mut sql = format!("select {COLUMNS} from entries where {}", viewer.clause());
        let mut params = Vec::new();
        let conditions: [(&str, Val); 7] = [
            ("record = ", filter.record.as_ref().into()),
            ("object = ", filter.object.as_ref().into()),
            ("connection = ", filter.connection.as_ref().into()),
            ("cause = ", filter.cause.as_ref().into()),
            ("at >= ", filter.since.into()),
            ("at <= ", filter.until.into()),
            ("id < ", filter.before.into()),
        ];
        for (condition, value) in conditions {
            if value != Val::Null {
                params.push(value);
                sql.push_str(&format!(" and {condition}${}", params.len()));
            }
        }
        params.push(page(limit));
        sql.push_str(&format!(" order by id desc limit ${}", params.len()));
        let mut found = self.rows("entries", &sql, &params)?.into_iter().map(entry).collect::<Result<Vec<_>>>()?;
        self.open_entries(&mut found)?;
        Ok(found)
    }

    /// Entries after the given number, oldest first, not decrypted: what cursors read on from. Stops before entries whose
    /// transaction is still open, so that none is ever passed by.
    ///
    /// # Errors
    /// As for any read.
    pub fn feed(&mut self, after: EntryId, limit: usize) -> Result<Vec<Entry>> {
        let horizon = self.entry_horizon()?;
        let sql = format!("select {COLUMNS} from entries where id > $1 and id <= $2 order by id limit $3");
        self.rows("entries", &sql, &[after.into(), horizon.into(), page(limit)])?.into_iter().map(entry).collect()
    }

    /// Decrypts the changes of entries, in place.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when an entry does not open under its subject's key.
    pub fn open_entries(&mut self, entries: &mut [Entry]) -> Result<()> {
        let sealed = |entry: &Entry| matches!(&entry.changes, Changes::Sealed(bytes) if !bytes.is_empty());
        let subjects: BTreeSet<&str> = entries.iter().filter(|entry| sealed(entry)).map(|entry| entry.subject.as_str()).collect();
        let keys = self.subject_keys_for_reading(&subjects)?;
        for entry in entries {
            let Changes::Sealed(bytes) = &entry.changes else { continue };
            entry.changes = if bytes.is_empty() {
                Changes::Open(BTreeMap::new())
            } else if let Some(key) = keys.get(&entry.subject) {
                let damaged = || StoreError::corrupt(format!("the changes of ledger entry {} do not open", entry.id));
                let plain = crypto::open(key, &canonical::header(entry)?, bytes)?.ok_or_else(damaged)?;
                Changes::Open(serde_json::from_slice(&plain).map_err(|_| damaged())?)
            } else {
                Changes::Erased
            };
        }
        Ok(())
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// As for any read.
    pub fn entry_count(&mut self, viewer: &Viewer) -> Result<u64> {
        self.the_row("entries", &format!("select count(*) from entries where {}", viewer.clause()), &[])?.num()
    }
}
