//! Stories told to the API from outside, on a clock that stands still until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use super::{Zendesk, ZendeskOptions};
use crate::clock::SimClock;
use crate::mailroom::Delivery;
use crate::profile::Profile;

mod access;
mod exports;
mod jobs;
mod people;
mod speed;
mod tickets;
mod webhooks;

/// 2026-01-05T10:00:00Z.
const START_MS: i64 = 1_767_607_200_000;

/// An account with a clock to move and a client to ask.
struct World {
    sim: Zendesk,
    clock: Arc<AtomicI64>,
    options: ZendeskOptions,
    authorization: String,
}

/// An answer.
struct Got {
    status: u16,
    headers: http::HeaderMap,
    text: String,
    body: Value,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    fn new(profile: Profile) -> Self {
        Self::with(profile, |_| ())
    }

    fn with(profile: Profile, adjust: impl FnOnce(&mut ZendeskOptions)) -> Self {
        let clock = Arc::new(AtomicI64::new(START_MS));
        let mut options = ZendeskOptions::new(SimClock::virtual_at(clock.clone()), profile, 7);
        adjust(&mut options);
        let authorization = format!("Basic {}", STANDARD.encode("sync@acme.example/token:zendesk-api-token"));
        Self { sim: Zendesk::new(options.clone()), clock, options, authorization }
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Got {
        self.ask_as(&self.authorization, method, path, body).await
    }

    async fn ask_as(&self, authorization: &str, method: &str, path: &str, body: Value) -> Got {
        self.ask_keyed(authorization, "", method, path, body).await
    }

    /// Asks with an idempotency key, if one is given.
    async fn ask_keyed(&self, authorization: &str, key: &str, method: &str, path: &str, body: Value) -> Got {
        let path = if path.starts_with("/oauth") || path.starts_with("http") { path.to_owned() } else { format!("/api/v2/{path}") };
        let mut request =
            Request::builder().method(method).uri(path).header("host", "127.0.0.1:4321").header("content-type", "application/json");
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.sim.router().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Got { status: parts.status.as_u16(), headers: parts.headers, text, body }
    }

    async fn get(&self, path: &str) -> Got {
        self.ask("GET", path, Value::Null).await
    }

    async fn made(&self, path: &str, body: Value) -> u64 {
        let got = self.ask("POST", path, body).await;
        assert_eq!(got.status, 201, "{}", got.text);
        got.body.as_object().unwrap().values().next().unwrap()["id"].as_u64().unwrap()
    }

    /// A person of the account who is not the API's user.
    fn person(&self) -> u64 {
        self.sim.agents()[1].id
    }

    fn webhooks(&self) -> Vec<Delivery> {
        self.options.mailroom.take_due()
    }
}

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn strict() -> Profile {
    Profile { latency_ms: 0, network_ms: 0, ..Profile::zendesk_real() }
}

fn ids(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect()
}

fn user(name: &str, email: &str) -> Value {
    json!({"user": {"name": name, "email": email}})
}
