//! Objects and fields as metadata: what kinds of records there are and how their fields are typed. A custom field or object is
//! one more row of metadata, never a migration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::policy::Kind;
use crate::value::FieldKey;

/// Name of an object, in snake case and singular: `account`, `contact`, `opportunity`, `case`, `activity`, `user`.
pub type ObjectKey = String;

/// The type of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FieldType {
    /// One line of text.
    Text,
    /// Text of any length with line breaks.
    LongText,
    /// An e-mail address, held in lower case.
    Email,
    /// A phone number, held as E.164 where it can be parsed.
    Phone,
    /// A web address.
    Url,
    /// A decimal number.
    Number {
        /// Digits kept after the point.
        #[serde(default)]
        scale: u32,
    },
    /// A decimal amount with a currency.
    Money {
        /// ISO 4217 code used when a platform gives the bare amount.
        currency: String,
    },
    /// A calendar day.
    Date,
    /// An instant.
    Datetime,
    /// True or false. Blank counts as false.
    Boolean,
    /// One of a list of values.
    Picklist {
        /// The values allowed; an empty list allows any.
        #[serde(default)]
        values: Vec<String>,
    },
    /// Several of a list of values; merged as a set.
    MultiPicklist {
        /// The values allowed; an empty list allows any (tags).
        #[serde(default)]
        values: Vec<String>,
    },
    /// Another record.
    Reference {
        /// The object it points to.
        object: ObjectKey,
    },
    /// Free JSON.
    Json,
}

/// One field of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Field {
    /// Name within the object.
    pub key: FieldKey,
    /// Name that people read.
    pub label: String,
    /// Type.
    #[serde(flatten)]
    pub kind: FieldType,
    /// Added by an admin rather than shipped.
    #[serde(default)]
    pub custom: bool,
    /// Worth an index in the store.
    #[serde(default)]
    pub indexed: bool,
    /// What kind of data it is, as far as the rules of conflicts care: `contact`, `status` or `consent`; and `owner`, of who looks after
    /// the customer, for the guard against mass changes.
    #[serde(default, skip_serializing_if = "Kind::is_other")]
    pub data: Kind,
}

/// A kind of record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Name.
    pub key: ObjectKey,
    /// Name that people read, singular.
    pub label: String,
    /// Prefix of its records' ids: two to four lower-case letters.
    pub prefix: String,
    /// Added by an admin rather than shipped.
    #[serde(default)]
    pub custom: bool,
    /// Fields whose values, joined by a space, name a record to a person.
    pub title: Vec<FieldKey>,
    /// The fields, in the order people see them.
    pub fields: Vec<Field>,
}

impl Object {
    /// Looks a field up by name.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}
