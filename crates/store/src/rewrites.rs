//! Values that platforms rewrite when we write them: how often in a row, and what they made of it.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{FieldKey, Value};
use serde::Serialize;

use crate::error::Result;
use crate::sql::{Row, Val, vals};
use crate::tx::{BATCH_ROWS, Tx, page};

/// A value that a platform rewrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rewrite {
    /// The record.
    pub record: RecordId,
    /// Connection.
    pub connection: String,
    /// Our object.
    pub object: String,
    /// Our field.
    pub field: FieldKey,
    /// What we wrote.
    pub written: Value,
    /// What the platform showed afterwards.
    pub shown: Value,
    /// How often in a row.
    pub times: u64,
}

const COLUMNS: &str = "record, connection, object, field, written, shown, times";

fn rewrite(mut row: Row) -> Result<Rewrite> {
    Ok(Rewrite {
        record: row.parse()?,
        connection: row.text()?,
        object: row.text()?,
        field: row.text()?,
        written: row.json()?,
        shown: row.json()?,
        times: row.num()?,
    })
}

impl Tx<'_> {
    /// Notes that a platform rewrote a value; `times` of the one given is not looked at. Answers how often in a row it has done so with
    /// this value.
    ///
    /// # Errors
    /// As for any write.
    pub fn note_rewrite(&mut self, new: &Rewrite, now: Timestamp) -> Result<u64> {
        let sql = format!("select {COLUMNS} from rewrites where record = $1 and connection = $2 and field = $3");
        let known = self.row("rewrites", &sql, vals![&new.record, &new.connection, &new.field])?.map(rewrite).transpose()?;
        let again = known.filter(|known| known.written.agrees(&new.written) && known.shown.agrees(&new.shown));
        let times = again.map_or(0, |known| known.times) + 1;
        self.exec(
            "insert into rewrites (record, connection, object, field, written, shown, times, since, at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
             on conflict (record, connection, field) do update set object = excluded.object, written = excluded.written,
                 shown = excluded.shown, times = excluded.times, at = excluded.at",
            &[
                (&new.record).into(),
                new.connection.as_str().into(),
                new.object.as_str().into(),
                new.field.as_str().into(),
                Val::json(&new.written)?,
                Val::json(&new.shown)?,
                i64::try_from(times).unwrap_or(i64::MAX).into(),
                now.into(),
            ],
        )?;
        Ok(times)
    }

    /// The rewritten values of records that happened at least so often.
    ///
    /// # Errors
    /// As for any read.
    pub fn rewrites_of(&mut self, records: &[RecordId], least: u64) -> Result<BTreeMap<RecordId, Vec<Rewrite>>> {
        let mut found: BTreeMap<RecordId, Vec<Rewrite>> = BTreeMap::new();
        let sql = format!("select {COLUMNS} from rewrites where record IN_LIST($1) and times >= $2 order by record, connection, field");
        let least = i64::try_from(least).unwrap_or(i64::MAX);
        for batch in records.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            for row in self.rows("rewrites", &sql, vals![names, least])? {
                let one = rewrite(row)?;
                found.entry(one.record.clone()).or_default().push(one);
            }
        }
        Ok(found)
    }

    /// The latest rewritten values of a field at a connection that happened at least so often.
    ///
    /// # Errors
    /// As for any read.
    pub fn rewrites_at(&mut self, connection: &str, object: &str, field: &str, least: u64, limit: usize) -> Result<Vec<Rewrite>> {
        let sql = format!(
            "select {COLUMNS} from rewrites where connection = $1 and object = $2 and field = $3 and times >= $4
             order by at desc, record limit $5"
        );
        let params = vals![connection, object, field, i64::try_from(least).unwrap_or(i64::MAX), page(limit)];
        self.rows("rewrites", &sql, params)?.into_iter().map(rewrite).collect()
    }

    /// Fields that platforms rewrite, as (connection, object, field), with how many records have stopped at it.
    ///
    /// # Errors
    /// As for any read.
    pub fn rewritten_fields(&mut self, least: u64) -> Result<BTreeMap<(String, String, String), u64>> {
        let sql = "select connection, object, field, count(*) from rewrites where times >= $1 group by connection, object, field";
        let rows = self.rows("rewrites", sql, vals![i64::try_from(least).unwrap_or(i64::MAX)])?;
        rows.into_iter().map(|mut row| Ok(((row.text()?, row.text()?, row.text()?), row.num()?))).collect()
    }

    /// Forgets the rewritten values of a field at a connection: its mapping takes them for what they are now.
    ///
    /// # Errors
    /// As for any write.
    pub fn forget_rewrites(&mut self, connection: &str, object: &str, field: &str) -> Result<u64> {
        self.exec("delete from rewrites where connection = $1 and object = $2 and field = $3", vals![connection, object, field])
    }
}
