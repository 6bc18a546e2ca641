//! Records: what Entente holds of each thing, with the entry that set each field.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{FieldKey, Fields, Value};
use serde::Serialize;

use crate::error::{Result, StoreError};
use crate::ledger::EntryId;
use crate::named::named;
use crate::search;
use crate::sql::{Row, Val, cells, vals};
use crate::tx::{BATCH_ROWS, Tx, page};
use crate::viewer::Viewer;

named! {
    /// What has become of a record.
    pub enum RecordState {
        /// In use.
        Active = "active",
        /// Deleted; its history stays.
        Deleted = "deleted",
        /// Merged into another record.
        Merged = "merged",
        /// Of a person who was erased: it holds no value and gets none any more.
        Erased = "erased",
    }
}

/// One thing of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its id, which never changes.
    pub id: RecordId,
    /// Its object.
    pub object: String,
    /// The data subject whose key encrypts its history.
    pub subject: String,
    /// The values.
    pub data: Fields,
    /// For each field, the ledger entry that set it.
    pub provenance: BTreeMap<FieldKey, EntryId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes. 0 in a record that is not stored yet.
    pub version: i64,
    /// What has become of it.
    pub state: RecordState,
    /// The record it was merged into.
    pub merged_into: Option<RecordId>,
}

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRecord {
    /// The record, with the version it was read at (0 for a new one).
    pub record: Record,
    /// Text people find it by: title, e-mail addresses, phone numbers.
    pub search_text: String,
}

/// Where a list goes on: opaque to callers.
pub type PageCursor = String;

/// Which records to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordQuery {
    /// Of this object only.
    pub object: Option<String>,
    /// Only those all words of this text are found in, as beginnings of words.
    pub text: Option<String>,
    /// Only those in this state; absent: active ones.
    pub state: Option<RecordState>,
    /// Only those with these values.
    pub equal: Vec<(FieldKey, Value)>,
    /// Only those changed from this instant on.
    pub changed_since: Option<Timestamp>,
    /// Go on after this point of the list.
    pub after: Option<PageCursor>,
}

/// A page of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordPage {
    /// The records, last changed first.
    pub records: Vec<Record>,
    /// Where the next page begins; absent on the last one.
    pub next: Option<PageCursor>,
}

/// Values that one statement asks for, at most: each is a condition of its own, so that the field's index answers it.
const VALUES_MAX: usize = 100;

/// Cells of a record that is written, and their names.
type RecordRow = [Val; RECORD_ROW.len()];
const RECORD_ROW: &[&str; 10] =
    &["id", "object", "subject", "data", "provenance", "created_at", "updated_at", "version", "state", "merged_into"];

const COLUMNS: &str = "id, object, subject, data, provenance, created_at, updated_at, version, state, merged_into";

fn record(mut row: Row) -> Result<Record> {
    Ok(Record {
        id: row.parse()?,
        object: row.text()?,
        subject: row.text()?,
        data: row.json()?,
        provenance: row.json()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        version: row.int()?,
        state: row.parse()?,
        merged_into: row.opt_parse()?,
    })
}

/// The names of objects and fields as they may stand in SQL: the store never trusts metadata with its statements.
fn plain(name: &str) -> Result<&str> {
    let ok = !name.is_empty() && name.len() <= 60 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if ok { Ok(name) } else { Err(StoreError::Invalid(format!("`{name}` is not a name of an object or field: use a-z, 0-9 and _"))) }
}

/// Active records of object `$1` that belong to account `$2`: in the words of their index, and without an order that another index would have.
pub(crate) fn of_account() -> String {
    format!("select {COLUMNS} from records where object = $1 and state = 'active' and data->'account' = $2")
}

/// Active activities of account `$1`, the latest first, at most `$4` of them: those with a counterpart at one of the connections `$2`, and those with none
/// at one of `$3` that are about no case. In the words of their index, which has their order.
pub(crate) fn sales_activities() -> String {
    format!(
        "select {COLUMNS} from records where object = 'activity' and state = 'active' and data->'account' = $1
         and (exists (select 1 from links where links.record = records.id and links.connection IN_LIST($2))
              or (coalesce(data->'case', '\"null\"') = '\"null\"'
                  and not exists (select 1 from links where links.record = records.id and links.connection IN_LIST($3))))
         order by coalesce(data->'done_on'->>'date', '') desc, updated_at desc, id desc limit $4"
    )
}

/// Active records of an object that hold one of so many values in a field: in the words of the field's index, which has the object in its
/// text.
pub(crate) fn of_values(object: &str, field: &str, values: usize) -> String {
    let any = (1..=values).map(|number| format!("data->'{field}' = ${number}")).collect::<Vec<_>>().join(" or ");
    format!("select {COLUMNS} from records where object = '{object}' and state = 'active' and ({any})")
}

