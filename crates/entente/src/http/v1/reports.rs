//! Monthly reports, and the measures of the sync against its promises.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use entente_engine::reports::monthly::{self, Month, MonthlyReport};
use entente_engine::reports::quality::{self, Quality, QualityQuery};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Path, Query};
use crate::report::{Format, render};

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/reports/{month}", get(report)).route("/api/v1/quality", get(quality))
}

/// In which form.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// `json`, `html`, `pdf` or `text`; json without it.
    #[param(nullable = false)]
    pub format: Option<Format>,
}

/// The report of a month.
#[utoipa::path(get, operation_id = "get_report", path = "/api/v1/reports/{month}", tag = "sync", params(("month" = String, Path, description = "Year and month, such as 2026-01"), ReportQuery), responses((status = 200, description = "The report; as HTML, PDF or text when that is asked for", body = MonthlyReport), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn report(State(app): State<App>, Path(month): Path<String>, Query(query): Query<ReportQuery>) -> Result<Response, ApiError> {
    let month: Month = month.parse()?;
    let report = monthly::report(&app.engine, month).await?;
    let format = query.format.unwrap_or(Format::Json);
    let bytes = render(&report, format)
        .map_err(|fault| ApiError::new(http::StatusCode::INTERNAL_SERVER_ERROR, "internal", fault.what, fault.remedy))?;
    let name = format!("inline; filename=\"entente-{month}.{}\"", format.ending());
    Ok(([(header::CONTENT_TYPE, format.media_type().to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

/// The measures of the sync against its promises, by hour and by day, and the levels of now.
#[utoipa::path(get, operation_id = "get_quality", path = "/api/v1/quality", tag = "sync", params(QualityQuery), responses((status = 200, description = "The measures", body = Quality), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn quality(State(app): State<App>, Query(query): Query<QualityQuery>) -> Result<Json<Quality>, ApiError> {
    Ok(Json(quality::quality(&app.engine, query).await?))
}
