//! What the journal keeps of a change.

use entente_model::mapping::patch::Patch;
use entente_model::mapping::remote::RemoteField;
use entente_store::{SchemaChange, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Lines of a mapping that a change breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hit {
    /// Our object.
    pub object: String,
    /// Our fields, which are not synced with the connection meanwhile.
    pub fields: Vec<String>,
    /// Whether the mapping needs the field as a whole (its key, its filter): then nothing of the object can be synced.
    #[serde(default)]
    pub whole: bool,
}

/// A patch to the mapping of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectPatch {
    /// Our object.
    pub object: String,
    /// The lines as they are and as they become.
    #[schema(value_type = Object)]
    pub patch: Patch,
}

/// What is known of a change beyond its place and kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Detail {
    /// The field as it was; none when it is new.
    #[serde(default)]
    pub before: Option<RemoteField>,
    /// The field as it is; none when it is gone.
    #[serde(default)]
    pub after: Option<RemoteField>,
    /// Lines that it breaks.
    #[serde(default)]
    pub hits: Vec<Hit>,
    /// For a list that refuses what is not in it: the values that it takes. Others are not sent meanwhile.
    #[serde(default)]
    pub allowed: Option<Vec<String>>,
    /// Fields that came while this one was missing: it may have become one of them.
    #[serde(default)]
    pub candidates: Vec<String>,
    /// Whether the rows were looked at for what has become of the field or value.
    #[serde(default)]
    pub searched: bool,
    /// Whether records are to be looked at again, because more of the field can be synced than before.
    #[serde(default)]
    pub catch_up: bool,
    /// What it has become, and how that is known.
    #[serde(default)]
    pub evidence: Option<String>,
    /// What would put the mappings right.
    #[serde(default)]
    pub patches: Vec<ObjectPatch>,
}

impl Detail {
    /// The detail of a change in the journal.
    pub fn of(change: &SchemaChange) -> Result<Self, StoreError> {
        serde_json::from_value(change.change.detail.clone())
            .map_err(|error| StoreError::Corrupt { what: format!("schema change {}: {error}", change.id) })
    }

    /// As the store keeps it.
    pub fn to_json(&self) -> Result<serde_json::Value, StoreError> {
        serde_json::to_value(self).map_err(|error| StoreError::Invalid(error.to_string()))
    }
}
