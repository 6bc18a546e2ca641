//! The dashboard.

use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use entente_engine::reports::dashboard::Dashboard;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};

/// How long a count is shown to everybody, at the least.
const FRESH: Duration = Duration::from_millis(900);

/// A count is kept for so many times as long as it took, so that counting never takes more than a tenth of one core.
const REST: u32 = 10;

/// The last count. Who asks while one is under way waits for it, instead of beginning another.
#[derive(Default)]
pub struct LastCount(Mutex<Option<(Instant, Dashboard)>>);

/// Routes of the dashboard.
pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/dashboard", get(dashboard))
}

/// The state of the sync in numbers.
#[utoipa::path(get, operation_id = "get_dashboard", path = "/api/v1/dashboard", tag = "sync", responses((status = 200, description = "The dashboard", body = Dashboard), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn dashboard(State(app): State<App>) -> Result<Json<Dashboard>, ApiError> {
    let mut last = app.dashboard.0.lock().await;
    let begun = Instant::now();
    if let Some((until, counted)) = last.as_ref().filter(|(until, _)| *until > begun) {
        tracing::trace!(left_ms = (*until - begun).as_millis(), "the last count is fresh");
        return Ok(Json(counted.clone()));
    }
    let counted = entente_engine::reports::dashboard(&app.engine).await?;
    let took = begun.elapsed();
    *last = Some((Instant::now() + FRESH.max(took * REST), counted.clone()));
    Ok(Json(counted))
}
