//! Windows of the ledger: entries between two numbers that have something in common, read a page at a time however many they are.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;

use super::{COLUMNS, Entry, EntryId, entry};
use crate::error::Result;
use crate::sql::{Row, Val, vals};
use crate::tx::{BATCH_ROWS, Tx, page};
use crate::viewer::Viewer;

/// Milliseconds by which the times of entries may run against their numbers: transactions that are open for long, and clocks of several
/// machines that differ.
const DISORDER_MS: i64 = 10 * 60 * 1000;

/// Entries between two numbers, both included, that pass every condition given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The lowest number.
    pub first: EntryId,
    /// The greatest number.
    pub last: EntryId,
    /// From this instant on.
    pub since: Option<Timestamp>,
    /// Up to this instant, it included.
    pub until: Option<Timestamp>,
    /// Of this record only.
    pub record: Option<RecordId>,
    /// Of this object only.
    pub object: Option<String>,
    /// From or to this connection only.
    pub connection: Option<String>,
    /// With this cause only.
    pub cause: Option<String>,
    /// By this user, connection or flow only.
    pub actor_name: Option<String>,
}

impl Window {
    /// Every entry between two numbers.
    #[must_use]
    pub fn between(first: EntryId, last: EntryId) -> Self {
        Self { first, last, since: None, until: None, record: None, object: None, connection: None, cause: None, actor_name: None }
    }

    /// Whether an entry is in it.
    #[must_use]
    pub fn holds(&self, entry: &Entry) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        (self.first..=self.last).contains(&entry.id)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at <= until)
            && self.record.as_ref().is_none_or(|record| *record == entry.record)
            && is(&self.object, &entry.object)
            && self.connection.as_ref().is_none_or(|wanted| entry.connection.as_ref() == Some(wanted))
            && is(&self.cause, &entry.cause)
            && is(&self.actor_name, &entry.actor_name)
    }
}

/// What a window shows of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// Its number.
    pub entry: EntryId,
    /// Its record.
    pub record: RecordId,
    /// When it happened.
    pub at: Timestamp,
}

impl Tx<'_> {
    /// The greatest number that an entry has; 0 in an empty ledger.
    ///
    /// # Errors
    /// As for any read.
    pub fn last_entry(&mut self) -> Result<EntryId> {
        self.the_row("entries", "select coalesce(max(id), 0) from entries", &[])?.int()
    }

    /// A number before that of every entry of this instant or a later one, and not by much: found by halving, as numbers and times go up
    /// together.
    ///
    /// # Errors
    /// As for any read.
    pub fn entry_before(&mut self, at: Timestamp) -> Result<EntryId> {
        let at = at.as_millisecond().saturating_sub(DISORDER_MS);
        let (mut low, mut high) = (0, self.last_entry()?);
        while low < high {
            let middle = low + (high - low) / 2;
            let sql = "select id, at from entries where id > $1 order by id limit 1";
            let Some(mut row) = self.row("entries", sql, vals![middle])? else {
                high = middle;
                continue;
            };
            let (id, time) = (row.int()?, row.time()?.as_millisecond());
            if time < at {
                low = id;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// What a window touches, upwards from after the number `from`, or downwards from before it.
    ///
    /// # Errors
    /// As for any read.
    pub fn touches(&mut self, viewer: &Viewer, window: &Window, from: EntryId, upwards: bool, limit: usize) -> Result<Vec<Touch>> {
        let (first, last) = if upwards { (window.first.max(from + 1), window.last) } else { (window.first, window.last.min(from - 1)) };
        let mut sql = format!("select id, record, at from entries where id >= $1 and id <= $2 and {}", viewer.clause());
        let mut params: Vec<Val> = vec![first.into(), last.into()];
        let conditions: [(&str, Val); 7] = [
            ("at >= ", window.since.into()),
            ("at <= ", window.until.into()),
            ("record = ", window.record.as_ref().into()),
            ("object = ", window.object.as_ref().into()),
            ("connection = ", window.connection.as_ref().into()),
            ("cause = ", window.cause.as_ref().into()),
            ("actor_name = ", window.actor_name.as_ref().into()),
        ];
        for (condition, value) in conditions {
            if value != Val::Null {
                params.push(value);
                sql.push_str(&format!(" and {condition}${}", params.len()));
            }
        }
        params.push(page(limit));
        sql.push_str(&format!(" order by id {} limit ${}", if upwards { "asc" } else { "desc" }, params.len()));
        let touch = |mut row: Row| Ok(Touch { entry: row.int()?, record: row.parse()?, at: row.time()? });
        self.rows("entries", &sql, &params)?.into_iter().map(touch).collect()
    }

    /// Every entry of records from the number `first` on, decrypted, oldest first.
    ///
    /// # Errors
    /// As for any read.
    pub fn histories_since(&mut self, viewer: &Viewer, records: &[RecordId], first: EntryId) -> Result<BTreeMap<RecordId, Vec<Entry>>> {
        let mut histories: BTreeMap<RecordId, Vec<Entry>> = BTreeMap::new();
        let sql = format!("select {COLUMNS} from entries where record IN_LIST($1) and id >= $2 and {} order by id", viewer.clause());
        for batch in records.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            let mut found = self.rows("entries", &sql, vals![names, first])?.into_iter().map(entry).collect::<Result<Vec<_>>>()?;
            self.open_entries(&mut found)?;
            for entry in found {
                histories.entry(entry.record.clone()).or_default().push(entry);
            }
        }
        Ok(histories)
    }

    /// The number of the first entry of each record.
    ///
    /// # Errors
    /// As for any read.
    pub fn first_entries(&mut self, records: &[RecordId]) -> Result<BTreeMap<RecordId, EntryId>> {
        let mut firsts = BTreeMap::new();
        for batch in records.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            let sql = "select record, min(id) from entries where record IN_LIST($1) group by record";
            for mut row in self.rows("entries", sql, vals![names])? {
                firsts.insert(row.parse()?, row.int()?);
            }
        }
        Ok(firsts)
    }

    /// Those of the subjects whose values were erased.
    ///
    /// # Errors
    /// As for any read.
    pub fn erased_of(&mut self, subjects: &BTreeSet<String>) -> Result<BTreeSet<String>> {
        let names: Vec<String> = subjects.iter().cloned().collect();
        let mut erased = BTreeSet::new();
        for batch in names.chunks(BATCH_ROWS) {
            let sql = "select subject from subject_keys where subject IN_LIST($1) and erased_at is not null";
            for mut row in self.rows("subject_keys", sql, vals![batch.to_vec()])? {
                erased.insert(row.text()?);
            }
        }
        Ok(erased)
    }
}
