//! A Teams workflow "Post to a channel when a webhook request is received". Source: Microsoft's documentation of Workflows in Teams and the
//! schema of Adaptive Cards: 202 with an empty body before the flow runs, so that a card that cannot be shown is taken all the same and
//! nobody tells; the signature is in the query; at most 28 KB.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{StatusCode, Uri};
use serde_json::{Value, json};

use super::{Desk, listen};

/// The query as it was handed out: encoded otherwise, the signature is another one.
const QUERY: &str = "api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=a_B-c%2Bd";

/// Bytes of a message at most.
const BYTES_MAX: usize = 28 * 1024;

/// One workflow.
#[derive(Debug, Clone)]
pub struct TeamsWorkflow {
    desk: Desk,
    /// Its address; whoever has it can post.
    pub address: String,
}

impl TeamsWorkflow {
    /// Starts it.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> std::io::Result<Self> {
        let desk = Desk::default();
        let router = Router::new().route("/workflows/1f/triggers/manual/paths/invoke", post(receive)).with_state(desk.clone());
        let bound = listen(router).await?;
        Ok(Self { desk, address: format!("http://{bound}/workflows/1f/triggers/manual/paths/invoke?{QUERY}") })
    }

    /// Cards that were shown, in order.
    #[must_use]
    pub fn cards(&self) -> Vec<Value> {
        self.desk.taken()
    }

    /// The first line of each card, in order.
    #[must_use]
    pub fn titles(&self) -> Vec<String> {
        self.desk.taken().iter().filter_map(|card| card["body"][0]["text"].as_str().map(str::to_owned)).collect()
    }

    /// What was wrong with what came.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        self.desk.wrong()
    }

    /// Has the next message be refused.
    pub fn refuse(&self, status: u16, body: &str) {
        self.desk.refuse(status, body);
    }
}

fn error(status: StatusCode, code: &str) -> Response {
    (status, [("content-type", "application/json")], json!({ "error": { "code": code, "message": code } }).to_string()).into_response()
}

async fn receive(State(desk): State<Desk>, uri: Uri, body: Bytes) -> Response {
    if let Some((status, body)) = desk.refusal() {
        return (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), body).into_response();
    }
    if uri.query() != Some(QUERY) {
        desk.complain(format!("the query was changed on the way: {}", uri.query().unwrap_or_default()));
        return error(StatusCode::UNAUTHORIZED, "DirectApiAuthorizationRequired");
    }
    let Ok(message) = serde_json::from_slice::<Value>(&body) else {
        desk.complain("the body is no JSON");
        return error(StatusCode::BAD_REQUEST, "InvalidRequestContent");
    };
    // From here on the flow runs, and nobody tells the sender how it ends.
    match flaw(&message, body.len()) {
        Some(what) => desk.complain(what),
        None => desk.take(message["attachments"][0]["content"].clone()),
    }
    StatusCode::ACCEPTED.into_response()
}

/// Why the flow would fail.
fn flaw(message: &Value, bytes: usize) -> Option<String> {
    if bytes > BYTES_MAX {
        return Some(format!("{bytes} bytes are too many"));
    }
    if message["type"] != "message" {
        return Some("it is no message".to_owned());
    }
    let Some([attachment]) = message["attachments"].as_array().map(Vec::as_slice) else {
        return Some("there is not one attachment".to_owned());
    };
    let card = &attachment["content"];
    if attachment["contentType"] != "application/vnd.microsoft.card.adaptive" || card["type"] != "AdaptiveCard" {
        return Some("the attachment is no Adaptive Card".to_owned());
    }
    if !matches!(card["version"].as_str(), Some("1.0" | "1.1" | "1.2" | "1.3" | "1.4" | "1.5")) {
        return Some(format!("Teams does not show version {}", card["version"]));
    }
    for part in card["body"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let wrong = match part["type"].as_str() {
            Some("TextBlock") => part["text"].as_str().is_none_or(str::is_empty) || part["wrap"] != true,
            Some("FactSet") => part["facts"]
                .as_array()
                .is_none_or(|facts| facts.is_empty() || facts.iter().any(|fact| !fact["title"].is_string() || !fact["value"].is_string())),
            _ => true,
        };
        if wrong {
            return Some(format!("a part that no card has: {part}"));
        }
        if part["text"].as_str().is_some_and(|text| text.contains("<at>")) {
            return Some("it would mention somebody".to_owned());
        }
    }
    let actions = card["actions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let wrong = actions
        .iter()
        .find(|action| action["type"] != "Action.OpenUrl" || !action["url"].as_str().is_some_and(|url| url.starts_with("http")));
    if let Some(action) = wrong {
        return Some(format!("an action that no webhook may have: {action}"));
    }
    card["body"].as_array().is_none_or(Vec::is_empty).then(|| "the card is blank".to_owned())
}
