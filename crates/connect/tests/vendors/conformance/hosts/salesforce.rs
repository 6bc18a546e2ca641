//! An org of Salesforce.

use std::sync::Arc;

use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_model::mapping::Role;
use entente_sims::faults::Faults;
use entente_sims::mailroom::{Delivery, Mailroom};
use entente_sims::profile::Profile;
use entente_sims::salesforce::{Salesforce, SalesforceOptions};
use serde_json::{Value, json};

use crate::conformance::host::{Again, Given, Host, Names};
use crate::conformance::things::About;
use crate::stage;
use crate::stage::rows::map;
use crate::stage::time::Hands;

struct Org(Salesforce);

pub fn start(hands: &Arc<Hands>) -> Given {
    with(hands, Auth::ClientCredentials { client_id: "sim-client".to_owned(), client_secret: Secret::new("sim-secret") })
}

/// An org that one signs in to like this.
pub fn with(hands: &Arc<Hands>, auth: Auth) -> Given {
    let faults = Faults::none(7);
    let mail = Mailroom::new(hands.clock(), faults.clone());
    let org = Salesforce::new(SalesforceOptions::new(hands.clock(), Profile::instant(), 7, faults.clone(), mail.clone()));
    let webhooks =
        WebhookSettings { organization: Some(org.org_id()), path_secret: Secret::new("path-secret"), ..WebhookSettings::default() };
    let settings = ConnectionSettings { webhooks, ..stage::settings("salesforce", Role::Crm, "https://acme.my.salesforce.com", auth) };
    Given { settings, router: org.router(), mail, faults, host: Arc::new(Org(org)) }
}

impl Org {
    fn seller(&self) -> String {
        self.0.users().sales[0].clone()
    }
}

impl Host for Org {
    fn names(&self) -> Names {
        Names { object: "Contact", key: "Entente_Id__c", name: "LastName", email: "Email", custom: ("", "__c") }
    }

    fn plant(&self, name: &str, email: &str) -> String {
        self.0.insert("Contact", &map(json!({"LastName": name, "Email": email})), &self.seller()).unwrap()
    }

    fn rename(&self, id: &str, name: &str) {
        self.0.update("Contact", id, &map(json!({"LastName": name})), &self.seller()).unwrap();
    }

    fn shown(&self, id: &str) -> Value {
        Value::Object(self.0.get("Contact", id).unwrap())
    }

    fn count(&self) -> usize {
        self.0.count("Contact")
    }

    fn delete(&self, id: &str) {
        self.0.delete("Contact", id, &self.seller()).unwrap();
    }

    fn restore(&self, id: &str) {
        self.0.undelete("Contact", id, &self.seller()).unwrap();
    }

    fn merge(&self, loser: &str, winner: &str) -> (String, String) {
        let [loser, winner] = [loser, winner].map(|name| self.plant(name, &format!("{name}@merge.example")));
        self.0.merge("Contact", &winner, &[&loser], &self.seller()).unwrap();
        (loser, winner)
    }

    fn make(&self, called: &str, title: &str, about: &About) -> String {
        let row = match called {
            "Account" => json!({"Name": title}),
            "Case" => json!({"Subject": title, "ContactId": about.contact, "AccountId": about.company, "Status": "New"}),
            "Task" => json!({"Subject": title, "WhoId": about.contact, "Status": "Not Started", "Priority": "Normal"}),
            _ => json!({"Name": title, "AccountId": about.company, "StageName": "Prospecting", "CloseDate": "2026-12-31"}),
        };
        self.0.insert(called, &map(row), &self.seller()).unwrap()
    }

    fn retitle(&self, called: &str, id: &str, title: &str) {
        let name = if matches!(called, "Case" | "Task") { "Subject" } else { "Name" };
        self.0.update(called, id, &map(json!({name: title})), &self.seller()).unwrap();
    }

    fn remove(&self, called: &str, id: &str) {
        self.0.delete(called, id, &self.seller()).unwrap();
    }

    fn bring_back(&self, called: &str, id: &str) -> bool {
        self.0.undelete(called, id, &self.seller()).is_ok()
    }

    fn join(&self, called: &str, loser: &str, winner: &str) -> Option<String> {
        self.0.merge(called, winner, &[loser], &self.seller()).ok().map(|()| winner.to_owned())
    }

    fn sent_again(&self, letter: &Delivery) -> Again {
        // Another flow's message has a notification of its own about the same record.
        let body = String::from_utf8(letter.body.clone()).unwrap();
        let other = Delivery { body: body.replace("<Notification><Id>04l", "<Notification><Id>04k").into_bytes(), ..letter.clone() };
        Again { repeat: Delivery { attempt: letter.attempt + 1, ..letter.clone() }, others: vec![other] }
    }

    fn end_sessions(&self) {
        self.0.expire_sessions();
    }

    fn listen(&self, url: &str, object: &str, field: &str) {
        let fields = ["Id", field, "LastModifiedById", "LastModifiedDate", "SystemModstamp"];
        self.0.subscribe_outbound(object, url, &fields);
    }
}
