//! Records, their history, and who set what.

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json, Router};
use entente_engine::records::as_of::{AsOfQuery, RecordAsOf, record_as_of};
use entente_engine::records::detail::{RecordDetail, get_record};
use entente_engine::records::history::{Blame, HistoryPage, HistoryQuery};
use entente_engine::records::list::{ListQuery, RecordPage};
use entente_store::Viewer;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Path, Query};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/records", get(list))
        .route("/api/v1/records/{id}", get(get_one))
        .route("/api/v1/records/{id}/history", get(history))
        .route("/api/v1/records/{id}/blame/{field}", get(blame))
        .route("/api/v1/records/{id}/as-of", get(as_of))
}

/// Records, last changed first; with `q`, those that the words are found in.
#[utoipa::path(get, operation_id = "list_records", path = "/api/v1/records", tag = "records", params(ListQuery), responses((status = 200, description = "A page of records", body = RecordPage), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<ListQuery>,
) -> Result<Json<RecordPage>, ApiError> {
    Ok(Json(entente_engine::records::list::list(&app.engine, &viewer, query).await?))
}

/// One record with the provenance of each value.
#[utoipa::path(get, operation_id = "get_record", path = "/api/v1/records/{id}", tag = "records", params(("id" = String, Path, description = "Record id")), responses((status = 200, description = "The record", body = RecordDetail), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn get_one(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Json<RecordDetail>, ApiError> {
    Ok(Json(get_record(&app.engine, &viewer, &id).await?))
}

/// What happened to a record, newest first.
#[utoipa::path(get, operation_id = "record_history", path = "/api/v1/records/{id}/history", tag = "records", params(("id" = String, Path, description = "Record id"), HistoryQuery), responses((status = 200, description = "A page of its history", body = HistoryPage), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn history(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<HistoryPage>, ApiError> {
    Ok(Json(entente_engine::records::history::history(&app.engine, &viewer, &id, query).await?))
}

/// Who set a field, and each value it had before.
#[utoipa::path(get, operation_id = "blame_field", path = "/api/v1/records/{id}/blame/{field}", tag = "records", params(("id" = String, Path, description = "Record id"), ("field" = String, Path, description = "Field")), responses((status = 200, description = "Who set it", body = Blame), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn blame(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path((id, field)): Path<(String, String)>,
) -> Result<Json<Blame>, ApiError> {
    Ok(Json(entente_engine::records::history::blame(&app.engine, &viewer, &id, &field).await?))
}

/// A record as it was at an instant.
#[utoipa::path(get, operation_id = "record_as_of", path = "/api/v1/records/{id}/as-of", tag = "records", params(("id" = String, Path, description = "Record id"), AsOfQuery), responses((status = 200, description = "The record as it was", body = RecordAsOf), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn as_of(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Query(query): Query<AsOfQuery>,
) -> Result<Json<RecordAsOf>, ApiError> {
    Ok(Json(record_as_of(&app.engine, &viewer, &id, query.at).await?))
}
