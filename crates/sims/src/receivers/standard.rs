//! A receiver of Standard Webhooks 1.0.0: it verifies the signature over the raw body, refuses what is older than five minutes, and takes an
//! event once, whatever number of attempts brought it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use ring::hmac;
use serde_json::Value;

use super::{Desk, listen};
use crate::clock::SimClock;

/// The key that both sides have.
const KEY: [u8; 32] =
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31];

/// Seconds that an event may be old, or ahead.
const TOLERANCE_S: i64 = 5 * 60;

/// A receiver.
#[derive(Debug, Clone)]
pub struct StandardReceiver {
    desk: Desk,
    /// Its address.
    pub address: String,
    /// The secret that events are signed with, as it is handed out.
    pub secret: String,
}

impl StandardReceiver {
    /// Starts it.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> std::io::Result<Self> {
        let desk = Desk::default();
        let router = Router::new().route("/in", post(receive)).with_state(desk.clone());
        let bound = listen(router).await?;
        Ok(Self { desk, address: format!("http://{bound}/in"), secret: format!("whsec_{}", STANDARD.encode(KEY)) })
    }

    /// Events that were taken, each once, with the id that they came under as `id`.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.desk.taken()
    }

    /// What was wrong with what came.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        self.desk.wrong()
    }

    /// Has the next event be refused.
    pub fn refuse(&self, status: u16) {
        self.desk.refuse(status, "");
    }
}

async fn receive(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some((status, _)) = desk.refusal() {
        return StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST).into_response();
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (id, time, signatures) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let mut signed = format!("{id}.{time}.").into_bytes();
    signed.extend_from_slice(&body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &KEY);
    let genuine = signatures
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .any(|one| STANDARD.decode(one).is_ok_and(|tag| hmac::verify(&key, &signed, &tag).is_ok()));
    let now = SimClock::wall().now_ms() / 1_000;
    let fresh = time.parse::<i64>().is_ok_and(|time| (time - now).abs() <= TOLERANCE_S);
    if id.is_empty() || !genuine || !fresh {
        desk.complain(format!("id `{id}`, genuine {genuine}, fresh {fresh}"));
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(mut event) = serde_json::from_slice::<Value>(&body) else {
        desk.complain("the body is no JSON");
        return StatusCode::BAD_REQUEST.into_response();
    };
    let named = event["type"]
        .as_str()
        .is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_'));
    if !named || !event["timestamp"].is_string() || !event["data"].is_object() {
        desk.complain(format!("no event: {event}"));
        return StatusCode::BAD_REQUEST.into_response();
    }
    if !desk.taken().iter().any(|known| known["id"] == id.as_str()) {
        event["id"] = id.into();
        desk.take(event);
    }
    StatusCode::NO_CONTENT.into_response()
}
