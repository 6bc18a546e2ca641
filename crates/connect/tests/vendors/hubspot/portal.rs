//! A connector signed in at a simulated portal.

use std::sync::Arc;
use std::time::Duration;

use entente_connect::connector::{Connector, Priority};
use entente_connect::look::{Look, ReadSpec};
use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_connect::write::{Write, WriteTarget};
use entente_model::clock::{Clock, Timestamp};
use entente_model::mapping::Role;
use entente_sims::faults::Faults;
use entente_sims::hubspot::{Hand, HubSpot, HubSpotOptions};
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::stage::line::Line;
use crate::stage::rows::{map, read_on, spec};
use crate::stage::time::Hands;
use crate::stage::{self, surroundings};

/// 2026-01-05T10:00:00Z.
pub const START_MS: i64 = 1_767_607_200_000;

pub struct Portal {
    pub crm: Arc<dyn Connector>,
    pub sim: HubSpot,
    pub line: Arc<Line>,
    pub hands: Arc<Hands>,
    pub mail: Mailroom,
    pub faults: Faults,
}

pub fn oauth() -> Auth {
    Auth::RefreshToken {
        client_id: "hubspot-client".to_owned(),
        client_secret: Secret::new("hubspot-secret"),
        refresh_token: Secret::new("hubspot-refresh"),
    }
}

pub fn key() -> Auth {
    Auth::AccessToken { token: Secret::new("pat-na1-sim-key") }
}

pub fn settings(auth: Auth) -> ConnectionSettings {
    let webhooks = WebhookSettings { organization: Some("62515".to_owned()), ..WebhookSettings::default() };
    ConnectionSettings { webhooks, ..stage::settings("hubspot", Role::Crm, "https://api.hubapi.com", auth) }
}

impl Portal {
    pub fn open() -> Self {
        Self::with(settings(oauth()), |_| {})
    }

    pub fn with(settings: ConnectionSettings, change: impl FnOnce(&mut HubSpotOptions)) -> Self {
        Self::connect(settings, change).unwrap()
    }

    /// The same, or why the settings do not fit.
    pub fn connect(settings: ConnectionSettings, change: impl FnOnce(&mut HubSpotOptions)) -> Result<Self, String> {
        let hands = Hands::at(START_MS);
        let mut options = HubSpotOptions::new(hands.clock(), Profile::instant(), 7);
        change(&mut options);
        let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
        let sim = HubSpot::new(options);
        for (object, group) in [("contacts", "contact"), ("companies", "company"), ("tasks", "task")] {
            let key = json!({"name": "entente_id", "label": "Entente id", "type": "string", "fieldType": "text",
                             "groupName": format!("{group}information"), "hasUniqueValue": true});
            sim.add_property(object, &key).unwrap();
        }
        let line = Line::to(sim.router());
        let crm = registry::connect(settings, surroundings(Arc::clone(&line) as _, &hands)).map_err(|error| error.to_string())?;
        Ok(Self { crm, sim, line, hands, mail, faults })
    }

    pub fn pass(&self, seconds: u64) {
        self.hands.pass(Duration::from_secs(seconds));
    }

    pub fn time(&self) -> Timestamp {
        self.hands.now()
    }

    pub fn person(&self) -> Hand {
        Hand::Person(self.sim.owners()[0].user_id)
    }

    /// A record made by a person in the portal.
    pub fn plant(&self, object: &str, properties: Value) -> String {
        self.sim.create(object, &map(properties), self.person()).unwrap()
    }

    pub fn edit(&self, object: &str, id: &str, properties: Value) {
        self.sim.update(object, id, &map(properties), self.person()).unwrap();
    }

    /// A call to the portal as somebody else's program makes it, and its answer.
    pub async fn send(&self, method: &str, path: &str, body: Value) -> Value {
        use tower::ServiceExt;
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("authorization", "Bearer pat-na1-sim-key")
            .body(axum::body::Body::from(body.to_string()))
            .unwrap();
        let answer = self.sim.router().oneshot(request).await.unwrap();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }

    /// How often a route was called, versions taken out.
    pub fn calls(&self, route: &str) -> u64 {
        self.sim.calls().by_route.get(route).copied().unwrap_or(0)
    }

    /// Reads on from a cursor until there is no more; the looks, and where to go on.
    pub async fn read_on(&self, read: &ReadSpec, cursor: Option<String>) -> (Vec<Look>, String) {
        read_on(self.crm.as_ref(), read, cursor).await
    }

    /// Writes contacts; the outcomes.
    pub async fn write(&self, object: &str, writes: &[Write]) -> Vec<entente_connect::write::WriteOutcome> {
        self.crm.write(&target(object), writes, Priority::Update).await.unwrap()
    }
}

pub fn target(object: &str) -> WriteTarget {
    WriteTarget { object: object.to_owned(), key_field: "entente_id".to_owned() }
}

pub fn contacts(fields: &[&str]) -> ReadSpec {
    spec("contacts", fields)
}
