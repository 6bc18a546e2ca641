//! Looks: what a side shows of one row, however it was seen.

use std::collections::BTreeMap;

use entente_model::actor::ChangeMark;
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Class, VendorError};

/// What has become of a remote row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existence {
    /// It is there.
    Present,
    /// It was deleted (recycle bin included) or cannot be found.
    Deleted,
    /// It was merged into another row, whose external id this is.
    MergedInto(String),
    /// It was erased there as the law on privacy asks, by the platform's own means.
    Erased,
}

/// One remote row as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The platform's name of the object.
    pub object: String,
    /// External id.
    pub id: String,
    /// Whether it exists.
    pub existence: Existence,
    /// Flattened values. Empty for rows that are gone.
    pub row: Row,
    /// Whether `row` holds every field that was asked for. Partial looks only tell of the fields they have.
    pub complete: bool,
    /// The platform's version of the row, for optimistic concurrency (`SystemModstamp`, `updated_at`).
    pub version: Option<String>,
    /// When and by whom it was last changed, as the vendor says.
    pub mark: ChangeMark,
    /// The latest instant, by our clock, at which the row certainly was as it is shown: when the vendor answered. What comes late has an earlier
    /// one: a message that was made some time ago, or a search whose index is behind.
    pub seen_at: Timestamp,
}

/// What to read of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSpec {
    /// The platform's name of the object.
    pub object: String,
    /// Flattened names of the fields to read; the id, version and change mark come along by themselves.
    pub fields: Vec<String>,
}

/// Where a poll stands: opaque text of the connector, kept by the store. A poll without a cursor reads every row.
pub type Cursor = String;

/// Reads a connector's position out of a stored cursor.
pub(crate) fn position<P: DeserializeOwned>(cursor: &str) -> Result<P, VendorError> {
    serde_json::from_str(cursor).map_err(|error| {
        VendorError::new(
            Class::Configuration,
            "cursor",
            format!("the stored position of this poll is not readable: {error}"),
            "reset the position of this object; the next poll then reads every row",
        )
    })
}

/// One page of a poll.
#[derive(Debug, Clone)]
pub struct Page {
    /// The rows, deleted and merged ones included where the platform tells of them.
    pub looks: Vec<Look>,
    /// Where to go on. Also given on the last page: the next poll starts there, with the overlap already taken off.
    pub next: Cursor,
    /// Whether more is there right now.
    pub more: bool,
    /// Rows in all, if the vendor says so on the first page.
    pub total: Option<u64>,
}

/// A value that a field had, with when and by whom it was entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// The value, as a look shows it; `None` for the present one, where the field is looked up by what the platform keeps.
    pub value: Option<serde_json::Value>,
    /// When and by whom.
    pub mark: ChangeMark,
}

/// By row and field, the values that a field had, newest first, as far as its platform remembers.
pub type Histories = BTreeMap<String, BTreeMap<String, Vec<Entered>>>;

/// How to find rows without knowing their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Find {
    /// By e-mail address, secondary addresses included where the platform searches them.
    Email(String),
    /// By phone number in E.164.
    Phone(String),
    /// By name, exactly.
    Name(String),
    /// By Entente's record id in the mapping's key field.
    Key(String),
}

impl Find {
    /// What is looked for.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Email(text) | Self::Phone(text) | Self::Name(text) | Self::Key(text) => text,
        }
    }
}
