//! The page on which a person lets an app in, where it is a host of its own: she agrees at once, unless the address says `deny=1`.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use url::Url;

/// Sends the person back to the app with a code, or with a refusal. `code` makes one.
pub(crate) fn answer(asked: &BTreeMap<String, String>, client_id: &str, code: impl FnOnce() -> String) -> Response {
    let back = asked.get("redirect_uri").and_then(|address| Url::parse(address).ok());
    let Some(mut back) = back.filter(|_| asked.get("client_id").is_some_and(|given| given == client_id)) else {
        return (StatusCode::BAD_REQUEST, "This app is not known, or its redirect address is not.").into_response();
    };
    match asked.contains_key("deny") {
        true => back.query_pairs_mut().append_pair("error", "access_denied"),
        false => back.query_pairs_mut().append_pair("code", &code()),
    };
    if let Some(state) = asked.get("state") {
        back.query_pairs_mut().append_pair("state", state);
    }
    Redirect::to(back.as_str()).into_response()
}
