//! Forgetting: every table that may hold a value of a person, emptied of it. The ledger keeps its entries; the keys that open them are
//! destroyed apart from this, by [`Tx::shred`].

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;

use crate::error::Result;
use crate::links::RemoteKey;
use crate::sql::vals;
use crate::tx::{BATCH_ROWS, Tx};

/// Where a person has left traces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// Their records: the person's own, and those about them.
    pub records: Vec<RecordId>,
    /// The counterparts of these, and rows of theirs that no record stood for.
    pub rows: Vec<RemoteKey>,
    /// Texts that name them: addresses, numbers, full names. Longer than three characters.
    pub words: Vec<String>,
}

/// Words shorter than this are in too many texts to tell anything.
const WORD_CHARS_MIN: usize = 4;

/// Tables whose rows go with the record that this column names.
const OF_RECORDS: &[(&str, &str)] = &[
    ("links", "record"),
    ("match_keys", "record"),
    ("waits", "record"),
    ("waits", "target"),
    ("hints", "subject"),
    ("dead_letters", "subject"),
    ("dead_letters", "record"),
    ("conflicts", "record"),
    ("reviews", "record"),
    ("reviews", "other"),
    ("held_records", "record"),
    ("merges", "survivor"),
    ("merges", "absorbed"),
    ("misnamed_rows", "record"),
    ("misnamed_rows", "other"),
    ("rewrites", "record"),
    ("notices", "record"),
    ("sync_events", "subject"),
    ("sync_events", "record"),
];

/// Tables whose rows go with the remote row that this column names as `connection/object/external id`.
const OF_ROWS: &[(&str, &str)] = &[("hints", "subject"), ("dead_letters", "subject"), ("reviews", "other"), ("sync_events", "subject")];

/// Tables of texts that people and vendors wrote: rows with one of the words go.
const OF_WORDS: &[(&str, &str)] =
    &[("notices", "title"), ("notices", "body"), ("dead_letters", "message"), ("dead_letters", "vendor_answer"), ("sync_events", "error")];

impl Tx<'_> {
    /// Empties every table but those of records and of the ledger of what it holds of a person. Webhooks that were read lose what they
    /// said; those that are still to be read are left to whoever reads them.
    ///
    /// # Errors
    /// As for any write.
    pub fn forget(&mut self, traces: &Traces) -> Result<()> {
        let records: Vec<String> = traces.records.iter().map(ToString::to_string).collect();
        for batch in records.chunks(BATCH_ROWS) {
            for (table, column) in OF_RECORDS {
                self.exec(&format!("delete from {table} where {column} IN_LIST($1)"), vals![batch.to_vec()])?;
            }
            self.exec("update search set words = '' where id IN_LIST($1)", vals![batch.to_vec()])?;
        }
        let rows: Vec<String> = traces.rows.iter().map(|key| format!("{}/{}/{}", key.connection, key.object, key.id)).collect();
        for batch in rows.chunks(BATCH_ROWS) {
            for (table, column) in OF_ROWS {
                self.exec(&format!("delete from {table} where {column} IN_LIST($1)"), vals![batch.to_vec()])?;
            }
        }
        for key in &traces.rows {
            self.exec(
                "delete from looks where connection = $1 and remote_object = $2 and external_id = $3",
                vals![&key.connection, &key.object, &key.id],
            )?;
            self.empty_deliveries_about(key)?;
        }
        for word in traces.words.iter().filter(|word| word.chars().count() >= WORD_CHARS_MIN) {
            let pattern = format!("%{}%", word.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_"));
            for (table, column) in OF_WORDS {
                self.exec(&format!("delete from {table} where lower({column}) like $1 escape '!'"), vals![&pattern])?;
            }
            self.forget_word_in_documents(&pattern)?;
            let (body, events) = (self.pick("cast(body as text)", "encode(body, 'escape')"), self.pick("events", "events::text"));
            let sql = format!(
                "update inbox set body = $2, headers = '{{}}', events = '[]'
                 where state <> 'new' and (lower({body}) like $1 escape '!' or lower({events}) like $1 escape '!')"
            );
            self.exec(&sql, vals![&pattern, Vec::<u8>::new()])?;
        }
        Ok(())
    }

    /// Takes a word out of documents that belong to others: failures of their hints lose what vendors said, and a report that quotes one goes.
    fn forget_word_in_documents(&mut self, pattern: &str) -> Result<()> {
        let text = |tx: &Self, column: &'static str, cast: &'static str| tx.pick(column, cast);
        let failures = text(self, "failures", "failures::text");
        let sql = format!(
            "update hints set last_error = null, failures = '[]'
             where lower(coalesce(last_error, '')) like $1 escape '!' or lower({failures}) like $1 escape '!'"
        );
        self.exec(&sql, vals![pattern])?;
        let attempts = text(self, "attempts", "attempts::text");
        self.exec(&format!("delete from dead_letters where lower({attempts}) like $1 escape '!'"), vals![pattern])?;
        let value = text(self, "value", "value::text");
        let sql = format!("delete from settings where substr(key, 1, 10) = 'reconcile/' and lower({value}) like $1 escape '!'");
        self.exec(&sql, vals![pattern]).map(drop)
    }

    /// Empties webhooks that were read and told of a row.
    fn empty_deliveries_about(&mut self, key: &RemoteKey) -> Result<()> {
        let events = self.pick("events", "events::text");
        let sql = format!(
            "update inbox set body = $3, headers = '{{}}', events = '[]' where connection = $1 and state <> 'new' and {events} like $2"
        );
        self.exec(&sql, vals![&key.connection, format!("%\"{}\"%", key.id), Vec::<u8>::new()]).map(drop)
    }

    /// Empties one webhook of what it said, read or not.
    ///
    /// # Errors
    /// As for any write.
    pub fn empty_delivery(&mut self, id: i64) -> Result<()> {
        let sql = "update inbox set body = $2, headers = '{}', events = '[]' where id = $1";
        self.exec(sql, vals![id, Vec::<u8>::new()]).map(drop)
    }

    /// Gives records that are nobody's subject any more a subject of their own: what happens to them from now on can be read.
    ///
    /// # Errors
    /// As for any write.
    pub fn part_from_subjects(&mut self, subjects: &[String], now: Timestamp) -> Result<u64> {
        let mut parted = 0;
        for batch in subjects.chunks(BATCH_ROWS) {
            let sql = "update records set subject = id, version = version + 1, updated_at = $2
                       where subject IN_LIST($1) and state <> 'erased' and subject <> id";
            parted += self.exec(sql, vals![batch.to_vec(), now])?;
        }
        Ok(parted)
    }
}
