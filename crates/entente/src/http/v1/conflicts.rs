//! Conflicts that wait for a person, and values that a rule has flagged for one.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};
use entente_engine::records::conflicts::flagged::{self, Acknowledged, Acknowledgement};
use entente_engine::records::conflicts::many::{ManyResolutions, ResolvedMany, resolve_many};
use entente_engine::records::conflicts::{Conflict, ConflictPage, ConflictQuery, Resolution};
use entente_store::Viewer;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Json, Path, Query};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/conflicts", get(list))
        .route("/api/v1/conflicts/resolve", post(resolve_several))
        .route("/api/v1/conflicts/acknowledge", post(acknowledge))
        .route("/api/v1/conflicts/{id}/resolve", post(resolve))
}

/// Conflicts: the waiting ones unless a state is given, those that wait longest first; decided ones newest first.
#[utoipa::path(get, operation_id = "list_conflicts", path = "/api/v1/conflicts", tag = "sync", params(ConflictQuery), responses((status = 200, description = "A page of conflicts", body = ConflictPage), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<ConflictQuery>,
) -> Result<axum::Json<ConflictPage>, ApiError> {
    Ok(axum::Json(entente_engine::records::conflicts::list(&app.engine, &viewer, query).await?))
}

/// Decides a conflict, or a flagged one otherwise than the latest change did, for the value of a side or another; every side gets it.
#[utoipa::path(post, operation_id = "resolve_conflict", path = "/api/v1/conflicts/{id}/resolve", tag = "sync", params(("id" = String, Path, description = "Conflict id")), request_body = Resolution, responses((status = 200, description = "The conflict as decided", body = Conflict), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn resolve(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Json(resolution): Json<Resolution>,
) -> Result<axum::Json<Conflict>, ApiError> {
    Ok(axum::Json(entente_engine::records::conflicts::resolve(&app.engine, &viewer, &id, resolution).await?))
}

/// Decides several conflicts for the value of one side: those named, or all that wait, of one field if it is named.
#[utoipa::path(post, operation_id = "resolve_conflicts", path = "/api/v1/conflicts/resolve", tag = "sync", request_body = ManyResolutions, responses((status = 200, description = "What was decided, and what was not", body = ResolvedMany), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn resolve_several(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Json(which): Json<ManyResolutions>,
) -> Result<axum::Json<ResolvedMany>, ApiError> {
    Ok(axum::Json(resolve_many(&app.engine, &viewer, which).await?))
}

/// Notes that somebody has looked at flagged values: those named, or all, of one field if it is named. What was decided stays.
#[utoipa::path(post, operation_id = "acknowledge_conflicts", path = "/api/v1/conflicts/acknowledge", tag = "sync", request_body = Acknowledgement, responses((status = 200, description = "What was acknowledged, and what was not", body = Acknowledged), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn acknowledge(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Json(which): Json<Acknowledgement>,
) -> Result<axum::Json<Acknowledged>, ApiError> {
    Ok(axum::Json(flagged::acknowledge(&app.engine, &viewer, which).await?))
}
