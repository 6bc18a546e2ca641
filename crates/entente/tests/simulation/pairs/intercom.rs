//! Agents at Intercom.

use entente_connect::settings::{Auth, Secret};
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::intercom::{Intercom, IntercomOptions, Kind};
use entente_sims::profile::Profile;
use serde_json::json;

use super::side::{Agents, People, Person, Started, settings};
use crate::hub::fields;

struct Workspace(Intercom);

/// Who stands in for colleagues on tickets of the back office.
const STAND_IN: &str = "entente";

pub fn start(clock: SimClock) -> Started {
    let options = IntercomOptions::new(clock, Profile::instant(), 5);
    let mail = options.mailroom.clone();
    let workspace = Intercom::new(options);
    let listening = workspace.clone();
    let auth = Auth::AccessToken { token: Secret::new("intercom-token") };
    let mut settings = settings("intercom", Role::Support, auth);
    settings.webhooks.signing_secret = Secret::new("intercom-client-secret");
    let started = Started::silent(settings, workspace.router(), People::Agents(Box::new(Workspace(workspace)))).telling(mail);
    // Every topic is chosen, as the connector says.
    Started { listen: Some(Box::new(move |url, _| listening.subscribe(url, None))), ..started }
}

impl Agents for Workspace {
    fn person(&self, email: &str) -> Option<Person> {
        let row = self.0.rows(Kind::Contact).into_iter().find(|row| row["email"] == email)?;
        let company = row["companies"]["data"][0]["id"].as_str().map(str::to_owned);
        Some(Person { id: row["id"].as_str().unwrap().to_owned(), name: row["name"].as_str().unwrap().to_owned(), company })
    }

    fn company(&self, id: &str) -> Option<String> {
        self.0.get(Kind::Company, id).and_then(|row| row["name"].as_str().map(str::to_owned))
    }

    fn call(&self, person: &str, phone: &str) {
        self.0.update(Kind::Contact, person, &fields(json!({"phone": phone}))).unwrap();
    }

    fn context(&self, company: &str) -> String {
        let row = self.0.get(Kind::Company, company).unwrap();
        row["custom_attributes"]["sales_context"].as_str().unwrap_or_default().to_owned()
    }

    fn tickets(&self) -> Vec<String> {
        let titles = self.0.rows(Kind::Ticket);
        titles.iter().filter_map(|row| row["ticket_attributes"]["_default_title_"].as_str().map(str::to_owned)).collect()
    }

    fn ask(&self, person: &Person, subject: &str) {
        let conversation = json!({"from": {"type": "user", "id": person.id}, "body": subject});
        self.0.create(Kind::Conversation, &fields(conversation)).unwrap();
    }

    fn counts(&self) -> (usize, usize) {
        let people =
            self.0.rows(Kind::Contact).into_iter().filter(|row| !row["external_id"].as_str().unwrap_or_default().contains(STAND_IN));
        (self.0.rows(Kind::Company).len(), people.count())
    }
}
