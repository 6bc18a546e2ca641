//! Settings: one JSON document per key.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::sql::{Val, vals};
use crate::tx::Tx;

impl Tx<'_> {
    /// A setting.
    ///
    /// # Errors
    /// [`crate::StoreError::Corrupt`] when what is stored is not such a document.
    pub fn setting<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>> {
        self.row("settings", "select value from settings where key = $1", vals![key])?.map(|mut row| row.json()).transpose()
    }

    /// Keeps a setting, in place of what was there.
    ///
    /// # Errors
    /// [`crate::StoreError::Invalid`] when it is not a JSON document.
    pub fn put_setting<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<()> {
        self.exec(
            "insert into settings (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value",
            &[key.into(), Val::json(value)?],
        )?;
        Ok(())
    }

    /// Settings whose key begins with the text.
    ///
    /// # Errors
    /// As for any read.
    pub fn settings(&mut self, prefix: &str) -> Result<BTreeMap<String, serde_json::Value>> {
        self.rows("settings", "select key, value from settings where substr(key, 1, length(cast($1 as text))) = $1", vals![prefix])?
            .into_iter()
            .map(|mut row| Ok((row.text()?, row.json()?)))
            .collect()
    }

    /// Forgets a setting. Answers whether there was one.
    ///
    /// # Errors
    /// As for any write.
    pub fn delete_setting(&mut self, key: &str) -> Result<bool> {
        Ok(self.exec("delete from settings where key = $1", vals![key])? > 0)
    }
}
