//! Metadata: objects, and the mappings with all their versions.

use entente_model::clock::Timestamp;
use entente_model::mapping::Mapping;
use entente_model::object::Object;
use serde::Serialize;

use crate::error::{Result, StoreError};
use crate::sql::{Row, Val, vals};
use crate::tx::Tx;

/// One version of the mapping of an object at a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredMapping {
    /// Name of the connection.
    pub connection: String,
    /// Counts up from 1 for each connection and object.
    pub version: i64,
    /// The mapping.
    pub mapping: Mapping,
    /// Whether it is the one in use.
    pub active: bool,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// By whom.
    pub saved_by: String,
    /// Why, in their words.
    pub note: String,
}

const COLUMNS: &str = "connection, version, definition, active, saved_at, saved_by, note";

fn mapping(mut row: Row) -> Result<StoredMapping> {
    Ok(StoredMapping {
        connection: row.text()?,
        version: row.int()?,
        mapping: row.json()?,
        active: row.flag()?,
        saved_at: row.time()?,
        saved_by: row.text()?,
        note: row.text()?,
    })
}

impl Tx<'_> {
    /// All objects, by name.
    ///
    /// # Errors
    /// As for any read.
    pub fn objects(&mut self) -> Result<Vec<Object>> {
        self.rows("objects", "select definition from objects order by key", &[])?.iter_mut().map(Row::json::<Object>).collect()
    }

    /// One object.
    ///
    /// # Errors
    /// As for any read.
    pub fn object(&mut self, key: &str) -> Result<Option<Object>> {
        self.row("objects", "select definition from objects where key = $1", vals![key])?.map(|mut row| row.json()).transpose()
    }

    /// Keeps an object, in place of what was there, with an index for each field that is marked as indexed.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when an indexed field or its object cannot be named in SQL.
    pub fn put_object(&mut self, object: &Object) -> Result<()> {
        self.exec(
            "insert into objects (key, definition) values ($1, $2) on conflict (key) do update set definition = excluded.definition",
            &[object.key.as_str().into(), Val::json(object)?],
        )?;
        for field in object.fields.iter().filter(|field| field.indexed) {
            self.index_field(&object.key, &field.key)?;
        }
        Ok(())
    }

    /// Saves a new version of a mapping and makes it the one in use. Answers the version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else saved at the same moment.
    pub fn save_mapping(&mut self, connection: &str, mapping: &Mapping, by: &str, note: &str, now: Timestamp) -> Result<i64> {
        let object = mapping.object.as_str();
        self.exec("update mappings set active = 0 where connection = $1 and object = $2 and active = 1", vals![connection, object])?;
        let sql = "select coalesce(max(version), 0) + 1 from mappings where connection = $1 and object = $2";
        let version = self.the_row("mappings", sql, vals![connection, object])?.int()?;
        self.exec(
            "insert into mappings (connection, object, version, definition, active, saved_at, saved_by, note)
             values ($1, $2, $3, $4, 1, $5, $6, $7)",
            &[connection.into(), object.into(), version.into(), Val::json(mapping)?, now.into(), by.into(), note.into()],
        )?;
        self.note_in_force(connection, object, Some(version), now)?;
        Ok(version)
    }

    /// Makes an earlier version the one in use, as a roll-back does.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such version.
    pub fn activate_mapping(&mut self, connection: &str, object: &str, version: i64, now: Timestamp) -> Result<()> {
        self.exec("update mappings set active = 0 where connection = $1 and object = $2 and active = 1", vals![connection, object])?;
        let sql = "update mappings set active = 1 where connection = $1 and object = $2 and version = $3";
        match self.exec(sql, vals![connection, object, version])? {
            1 => self.note_in_force(connection, object, Some(version), now),
            _ => Err(StoreError::Missing(format!("version {version} of the mapping of {object} at {connection}"))),
        }
    }

    /// Takes the mapping of an object at a connection out of use; its versions stay. Answers whether there was one.
    ///
    /// # Errors
    /// As for any write.
    pub fn retire_mapping(&mut self, connection: &str, object: &str, now: Timestamp) -> Result<bool> {
        let sql = "update mappings set active = 0 where connection = $1 and object = $2 and active = 1";
        self.note_in_force(connection, object, None, now)?;
        Ok(self.exec(sql, vals![connection, object])? > 0)
    }

    /// The mappings in use, by connection and object.
    ///
    /// # Errors
    /// As for any read.
    pub fn mappings(&mut self) -> Result<Vec<StoredMapping>> {
        let sql = format!("select {COLUMNS} from mappings where active = 1 order by connection, object");
        self.rows("mappings", &sql, &[])?.into_iter().map(mapping).collect()
    }

    /// All versions of a mapping, newest first.
    ///
    /// # Errors
    /// As for any read.
    pub fn mapping_versions(&mut self, connection: &str, object: &str) -> Result<Vec<StoredMapping>> {
        let sql = format!("select {COLUMNS} from mappings where connection = $1 and object = $2 order by version desc");
        self.rows("mappings", &sql, vals![connection, object])?.into_iter().map(mapping).collect()
    }
}