impl Tx<'_> {
    /// A record, whatever its state.
    ///
    /// # Errors
    /// As for any read.
    pub fn record(&mut self, viewer: &Viewer, id: &RecordId) -> Result<Option<Record>> {
        let sql = format!("select {COLUMNS} from records where id = $1 and {}", viewer.clause());
        self.row("records", &sql, vals![id])?.map(record).transpose()
    }

    /// The records that there are of those asked for, whatever their state, by id.
    ///
    /// # Errors
    /// As for any read.
    pub fn records(&mut self, viewer: &Viewer, ids: &[RecordId]) -> Result<BTreeMap<RecordId, Record>> {
        let mut found = BTreeMap::new();
        let sql = format!("select {COLUMNS} from records where id IN_LIST($1) and {}", viewer.clause());
        for batch in ids.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            for row in self.rows("records", &sql, vals![names])? {
                let record = record(row)?;
                found.insert(record.id.clone(), record);
            }
        }
        Ok(found)
    }

    /// Versions of the records that there are, whoever may see them.
    ///
    /// # Errors
    /// As for any read.
    pub fn record_versions(&mut self, ids: &[RecordId]) -> Result<BTreeMap<RecordId, i64>> {
        let mut found = BTreeMap::new();
        for batch in ids.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            for mut row in self.rows("records", "select id, version from records where id IN_LIST($1)", vals![names])? {
                found.insert(row.parse()?, row.int()?);
            }
        }
        Ok(found)
    }

    /// Keeps other transactions from changing records until this one ends.
    ///
    /// # Errors
    /// As for any read.
    pub fn lock_records(&mut self, ids: &BTreeSet<RecordId>) -> Result<()> {
        let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
        for batch in names.chunks(BATCH_ROWS) {
            // In one order everywhere, so that nobody waits for each other.
            self.rows("records", "select id from records where id IN_LIST($1) order by id FOR_UPDATE", vals![batch.to_vec()])?;
        }
        Ok(())
    }

    /// Writes records, new ones and changed ones, and makes them findable. Their versions go up by one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one was changed since it was read, or a new one exists already.
    pub fn put_records(&mut self, puts: &[PutRecord]) -> Result<()> {
        for batch in puts.chunks(BATCH_ROWS) {
            let (mut fresh, mut changed, mut words) = (Vec::new(), Vec::new(), Vec::new());
            for PutRecord { record, search_text } in batch {
                let row = cells![
                    &record.id,
                    &record.object,
                    &record.subject,
                    Val::json(&record.data)?,
                    Val::json(&record.provenance)?,
                    record.created_at,
                    record.updated_at,
                    record.version,
                    record.state.as_str(),
                    record.merged_into.as_ref(),
                ];
                if record.version == 0 {
                    fresh.push(row)
                } else {
                    changed.push(row)
                }
                let findable = if record.state == RecordState::Active { search::words(search_text) } else { String::new() };
                words.push(cells![&record.id, findable]);
            }
            self.insert_records(fresh)?;
            self.update_records(changed)?;
            self.exec(
                "insert into search (id, words) select x.value->>'id', x.value->>'words' from EACH($1) where true
                 on conflict (id) do update set words = excluded.words where search.words <> excluded.words",
                &[Val::rows(&["id", "words"], words)],
            )?;
        }
        Ok(())
    }

    fn insert_records(&mut self, rows: Vec<RecordRow>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let many = rows.len() as u64;
        let inserted = self.exec(
            "insert into records (id, object, subject, data, provenance, created_at, updated_at, version, state, merged_into)
             select x.value->>'id', x.value->>'object', x.value->>'subject', x.value->'data', x.value->'provenance',
                    cast(x.value->>'created_at' as bigint), cast(x.value->>'updated_at' as bigint), 1, x.value->>'state',
                    x.value->>'merged_into'
             from EACH($1) where true on conflict (id) do nothing",
            &[Val::rows(RECORD_ROW, rows)],
        )?;
        if inserted == many { Ok(()) } else { Err(StoreError::Conflict { what: "a new record that exists already".into() }) }
    }

    fn update_records(&mut self, rows: Vec<RecordRow>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let many = rows.len() as u64;
        let updated = self.exec(
            "update records set object = x.value->>'object', subject = x.value->>'subject', data = x.value->'data',
                    provenance = x.value->'provenance', updated_at = cast(x.value->>'updated_at' as bigint),
                    version = records.version + 1, state = x.value->>'state', merged_into = x.value->>'merged_into'
             from EACH($1) where records.id = x.value->>'id' and records.version = cast(x.value->>'version' as bigint)",
            &[Val::rows(RECORD_ROW, rows)],
        )?;
        if updated == many { Ok(()) } else { Err(StoreError::Conflict { what: "a record".into() }) }
    }

    /// A page of records, last changed first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a cursor that is none, or a field name that cannot be one.
    pub fn list_records(&mut self, viewer: &Viewer, query: &RecordQuery, limit: usize) -> Result<RecordPage> {
        let Some((mut sql, mut params)) = self.record_conditions(viewer, query)? else {
            return Ok(RecordPage { records: Vec::new(), next: None });
        };
        if let Some(cursor) = &query.after {
            let wrong = || StoreError::Invalid("not a cursor of this list; begin again without one".into());
            let (at, id) = cursor.split_once('.').ok_or_else(wrong)?;
            params.push(at.parse::<i64>().map_err(|_| wrong())?.into());
            params.push(id.into());
            sql.push_str(&format!(" and (updated_at, id) < (${}, ${})", params.len() - 1, params.len()));
        }
        params.push(page(limit));
        let sql = format!("select {COLUMNS} from records where {sql} order by updated_at desc, id desc limit ${}", params.len());
        let records = self.rows("records", &sql, &params)?.into_iter().map(record).collect::<Result<Vec<_>>>()?;
        let full = Val::from(records.len()) == page(limit);
        let next = records.last().filter(|_| full).map(|last| format!("{}.{}", last.updated_at.as_millisecond(), last.id));
        Ok(RecordPage { records, next })
    }

    /// Active records of an object that belong to an account, last changed first: at most `limit` of them.
    ///
    /// # Errors
    /// As for any read.
    pub fn records_of_account(&mut self, object: &str, account: &RecordId, limit: usize) -> Result<Vec<Record>> {
        let found = self.rows("records", &of_account(), &[object.into(), Val::json(&Value::Ref(account.clone()))?])?;
        let mut records = found.into_iter().map(record).collect::<Result<Vec<_>>>()?;
        records.sort_by(|a, b| (b.updated_at, &b.id).cmp(&(a.updated_at, &a.id)));
        records.truncate(limit);
        Ok(records)
    }

    /// The latest activities of an account that are known from connections `sales`, and those about no case that none of `desks` has: at most `limit` of
    /// them, the latest day first.
    ///
    /// # Errors
    /// As for any read.
    pub fn sales_activities(&mut self, account: &RecordId, sales: &[String], desks: &[String], limit: usize) -> Result<Vec<Record>> {
        let account = Val::json(&Value::Ref(account.clone()))?;
        let params = [account, Val::Texts(sales.to_vec()), Val::Texts(desks.to_vec()), page(limit)];
        self.rows("records", &sales_activities(), &params)?.into_iter().map(record).collect()
    }

    /// Active records by object.
    ///
    /// # Errors
    /// As for any read.
    pub fn record_counts(&mut self, viewer: &Viewer) -> Result<BTreeMap<String, u64>> {
        let sql = format!("select object, count(*) from records where state = 'active' and {} group by object", viewer.clause());
        self.rows("records", &sql, &[])?.into_iter().map(|mut row| Ok((row.text()?, row.num()?))).collect()
    }

    /// Pages through all active records of an object in order of their ids, for jobs that visit each one.
    ///
    /// # Errors
    /// As for any read.
    pub fn records_after(&mut self, viewer: &Viewer, object: &str, after: Option<&RecordId>, limit: usize) -> Result<Vec<Record>> {
        let sql = format!(
            "select {COLUMNS} from records where object = $1 and id > $2 and state = 'active' and {} order by id limit $3",
            viewer.clause()
        );
        let after = after.map_or("", RecordId::as_str);
        self.rows("records", &sql, &[object.into(), after.into(), page(limit)])?.into_iter().map(record).collect()
    }

    /// Pages through all active records of an object from the newest on: against the order of their ids.
    ///
    /// # Errors
    /// As for any read.
    pub fn records_before(&mut self, viewer: &Viewer, object: &str, before: Option<&RecordId>, limit: usize) -> Result<Vec<Record>> {
        let bound = if before.is_some() { "id < $2" } else { "$2 = ''" };
        let sql = format!(
            "select {COLUMNS} from records where object = $1 and {bound} and state = 'active' and {} order by id desc limit $3",
            viewer.clause()
        );
        let before = before.map_or("", RecordId::as_str);
        self.rows("records", &sql, &[object.into(), before.into(), page(limit)])?.into_iter().map(record).collect()
    }

    /// The condition of a query, or `None` when nothing can pass it.
    fn record_conditions(&mut self, viewer: &Viewer, query: &RecordQuery) -> Result<Option<(String, Vec<Val>)>> {
        let mut sql = format!("{} and state = $1", viewer.clause());
        let mut params: Vec<Val> = vec![query.state.unwrap_or(RecordState::Active).as_str().into()];
        if let Some(object) = &query.object {
            // In the words of the index of a field where it can be; what is no name of an object is none of anybody's.
            match plain(object) {
                Ok(object) => sql.push_str(&format!(" and object = '{object}'")),
                Err(_) => return Ok(None),
            }
        }
        if let Some(since) = query.changed_since {
            params.push(since.into());
            sql.push_str(&format!(" and updated_at >= ${}", params.len()));
        }
        for (field, value) in &query.equal {
            params.push(Val::json(value)?);
            sql.push_str(&format!(" and data->'{}' = ${}", plain(field)?, params.len()));
        }
        if let Some(text) = query.text.as_deref().filter(|text| !text.trim().is_empty()) {
            let question = if self.is_postgres() { search::tsquery(text) } else { search::fts5(text) };
            let Some(question) = question else { return Ok(None) };
            params.push(question.into());
            let found = self.pick(
                "select s.id from search_index i join search s on s.seq = i.rowid where search_index match",
                "select id from search where vector @@",
            );
            let cast = self.pick("", "::text::tsquery");
            sql.push_str(&format!(" and id in ({found} ${}{cast})", params.len()));
        }
        Ok(Some((sql, params)))
    }

    /// Records that were merged into others, whatever their state, by id.
    ///
    /// # Errors
    /// As for any read.
    pub fn records_merged_into(&mut self, ids: &[RecordId]) -> Result<Vec<Record>> {
        self.records_by("merged_into", &ids.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    /// Records of data subjects, whatever their state, by id.
    ///
    /// # Errors
    /// As for any read.
    pub fn records_of_subjects(&mut self, subjects: &[String]) -> Result<Vec<Record>> {
        self.records_by("subject", subjects)
    }

    fn records_by(&mut self, column: &'static str, names: &[String]) -> Result<Vec<Record>> {
        let mut found = Vec::new();
        let sql = format!("select {COLUMNS} from records where {column} IN_LIST($1) order by id");
        for batch in names.chunks(BATCH_ROWS) {
            for row in self.rows("records", &sql, vals![batch.to_vec()])? {
                found.push(record(row)?);
            }
        }
        Ok(found)
    }

    /// Active records whose values hold a text, whatever its case: at most `limit` of them. Reads every record.
    ///
    /// # Errors
    /// As for any read.
    pub fn records_holding(&mut self, viewer: &Viewer, text: &str, limit: usize) -> Result<Vec<Record>> {
        let escaped = text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
        let cast = self.pick("data", "data::text");
        let sql = format!(
            "select {COLUMNS} from records where state = 'active' and lower({cast}) like $1 escape '!' and {} order by id limit $2",
            viewer.clause()
        );
        self.rows("records", &sql, &[format!("%{escaped}%").into(), page(limit)])?.into_iter().map(record).collect()
    }

    /// Active records of an object that hold one of the values in a field, by id. Reads every record of the object where metadata does not mark
    /// the field as indexed.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a field name that cannot be one.
    pub fn records_with(&mut self, viewer: &Viewer, object: &str, field: &str, values: &[Value]) -> Result<Vec<Record>> {
        let (object, field) = (plain(object)?, plain(field)?);
        let mut found: BTreeMap<RecordId, Record> = BTreeMap::new();
        for batch in values.chunks(VALUES_MAX) {
            let params = batch.iter().map(Val::json).collect::<Result<Vec<_>>>()?;
            let sql = format!("{} and {}", of_values(object, field, batch.len()), viewer.clause());
            for row in self.rows("records", &sql, &params)? {
                let record = record(row)?;
                found.insert(record.id.clone(), record);
            }
        }
        Ok(found.into_values().collect())
    }

    /// Makes an index on a field that metadata marks as indexed, unless there is one. It holds the records of its object alone: a record is
    /// written into those of its own fields, and a statement uses one by naming the object in its text.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for names that cannot be an object's or a field's.
    pub fn index_field(&mut self, object: &str, field: &str) -> Result<()> {
        let (object, field) = (plain(object)?, plain(field)?);
        // A short name that differs for every pair: PostgreSQL cuts names at 63 bytes.
        let name = &crate::crypto::hex(&crate::crypto::sha256(&[object.as_bytes(), b".", field.as_bytes()]))[..16];
        // A hash on PostgreSQL: its trees refuse long values, and equality is all that is asked.
        let sql = match self.is_postgres() {
            true => format!(
                "create index if not exists records_field_{name} on records using hash ((data->'{field}')) where object = '{object}'"
            ),
            false => {
                // Such an index once held the records of all objects.
                self.exec(&format!("drop index if exists records_field_{name}"), &[])?;
                format!("create index if not exists records_{object}_{name} on records (object, data->'{field}') where object = '{object}'")
            }
        };
        self.exec(&sql, &[]).map(drop)
    }
}
