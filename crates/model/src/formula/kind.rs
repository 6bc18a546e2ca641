//! The types that formulas know, and how they relate to the types of fields.

use crate::mapping::remote::RemoteKind;
use crate::object::FieldType;

/// Type of a formula or of one of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text of any kind, picklists included.
    Text,
    /// A decimal number; an amount of money counts as its number.
    Number,
    /// True or false.
    Boolean,
    /// A calendar day.
    Date,
    /// An instant.
    Datetime,
    /// A set of texts.
    Set,
    /// Another record.
    Ref,
    /// Known only when the value is at hand (free JSON, fields of an undescribed platform).
    Any,
    /// Always blank.
    Blank,
}

impl Type {
    /// The type of a field of ours.
    #[must_use]
    pub fn of_field(kind: &FieldType) -> Self {
        match kind {
            FieldType::Text | FieldType::LongText | FieldType::Email | FieldType::Phone | FieldType::Url | FieldType::Picklist { .. } => {
                Self::Text
            }
            FieldType::Number { .. } | FieldType::Money { .. } => Self::Number,
            FieldType::Date => Self::Date,
            FieldType::Datetime => Self::Datetime,
            FieldType::Boolean => Self::Boolean,
            FieldType::MultiPicklist { .. } => Self::Set,
            FieldType::Reference { .. } => Self::Ref,
            FieldType::Json => Self::Any,
        }
    }

    /// The type of a platform's field. A reference reads as text there: the external id.
    #[must_use]
    pub fn of_remote(kind: RemoteKind) -> Self {
        match kind {
            RemoteKind::Text
            | RemoteKind::LongText
            | RemoteKind::Email
            | RemoteKind::Phone
            | RemoteKind::Url
            | RemoteKind::Picklist
            | RemoteKind::Reference => Self::Text,
            RemoteKind::Number => Self::Number,
            RemoteKind::Date => Self::Date,
            RemoteKind::Datetime => Self::Datetime,
            RemoteKind::Boolean => Self::Boolean,
            RemoteKind::MultiPicklist => Self::Set,
            RemoteKind::Json => Self::Any,
        }
    }

    /// Whether a formula of this type can fill a field of ours.
    #[must_use]
    pub fn fits_field(self, kind: &FieldType) -> bool {
        match (self, Self::of_field(kind)) {
            (Self::Any | Self::Blank, _) | (_, Self::Any) => true,
            // A text names a record by its external id, and one text is a set of one.
            (Self::Text, Self::Ref | Self::Set) => true,
            (given, wanted) => given == wanted,
        }
    }

    /// Whether a formula of this type can fill a platform's field.
    #[must_use]
    pub fn fits_remote(self, kind: RemoteKind) -> bool {
        match (self, Self::of_remote(kind)) {
            (Self::Any | Self::Blank, _) | (_, Self::Any) => true,
            (Self::Ref, Self::Text) | (Self::Text, Self::Set) => true,
            (given, wanted) => given == wanted,
        }
    }

    /// The type that covers both, as the branches of an `IF` need it.
    pub(super) fn join(self, other: Self) -> Option<Self> {
        match (self, other) {
            (one, two) if one == two => Some(one),
            (Self::Blank, one) | (one, Self::Blank) => Some(one),
            (Self::Any, _) | (_, Self::Any) => Some(Self::Any),
            (Self::Ref, Self::Text) | (Self::Text, Self::Ref) => Some(Self::Text),
            _ => None,
        }
    }

    /// How a message calls a value of this type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Date => "a date",
            Self::Datetime => "a date with time",
            Self::Set => "a set of texts",
            Self::Ref => "a record",
            Self::Any => "any value",
            Self::Blank => "blank",
        }
    }

    /// How to turn a value of this type into another, when there is a function for it.
    pub(super) fn remedy(self, wanted: Self) -> &'static str {
        match (self, wanted) {
            (Self::Text, Self::Number) => "turn the text into a number with VALUE(text)",
            (Self::Number | Self::Boolean | Self::Date | Self::Datetime, Self::Text) => "turn it into text with TEXT(value)",
            (Self::Text | Self::Datetime, Self::Date) => "turn it into a date with DATEVALUE(value)",
            (Self::Text | Self::Date, Self::Datetime) => "turn it into a date with time with DATETIMEVALUE(value)",
            (Self::Set, Self::Text) => "ask for one item with INCLUDES(set, \"item\"), or make it a text with JOIN(set, \";\")",
            (Self::Text, Self::Set) => "turn the text into a set with SPLIT(text, \";\")",
            (_, Self::Boolean) => "write a condition, such as ISBLANK(field) or field = \"value\"",
            _ => "use a field or function of the right type",
        }
    }
}
