//! The one error of the API: `{"error": {"code", "message", "field"?, "remedy"?}}`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use entente_connect::error::Class;
use entente_connect::webhook::WebhookError;
use entente_engine::EngineError;
use entente_store::StoreError;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// The message.
    pub body: ErrorDetail,
}

/// Body of every refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong, for programs and people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// Name that stays the same: `not_found`, `invalid`, `method_not_allowed`, `unauthorized`, `forbidden`, `conflict`, `too_large`, `timeout`, `vendor`, `unavailable`, `internal`.
    pub code: &'static str,
    /// What happened, in words.
    pub message: String,
    /// The input it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl ApiError {
    /// An error with a remedy.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status, body: ErrorDetail { code, message: message.into(), field: None, remedy: Some(remedy.into()) } }
    }

    /// An input that cannot be used.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "invalid", message, remedy);
        error.body.field = Some(field.into());
        error
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message, remedy)
    }

    /// Splits "what; remedy", the form that errors of the crates below have.
    fn of_text(status: StatusCode, code: &'static str, text: &str) -> Self {
        let (message, remedy) = text.rsplit_once("; ").map_or((text, None), |(message, remedy)| (message, Some(remedy.to_owned())));
        Self { status, body: ErrorDetail { code, message: message.to_owned(), field: None, remedy } }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::error!(code = self.body.code, message = %self.body.message, "request failed");
        }
        (self.status, Json(ErrorBody { error: self.body })).into_response()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let (status, code) = match &error {
            StoreError::Missing(_) => (StatusCode::NOT_FOUND, "not_found"),
            StoreError::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid"),
            StoreError::Conflict { .. } => (StatusCode::CONFLICT, "conflict"),
            StoreError::Erased { .. } => (StatusCode::GONE, "erased"),
            StoreError::Busy(_) | StoreError::Unavailable(_) | StoreError::Disk(_) | StoreError::Closed => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self::of_text(status, code, &error.to_string())
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let text = error.to_string();
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Webhook(WebhookError::Unverified { .. }) => Self::of_text(StatusCode::UNAUTHORIZED, "unverified", &text),
            EngineError::Webhook(WebhookError::Malformed { .. }) => Self::of_text(StatusCode::BAD_REQUEST, "malformed", &text),
            EngineError::UnknownConnection { .. } | EngineError::Unknown { .. } | EngineError::Missing { .. } => {
                Self::of_text(StatusCode::NOT_FOUND, "not_found", &text)
            }
            EngineError::Invalid { field, reason, remedy } => Self::invalid(field, reason, remedy),
            EngineError::Catalog(_) => Self::of_text(StatusCode::UNPROCESSABLE_ENTITY, "mapping", &text),
            EngineError::Vendor { source, .. } => {
                let status =
                    if matches!(source.class, Class::Wait { .. }) { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::BAD_GATEWAY };
                Self::of_text(status, "vendor", &text)
            }
            _ => Self::of_text(StatusCode::INTERNAL_SERVER_ERROR, "internal", &text),
        }
    }
}

/// What is wrong, without how it was found out: the input if it is named, and why in words.
fn told(text: &str) -> (Option<String>, String) {
    const FOUND_OUT: [&str; 3] = [
        "Failed to deserialize query string: ",
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to parse the request body as JSON: ",
    ];
    let text = FOUND_OUT.iter().find_map(|start| text.strip_prefix(start)).unwrap_or(text);
    if let Some(name) = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return (Some(name.to_owned()), format!("`{name}` is missing"));
    }
    let is_input = |name: &str| !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || "_.[]".contains(letter));
    let Some((name, reason)) = text.split_once(": ").filter(|(name, _)| is_input(name)) else { return (None, text.to_owned()) };
    let reason = match reason {
        "invalid digit found in string" | "cannot parse integer from empty string" => "it is no whole number, 0 or more",
        "number too large to fit in target type" => "the number is too large",
        // The words of the library that reads instants are about digits and bytes.
        reason if reason.starts_with("failed to parse") => "it is no instant, such as 2026-03-31T18:00:00Z",
        other => other,
    };
    (Some(name.to_owned()), format!("`{name}`: {reason}"))
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            let remedy = format!("send at most {} KiB at once", super::BODY_MAX / 1024);
            return Self::new(status, "too_large", "the body is too large", remedy);
        }
        let (field, reason) = told(&rejection.body_text());
        let remedy = "send JSON with the content type application/json, as /api/openapi.json describes";
        Self { status, ..Self::invalid(field.unwrap_or_else(|| "body".to_owned()), reason, remedy) }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        let (field, reason) = told(&rejection.body_text());
        Self::invalid(field.unwrap_or_else(|| "query".to_owned()), reason, "see /api/openapi.json for the parameters")
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::invalid("path", rejection.body_text(), "see /api/openapi.json for the paths")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_cannot_be_read_is_named_with_its_reason() {
        let (field, reason) = told("Failed to deserialize query string: limit: invalid digit found in string");
        assert_eq!((field.as_deref(), reason.as_str()), (Some("limit"), "`limit`: it is no whole number, 0 or more"));
        let (field, reason) = told("Failed to deserialize the JSON body into the target type: mapping.fields[0].way: unknown variant `up`");
        assert_eq!((field.as_deref(), reason.as_str()), (Some("mapping.fields[0].way"), "`mapping.fields[0].way`: unknown variant `up`"));
        let (field, reason) = told("Failed to parse the request body as JSON: EOF while parsing a value at line 1 column 0");
        assert_eq!((field, reason.as_str()), (None, "EOF while parsing a value at line 1 column 0"));
    }

    #[test]
    fn an_input_that_is_missing_or_no_instant_is_named_in_our_words() {
        let (field, reason) = told("Failed to deserialize query string: missing field `at`");
        assert_eq!((field.as_deref(), reason.as_str()), (Some("at"), "`at` is missing"));
        let (field, reason) = told("Failed to deserialize query string: at: failed to parse four digit integer as year: invalid digit");
        assert_eq!((field.as_deref(), reason.as_str()), (Some("at"), "`at`: it is no instant, such as 2026-03-31T18:00:00Z"));
    }

    #[test]
    fn what_and_remedy_are_told_apart() {
        let error = ApiError::from(EngineError::UnknownConnection { name: "sf".into(), remedy: "there are: salesforce".into() });
        assert_eq!(error.status, StatusCode::NOT_FOUND);
        assert_eq!(error.body.message, "there is no connection `sf`");
        assert_eq!(error.body.remedy.as_deref(), Some("there are: salesforce"));
    }
}
