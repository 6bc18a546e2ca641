//! Answers, and every refusal that Intercom documents.

use serde_json::{Value, json};

use super::state::Kind;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// JSON; nothing for empty answers.
    pub(crate) body: Option<Value>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body) }
    }
}

/// An answer or a refusal.
pub(crate) type Outcome = Result<Answer, Refusal>;

/// A call that Intercom refuses.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Code of the first error.
    pub code: String,
    /// Its sentence.
    pub message: String,
    /// The attribute it is about.
    pub field: Option<String>,
    /// `Link` to the contact that a merged one has become.
    pub link: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), field: None, link: None }
    }

    /// The body, with the id of the request.
    pub(crate) fn body(&self, request_id: &str) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(field) = &self.field {
            error["field"] = json!(field);
        }
        json!({"type": "error.list", "request_id": request_id, "errors": [error]})
    }

    pub(crate) fn parameter(field: &str, message: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(400, "parameter_invalid", message) }
    }

    pub(crate) fn absent(field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(400, "parameter_not_found", format!("{field} not specified")) }
    }

    pub(crate) fn bad(field: &str) -> Self {
        Self::new(400, "bad_request", format!("bad '{field}' parameter"))
    }

    pub(crate) fn json() -> Self {
        Self::new(400, "client_error", "Error parsing JSON")
    }

    pub(crate) fn version(version: &str) -> Self {
        Self::new(400, "intercom_version_invalid", format!("The requested version '{version}' could not be found"))
    }

    /// A resource that the requested version does not have.
    pub(crate) fn too_new() -> Self {
        Self::new(400, "intercom_version_invalid", "Requested resource is not available in current API version.")
    }

    pub(crate) fn token() -> Self {
        Self::new(401, "unauthorized", "Access Token Invalid")
    }

    pub(crate) fn scope() -> Self {
        Self::new(403, "token_unauthorized", "Not authorized to access resource")
    }

    pub(crate) fn plan() -> Self {
        Self::new(403, "api_plan_restricted", "Active subscription needed.")
    }

    pub(crate) fn missing(kind: Kind) -> Self {
        match kind {
            Kind::Contact => Self::new(404, "not_found", "User Not Found"),
            Kind::Company => Self::new(404, "company_not_found", "Company Not Found"),
            Kind::Conversation => Self::new(404, "not_found", "Resource Not Found"),
            Kind::Ticket => Self::new(404, "ticket_not_found", "Ticket not found"),
        }
    }

    pub(crate) fn nothing() -> Self {
        Self::new(404, "not_found", "Resource Not Found")
    }

    /// A contact that was merged: 2.16 tells into whom.
    pub(crate) fn merged(winner: &str) -> Self {
        Self {
            link: Some(format!("</contacts/{winner}>; rel=\"canonical\"")),
            ..Self::new(410, "contact_merged", "This contact has been merged into another contact.")
        }
    }

    /// A contact that is there already, or in the archive.
    pub(crate) fn conflict(id: &str, archived: bool) -> Self {
        let which = if archived { "An archived contact" } else { "A contact" };
        Self::new(409, "conflict", format!("{which} matching those details already exists with id={id}"))
    }

    pub(crate) fn collision() -> Self {
        Self::new(409, "resource_conflict", "The resource was changed by another request. Try again.")
    }

    pub(crate) fn rate(limit: u64) -> Self {
        Self::new(429, "rate_limit_exceeded", format!("Exceeded rate limit of {limit} in 10_seconds"))
    }

    pub(crate) fn server(status: u16) -> Self {
        let (code, message) = if status == 503 {
            ("service_unavailable", "Sorry, the API service is temporarily unavailable")
        } else {
            ("server_error", "An internal server error occurred")
        };
        Self::new(status, code, message)
    }
}
