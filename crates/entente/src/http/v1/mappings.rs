//! Mappings: which field is which at each connection, with every version there ever was.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};
use entente_engine::metadata::mappable::{self, Mappable};
use entente_engine::metadata::mappings::{self, MappingVersion, Proposal, Saved};
use entente_engine::metadata::proposal::Judgement;
use entente_store::Viewer;
use http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Json, Path, Query};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/mappings", get(list))
        .route("/api/v1/mappings/{connection}", post(save))
        .route("/api/v1/mappings/{connection}/check", post(check))
        .route("/api/v1/mappings/{connection}/{object}/fields", get(fields))
        .route("/api/v1/mappings/{connection}/{object}/versions", get(versions))
        .route("/api/v1/mappings/{connection}/{object}/activate", post(activate))
}

/// Which mappings to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MappingQuery {
    /// Only those of this connection.
    #[param(nullable = false)]
    pub connection: Option<String>,
    /// Only those of this object.
    #[param(nullable = false)]
    pub object: Option<String>,
}

/// Which version to put in force.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// Its number.
    pub version: i64,
}

/// The mappings in force.
#[utoipa::path(get, operation_id = "list_mappings", path = "/api/v1/mappings", tag = "mappings", params(MappingQuery), responses((status = 200, description = "The mappings", body = Vec<MappingVersion>), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn list(State(app): State<App>, Query(query): Query<MappingQuery>) -> Result<axum::Json<Vec<MappingVersion>>, ApiError> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (connection, object) = (given(query.connection), given(query.object));
    Ok(axum::Json(mappings::list(&app.engine, connection.as_deref(), object.as_deref()).await?))
}

/// Every version of a mapping, newest first.
#[utoipa::path(get, operation_id = "list_mapping_versions", path = "/api/v1/mappings/{connection}/{object}/versions", tag = "mappings", params(("connection" = String, Path, description = "Connection"), ("object" = String, Path, description = "Our object")), responses((status = 200, description = "The versions", body = Vec<MappingVersion>), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn versions(
    State(app): State<App>,
    Path((connection, object)): Path<(String, String)>,
) -> Result<axum::Json<Vec<MappingVersion>>, ApiError> {
    Ok(axum::Json(mappings::versions(&app.engine, &connection, &object).await?))
}

/// Our fields of an object and the platform's fields of its counterpart, as they are there now: what lines of its mapping may name.
#[utoipa::path(get, operation_id = "list_mappable_fields", path = "/api/v1/mappings/{connection}/{object}/fields", tag = "mappings", params(("connection" = String, Path, description = "Connection"), ("object" = String, Path, description = "Our object")), responses((status = 200, description = "The fields", body = Mappable), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn fields(State(app): State<App>, Path((connection, object)): Path<(String, String)>) -> Result<axum::Json<Mappable>, ApiError> {
    Ok(axum::Json(mappable::mappable(&app.engine, &connection, &object).await?))
}

/// Judges a mapping against our objects, the platform's live schema, samples and the other mappings. Nothing is saved.
#[utoipa::path(post, operation_id = "check_mapping", path = "/api/v1/mappings/{connection}/check", tag = "mappings", params(("connection" = String, Path, description = "Connection")), request_body = Proposal, responses((status = 200, description = "What was found", body = Judgement), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn check(
    State(app): State<App>,
    Path(connection): Path<String>,
    Json(proposal): Json<Proposal>,
) -> Result<axum::Json<Judgement>, ApiError> {
    Ok(axum::Json(mappings::judge_proposal(&app.engine, &connection, &proposal).await?.0))
}

/// Saves a mapping as a new version and puts it in force, when nothing stands against it.
#[utoipa::path(post, operation_id = "save_mapping", path = "/api/v1/mappings/{connection}", tag = "mappings", params(("connection" = String, Path, description = "Connection")), request_body = Proposal, responses((status = 201, description = "The version in force", body = Saved), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn save(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(connection): Path<String>,
    Json(proposal): Json<Proposal>,
) -> Result<(StatusCode, axum::Json<Saved>), ApiError> {
    Ok((StatusCode::CREATED, axum::Json(mappings::save(&app.engine, &viewer, &connection, proposal).await?)))
}

/// Puts an earlier version in force again.
#[utoipa::path(post, operation_id = "activate_mapping", path = "/api/v1/mappings/{connection}/{object}/activate", tag = "mappings", params(("connection" = String, Path, description = "Connection"), ("object" = String, Path, description = "Our object")), request_body = Activation, responses((status = 200, description = "The version in force", body = MappingVersion), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn activate(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path((connection, object)): Path<(String, String)>,
    Json(activation): Json<Activation>,
) -> Result<axum::Json<MappingVersion>, ApiError> {
    Ok(axum::Json(mappings::activate(&app.engine, &viewer, &connection, &object, activation.version).await?))
}
