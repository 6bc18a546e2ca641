//! Everything a simulated environment holds, and the two ways in which a row comes and goes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use super::auth::Tokens;
use super::limits::Limits;
use super::refusal::Refusal;
use super::schema::{Table, of_a_fresh_environment};
use super::workflows::{Job, Workflow};
use super::{DynamicsOptions, WriteNotice};
use crate::calls::CallCounts;
use crate::mailroom::Delivery;

/// A row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub(crate) id: String,
    /// Its row version: unique in the environment, and higher with every change.
    pub(crate) version: u64,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    pub(crate) created_by: String,
    pub(crate) modified_by: String,
    /// Values by column; lookups as id and table.
    pub(crate) values: Map<String, Value>,
}

impl Record {
    pub(crate) fn get(&self, name: &str) -> &Value {
        self.values.get(name).unwrap_or(&Value::Null)
    }

    /// The row that a lookup leads to: table and id.
    pub(crate) fn link(&self, name: &str) -> Option<(&str, &str)> {
        let held = self.values.get(name)?;
        Some((held["table"].as_str()?, held["id"].as_str()?))
    }
}

/// A reference to a row, as values hold it.
pub(crate) fn link(table: &str, id: &str) -> Value {
    json!({"table": table, "id": id})
}

/// A row that is gone.
#[derive(Debug, Clone)]
pub(crate) struct Gone {
    pub(crate) id: String,
    pub(crate) version: u64,
}

/// What one piece of work changed, to be taken back if it fails.
#[derive(Debug, Default)]
struct Journal {
    rows: Vec<(String, String, Option<Record>)>,
    gone: Vec<String>,
    letters: usize,
    notices: usize,
}

/// An environment.
pub(crate) struct State {
    pub(crate) options: DynamicsOptions,
    rng: ChaCha8Rng,
    /// The instant of the present operation.
    pub(crate) now_ms: i64,
    version: u64,
    pub(crate) tables: Vec<Arc<Table>>,
    /// Rows by table and id.
    pub(crate) rows: BTreeMap<String, BTreeMap<String, Record>>,
    /// Rows that were deleted, by table.
    pub(crate) gone: BTreeMap<String, Vec<Gone>>,
    /// Rows by the values of an alternate key: table and key, then values.
    index: HashMap<(String, String), HashMap<String, String>>,
    journal: Option<Journal>,
    /// Goes up when somebody changes tables or columns.
    pub(crate) metadata_version: u64,
    pub(crate) tokens: Tokens,
    pub(crate) limits: Limits,
    pub(crate) calls: CallCounts,
    /// Delta links made before are no longer taken.
    pub(crate) links_end_ms: i64,
    pub(crate) next_case: u64,
    /// The `tag` of the present call.
    pub(crate) tag: Option<String>,
    pub(crate) letters: Vec<Delivery>,
    pub(crate) listening: bool,
    pub(crate) notices: Vec<WriteNotice>,
    /// The sales people, first the one who works most.
    pub(crate) people: Vec<String>,
    /// What workflows do, by the id of their row.
    pub(crate) workflows: BTreeMap<String, Workflow>,
    /// Jobs that have not ended, in the order that they were asked for.
    pub(crate) jobs: Vec<Job>,
}

