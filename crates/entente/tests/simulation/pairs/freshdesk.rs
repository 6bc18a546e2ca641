//! Agents at Freshdesk.

use entente_connect::settings::{Auth, Secret};
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::freshdesk::{Freshdesk, FreshdeskOptions, Kind};
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use super::side::{Agents, People, Person, Started, settings};
use crate::hub::fields;

struct Account(Freshdesk);

pub fn start(clock: SimClock) -> Started {
    let options = FreshdeskOptions::new(clock, Profile::instant(), 5);
    let mail = options.mailroom.clone();
    let account = Freshdesk::new(options);
    let auth = Auth::AccessToken { token: Secret::new("freshdesk-api-key") };
    let settings = settings("freshdesk", Role::Support, auth);
    Started::silent(settings, account.router(), People::Agents(Box::new(Account(account)))).telling(mail)
}

impl Agents for Account {
    fn person(&self, email: &str) -> Option<Person> {
        let row = self.0.rows(Kind::Contact).into_iter().find(|row| row["email"] == email)?;
        let company = row["company_id"].as_u64().map(|id| id.to_string());
        Some(Person { id: row["id"].to_string(), name: row["name"].as_str().unwrap().to_owned(), company })
    }

    fn company(&self, id: &str) -> Option<String> {
        self.0.get(Kind::Company, id.parse().unwrap()).and_then(|row| row["name"].as_str().map(str::to_owned))
    }

    fn call(&self, person: &str, phone: &str) {
        self.0.update(Kind::Contact, person.parse().unwrap(), &fields(json!({"phone": phone}))).unwrap();
    }

    fn context(&self, company: &str) -> String {
        let row = self.0.get(Kind::Company, company.parse().unwrap()).unwrap();
        row["custom_fields"]["sales_context"].as_str().unwrap_or_default().to_owned()
    }

    fn tickets(&self) -> Vec<String> {
        self.0.rows(Kind::Ticket).iter().filter_map(|row| row["subject"].as_str().map(str::to_owned)).collect()
    }

    fn ask(&self, person: &Person, subject: &str) {
        let requester: Value = json!(person.id.parse::<u64>().unwrap());
        let ticket =
            json!({"requester_id": requester, "subject": subject, "description": "Help!", "status": 2, "priority": 1, "source": 2});
        self.0.create(Kind::Ticket, &fields(ticket)).unwrap();
    }

    fn counts(&self) -> (usize, usize) {
        (self.0.rows(Kind::Company).len(), self.0.rows(Kind::Contact).len())
    }
}
