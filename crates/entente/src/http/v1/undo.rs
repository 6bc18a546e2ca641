//! Undoing.

use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Router};
use entente_engine::records::undo::{UndoReport, UndoRequest, undo as take_back};
use entente_store::Viewer;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::Json;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/undo", post(undo)).route("/api/v1/undo/plan", post(plan))
}

/// What undoing would put back, what stays because it was changed since, and what cannot be undone. Nothing is written.
#[utoipa::path(post, operation_id = "plan_undo", path = "/api/v1/undo/plan", tag = "records", request_body = UndoRequest, responses((status = 200, description = "The plan", body = UndoReport), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn plan(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Json(request): Json<UndoRequest>,
) -> Result<axum::Json<UndoReport>, ApiError> {
    Ok(axum::Json(take_back(&app.engine, &viewer, &request, false, &|_| {}).await?))
}

/// Undoes: the earlier values become an edit of the viewer, which goes to every counterpart. It can be undone in turn.
#[utoipa::path(post, operation_id = "undo", path = "/api/v1/undo", tag = "records", request_body = UndoRequest, responses((status = 200, description = "What was put back", body = UndoReport), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn undo(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Json(request): Json<UndoRequest>,
) -> Result<axum::Json<UndoReport>, ApiError> {
    Ok(axum::Json(take_back(&app.engine, &viewer, &request, true, &|_| {}).await?))
}
