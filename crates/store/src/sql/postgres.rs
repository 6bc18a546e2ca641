//! PostgreSQL behind the seam. Runs on a thread that may block; the driver itself stays on the runtime.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use deadpool_postgres::Transaction;
use tokio::runtime::Handle;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::{Conn, Dialect, Row, Val, translate};
use crate::error::{Result, StoreError};

/// An open transaction and the runtime that drives it.
pub(crate) struct PostgresConn<'a> {
    pub(crate) transaction: Transaction<'a>,
    pub(crate) runtime: Handle,
}

/// Version of the form in which documents travel, before their text (`jsonb_send` and `jsonb_recv` of PostgreSQL). The store has no other
/// documents than these.
const JSONB_VERSION: u8 = 1;

fn put_json(document: &str, out: &mut BytesMut) {
    out.put_u8(JSONB_VERSION);
    out.put_slice(document.as_bytes());
}

/// The text of a document.
struct Printed(String);

impl<'a> FromSql<'a> for Printed {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let text = raw.strip_prefix(&[JSONB_VERSION]).ok_or("a document of an unknown version")?;
        Ok(Self(std::str::from_utf8(text)?.to_owned()))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSONB
    }
}

impl ToSql for Val {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) if *ty == Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
            Self::Int(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Self::Int(number) => number.to_sql(ty, out),
            Self::Real(number) => number.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Blob(bytes) => bytes.to_sql(ty, out),
            Self::Json(document) => {
                put_json(document, out);
                Ok(IsNull::No)
            }
            Self::Rows(rows) => {
                put_json(&rows.print(), out);
                Ok(IsNull::No)
            }
            Self::Texts(texts) => texts.to_sql(ty, out),
            Self::Ints(numbers) => numbers.to_sql(ty, out),
        }
    }

    // The type is the statement's, which is ours; a parameter that does not fit it fails at the server by its length.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn cell(row: &tokio_postgres::Row, column: usize) -> Result<Val> {
    let read = |error: tokio_postgres::Error| StoreError::corrupt(format!("column {}: {error}", column + 1));
    Ok(match *row.columns()[column].type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(column).map_err(read)?.into(),
        Type::INT4 => row.try_get::<_, Option<i32>>(column).map_err(read)?.into(),
        Type::INT2 => row.try_get::<_, Option<i16>>(column).map_err(read)?.into(),
        Type::BOOL => row.try_get::<_, Option<bool>>(column).map_err(read)?.into(),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(column).map_err(read)?.into(),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(column).map_err(read)?.into(),
        Type::JSONB => row.try_get::<_, Option<Printed>>(column).map_err(read)?.map_or(Val::Null, |document| Val::Json(document.0)),
        Type::TEXT | Type::VARCHAR | Type::NAME => row.try_get::<_, Option<String>>(column).map_err(read)?.map_or(Val::Null, Val::Text),
        // `select some_function()` without a result.
        Type::VOID => Val::Null,
        ref other => return Err(StoreError::corrupt(format!("column {} has the type {other}, which the store never uses", column + 1))),
    })
}

impl Conn for PostgresConn<'_> {
    fn query(&mut self, table: &'static str, sql: &str, params: &[Val]) -> Result<Vec<Row>> {
        let sql = translate(sql, Dialect::Postgres);
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        let rows = self.runtime.block_on(async {
            let statement = self.transaction.prepare_cached(&sql).await?;
            self.transaction.query(&statement, &params).await
        })?;
        rows.iter()
            .map(|row| (0..row.len()).map(|column| cell(row, column)).collect::<Result<Vec<_>>>().map(|cells| Row::new(table, cells)))
            .collect()
    }

    fn exec(&mut self, sql: &str, params: &[Val]) -> Result<u64> {
        let sql = translate(sql, Dialect::Postgres);
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        Ok(self.runtime.block_on(async {
            let statement = self.transaction.prepare_cached(&sql).await?;
            self.transaction.execute(&statement, &params).await
        })?)
    }

    fn batch(&mut self, sql: &str) -> Result<()> {
        Ok(self.runtime.block_on(self.transaction.batch_execute(sql))?)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }
}
