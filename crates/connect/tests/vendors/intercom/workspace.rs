//! A connector with the token of a simulated workspace.

use std::sync::Arc;
use std::time::Duration;

use entente_connect::connector::{Connector, Priority};
use entente_connect::look::{Look, ReadSpec};
use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings, Secret};
use entente_connect::write::{Write, WriteOutcome, WriteTarget};
use entente_model::clock::{Clock, Timestamp};
use entente_model::id::RecordId;
use entente_model::mapping::Role;
use entente_sims::faults::Faults;
use entente_sims::intercom::{Intercom, IntercomOptions, Kind};
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::stage::line::Line;
use crate::stage::rows::{map, read_on};
use crate::stage::time::Hands;
use crate::stage::{self, surroundings};

/// 2026-01-05T10:00:00Z, which is two in the morning where the workspace is.
pub const START_MS: i64 = 1_767_607_200_000;

pub struct Workspace {
    pub desk: Arc<dyn Connector>,
    pub sim: Intercom,
    pub line: Arc<Line>,
    pub hands: Arc<Hands>,
    pub mail: Mailroom,
    pub faults: Faults,
}

pub fn settings() -> ConnectionSettings {
    let auth = Auth::AccessToken { token: Secret::new("intercom-token") };
    let mut settings = stage::settings("intercom", Role::Support, "https://api.intercom.io", auth);
    settings.webhooks.signing_secret = Secret::new("intercom-client-secret");
    settings
}

impl Workspace {
    pub fn open() -> Self {
        Self::with(settings(), |_| {})
    }

    pub fn with(settings: ConnectionSettings, change: impl FnOnce(&mut IntercomOptions)) -> Self {
        Self::connect(settings, change).unwrap()
    }

    /// The same, or why the settings do not fit.
    pub fn connect(settings: ConnectionSettings, change: impl FnOnce(&mut IntercomOptions)) -> Result<Self, String> {
        let hands = Hands::at(START_MS);
        let mut options = IntercomOptions::new(hands.clock(), Profile::instant(), 7);
        change(&mut options);
        let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
        let sim = Intercom::new(options);
        for (kind, name, ty) in [
            (Kind::Company, "arr", "float"),
            (Kind::Company, "tier", "string"),
            (Kind::Company, "renewal", "date"),
            (Kind::Contact, "crm_id", "string"),
        ] {
            sim.add_attribute(kind, &map(json!({"name": name, "data_type": ty}))).unwrap();
        }
        let line = Line::to(sim.router());
        let desk = registry::connect(settings, surroundings(Arc::clone(&line) as _, &hands)).map_err(|error| error.to_string())?;
        Ok(Self { desk, sim, line, hands, mail, faults })
    }

    pub fn pass(&self, seconds: u64) {
        self.hands.pass(Duration::from_secs(seconds));
    }

    pub fn time(&self) -> Timestamp {
        self.hands.now()
    }

    /// A row made by a person at the desk.
    pub fn plant(&self, kind: Kind, fields: Value) -> String {
        self.sim.create(kind, &map(fields)).unwrap()
    }

    pub fn contact(&self, name: &str, email: &str) -> String {
        self.plant(Kind::Contact, json!({"name": name, "email": email}))
    }

    pub fn company(&self, key: &str, name: &str) -> String {
        self.plant(Kind::Company, json!({"company_id": key, "name": name}))
    }

    pub fn conversation(&self, contact: &str, body: &str) -> String {
        self.plant(Kind::Conversation, json!({"from": {"type": "user", "id": contact}, "body": body}))
    }

    pub fn edit(&self, kind: Kind, id: &str, fields: Value) {
        self.sim.update(kind, id, &map(fields)).unwrap();
    }

    pub fn manage(&self, conversation: &str, body: Value) {
        self.sim.manage(conversation, map(body)).unwrap();
    }

    pub fn row(&self, kind: Kind, id: &str) -> Value {
        self.sim.get(kind, id).unwrap()
    }

    /// How often a route was called.
    pub fn calls(&self, route: &str) -> u64 {
        self.sim.calls().by_route.get(route).copied().unwrap_or(0)
    }

    /// The id of a record that is made now.
    pub fn key(&self, prefix: &str, serial: u32) -> String {
        let ms = u128::try_from(self.hands.now_ms()).unwrap();
        RecordId::new(prefix, (ms << 80) | (7 << 76) | u128::from(serial)).to_string()
    }

    /// Reads on from a cursor until there is no more; the looks, and where to go on.
    pub async fn read_on(&self, read: &ReadSpec, cursor: Option<String>) -> (Vec<Look>, String) {
        read_on(self.desk.as_ref(), read, cursor).await
    }

    pub async fn fetch(&self, read: &ReadSpec, id: &str) -> Look {
        self.desk.fetch(read, &[id.to_owned()], Priority::Update).await.unwrap().remove(0)
    }

    pub async fn write(&self, object: &str, writes: &[Write]) -> Vec<WriteOutcome> {
        self.desk.write(&target(object), writes, Priority::Update).await.unwrap()
    }
}

pub fn target(object: &str) -> WriteTarget {
    let key_field = match object {
        "contact" => "external_id",
        "company" => "company_id",
        _ => "ticket_attributes.entente_id",
    };
    WriteTarget { object: object.to_owned(), key_field: key_field.to_owned() }
}
