//! A simulated account with a key.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::freshdesk::{Freshdesk, FreshdeskOptions, Kind};
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use http::{HeaderMap, Request};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

/// 2026-01-05T10:00:00.250Z.
pub const START_MS: i64 = 1_767_607_200_250;

pub struct Account {
    pub sim: Freshdesk,
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

    /// The answer to a call that shall work.
    pub fn ok(&self) -> Value {
        assert!(self.status < 300, "{} {}", self.status, self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Field and code of the first refused attribute.
    pub fn flaw(&self) -> (u16, String, String) {
        let body = self.json();
        let text = |name: &str| body["errors"][0][name].as_str().unwrap_or_default().to_owned();
        (self.status, text("field"), text("code"))
    }
}

impl Account {
    pub fn open() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut FreshdeskOptions)) -> Self {
        let now = Arc::new(AtomicI64::new(START_MS));
        let mut options = FreshdeskOptions::new(SimClock::virtual_at(Arc::clone(&now)), Profile::instant(), 7);
        change(&mut options);
        let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
        let sim = Freshdesk::new(options);
        for kind in [Kind::Company, Kind::Ticket] {
            sim.add_field(kind, &map(json!({"label": "Entente id", "type": "custom_text"}))).unwrap();
        }
        Self { sim, now, mail, faults }
    }

    pub fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    pub async fn call_as(&self, key: &str, method: &str, path: &str, body: Value) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v2/{path}"))
            .header("host", "acme.freshdesk.com")
            .header("content-type", "application/json")
            .header("authorization", format!("Basic {}", STANDARD.encode(format!("{key}:X"))));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.sim.router().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        self.call_as("freshdesk-api-key", method, path, body).await
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
    pub async fn make(&self, path: &str, body: Value) -> u64 {
        let made = self.post(path, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["id"].as_u64().unwrap()
    }

    pub async fn ticket(&self, subject: &str) -> u64 {
        self.make("tickets", ticket(subject)).await
    }
}

pub fn ticket(subject: &str) -> Value {
    json!({"email": "ann@customer.example", "subject": subject, "description": "Help", "status": 2, "priority": 1, "source": 2})
}

pub fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub fn ids(rows: &Value) -> Vec<u64> {
    rows.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}
