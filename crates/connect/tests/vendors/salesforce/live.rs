//! A connector signed in at a simulated org.

use std::sync::Arc;

use entente_connect::connector::Connector;
use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings, Secret};
use entente_connect::write::WriteTarget;
use entente_model::mapping::Role;
use entente_sims::faults::Faults;
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use entente_sims::salesforce::{FieldSpec, Salesforce, SalesforceOptions};
use serde_json::{Value, json};

use crate::stage::line::Line;
use crate::stage::rows::map;
use crate::stage::time::Hands;
use crate::stage::{self, surroundings};

/// 2026-01-05T10:00:00Z.
pub const START_MS: i64 = 1_767_607_200_000;

/// Time that a bulk job takes there.
pub const JOB_MS: u64 = 20_000;

pub struct Live {
    pub crm: Arc<dyn Connector>,
    pub sim: Salesforce,
    pub line: Arc<Line>,
    pub hands: Arc<Hands>,
    pub faults: Faults,
    pub mail: Mailroom,
}

pub fn settings() -> ConnectionSettings {
    let auth = Auth::ClientCredentials { client_id: "sim-client".to_owned(), client_secret: Secret::new("sim-secret") };
    stage::settings("salesforce", Role::Crm, "https://acme.my.salesforce.com", auth)
}

impl Live {
    pub fn open() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: ConnectionSettings) -> Self {
        let hands = Hands::at(START_MS);
        let faults = Faults::none(7);
        let mail = Mailroom::new(hands.clock(), faults.clone());
        let profile = Profile { job_ms: JOB_MS, ..Profile::instant() };
        let sim = Salesforce::new(SalesforceOptions::new(hands.clock(), profile, 7, faults.clone(), mail.clone()));
        for object in ["Account", "Contact", "Task"] {
            sim.add_field(object, FieldSpec::external_id("Entente_Id__c")).unwrap();
        }
        let line = Line::to(sim.router());
        let crm = registry::connect(settings, surroundings(Arc::clone(&line) as _, &hands)).map_err(|error| error.to_string()).unwrap();
        Self { crm, sim, line, hands, faults, mail }
    }

    /// Another process with the same connection.
    pub fn beside(&self) -> Arc<dyn Connector> {
        self.with_settings(settings())
    }

    /// Another connection to the same org.
    pub fn with_settings(&self, settings: ConnectionSettings) -> Arc<dyn Connector> {
        let surroundings = surroundings(Arc::clone(&self.line) as _, &self.hands);
        registry::connect(settings, surroundings).map_err(|error| error.to_string()).unwrap()
    }

    pub fn add(&self, object: &str, fields: Value) -> String {
        self.sim.insert(object, &map(fields), &self.sim.users().sales[0]).unwrap()
    }

    /// That many contacts, each with its number for a name.
    pub fn people(&self, many: usize) {
        for n in 0..many {
            self.add("Contact", json!({"LastName": format!("Nr {n}")}));
        }
    }

    pub fn calls(&self, kind: &str) -> u64 {
        self.crm.counts().by_kind.get(kind).copied().unwrap_or(0)
    }
}

pub fn target(object: &str) -> WriteTarget {
    WriteTarget { object: object.to_owned(), key_field: "Entente_Id__c".to_owned() }
}
