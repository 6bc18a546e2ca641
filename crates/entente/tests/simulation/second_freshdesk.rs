//! Freshdesk as the second desk.

use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::freshdesk::{Freshdesk, FreshdeskOptions, Kind};
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use serde_json::{Map, Value, json};

use crate::hub::fields;
use crate::second_desk::{Agents, Company, OfPerson, OfTicket, Person, Ticket};
use crate::world::text;

/// Time zones, by Freshdesk's names and by the CRM's. The first is what it shows of somebody whose time zone nobody has entered.
const ZONES: &[(&str, &str)] = &[
    ("Eastern Time (US & Canada)", "America/New_York"),
    ("Berlin", "Europe/Berlin"),
    ("Tokyo", "Asia/Tokyo"),
    ("London", "Europe/London"),
];
/// A source of tickets whose subject agents may change: a call by phone.
const BY_PHONE: u64 = 3;
/// What agents set a ticket to.
const PENDING: u64 = 3;
const RESOLVED: u64 = 4;
const CLOSED: u64 = 5;
const URGENT: u64 = 4;

pub struct FreshdeskAccount(pub Freshdesk);

impl FreshdeskAccount {
    pub fn new(clock: SimClock, seed: u64, faults: &Faults, mail: &Mailroom) -> Self {
        let mut options = FreshdeskOptions::new(clock, Profile::instant(), seed);
        options.faults = faults.clone();
        options.mailroom = mail.clone();
        Self(Freshdesk::new(options))
    }

    fn change(&self, kind: Kind, id: &str, edit: Value) -> bool {
        self.0.update(kind, number(id), &fields(edit)).is_ok()
    }
}

fn number(id: &str) -> u64 {
    id.parse().unwrap()
}

fn object(row: &Value) -> &Map<String, Value> {
    row.as_object().unwrap()
}

impl Agents for FreshdeskAccount {
    fn people(&self) -> Vec<Person> {
        let person = |row: Value| {
            let (shown, custom) = (object(&row), object(&row["custom_fields"]));
            let zone = text(shown, "time_zone");
            Person {
                id: text(shown, "id"),
                record: text(shown, "unique_external_id"),
                crm_id: text(custom, "crm_id"),
                name: text(shown, "name"),
                email: text(shown, "email"),
                phone: text(shown, "phone"),
                language: text(shown, "language"),
                job_title: text(shown, "job_title"),
                time_zone: ZONES.iter().find(|(desk, _)| *desk == zone).map_or(zone, |(_, crm)| (*crm).to_owned()),
                company: row["company_id"].as_u64().map(|id| id.to_string()),
            }
        };
        self.0.rows(Kind::Contact).into_iter().map(person).collect()
    }

    fn companies(&self) -> Vec<Company> {
        let company = |row: Value| {
            let custom = object(&row["custom_fields"]);
            Company {
                id: text(object(&row), "id"),
                record: text(custom, "entente_id"),
                crm_id: text(custom, "crm_id"),
                name: text(object(&row), "name"),
                fields: custom.clone(),
            }
        };
        self.0.rows(Kind::Company).into_iter().map(company).collect()
    }

    fn tickets(&self) -> Vec<Ticket> {
        let ticket = |row: Value| Ticket {
            id: text(object(&row), "id"),
            number: text(object(&row), "id"),
            subject: text(object(&row), "subject"),
            requester: row["requester_id"].as_u64().map(|id| id.to_string()),
            company: row["company_id"].as_u64().map(|id| id.to_string()),
            is_open: !matches!(row["status"].as_u64(), Some(RESOLVED | CLOSED)),
            is_checklist: row["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "onboarding")),
        };
        self.0.rows(Kind::Ticket).into_iter().map(ticket).collect()
    }

    fn change_person(&self, id: &str, change: &OfPerson) -> bool {
        let edit = match change {
            OfPerson::Name(name) => json!({ "name": name }),
            OfPerson::Phone(phone) => json!({ "phone": phone }),
            OfPerson::Email(email) => json!({ "email": email }),
            OfPerson::TimeZone(zone) => json!({ "time_zone": ZONES.iter().find(|(_, crm)| crm == zone).unwrap().0 }),
            OfPerson::JobTitle(title) => json!({ "job_title": title }),
        };
        self.change(Kind::Contact, id, edit)
    }

    fn change_company(&self, id: &str, field: &str, value: &str) -> bool {
        self.change(Kind::Company, id, json!({ "custom_fields": { field: value } }))
    }

    fn meet(&self, name: &str, email: &str, company: &str, _casually: bool) -> Option<String> {
        let contact = json!({ "name": name, "email": email, "company_id": number(company) });
        self.0.create(Kind::Contact, &fields(contact)).ok().map(|id| id.to_string())
    }

    fn ask(&self, person: &str, subject: &str) {
        let ticket = json!({
            "requester_id": number(person), "subject": subject, "description": "Help!", "status": 2, "priority": 3, "source": BY_PHONE,
        });
        let _refused = self.0.create(Kind::Ticket, &fields(ticket));
    }

    fn change_ticket(&self, id: &str, change: &OfTicket) {
        let edit = match change {
            OfTicket::Solved => json!({ "status": RESOLVED }),
            OfTicket::Waiting => json!({ "status": PENDING }),
            OfTicket::Urgent => json!({ "priority": URGENT }),
            OfTicket::Subject(subject) => json!({ "subject": subject }),
        };
        self.change(Kind::Ticket, id, edit);
    }

    fn set_aside(&self, person: &str) -> bool {
        self.0.delete(Kind::Contact, number(person)).is_ok()
    }

    fn bring_back(&self, person: &str) -> bool {
        self.0.restore(Kind::Contact, number(person)).is_ok()
    }

    fn merge(&self, goes: &str, stays: &str) -> bool {
        self.0.merge_contacts(number(stays), number(goes)).is_ok()
    }

    fn delete_ticket(&self, id: &str) {
        let _refused = self.0.delete(Kind::Ticket, number(id));
    }
}
