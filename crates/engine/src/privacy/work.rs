//! What an erasure has to do and has done. It is kept in the open, so it holds no value of the person: ids, states and answers alone.

use std::collections::BTreeSet;

use entente_connect::erase::Manner;
use entente_store::{Erasure, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::options::ErasePolicy;

/// Where one row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// Still to be erased.
    Open,
    /// Erased, as its system answered.
    Erased,
    /// Its system refuses; only a person can do it.
    Refused,
}

/// One row at a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowWork {
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub object: String,
    /// External id.
    pub id: String,
    /// Our object.
    pub kind: String,
    /// What the policy of the connection does with it.
    pub policy: ErasePolicy,
    /// Where it stands.
    pub state: RowState,
    /// What the system answered, without its words: they may quote the person.
    pub answer: Option<String>,
    /// When it did.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Attempts that failed.
    #[serde(default)]
    pub attempts: u32,
}

/// Something that only a person can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Flag {
    /// Its number within the erasure, from 1.
    pub number: usize,
    /// The system, or none for Entente itself.
    pub connection: Option<String>,
    /// What is to be done, and why only a person can.
    pub what: String,
    /// Who said that it is done.
    pub done_by: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub done_at: Option<Timestamp>,
}

/// The person, or somebody known by the same address, turned up at a platform afterwards, and was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sighting {
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub object: String,
    /// External id.
    pub id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What was seen.
    pub what: String,
}

/// How the database's files were scrubbed of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "database")]
pub enum ScrubWork {
    /// The SQLite file was written anew, and its write-ahead log cut.
    Sqlite,
    /// Tables of PostgreSQL were written anew, and the server counted no old version of a row in them.
    Postgresql {
        /// How many.
        tables: usize,
        /// Whether the planner's statistics were as well.
        statistics: bool,
    },
}

/// The work of an erasure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Work {
    /// Records that were emptied here: the person's own, and those about them.
    pub records: Vec<String>,
    /// Rows at platforms.
    pub rows: Vec<RowWork>,
    /// Connections that were searched by the person's addresses.
    pub searched: BTreeSet<String>,
    /// What only a person can do.
    pub flags: Vec<Flag>,
    /// Who turned up again.
    pub sightings: Vec<Sighting>,
    /// How the database's files were scrubbed, the last time.
    pub scrub: Option<ScrubWork>,
    /// When that was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scrubbed_at: Option<Timestamp>,
    /// When it was tried last and did not succeed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scrub_failed_at: Option<Timestamp>,
    /// When a webhook brought something of the person in again. It was emptied when it was read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub brought_in_at: Option<Timestamp>,
    /// Attempts at searches that failed since the last that did not.
    pub attempts: u32,
    /// When it is checked again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recheck_at: Option<Timestamp>,
    /// When it was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub rechecked_at: Option<Timestamp>,
}

/// Sightings that are kept of one erasure: beyond them nothing new is learnt.
const SIGHTINGS_MAX: usize = 100;

impl Work {
    /// Reads the work of a request.
    pub(crate) fn of(erasure: &Erasure) -> Result<Self, StoreError> {
        serde_json::from_value(erasure.work.clone())
            .map_err(|_| StoreError::Corrupt { what: format!("the work of erasure {}", erasure.id) })
    }

    /// As it is kept.
    pub(crate) fn document(&self) -> Result<serde_json::Value, StoreError> {
        serde_json::to_value(self).map_err(|error| StoreError::Invalid(error.to_string()))
    }

    /// Flags something, unless it is flagged already.
    pub(crate) fn flag(&mut self, connection: Option<&str>, what: impl Into<String>) {
        let what = what.into();
        if self.flags.iter().any(|flag| flag.connection.as_deref() == connection && flag.what == what) {
            return;
        }
        let number = self.flags.len() + 1;
        self.flags.push(Flag { number, connection: connection.map(str::to_owned), what, done_by: None, done_at: None });
    }

    /// Adds a row, unless it is known.
    pub(crate) fn add(&mut self, row: RowWork) {
        if self.row(&row.connection, &row.object, &row.id).is_none() {
            self.rows.push(row);
        }
    }

    pub(crate) fn row(&mut self, connection: &str, object: &str, id: &str) -> Option<&mut RowWork> {
        self.rows.iter_mut().find(|row| row.connection == connection && row.object == object && row.id == id)
    }

    /// Notes who turned up. Answers whether that is news.
    pub(crate) fn saw(&mut self, sighting: Sighting) -> bool {
        let same = |known: &Sighting| {
            known.connection == sighting.connection
                && known.object == sighting.object
                && known.id == sighting.id
                && known.what == sighting.what
        };
        if self.sightings.len() >= SIGHTINGS_MAX || self.sightings.iter().any(same) {
            return false;
        }
        self.sightings.push(sighting);
        true
    }

    /// Whether a system has still to be written to.
    pub(crate) fn is_open(&self, connections: impl Iterator<Item = String>) -> bool {
        self.rows.iter().any(|row| row.state == RowState::Open) || connections.into_iter().any(|name| !self.searched.contains(&name))
    }

    /// What waits for a person.
    pub(crate) fn waiting(&self) -> usize {
        self.flags.iter().filter(|flag| flag.done_at.is_none()).count()
    }
}

/// Which row it is: connection, the platform's name of the object, external id.
pub(crate) type RowKey = (String, String, String);

impl RowWork {
    pub(crate) fn key(&self) -> RowKey {
        (self.connection.clone(), self.object.clone(), self.id.clone())
    }

    /// An open row.
    pub(crate) fn open(connection: &str, object: &str, id: &str, kind: &str, policy: ErasePolicy) -> Self {
        Self {
            connection: connection.to_owned(),
            object: object.to_owned(),
            id: id.to_owned(),
            kind: kind.to_owned(),
            policy,
            state: RowState::Open,
            answer: None,
            at: None,
            attempts: 0,
        }
    }

    pub(crate) fn manner(&self) -> Manner {
        match self.policy {
            ErasePolicy::Delete => Manner::Delete,
            ErasePolicy::Anonymise => Manner::Anonymise,
        }
    }
}