impl State {
    pub(crate) fn new(options: DynamicsOptions) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let tables: Vec<Arc<Table>> = of_a_fresh_environment(|| uuid(&mut rng)).into_iter().map(Arc::new).collect();
        let now_ms = options.clock.now_ms();
        let mut state = Self {
            rng,
            now_ms,
            version: 500_000,
            rows: tables.iter().map(|table| (table.name.clone(), BTreeMap::new())).collect(),
            gone: BTreeMap::new(),
            tables,
            index: HashMap::new(),
            journal: None,
            metadata_version: 1,
            tokens: Tokens::new(options.seed),
            limits: Limits::default(),
            calls: CallCounts::default(),
            links_end_ms: i64::MIN,
            next_case: 1_000,
            tag: None,
            letters: Vec::new(),
            listening: false,
            notices: Vec::new(),
            people: Vec::new(),
            workflows: BTreeMap::new(),
            jobs: Vec::new(),
            options,
        };
        state.furnish();
        state
    }

    pub(crate) fn uuid(&mut self) -> String {
        uuid(&mut self.rng)
    }

    /// Letters and digits, as numbers of cases end with.
    pub(crate) fn letters_of_case(&mut self) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
        (0..6).map(|_| char::from(ALPHABET[self.rng.random_range(0..ALPHABET.len())])).collect()
    }

    pub(crate) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// The newest row version there is.
    pub(crate) fn newest(&self) -> u64 {
        self.version
    }

    pub(crate) fn table(&self, name: &str) -> Result<&Arc<Table>, Refusal> {
        self.tables.iter().find(|table| table.name == name).ok_or_else(|| Refusal::segment(name))
    }

    pub(crate) fn table_of_set(&self, set: &str) -> Result<&Arc<Table>, Refusal> {
        self.tables.iter().find(|table| table.set == set).ok_or_else(|| Refusal::segment(set))
    }

    pub(crate) fn row(&self, table: &str, id: &str) -> Option<&Record> {
        self.rows.get(table)?.get(id)
    }

    /// The values of a key, as the index has them; none while one is missing.
    fn key_text(record: &Record, columns: &[String]) -> Option<String> {
        let parts: Option<Vec<String>> = columns
            .iter()
            .map(|column| match record.get(column) {
                Value::Null => None,
                Value::String(text) => Some(text.to_lowercase()),
                Value::Object(held) => held.get("id").and_then(Value::as_str).map(str::to_owned),
                other => Some(other.to_string()),
            })
            .collect();
        parts.map(|parts| parts.join("\u{1f}"))
    }

    fn index_row(&mut self, table: &str, record: &Record, there: bool) {
        let Ok(found) = self.table(table) else { return };
        let keys: Vec<(String, Option<String>)> =
            found.keys.iter().map(|key| (key.name.clone(), Self::key_text(record, &key.columns))).collect();
        for (key, text) in keys {
            let Some(text) = text else { continue };
            let map = self.index.entry((table.to_owned(), key)).or_default();
            if there {
                map.insert(text, record.id.clone());
            } else if map.get(&text) == Some(&record.id) {
                map.remove(&text);
            }
        }
    }

    /// Fills the index of a new key.
    pub(crate) fn build_index(&mut self, table: &str) {
        let rows: Vec<Record> = self.rows.get(table).into_iter().flat_map(BTreeMap::values).cloned().collect();
        for row in &rows {
            self.index_row(table, row, true);
        }
    }

    /// The row with these values of a key.
    pub(crate) fn by_key(&self, table: &str, key: &str, probe: &Record, columns: &[String]) -> Option<&str> {
        let text = Self::key_text(probe, columns)?;
        self.index.get(&(table.to_owned(), key.to_owned()))?.get(&text).map(String::as_str)
    }

    /// Another row that has one of this row's keys: the key and its id.
    pub(crate) fn twin(&self, table: &Table, record: &Record) -> Option<(String, String)> {
        table.keys.iter().find_map(|key| {
            let other = self.by_key(&table.name, &key.name, record, &key.columns)?;
            (other != record.id).then(|| (key.name.clone(), other.to_owned()))
        })
    }

    /// Puts a row in its place.
    pub(crate) fn put(&mut self, table: &str, record: Record) {
        let before = self.row(table, &record.id).cloned();
        if let Some(before) = &before {
            self.index_row(table, before, false);
        }
        self.index_row(table, &record, true);
        if let Some(journal) = &mut self.journal {
            journal.rows.push((table.to_owned(), record.id.clone(), before));
        }
        self.rows.entry(table.to_owned()).or_default().insert(record.id.clone(), record);
    }

    /// Takes a row away and remembers that it was there.
    pub(crate) fn take(&mut self, table: &str, id: &str) -> Option<Record> {
        let record = self.rows.get_mut(table)?.remove(id)?;
        self.index_row(table, &record, false);
        let version = self.next_version();
        self.gone.entry(table.to_owned()).or_default().push(Gone { id: id.to_owned(), version });
        if let Some(journal) = &mut self.journal {
            journal.rows.push((table.to_owned(), id.to_owned(), Some(record.clone())));
            journal.gone.push(table.to_owned());
        }
        Some(record)
    }

    /// Does all of `work` or nothing of it.
    pub(crate) fn atomically<R>(&mut self, work: impl FnOnce(&mut Self) -> Result<R, Refusal>) -> Result<R, Refusal> {
        if self.journal.is_some() {
            return work(self);
        }
        self.journal = Some(Journal { letters: self.letters.len(), notices: self.notices.len(), ..Journal::default() });
        let result = work(self);
        let journal = self.journal.take().unwrap_or_default();
        if result.is_err() {
            for (table, id, before) in journal.rows.into_iter().rev() {
                let now = self.rows.get_mut(&table).and_then(|rows| rows.remove(&id));
                if let Some(now) = now {
                    self.index_row(&table, &now, false);
                }
                if let Some(before) = before {
                    self.index_row(&table, &before, true);
                    self.rows.entry(table).or_default().insert(id, before);
                }
            }
            for table in journal.gone {
                self.gone.get_mut(&table).map(Vec::pop);
            }
            self.letters.truncate(journal.letters);
            self.notices.truncate(journal.notices);
        }
        result
    }

    /// People, teams, money and messages that every environment has.
    fn furnish(&mut self) {
        let people = [
            ("Integration", "integration", true),
            ("Dana Fields", "dana", false),
            ("Eli Moreno", "eli", false),
            ("Fay Okafor", "fay", false),
        ];
        let ours = self.options.user_id.clone();
        for (name, mailbox, app) in people {
            let id = if app { ours.clone() } else { self.uuid() };
            let mail = format!("{mailbox}@acme.example");
            let application = if app { json!(self.options.client_id) } else { Value::Null };
            self.furnish_row(
                "systemuser",
                &id,
                json!({
                    "fullname": name, "internalemailaddress": mail, "domainname": mail, "isdisabled": false, "applicationid": application,
                    "azureactivedirectoryobjectid": self.options.organization_id,
                }),
            );
            if !app {
                self.people.push(id);
            }
        }
        let team = self.uuid();
        self.furnish_row("team", &team, json!({"name": "Enterprise sales", "emailaddress": "enterprise@acme.example"}));
        for (code, name, rate) in [("USD", "US Dollar", 1.0), ("EUR", "Euro", 0.92)] {
            let id = self.uuid();
            self.furnish_row("transactioncurrency", &id, json!({"isocurrencycode": code, "currencyname": name, "exchangerate": rate}));
        }
        let named: Vec<String> = self.tables.iter().filter(|table| table.tracked).map(|table| table.name.clone()).collect();
        for message in ["Create", "Update", "Delete", "Merge", "Assign", "SetState"] {
            let id = self.uuid();
            self.furnish_row("sdkmessage", &id, json!({"name": message}));
            for table in &named {
                let filter = self.uuid();
                self.furnish_row(
                    "sdkmessagefilter",
                    &filter,
                    json!({
                        "name": format!("{message} {table}"), "primaryobjecttypecode": table, "sdkmessageid": link("sdkmessage", &id),
                    }),
                );
            }
        }
    }

    pub(crate) fn furnish_row(&mut self, table: &str, id: &str, values: Value) {
        let (version, now, ours) = (self.next_version(), self.now_ms, self.options.user_id.clone());
        let values = values.as_object().cloned().unwrap_or_default();
        self.put(
            table,
            Record { id: id.to_owned(), version, created_ms: now, modified_ms: now, created_by: ours.clone(), modified_by: ours, values },
        );
    }
}

fn uuid(rng: &mut ChaCha8Rng) -> String {
    let hex: String = (0..32).map(|_| char::from_digit(rng.random_range(0..16), 16).unwrap_or('0')).collect();
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
