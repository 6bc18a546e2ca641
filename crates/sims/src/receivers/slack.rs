//! Slack: the incoming webhook of a channel, and the part of the Web API by which a bot posts. Source: Slack's documentation "Sending messages
//! using incoming webhooks" and the reference of blocks: 200 with the body `ok`, refusals as one plain word; at most 50 blocks, a header of
//! 150 characters of plain text, a section of 3,000, ten fields of 2,000.

mod api;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::{Desk, listen};

/// The secret end of the webhook's address.
const TOKEN: &str = "XXXXXXXXXXXXXXXXXXXXXXXX";

/// How the next message is refused.
#[derive(Debug, Deserialize)]
struct NextRefusal {
    status: u16,
    word: String,
}

/// A workspace with one app: a webhook of the channel `#general`, and a bot.
#[derive(Debug, Clone)]
pub struct SlackWorkspace {
    desk: Desk,
    /// The webhook's address; whoever has it can post.
    pub address: String,
    /// Where the Web API is.
    pub api: String,
}

impl SlackWorkspace {
    /// The token of the bot.
    pub const BOT: &str = api::TOKEN;

    /// Starts it.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> std::io::Result<Self> {
        let behind = Self::behind("");
        let bound = listen(behind.router()).await?;
        Ok(Self { address: format!("http://{bound}{}", behind.address), api: format!("http://{bound}{}", behind.api), ..behind })
    }

    /// One that is served by somebody else, at `origin`.
    #[must_use]
    pub fn behind(origin: &str) -> Self {
        Self { desk: Desk::default(), address: format!("{origin}/services/T0/B0/{TOKEN}"), api: format!("{origin}/api/") }
    }

    /// What Slack itself serves.
    pub fn router(&self) -> Router {
        Router::new().route("/services/T0/B0/{token}", post(receive)).merge(api::router()).with_state(self.desk.clone())
    }

    /// What only a simulator has: `GET /messages`, those that were shown, and `POST /refuse {status, word}` for the next one.
    pub fn control_router(&self) -> Router {
        let shown = async |State(desk): State<Desk>| Json(desk.taken());
        let refuse = async |State(desk): State<Desk>, Json(next): Json<NextRefusal>| {
            desk.refuse(next.status, &next.word);
            StatusCode::NO_CONTENT
        };
        Router::new().route("/messages", get(shown)).route("/refuse", post(refuse)).with_state(self.desk.clone())
    }

    /// Messages that were shown, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        self.desk.taken()
    }

    /// The texts that people saw in their notifications, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.desk.taken().iter().filter_map(|message| message["text"].as_str().map(str::to_owned)).collect()
    }

    /// What was wrong with what came.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        self.desk.wrong()
    }

    /// Has the next message be refused.
    pub fn refuse(&self, status: u16, word: &str) {
        self.desk.refuse(status, word);
    }
}

async fn receive(State(desk): State<Desk>, Path(token): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some((status, word)) = desk.refusal() {
        let retry = [("retry-after", "1")];
        return (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), retry, word).into_response();
    }
    if token != TOKEN {
        return (StatusCode::FORBIDDEN, "invalid_token").into_response();
    }
    if headers.get("content-type").and_then(|value| value.to_str().ok()).is_none_or(|kind| !kind.starts_with("application/json")) {
        desk.complain("the content type is not application/json");
        return (StatusCode::BAD_REQUEST, "invalid_payload").into_response();
    }
    let Ok(message) = serde_json::from_slice::<Value>(&body) else {
        desk.complain("the body is no JSON");
        return (StatusCode::BAD_REQUEST, "invalid_payload").into_response();
    };
    match flaw(&message) {
        Some((word, what)) => {
            desk.complain(what);
            (StatusCode::BAD_REQUEST, word).into_response()
        }
        None => {
            desk.take(message);
            ([("content-type", "text/html")], "ok").into_response()
        }
    }
}

/// Why Slack would not show a message: its word, and ours.
fn flaw(message: &Value) -> Option<(&'static str, String)> {
    let text = message["text"].as_str().unwrap_or_default();
    if text.trim().is_empty() {
        return Some(("no_text", "there is no text for notifications".to_owned()));
    }
    let blocks = message["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
    if blocks.len() > 50 {
        return Some(("invalid_blocks", format!("{} blocks", blocks.len())));
    }
    for block in blocks {
        let text = &block["text"];
        let long = |text: &Value, most: usize| text["text"].as_str().is_some_and(|text| text.chars().count() > most || text.is_empty());
        let wrong = match block["type"].as_str() {
            Some("header") => text["type"] != "plain_text" || !text["text"].is_string() || long(text, 150),
            Some("section") => {
                let fields = block["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
                (text.is_null() && fields.is_empty())
                    || (!text.is_null() && (text["type"] != "mrkdwn" || long(text, 3_000)))
                    || fields.len() > 10
                    || fields.iter().any(|field| field["type"] != "mrkdwn" || long(field, 2_000))
            }
            _ => true,
        };
        if wrong {
            return Some(("invalid_blocks", format!("a block that Slack does not take: {block}")));
        }
    }
    pings(message).then(|| ("invalid_payload", "it would ping the whole channel".to_owned()))
}

/// Whether a text of it calls everybody.
fn pings(value: &Value) -> bool {
    match value {
        Value::String(text) => ["<!channel", "<!here", "<!everyone"].iter().any(|call| text.contains(call)),
        Value::Array(all) => all.iter().any(pings),
        Value::Object(all) => all.values().any(pings),
        _ => false,
    }
}
