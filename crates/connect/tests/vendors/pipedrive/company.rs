//! A connector with a token of a simulated company.

use std::sync::Arc;
use std::time::Duration;

use entente_connect::connector::{Connector, Priority};
use entente_connect::look::{Look, ReadSpec};
use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings, Secret};
use entente_connect::write::{Write, WriteOutcome, WriteTarget};
use entente_model::clock::{Clock, Timestamp};
use entente_model::mapping::Role;
use entente_sims::faults::Faults;
use entente_sims::mailroom::Mailroom;
use entente_sims::pipedrive::{Hand, Kind, Pipedrive, PipedriveOptions};
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::stage::line::Line;
use crate::stage::rows::{read_on, spec};
use crate::stage::time::Hands;
use crate::stage::{self, surroundings};

/// 2026-01-05T10:00:00Z.
pub const START_MS: i64 = 1_767_607_200_000;

/// The token of the integration's user.
pub const TOKEN: &str = "c0ffee5117e5c0ffee5117e5c0ffee5117e5c0ff";

pub struct Company {
    pub crm: Arc<dyn Connector>,
    pub sim: Pipedrive,
    pub line: Arc<Line>,
    pub hands: Arc<Hands>,
    pub mail: Mailroom,
    pub faults: Faults,
}

pub fn token() -> Auth {
    Auth::AccessToken { token: Secret::new(TOKEN) }
}

pub fn oauth() -> Auth {
    Auth::RefreshToken {
        client_id: "pipedrive-client".to_owned(),
        client_secret: Secret::new("pipedrive-secret"),
        refresh_token: Secret::new("pipedrive-refresh"),
    }
}

pub fn settings(auth: Auth) -> ConnectionSettings {
    stage::settings("pipedrive", Role::Crm, "https://acme.pipedrive.com", auth)
}

impl Company {
    pub fn open() -> Self {
        Self::with(settings(token()), |_| {})
    }

    pub fn with(settings: ConnectionSettings, change: impl FnOnce(&mut PipedriveOptions)) -> Self {
        Self::connect(settings, change).unwrap()
    }

    /// The same, or why the settings do not fit.
    pub fn connect(settings: ConnectionSettings, change: impl FnOnce(&mut PipedriveOptions)) -> Result<Self, String> {
        let hands = Hands::at(START_MS);
        let mut options = PipedriveOptions::new(hands.clock(), Profile::instant(), 7);
        change(&mut options);
        let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
        let sim = Pipedrive::new(options);
        for kind in [Kind::Person, Kind::Organization, Kind::Deal] {
            sim.add_field(kind, &json!({"field_name": "Entente id", "field_type": "varchar"})).unwrap();
        }
        sim.add_field(Kind::Organization, &json!({"field_name": "Entente plan", "field_type": "varchar"})).unwrap();
        sim.add_field(Kind::Organization, &json!({"field_name": "Entente arr", "field_type": "double"})).unwrap();
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
        Hand::Person(self.sim.sales_person())
    }

    /// A row made by a sales person.
    pub fn plant(&self, kind: Kind, fields: Value) -> String {
        self.sim.create(kind, &fields, self.person()).unwrap()
    }

    /// Somebody with an address.
    pub fn contact(&self, name: &str, email: &str) -> String {
        self.plant(Kind::Person, json!({"name": name, "emails": [{"value": email, "primary": true, "label": "work"}]}))
    }

    pub fn edit(&self, kind: Kind, id: &str, fields: Value) {
        self.sim.update(kind, id, &fields, self.person()).unwrap();
    }

    pub fn row(&self, kind: Kind, id: &str) -> Value {
        self.sim.get(kind, id).unwrap()
    }

    /// The value of a custom field by its name.
    pub fn custom(&self, kind: Kind, id: &str, name: &str) -> Value {
        self.row(kind, id)["custom_fields"][self.sim.code(kind, name).unwrap()].clone()
    }

    /// How often a route was called.
    pub fn calls(&self, route: &str) -> u64 {
        self.sim.calls().by_route.get(route).copied().unwrap_or(0)
    }

    /// Reads on from a cursor until there is no more; the looks, and where to go on.
    pub async fn read_on(&self, read: &ReadSpec, cursor: Option<String>) -> (Vec<Look>, String) {
        read_on(self.crm.as_ref(), read, cursor).await
    }

    pub async fn write(&self, object: &str, writes: &[Write]) -> Vec<WriteOutcome> {
        self.crm.write(&target(object), writes, Priority::Update).await.unwrap()
    }

    /// One row by id.
    pub async fn fetch(&self, read: &ReadSpec, id: &str) -> Look {
        self.crm.fetch(read, &[id.to_owned()], Priority::Update).await.unwrap().remove(0)
    }
}

pub fn target(object: &str) -> WriteTarget {
    WriteTarget { object: object.to_owned(), key_field: "entente_id".to_owned() }
}

pub fn persons(fields: &[&str]) -> ReadSpec {
    spec("persons", fields)
}
