//! A workspace of Intercom.

use std::sync::Arc;

use entente_connect::settings::{Auth, Secret};
use entente_model::mapping::Role;
use entente_sims::intercom::{Intercom, IntercomOptions, Kind};
use entente_sims::mailroom::Delivery;
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use crate::conformance::host::{Again, Given, Host, Names, told_otherwise};
use crate::conformance::things::About;
use crate::stage;
use crate::stage::rows::map;
use crate::stage::time::Hands;

struct Workspace(Intercom);

pub fn start(hands: &Arc<Hands>) -> Given {
    let options = IntercomOptions::new(hands.clock(), Profile::instant(), 7);
    let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
    let workspace = Intercom::new(options);
    let auth = Auth::AccessToken { token: Secret::new("intercom-token") };
    let mut settings = stage::settings("intercom", Role::Support, "https://api.intercom.io", auth);
    settings.webhooks.signing_secret = Secret::new("intercom-client-secret");
    Given { settings, router: workspace.router(), mail, faults, host: Arc::new(Workspace(workspace)) }
}

impl Host for Workspace {
    fn names(&self) -> Names {
        Names { object: "contact", key: "external_id", name: "name", email: "email", custom: ("custom_attributes.", "") }
    }

    fn plant(&self, name: &str, email: &str) -> String {
        self.0.create(Kind::Contact, &map(json!({"name": name, "email": email}))).unwrap()
    }

    fn rename(&self, id: &str, name: &str) {
        self.0.update(Kind::Contact, id, &map(json!({"name": name}))).unwrap();
    }

    fn shown(&self, id: &str) -> Value {
        self.0.get(Kind::Contact, id).unwrap()
    }

    fn count(&self) -> usize {
        self.0.rows(Kind::Contact).len()
    }

    fn delete(&self, id: &str) {
        self.0.delete(Kind::Contact, id).unwrap();
    }

    fn set_aside(&self, id: &str) {
        self.0.archive(id, true).unwrap();
    }

    fn restore(&self, id: &str) {
        self.0.archive(id, false).unwrap();
    }

    fn merge(&self, loser: &str, winner: &str) -> (String, String) {
        let lead = self.0.create(Kind::Contact, &map(json!({"role": "lead", "name": loser}))).unwrap();
        let user = self.plant(winner, &format!("{winner}@merge.example"));
        self.0.merge_contacts(&lead, &user).unwrap();
        (lead, user)
    }

    fn two_of_one(&self) -> [String; 2] {
        let lead = self.0.create(Kind::Contact, &map(json!({"role": "lead", "name": "ann"}))).unwrap();
        [lead, self.plant("anna", "anna@one.example")]
    }

    fn make(&self, called: &str, title: &str, about: &About) -> String {
        let from = json!({"type": "user", "id": about.contact});
        let (kind, row) = match called {
            "company" => (Kind::Company, json!({"company_id": title, "name": title})),
            "tickets" => {
                let ty = self.0.ticket_types()[0].0.clone();
                let row =
                    json!({"ticket_type_id": ty, "contacts": [{"id": about.contact}], "ticket_attributes": {"_default_title_": title}});
                (Kind::Ticket, row)
            }
            _ => (Kind::Conversation, json!({"from": from, "body": "Since this morning.", "title": title})),
        };
        self.0.create(kind, &map(row)).unwrap()
    }

    fn retitle(&self, called: &str, id: &str, title: &str) {
        match called {
            "company" => self.0.update(Kind::Company, id, &map(json!({"name": title}))).unwrap(),
            "tickets" => self.0.update(Kind::Ticket, id, &map(json!({"ticket_attributes": {"_default_title_": title}}))).unwrap(),
            _ => {
                let admin = self.0.admins()[1].id.clone();
                self.0.update(Kind::Conversation, id, &map(json!({"title": title}))).unwrap();
                self.0.say(id, "I am looking into it.", &admin, false).unwrap();
            }
        }
    }

    fn remove(&self, called: &str, id: &str) {
        let kind = match called {
            "company" => Kind::Company,
            "tickets" => Kind::Ticket,
            _ => Kind::Conversation,
        };
        self.0.delete(kind, id).unwrap();
    }

    fn sent_again(&self, letter: &Delivery) -> Again {
        let other = told_otherwise(letter, |body| body["id"] = json!(format!("{}-b", body["id"].as_str().unwrap())));
        Again { repeat: Delivery { attempt: letter.attempt + 1, ..letter.clone() }, others: vec![other] }
    }

    fn listen(&self, url: &str, _object: &str, _field: &str) {
        self.0.subscribe(url, None);
    }
}
