//! A support desk beside the first: Freshdesk, which tells of tickets alone and is polled for people and companies, with those who work
//! there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_connect::transport::wire::{Wire, WireError};
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::freshdesk::{Freshdesk, FreshdeskOptions, Kind};
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use rand::Rng;
use serde_json::{Map, Value, json};

use crate::ambient::{Fuse, InProcess};
use crate::hub::fields;
use crate::world::{Side, World, text};

/// Name of its connection. It comes after the first desk's: of several desks, the first by name is the one whose id the CRM shows.
pub const SECOND: &str = "zone_b";
/// Time zones by the desk's names.
const ZONES: &[&str] = &["Berlin", "Tokyo", "London"];
/// A source of tickets whose subject agents may change: a call by phone.
const BY_PHONE: u64 = 3;

/// A write of the hub's, as it went over the wire.
pub struct Sent {
    /// Milliseconds.
    pub at: i64,
    /// `PUT /api/v2/contacts/7`.
    pub what: String,
    pub body: Map<String, Value>,
}

/// The second desk, and what was sent to it.
pub struct SecondDesk {
    pub freshdesk: Freshdesk,
    pub faults: Faults,
    pub sent: Arc<Mutex<Vec<Sent>>>,
    clock: Arc<AtomicI64>,
}

impl SecondDesk {
    pub fn new(clock: &Arc<AtomicI64>, seed: u64) -> (Self, Mailroom) {
        let sim_clock = SimClock::virtual_at(Arc::clone(clock));
        let faults = Faults::none(seed ^ 0x0073_6563);
        let mail = Mailroom::new(sim_clock.clone(), faults.clone());
        let mut options = FreshdeskOptions::new(sim_clock, Profile::instant(), seed);
        options.faults = faults.clone();
        options.mailroom = mail.clone();
        (Self { freshdesk: Freshdesk::new(options), faults, sent: Arc::default(), clock: Arc::clone(clock) }, mail)
    }

    /// Its connection, made of another one's.
    pub fn settings(&self, of: &ConnectionSettings) -> ConnectionSettings {
        ConnectionSettings {
            name: SECOND.to_owned(),
            platform: "freshdesk".to_owned(),
            role: Role::Support,
            base_url: "http://second.sim".parse().unwrap(),
            login_url: None,
            auth: Auth::AccessToken { token: Secret::new("freshdesk-api-key") },
            webhooks: WebhookSettings::default(),
            actors: BTreeMap::new(),
            ..of.clone()
        }
    }

    /// The way to it, on which every write is noted.
    pub fn wire(&self, fuse: &Arc<Fuse>) -> Arc<dyn Wire> {
        let way = InProcess { router: self.freshdesk.router(), fuse: Arc::clone(fuse) };
        Arc::new(Noted { way, clock: Arc::clone(&self.clock), sent: Arc::clone(&self.sent) })
    }

    /// Writes up to now.
    pub fn writes(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// Whether a row was written after an instant, in a field whose name holds this word.
    pub fn was_written_since(&self, row: &str, at: i64, word: &str) -> bool {
        self.sent.lock().unwrap().iter().any(|sent| {
            let named = |body: &Map<String, Value>| body.keys().any(|name| name.contains(word));
            let custom = sent.body.get("custom_fields").and_then(Value::as_object);
            sent.at >= at && sent.what.ends_with(&format!("/{row}")) && (named(&sent.body) || custom.is_some_and(named))
        })
    }

    /// The live contact that names this one of the CRM as its counterpart.
    pub fn contact_of(&self, contact: &str) -> Option<Value> {
        self.freshdesk.rows(Kind::Contact).into_iter().find(|row| row["custom_fields"]["crm_id"] == contact)
    }

    /// The company that names this account of the CRM as its counterpart.
    pub fn company_of(&self, account: &str) -> Option<Value> {
        self.freshdesk.rows(Kind::Company).into_iter().find(|row| row["custom_fields"]["crm_id"] == account)
    }
}

struct Noted {
    way: InProcess,
    clock: Arc<AtomicI64>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

#[async_trait]
impl Wire for Noted {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Result<http::Response<Bytes>, WireError> {
        if request.method() != http::Method::GET {
            let body = serde_json::from_slice(request.body()).unwrap_or_default();
            let what = format!("{} {}", request.method(), request.uri().path());
            self.sent.lock().unwrap().push(Sent { at: self.clock.load(Ordering::SeqCst), what, body });
        }
        self.way.send(request, timeout).await
    }
}

fn id_of(row: &Value) -> u64 {
    row["id"].as_u64().unwrap()
}

impl World {
    /// The account of the second desk.
    pub fn second(&self) -> Freshdesk {
        self.hub.second.as_ref().expect("a world of three systems").freshdesk.clone()
    }

