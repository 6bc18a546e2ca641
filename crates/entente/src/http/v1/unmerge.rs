//! Parting two records that became one.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use entente_engine::records::unmerge::{UnmergeReport, unmerge as part};
use entente_store::Viewer;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::Path;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/records/{id}/unmerge/plan", get(plan)).route("/api/v1/records/{id}/unmerge", post(unmerge))
}

/// What parting a record from the one that it ended in comes to. Nothing is written.
#[utoipa::path(get, operation_id = "plan_unmerge", path = "/api/v1/records/{id}/unmerge/plan", tag = "records", params(("id" = String, Path, description = "Id of the record that ended, or of the one that stayed where only one ended in it")), responses((status = 200, description = "The plan", body = UnmergeReport), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn plan(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Json<UnmergeReport>, ApiError> {
    Ok(Json(part(&app.engine, &viewer, &id, false).await?))
}

/// Parts a record from the one that it ended in. The two are never merged by a rule again; done twice, it finds done what is done.
#[utoipa::path(post, operation_id = "unmerge", path = "/api/v1/records/{id}/unmerge", tag = "records", params(("id" = String, Path, description = "Id of the record that ended, or of the one that stayed where only one ended in it")), responses((status = 200, description = "What was done", body = UnmergeReport), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn unmerge(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Json<UnmergeReport>, ApiError> {
    Ok(Json(part(&app.engine, &viewer, &id, true).await?))
}
