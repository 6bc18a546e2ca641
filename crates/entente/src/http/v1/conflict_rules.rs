//! Rules proposed from decisions about conflicts, and the statistics of conflicts.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};
use entente_engine::records::conflicts::proposals::{self, Adoption, Proposal, Reason, Rule};
use entente_engine::records::conflicts::statistics::{Statistics, StatisticsQuery};
use entente_store::Viewer;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Json, Path, Query};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/conflicts/statistics", get(statistics))
        .route("/api/v1/conflicts/proposals", get(proposed))
        .route("/api/v1/conflicts/proposals/{id}/adopt", post(adopt))
        .route("/api/v1/conflicts/proposals/{id}/decline", post(decline))
        .route("/api/v1/conflicts/rules", get(rules))
        .route("/api/v1/conflicts/rules/{id}/withdraw", post(withdraw))
}

/// How many conflicts there were, who decided them by which rule, about which field, and how long it took.
#[utoipa::path(get, operation_id = "conflict_statistics", path = "/api/v1/conflicts/statistics", tag = "sync", params(StatisticsQuery), responses((status = 200, description = "The statistics", body = Statistics), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn statistics(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<StatisticsQuery>,
) -> Result<axum::Json<Statistics>, ApiError> {
    Ok(axum::Json(entente_engine::records::conflicts::statistics::statistics(&app.engine, &viewer, query).await?))
}

/// Rules that people's decisions speak for, with the evidence and with what they would have done to the conflicts of the last thirty days.
#[utoipa::path(get, operation_id = "list_proposed_rules", path = "/api/v1/conflicts/proposals", tag = "sync", responses((status = 200, description = "The proposed rules, best founded first", body = [Proposal]), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn proposed(State(app): State<App>, Extension(viewer): Extension<Viewer>) -> Result<axum::Json<Vec<Proposal>>, ApiError> {
    Ok(axum::Json(proposals::proposals(&app.engine, &viewer).await?))
}

/// Adopts a proposed rule: it decides what would go to a person, and what waits for one now.
#[utoipa::path(post, operation_id = "adopt_rule", path = "/api/v1/conflicts/proposals/{id}/adopt", tag = "sync", params(("id" = String, Path, description = "Id of the proposed rule")), responses((status = 200, description = "The rule, and how many conflicts it decided at once", body = Adoption), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn adopt(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<axum::Json<Adoption>, ApiError> {
    Ok(axum::Json(proposals::adopt(&app.engine, &viewer, &id).await?))
}

/// Declines a proposed rule. It is proposed again only when as many decisions speak for it anew.
#[utoipa::path(post, operation_id = "decline_rule", path = "/api/v1/conflicts/proposals/{id}/decline", tag = "sync", params(("id" = String, Path, description = "Id of the proposed rule")), request_body = Reason, responses((status = 200, description = "The rule as declined", body = Rule), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn decline(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Json(reason): Json<Reason>,
) -> Result<axum::Json<Rule>, ApiError> {
    Ok(axum::Json(proposals::decline(&app.engine, &viewer, &id, reason).await?))
}

/// Rules that somebody adopted, declined or withdrew.
#[utoipa::path(get, operation_id = "list_rules", path = "/api/v1/conflicts/rules", tag = "sync", responses((status = 200, description = "The rules, newest decision first", body = [Rule]), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn rules(State(app): State<App>, Extension(viewer): Extension<Viewer>) -> Result<axum::Json<Vec<Rule>>, ApiError> {
    Ok(axum::Json(proposals::rules(&app.engine, &viewer).await?))
}

/// Withdraws an adopted rule: what it would decide goes to a person again.
#[utoipa::path(post, operation_id = "withdraw_rule", path = "/api/v1/conflicts/rules/{id}/withdraw", tag = "sync", params(("id" = String, Path, description = "Id of the rule")), request_body = Reason, responses((status = 200, description = "The rule as withdrawn", body = Rule), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn withdraw(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Json(reason): Json<Reason>,
) -> Result<axum::Json<Rule>, ApiError> {
    Ok(axum::Json(proposals::withdraw(&app.engine, &viewer, &id, reason).await?))
}
