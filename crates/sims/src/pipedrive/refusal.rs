//! Answers, and every shape of refusal that Pipedrive has.

use serde_json::{Value, json};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// Where a browser is sent.
    pub(crate) location: Option<String>,
}

impl Answer {
    fn with(status: u16, body: Value) -> Self {
        Self { status, body, location: None }
    }

    pub(crate) fn data(data: Value) -> Self {
        Self::with(200, json!({"success": true, "data": data}))
    }

    pub(crate) fn created(data: Value) -> Self {
        Self { status: 201, ..Self::data(data) }
    }

    /// Rows with what stands beside them.
    pub(crate) fn list(data: Value, beside: Value) -> Self {
        Self::with(200, json!({"success": true, "data": data, "additional_data": beside}))
    }

    /// Anything that is no envelope.
    pub(crate) fn bare(body: Value) -> Self {
        Self::with(200, body)
    }

    pub(crate) fn redirect(to: String) -> Self {
        Self { location: Some(to), ..Self::with(302, Value::String(String::new())) }
    }
}

/// An answer or a refusal.
pub(crate) type Outcome = Result<Answer, Refusal>;

/// A call that Pipedrive refuses.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The envelope; a text stands for a page of HTML.
    pub body: Value,
    /// Whether the gateway itself refused.
    pub by_gateway: bool,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.message())
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn new(status: u16, error: impl Into<String>) -> Self {
        let body = json!({
            "success": false, "error": error.into(), "error_info": "Please check developers.pipedrive.com for more information about Pipedrive API.",
            "data": null, "additional_data": null,
        });
        Self { status, body, by_gateway: false }
    }

    /// The sentence of the envelope.
    #[must_use]
    pub fn message(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    pub(crate) fn coded(mut self, code: &str) -> Self {
        self.body["code"] = json!(code);
        self
    }

    /// The first flaw of a body or query.
    pub(crate) fn flaw(field: &str, reason: impl std::fmt::Display) -> Self {
        Self::new(400, format!("Validation failed: {field}: {reason}")).coded("ERR_SCHEMA_VALIDATION_FAILED")
    }

    pub(crate) fn missing(what: &str) -> Self {
        let mut letters = what.chars();
        let name: String = letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
        Self::new(404, format!("{name} not found"))
    }

    pub(crate) fn route() -> Self {
        Self::new(404, "Unknown method .")
    }

    pub(crate) fn retired() -> Self {
        Self::new(410, "This endpoint is no longer available. Use the API v2 endpoint instead.")
    }

    pub(crate) fn unauthorized() -> Self {
        let body = json!({"success": false, "error": "unauthorized access", "errorCode": 401, "error_info": "Please check developers.pipedrive.com"});
        Self { status: 401, body, by_gateway: true }
    }

    pub(crate) fn too_many() -> Self {
        Self { status: 429, body: json!({"success": false, "error": "Rate limit exceeded", "errorCode": 429}), by_gateway: false }
    }

    /// The content delivery network's own refusal.
    pub(crate) fn shut_out() -> Self {
        let page = "<html><head><title>Attention Required!</title></head><body>Sorry, you have been blocked</body></html>";
        Self { status: 403, body: Value::String(page.to_owned()), by_gateway: false }
    }

    pub(crate) fn server(status: u16) -> Self {
        if status == 500 {
            return Self::new(500, "Internal server error");
        }
        Self { status, body: Value::String(format!("<html><body>{status} Service Unavailable</body></html>")), by_gateway: false }
    }

    /// A refusal of the token endpoint.
    pub(crate) fn grant(status: u16, error: &str, message: &str) -> Self {
        Self { status, body: json!({"success": false, "message": message, "error": error}), by_gateway: false }
    }
}
