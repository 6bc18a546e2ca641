//! Who may call the API: the bearer of an API token, a browser that signed in with one, or, while there is no token, this machine.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use entente_store::Viewer;
use http::{HeaderMap, StatusCode, header};

use super::App;
use super::error::ApiError;
use super::guard;
use crate::tokens;

/// Name of the cookie a browser's session is kept in. Browsers cannot put headers on an event stream, so the token goes there.
pub const COOKIE: &str = "entente_session";

/// Role of whoever is let in. There is one today.
const ROLE: &str = "admin";

/// Headers that a proxy adds. A request that came through one is not this machine's own, whatever its address says.
const FORWARDED: &[&str] = &["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/// Lets a request pass with the viewer it is made for, or refuses it.
pub async fn authorize(State(app): State<App>, mut request: Request, next: Next) -> Result<Response, ApiError> {
    let viewer = viewer(&app, request.headers()).await?;
    request.extensions_mut().insert(viewer);
    Ok(next.run(request).await)
}

async fn viewer(app: &App, headers: &HeaderMap) -> Result<Viewer, ApiError> {
    if let Some(text) = presented(headers) {
        return match tokens::find(app.engine.store(), &text).await? {
            Some(token) => Ok(Viewer::new(token.name, ROLE)),
            None => Err(unauthorized("this token is not known, or was revoked")),
        };
    }
    let local = guard::host_is_loopback(headers) && !FORWARDED.iter().any(|name| headers.contains_key(*name));
    if app.open_access && local && !tokens::any(app.engine.store()).await? {
        return Ok(Viewer::new("local", ROLE));
    }
    Err(unauthorized("this request carries no token"))
}

/// The token a request carries, in its header or its cookie.
fn presented(headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    bearer.or_else(|| {
        headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == COOKIE && !value.is_empty()).then(|| value.to_owned())
        })
    })
}

fn unauthorized(message: &str) -> ApiError {
    let remedy =
        "make a token with `entente token create NAME` and send it as `Authorization: Bearer <token>`, or sign in with it in the web app";
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message, remedy)
}
