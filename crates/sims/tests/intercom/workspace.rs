//! A simulated workspace with a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::intercom::{Intercom, IntercomOptions};
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use http::{HeaderMap, Request};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

/// 2026-01-05T10:00:00.250Z.
pub const START_MS: i64 = 1_767_607_200_250;

pub struct Workspace {
    pub sim: Intercom,
    pub now: Arc<AtomicI64>,
    pub mail: Mailroom,
    pub faults: Faults,
}

pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The answer to a call that shall work: always 200.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, String) {
        let body = self.json();
        assert_eq!(body["type"], "error.list", "{body}");
        (self.status, body["errors"][0]["code"].as_str().unwrap_or_default().to_owned())
    }

    pub fn message(&self) -> String {
        self.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned()
    }
}

impl Workspace {
    pub fn open() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut IntercomOptions)) -> Self {
        let now = Arc::new(AtomicI64::new(START_MS));
        let mut options = IntercomOptions::new(SimClock::virtual_at(Arc::clone(&now)), Profile::instant(), 7);
        change(&mut options);
        let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
        Self { sim: Intercom::new(options), now, mail, faults }
    }

    pub fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    pub async fn call_as(&self, token: &str, version: &str, method: &str, path: &str, body: Value) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "api.intercom.io")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        if !version.is_empty() {
            request = request.header("intercom-version", version);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.sim.router().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        self.call_as("intercom-token", "2.16", method, path, body).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.call("PUT", path, body).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, Value::Null).await
    }

    /// A row made over the API; its id.
    pub async fn make(&self, path: &str, body: Value) -> String {
        self.post(path, body).await.ok()["id"].as_str().unwrap().to_owned()
    }

    pub async fn contact(&self, email: &str) -> String {
        self.make("/contacts", json!({"email": email})).await
    }

    pub async fn conversation(&self, contact: &str, body: &str) -> String {
        let made = self.post("/conversations", json!({"from": {"type": "user", "id": contact}, "body": body})).await.ok();
        assert_eq!(made["type"], "user_message");
        made["conversation_id"].as_str().unwrap().to_owned()
    }

    pub fn us(&self) -> String {
        self.sim.admins()[0].id.clone()
    }
}

pub fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub fn ids(rows: &Value) -> Vec<String> {
    rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}
