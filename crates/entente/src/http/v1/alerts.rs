//! Alerts and the channels that they are told by.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use entente_engine::alerts::list::{self, AlertPage, AlertQuery};
use entente_engine::notify::trial::{self, Channel, Trial};

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Path, Query};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/alerts", get(list))
        .route("/api/v1/alerts/channels", get(channels))
        .route("/api/v1/alerts/channels/{name}/test", post(test))
}

/// Alerts, newest first; the open ones unless all are asked for.
#[utoipa::path(get, operation_id = "list_alerts", path = "/api/v1/alerts", tag = "sync", params(AlertQuery), responses((status = 200, description = "A page of alerts", body = AlertPage), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn list(State(app): State<App>, Query(query): Query<AlertQuery>) -> Result<Json<AlertPage>, ApiError> {
    Ok(Json(list::list(&app.engine, query).await?))
}

/// Channels and who is told there. Their addresses are secrets and not shown.
#[utoipa::path(get, operation_id = "list_channels", path = "/api/v1/alerts/channels", tag = "sync", responses((status = 200, description = "The channels", body = Vec<Channel>), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn channels(State(app): State<App>) -> Json<Vec<Channel>> {
    Json(trial::channels(&app.notifier))
}

/// Sends a test message to a channel.
#[utoipa::path(post, operation_id = "test_channel", path = "/api/v1/alerts/channels/{name}/test", tag = "sync", params(("name" = String, Path, description = "Name of the channel")), responses((status = 200, description = "What the channel said", body = Vec<Trial>), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn test(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Vec<Trial>>, ApiError> {
    let known = trial::channels(&app.notifier).into_iter().any(|channel| channel.name == name);
    if !known {
        // A stranger's address would make this server a sender of anybody's mail.
        return Err(ApiError::not_found(format!("there is no channel `{name}`"), "see /api/v1/alerts/channels"));
    }
    Ok(Json(trial::test(&app.engine, &app.notifier, Some(&name)).await?))
}
