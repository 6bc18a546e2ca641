//! Records whose converge failed for good.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};
use entente_engine::records::dead_letters::{
    DeadLetter, DeadLetterDetail, DeadLetterEdit, DeadLetterPage, DeadLetterQuery, Discard, RetryMany,
};
use entente_store::Viewer;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Json, Path, Query};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/dead-letters", get(list))
        .route("/api/v1/dead-letters/retry", post(retry_many))
        .route("/api/v1/dead-letters/{id}", get(get_one))
        .route("/api/v1/dead-letters/{id}/edit", post(edit))
        .route("/api/v1/dead-letters/{id}/retry", post(retry))
        .route("/api/v1/dead-letters/{id}/discard", post(discard))
}

/// Dead letters, newest first; the open ones unless a state is given.
#[utoipa::path(get, operation_id = "list_dead_letters", path = "/api/v1/dead-letters", tag = "sync", params(DeadLetterQuery), responses((status = 200, description = "A page of dead letters", body = DeadLetterPage), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<DeadLetterQuery>,
) -> Result<axum::Json<DeadLetterPage>, ApiError> {
    Ok(axum::Json(entente_engine::records::dead_letters::list(&app.engine, &viewer, query).await?))
}

/// One dead letter with every attempt.
#[utoipa::path(get, path = "/api/v1/dead-letters/{id}", tag = "sync", operation_id = "get_dead_letter", params(("id" = String, Path, description = "Dead letter id")), responses((status = 200, description = "The dead letter", body = DeadLetterDetail), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn get_one(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<axum::Json<DeadLetterDetail>, ApiError> {
    Ok(axum::Json(entente_engine::records::dead_letters::show(&app.engine, &viewer, &id).await?))
}

/// Looks at the record again, with all attempts anew.
#[utoipa::path(post, operation_id = "retry_dead_letter", path = "/api/v1/dead-letters/{id}/retry", tag = "sync", params(("id" = String, Path, description = "Dead letter id")), responses((status = 200, description = "The dead letter as it is now", body = DeadLetter), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn retry(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<axum::Json<DeadLetter>, ApiError> {
    Ok(axum::Json(entente_engine::records::dead_letters::retry(&app.engine, &viewer, &id).await?))
}

/// How many were retried.
#[derive(Debug, Serialize, ToSchema)]
pub struct Retried {
    /// Records that are looked at again.
    pub retried: u64,
}

/// Looks at every record again whose dead letter is of a class of error or a connection, or at all of them.
#[utoipa::path(post, operation_id = "retry_dead_letters", path = "/api/v1/dead-letters/retry", tag = "sync", request_body = RetryMany, responses((status = 200, description = "How many are looked at again", body = Retried), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn retry_many(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Json(which): Json<RetryMany>,
) -> Result<axum::Json<Retried>, ApiError> {
    let retried = entente_engine::records::dead_letters::retry_many(&app.engine, &viewer, &which).await?;
    Ok(axum::Json(Retried { retried }))
}

/// Corrects the record, and looks at it again, with all attempts anew. The correction goes to every counterpart.
#[utoipa::path(post, operation_id = "edit_dead_letter", path = "/api/v1/dead-letters/{id}/edit", tag = "sync", params(("id" = String, Path, description = "Dead letter id")), request_body = DeadLetterEdit, responses((status = 200, description = "The dead letter as it is now", body = DeadLetter), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn edit(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Json(edit): Json<DeadLetterEdit>,
) -> Result<axum::Json<DeadLetter>, ApiError> {
    Ok(axum::Json(entente_engine::records::dead_letters::edit(&app.engine, &viewer, &id, edit).await?))
}

/// Puts the dead letter away with a reason. The record is looked at again when it next changes.
#[utoipa::path(post, operation_id = "discard_dead_letter", path = "/api/v1/dead-letters/{id}/discard", tag = "sync", params(("id" = String, Path, description = "Dead letter id")), request_body = Discard, responses((status = 200, description = "The dead letter as it is now", body = DeadLetter), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn discard(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Json(discard): Json<Discard>,
) -> Result<axum::Json<DeadLetter>, ApiError> {
    Ok(axum::Json(entente_engine::records::dead_letters::discard(&app.engine, &viewer, &id, discard).await?))
}
