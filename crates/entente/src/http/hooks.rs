//! Webhooks in. A delivery is verified, kept and answered in milliseconds; looking at what it says happens later. One that is not
//! verified leaves nothing behind but a count.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use entente_engine::sync::inbox;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::App;
use super::error::ApiError;
use super::extract::Path;

/// Bytes of a delivery at most. Vendors' batches are below 1 MiB; twice that leaves room.
const BODY_MAX: usize = 2 * 1024 * 1024;

/// A delivery to the plain address.
#[utoipa::path(
    post, path = "/hooks/{connection}", tag = "webhooks",
    params(("connection" = String, Path, description = "Name of the connection")),
    request_body(content = String, description = "As the vendor sends it, at most 2 MiB", content_type = "*/*"),
    responses((status = 200, description = "Kept; the body is what the vendor takes for received"), (status = 401, description = "Not verified", body = super::error::ErrorBody),
        (status = 404, description = "No such connection", body = super::error::ErrorBody), (status = 413, description = "Too large", body = super::error::ErrorBody))
)]
pub async fn receive(State(app): State<App>, Path(connection): Path<String>, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    keep(&app, &connection, "", &headers, body).await
}

/// A delivery to the address with a secret last part, for platforms that do not sign.
#[utoipa::path(
    post, path = "/hooks/{connection}/{secret}", tag = "webhooks",
    params(("connection" = String, Path, description = "Name of the connection"), ("secret" = String, Path, description = "The connection's `path_secret`")),
    request_body(content = String, description = "As the vendor sends it, at most 2 MiB", content_type = "*/*"),
    responses((status = 200, description = "Kept; the body is what the vendor takes for received"), (status = 401, description = "Not verified", body = super::error::ErrorBody),
        (status = 404, description = "No such connection", body = super::error::ErrorBody), (status = 413, description = "Too large", body = super::error::ErrorBody))
)]
pub async fn receive_at_secret_path(
    State(app): State<App>,
    Path((connection, secret)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    keep(&app, &connection, &secret, &headers, body).await
}

/// Intercom asks an address with HEAD before it takes it.
pub async fn answer(State(app): State<App>, Path(connection): Path<String>) -> Result<StatusCode, ApiError> {
    app.engine.connection(&connection)?;
    Ok(StatusCode::OK)
}

/// The same at the address with a secret last part; whether it is the right one is told to no one.
pub async fn answer_at_secret_path(State(app): State<App>, Path((connection, _)): Path<(String, String)>) -> Result<StatusCode, ApiError> {
    app.engine.connection(&connection)?;
    Ok(StatusCode::OK)
}

async fn keep(app: &App, connection: &str, secret: &str, headers: &HeaderMap, body: Body) -> Result<Response, ApiError> {
    app.engine.connection(connection)?;
    let body = to_bytes(body, BODY_MAX).await.map_err(|_| {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the delivery is larger than {BODY_MAX} bytes or broke off"),
            "send smaller batches",
        )
    })?;
    let receipt = inbox::receive(&app.engine, connection, secret, plain(headers), body.to_vec()).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(receipt.content_type))], receipt.body).into_response())
}

/// Headers as the connectors take them: names in lower case, repeated ones joined.
pub(super) fn plain(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut plain: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        plain
            .entry(name.as_str().to_owned())
            .and_modify(|known| *known = format!("{known}, {value}"))
            .or_insert_with(|| value.into_owned());
    }
    plain
}
