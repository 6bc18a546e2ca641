//! A company at Pipedrive.

use std::sync::Arc;

use entente_connect::settings::{Auth, Secret};
use entente_model::mapping::Role;
use entente_sims::pipedrive::{Hand, Kind, Pipedrive, PipedriveOptions};
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::conformance::host::{Given, Host, Names};
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

    fn end_sessions(&self) {
        self.0.expire_sessions();
    }
}
