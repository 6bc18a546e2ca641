//! Reconciliation: its state, its last report and certificate, and starting one.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};
use entente_engine::reconcile::cost::{Cost, cost};
use entente_engine::reconcile::report::{Report, last, last_certificate};
use entente_engine::reconcile::{Running, Scope, running, schedule};
use entente_store::Viewer;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::Json;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/reconciliation", get(status))
        .route("/api/v1/reconciliation", post(start))
        .route("/api/v1/reconciliation/certificate", get(certificate))
}

/// What is known of reconciliations.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationStatus {
    /// The one under way.
    pub running: Option<Running>,
    /// The report of the last one.
    pub last: Option<Report>,
    /// API calls that one of everything would take now.
    pub cost: Option<Cost>,
}

/// What to reconcile; with nothing given, everything.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReconciliationRequest {
    /// One of our objects, at every connection.
    pub object: Option<String>,
    /// One connection.
    pub connection: Option<String>,
    /// Whether to compare only, and put nothing right.
    pub dry_run: bool,
}

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationAnswer {
    /// What is reconciled, in words.
    pub scope: String,
    /// API calls that it is going to take.
    pub cost: Cost,
}

/// The reconciliation under way, the report of the last one, and what one costs.
#[utoipa::path(get, operation_id = "reconciliation_status", path = "/api/v1/reconciliation", tag = "sync", responses((status = 200, description = "The state", body = ReconciliationStatus), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn status(State(app): State<App>) -> Result<axum::Json<ReconciliationStatus>, ApiError> {
    let engine = &app.engine;
    // Without connections there is nothing to reconcile, and no cost.
    let cost = if engine.connections().is_empty() { None } else { Some(cost(engine, &Scope::default()).await?) };
    Ok(axum::Json(ReconciliationStatus { running: running(engine).await?, last: last(engine).await?, cost }))
}

/// Compares both sides field by field, puts right what differs by the owner rules, and certifies. Taken up by the running sync.
#[utoipa::path(post, operation_id = "start_reconciliation", path = "/api/v1/reconciliation", tag = "sync", request_body = ReconciliationRequest, responses((status = 202, description = "Taken up within seconds", body = ReconciliationAnswer), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn start(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Json(request): Json<ReconciliationRequest>,
) -> Result<(StatusCode, axum::Json<ReconciliationAnswer>), ApiError> {
    let scope = Scope { object: request.object, connection: request.connection };
    let cost = cost(&app.engine, &scope).await?;
    schedule::ask(&app.engine, &scope, !request.dry_run, &viewer.name).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(ReconciliationAnswer { scope: scope.words(), cost })))
}

/// The certificate of the last reconciliation, as `entente reconcile --verify` takes it.
#[utoipa::path(get, operation_id = "last_certificate", path = "/api/v1/reconciliation/certificate", tag = "sync", responses((status = 200, description = "The certificate", body = Object), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn certificate(State(app): State<App>) -> Result<axum::Json<entente_engine::reconcile::certificate::Certificate>, ApiError> {
    let last = last_certificate(&app.engine).await?;
    last.map(axum::Json).ok_or_else(|| {
        ApiError::not_found("there was no reconciliation yet", "start one with POST /api/v1/reconciliation, or `entente reconcile`")
    })
}
