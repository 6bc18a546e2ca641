//! An account of Zendesk.

use std::sync::Arc;

use entente_connect::settings::{Auth, Secret};
use entente_model::mapping::Role;
use entente_sims::mailroom::Delivery;
use entente_sims::profile::Profile;
use entente_sims::zendesk::{Kind, Zendesk, ZendeskOptions};
use serde_json::{Value, json};

use crate::conformance::host::{Again, Given, Host, Names};
use crate::conformance::things::About;
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

    fn make(&self, called: &str, title: &str, about: &About) -> String {
        if called == "organization" {
            return self.0.create_organization(&map(json!({"name": title})), self.agent()).unwrap().to_string();
        }
        let row = json!({"subject": title, "comment": {"body": "Since this morning."}, "requester_id": number(&about.contact)});
        self.0.create_ticket(&map(row), self.agent()).unwrap().to_string()
    }

    fn retitle(&self, called: &str, id: &str, title: &str) {
        if called == "organization" {
            self.0.update_organization(number(id), &map(json!({"name": title})), self.agent()).unwrap();
        } else {
            self.0.update_ticket(number(id), &map(json!({"subject": title})), self.agent()).unwrap();
        }
    }

    fn remove(&self, called: &str, id: &str) {
        if called == "organization" {
            self.0.delete_organization(number(id), self.agent()).unwrap();
        } else {
            self.0.delete_ticket(number(id), self.agent()).unwrap();
        }
    }

    fn bring_back(&self, called: &str, id: &str) -> bool {
        called == "ticket" && self.0.restore_ticket(number(id), self.agent()).is_ok()
    }

    fn join(&self, called: &str, loser: &str, winner: &str) -> Option<String> {
        // A ticket that is merged into another is closed, and stays.
        let joined = called == "organization" && self.0.merge_organizations(number(loser), number(winner), self.agent()).is_ok();
        joined.then(|| winner.to_owned())
    }

    fn sent_again(&self, letter: &Delivery) -> Again {
        // A second webhook for the same event is another invocation.
        let mut other = letter.clone();
        for (name, value) in &mut other.headers {
            if name.eq_ignore_ascii_case("x-zendesk-webhook-invocation-id") {
                *value = value.chars().rev().collect();
            }
        }
        Again { repeat: Delivery { attempt: letter.attempt + 1, ..letter.clone() }, others: vec![other] }
    }

    fn end_sessions(&self) {
        self.0.expire_sessions();
    }
}
