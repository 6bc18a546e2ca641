//! Changes of the platforms' schemas: what they break, and what is done about them.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};
use entente_engine::schema::{self, Applied, Apply, Change, ChangePage, ChangeQuery, Looked};
use entente_store::Viewer;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Json, Path, Query};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/schema/changes", get(list))
        .route("/api/v1/schema/check", post(check))
        .route("/api/v1/schema/changes/{id}", get(get_one))
        .route("/api/v1/schema/changes/{id}/apply", post(apply))
        .route("/api/v1/schema/changes/{id}/accept", post(accept))
}

/// Which schemas to look at.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SchemaCheck {
    /// Those of this connection only.
    pub connection: Option<String>,
}

/// Changes of the platforms' schemas, newest first.
#[utoipa::path(get, operation_id = "list_schema_changes", path = "/api/v1/schema/changes", tag = "schema", params(ChangeQuery), responses((status = 200, description = "The changes", body = ChangePage), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<ChangeQuery>,
) -> Result<axum::Json<ChangePage>, ApiError> {
    Ok(axum::Json(schema::list(&app.engine, &viewer, query).await?))
}

/// One change, with the lines of mappings that it breaks and the proposed patch.
#[utoipa::path(get, operation_id = "get_schema_change", path = "/api/v1/schema/changes/{id}", tag = "schema", params(("id" = String, Path, description = "Change id")), responses((status = 200, description = "The change", body = Change), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn get_one(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<axum::Json<Change>, ApiError> {
    Ok(axum::Json(schema::show(&app.engine, &viewer, &id).await?))
}

/// Looks at the platforms' schemas now.
#[utoipa::path(post, operation_id = "check_schemas", path = "/api/v1/schema/check", tag = "schema", request_body = SchemaCheck, responses((status = 200, description = "What was found", body = Looked), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn check(State(app): State<App>, Json(which): Json<SchemaCheck>) -> Result<axum::Json<Looked>, ApiError> {
    Ok(axum::Json(schema::check(&app.engine, which.connection.as_deref()).await?))
}

/// Applies the patch that is proposed for a change.
#[utoipa::path(post, operation_id = "apply_schema_patch", path = "/api/v1/schema/changes/{id}/apply", tag = "schema", params(("id" = String, Path, description = "Change id")), request_body = Apply, responses((status = 200, description = "The versions in force", body = Applied), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn apply(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Json(options): Json<Apply>,
) -> Result<axum::Json<Applied>, ApiError> {
    Ok(axum::Json(schema::apply(&app.engine, &viewer, &id, options).await?))
}

/// Accepts a change as it is: the lines that it broke are used again.
#[utoipa::path(post, operation_id = "accept_schema_change", path = "/api/v1/schema/changes/{id}/accept", tag = "schema", params(("id" = String, Path, description = "Change id")), responses((status = 200, description = "The change", body = Change), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn accept(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<axum::Json<Change>, ApiError> {
    Ok(axum::Json(schema::accept(&app.engine, &viewer, &id).await?))
}
