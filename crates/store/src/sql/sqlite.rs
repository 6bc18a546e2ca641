//! SQLite behind the seam.

use rusqlite::Connection;
use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};

use super::{Conn, Dialect, Row, Val, translate};
use crate::error::{Result, StoreError};

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

impl Conn for SqliteConn<'_> {
    fn query(&mut self, table: &'static str, sql: &str, params: &[Val]) -> Result<Vec<Row>> {
        let mut statement = self.0.prepare_cached(&translate(sql, Dialect::Sqlite))?;
        let width = statement.column_count();
        let mut answer = statement.query(rusqlite::params_from_iter(params))?;
        let mut rows = Vec::new();
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
        Ok(rows)
    }

    fn exec(&mut self, sql: &str, params: &[Val]) -> Result<u64> {
        let touched = self.0.prepare_cached(&translate(sql, Dialect::Sqlite))?.execute(rusqlite::params_from_iter(params))?;
        Ok(u64::try_from(touched).unwrap_or(u64::MAX))
    }

    fn batch(&mut self, sql: &str) -> Result<()> {
        Ok(self.0.execute_batch(sql)?)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
}
