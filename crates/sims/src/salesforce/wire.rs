//! One call as it came in, and one answer as it goes out.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::Actor;
use crate::faults::Fault;

/// A request, or one part of a composite.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub method: Method,
    /// Path segments, percent-decoded one by one, so that a value may contain `/`.
    pub segments: Vec<String>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Scheme and host that the client used.
    pub origin: String,
    /// `62.0`.
    pub version: String,
    pub user: SfId,
    /// A fault that this call's work must show (collision, half page).
    pub fault: Option<Fault>,
    /// Draws numbers for such a fault.
    pub luck: u64,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Outcome<Value> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Fail::json(format!("{error} at [line:{}, column:{}]", error.line(), error.column())))
    }

    /// The body as a JSON object.
    pub fn object(&self) -> Outcome<serde_json::Map<String, Value>> {
        match self.json()? {
            Value::Object(map) => Ok(map),
            _ => Err(Fail::json("The HTTP entity body must be an object")),
        }
    }

    /// `Sforce-Query-Options: batchSize=N` and the like.
    pub fn option(&self, header: &str, name: &str) -> Option<&str> {
        let pairs = self.header(header)?.split([';', ',']);
        pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub fn actor(&self) -> Actor {
        let allow = self.option("sforce-duplicate-rule-header", "allowSave").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        Actor { user: self.user, allow_duplicates: allow, trusted: false }
    }

    /// Path under `/services/data/vXX.X`.
    pub fn base(&self) -> String {
        format!("/services/data/v{}", self.version)
    }
}

/// What a body is.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Empty,
    Json(Value),
    Text(&'static str, String),
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub content: Content,
}

impl Answer {
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), content: Content::Json(body) }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), content: Content::Empty }
    }

    pub fn text(status: u16, mime: &'static str, text: String) -> Self {
        Self { status, headers: Vec::new(), content: Content::Text(mime, text) }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// REST's error array.
    pub fn refusal(fail: &Fail) -> Self {
        Self::json(fail.status, Value::Array(vec![fail.rest()]))
    }

    /// The body as a value inside a composite answer.
    pub fn value(&self) -> Value {
        match &self.content {
            Content::Empty => Value::Null,
            Content::Json(value) => value.clone(),
            Content::Text(_, text) => Value::String(text.clone()),
        }
    }
}

impl From<Outcome<Answer>> for Answer {
    fn from(outcome: Outcome<Answer>) -> Self {
        outcome.unwrap_or_else(|fail| Self::refusal(&fail))
    }
}
