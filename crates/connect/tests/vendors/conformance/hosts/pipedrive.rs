//! A company at Pipedrive.

use std::sync::Arc;

use entente_connect::settings::{Auth, Secret};
use entente_model::mapping::Role;
use entente_sims::mailroom::Delivery;
use entente_sims::pipedrive::{Hand, Kind, Pipedrive, PipedriveOptions};
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::conformance::host::{Again, Given, Host, Names, told_otherwise};
use crate::conformance::things::About;
use crate::stage;
use crate::stage::time::Hands;

struct Company(Pipedrive);

pub fn start(hands: &Arc<Hands>) -> Given {
    let options = PipedriveOptions::new(hands.clock(), Profile::instant(), 7);
    let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
    let company = Pipedrive::new(options);
    let auth = Auth::RefreshToken {
        client_id: "pipedrive-client".to_owned(),
        client_secret: Secret::new("pipedrive-secret"),
        refresh_token: Secret::new("pipedrive-refresh"),
    };
    let settings = stage::settings("pipedrive", Role::Crm, "https://acme.pipedrive.com", auth);
    Given { settings, router: company.router(), mail, faults, host: Arc::new(Company(company)) }
}

impl Company {
    fn person(&self) -> Hand {
        Hand::Person(self.0.sales_person())
    }
}

/// What an object is called at the simulator.
fn kind(called: &str) -> Kind {
    match called {
        "organizations" => Kind::Organization,
        "activities" => Kind::Activity,
        _ => Kind::Deal,
    }
}

/// The field that has its title.
fn title_of(called: &str) -> &'static str {
    match called {
        "organizations" => "name",
        "activities" => "subject",
        _ => "title",
    }
}

impl Host for Company {
    fn names(&self) -> Names {
        Names { object: "persons", key: "entente_id", name: "name", email: "email", custom: ("entente_", "") }
    }

    fn plant(&self, name: &str, email: &str) -> String {
        let fields = json!({"name": name, "emails": [{"value": email, "primary": true, "label": "work"}]});
        self.0.create(Kind::Person, &fields, self.person()).unwrap()
    }

    fn rename(&self, id: &str, name: &str) {
        self.0.update(Kind::Person, id, &json!({"name": name}), self.person()).unwrap();
    }

    fn shown(&self, id: &str) -> Value {
        self.0.get(Kind::Person, id).unwrap()
    }

    fn count(&self) -> usize {
        self.0.count(Kind::Person)
    }

    fn delete(&self, id: &str) {
        self.0.delete(Kind::Person, id, self.person()).unwrap();
    }

    fn restore(&self, id: &str) {
        self.0.restore(Kind::Person, id, self.person()).unwrap();
    }

    fn merge(&self, loser: &str, winner: &str) -> (String, String) {
        let [loser, winner] = [loser, winner].map(|name| self.plant(name, &format!("{name}@merge.example")));
        self.0.merge(Kind::Person, &loser, &winner, self.person()).unwrap();
        (loser, winner)
    }

    fn make(&self, called: &str, title: &str, about: &About) -> String {
        let mut row = json!({title_of(called): title});
        if called != "organizations" {
            row["org_id"] = json!(about.company.parse::<u64>().unwrap());
        }
        self.0.create(kind(called), &row, self.person()).unwrap()
    }

    fn retitle(&self, called: &str, id: &str, title: &str) {
        self.0.update(kind(called), id, &json!({title_of(called): title}), self.person()).unwrap();
    }

    fn remove(&self, called: &str, id: &str) {
        self.0.delete(kind(called), id, self.person()).unwrap();
    }

    fn bring_back(&self, called: &str, id: &str) -> bool {
        self.0.restore(kind(called), id, self.person()).is_ok()
    }

    fn join(&self, called: &str, loser: &str, winner: &str) -> Option<String> {
        self.0.merge(kind(called), loser, winner, self.person()).ok().map(|()| winner.to_owned())
    }

    fn sent_again(&self, letter: &Delivery) -> Again {
        // A second webhook for the same object.
        let other = told_otherwise(letter, |body| {
            body["meta"]["id"] = json!("0e0e0e0e-0000-4000-8000-000000000001");
            body["meta"]["webhook_id"] = json!("999");
        });
        Again { repeat: Delivery { attempt: letter.attempt + 1, ..letter.clone() }, others: vec![other] }
    }

    fn end_sessions(&self) {
        self.0.expire_sessions();
    }
}
