//! Sales at HubSpot.

use entente_connect::settings::{Auth, Secret};
use entente_engine::sync::provision::subscriptions::Watched;
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::hubspot::{Hand, HubSpot, HubSpotOptions};
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use super::side::{Company, People, Sales, Started, settings};
use crate::hub::fields;

struct Portal(HubSpot);

pub fn start(clock: SimClock) -> Started {
    let options = HubSpotOptions::new(clock, Profile::instant(), 5);
    let mail = options.mailroom.clone();
    let portal = HubSpot::new(options);
    let listening = portal.clone();
    let listen = move |url: &str, watched: &[Watched]| {
        let names: Vec<String> = watched.iter().flat_map(subscriptions).collect();
        listening.subscribe(url, &names.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    };
    Started { listen: Some(Box::new(listen)), ..open(portal).telling(mail) }
}

/// What the app's developer subscribes to, as the connector says: everything about an object, and changes of each of its fields.
fn subscriptions(watched: &Watched) -> Vec<String> {
    let (named, ty) = match watched.object.as_str() {
        "contacts" => ("contact", ""),
        "companies" => ("company", ""),
        "deals" => ("deal", ""),
        "tickets" => ("ticket", ""),
        "tasks" => ("object", ":0-27"),
        "notes" => ("object", ":0-46"),
        "meetings" => ("object", ":0-47"),
        "calls" => ("object", ":0-48"),
        "emails" => ("object", ":0-49"),
        "communications" => ("object", ":0-18"),
        "postal_mail" => ("object", ":0-116"),
        "leads" => ("object", ":0-136"),
        other => panic!("{other} has no subscriptions yet: give it its type id here"),
    };
    let all = ["creation", "deletion", "merge", "restore", "associationChange"].map(|event| format!("{named}.{event}{ty}"));
    let changes = watched.fields.iter().map(|field| format!("{named}.propertyChange{ty}:{field}"));
    all.into_iter().chain(changes).collect()
}

/// A portal that its story has a hand on.
pub fn open(portal: HubSpot) -> Started {
    let auth = Auth::RefreshToken {
        client_id: "hubspot-client".to_owned(),
        client_secret: Secret::new("hubspot-secret"),
        refresh_token: Secret::new("hubspot-refresh"),
    };
    Started::silent(settings("hubspot", Role::Crm, auth), portal.router(), People::Sales(Box::new(Portal(portal))))
}

impl Portal {
    fn person(&self) -> Hand {
        Hand::Person(self.0.owners()[0].user_id)
    }

    fn create(&self, object: &str, properties: Value) -> String {
        self.0.create(object, &fields(properties), self.person()).unwrap()
    }

    fn update(&self, object: &str, id: &str, properties: Value) {
        self.0.update(object, id, &fields(properties), self.person()).unwrap();
    }

    fn text(&self, object: &str, id: &str, name: &str) -> String {
        self.0.get(object, id).unwrap().get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Sales for Portal {
    fn company(&self, name: &str, customer: bool, first: &str, last: &str, email: &str) -> Company {
        let stage = if customer { "customer" } else { "opportunity" };
        let domain = format!("{}.example", name.to_lowercase());
        let id = self.create("companies", json!({"name": name, "domain": domain, "lifecyclestage": stage}));
        let company = Company { id, contact: String::new() };
        Company { contact: self.further(&company, first, last, email), ..company }
    }

    fn further(&self, company: &Company, first: &str, last: &str, email: &str) -> String {
        let contact = self.create("contacts", json!({"firstname": first, "lastname": last, "email": email}));
        self.0.associate(("contacts", &contact), ("companies", &company.id), true, self.person()).unwrap();
        contact
    }

    fn delete(&self, contact: &str) {
        self.0.archive("contacts", contact, self.person()).unwrap();
    }

    fn merge(&self, goes: &str, stays: &str) -> String {
        self.0.merge("contacts", stays, goes, self.person()).unwrap()
    }

    fn deal(&self, company: &Company, name: &str) -> String {
        let deal = self.create("deals", json!({"dealname": name, "dealstage": "contractsent", "amount": "1200"}));
        self.0.associate(("deals", &deal), ("companies", &company.id), true, self.person()).unwrap();
        deal
    }

    fn win(&self, deal: &str) {
        self.update("deals", deal, json!({"dealstage": "closedwon"}));
    }

    fn rename(&self, contact: &str, first: &str, last: &str) {
        self.update("contacts", contact, json!({"firstname": first, "lastname": last}));
    }

    fn lead(&self, about: &Company, last: &str, _: &str) -> String {
        let name = format!("{last}, spring fair");
        let lead = self.0.create_lead(&about.contact, &fields(json!({"hs_lead_name": name})), self.person()).unwrap();
        self.0.associate(("leads", &lead), ("companies", &about.id), false, self.person()).unwrap();
        name
    }

    fn shown(&self, contact: &str) -> (String, String) {
        let part = |name| self.text("contacts", contact, name);
        (format!("{} {}", part("firstname"), part("lastname")), part("phone"))
    }

    fn support_id(&self, company: &str) -> Option<String> {
        Some(self.text("companies", company, "entente_support_id")).filter(|id| !id.is_empty())
    }

    fn activities(&self, company: &str) -> Vec<String> {
        let tasks = self.0.associated("companies", company, "tasks");
        tasks.iter().map(|task| self.text("tasks", task, "hs_task_subject")).collect()
    }

    fn phoned(&self, company: &Company, about: &str) {
        let call = self.create("calls", json!({"hs_call_title": about, "hs_timestamp": "2026-01-05T09:00:00Z"}));
        self.0.associate(("calls", &call), ("companies", &company.id), false, self.person()).unwrap();
    }

    fn counts(&self) -> (usize, usize) {
        (self.0.count("companies"), self.0.count("contacts"))
    }
}
