//! Unusual mass changes that wait for a person.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use entente_engine::records::holds::{self, HeldQuery, HoldDecision, HoldDetail, HoldPage, HoldQuery};
use entente_store::Viewer;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Path, Query};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/holds", get(list))
        .route("/api/v1/holds/{id}", get(get_one))
        .route("/api/v1/holds/{id}/release", post(release))
        .route("/api/v1/holds/{id}/drop", post(put_back))
}

/// Holds, newest first; the open ones unless a state is given.
#[utoipa::path(get, operation_id = "list_holds", path = "/api/v1/holds", tag = "sync", params(HoldQuery), responses((status = 200, description = "A page of holds", body = HoldPage), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<HoldQuery>,
) -> Result<Json<HoldPage>, ApiError> {
    Ok(Json(holds::list(&app.engine, &viewer, query).await?))
}

/// A hold with a page of what is held.
#[utoipa::path(get, operation_id = "get_hold", path = "/api/v1/holds/{id}", tag = "sync", params(("id" = String, Path, description = "Hold id"), HeldQuery), responses((status = 200, description = "The hold", body = HoldDetail), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn get_one(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Query(query): Query<HeldQuery>,
) -> Result<Json<HoldDetail>, ApiError> {
    Ok(Json(holds::show(&app.engine, &viewer, &id, query).await?))
}

/// Lets a hold go: its records converge as if nothing had held them.
#[utoipa::path(post, operation_id = "release_hold", path = "/api/v1/holds/{id}/release", tag = "sync", params(("id" = String, Path, description = "Hold id")), responses((status = 200, description = "What it came to", body = HoldDecision), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn release(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Json<HoldDecision>, ApiError> {
    Ok(Json(holds::release(&app.engine, &viewer, &id).await?))
}

/// Decides against a hold: what was changed is put back where it came from. What cannot be put back still waits, and is named.
#[utoipa::path(post, operation_id = "drop_hold", path = "/api/v1/holds/{id}/drop", tag = "sync", params(("id" = String, Path, description = "Hold id")), responses((status = 200, description = "What it came to", body = HoldDecision), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn put_back(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Json<HoldDecision>, ApiError> {
    Ok(Json(holds::drop(&app.engine, &viewer, &id).await?))
}
