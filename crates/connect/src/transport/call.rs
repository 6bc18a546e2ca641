//! One call to a vendor, and its answer.

use std::fmt;

use ::http::{HeaderMap, Method};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Class, VendorError};

/// Characters of an unreadable answer that an error shows.
const SHOWN_CHARS: usize = 200;

/// What a call carries.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// `application/json`.
    Json(Value),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// A text with the session's token in its middle, where a platform wants it in the body (SOAP). Such a call has no credential in its
    /// headers.
    Session {
        /// Media type.
        content_type: &'static str,
        /// What comes before the token.
        head: String,
        /// What comes behind it.
        tail: String,
    },
    /// Anything else.
    Text {
        /// Media type.
        content_type: &'static str,
        /// Content.
        text: String,
    },
}

/// One call to a vendor. Credentials are added by the client.
#[derive(Debug, Clone)]
pub struct Call {
    /// HTTP method.
    pub method: Method,
    /// Path under the base URL, percent-encoded and starting with `/` (a query may follow it), or an absolute URL on the same
    /// origin, as vendors give for next pages. Another origin is refused, so that no vendor can send our token elsewhere.
    pub path: String,
    /// Query parameters, not yet encoded; appended to those in `path`.
    pub query: Vec<(String, String)>,
    /// Further headers: name in lower case, value.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Body,
    /// Whether a repeat does no harm: then a call whose answer broke off is sent once more at once.
    pub idempotent: bool,
    /// Name of the vendor's separate budget that this call draws on, beside the connection's.
    pub bucket: Option<&'static str>,
    /// Statuses from 300 on that are an answer to the caller and not a failure (`304`, `404`).
    pub accept: &'static [u16],
}

impl Call {
    /// A call without a body. Only reads (`GET`) are idempotent unless said otherwise.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let idempotent = method == Method::GET || method == Method::HEAD;
        Self { method, path: path.into(), query: Vec::new(), headers: Vec::new(), body: Body::Empty, idempotent, bucket: None, accept: &[] }
    }

    /// `GET path`.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// `POST path` with a JSON body.
    #[must_use]
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path).json(body)
    }

    /// `PUT path` with a JSON body.
    #[must_use]
    pub fn put(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PUT, path).json(body)
    }

    /// `PATCH path` with a JSON body.
    #[must_use]
    pub fn patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path).json(body)
    }

    /// `DELETE path`.
    #[must_use]
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// With one more query parameter, not yet encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// With one more header. `name` is lower case.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// Marked as harmless to repeat.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Drawing on a named budget as well.
    #[must_use]
    pub fn bucket(mut self, name: &'static str) -> Self {
        self.bucket = Some(name);
        self
    }

    /// Taking these statuses for answers.
    #[must_use]
    pub fn accept(mut self, statuses: &'static [u16]) -> Self {
        self.accept = statuses;
        self
    }
}

/// A vendor's answer.
#[derive(Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, decompressed.
    pub body: Bytes,
}

/// Without what it says, which may be anybody's data, or a credential.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl Answer {
    /// One header's text, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as text, broken bytes replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The beginning of the body, on one line: for errors about answers that are not what the documentation says. Of data only how much it is:
    /// it may be anybody's, and errors travel into logs.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let text = self.text();
        let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(kind) = data_kind(&line) {
            return format!("[{} bytes of {kind}]", self.body.len());
        }
        line.chars().take(SHOWN_CHARS).collect()
    }

    /// The body as JSON of a shape.
    ///
    /// # Errors
    /// `unreadable` (class `Retry`: gateways answer with HTML pages in bad moments) when the body does not have the shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            VendorError::new(
                Class::Retry,
                "unreadable",
                format!("the answer does not have the expected shape: {}; it begins: {}", misfit(&error), self.excerpt()),
                "if this repeats, check that the base URL points at the vendor's API and not at a login or maintenance page",
            )
            .with_status(self.status)
        })
    }
}

/// What kind of data a body is, by its first letters; `None` for pages and plain words.
fn data_kind(line: &str) -> Option<&'static str> {
    if line.starts_with(['{', '[', '"']) {
        Some("JSON")
    } else if line.contains("Envelope") || line.starts_with("<?xml") {
        Some("XML")
    } else {
        None
    }
}

/// What does not fit, without the value that was found.
fn misfit(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match (text.split_once(['"', '`']), text.rsplit_once(", expected ")) {
        (Some((before, _)), Some((_, expected))) if text.starts_with("invalid ") => format!("{before}…, expected {expected}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Expected {
        #[serde(rename = "count")]
        _count: u32,
    }

    fn said(body: &'static str) -> String {
        let answer = Answer { status: 200, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) };
        let error = answer.json::<Expected>().expect_err("no count");
        format!("{error} {error:?} {answer:?}")
    }

    #[test]
    fn an_answer_that_does_not_fit_is_told_without_what_it_holds() {
        let text = said(r#"{"count":"countess@ottobre.example"}"#);
        assert!(!text.contains("ottobre") && text.contains("invalid type: string …, expected u32 at line 1"), "{text}");
        let missing = said(r#"{"email":"countess@ottobre.example"}"#);
        assert!(!missing.contains("ottobre") && missing.contains("missing field `count`"), "{missing}");
    }

    #[test]
    fn a_page_in_place_of_an_answer_is_shown() {
        let text = said("<html>\n<title>Down for maintenance</title></html>");
        assert!(text.contains("it begins: <html> <title>Down for maintenance"), "{text}");
    }
}
