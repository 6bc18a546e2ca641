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
    /// Name that stays the same: `not_found`, `invalid`, `unauthorized`, `forbidden`, `conflict`, `too_large`, `timeout`, `vendor`, `unavailable`, `internal`.
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
            StoreError::Busy(_) | StoreError::Unavailable(_) | StoreError::Closed => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
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

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::new(status, "too_large", "the body is too large", "send less at once");
        }
        Self {
            status,
            ..Self::invalid(
                "body",
                rejection.body_text(),
                "send JSON with the content type application/json, as /api/openapi.json describes",
            )
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid("query", rejection.body_text(), "see /api/openapi.json for the parameters")
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
    fn what_and_remedy_are_told_apart() {
        let error = ApiError::from(EngineError::UnknownConnection { name: "sf".into(), remedy: "there are: salesforce".into() });
        assert_eq!(error.status, StatusCode::NOT_FOUND);
        assert_eq!(error.body.message, "there is no connection `sf`");
        assert_eq!(error.body.remedy.as_deref(), Some("there are: salesforce"));
    }
}
