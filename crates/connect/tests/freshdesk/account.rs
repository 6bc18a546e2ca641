//! A connector with a key of a simulated account.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::connector::{Connector, Priority};
use entente_connect::look::{Look, ReadSpec};
use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_connect::transport::Surroundings;
use entente_connect::transport::wire::{Time, TokenVault, Tokens, Wire, WireError};
use entente_connect::write::{Write, WriteKind, WriteTarget};
use entente_model::clock::{Clock, Timestamp};
use entente_model::mapping::Role;
use entente_model::mapping::remote::Row;
use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::freshdesk::{Freshdesk, FreshdeskOptions, Kind};
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

/// 2026-01-05T10:00:00Z.
pub const START_MS: i64 = 1_767_607_200_000;

/// Time that moves by hand, or by sleeping.
pub struct Hands(pub Arc<AtomicI64>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

#[async_trait]
impl Time for Hands {
    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// A wire that ends in the simulator. Its bodies are kept, to see what was sent.
pub struct Line {
    router: axum::Router,
    pub sent: Mutex<Vec<(String, Value)>>,
}

#[async_trait]
impl Wire for Line {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Result<http::Response<Bytes>, WireError> {
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
        let path = parts.uri.path_and_query().unwrap().to_string();
        self.sent.lock().unwrap().push((format!("{} {path}", parts.method), serde_json::from_slice(&body).unwrap_or(Value::Null)));
        parts.headers.insert(http::header::HOST, host.parse().unwrap());
        let answer = self.router.clone().oneshot(http::Request::from_parts(parts, axum::body::Body::from(body))).await.unwrap();
        if answer.headers().contains_key("x-sim-hang") {
            return Err(WireError::TimedOut { host, seconds: timeout.as_secs() });
        }
        let (parts, body) = answer.into_parts();
        Ok(http::Response::from_parts(parts, axum::body::to_bytes(body, usize::MAX).await.unwrap()))
    }
}

#[derive(Default)]
struct Pocket(Mutex<BTreeMap<String, Tokens>>);

#[async_trait]
impl TokenVault for Pocket {
    async fn load(&self, connection: &str) -> Result<Option<Tokens>, String> {
        Ok(self.0.lock().unwrap().get(connection).cloned())
    }

    async fn save(&self, connection: &str, tokens: &Tokens) -> Result<(), String> {
        self.0.lock().unwrap().insert(connection.to_owned(), tokens.clone());
        Ok(())
    }
}

pub struct Account {
    pub desk: Arc<dyn Connector>,
    pub sim: Freshdesk,
    pub line: Arc<Line>,
    pub now: Arc<AtomicI64>,
    pub mail: Mailroom,
    pub faults: Faults,
}

pub fn settings() -> ConnectionSettings {
    ConnectionSettings {
        name: "freshdesk".to_owned(),
        platform: "freshdesk".to_owned(),
        role: Role::Support,
        base_url: "https://acme.freshdesk.com".parse().unwrap(),
        login_url: None,
        follow_instance_url: false,
        api_version: None,
        headers: BTreeMap::new(),
        proxy: None,
        auth: Auth::AccessToken { token: Secret::new("freshdesk-api-key") },
        webhooks: WebhookSettings::default(),
        actors: BTreeMap::new(),
        daily_calls: None,
    }
}

impl Account {
    pub fn open() -> Self {
        Self::with(settings(), |_| {})
    }

    pub fn with(settings: ConnectionSettings, change: impl FnOnce(&mut FreshdeskOptions)) -> Self {
        Self::connect(settings, change).unwrap()
    }

    /// The same, or why the settings do not fit.
    pub fn connect(settings: ConnectionSettings, change: impl FnOnce(&mut FreshdeskOptions)) -> Result<Self, String> {
        let now = Arc::new(AtomicI64::new(START_MS));
        let mut options = FreshdeskOptions::new(SimClock::virtual_at(Arc::clone(&now)), Profile::instant(), 7);
        change(&mut options);
        let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
        let sim = Freshdesk::new(options);
        for (kind, label) in
            [(Kind::Company, "Entente id"), (Kind::Ticket, "Entente id"), (Kind::Company, "Plan"), (Kind::Contact, "Crm id")]
        {
            sim.add_field(kind, &map(json!({"label": label, "type": "custom_text"}))).unwrap();
        }
        sim.add_field(Kind::Company, &map(json!({"label": "Arr", "type": "custom_decimal"}))).unwrap();
        let line = Arc::new(Line { router: sim.router(), sent: Mutex::default() });
        let surroundings = Surroundings {
            wire: Arc::clone(&line) as _,
            time: Arc::new(Hands(Arc::clone(&now))),
            vault: Arc::new(Pocket::default()),
            latency_target: Duration::from_secs(3),
        };
        let desk = registry::connect(settings, surroundings).map_err(|error| error.to_string())?;
        Ok(Self { desk, sim, line, now, mail, faults })
    }

    pub fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    pub fn time(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now.load(Ordering::SeqCst)).unwrap()
    }

    /// A row made by a person at the desk.
    pub fn plant(&self, kind: Kind, fields: Value) -> String {
        self.sim.create(kind, &map(fields)).unwrap().to_string()
    }

    pub fn contact(&self, name: &str, email: &str) -> String {
        self.plant(Kind::Contact, json!({"name": name, "email": email}))
    }

    pub fn ticket(&self, subject: &str) -> String {
        let fields =
            json!({"email": "ann@customer.example", "subject": subject, "description": "Help", "status": 2, "priority": 1, "source": 2});
        self.plant(Kind::Ticket, fields)
    }

    pub fn edit(&self, kind: Kind, id: &str, fields: Value) {
        self.sim.update(kind, id.parse().unwrap(), &map(fields)).unwrap();
    }

    pub fn row(&self, kind: Kind, id: &str) -> Value {
        self.sim.get(kind, id.parse().unwrap()).unwrap()
    }

    /// How often a route was called.
    pub fn calls(&self, route: &str) -> u64 {
        self.sim.calls().by_route.get(route).copied().unwrap_or(0)
    }

    /// Reads on from a cursor until there is no more; the looks, and where to go on.
    pub async fn read_on(&self, read: &ReadSpec, cursor: Option<String>) -> (Vec<Look>, String) {
        let mut cursor = cursor;
        let mut looks = Vec::new();
        loop {
            let page = self.desk.page(read, cursor.as_ref(), Priority::Backfill).await.unwrap();
            looks.extend(page.looks);
            cursor = Some(page.next);
            if !page.more {
                return (looks, cursor.unwrap());
            }
        }
    }

    pub async fn write(&self, object: &str, writes: &[Write]) -> Vec<entente_connect::write::WriteOutcome> {
        self.desk.write(&target(object), writes, Priority::Update).await.unwrap()
    }
}

pub fn target(object: &str) -> WriteTarget {
    let key_field = match object {
        "contact" => "unique_external_id",
        "company" => "company_fields.entente_id",
        _ => "ticket_fields.entente_id",
    };
    WriteTarget { object: object.to_owned(), key_field: key_field.to_owned() }
}

pub fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub fn spec(object: &str, fields: &[&str]) -> ReadSpec {
    ReadSpec { object: object.to_owned(), fields: fields.iter().map(|field| (*field).to_owned()).collect() }
}

pub fn create(key: &str, row: Value) -> Write {
    Write { kind: WriteKind::Create, key: key.to_owned(), id: None, row: map(row), expect: None }
}

pub fn update(id: &str, row: Value) -> Write {
    Write { kind: WriteKind::Update, key: String::new(), id: Some(id.to_owned()), row: map(row), expect: None }
}

pub fn delete(id: &str) -> Write {
    Write { kind: WriteKind::Delete, key: String::new(), id: Some(id.to_owned()), row: Row::new(), expect: None }
}

pub fn ids(looks: &[Look]) -> Vec<&str> {
    looks.iter().map(|look| look.id.as_str()).collect()
}
