//! Cursors: where polls, feeds and other readers stand.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::sql::{Val, vals};
use crate::tx::Tx;

impl Tx<'_> {
    /// A cursor.
    ///
    /// # Errors
    /// [`crate::StoreError::Corrupt`] when what is stored is not such a document.
    pub fn cursor<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        self.row("cursors", "select value from cursors where name = $1", vals![name])?.map(|mut row| row.json()).transpose()
    }

    /// A cursor, held against other transactions until this one ends: for a reader that must not pass the same place twice.
    ///
    /// # Errors
    /// As for [`Tx::cursor`].
    pub fn cursor_for_update<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        self.row("cursors", "select value from cursors where name = $1 FOR_UPDATE", vals![name])?.map(|mut row| row.json()).transpose()
    }

    /// Moves a cursor.
    ///
    /// # Errors
    /// As for any write.
    pub fn put_cursor<T: Serialize + ?Sized>(&mut self, name: &str, value: &T, now: Timestamp) -> Result<()> {
        self.exec(
            "insert into cursors (name, value, at) values ($1, $2, $3)
             on conflict (name) do update set value = excluded.value, at = excluded.at",
            &[name.into(), Val::json(value)?, now.into()],
        )?;
        Ok(())
    }

    /// Cursors whose name begins with the text, with the moment they were last moved.
    ///
    /// # Errors
    /// As for any read.
    pub fn cursors(&mut self, prefix: &str) -> Result<BTreeMap<String, (serde_json::Value, Timestamp)>> {
        self.rows("cursors", "select name, value, at from cursors where substr(name, 1, length(cast($1 as text))) = $1", vals![prefix])?
            .into_iter()
            .map(|mut row| Ok((row.text()?, (row.json()?, row.time()?))))
            .collect()
    }
}
