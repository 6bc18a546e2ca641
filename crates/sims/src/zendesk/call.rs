//! One request as the routes see it.

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// A request after authentication: path split, query decoded, body parsed.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path below `/api/v2`, without a trailing `.json`.
    pub(crate) segments: Vec<String>,
    /// The path as requested, for links.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    /// `http://host:port` as the client reached us.
    pub(crate) origin: String,
    /// Who calls; 0 for an anonymous caller.
    pub(crate) actor: u64,
    /// The `Idempotency-Key` header.
    pub(crate) idempotency_key: Option<String>,
    /// Whether a fault shortens the page.
    pub(crate) half_page: bool,
}

/// Most values in `ids=` and most items in a bulk body.
pub(crate) const MANY_MAX: usize = 100;

impl Call {
    pub(crate) fn q(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Segments as slices, for matching.
    pub(crate) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    pub(crate) fn is(&self, method: &Method) -> bool {
        self.method == *method
    }

    /// Whether `include=` names a sideload.
    pub(crate) fn includes(&self, name: &str) -> bool {
        self.q("include").is_some_and(|list| list.split(',').any(|item| item.trim() == name))
    }

    /// The values of `ids=`-like parameters, at most [`MANY_MAX`].
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        let Some(text) = self.q(name) else { return Ok(None) };
        let values: Vec<String> = text.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect();
        if values.len() > MANY_MAX {
            return Err(Refusal::too_many_values());
        }
        Ok(Some(values))
    }

    /// The object wrapped in its singular name.
    pub(crate) fn object(&self, name: &str) -> Result<&Map<String, Value>, Refusal> {
        self.body.get(name).and_then(Value::as_object).ok_or_else(|| Refusal::parameter(name))
    }

    /// The list wrapped in its plural name, at most [`MANY_MAX`] items.
    pub(crate) fn items(&self, name: &str) -> Result<&Vec<Value>, Refusal> {
        let items = self.body.get(name).and_then(Value::as_array).ok_or_else(|| Refusal::parameter(name))?;
        if items.len() > MANY_MAX {
            return Err(Refusal::plain(400, "TooManyValues", &format!("Maximum 100 {name} may be created per call")));
        }
        Ok(items)
    }

    /// The same address with some query parameters replaced; `None` drops one.
    pub(crate) fn link(&self, changes: &[(&str, Option<String>)]) -> String {
        let mut pairs: Vec<(String, String)> =
            self.query.iter().filter(|(key, _)| !changes.iter().any(|(name, _)| name == key)).cloned().collect();
        for (name, value) in changes {
            if let Some(value) = value {
                pairs.push(((*name).to_owned(), value.clone()));
            }
        }
        let text: Vec<String> = pairs.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
        let sign = if text.is_empty() { "" } else { "?" };
        format!("{}{}{sign}{}", self.origin, self.path, text.join("&"))
    }

    /// An absolute address below `/api/v2`.
    pub(crate) fn at(&self, tail: &str) -> String {
        format!("{}/api/v2/{tail}", self.origin)
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().replace("%2E", ".").replace("%2D", "-").replace("%5F", "_")
}

/// Splits and decodes a query string; `+` is a space.
pub(crate) fn query_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

/// One path segment, decoded.
pub(crate) fn decode_segment(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// An id in a path; anything else is no record.
pub(crate) fn id(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal::missing())
}
