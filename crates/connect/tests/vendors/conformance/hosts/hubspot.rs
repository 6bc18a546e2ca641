//! A portal of HubSpot.

use std::sync::Arc;

use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_model::mapping::Role;
use entente_sims::hubspot::{Hand, HubSpot, HubSpotOptions};
use entente_sims::mailroom::Delivery;
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::conformance::host::{Again, Given, Host, Names, told_otherwise};
use crate::conformance::things::About;
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

    fn make(&self, called: &str, title: &str, about: &About) -> String {
        let row = match called {
            "companies" => json!({"name": title}),
            "tickets" => json!({"subject": title, "hs_pipeline": "0", "hs_pipeline_stage": "1"}),
            "tasks" => json!({"hs_task_subject": title, "hs_timestamp": "2026-01-05T09:00:00Z"}),
            _ => json!({"dealname": title, "dealstage": "contractsent"}),
        };
        let made = self.0.create(called, &map(row), self.person()).unwrap();
        if called != "companies" {
            self.0.associate((called, &made), ("companies", &about.company), false, self.person()).unwrap();
        }
        made
    }

    fn retitle(&self, called: &str, id: &str, title: &str) {
        let name = match called {
            "companies" => "name",
            "tickets" => "subject",
            "tasks" => "hs_task_subject",
            _ => "dealname",
        };
        self.0.update(called, id, &map(json!({name: title})), self.person()).unwrap();
    }

    fn remove(&self, called: &str, id: &str) {
        self.0.archive(called, id, self.person()).unwrap();
    }

    fn bring_back(&self, called: &str, id: &str) -> bool {
        self.0.restore(called, id, self.person()).is_ok()
    }

    fn join(&self, called: &str, loser: &str, winner: &str) -> Option<String> {
        self.0.merge(called, winner, loser, self.person()).ok()
    }

    fn sent_again(&self, letter: &Delivery) -> Again {
        let repeat = Delivery { attempt: letter.attempt + 1, ..letter.clone() };
        // Events may come in other company: one by one, and under the id of another subscription to the same.
        let alone = told_otherwise(letter, |events| *events = Value::from(vec![events[0].clone()]));
        let other = told_otherwise(letter, |events| {
            for event in events.as_array_mut().unwrap() {
                event["subscriptionId"] = json!(999);
                event["eventId"] = json!(event["eventId"].as_u64().unwrap() + 7);
            }
        });
        Again { repeat, others: vec![alone, other] }
    }

    fn end_sessions(&self) {
        self.0.expire_sessions();
    }

    fn listen(&self, url: &str, object: &str, field: &str) {
        let (named, ty) = match object {
            "contacts" => ("contact", ""),
            "companies" => ("company", ""),
            "tickets" => ("ticket", ""),
            "deals" => ("deal", ""),
            _ => ("object", ":0-27"),
        };
        let events = ["creation", "deletion", "merge", "restore", "associationChange"].map(|event| format!("{named}.{event}{ty}"));
        let changes = format!("{named}.propertyChange{ty}:{field}");
        let names: Vec<&str> = events.iter().chain([&changes]).map(String::as_str).collect();
        self.0.subscribe(url, &names).unwrap();
    }
}
