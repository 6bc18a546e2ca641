//! The redirect address of an app, where it is this server's: people who have consented at a vendor come by on their way back to `entente
//! connect`, and vendors say here that the app was removed (Pipedrive, which has one address for both).

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::extract::{Query, RawQuery, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use entente_engine::sync::removed::removed;
use http::{HeaderMap, StatusCode};

use super::App;
use super::extract::Path;
use super::hooks::plain;

/// Path of the address, before the connection's name.
pub const PATH: &str = "/callback/";

/// Path on the machine of whoever signs in that `entente connect` listens at.
pub const LOCAL_PATH: &str = "/callback";

/// Bytes of a vendor's word at most: it names an app, a company and a user.
const BODY_MAX: usize = 64 * 1024;

/// What `entente connect` gives along, so that the way back leads to it: the port that it listens at, and what only it knows.
#[must_use]
pub fn state_of(port: u16, secret: &str) -> String {
    format!("{port}.{secret}")
}

/// The port in it.
fn port_of(state: &str) -> Option<u16> {
    state.split_once('.').and_then(|(port, _)| port.parse().ok()).filter(|port| *port > 0)
}

/// Sends somebody who has consented on to `entente connect`, which runs on the same machine as the browser. Nothing is kept here, and no other
/// machine can be named: a code means nothing to whoever did not ask for it, and the command knows by the state whether it did.
#[utoipa::path(
    get, path = "/callback/{connection}", tag = "webhooks",
    params(("connection" = String, Path, description = "Name of the connection"), ("state" = String, Query, description = "As `entente connect` gave it along"),
        ("code" = Option<String>, Query, description = "What the vendor gives for consent"), ("error" = Option<String>, Query, description = "Why it gives none")),
    responses((status = 303, description = "On to `entente connect` on the machine of the browser"), (status = 400, description = "Of no sign-in"))
)]
pub async fn pass_on(
    Path(_connection): Path<String>,
    Query(given): Query<BTreeMap<String, String>>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(port) = given.get("state").and_then(|state| port_of(state)) else {
        let page = "<!doctype html><meta charset=utf-8><title>Entente</title><p>This answer does not belong to a sign-in with \
                    <code>entente connect --through-server</code>. Nothing was changed.</p>";
        return (StatusCode::BAD_REQUEST, Html(page)).into_response();
    };
    Redirect::to(&format!("http://127.0.0.1:{port}{LOCAL_PATH}?{}", query.unwrap_or_default())).into_response()
}

/// Takes the vendor's word that the app was removed. Whoever does not prove to be the vendor learns nothing, not even which connections there are.
#[utoipa::path(
    delete, path = "/callback/{connection}", tag = "webhooks",
    params(("connection" = String, Path, description = "Name of the connection")),
    request_body(content = String, description = "As the vendor sends it, at most 64 KiB", content_type = "*/*"),
    responses((status = 200, description = "Taken; said again, it changes nothing"), (status = 401, description = "Not verified"))
)]
pub async fn take_removal(State(app): State<App>, Path(connection): Path<String>, headers: HeaderMap, body: Body) -> StatusCode {
    // What it says is of no account where it is too long: who says it is proved by a header.
    let body = to_bytes(body, BODY_MAX).await.map(|body| body.to_vec()).unwrap_or_default();
    match removed(&app.engine, &connection, plain(&headers), body).await {
        Ok(_) => StatusCode::OK,
        Err(error) => {
            tracing::debug!(connection, %error, "somebody says that the app was removed, and does not prove to be the vendor");
            StatusCode::UNAUTHORIZED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_leads_to_a_port_of_the_machine_alone() {
        assert_eq!(port_of(&state_of(8717, "abc.def")), Some(8717));
        for strange in ["", "abc", "0.x", "70000.x", "8717", "@evil.example:80.x", "-1.x"] {
            assert_eq!(port_of(strange), None, "{strange}");
        }
    }
}
