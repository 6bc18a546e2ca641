//! Sales at Pipedrive.

use entente_connect::settings::{Auth, Secret};
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::pipedrive::{Hand, Kind, Pipedrive, PipedriveOptions};
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use super::side::{Company, People, Sales, Started, settings};

struct Office(Pipedrive);

/// The label "Customer", which organizations have from the beginning.
const CUSTOMER: u64 = 5;

pub fn start(clock: SimClock) -> Started {
    let options = PipedriveOptions::new(clock, Profile::instant(), 5);
    let mail = options.mailroom.clone();
    let office = Pipedrive::new(options);
    let auth = Auth::RefreshToken {
        client_id: "pipedrive-client".to_owned(),
        client_secret: Secret::new("pipedrive-secret"),
        refresh_token: Secret::new("pipedrive-refresh"),
    };
    Started::silent(settings("pipedrive", Role::Crm, auth), office.router(), People::Sales(Box::new(Office(office)))).telling(mail)
}

fn number(id: &str) -> u64 {
    id.parse().unwrap()
}

impl Office {
    fn person(&self) -> Hand {
        Hand::Person(self.0.sales_person())
    }

    fn create(&self, kind: Kind, row: &Value) -> String {
        self.0.create(kind, row, self.person()).unwrap()
    }

    fn update(&self, kind: Kind, id: &str, row: &Value) {
        self.0.update(kind, id, row, self.person()).unwrap();
    }
}

impl Sales for Office {
    fn company(&self, name: &str, customer: bool, first: &str, last: &str, email: &str) -> Company {
        let mut row = json!({"name": name, "website": format!("{}.example", name.to_lowercase())});
        if customer {
            row["label_ids"] = json!([CUSTOMER]);
        }
        let company = Company { id: self.create(Kind::Organization, &row), contact: String::new() };
        Company { contact: self.further(&company, first, last, email), ..company }
    }

    fn further(&self, company: &Company, first: &str, last: &str, email: &str) -> String {
        let emails = json!([{"value": email, "primary": true, "label": "work"}]);
        self.create(Kind::Person, &json!({"name": format!("{first} {last}"), "emails": emails, "org_id": number(&company.id)}))
    }

    fn delete(&self, contact: &str) {
        self.0.delete(Kind::Person, contact, self.person()).unwrap();
    }

    fn merge(&self, goes: &str, stays: &str) -> String {
        self.0.merge(Kind::Person, goes, stays, self.person()).unwrap();
        stays.to_owned()
    }

    fn deal(&self, company: &Company, name: &str) -> String {
        let row = json!({"title": name, "value": 1200, "org_id": number(&company.id), "person_id": number(&company.contact)});
        self.create(Kind::Deal, &row)
    }

    fn win(&self, deal: &str) {
        self.update(Kind::Deal, deal, &json!({"status": "won"}));
    }

    fn rename(&self, contact: &str, first: &str, last: &str) {
        self.update(Kind::Person, contact, &json!({"name": format!("{first} {last}")}));
    }

    fn lead(&self, about: &Company, last: &str, _: &str) -> String {
        let name = format!("{last}, spring fair");
        self.create(Kind::Lead, &json!({"title": name, "person_id": number(&about.contact), "organization_id": number(&about.id)}));
        name
    }

    fn shown(&self, contact: &str) -> (String, String) {
        let row = self.0.get(Kind::Person, contact).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&row["name"]), text(&row["phones"][0]["value"]))
    }

    fn support_id(&self, company: &str) -> Option<String> {
        let code = self.0.code(Kind::Organization, "Entente support id").unwrap();
        let row = self.0.get(Kind::Organization, company).unwrap();
        row["custom_fields"][code].as_str().map(str::to_owned)
    }

    fn activities(&self, company: &str) -> Vec<String> {
        let mut subjects = Vec::new();
        self.0.each(Kind::Activity, &mut |row| {
            if row["org_id"] == number(company) {
                subjects.push(row["subject"].as_str().unwrap_or_default().to_owned());
            }
        });
        subjects
    }

    fn phoned(&self, company: &Company, about: &str) {
        let row = json!({"subject": about, "type": "call", "done": true, "org_id": number(&company.id), "due_date": "2026-01-05"});
        self.create(Kind::Activity, &row);
    }

    fn counts(&self) -> (usize, usize) {
        (self.0.count(Kind::Organization), self.0.count(Kind::Person))
    }
}
