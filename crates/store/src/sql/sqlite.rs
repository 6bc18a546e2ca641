//! SQLite behind the seam.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Rows, Statement};

use super::each::{Each, Plan};
use super::{Conn, Dialect, Row, Val};
use crate::error::{Result, StoreError};

/// Statements that are kept translated. The store has a few hundred; lists with many filters add some.
const PLANS_MAX: usize = 2_000;

/// A connection that is inside a transaction.
pub(crate) struct SqliteConn<'a>(pub(crate) &'a Connection);

impl ToSql for Val {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let printed = |document: String| Ok(ToSqlOutput::Owned(Value::Text(document)));
        match self {
            Self::Null => Ok(ToSqlOutput::Borrowed(ValueRef::Null)),
            Self::Int(number) => Ok(ToSqlOutput::Borrowed(ValueRef::Integer(*number))),
            Self::Real(number) => Ok(ToSqlOutput::Borrowed(ValueRef::Real(*number))),
            Self::Text(text) | Self::Json(text) => Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))),
            Self::Blob(bytes) => Ok(ToSqlOutput::Borrowed(ValueRef::Blob(bytes))),
            Self::Texts(texts) => printed(serde_json::Value::from(texts.as_slice()).to_string()),
            Self::Ints(numbers) => printed(serde_json::Value::from(numbers.as_slice()).to_string()),
            Self::Rows(rows) => printed(rows.print()),
        }
    }
}

/// Plans by statement, so that each text is translated once. The texts are ours and few; should they not be, the oldest plans go with the
/// others and are made again.
fn planned(sql: &str, outer: usize) -> Arc<Plan> {
    static PLANS: LazyLock<RwLock<HashMap<String, Arc<Plan>>>> = LazyLock::new(RwLock::default);
    if let Some(plan) = PLANS.read().unwrap_or_else(PoisonError::into_inner).get(sql) {
        return Arc::clone(plan);
    }
    let plan = Arc::new(Plan::new(sql, outer));
    let mut plans = PLANS.write().unwrap_or_else(PoisonError::into_inner);
    if plans.len() >= PLANS_MAX {
        plans.clear();
    }
    plans.insert(sql.to_owned(), Arc::clone(&plan));
    plan
}

/// Binds what is the same for every row: it stays bound from one to the next. Answers where each row has what is taken from it.
fn bind_outer(statement: &mut Statement<'_>, each: &Each, params: &[Val]) -> Result<Vec<usize>> {
    for (at, value) in params.iter().enumerate().filter(|(at, _)| *at != each.rows_at()) {
        statement.raw_bind_parameter(at + 1, value)?;
    }
    each.places(params)
}

fn bind_row(statement: &mut Statement<'_>, outer: usize, taken: &[usize], row: &[Val]) -> Result<()> {
    for (at, place) in taken.iter().enumerate() {
        statement.raw_bind_parameter(outer + at + 1, &row[*place])?;
    }
    Ok(())
}

fn collect(table: &'static str, width: usize, mut answer: Rows<'_>, rows: &mut Vec<Row>) -> Result<()> {
    while let Some(row) = answer.next()? {
        let mut cells = Vec::with_capacity(width);
        for column in 0..width {
            cells.push(match row.get_ref(column)? {
                ValueRef::Null => Val::Null,
                ValueRef::Integer(number) => Val::Int(number),
                ValueRef::Real(number) => Val::Real(number),
                ValueRef::Text(bytes) => Val::Text(
                    String::from_utf8(bytes.to_vec())
                        .map_err(|_| StoreError::corrupt(format!("table {table}, column {}: not UTF-8", column + 1)))?,
                ),
                ValueRef::Blob(bytes) => Val::Blob(bytes.to_vec()),
            });
        }
        rows.push(Row::new(table, cells));
    }
    Ok(())
}

impl Conn for SqliteConn<'_> {
    fn query(&mut self, table: &'static str, sql: &str, params: &[Val]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        match &*planned(sql, params.len()) {
            Plan::Once(sql) => {
                let mut statement = self.0.prepare_cached(sql)?;
                let width = statement.column_count();
                collect(table, width, statement.query(rusqlite::params_from_iter(params))?, &mut rows)?;
            }
            Plan::Each(each) => {
                let mut statement = self.0.prepare_cached(&each.sql)?;
                let width = statement.column_count();
                let taken = bind_outer(&mut statement, each, params)?;
                for row in each.rows(params)?.each() {
                    bind_row(&mut statement, params.len(), &taken, row)?;
                    collect(table, width, statement.raw_query(), &mut rows)?;
                }
            }
        }
        Ok(rows)
    }

    fn exec(&mut self, sql: &str, params: &[Val]) -> Result<u64> {
        let mut touched = 0;
        match &*planned(sql, params.len()) {
            Plan::Once(sql) => touched += self.0.prepare_cached(sql)?.execute(rusqlite::params_from_iter(params))?,
            Plan::Each(each) => {
                let mut statement = self.0.prepare_cached(&each.sql)?;
                let taken = bind_outer(&mut statement, each, params)?;
                for row in each.rows(params)?.each() {
                    bind_row(&mut statement, params.len(), &taken, row)?;
                    touched += statement.raw_execute()?;
                }
            }
        }
        Ok(u64::try_from(touched).unwrap_or(u64::MAX))
    }

    fn batch(&mut self, sql: &str) -> Result<()> {
        Ok(self.0.execute_batch(sql)?)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
}
