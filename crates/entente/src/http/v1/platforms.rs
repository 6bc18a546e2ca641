//! What the platforms can do, and how soon a change of each mapped field is seen.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use entente_engine::platforms::{self, FieldBound, PlatformDescribed};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Path, Query};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/platforms", get(list))
        .route("/api/v1/platforms/{key}", get(get_one))
        .route("/api/v1/staleness", get(staleness))
}

/// Which fields to show.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StalenessQuery {
    /// Those of this connection only.
    pub connection: Option<String>,
    /// Those of connections to this platform only.
    pub platform: Option<String>,
}

/// Every platform, with all that it can do and the connections to it.
#[utoipa::path(get, operation_id = "list_platforms", path = "/api/v1/platforms", tag = "platforms", responses((status = 200, description = "The platforms", body = Vec<PlatformDescribed>), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn list(State(app): State<App>) -> Result<axum::Json<Vec<PlatformDescribed>>, ApiError> {
    Ok(axum::Json(platforms::list(Some(&app.engine))))
}

/// One platform.
#[utoipa::path(get, operation_id = "get_platform", path = "/api/v1/platforms/{key}", tag = "platforms", params(("key" = String, Path, description = "Name of the platform")), responses((status = 200, description = "The platform", body = PlatformDescribed), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn get_one(State(app): State<App>, Path(key): Path<String>) -> Result<axum::Json<PlatformDescribed>, ApiError> {
    Ok(axum::Json(platforms::one(Some(&app.engine), &key)?))
}

/// How long a change of each mapped field may go unseen.
#[utoipa::path(get, operation_id = "list_staleness", path = "/api/v1/staleness", tag = "platforms", params(StalenessQuery), responses((status = 200, description = "The bounds", body = Vec<FieldBound>), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn staleness(State(app): State<App>, Query(query): Query<StalenessQuery>) -> Result<axum::Json<Vec<FieldBound>>, ApiError> {
    Ok(axum::Json(platforms::bounds(&app.engine, query.connection.as_deref(), query.platform.as_deref()).await?))
}
