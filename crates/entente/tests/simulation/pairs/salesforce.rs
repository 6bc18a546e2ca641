//! Sales at Salesforce.

use entente_connect::settings::{Auth, Secret};
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use entente_sims::salesforce::{Salesforce, SalesforceOptions};
use serde_json::{Value, json};

use super::side::{Company, People, Sales, Started, settings};
use crate::hub::fields;

struct Org(Salesforce);

pub fn start(clock: SimClock) -> Started {
    let faults = Faults::none(5);
    let mail = Mailroom::new(clock.clone(), faults.clone());
    let org = Salesforce::new(SalesforceOptions::new(clock, Profile::instant(), 5, faults, mail.clone()));
    let auth = Auth::ClientCredentials { client_id: "sim-client".to_owned(), client_secret: Secret::new("sim-secret") };
    Started::silent(settings("salesforce", Role::Crm, auth), org.router(), People::Sales(Box::new(Org(org)))).telling(mail)
}

impl Org {
    fn insert(&self, object: &str, row: Value) -> String {
        self.0.insert(object, &fields(row), &self.0.users().sales[0]).unwrap()
    }

    fn update(&self, object: &str, id: &str, row: Value) {
        self.0.update(object, id, &fields(row), &self.0.users().sales[0]).unwrap();
    }
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Sales for Org {
    fn company(&self, name: &str, customer: bool, first: &str, last: &str, email: &str) -> Company {
        let kind = if customer { "Customer" } else { "Prospect" };
        let website = format!("https://{}.example", name.to_lowercase());
        let id = self.insert("Account", json!({"Name": name, "Type": kind, "Website": website}));
        let company = Company { id, contact: String::new() };
        Company { contact: self.further(&company, first, last, email), ..company }
    }

    fn further(&self, company: &Company, first: &str, last: &str, email: &str) -> String {
        self.insert("Contact", json!({"FirstName": first, "LastName": last, "Email": email, "AccountId": company.id}))
    }

    fn delete(&self, contact: &str) {
        self.0.delete("Contact", contact, &self.0.users().sales[0]).unwrap();
    }

    fn merge(&self, goes: &str, stays: &str) -> String {
        self.0.merge("Contact", stays, &[goes], &self.0.users().sales[0]).unwrap();
        stays.to_owned()
    }

    fn deal(&self, company: &Company, name: &str) -> String {
        self.insert("Opportunity", json!({"Name": name, "AccountId": company.id, "StageName": "Prospecting", "CloseDate": "2026-12-31"}))
    }

    fn win(&self, deal: &str) {
        self.update("Opportunity", deal, json!({"StageName": "Closed Won"}));
    }

    fn rename(&self, contact: &str, first: &str, last: &str) {
        self.update("Contact", contact, json!({"FirstName": first, "LastName": last}));
    }

    fn lead(&self, _: &Company, last: &str, email: &str) -> String {
        self.insert("Lead", json!({"FirstName": "Lena", "LastName": last, "Email": email, "Company": "Lull"}));
        last.to_owned()
    }

    fn shown(&self, contact: &str) -> (String, String) {
        let row = self.0.get("Contact", contact).unwrap();
        (text(row.get("Name")), text(row.get("Phone")))
    }

    fn support_id(&self, company: &str) -> Option<String> {
        self.0.get("Account", company).unwrap().get("Support_Id__c").and_then(Value::as_str).map(str::to_owned)
    }

    fn activities(&self, company: &str) -> Vec<String> {
        let mut subjects = Vec::new();
        self.0.each("Task", &mut |_, task| {
            if task.get("WhatId") == Some(&json!(company)) {
                subjects.push(text(task.get("Subject")));
            }
        });
        subjects
    }

    fn phoned(&self, company: &Company, about: &str) {
        let call = json!({"Subject": about, "TaskSubtype": "Call", "Status": "Completed", "WhatId": company.id, "WhoId": company.contact});
        self.insert("Task", call);
    }

    fn counts(&self) -> (usize, usize) {
        (self.0.count("Account"), self.0.count("Contact"))
    }
}
