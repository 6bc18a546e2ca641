//! A connector with a key of a simulated account.

use std::sync::Arc;
use std::time::Duration;

use entente_connect::connector::{Connector, Priority};
use entente_connect::look::{Look, ReadSpec};
use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings, Secret};
use entente_connect::write::{Write, WriteTarget};
use entente_model::clock::{Clock, Timestamp};
use entente_model::mapping::Role;
use entente_sims::faults::Faults;
use entente_sims::freshdesk::{Freshdesk, FreshdeskOptions, Kind};
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::stage::line::Line;
use crate::stage::rows::{map, read_on};
use crate::stage::time::Hands;
use crate::stage::{self, surroundings};

/// 2026-01-05T10:00:00Z.
pub const START_MS: i64 = 1_767_607_200_000;

pub struct Account {
    pub desk: Arc<dyn Connector>,
    pub sim: Freshdesk,
    pub line: Arc<Line>,
    pub hands: Arc<Hands>,
    pub mail: Mailroom,
    pub faults: Faults,
}

pub fn settings() -> ConnectionSettings {
    let auth = Auth::AccessToken { token: Secret::new("freshdesk-api-key") };
    stage::settings("freshdesk", Role::Support, "https://acme.freshdesk.com", auth)
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
        let hands = Hands::at(START_MS);
        let mut options = FreshdeskOptions::new(hands.clock(), Profile::instant(), 7);
        change(&mut options);
        let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
        let sim = Freshdesk::new(options);
        for (kind, label) in
            [(Kind::Company, "Entente id"), (Kind::Ticket, "Entente id"), (Kind::Company, "Plan"), (Kind::Contact, "Crm id")]
        {
            sim.add_field(kind, &map(json!({"label": label, "type": "custom_text"}))).unwrap();
        }
        sim.add_field(Kind::Company, &map(json!({"label": "Arr", "type": "custom_decimal"}))).unwrap();
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
        read_on(self.desk.as_ref(), read, cursor).await
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
