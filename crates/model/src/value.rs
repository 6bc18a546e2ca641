//! Values: what a field can hold. Equality here is *the* equality of the product: two values that mean the same compare equal
//! once both went through [`crate::normalise`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::id::RecordId;

/// Name of a field within its object, in snake case (`first_name`).
pub type FieldKey = String;

/// Values by field. A missing key and [`Value::Null`] mean the same to a reader; writers store `Null` explicitly.
pub type Fields = BTreeMap<FieldKey, Value>;

/// One typed value. Stored as tagged JSON (`{"text": "Ada"}`), so that a document read back keeps its types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// Text, e-mail, phone (E.164), url, picklist and long text.
    Text(String),
    /// A number without a unit.
    Number(Decimal),
    /// An amount with its ISO 4217 currency.
    Money {
        /// The amount, in major units.
        amount: Decimal,
        /// Three upper-case letters.
        currency: String,
    },
    /// True or false.
    Bool(bool),
    /// A calendar day without time zone.
    Date(Date),
    /// An instant.
    DateTime(Timestamp),
    /// Values of a multi-picklist or tags: a set, so order and repetition are never a change.
    Set(BTreeSet<String>),
    /// Another record.
    Ref(RecordId),
    /// Free JSON.
    Json(serde_json::Value),
}

impl Value {
    /// Text from anything that turns into a string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Whether there is no value: null, the empty text, the empty set, or false, which platforms do not tell from no value.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::Set(items) => items.is_empty(),
            Self::Bool(flag) => !flag,
            _ => false,
        }
    }

    /// The text inside, if this is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Whether both mean the same: equal, or both blank.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        self == other || (self.is_blank() && other.is_blank())
    }

    /// How a person reads the value in a table or a message.
    #[must_use]
    pub fn display(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.normalize().to_string(),
            Self::Money { amount, currency } => format!("{} {currency}", amount.normalize()),
            Self::Bool(flag) => flag.to_string(),
            Self::Date(date) => date.to_string(),
            Self::DateTime(at) => at.to_string(),
            Self::Set(items) => items.iter().cloned().collect::<Vec<_>>().join(", "),
            Self::Ref(id) => id.to_string(),
            Self::Json(json) => json.to_string(),
        }
    }
}

/// The value of a field, `Null` when the document has none.
#[must_use]
pub fn get<'a>(fields: &'a Fields, key: &str) -> &'a Value {
    const NULL: &Value = &Value::Null;
    fields.get(key).unwrap_or(NULL)
}
