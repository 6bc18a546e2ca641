//! An object of a description.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calls::{BatchCall, ListCall, RowCall, WriteCall};
use super::fields::{CustomFields, Field, TimeForm};
use super::path::Path;
use super::text::Expression;

/// An object. What is not described is a thing that the platform cannot do: a write of that kind is refused with its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectPart {
    /// Every row there is, in an order that new rows do not disturb (by id).
    pub list: ListCall,
    /// Further lists of a first read: archived rows and the like.
    #[serde(default)]
    pub also: Vec<ListCall>,
    /// Rows that changed since an instant. Without it, every poll reads every row.
    #[serde(default)]
    pub changes: Option<Changes>,
    /// What is gone, where lists do not show it.
    #[serde(default)]
    pub removed: Option<Removed>,
    /// One row by id.
    #[serde(default)]
    pub get: Option<RowCall>,
    /// Several rows by id.
    #[serde(default)]
    pub get_many: Option<BatchCall>,
    /// Makes a row.
    #[serde(default)]
    pub create: Option<WriteCall>,
    /// Changes a row.
    #[serde(default)]
    pub update: Option<WriteCall>,
    /// Makes or changes the row of a key, which the platform itself keeps unique. Creations go this way where it is described.
    #[serde(default)]
    pub upsert: Option<WriteCall>,
    /// Deletes a row.
    #[serde(default)]
    pub delete: Option<WriteCall>,
    /// Merges one row into another by the platform's own means, when a person has decided that the two are one. `{goes}` is the id of the row that
    /// ends, `{stays}` of the other; both must stand in the call, in its path, its query or `with`.
    #[serde(default)]
    pub merge: Option<WriteCall>,
    /// Where a row has its id, its stamp and its end.
    pub row: RowPart,
    /// Fields by the name that mappings use.
    pub fields: BTreeMap<String, Field>,
    /// Fields that people made at the platform.
    #[serde(default)]
    pub custom_fields: Option<CustomFields>,
    /// How rows are found without their id.
    #[serde(default)]
    pub find: FindPart,
}

/// A read of what changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// The call, with `{since}`.
    pub call: ListCall,
    /// How the instant goes out.
    #[serde(default)]
    pub time: TimeForm,
    /// How far a poll goes back behind the one before, in seconds: late commits carry early stamps.
    #[serde(default = "two_minutes")]
    pub overlap_seconds: u64,
}

fn two_minutes() -> u64 {
    120
}

/// A read of what is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// The call; it may have `{since}`.
    pub call: ListCall,
    /// How the instant goes out.
    #[serde(default)]
    pub time: TimeForm,
    /// Where an entry has the row's id; as in rows without it.
    #[serde(default)]
    pub id: Option<Path>,
    /// Formula over an entry that tells whether it is about a row that is gone; every entry is without it.
    #[serde(default)]
    pub when: Option<Expression>,
    /// Whether the row is read by its id before it is taken for gone.
    #[serde(default)]
    pub look: bool,
    /// Seconds between two such reads.
    #[serde(default = "hour")]
    pub every_seconds: u64,
    /// Days that the call reaches back at most.
    #[serde(default)]
    pub reaches_days: Option<u64>,
}

fn hour() -> u64 {
    3_600
}

/// Where a row has what every row has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowPart {
    /// Its id.
    pub id: Path,
    /// When it was last changed.
    pub changed_at: Path,
    /// Its version, by which a write notices that somebody else was faster; its stamp without it.
    #[serde(default)]
    pub version: Option<Path>,
    /// Who changed it last, as an id of `people`.
    #[serde(default)]
    pub changed_by: Option<Path>,
    /// Formula over the row that tells whether it is gone.
    #[serde(default)]
    pub gone: Option<Expression>,
    /// Where a row that was merged has the id of the one that stays.
    #[serde(default)]
    pub merged_into: Option<Path>,
}

/// How rows are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct FindPart {
    /// By e-mail address.
    #[serde(default)]
    pub email: Option<FindCall>,
    /// By phone number.
    #[serde(default)]
    pub phone: Option<FindCall>,
    /// By name.
    #[serde(default)]
    pub name: Option<FindCall>,
    /// By Entente's record id. Describe it only if it shows what was made a moment ago: a search that is behind makes twins. Without it,
    /// what changed since the record was made is listed and looked through.
    #[serde(default)]
    pub key: Option<FindCall>,
}

/// A search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindCall {
    /// The call, with `{value}`, and `{digits}` for the digits of a phone number, and `{field}` for the key's own name.
    pub call: ListCall,
    /// Where what it lists has the row's id; as in rows without it.
    #[serde(default)]
    pub id: Option<Path>,
    /// Field whose value must be what was asked for: searches show more than that.
    #[serde(default)]
    pub field: Option<String>,
}
