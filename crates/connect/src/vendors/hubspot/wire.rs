//! The shapes that travel.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A record.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub id: String,
    /// Every value is text or null.
    #[serde(default)]
    pub properties: Map<String, Value>,
    pub updated_at: Option<String>,
    pub archived_at: Option<String>,
    /// Associations by object, where a list was asked for them.
    #[serde(default)]
    pub associations: BTreeMap<String, Associated>,
    /// The latest values of properties, newest first, where a read was asked for them.
    #[serde(default)]
    pub properties_with_history: BTreeMap<String, Vec<Moment>>,
    /// Whether an upsert made it.
    pub new: Option<bool>,
    /// The mark that a row of a batch was sent with.
    pub object_write_trace_id: Option<String>,
    /// The instant, by our clock, up to which the index that shows it has surely caught up, where it was not read from the records themselves.
    #[serde(skip)]
    pub indexed_to: Option<Timestamp>,
}

impl Record {
    /// A property's text; empty ones count as unset.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// A value that a property had, and where it came from.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Moment {
    pub value: Option<String>,
    /// An instant in either spelling.
    #[serde(default)]
    pub timestamp: Value,
    pub source_type: Option<String>,
    #[serde(default)]
    pub source_id: Value,
    #[serde(default)]
    pub updated_by_user_id: Value,
}

impl Moment {
    /// The value's text; an empty one counts as unset.
    pub fn text(&self) -> Option<&str> {
        self.value.as_deref().filter(|text| !text.is_empty())
    }
}

/// Associations inside a record.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Associated {
    #[serde(default)]
    pub results: Vec<End>,
    pub paging: Option<Value>,
}

/// One end of an association.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct End {
    /// Text, or a number in older answers.
    pub id: Value,
}

/// A page of records.
#[derive(Debug, Deserialize)]
pub(crate) struct RecordPage {
    #[serde(default)]
    pub results: Vec<Record>,
    pub total: Option<u64>,
    pub paging: Option<Paging>,
}

impl RecordPage {
    /// Where to go on, if there is more.
    pub fn next(&self) -> Option<&str> {
        self.paging.as_ref().and_then(|paging| paging.next.as_ref()).map(|next| next.after.as_str())
    }
}

/// Where a page goes on.
#[derive(Debug, Deserialize)]
pub(crate) struct Paging {
    pub next: Option<Next>,
}

/// The next page.
#[derive(Debug, Deserialize)]
pub(crate) struct Next {
    pub after: String,
}

/// What a batch of records answers, failed rows included.
#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    #[serde(default)]
    pub results: Vec<Record>,
    #[serde(default)]
    pub errors: Vec<Value>,
}

/// A list that is answered whole or page by page.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    #[serde(default)]
    pub results: Vec<Value>,
    #[serde(default)]
    pub errors: Vec<Value>,
    pub paging: Option<Paging>,
}

/// `GET /account-info/…/details`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    pub portal_id: u64,
}

/// An id as text; some answers still have numbers.
pub(crate) fn id_text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|id| id.to_string()))
}

/// The texts of a list inside an error's context.
pub(crate) fn context<'a>(error: &'a Value, key: &str) -> Vec<&'a str> {
    error["context"][key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
