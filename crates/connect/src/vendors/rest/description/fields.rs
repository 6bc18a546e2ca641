//! Fields of a description, lists of choices, and custom fields that are found at the platform.

use std::collections::BTreeMap;

use entente_model::mapping::remote::RemoteKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::calls::ListCall;
use super::path::Path;
use super::text::{Expression, Template};

/// Type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One line of text.
    Text,
    /// Text with line breaks.
    LongText,
    /// E-mail address.
    Email,
    /// Phone number.
    Phone,
    /// Web address.
    Url,
    /// Number, money included.
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
    /// Id of another row.
    Reference,
    /// Anything else.
    Json,
}

impl Kind {
    /// As mappings know it.
    pub fn remote(self) -> RemoteKind {
        match self {
            Self::Text => RemoteKind::Text,
            Self::LongText => RemoteKind::LongText,
            Self::Email => RemoteKind::Email,
            Self::Phone => RemoteKind::Phone,
            Self::Url => RemoteKind::Url,
            Self::Number => RemoteKind::Number,
            Self::Date => RemoteKind::Date,
            Self::Datetime => RemoteKind::Datetime,
            Self::Boolean => RemoteKind::Boolean,
            Self::Picklist => RemoteKind::Picklist,
            Self::MultiPicklist => RemoteKind::MultiPicklist,
            Self::Reference => RemoteKind::Reference,
            Self::Json => RemoteKind::Json,
        }
    }
}

/// How a platform writes instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "snake_case")]
pub enum TimeForm {
    /// `2026-01-31T10:00:00Z`.
    #[default]
    Seconds,
    /// `2026-01-31T10:00:00.000Z`.
    Millis,
    /// `2026-01-31 10:00:00`, in UTC.
    Spaced,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
    /// `2026-01-31`.
    Day,
}

/// One field of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Name that people read there; made from the field's name without it.
    #[serde(default)]
    pub label: Option<String>,
    /// Where the value is in the row; the field's own name without it.
    #[serde(default)]
    pub path: Option<Path>,
    /// Where it is when there is nothing at `path`.
    #[serde(default, rename = "or")]
    pub fallback: Option<Path>,
    /// Formula over the row that gives the value, instead of a path. Such a field is never written.
    #[serde(default)]
    pub value: Option<Expression>,
    /// What the id at `path` stands for in one of the `lists`, instead of the id. Such a field is never written.
    #[serde(default)]
    pub look_up: Option<LookUp>,
    /// The field is the last line of another field's text: for objects whose platform has no custom fields, it carries Entente's record id.
    #[serde(default)]
    pub last_line_of: Option<String>,
    /// Whether writes may not carry it.
    #[serde(default)]
    pub read_only: bool,
    /// Whether a row cannot be made without it.
    #[serde(default)]
    pub required: bool,
    /// Whether the platform refuses a second row with the same value.
    #[serde(default)]
    pub unique: bool,
    /// Longest text in characters.
    #[serde(default)]
    pub length: Option<u32>,
    /// Choices of a list.
    #[serde(default)]
    pub options: Option<Options>,
    /// Object that a reference points to; for people who read the description.
    #[serde(default)]
    pub to: Option<String>,
    /// Whether an id or a choice goes out as a number.
    #[serde(default)]
    pub number: bool,
    /// Whether the platform keeps the text as HTML.
    #[serde(default)]
    pub html: bool,
    /// What joins several values where the platform keeps them as one text.
    #[serde(default)]
    pub separator: Option<String>,
    /// How instants go out.
    #[serde(default)]
    pub time: TimeForm,
    /// What a new entry of a list has beside the value (`{label: work}`), where `path` goes through a list.
    #[serde(default)]
    pub add: serde_json::Map<String, Value>,
}

/// What an id stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookUp {
    /// Name of one of the description's `lists`.
    pub list: String,
    /// What of it to show.
    pub show: Path,
}

/// Choices of a list: literal ones, or those that an endpoint tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Choices that are the same in every account.
    #[serde(default)]
    pub literal: Vec<Choice>,
    /// The call that tells them.
    #[serde(default)]
    pub from: Option<ListCall>,
    /// Where a choice's id is in what `from` lists.
    #[serde(default)]
    pub id: Option<Path>,
    /// Where its name is.
    #[serde(default)]
    pub label: Option<Path>,
    /// Whether other values are taken, too.
    #[serde(default)]
    pub open: bool,
}

/// One choice: its value, or the id that rows hold and the name that people read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Choice {
    /// Rows hold what people read.
    Plain(String),
    /// Rows hold an id.
    Named {
        /// The id.
        id: Template,
        /// What people read.
        label: String,
    },
}

/// Fields that people made at the platform, found by a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomFields {
    /// The call that lists definitions.
    pub list: ListCall,
    /// Formula over a definition that tells whether somebody made it; all of them without it.
    #[serde(default)]
    pub when: Option<Expression>,
    /// Where a definition has the name that rows use.
    pub code: Path,
    /// Where it has the name that people read.
    pub name: Path,
    /// Where it has its type.
    #[serde(rename = "type")]
    pub kind: Path,
    /// Where it lists its choices, each with `id` and `label`.
    #[serde(default)]
    pub options: Option<CustomOptions>,
    /// What the platform's types are here; fields of others are not shown.
    pub types: BTreeMap<String, CustomKind>,
    /// Where the value is in the row, with `{code}`.
    pub value: Template,
    /// Name in mappings, with `{code}`. Those whose name begins with `Entente` go by that name instead (`entente_plan` is "Entente plan"),
    /// because codes differ from account to account.
    pub named: Template,
    /// How a field is made; without it, `entente provision` names the fields that a person has to make.
    #[serde(default)]
    pub create: Option<CreateField>,
}

/// Where a definition lists its choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomOptions {
    /// The list.
    pub at: Path,
    /// Where a choice has its id.
    pub id: Path,
    /// Where it has its name.
    pub label: Path,
    /// Names of the two choices that stand for true and false, where the platform has no such type.
    #[serde(default)]
    pub boolean: Option<(String, String)>,
}

/// What a type of the platform is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CustomKind {
    /// A type.
    Plain(Kind),
    /// A type whose value is a part of what the row holds.
    Part {
        /// The type.
        #[serde(rename = "type")]
        kind: Kind,
        /// Where in it the value is.
        #[serde(default)]
        part: Option<Path>,
        /// Whether writes may not carry it.
        #[serde(default)]
        read_only: bool,
        /// Whether ids and choices go out as numbers.
        #[serde(default)]
        number: bool,
        /// Longest text in characters.
        #[serde(default)]
        length: Option<u32>,
    },
}

/// How a custom field is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateField {
    /// Path.
    pub path: Template,
    /// Body, with `{name}` (what people read) and `{type}`.
    pub body: serde_json::Map<String, Value>,
    /// The platform's type for each type here; fields of others are kept as text.
    pub types: BTreeMap<String, String>,
    /// Where the body lists choices, and what one looks like, with `{label}`.
    #[serde(default)]
    pub options: Option<MakeOptions>,
    /// How choices are added to a list that is there.
    #[serde(default)]
    pub add_options: Option<AddOptions>,
}

/// How choices are added to a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddOptions {
    /// Path, with `{code}`.
    pub path: Template,
    /// Name in the body; the body is the list without it.
    #[serde(default)]
    pub at: Option<String>,
    /// One choice, with `{label}`.
    pub each: Value,
}

/// How choices go into the body of a new field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeOptions {
    /// Name in the body.
    pub at: String,
    /// One choice.
    pub each: Value,
}
