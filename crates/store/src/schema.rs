//! Remote schemas as they were last described, and the journal of what changed in them.

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::RemoteObject;
use serde::Serialize;

use crate::error::Result;
use crate::named::named;
use crate::sql::{Row, Val, vals};
use crate::tx::{Tx, page};
use crate::viewer::Viewer;

named! {
    /// What has become of a change of a remote schema.
    pub enum SchemaState {
        /// It breaks nothing: it is told, and that is all.
        Noted = "noted",
        /// It breaks lines of mappings, which are not used meanwhile.
        Open = "open",
        /// What it broke is whole again, and records catch up.
        Returning = "returning",
        /// It is over.
        Closed = "closed",
    }
}

/// A change of a remote schema, as it goes into the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewSchemaChange {
    /// When it was found.
    pub at: Timestamp,
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub remote_object: String,
    /// The platform's name of the field.
    pub field: String,
    /// Kind of change.
    pub kind: String,
    /// What becomes of it: noted or open.
    pub state: SchemaState,
    /// The rest, as a document of the caller's.
    pub detail: serde_json::Value,
}

/// A change of a remote schema in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaChange {
    /// Number.
    pub id: i64,
    /// What has changed.
    #[serde(flatten)]
    pub change: NewSchemaChange,
    /// When its state changed last.
    pub changed_at: Timestamp,
    /// How it ended, in words.
    pub outcome: Option<String>,
    /// Who ended it.
    pub by: Option<String>,
}

/// Which changes to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaFilter {
    /// In this state only.
    pub state: Option<SchemaState>,
    /// At this connection only.
    pub connection: Option<String>,
    /// Those before this one: the last number of the page before.
    pub before: Option<i64>,
}

const COLUMNS: &str = "id, at, connection, remote_object, field, kind, state, detail, changed_at, outcome, by_whom";

fn change(mut row: Row) -> Result<SchemaChange> {
    Ok(SchemaChange {
        id: row.int()?,
        change: NewSchemaChange {
            at: row.time()?,
            connection: row.text()?,
            remote_object: row.text()?,
            field: row.text()?,
            kind: row.text()?,
            state: row.parse()?,
            detail: row.json()?,
        },
        changed_at: row.time()?,
        outcome: row.opt_text()?,
        by: row.opt_text()?,
    })
}

impl Tx<'_> {
    /// A remote object as it was last described, and when.
    ///
    /// # Errors
    /// As for any read.
    pub fn remote_schema(&mut self, connection: &str, object: &str) -> Result<Option<(RemoteObject, Timestamp)>> {
        let sql = "select definition, seen_at from remote_schemas where connection = $1 and remote_object = $2";
        self.row("remote_schemas", sql, vals![connection, object])?.map(|mut row| Ok((row.json()?, row.time()?))).transpose()
    }

    /// Every remote object as it was last described, with its connection.
    ///
    /// # Errors
    /// As for any read.
    pub fn remote_schemas(&mut self) -> Result<Vec<(String, RemoteObject)>> {
        let sql = "select connection, definition from remote_schemas order by connection, remote_object";
        self.rows("remote_schemas", sql, &[])?.into_iter().map(|mut row| Ok((row.text()?, row.json()?))).collect()
    }

    /// Keeps a description, in place of what was there.
    ///
    /// # Errors
    /// As for any write.
    pub fn put_remote_schema(&mut self, connection: &str, object: &RemoteObject, now: Timestamp) -> Result<()> {
        self.exec(
            "insert into remote_schemas (connection, remote_object, definition, seen_at) values ($1, $2, $3, $4)
             on conflict (connection, remote_object) do update set definition = excluded.definition, seen_at = excluded.seen_at",
            &[connection.into(), object.name.as_str().into(), Val::json(object)?, now.into()],
        )
        .map(drop)
    }

    /// Writes a change into the journal. Answers its number, or nothing when the same is open already.
    ///
    /// # Errors
    /// As for any write.
    pub fn note_schema_change(&mut self, new: &NewSchemaChange) -> Result<Option<i64>> {
        let row = self.row(
            "schema_changes",
            "insert into schema_changes (at, connection, remote_object, field, kind, state, detail, changed_at)
             values ($1, $2, $3, $4, $5, $6, $7, $1)
             on conflict (connection, remote_object, field, kind) where state in ('open', 'returning') do nothing returning id",
            &[
                new.at.into(),
                new.connection.as_str().into(),
                new.remote_object.as_str().into(),
                new.field.as_str().into(),
                new.kind.as_str().into(),
                new.state.as_str().into(),
                Val::json(&new.detail)?,
            ],
        )?;
        row.map(|mut row| row.int()).transpose()
    }

    /// Changes that break something, and those whose records catch up, oldest first.
    ///
    /// # Errors
    /// As for any read.
    pub fn open_schema_changes(&mut self) -> Result<Vec<SchemaChange>> {
        let sql = format!("select {COLUMNS} from schema_changes where state in ('open', 'returning') order by id");
        self.rows("schema_changes", &sql, &[])?.into_iter().map(change).collect()
    }

    /// Changes, newest first.
    ///
    /// # Errors
    /// As for any read.
    pub fn schema_changes(&mut self, viewer: &Viewer, filter: &SchemaFilter, limit: usize) -> Result<Vec<SchemaChange>> {
        let sql = format!(
            "select {COLUMNS} from schema_changes
             where ($1 = '' or state = $1) and ($2 = '' or connection = $2) and id < $3 and {} order by id desc limit $4",
            viewer.clause()
        );
        let state = filter.state.map_or("", SchemaState::as_str);
        let connection = filter.connection.as_deref().unwrap_or_default();
        let params = vals![state, connection, filter.before.unwrap_or(i64::MAX), page(limit)];
        self.rows("schema_changes", &sql, params)?.into_iter().map(change).collect()
    }

    /// One change.
    ///
    /// # Errors
    /// As for any read.
    pub fn schema_change(&mut self, viewer: &Viewer, id: i64) -> Result<Option<SchemaChange>> {
        let sql = format!("select {COLUMNS} from schema_changes where id = $1 and {}", viewer.clause());
        self.row("schema_changes", &sql, vals![id])?.map(change).transpose()
    }

    /// Keeps what is known of a change by now, and of what kind it is, where that has turned out to be another.
    ///
    /// # Errors
    /// As for any write.
    pub fn put_schema_detail(&mut self, id: i64, kind: Option<&str>, detail: &serde_json::Value) -> Result<()> {
        let sql = "update schema_changes set detail = $2, kind = coalesce($3, kind) where id = $1";
        self.exec(sql, &[id.into(), Val::json(detail)?, kind.map(str::to_owned).into()]).map(drop)
    }

    /// Brings a change on. Answers whether it was in the state before.
    ///
    /// # Errors
    /// As for any write.
    pub fn move_schema_change(
        &mut self,
        id: i64,
        from: SchemaState,
        to: SchemaState,
        outcome: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let sql = "update schema_changes set state = $3, outcome = $4, by_whom = $5, changed_at = $6 where id = $1 and state = $2";
        Ok(self.exec(sql, vals![id, from.as_str(), to.as_str(), outcome, by, now])? > 0)
    }

    /// How many records of an object are hinted at since before an instant.
    ///
    /// # Errors
    /// As for any read.
    pub fn hinted_since_before(&mut self, object: &str, at: Timestamp) -> Result<u64> {
        let sql = "select count(*) from hints where object = $1 and first_at <= $2";
        self.the_row("hints", sql, vals![object, at])?.num()
    }
}
