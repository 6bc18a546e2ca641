//! One key per data subject. Destroying it is what erasure means: every value of the subject in the ledger becomes unreadable, and
//! the chain of hashes, made over ciphertext, still holds.
//!
//! Keys are unwrapped for each batch and kept nowhere: a key that is destroyed is gone from every process at that moment, and
//! unwrapping one costs less than the look-up it needs anyhow.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use entente_model::clock::Timestamp;

use crate::crypto;
use crate::error::{Result, StoreError};
use crate::master_key::{KEY_BYTES, MasterKey};
use crate::sql::{Val, cells, vals};
use crate::tx::Tx;

type Key = [u8; KEY_BYTES];

fn context(subject: &str) -> Vec<u8> {
    format!("subject key {subject}").into_bytes()
}

fn unwrap(master: &MasterKey, subject: &str, wrapped: &[u8]) -> Result<Key> {
    crypto::open(master.bytes(), &context(subject), wrapped)?
        .and_then(|plain| plain.try_into().ok())
        .ok_or_else(|| StoreError::BadKey("a subject's key does not open; was the master key changed? Restart with the present one".into()))
}

fn wrap(master: &MasterKey, subject: &str, key: &Key) -> Result<Vec<u8>> {
    crypto::seal(master.bytes(), &context(subject), key)
}

impl Tx<'_> {
    /// Keys that are there, unwrapped; those destroyed as `None`.
    fn subject_keys(&mut self, subjects: &BTreeSet<&str>) -> Result<HashMap<String, Option<Key>>> {
        if subjects.is_empty() {
            return Ok(HashMap::new());
        }
        let master = self.master_key();
        let names: Vec<String> = subjects.iter().map(ToString::to_string).collect();
        self.rows("subject_keys", "select subject, wrapped from subject_keys where subject IN_LIST($1)", vals![names])?
            .into_iter()
            .map(|mut row| {
                let subject = row.text()?;
                let key = row.opt_blob()?.map(|wrapped| unwrap(&master, &subject, &wrapped)).transpose()?;
                Ok((subject, key))
            })
            .collect()
    }

    pub(crate) fn subject_keys_for_reading(&mut self, subjects: &BTreeSet<&str>) -> Result<HashMap<String, Key>> {
        Ok(self.subject_keys(subjects)?.into_iter().filter_map(|(subject, key)| Some((subject, key?))).collect())
    }

    /// Keys of all subjects, made where there is none yet.
    pub(crate) fn subject_keys_for_writing(&mut self, subjects: &BTreeSet<&str>) -> Result<HashMap<String, Key>> {
        let mut keys = self.subject_keys(subjects)?;
        let missing: Vec<&str> = subjects.iter().copied().filter(|subject| !keys.contains_key(*subject)).collect();
        if !missing.is_empty() {
            let master = self.current_master_key()?;
            let mut rows = Vec::with_capacity(missing.len());
            for subject in &missing {
                rows.push(cells![*subject, &wrap(&master, subject, &crypto::random()?)?[..]]);
            }
            self.exec(
                "insert into subject_keys (subject, wrapped) select x.value->>'subject', unhex(x.value->>'wrapped') from EACH($1)
                 where true on conflict (subject) do nothing",
                &[Val::rows(&["subject", "wrapped"], rows)],
            )?;
            // Read back: another transaction may have made a subject's key first.
            keys.extend(self.subject_keys(&missing.into_iter().collect())?);
        }
        keys.into_iter().map(|(subject, key)| key.map(|key| (subject.clone(), key)).ok_or(StoreError::Erased { subject })).collect()
    }

    /// Destroys a subject's key: the values of all its ledger entries are gone for good. Answers whether there was a key to destroy.
    /// On SQLite the wrapped key is overwritten in the file with the next checkpoint, and in the write-ahead log as that is used again;
    /// backups made before hold it still, so their age must be limited.
    ///
    /// # Errors
    /// As for any write.
    pub fn shred(&mut self, subject: &str, now: Timestamp) -> Result<bool> {
        let touched = self.exec(
            "insert into subject_keys (subject, wrapped, erased_at) values ($1, null, $2)
             on conflict (subject) do update set wrapped = null, erased_at = excluded.erased_at where subject_keys.wrapped is not null",
            vals![subject, now],
        )?;
        Ok(touched > 0)
    }

    /// When a subject was erased, if it was.
    ///
    /// # Errors
    /// As for any read.
    pub fn erased_at(&mut self, subject: &str) -> Result<Option<Timestamp>> {
        let sql = "select erased_at from subject_keys where subject = $1";
        self.row("subject_keys", sql, vals![subject])?.map(|mut row| row.opt_time()).transpose().map(Option::flatten)
    }

    /// Notes the master key of a new database, or checks that it is this one.
    pub(crate) fn claim_master_key(&mut self) -> Result<()> {
        let id = self.master_key().id();
        self.exec("insert into master_key (id, key_id) values (1, $1) on conflict (id) do nothing", vals![id])?;
        self.current_master_key().map(drop)
    }

    /// The master key, once it is sure that it is still the database's. Holds off a rotation until the transaction ends.
    pub(crate) fn current_master_key(&mut self) -> Result<Arc<MasterKey>> {
        let key = self.master_key();
        let found = self.the_row("master_key", "select key_id from master_key where id = 1 FOR_SHARE", &[])?.text()?;
        if found == key.id() {
            return Ok(key);
        }
        Err(StoreError::BadKey(format!(
            "this database was made with key {found}, key {} was given; start with the right key, or restore the database that belongs to it",
            key.id()
        )))
    }

    /// Wraps all subjects' keys and all secrets under another master key.
    pub(crate) fn rewrap(&mut self, old: &MasterKey, new: &MasterKey) -> Result<()> {
        let found = self.the_row("master_key", "select key_id from master_key where id = 1 FOR_UPDATE", &[])?.text()?;
        if found != old.id() {
            return Err(StoreError::BadKey(format!("the database is under key {found}, not under {}; nothing was changed", old.id())));
        }
        let mut after = String::new();
        loop {
            let sql = "select subject, wrapped from subject_keys where subject > $1 and wrapped is not null order by subject limit $2";
            let rows = self.rows("subject_keys", sql, vals![&after, crate::tx::BATCH_ROWS])?;
            let Some(many) = Some(rows.len()).filter(|many| *many > 0) else { break };
            let mut fresh = Vec::with_capacity(many);
            for mut row in rows {
                let subject = row.text()?;
                let wrapped = wrap(new, &subject, &unwrap(old, &subject, &row.blob()?)?)?;
                fresh.push(cells![&subject, &wrapped[..]]);
                after = subject;
            }
            self.exec(
                "update subject_keys set wrapped = unhex(x.value->>'wrapped') from EACH($1) where subject_keys.subject = x.value->>'subject'",
                &[Val::rows(&["subject", "wrapped"], fresh)],
            )?;
        }
        self.rewrap_secrets(old, new)?;
        self.exec("update master_key set key_id = $1 where id = 1", vals![new.id()])?;
        Ok(())
    }
}
