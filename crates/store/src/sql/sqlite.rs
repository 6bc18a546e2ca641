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
        let json = |document: &serde_json::Value| Ok(ToSqlOutput::Owned(Value::Text(document.to_string())));
        match self {
            Self::Null => Ok(ToSqlOutput::Borrowed(ValueRef::Null)),
            Self::Int(number) => Ok(ToSqlOutput::Borrowed(ValueRef::Integer(*number))),
            Self::Real(number) => Ok(ToSqlOutput::Borrowed(ValueRef::Real(*number))),
            Self::Text(text) => Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))),
            Self::Blob(bytes) => Ok(ToSqlOutput::Borrowed(ValueRef::Blob(bytes))),
            Self::Json(document) => json(document),
            Self::Texts(texts) => json(&serde_json::Value::from(texts.clone())),
            Self::Ints(numbers) => json(&serde_json::Value::from(numbers.clone())),
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

fn bind(statement: &mut Statement<'_>, each: &Each, params: &[Val], row: &serde_json::Value) -> Result<()> {
    for (at, value) in each.bind(params, row) {
        statement.raw_bind_parameter(at, value)?;
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
                for row in each.rows(params) {
                    bind(&mut statement, each, params, row)?;
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
                for row in each.rows(params) {
                    bind(&mut statement, each, params, row)?;
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
