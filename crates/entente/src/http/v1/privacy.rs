//! Privacy: erasures, their certificates, and everything that is held about a person.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};
use entente_engine::privacy::ask::{ErasureRequest, ask};
use entente_engine::privacy::certificate::{ErasureCertificate, certify};
use entente_engine::privacy::export::{ExportQuery, PersonExport, export};
use entente_engine::privacy::requests::{self, Confirmation, ErasureDetail, ErasurePage, ErasureQuery};
use entente_store::Viewer;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Json, Path, Query};

/// Where a request over the API came from.
const SOURCE: &str = "api";

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/privacy/erasures", get(list))
        .route("/api/v1/privacy/erasures", post(erase))
        .route("/api/v1/privacy/erasures/{id}", get(get_one))
        .route("/api/v1/privacy/erasures/{id}/confirm", post(confirm))
        .route("/api/v1/privacy/erasures/{id}/unblock", post(unblock))
        .route("/api/v1/privacy/erasures/{id}/certificate", get(certificate))
        .route("/api/v1/privacy/export", get(export_person))
}

/// Who is let in again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unblocked {
    /// Hashes of addresses, numbers, rows and records that block nobody any more.
    pub hashes: u64,
}

/// Requests for erasure, newest first.
#[utoipa::path(get, operation_id = "list_erasures", path = "/api/v1/privacy/erasures", tag = "privacy", params(ErasureQuery), responses((status = 200, description = "A page of requests", body = ErasurePage), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<ErasureQuery>,
) -> Result<axum::Json<ErasurePage>, ApiError> {
    Ok(axum::Json(requests::list(&app.engine, &viewer, query).await?))
}

/// Erases a person: here at once, at the platforms from now on. It cannot be taken back.
#[utoipa::path(post, operation_id = "erase_person", path = "/api/v1/privacy/erasures", tag = "privacy", request_body = ErasureRequest, responses((status = 202, description = "The request, and what is under way", body = ErasureDetail), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn erase(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Json(request): Json<ErasureRequest>,
) -> Result<(StatusCode, axum::Json<ErasureDetail>), ApiError> {
    Ok((StatusCode::ACCEPTED, axum::Json(ask(&app.engine, &viewer, &request, SOURCE).await?)))
}

/// A request with what each system answered.
#[utoipa::path(get, operation_id = "get_erasure", path = "/api/v1/privacy/erasures/{id}", tag = "privacy", params(("id" = String, Path, description = "Erasure id")), responses((status = 200, description = "The request", body = ErasureDetail), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn get_one(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<axum::Json<ErasureDetail>, ApiError> {
    Ok(axum::Json(requests::show(&app.engine, &viewer, &id).await?))
}

/// Notes that a person has done what only a person can do.
#[utoipa::path(post, operation_id = "confirm_erasure", path = "/api/v1/privacy/erasures/{id}/confirm", tag = "privacy", params(("id" = String, Path, description = "Erasure id")), request_body = Confirmation, responses((status = 200, description = "The request", body = ErasureDetail), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn confirm(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Json(said): Json<Confirmation>,
) -> Result<axum::Json<ErasureDetail>, ApiError> {
    Ok(axum::Json(requests::confirm(&app.engine, &viewer, &id, &said).await?))
}

/// Lets in again whoever a request blocks: a person who has become a customer again, of their own will.
#[utoipa::path(post, operation_id = "unblock_erasure", path = "/api/v1/privacy/erasures/{id}/unblock", tag = "privacy", params(("id" = String, Path, description = "Erasure id")), responses((status = 200, description = "How much is let in again", body = Unblocked), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn unblock(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<axum::Json<Unblocked>, ApiError> {
    Ok(axum::Json(Unblocked { hashes: requests::unblock(&app.engine, &viewer, &id).await? }))
}

/// The signed certificate of a request, as it stands now.
#[utoipa::path(get, operation_id = "erasure_certificate", path = "/api/v1/privacy/erasures/{id}/certificate", tag = "privacy", params(("id" = String, Path, description = "Erasure id")), responses((status = 200, description = "The certificate", body = ErasureCertificate), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn certificate(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<axum::Json<ErasureCertificate>, ApiError> {
    Ok(axum::Json(certify(&app.engine, &viewer, &id).await?))
}

/// Everything that is held about a person: every value with its source and history.
#[utoipa::path(get, operation_id = "export_person", path = "/api/v1/privacy/export", tag = "privacy", params(ExportQuery), responses((status = 200, description = "Everything about the person", body = PersonExport), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn export_person(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<ExportQuery>,
) -> Result<axum::Json<PersonExport>, ApiError> {
    Ok(axum::Json(export(&app.engine, &viewer, &query.who).await?))
}
