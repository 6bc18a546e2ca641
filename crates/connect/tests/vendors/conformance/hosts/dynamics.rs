//! An environment of Dynamics 365.

use std::sync::Arc;

use entente_connect::settings::{Auth, ConnectionSettings, Secret};
use entente_model::mapping::Role;
use entente_sims::dynamics::{Dynamics, DynamicsOptions, Hand};
use entente_sims::mailroom::Delivery;
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::conformance::host::{Again, Given, Host, Names, told_otherwise};
use crate::conformance::things::About;
use crate::stage;
use crate::stage::time::Hands;

struct Environment(Dynamics);

pub fn start(hands: &Arc<Hands>) -> Given {
    let options = DynamicsOptions::new(hands.clock(), Profile::instant(), 7);
    let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
    let login_url = format!("https://login.microsoftonline.com/{}", options.tenant_id).parse().ok();
    let environment = Dynamics::new(options);
    let auth = Auth::ClientCredentials { client_id: "dynamics-client".to_owned(), client_secret: Secret::new("dynamics-secret") };
    let settings = ConnectionSettings { login_url, ..stage::settings("dynamics", Role::Crm, "https://acme.crm.dynamics.com", auth) };
    Given { settings, router: environment.router(), mail, faults, host: Arc::new(Environment(environment)) }
}

impl Environment {
    fn person(&self) -> Hand {
        Hand::Person(self.0.sales_person())
    }
}

impl Host for Environment {
    fn names(&self) -> Names {
        Names { object: "contacts", key: "entente_id", name: "lastname", email: "emailaddress1", custom: ("entente_", "") }
    }

    fn plant(&self, name: &str, email: &str) -> String {
        self.0.create("contacts", &json!({"lastname": name, "emailaddress1": email}), &self.person()).unwrap()
    }

    fn rename(&self, id: &str, name: &str) {
        self.0.update("contacts", id, &json!({"lastname": name}), &self.person()).unwrap();
    }

    fn shown(&self, id: &str) -> Value {
        self.0.get("contacts", id).unwrap()
    }

    fn count(&self) -> usize {
        self.0.count("contacts")
    }

    fn delete(&self, id: &str) {
        self.0.delete("contacts", id, &self.person()).unwrap();
    }

    fn merge(&self, loser: &str, winner: &str) -> (String, String) {
        let [loser, winner] = [loser, winner].map(|name| self.plant(name, &format!("{name}@merge.example")));
        self.0.merge("contacts", &loser, &winner, &self.person()).unwrap();
        (loser, winner)
    }

    fn make(&self, called: &str, title: &str, about: &About) -> String {
        let company = format!("/accounts({})", about.company);
        let row = match called {
            "accounts" => json!({"name": title}),
            "incidents" => json!({"title": title, "customerid_account@odata.bind": company}),
            "phonecalls" => json!({"subject": title}),
            _ => json!({"name": title, "parentaccountid@odata.bind": company}),
        };
        self.0.create(called, &row, &self.person()).unwrap()
    }

    fn retitle(&self, called: &str, id: &str, title: &str) {
        let name = match called {
            "incidents" => "title",
            "phonecalls" => "subject",
            _ => "name",
        };
        self.0.update(called, id, &json!({name: title}), &self.person()).unwrap();
    }

    fn remove(&self, called: &str, id: &str) {
        self.0.delete(called, id, &self.person()).unwrap();
    }

    fn join(&self, called: &str, loser: &str, winner: &str) -> Option<String> {
        self.0.merge(called, loser, winner, &self.person()).ok().map(|()| winner.to_owned())
    }

    fn sent_again(&self, letter: &Delivery) -> Again {
        // A job that is resubmitted by hand is a repeat; another step for the same message is not.
        let other = told_otherwise(letter, |body| body["OwningExtension"]["Id"] = json!("5e3a1c02-0a9d-ef11-8a6a-000d3a2f1b99"));
        Again { repeat: Delivery { attempt: letter.attempt + 1, ..letter.clone() }, others: vec![other] }
    }

    fn end_sessions(&self) {
        self.0.expire_sessions();
    }
}
