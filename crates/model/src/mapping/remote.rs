//! What a platform says of its own objects: the outcome of a connector's `describe`, in one shape for all platforms.

use serde::{Deserialize, Serialize};

/// The field that holds the id of a parent row, by the name of the relationship in a dotted field: `OwnerId` of `Owner.Name`, and
/// `Partner__c` of a custom `Partner__r.Name` (Salesforce's rule).
#[must_use]
pub fn reference_of(relationship: &str) -> String {
    relationship.strip_suffix("__r").map_or_else(|| format!("{relationship}Id"), |own| format!("{own}__c"))
}

/// A remote row as connectors flatten it: one JSON value per remote field, dotted where the platform nests
/// (`user_fields.plan_tier`). Dates are `YYYY-MM-DD`, instants RFC 3339 in UTC, numbers JSON numbers or decimal texts,
/// multi-picklists and tags arrays of texts, references the external id as text.
pub type Row = serde_json::Map<String, serde_json::Value>;

/// Type of a remote field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteKind {
    /// One line of text.
    Text,
    /// Text with line breaks.
    LongText,
    /// E-mail address.
    Email,
    /// Phone number, free text at most platforms.
    Phone,
    /// Web address.
    Url,
    /// Number of any scale, money included.
    Number,
    /// Calendar day.
    Date,
    /// Instant.
    Datetime,
    /// True or false.
    Boolean,
    /// One of a list.
    Picklist,
    /// Several of a list, or tags.
    MultiPicklist,
    /// Id of another remote row, or the row's own id.
    Reference,
    /// Anything else.
    Json,
}

/// One remote field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteField {
    /// Flattened name.
    pub name: String,
    /// Name that people read there.
    pub label: String,
    /// Type.
    pub kind: RemoteKind,
    /// Whether our user may write it.
    pub writable: bool,
    /// Whether a row cannot be created without it.
    pub required: bool,
    /// Whether the platform refuses a second row with the same value.
    pub unique: bool,
    /// Longest text in characters, if limited.
    pub length: Option<u32>,
    /// Digits after the point, for numbers.
    pub scale: Option<u32>,
    /// Values of a picklist.
    pub values: Vec<String>,
    /// Whether values outside the list are refused.
    pub restricted: bool,
    /// Whether the platform computes it from other values, which may change without anybody's touching the row.
    #[serde(default)]
    pub derived: bool,
    /// Whether it says whose the row is: a user of the platform, by id, name or address, who is set and not kept by the platform itself.
    #[serde(default)]
    pub of_owner: bool,
}

impl RemoteField {
    /// A field that is only read, and of which nothing else is special.
    #[must_use]
    pub fn new(name: impl Into<String>, label: impl Into<String>, kind: RemoteKind) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            kind,
            writable: false,
            required: false,
            unique: false,
            length: None,
            scale: None,
            values: Vec::new(),
            restricted: false,
            derived: false,
            of_owner: false,
        }
    }
}

/// One remote object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteObject {
    /// Name.
    pub name: String,
    /// Fields.
    pub fields: Vec<RemoteField>,
    /// Parts of lists: what some rows may hold of a list alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<ListPart>,
}

/// The values of a list that rows may hold whose field `when` is `is`: rows of a record type, or of one value of a controlling list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPart {
    /// Flattened name of the field that decides.
    pub when: String,
    /// The value of it that this is about.
    pub is: String,
    /// The list.
    pub field: String,
    /// Its values there.
    pub values: Vec<String>,
}

impl RemoteObject {
    /// Looks a field up by its flattened name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&RemoteField> {
        self.fields.iter().find(|field| field.name == name)
    }
}
