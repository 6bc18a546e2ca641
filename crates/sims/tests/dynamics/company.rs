//! A simulated environment and a client with a token for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use entente_sims::clock::SimClock;
use entente_sims::dynamics::{Dynamics, DynamicsOptions, Hand};
use entente_sims::profile::Profile;
use http::{HeaderMap, Request};
use serde_json::Value;
use tower::ServiceExt;

/// 2026-01-05T10:00:00Z.
const START_MS: i64 = 1_767_607_200_000;

pub struct Company {
    pub sim: Dynamics,
    now: Arc<AtomicI64>,
}

pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn rows(&self) -> &[Value] {
        self.body["value"].as_array().unwrap()
    }

    /// Path of a link.
    pub fn link(&self, name: &str) -> Option<String> {
        self.body[name].as_str().map(|link| link.replace("https://acme.crm.dynamics.com", ""))
    }
}

impl Company {
    pub fn with(change: impl FnOnce(&mut DynamicsOptions)) -> Self {
        let now = Arc::new(AtomicI64::new(START_MS));
        let mut options = DynamicsOptions::new(SimClock::virtual_at(Arc::clone(&now)), Profile::instant(), 7);
        change(&mut options);
        Self { sim: Dynamics::new(options), now }
    }

    pub fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// An account made by a sales person; its id.
    pub fn account(&self, name: &str) -> String {
        self.sim.create("accounts", &serde_json::json!({"name": name}), &Hand::Person(self.sim.sales_person())).unwrap()
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("https://acme.crm.dynamics.com{path}"));
        request = request.header("authorization", format!("Bearer {}", self.sim.session()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.sim.router().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply { status: parts.status.as_u16(), headers: parts.headers, text, body }
    }

    pub async fn get(&self, path: &str, prefer: &str) -> Reply {
        self.send("GET", path, &[("prefer", prefer)], "").await
    }
}
