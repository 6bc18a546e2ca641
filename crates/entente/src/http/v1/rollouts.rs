//! Versions of mappings on their way into force.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};
use entente_engine::metadata::mappings::{MappingVersion, Proposal};
use entente_engine::metadata::rollout::{self, Advance, Drafted, RolloutState, SteppedBack};
use entente_engine::metadata::trial::{self, Trial};
use entente_store::Viewer;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Json, Path};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/rollouts", get(list))
        .route("/api/v1/mappings/{connection}/draft", post(draft))
        .route("/api/v1/mappings/{connection}/{object}/try", post(try_out))
        .route("/api/v1/mappings/{connection}/{object}/advance", post(advance))
        .route("/api/v1/mappings/{connection}/{object}/back", post(back))
        .route("/api/v1/mappings/{connection}/{object}/verify", post(verify))
}

/// Which version to try, and on how many records.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TryVersion {
    /// The version.
    pub version: i64,
    /// Records that it is tried on, 1 to 400; 50 without it.
    #[serde(default)]
    pub records: Option<usize>,
}

/// Versions on their way into force, and those in force that nobody has verified.
#[utoipa::path(get, operation_id = "list_rollouts", path = "/api/v1/rollouts", tag = "mappings", responses((status = 200, description = "The versions", body = Vec<RolloutState>), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn list(State(app): State<App>) -> Result<axum::Json<Vec<RolloutState>>, ApiError> {
    Ok(axum::Json(rollout::list(&app.engine).await?))
}

/// Judges a mapping and saves it as a version that is not in force.
#[utoipa::path(post, operation_id = "draft_mapping", path = "/api/v1/mappings/{connection}/draft", tag = "mappings", params(("connection" = String, Path, description = "Connection")), request_body = Proposal, responses((status = 201, description = "The draft", body = Drafted), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn draft(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(connection): Path<String>,
    Json(proposal): Json<Proposal>,
) -> Result<(StatusCode, axum::Json<Drafted>), ApiError> {
    Ok((StatusCode::CREATED, axum::Json(rollout::draft(&app.engine, &viewer, &connection, proposal).await?)))
}

/// Tries a version on real records, beside the one in force. Nothing is written.
#[utoipa::path(post, operation_id = "try_mapping", path = "/api/v1/mappings/{connection}/{object}/try", tag = "mappings", params(("connection" = String, Path, description = "Connection"), ("object" = String, Path, description = "Our object")), request_body = TryVersion, responses((status = 200, description = "What it would do", body = Trial), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn try_out(
    State(app): State<App>,
    Path((connection, object)): Path<(String, String)>,
    Json(wanted): Json<TryVersion>,
) -> Result<axum::Json<Trial>, ApiError> {
    let records = wanted.records.unwrap_or(trial::RECORDS);
    Ok(axum::Json(trial::try_version(&app.engine, &connection, &object, wanted.version, records).await?))
}

/// Brings a version into the shadow of live traffic, or in force for a share of the records.
#[utoipa::path(post, operation_id = "advance_mapping", path = "/api/v1/mappings/{connection}/{object}/advance", tag = "mappings", params(("connection" = String, Path, description = "Connection"), ("object" = String, Path, description = "Our object")), request_body = Advance, responses((status = 200, description = "How far it has come", body = RolloutState), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn advance(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path((connection, object)): Path<(String, String)>,
    Json(to): Json<Advance>,
) -> Result<axum::Json<RolloutState>, ApiError> {
    Ok(axum::Json(rollout::advance(&app.engine, &viewer, &connection, &object, to).await?))
}

/// Goes back to the version before.
#[utoipa::path(post, operation_id = "step_mapping_back", path = "/api/v1/mappings/{connection}/{object}/back", tag = "mappings", params(("connection" = String, Path, description = "Connection"), ("object" = String, Path, description = "Our object")), responses((status = 200, description = "The version in force", body = SteppedBack), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn back(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path((connection, object)): Path<(String, String)>,
) -> Result<axum::Json<SteppedBack>, ApiError> {
    Ok(axum::Json(rollout::back(&app.engine, &viewer, &connection, &object).await?))
}

/// Says that the version in force is right.
#[utoipa::path(post, operation_id = "verify_mapping", path = "/api/v1/mappings/{connection}/{object}/verify", tag = "mappings", params(("connection" = String, Path, description = "Connection"), ("object" = String, Path, description = "Our object")), responses((status = 200, description = "The version in force", body = MappingVersion), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn verify(
    State(app): State<App>,
    Path((connection, object)): Path<(String, String)>,
) -> Result<axum::Json<MappingVersion>, ApiError> {
    Ok(axum::Json(rollout::verify(&app.engine, &connection, &object).await?))
}
