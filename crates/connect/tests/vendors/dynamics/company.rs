//! A connector that is signed in at a simulated environment.

use std::sync::Arc;
use std::time::Duration;

use entente_connect::connector::{Connector, Priority};
use entente_connect::look::{Look, ReadSpec};
use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings, Secret};
use entente_connect::write::{Write, WriteOutcome, WriteTarget};
use entente_model::mapping::Role;
use entente_sims::dynamics::{Dynamics, DynamicsOptions, Hand};
use entente_sims::faults::Faults;
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::stage::line::Line;
use crate::stage::rows::{read_on, spec};
use crate::stage::time::Hands;
use crate::stage::{self, surroundings};

/// 2026-01-05T10:00:00Z.
pub const START_MS: i64 = 1_767_607_200_000;

pub struct Company {
    pub crm: Arc<dyn Connector>,
    pub sim: Dynamics,
    pub line: Arc<Line>,
    pub hands: Arc<Hands>,
    pub mail: Mailroom,
    pub faults: Faults,
}

pub fn settings(secret: &str) -> ConnectionSettings {
    let auth = Auth::ClientCredentials { client_id: "dynamics-client".to_owned(), client_secret: Secret::new(secret) };
    let mut settings = stage::settings("dynamics", Role::Crm, "https://acme.crm.dynamics.com", auth);
    settings.login_url = "https://login.microsoftonline.com/7c1f6d1e-6a5b-4d1b-9f0e-2b6c7d8e9f01".parse().ok();
    settings
}

pub fn text_column(schema_name: &str) -> Value {
    let label = json!({"LocalizedLabels": [{"Label": schema_name, "LanguageCode": 1033}]});
    json!({"@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "SchemaName": schema_name, "MaxLength": 255, "DisplayName": label})
}

impl Company {
    /// With Entente's key at accounts, contacts and cases.
    pub fn open() -> Self {
        let company = Self::with(settings("dynamics-secret"), |_| {}).unwrap();
        for set in ["accounts", "contacts", "incidents"] {
            company.sim.add_column(set, &text_column("entente_Id")).unwrap();
            company.sim.add_key(set, "entente_Id_Key", &["entente_id"]).unwrap();
        }
        company
    }

    /// A bare environment, or why the settings do not fit.
    pub fn with(settings: ConnectionSettings, change: impl FnOnce(&mut DynamicsOptions)) -> Result<Self, String> {
        let hands = Hands::at(START_MS);
        let mut options = DynamicsOptions::new(hands.clock(), Profile::instant(), 7);
        change(&mut options);
        let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
        let sim = Dynamics::new(options);
        let line = Line::to(sim.router());
        let crm = registry::connect(settings, surroundings(Arc::clone(&line) as _, &hands)).map_err(|error| error.to_string())?;
        Ok(Self { crm, sim, line, hands, mail, faults })
    }

    pub fn pass(&self, seconds: u64) {
        self.hands.pass(Duration::from_secs(seconds));
    }

    pub fn person(&self) -> Hand {
        Hand::Person(self.sim.sales_person())
    }

    /// A row made by a sales person.
    pub fn plant(&self, set: &str, body: Value) -> String {
        self.sim.create(set, &body, &self.person()).unwrap()
    }

    pub fn edit(&self, set: &str, id: &str, body: Value) {
        self.sim.update(set, id, &body, &self.person()).unwrap();
    }

    pub fn row(&self, set: &str, id: &str) -> Value {
        self.sim.get(set, id).unwrap()
    }

    /// How often a route was called.
    pub fn calls(&self, route: &str) -> u64 {
        self.sim.calls().by_route.get(route).copied().unwrap_or(0)
    }

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

pub fn accounts(fields: &[&str]) -> ReadSpec {
    spec("accounts", fields)
}
