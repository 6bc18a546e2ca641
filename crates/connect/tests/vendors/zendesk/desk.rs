//! A scripted Zendesk: answers by closure, on a clock that moves when somebody sleeps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_connect::transport::wire::{Wire, WireError};
use entente_connect::vendors::zendesk::{Tuning, Zendesk};
use entente_model::clock::{Clock, Timestamp};
use entente_model::mapping::Role;
use http::{Request, Response};
use serde_json::{Value, json};

use crate::stage::time::Hands;
use crate::stage::{self, surroundings};

/// Signing secret of all webhooks here: the vendor's fixed one for test deliveries.
pub const SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

/// The clock's start: 2026-01-02T10:00:00Z.
pub const START_MS: i64 = 1_767_348_000_000;

/// One call as the desk sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub body: Value,
    pub authorization: String,
    pub idempotency_key: String,
    pub at_ms: i64,
}

impl Seen {
    /// `GET /api/v2/users/me` without the prefix: `GET users/me`.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path.trim_start_matches("/api/v2/").trim_start_matches('/'))
    }

    pub fn q(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

/// What the desk says.
pub struct Said {
    pub status: u16,
    pub body: String,
    pub headers: Vec<(&'static str, String)>,
}

pub fn ok(body: Value) -> Said {
    said(200, body)
}

pub fn said(status: u16, body: Value) -> Said {
    Said { status, body: if body.is_null() { String::new() } else { body.to_string() }, headers: Vec::new() }
}

impl Said {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

type Script = Box<dyn FnMut(&Seen) -> Said + Send>;

struct Line {
    script: Mutex<Script>,
    calls: Arc<Mutex<Vec<Seen>>>,
    hands: Arc<Hands>,
    staff_asked: Mutex<bool>,
}

#[async_trait]
impl Wire for Line {
    async fn send(&self, request: Request<Bytes>, _timeout: Duration) -> Result<Response<Bytes>, WireError> {
        let url = url::Url::parse(&request.uri().to_string()).unwrap();
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let seen = Seen {
            method: request.method().to_string(),
            path: url.path().to_owned(),
            query: url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
            body: serde_json::from_slice(request.body()).unwrap_or(Value::Null),
            authorization: header("authorization"),
            idempotency_key: header("idempotency-key"),
            at_ms: self.hands.now_ms(),
        };
        tokio::task::yield_now().await;
        let said = match self.about_staff(&seen) {
            Some(said) => said,
            None => {
                self.calls.lock().unwrap().push(seen.clone());
                (self.script.lock().unwrap())(&seen)
            }
        };
        let mut response = Response::builder().status(said.status);
        for (name, value) in said.headers {
            response = response.header(name, value);
        }
        Ok(response.body(Bytes::from(said.body)).unwrap())
    }
}

impl Line {
    /// The list of staff, which pages bring along, and the question who we are right after it: no story is about them.
    fn about_staff(&self, seen: &Seen) -> Option<Said> {
        let mut asked = self.staff_asked.lock().unwrap();
        let (list, me) = (seen.query.contains_key("role[]"), seen.route() == "GET users/me");
        let answers = list || (me && *asked);
        *asked = list;
        let admin = json!({"id": 900, "name": "Admin", "email": "admin@acme.example", "role": "admin"});
        let agent = json!({"id": 901, "name": "Cora", "email": "cora@acme.example", "role": "agent"});
        answers.then(|| ok(if me { json!({"user": admin}) } else { json!({"users": [admin, agent], "meta": {"has_more": false}}) }))
    }
}

/// A connector on the phone with a scripted desk.
pub struct Desk {
    pub zendesk: Zendesk,
    pub calls: Arc<Mutex<Vec<Seen>>>,
    pub hands: Arc<Hands>,
}

pub fn api_token() -> Auth {
    Auth::ApiToken { email: "admin@acme.example".to_owned(), token: Secret::new("t0ken-of-acme") }
}

pub fn desk(script: impl FnMut(&Seen) -> Said + Send + 'static) -> Desk {
    desk_with(api_token(), script)
}

pub fn desk_with(auth: Auth, script: impl FnMut(&Seen) -> Said + Send + 'static) -> Desk {
    let hands = Hands::at(START_MS);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let line =
        Line { script: Mutex::new(Box::new(script)), calls: Arc::clone(&calls), hands: Arc::clone(&hands), staff_asked: Mutex::new(false) };
    let webhooks = WebhookSettings { signing_secret: Secret::new(SECRET), ..WebhookSettings::default() };
    let settings = ConnectionSettings { webhooks, ..stage::settings("zendesk", Role::Support, "https://acme.zendesk.com", auth) };
    let surroundings = surroundings(Arc::new(line), &hands);
    Desk { zendesk: Zendesk::new(settings, surroundings, Tuning::default()).unwrap(), calls, hands }
}

impl Desk {
    pub fn routes(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(Seen::route).collect()
    }

    pub fn count(&self, route: &str) -> usize {
        self.routes().iter().filter(|made| *made == route).count()
    }

    pub fn now(&self) -> Timestamp {
        self.hands.now()
    }
}

pub fn user(id: u64, name: &str) -> Value {
    json!({
        "id": id, "name": name, "email": format!("{}@example.com", name.to_lowercase()), "active": true, "role": "end-user", "phone": null,
        "external_id": null, "organization_id": null, "tags": [], "updated_at": "2026-01-01T09:00:00Z", "user_fields": {"plan_tier": null},
    })
}

pub fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}
