//! A browser's session: a token in a cookie, because browsers put no headers on an event stream.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::access::COOKIE;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::Json;
use crate::tokens;

/// Seconds that a browser keeps a session: 30 days. Revoking the token ends it at once.
const MAX_AGE: u64 = 30 * 24 * 60 * 60;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/session", post(sign_in).delete(sign_out))
}

/// A token to sign in with.
#[derive(Deserialize, ToSchema)]
pub struct SignIn {
    /// An API token.
    pub token: String,
}

/// Signs a browser in with an API token.
#[utoipa::path(post, path = "/api/v1/session", tag = "sync", request_body = SignIn, responses((status = 204, description = "Signed in; the session is in a cookie"), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn sign_in(State(app): State<App>, Json(body): Json<SignIn>) -> Result<Response, ApiError> {
    let token = body.token.trim();
    let plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !plain || tokens::find(app.engine.store(), token).await?.is_none() {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "this token is not known, or was revoked",
            "make one with `entente token create NAME`",
        ));
    }
    answer(&app, token, MAX_AGE)
}

/// Signs a browser out. The token itself stays valid.
#[utoipa::path(delete, path = "/api/v1/session", tag = "sync", responses((status = 204, description = "Signed out"), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn sign_out(State(app): State<App>) -> Result<Response, ApiError> {
    answer(&app, "", 0)
}

fn answer(app: &App, token: &str, max_age: u64) -> Result<Response, ApiError> {
    let secure = if app.public_url.as_ref().is_some_and(|url| url.scheme() == "https") { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age}{secure}");
    let mut cookie = HeaderValue::try_from(cookie).map_err(|_| ApiError::invalid("token", "this is not a token", "copy it whole"))?;
    cookie.set_sensitive(true);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}
