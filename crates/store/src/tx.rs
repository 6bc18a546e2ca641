//! A transaction: what the closures of [`crate::Store::write`] and [`crate::Store::read`] work with. The use-cases are methods on
//! [`Tx`], in one file per subject.

use std::sync::Arc;

use crate::error::{Result, StoreError};
use crate::master_key::MasterKey;
use crate::sql::{Conn, Dialect, Row, Val};

/// An open transaction.
///
/// A statement that fails ends the transaction on PostgreSQL, so it does on SQLite: pass errors on with `?`. A closure that
/// swallows one is rolled back all the same.
pub struct Tx<'a> {
    conn: &'a mut dyn Conn,
    key: Arc<MasterKey>,
    failed: bool,
    woke: bool,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(conn: &'a mut dyn Conn, key: Arc<MasterKey>) -> Self {
        Self { conn, key, failed: false, woke: false }
    }

    pub(crate) fn rows(&mut self, table: &'static str, sql: &str, params: &[Val]) -> Result<Vec<Row>> {
        let rows = self.conn.query(table, sql, params);
        self.failed |= rows.is_err();
        rows
    }

    pub(crate) fn row(&mut self, table: &'static str, sql: &str, params: &[Val]) -> Result<Option<Row>> {
        Ok(self.rows(table, sql, params)?.into_iter().next())
    }

    /// For statements that always answer with a row, such as counts.
    pub(crate) fn the_row(&mut self, table: &'static str, sql: &str, params: &[Val]) -> Result<Row> {
        self.row(table, sql, params)?.ok_or_else(|| StoreError::corrupt(format!("table {table}: an answer without a row")))
    }

    pub(crate) fn exec(&mut self, sql: &str, params: &[Val]) -> Result<u64> {
        let touched = self.conn.exec(sql, params);
        self.failed |= touched.is_err();
        touched
    }

    pub(crate) fn pick(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.conn.dialect() {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.conn.dialect() == Dialect::Postgres
    }

    pub(crate) fn master_key(&self) -> Arc<MasterKey> {
        Arc::clone(&self.key)
    }

    /// Notes that there is new work or a new entry, so that sleepers are woken once this is committed.
    pub(crate) fn wake(&mut self) {
        self.woke = true;
    }

    /// Runs the closure and answers whether somebody is to be woken after the commit.
    pub(crate) fn run<T>(mut self, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<(T, bool)> {
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(&mut self))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
            Err(StoreError::Panicked(text.unwrap_or_else(|| "no message".into())))
        })?;
        if self.failed {
            return Err(StoreError::Database("a statement failed and its error was not passed on".into()));
        }
        Ok((answer, self.woke))
    }

    /// Runs SQL as it is given, for tests that damage a database on purpose and for repairs by hand. Several statements may be
    /// given, separated by semicolons; there are no parameters and no answer.
    ///
    /// # Errors
    /// Whatever the database says.
    #[doc(hidden)]
    pub fn raw(&mut self, sql: &str) -> Result<()> {
        let done = self.conn.batch(sql);
        self.failed |= done.is_err();
        done
    }
}

/// Splits long inputs so that one statement stays of a size both databases take well.
pub(crate) const BATCH_ROWS: usize = 500;

/// Most rows any list answers with in one call; a page of the web app is 50, an export takes pages of this size.
pub const PAGE_ROWS_MAX: usize = 1_000;

/// Holds a wish for a page to what is allowed.
pub(crate) fn page(limit: usize) -> Val {
    limit.clamp(1, PAGE_ROWS_MAX).into()
}
