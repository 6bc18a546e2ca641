//! Resync on demand.

use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Router};
use entente_engine::records;
use entente_engine::sync::resync::{Scope, resync as ask};
use entente_store::Viewer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::Json;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/resync", post(resync))
}

/// What to look at again; with nothing given, everything.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResyncRequest {
    /// One of our objects, at every connection.
    pub object: Option<String>,
    /// One record, by its id.
    pub record: Option<String>,
    /// One connection.
    pub connection: Option<String>,
}

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResyncAnswer {
    /// What is looked at again, in words.
    pub scope: String,
}

/// Looks at everything again, or at one object, record or connection. Nothing is written but what differs.
#[utoipa::path(post, path = "/api/v1/resync", tag = "sync", request_body = ResyncRequest, responses((status = 202, description = "Taken up within a second", body = ResyncAnswer), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn resync(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Json(request): Json<ResyncRequest>,
) -> Result<(http::StatusCode, axum::Json<ResyncAnswer>), ApiError> {
    let given = [&request.object, &request.record, &request.connection].into_iter().flatten().count();
    if given > 1 {
        return Err(ApiError::invalid("body", "only one of object, record and connection can be given", "send one request for each"));
    }
    let (scope, words) = match (request.object, request.record, request.connection) {
        (Some(object), ..) => (Scope::Object(object.clone()), format!("every {object}")),
        (_, Some(record), _) => {
            let id = records::find(&app.engine, &viewer, &record).await?;
            (Scope::Record(id.clone()), id.to_string())
        }
        (.., Some(connection)) => (Scope::Connection(connection.clone()), format!("everything at {connection}")),
        _ => (Scope::Everything, "everything".to_owned()),
    };
    ask(&app.engine, &scope).await?;
    Ok((http::StatusCode::ACCEPTED, axum::Json(ResyncAnswer { scope: words })))
}
