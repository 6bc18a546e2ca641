//! Health for load balancers and supervisors.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use entente_model::clock::Timestamp;
use http::StatusCode;

use super::App;
use super::error::ApiError;

/// How long the outcome of a readiness check holds, in milliseconds, so that a flood of checks is not a flood of writes.
const HOLDS_MS: i64 = 1_000;

/// How long a write may take before the store counts as not writable.
const PATIENCE: Duration = Duration::from_secs(3);

/// Setting that a readiness check writes.
const SETTING: &str = "readiness";

/// Outcome of the last check.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Timestamp, Result<(), String>)>>);

/// Whether the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "Alive", body = str)))]
pub async fn live() -> &'static str {
    "ok\n"
}

/// Whether the store can be written. Its schema is current whenever it is open.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, description = "Ready", body = str), (status = 503, description = "Not ready", body = super::error::ErrorBody)))]
pub async fn ready(State(app): State<App>) -> Result<&'static str, ApiError> {
    let now = app.engine.now();
    let known = app.readiness.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let outcome = match known {
        Some((at, outcome)) if now.as_millisecond() - at.as_millisecond() < HOLDS_MS => outcome,
        _ => {
            let written =
                tokio::time::timeout(PATIENCE, app.engine.store().write(move |tx| tx.put_setting(SETTING, &now.as_millisecond()))).await;
            let outcome = match written {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("the store took longer than {} s for a write; check the disk and the database", PATIENCE.as_secs())),
            };
            *app.readiness.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, outcome.clone()));
            outcome
        }
    };
    match outcome {
        Ok(()) => Ok("ready\n"),
        Err(reason) => Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", reason, "run `entente doctor`")),
    }
}
