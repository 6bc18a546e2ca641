//! A portal of HubSpot.

use std::sync::Arc;

use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_model::mapping::Role;
use entente_sims::hubspot::{Hand, HubSpot, HubSpotOptions};
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::conformance::host::{Given, Host, Names};
use crate::stage;
use crate::stage::rows::map;
use crate::stage::time::Hands;

struct Portal(HubSpot);

pub fn start(hands: &Arc<Hands>) -> Given {
    let options = HubSpotOptions::new(hands.clock(), Profile::instant(), 7);
    let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
    let portal = HubSpot::new(options);
    let auth = Auth::RefreshToken {
        client_id: "hubspot-client".to_owned(),
        client_secret: Secret::new("hubspot-secret"),
        refresh_token: Secret::new("hubspot-refresh"),
    };
    let webhooks = WebhookSettings { organization: Some("62515".to_owned()), ..WebhookSettings::default() };
    let settings = ConnectionSettings { webhooks, ..stage::settings("hubspot", Role::Crm, "https://api.hubapi.com", auth) };
    Given { settings, router: portal.router(), mail, faults, host: Arc::new(Portal(portal)) }
}

impl Portal {
    fn person(&self) -> Hand {
        Hand::Person(self.0.owners()[0].user_id)
    }
}

impl Host for Portal {
    fn names(&self) -> Names {
        Names { object: "contacts", key: "entente_id", name: "lastname", email: "email", custom: ("", "") }
    }

    fn plant(&self, name: &str, email: &str) -> String {
        self.0.create("contacts", &map(json!({"lastname": name, "email": email})), self.person()).unwrap()
    }

    fn rename(&self, id: &str, name: &str) {
        self.0.update("contacts", id, &map(json!({"lastname": name})), self.person()).unwrap();
    }

    fn shown(&self, id: &str) -> Value {
        Value::Object(self.0.get("contacts", id).unwrap())
    }

    fn count(&self) -> usize {
        self.0.count("contacts")
    }

    fn delete(&self, id: &str) {
        self.0.archive("contacts", id, self.person()).unwrap();
    }

    fn restore(&self, id: &str) {
        self.0.restore("contacts", id, self.person()).unwrap();
    }

    fn merge(&self, loser: &str, winner: &str) -> (String, String) {
        let [loser, winner] = [loser, winner].map(|name| self.plant(name, &format!("{name}@merge.example")));
        let merged = self.0.merge("contacts", &winner, &loser, self.person()).unwrap();
        (loser, merged)
    }

    fn end_sessions(&self) {
        self.0.expire_sessions();
    }

    fn listen(&self, url: &str) {
        let events = ["creation", "propertyChange:lastname", "propertyChange:email", "deletion", "merge", "restore"];
        let names: Vec<String> = events.iter().map(|event| format!("contact.{event}")).collect();
        self.0.subscribe(url, &names.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    }
}
