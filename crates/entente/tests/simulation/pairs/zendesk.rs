//! Agents at Zendesk.

use entente_connect::settings::{Auth, Secret};
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::profile::Profile;
use entente_sims::zendesk::{Kind, Zendesk, ZendeskOptions};
use serde_json::{Value, json};

use super::side::{Agents, People, Person, Started, settings};
use crate::hub::fields;

struct Account(Zendesk);

pub fn start(clock: SimClock) -> Started {
    let options = ZendeskOptions::new(clock, Profile::instant(), 5);
    let mail = options.mailroom.clone();
    let account = Zendesk::new(options);
    let auth = Auth::ClientCredentials { client_id: "entente".to_owned(), client_secret: Secret::new("zendesk-client-secret") };
    let settings = settings("zendesk", Role::Support, auth);
    Started::silent(settings, account.router(), People::Agents(Box::new(Account(account)))).telling(mail)
}

impl Account {
    fn agent(&self) -> u64 {
        self.0.agents().iter().find(|agent| agent.role == "agent").unwrap().id
    }
}

impl Agents for Account {
    fn person(&self, email: &str) -> Option<Person> {
        let mut found = None;
        self.0.each_user(&mut |id, user| {
            if user["email"] == email {
                let company = user["organization_id"].as_u64().map(|id| id.to_string());
                found = Some(Person { id: id.to_string(), name: user["name"].as_str().unwrap().to_owned(), company });
            }
        });
        found
    }

    fn company(&self, id: &str) -> Option<String> {
        self.0.organization(id.parse().unwrap()).and_then(|row| row["name"].as_str().map(str::to_owned))
    }

    fn call(&self, person: &str, phone: &str) {
        self.0.update_user(person.parse().unwrap(), &fields(json!({"phone": phone})), self.agent()).unwrap();
    }

    fn context(&self, company: &str) -> String {
        let row = self.0.organization(company.parse().unwrap()).unwrap();
        row["organization_fields"]["sales_context"].as_str().unwrap_or_default().to_owned()
    }

    fn tickets(&self) -> Vec<String> {
        let mut subjects = Vec::new();
        self.0.each_ticket(&mut |_, ticket| subjects.extend(ticket["subject"].as_str().map(str::to_owned)));
        subjects
    }

    fn ask(&self, person: &Person, subject: &str) {
        let requester: Value = json!(person.id.parse::<u64>().unwrap());
        let ticket = json!({"subject": subject, "requester_id": requester, "comment": {"body": "Help!"}});
        self.0.create_ticket(&fields(ticket), person.id.parse().unwrap()).unwrap();
    }

    fn counts(&self) -> (usize, usize) {
        (self.0.count(Kind::Organization), self.0.count(Kind::User))
    }
}
