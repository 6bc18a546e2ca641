//! Answers, and every shape of refusal that HubSpot has.

use serde_json::{Map, Value, json};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// JSON; nothing for 204.
    pub(crate) body: Option<Value>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body) }
    }

    pub(crate) fn created(body: Value) -> Self {
        Self { status: 201, body: Some(body) }
    }

    pub(crate) fn nothing() -> Self {
        Self { status: 204, body: None }
    }
}

/// An answer or a refusal.
pub(crate) type Outcome = Result<Answer, Refusal>;

/// A call that HubSpot refuses. The correlation id is added on the way out.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The envelope; a text stands for a page of HTML.
    pub body: Value,
    /// Seconds of a `Retry-After` header.
    pub retry_after: Option<u64>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.message())
    }
}

impl std::error::Error for Refusal {}

/// One property of a write that was refused.
#[derive(Debug, Clone)]
pub(crate) struct Flaw {
    pub(crate) name: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, category: &str, message: impl Into<String>) -> Self {
        let body = json!({"status": "error", "message": message.into(), "category": category});
        Self { status, body, retry_after: None }
    }

    /// The sentence of the envelope.
    #[must_use]
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.body[key] = value;
        self
    }

    /// The list of refused properties, once as text inside the message and once as errors.
    pub(crate) fn properties(flaws: &[Flaw], portal: u64) -> Self {
        let list: Vec<Value> = flaws
            .iter()
            .map(|flaw| {
                json!({"isValid": false, "message": flaw.message, "error": flaw.code, "name": flaw.name,
                       "localizedErrorMessage": flaw.message, "portalId": portal})
            })
            .collect();
        let errors: Vec<Value> = flaws
            .iter()
            .map(|flaw| json!({"message": flaw.message, "code": flaw.code, "context": {"propertyName": [flaw.name]}}))
            .collect();
        Self::validation(format!("Property values were not valid: {}", Value::from(list))).with("errors", Value::from(errors))
    }

    pub(crate) fn missing(ids: &[String]) -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", "Could not get some objects, they may be deleted or not exist. Check that ids are valid.")
            .with("context", json!({"ids": ids}))
    }

    pub(crate) fn resource() -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "CONFLICT", message)
    }

    pub(crate) fn unauthenticated(expired: bool) -> Self {
        if expired {
            let message = "The OAuth token used to make this call expired some time ago.";
            return Self::new(401, "EXPIRED_AUTHENTICATION", message);
        }
        let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at \
                       https://developers.hubspot.com/docs/methods/auth/oauth-overview";
        Self::new(401, "INVALID_AUTHENTICATION", message)
    }

    pub(crate) fn scope(scope: &str) -> Self {
        Self::new(403, "MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call.").with(
            "errors",
            json!([{"message": "One or more of the following scopes are required.", "context": {"requiredGranularScopes": [scope]}}]),
        )
    }

    /// A refusal for pace, as most endpoints spell it.
    pub(crate) fn too_many(policy: &str, message: &str) -> Self {
        let body = json!({"status": "error", "message": message, "errorType": "RATE_LIMIT", "policyName": policy});
        Self { status: 429, body, retry_after: None }
    }

    pub(crate) fn locked() -> Self {
        Self::new(423, "RESOURCE_LOCKED", "The resource is locked by other writes. Try again after at least 2 seconds.")
    }

    pub(crate) fn moving(seconds: u64) -> Self {
        let mut refusal = Self::new(477, "MIGRATION_IN_PROGRESS", "This account is being moved to another data center.");
        refusal.retry_after = Some(seconds);
        refusal
    }

    pub(crate) fn server(status: u16) -> Self {
        if status == 500 {
            return Self::new(500, "INTERNAL_ERROR", "internal error");
        }
        let page = format!("<html><head><title>{status}</title></head><body>error code: {status}</body></html>");
        Self { status, body: Value::String(page), retry_after: None }
    }

    /// The same refusal as the error of one row of a batch.
    pub(crate) fn row(&self, trace: Option<&str>, id: Option<&str>) -> Value {
        let mut row: Map<String, Value> = self.body.as_object().cloned().unwrap_or_default();
        let mut context = row.remove("context").and_then(|held| held.as_object().cloned()).unwrap_or_default();
        if let Some(trace) = trace {
            context.insert("objectWriteTraceId".to_owned(), json!([trace]));
        }
        if let Some(id) = id {
            context.insert("ids".to_owned(), json!([id]));
        }
        row.insert("context".to_owned(), Value::Object(context));
        Value::Object(row)
    }
}