    /// Agents and customers edit at the second desk.
    pub fn edit_second_desk(&mut self) {
        let desk = self.second();
        let contacts = desk.rows(Kind::Contact);
        let companies = desk.rows(Kind::Company);
        match self.dice.random_range(0..13) {
            0..=1 => {
                let Some(row) = self.pick(&contacts) else { return };
                let given = row["name"].as_str().unwrap_or("X").split(' ').next().unwrap_or("X").to_owned();
                let last = self.fresh("Zone");
                self.enter_second(Kind::Contact, &row, json!({ "name": format!("{given} {last}") }), "last_name", last);
            }
            2 => {
                let Some(row) = self.pick(&contacts) else { return };
                let number = 1_000 + self.serial();
                let edit = json!({ "phone": format!("+1 415-888-{number}") });
                self.enter_second(Kind::Contact, &row, edit, "phone", format!("+1415888{number}"));
            }
            3 => {
                let Some(row) = self.pick(&contacts) else { return };
                let email = self.fresh("zone") + "@mail.example";
                self.enter_second(Kind::Contact, &row, json!({ "email": &email }), "email", email);
            }
            4 => {
                let Some(row) = self.pick(&contacts) else { return };
                let zone = ZONES[self.dice.random_range(0..ZONES.len())];
                let _refused = desk.update(Kind::Contact, id_of(&row), &fields(json!({ "time_zone": zone })));
            }
            5..=6 => {
                let Some(row) = self.pick(&companies) else { return };
                let status = self.fresh("ZoneStatus");
                let edit = json!({ "custom_fields": { "account_status": &status } });
                self.enter_second(Kind::Company, &row, edit, "status", status);
            }
            7 => {
                let Some(row) = self.pick(&companies) else { return };
                let gaps = self.fresh("Gap");
                let edit = json!({ "custom_fields": { "adoption_gaps": &gaps } });
                self.enter_second(Kind::Company, &row, edit, "adoption_gaps", gaps);
            }
            8 => {
                // The owner's fields are changed where they do not belong: they have to be put back.
                let wrong = self.fresh("Wrong");
                if let Some(row) = self.pick(&companies) {
                    let _refused = desk.update(Kind::Company, id_of(&row), &fields(json!({ "custom_fields": { "plan": &wrong } })));
                }
                if let Some(row) = self.pick(&contacts) {
                    let _refused = desk.update(Kind::Contact, id_of(&row), &fields(json!({ "job_title": wrong })));
                }
            }
            9..=10 => {
                let Some(row) = self.pick(&contacts) else { return };
                let ticket = json!({
                    "requester_id": id_of(&row), "subject": self.fresh("Ticket"), "description": "Help!", "status": 2, "priority": 3,
                    "source": BY_PHONE,
                });
                let _refused = desk.create(Kind::Ticket, &fields(ticket));
            }
            11 => {
                let Some(row) = self.pick(&desk.rows(Kind::Ticket)) else { return };
                let edits =
                    [json!({ "status": 4 }), json!({ "priority": 4 }), json!({ "status": 3 }), json!({ "subject": self.fresh("Subject") })];
                let edit = self.pick(&edits).unwrap();
                let _refused = desk.update(Kind::Ticket, id_of(&row), &fields(edit));
            }
            _ => {
                // Somebody of a customer's company writes here for the first time.
                let Some(company) = self.pick(&companies) else { return };
                let last = self.fresh("Zoner");
                let email = format!("{}@call.example", last.to_lowercase());
                let contact = json!({ "name": format!("Zoe {last}"), "email": email, "company_id": id_of(&company) });
                if let Ok(id) = desk.create(Kind::Contact, &fields(contact)) {
                    self.note(Side::Second, id, "last_name", last);
                }
            }
        }
    }

    fn enter_second(&mut self, kind: Kind, row: &Value, edit: Value, field: &'static str, kept: String) {
        if self.second().update(kind, id_of(row), &fields(edit)).is_ok() {
            self.note(Side::Second, id_of(row), field, kept);
        }
    }

    /// Somebody deletes, restores or merges something at the second desk.
    pub fn depart_at_second_desk(&mut self) {
        let desk = self.second();
        let contacts = desk.rows(Kind::Contact);
        let counterpart = |row: &Value| text(row["custom_fields"].as_object().unwrap(), "crm_id");
        match self.dice.random_range(0..5) {
            0 => {
                let Some(row) = self.pick(&contacts) else { return };
                if desk.delete(Kind::Contact, id_of(&row)).is_ok() {
                    self.departed.second.insert(id_of(&row), counterpart(&row));
                }
            }
            1 => {
                let gone: Vec<u64> = self.departed.second.keys().copied().collect();
                let Some(id) = self.pick(&gone) else { return };
                if desk.restore(Kind::Contact, id).is_ok() {
                    self.departed.second.remove(&id);
                }
            }
            2..=3 => {
                let (Some(goes), Some(stays)) = (self.pick(&contacts), self.pick(&contacts)) else { return };
                if desk.merge_contacts(id_of(&stays), id_of(&goes)).is_ok() {
                    self.departed.merged_second.push((id_of(&goes), id_of(&stays), counterpart(&goes)));
                }
            }
            _ => {
                let tickets = desk.rows(Kind::Ticket);
                let is_checklist = |row: &&Value| row["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "onboarding"));
                let plain: Vec<Value> = tickets.iter().filter(|row| !is_checklist(row)).cloned().collect();
                if let Some(row) = self.pick(&plain) {
                    let _refused = desk.delete(Kind::Ticket, id_of(&row));
                }
            }
        }
    }
}
