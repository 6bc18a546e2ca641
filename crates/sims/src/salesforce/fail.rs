//! One refusal, in the vendor's words, and the shapes in which its APIs write it.

use serde_json::{Value, json};

/// A refused operation.
#[derive(Debug, Clone)]
pub(crate) struct Fail {
    /// HTTP status when it answers a whole call.
    pub status: u16,
    /// The vendor's code, such as `REQUIRED_FIELD_MISSING`.
    pub code: String,
    /// The vendor's text.
    pub message: String,
    /// Fields it is about.
    pub fields: Vec<String>,
    /// Further members of the error object, such as `duplicateResut`.
    pub extra: Option<Box<(&'static str, Value)>>,
}

pub(crate) type Outcome<T> = Result<T, Fail>;

impl Fail {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), fields: Vec::new(), extra: None }
    }

    /// A business or validation error: status 400.
    pub fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// A business error about one field.
    pub fn on(code: &str, field: &str, message: impl Into<String>) -> Self {
        let mut fail = Self::bad(code, message);
        fail.fields.push(field.to_owned());
        fail
    }

    pub fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub fn deleted() -> Self {
        Self::new(404, "ENTITY_IS_DELETED", "entity is deleted")
    }

    pub fn invalid_type(name: &str) -> Self {
        Self::bad("INVALID_TYPE", format!("sObject type '{name}' is not supported."))
    }

    pub fn method() -> Self {
        Self::new(405, "METHOD_NOT_ALLOWED", "HTTP Method not allowed for this resource.")
    }

    pub fn json(detail: impl Into<String>) -> Self {
        Self::bad("JSON_PARSER_ERROR", detail)
    }

    pub fn locked() -> Self {
        Self::bad("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
    }

    pub fn rolled_back() -> Self {
        Self::bad(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
        )
    }

    /// The element of REST's error array.
    pub fn rest(&self) -> Value {
        let mut body = json!({"message": self.message, "errorCode": self.code});
        if !self.fields.is_empty() {
            body["fields"] = json!(self.fields);
        }
        if let Some(extra) = &self.extra {
            body[extra.0] = extra.1.clone();
        }
        body
    }

    /// The element of a collection item's `errors`.
    pub fn item(&self) -> Value {
        let mut body = json!({"statusCode": self.code, "message": self.message, "fields": self.fields});
        if let Some(extra) = &self.extra {
            body[extra.0] = extra.1.clone();
        }
        body
    }

    /// A failed item of a collection.
    pub fn failed_item(&self) -> Value {
        json!({"success": false, "errors": [self.item()]})
    }

    /// The cell `sf__Error` of a bulk result.
    pub fn bulk(&self) -> String {
        format!("{}:{}:{} --", self.code, self.message, self.fields.join(", "))
    }
}

/// Why a direct edit of the simulated org was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimError {
    /// The vendor's code, such as `REQUIRED_FIELD_MISSING` or `ENTITY_IS_DELETED`.
    pub code: String,
    /// The vendor's text.
    pub message: String,
}

impl std::fmt::Display for SimError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for SimError {}

impl From<Fail> for SimError {
    fn from(fail: Fail) -> Self {
        Self { code: fail.code, message: fail.message }
    }
}
