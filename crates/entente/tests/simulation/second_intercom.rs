//! Intercom as the second desk. Its webhooks are set up by hand and tell of nearly everything; stamps are of whole seconds there, and people
//! who merely visited are leads, which alone can be merged into others.

use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::intercom::{Intercom, IntercomOptions, Kind};
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::hub::fields;
use crate::second_desk::{Agents, Company, HOOKS, OfPerson, OfTicket, Person, Ticket};
use crate::world::text;

/// The contact that Entente makes to stand in where no customer takes part.
const STAND_IN: &str = "entente-checklists";
/// A state of tickets in which somebody works on them, and the last one.
const IN_PROGRESS: &str = "8482";
const RESOLVED: &str = "8484";
/// The type of tickets that Entente opens for colleagues.
const FOR_COLLEAGUES: &str = "Entente";

pub struct IntercomWorkspace(pub Intercom);

impl IntercomWorkspace {
    pub fn new(clock: SimClock, seed: u64, faults: &Faults, mail: &Mailroom) -> Self {
        let mut options = IntercomOptions::new(clock, Profile::instant(), seed);
        options.faults = faults.clone();
        options.mailroom = mail.clone();
        let workspace = Intercom::new(options);
        workspace.subscribe(HOOKS, None);
        Self(workspace)
    }

    fn is_ticket(&self, id: &str) -> bool {
        self.0.get(Kind::Ticket, id).is_some()
    }
}

fn object(row: &Value) -> &Map<String, Value> {
    row.as_object().unwrap()
}

/// The first company of a contact.
fn company_of(contact: &Value) -> Option<String> {
    contact["companies"]["data"][0]["id"].as_str().map(str::to_owned)
}

/// Custom attributes, days written as days.
fn attributes(row: &Value) -> Map<String, Value> {
    let mut custom = object(&row["custom_attributes"]).clone();
    if let Some(day) = custom.get("contract_renewal").and_then(Value::as_i64) {
        custom.insert("contract_renewal".to_owned(), json!(Timestamp::from_second(day).unwrap().strftime("%Y-%m-%d").to_string()));
    }
    custom
}

impl Agents for IntercomWorkspace {
    fn people(&self) -> Vec<Person> {
        let person = |row: &Value| {
            let (shown, custom) = (object(row), object(&row["custom_attributes"]));
            Person {
                id: text(shown, "id"),
                record: text(shown, "external_id"),
                crm_id: text(custom, "crm_id"),
                name: text(shown, "name"),
                email: text(shown, "email"),
                phone: text(shown, "phone"),
                language: text(custom, "language"),
                job_title: text(custom, "job_title"),
                time_zone: text(custom, "timezone"),
                company: company_of(row),
            }
        };
        let rows = self.0.rows(Kind::Contact);
        rows.iter().filter(|row| row["external_id"] != STAND_IN).map(person).collect()
    }

    fn companies(&self) -> Vec<Company> {
        let company = |row: Value| {
            let mut shown = attributes(&row);
            shown.insert("plan".to_owned(), row["plan"]["name"].clone());
            Company {
                id: text(object(&row), "id"),
                record: text(object(&row), "company_id"),
                crm_id: text(&shown, "crm_id"),
                name: text(object(&row), "name"),
                fields: shown,
            }
        };
        self.0.rows(Kind::Company).into_iter().map(company).collect()
    }

    fn tickets(&self) -> Vec<Ticket> {
        let asked = self.0.rows(Kind::Conversation).into_iter().map(|row| {
            let requester = row["contacts"]["contacts"][0]["id"].as_str().map(str::to_owned);
            let contact = requester.as_deref().and_then(|id| self.0.get(Kind::Contact, id));
            Ticket {
                id: text(object(&row), "id"),
                number: text(object(&row), "id"),
                subject: text(object(&row), "title"),
                company: contact.as_ref().and_then(company_of),
                requester,
                is_open: row["state"] != "closed",
                is_checklist: false,
            }
        });
        let opened = self.0.rows(Kind::Ticket).into_iter().map(|row| Ticket {
            id: text(object(&row), "id"),
            number: text(object(&row), "ticket_id"),
            subject: text(object(&row["ticket_attributes"]), "_default_title_"),
            requester: None,
            company: row["ticket_attributes"]["entente_company"].as_str().map(str::to_owned),
            is_open: row["ticket_state"]["category"] != "resolved",
            is_checklist: row["ticket_type"]["name"] == FOR_COLLEAGUES,
        });
        asked.chain(opened).collect()
    }

    fn change_person(&self, id: &str, change: &OfPerson) -> bool {
        let edit = match change {
            OfPerson::Name(name) => json!({ "name": name }),
            OfPerson::Phone(phone) => json!({ "phone": phone }),
            OfPerson::Email(email) => json!({ "email": email }),
            OfPerson::TimeZone(zone) => json!({ "custom_attributes": { "timezone": zone } }),
            OfPerson::JobTitle(title) => json!({ "custom_attributes": { "job_title": title } }),
        };
        self.0.update(Kind::Contact, id, &fields(edit)).is_ok()
    }

    fn change_company(&self, id: &str, field: &str, value: &str) -> bool {
        let edit = if field == "plan" { json!({ "plan": value }) } else { json!({ "custom_attributes": { field: value } }) };
        self.0.update(Kind::Company, id, &fields(edit)).is_ok()
    }

    fn meet(&self, name: &str, email: &str, company: &str, casually: bool) -> Option<String> {
        let role = if casually { "lead" } else { "user" };
        let contact = self.0.create(Kind::Contact, &fields(json!({ "role": role, "name": name, "email": email }))).ok()?;
        self.0.attach(&contact, company, true).ok()?;
        Some(contact)
    }

    fn ask(&self, person: &str, subject: &str) {
        let conversation = json!({ "from": { "type": "user", "id": person }, "body": "Help!", "title": subject });
        let _refused = self.0.create(Kind::Conversation, &fields(conversation));
    }

    fn change_ticket(&self, id: &str, change: &OfTicket) {
        let _refused = match (change, self.is_ticket(id)) {
            (OfTicket::Solved, false) => self.0.manage(id, fields(json!({ "message_type": "close" }))),
            (OfTicket::Waiting, false) => self.0.say(id, "Which one?", &self.0.admins()[1].id, false),
            (OfTicket::Urgent, false) => self.0.update(Kind::Conversation, id, &fields(json!({ "priority": "urgent" }))),
            (OfTicket::Subject(subject), false) => self.0.update(Kind::Conversation, id, &fields(json!({ "title": subject }))),
            (OfTicket::Solved, true) => self.0.update(Kind::Ticket, id, &fields(json!({ "ticket_state_id": RESOLVED }))),
            (OfTicket::Waiting | OfTicket::Urgent, true) => {
                self.0.update(Kind::Ticket, id, &fields(json!({ "ticket_state_id": IN_PROGRESS })))
            }
            (OfTicket::Subject(subject), true) => {
                self.0.update(Kind::Ticket, id, &fields(json!({ "ticket_attributes": { "_default_title_": subject } })))
            }
        };
    }

    fn set_aside(&self, person: &str) -> bool {
        self.0.archive(person, true).is_ok()
    }

    fn bring_back(&self, person: &str) -> bool {
        self.0.archive(person, false).is_ok()
    }

    fn merge(&self, goes: &str, stays: &str) -> bool {
        self.0.merge_contacts(goes, stays).is_ok()
    }

    fn delete_ticket(&self, id: &str) {
        let kind = if self.is_ticket(id) { Kind::Ticket } else { Kind::Conversation };
        let _refused = self.0.delete(kind, id);
    }
}
