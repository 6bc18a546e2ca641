//! An account of Freshdesk.

use std::sync::Arc;

use entente_connect::settings::{Auth, Secret};
use entente_model::mapping::Role;
use entente_sims::freshdesk::{Freshdesk, FreshdeskOptions, Kind};
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::conformance::host::{Given, Host, Names};
use crate::conformance::things::About;
use crate::stage;
use crate::stage::rows::map;
use crate::stage::time::Hands;

struct Account(Freshdesk);

pub fn start(hands: &Arc<Hands>) -> Given {
    let options = FreshdeskOptions::new(hands.clock(), Profile::instant(), 7);
    let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
    let account = Freshdesk::new(options);
    let auth = Auth::AccessToken { token: Secret::new("freshdesk-api-key") };
    let settings = stage::settings("freshdesk", Role::Support, "https://acme.freshdesk.com", auth);
    Given { settings, router: account.router(), mail, faults, host: Arc::new(Account(account)) }
}

fn number(id: &str) -> u64 {
    id.parse().unwrap()
}

impl Host for Account {
    fn names(&self) -> Names {
        Names { object: "contact", key: "unique_external_id", name: "name", email: "email", custom: ("contact_fields.", "") }
    }

    fn plant(&self, name: &str, email: &str) -> String {
        self.0.create(Kind::Contact, &map(json!({"name": name, "email": email}))).unwrap().to_string()
    }

    fn rename(&self, id: &str, name: &str) {
        self.0.update(Kind::Contact, number(id), &map(json!({"name": name}))).unwrap();
    }

    fn shown(&self, id: &str) -> Value {
        self.0.get(Kind::Contact, number(id)).unwrap()
    }

    fn count(&self) -> usize {
        self.0.rows(Kind::Contact).len()
    }

    fn delete(&self, id: &str) {
        self.0.delete(Kind::Contact, number(id)).unwrap();
    }

    fn restore(&self, id: &str) {
        self.0.restore(Kind::Contact, number(id)).unwrap();
    }

    fn make(&self, called: &str, title: &str, about: &About) -> String {
        let (kind, row) = match called {
            "company" => (Kind::Company, json!({"name": title})),
            _ => {
                let requester = number(&about.contact);
                let row = json!({
                    "subject": title, "description": "Since this morning.", "requester_id": requester, "status": 2, "priority": 1, "source": 2,
                });
                (Kind::Ticket, row)
            }
        };
        self.0.create(kind, &map(row)).unwrap().to_string()
    }

    fn retitle(&self, called: &str, id: &str, title: &str) {
        match called {
            "company" => self.0.update(Kind::Company, number(id), &map(json!({"name": title}))).unwrap(),
            // The subject of a ticket of the portal stays as the customer wrote it: its priority changes.
            _ => self.0.update(Kind::Ticket, number(id), &map(json!({"priority": 3}))).unwrap(),
        }
    }

    fn remove(&self, called: &str, id: &str) {
        self.0.delete(if called == "company" { Kind::Company } else { Kind::Ticket }, number(id)).unwrap();
    }

    fn bring_back(&self, called: &str, id: &str) -> bool {
        self.0.restore(if called == "company" { Kind::Company } else { Kind::Ticket }, number(id)).is_ok()
    }

    fn knows_repeats(&self) -> bool {
        false
    }

    fn merge(&self, loser: &str, winner: &str) -> (String, String) {
        let [loser, winner] = [loser, winner].map(|name| self.plant(name, &format!("{name}@merge.example")));
        self.0.merge_contacts(number(&winner), number(&loser)).unwrap();
        (loser, winner)
    }
}
