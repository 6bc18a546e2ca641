//! What a sync would write, without writing.

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json, Router};
use entente_engine::records;
use entente_engine::sync::preview::{Preview, Selection, preview};
use entente_store::Viewer;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::Query;

/// Records planned when the caller does not say.
const RECORDS: usize = 50;

/// Records planned at most: each may take a part of a vendor call.
const RECORDS_MAX: usize = 1_000;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/plan", get(plan))
}

/// Which records to plan.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PlanQuery {
    /// Only records of this object.
    #[param(nullable = false)]
    pub object: Option<String>,
    /// Only this record, by its id.
    #[param(nullable = false)]
    pub record: Option<String>,
    /// Records to plan, last changed first, 1 to 1,000; 50 without it.
    #[param(nullable = false)]
    pub limit: Option<usize>,
    /// Whether every side is read from the vendors first; otherwise what was last seen counts.
    pub fresh: bool,
}

/// What a sync would write now, without writing.
#[utoipa::path(get, path = "/api/v1/plan", tag = "sync", params(PlanQuery), responses((status = 200, description = "The plan", body = Preview), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn plan(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<PlanQuery>,
) -> Result<Json<Preview>, ApiError> {
    let record = match query.record.filter(|text| !text.is_empty()) {
        Some(text) => Some(records::find(&app.engine, &viewer, &text).await?),
        None => None,
    };
    let selection = Selection {
        record,
        object: query.object.filter(|text| !text.is_empty()),
        limit: Some(query.limit.unwrap_or(RECORDS).clamp(1, RECORDS_MAX)),
        fresh: query.fresh,
    };
    Ok(Json(preview(&app.engine, &selection, &|_, _| {}).await?))
}
