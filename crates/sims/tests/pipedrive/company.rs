//! A simulated company and a client with its user's token.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use entente_sims::clock::SimClock;
use entente_sims::mailroom::Mailroom;
use entente_sims::pipedrive::{Hand, Kind, Pipedrive, PipedriveOptions};
use entente_sims::profile::Profile;
use http::{HeaderMap, Request};
use serde_json::Value;
use tower::ServiceExt;

/// 2026-01-05T10:00:00Z.
const START_MS: i64 = 1_767_607_200_000;

pub struct Company {
    pub sim: Pipedrive,
    pub mail: Mailroom,
    now: Arc<AtomicI64>,
    token: String,
}

pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Ids of the rows of a list.
    pub fn ids(&self) -> Vec<u64> {
        self.body["data"].as_array().into_iter().flatten().filter_map(|row| row["id"].as_u64()).collect()
    }
}

impl Company {
    pub fn open() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut PipedriveOptions)) -> Self {
        let now = Arc::new(AtomicI64::new(START_MS));
        let mut options = PipedriveOptions::new(SimClock::virtual_at(Arc::clone(&now)), Profile::instant(), 7);
        change(&mut options);
        let (mail, token) = (options.mailroom.clone(), options.api_token.clone());
        Self { sim: Pipedrive::new(options), mail, now, token }
    }

    pub fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    pub fn person(&self) -> Hand {
        Hand::Person(self.sim.sales_person())
    }

    /// A row made by a sales person; its id.
    pub fn plant(&self, kind: Kind, fields: Value) -> String {
        self.sim.create(kind, &fields, self.person()).unwrap()
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("https://acme.pipedrive.com{path}"));
        request = request.header("x-api-token", &self.token).header("content-type", "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.sim.router().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    /// The status that the app hears with an access token.
    pub async fn as_app(&self, session: &str) -> u16 {
        let request = Request::get("https://acme.pipedrive.com/v1/users/me").header("authorization", format!("Bearer {session}"));
        self.sim.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await
    }
}
