//! Answers, and every shape of refusal that Freshdesk has.

use serde_json::{Value, json};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// JSON; nothing for 204.
    pub(crate) body: Option<Value>,
    /// `Link` to the next page.
    pub(crate) link: Option<String>,
    /// `Location` of what was made.
    pub(crate) location: Option<String>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body), link: None, location: None }
    }

    pub(crate) fn created(body: Value, location: String) -> Self {
        Self { status: 201, body: Some(body), link: None, location: Some(location) }
    }

    pub(crate) fn nothing() -> Self {
        Self { status: 204, body: None, link: None, location: None }
    }
}

/// An answer or a refusal.
pub(crate) type Outcome = Result<Answer, Refusal>;

/// One attribute of a request that was refused.
#[derive(Debug, Clone)]
pub(crate) struct Flaw {
    pub(crate) field: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Id of the contact that has the value already.
    pub(crate) holder: Option<u64>,
}

impl Flaw {
    pub(crate) fn new(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), code, message: message.into(), holder: None }
    }

    pub(crate) fn unknown(field: &str) -> Self {
        Self::new(field, "invalid_field", "Unexpected/invalid field in request")
    }

    pub(crate) fn missing(field: &str) -> Self {
        Self::new(field, "missing_field", "It should be present. Mandatory attribute missing")
    }

    pub(crate) fn taken(field: &str, holder: Option<u64>) -> Self {
        Self { holder, ..Self::new(field, "duplicate_value", "It should be a unique value") }
    }

    pub(crate) fn of_type(field: &str, given: &Value, wanted: &str) -> Self {
        let given = match given {
            Value::Null => "Null",
            Value::Bool(_) => "Boolean",
            Value::Number(_) => "Integer",
            Value::String(_) => "String",
            Value::Array(_) => "Array",
            Value::Object(_) => "Object",
        };
        Self::new(field, "datatype_mismatch", format!("Value set is of type {given}.It should be a/an {wanted}"))
    }
}

/// A call that Freshdesk refuses.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// JSON; a text stands for a page of HTML, and null for an empty answer of type `text/html`.
    pub body: Value,
    /// Seconds of a `Retry-After` header.
    pub retry_after: Option<u64>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    fn coded(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, body: json!({"code": code, "message": message.into()}), retry_after: None }
    }

    /// The list of refused attributes: a conflict when nothing but taken values is wrong.
    pub(crate) fn validation(flaws: &[Flaw]) -> Self {
        let errors: Vec<Value> = flaws
            .iter()
            .map(|flaw| {
                let mut error = json!({"field": flaw.field, "message": flaw.message, "code": flaw.code});
                if let Some(holder) = flaw.holder {
                    error["additional_info"] = json!({"user_id": holder});
                }
                error
            })
            .collect();
        let status = if flaws.iter().all(|flaw| flaw.code == "duplicate_value") { 409 } else { 400 };
        Self { status, body: json!({"description": "Validation failed", "errors": errors}), retry_after: None }
    }

    pub(crate) fn flaw(flaw: Flaw) -> Self {
        Self::validation(&[flaw])
    }

    pub(crate) fn json() -> Self {
        Self::coded(400, "invalid_json", "Request body has invalid json format")
    }

    pub(crate) fn no_content_required() -> Self {
        Self::coded(400, "no_content_required", "No content is required for this request")
    }

    pub(crate) fn credentials() -> Self {
        Self::coded(401, "invalid_credentials", "You have to be logged in to perform this action.")
    }

    pub(crate) fn denied() -> Self {
        Self::coded(403, "access_denied", "You are not authorized to perform this action.")
    }

    pub(crate) fn feature(name: &str) -> Self {
        Self::coded(
            403,
            "require_feature",
            format!("The {name} feature(s) is/are not supported in your plan. Please upgrade your account to use it."),
        )
    }

    pub(crate) fn missing() -> Self {
        Self { status: 404, body: Value::Null, retry_after: None }
    }

    /// A method that the resource does not know, or a row that is deleted, spam or blocked.
    pub(crate) fn method(method: &str, allowed: &str) -> Self {
        let message = format!("{method} method is not allowed. It should be one of these method(s): {allowed}");
        Self { status: 405, body: json!({"message": message}), retry_after: None }
    }

    pub(crate) fn accept() -> Self {
        Self { status: 406, body: Value::Null, retry_after: None }
    }

    pub(crate) fn media() -> Self {
        Self::coded(415, "invalid_content_type", "Content-Type header should have application/json or multipart/form-data")
    }

    pub(crate) fn inconsistent() -> Self {
        Self::coded(409, "inconsistent_state", "The resource is in an inconsistent state. Try again.")
    }

    pub(crate) fn too_many(seconds: u64) -> Self {
        let body = json!({"message": "You have exceeded the limit of requests per minute"});
        Self { status: 429, body, retry_after: Some(seconds) }
    }

    pub(crate) fn server(status: u16) -> Self {
        let page = format!("<html><head><title>{status}</title></head><body>We're sorry, but something went wrong.</body></html>");
        Self { status, body: Value::String(page), retry_after: None }
    }
}
