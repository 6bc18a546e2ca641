//! An account of Zendesk.

use std::sync::Arc;

use entente_connect::settings::{Auth, Secret};
use entente_model::mapping::Role;
use entente_sims::profile::Profile;
use entente_sims::zendesk::{Kind, Zendesk, ZendeskOptions};
use serde_json::{Value, json};

use crate::conformance::host::{Given, Host, Names};
use crate::stage;
use crate::stage::rows::map;
use crate::stage::time::Hands;

struct Account(Zendesk);

pub fn start(hands: &Arc<Hands>) -> Given {
    let options = ZendeskOptions::new(hands.clock(), Profile::instant(), 7);
    let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
    let account = Zendesk::new(options);
    let auth = Auth::ClientCredentials { client_id: "entente".to_owned(), client_secret: Secret::new("zendesk-client-secret") };
    let settings = stage::settings("zendesk", Role::Support, "https://acme.zendesk.com", auth);
    Given { settings, router: account.router(), mail, faults, host: Arc::new(Account(account)) }
}

impl Account {
    fn agent(&self) -> u64 {
        self.0.agents().iter().find(|agent| agent.role == "agent").unwrap().id
    }
}

fn number(id: &str) -> u64 {
    id.parse().unwrap()
}

impl Host for Account {
    fn names(&self) -> Names {
        Names { object: "user", key: "external_id", name: "name", email: "email", custom: ("user_fields.", "") }
    }

    fn plant(&self, name: &str, email: &str) -> String {
        self.0.create_user(&map(json!({"name": name, "email": email})), self.agent()).unwrap().to_string()
    }

    fn rename(&self, id: &str, name: &str) {
        self.0.update_user(number(id), &map(json!({"name": name})), self.agent()).unwrap();
    }

    fn shown(&self, id: &str) -> Value {
        Value::Object(self.0.user(number(id)).unwrap())
    }

    fn count(&self) -> usize {
        self.0.count(Kind::User)
    }

    fn delete(&self, id: &str) {
        self.0.delete_user(number(id), self.agent()).unwrap();
    }

    fn merge(&self, loser: &str, winner: &str) -> (String, String) {
        let [loser, winner] = [loser, winner].map(|name| self.plant(name, &format!("{name}@merge.example")));
        self.0.merge_users(number(&loser), number(&winner), self.agent()).unwrap();
        (loser, winner)
    }

    fn end_sessions(&self) {
        self.0.expire_sessions();
    }
}
