//! A support desk beside the first, with those who work there: Freshdesk, which tells of tickets alone and is polled for people and companies,
//! or Intercom, which tells of nearly everything.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_connect::transport::wire::{Wire, WireError};
use entente_engine::Engine;
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::freshdesk::Freshdesk;
use entente_sims::intercom::Intercom;
use entente_sims::mailroom::Mailroom;
use rand::Rng;
use serde_json::{Map, Value};

use crate::ambient::{Fuse, InProcess};
use crate::second_freshdesk::FreshdeskAccount;
use crate::second_intercom::IntercomWorkspace;
use crate::world::{Side, World};

/// Name of its connection. It comes after the first desk's: of several desks, the first by name is the one whose id the CRM shows.
pub const SECOND: &str = "zone_b";
/// Where it hands its webhooks in.
pub const HOOKS: &str = "http://hub/hooks/zone_b";

/// Which platform it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    Freshdesk,
    Intercom,
}

/// Somebody as it shows them.
#[derive(Debug, Clone, Default)]
pub struct Person {
    pub id: String,
    /// The record's id that the row carries.
    pub record: String,
    /// The contact of the CRM that the row names.
    pub crm_id: String,
    pub name: String,
    pub email: String,
    pub phone: String,
    pub language: String,
    pub job_title: String,
    /// As the CRM names it.
    pub time_zone: String,
    /// Id of the company.
    pub company: Option<String>,
}

/// A company as it shows it.
#[derive(Debug, Clone, Default)]
pub struct Company {
    pub id: String,
    /// The record's id that the row carries.
    pub record: String,
    /// The account of the CRM that the row names.
    pub crm_id: String,
    pub name: String,
    /// What else it shows, by the names of custom fields; days as `2026-12-31`.
    pub fields: Map<String, Value>,
}

/// A ticket, or a conversation.
#[derive(Debug, Clone)]
pub struct Ticket {
    pub id: String,
    /// The number that people read.
    pub number: String,
    pub subject: String,
    /// Who asked for help; nobody for what is for colleagues alone.
    pub requester: Option<String>,
    /// Id of the company that it is about.
    pub company: Option<String>,
    pub is_open: bool,
    /// Whether it is the onboarding checklist of a new customer.
    pub is_checklist: bool,
}

/// What somebody changes of a person.
#[derive(Debug, Clone)]
pub enum OfPerson {
    Name(String),
    Phone(String),
    Email(String),
    /// As the CRM names it.
    TimeZone(String),
    JobTitle(String),
}

/// What somebody changes of a ticket.
#[derive(Debug, Clone)]
pub enum OfTicket {
    Solved,
    Waiting,
    Urgent,
    Subject(String),
}

/// The people at work on a platform. What it refuses is not done, as in the browser.
pub trait Agents: Send {
    fn people(&self) -> Vec<Person>;
    fn companies(&self) -> Vec<Company>;
    fn tickets(&self) -> Vec<Ticket>;
    fn change_person(&self, id: &str, change: &OfPerson) -> bool;
    /// Changes a field of a company, named like a custom field.
    fn change_company(&self, id: &str, field: &str, value: &str) -> bool;
    /// Somebody of a company writes for the first time; their id. `casually`: as a visitor, where the platform knows such.
    fn meet(&self, name: &str, email: &str, company: &str, casually: bool) -> Option<String>;
    /// Somebody asks for help.
    fn ask(&self, person: &str, subject: &str);
    fn change_ticket(&self, id: &str, change: &OfTicket);
    /// Takes somebody away, so that they can be brought back.
    fn set_aside(&self, person: &str) -> bool;
    fn bring_back(&self, person: &str) -> bool;
    /// Merges somebody into another one.
    fn merge(&self, goes: &str, stays: &str) -> bool;
    fn delete_ticket(&self, id: &str);
}

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
    pub platform: Platform,
    pub agents: Box<dyn Agents>,
    /// The account itself, where it is at Freshdesk.
    pub freshdesk: Option<Freshdesk>,
    /// The workspace itself, where it is at Intercom.
    pub intercom: Option<Intercom>,
    pub faults: Faults,
    pub sent: Arc<Mutex<Vec<Sent>>>,
    clock: Arc<AtomicI64>,
    router: axum::Router,
}

impl SecondDesk {
    pub fn new(platform: Platform, clock: &Arc<AtomicI64>, seed: u64) -> (Self, Mailroom) {
        let sim_clock = SimClock::virtual_at(Arc::clone(clock));
        let faults = Faults::none(seed ^ 0x0073_6563);
        let mail = Mailroom::new(sim_clock.clone(), faults.clone());
        let (router, freshdesk, intercom, agents): (_, _, _, Box<dyn Agents>) = match platform {
            Platform::Freshdesk => {
                let account = FreshdeskAccount::new(sim_clock, seed, &faults, &mail);
                (account.0.router(), Some(account.0.clone()), None, Box::new(account))
            }
            Platform::Intercom => {
                let workspace = IntercomWorkspace::new(sim_clock, seed, &faults, &mail);
                (workspace.0.router(), None, Some(workspace.0.clone()), Box::new(workspace))
            }
        };
        (Self { platform, agents, freshdesk, intercom, faults, sent: Arc::default(), clock: Arc::clone(clock), router }, mail)
    }

    /// Its connection, made of another one's.
    pub fn settings(&self, of: &ConnectionSettings) -> ConnectionSettings {
        let (platform, token, signing_secret) = match self.platform {
            Platform::Freshdesk => ("freshdesk", "freshdesk-api-key", Secret::default()),
            Platform::Intercom => ("intercom", "intercom-token", Secret::new("intercom-client-secret")),
        };
        ConnectionSettings {
            name: SECOND.to_owned(),
            platform: platform.to_owned(),
            role: Role::Support,
            base_url: "http://second.sim".parse().unwrap(),
            login_url: None,
            auth: Auth::AccessToken { token: Secret::new(token) },
            webhooks: WebhookSettings { signing_secret, ..WebhookSettings::default() },
            actors: BTreeMap::new(),
            ..of.clone()
        }
    }

    /// Has it tell of what happens, by the API or, where the platform wants that, by hand: then the account of the platform has done so.
    pub async fn tell(&self, engine: &Engine) {
        if self.platform == Platform::Freshdesk {
            let tickets = ["ticket".to_owned()];
            engine.connection(SECOND).unwrap().connector.subscribe(HOOKS, &tickets).await.unwrap();
        }
    }

    /// The way to it, on which every write is noted.
    pub fn wire(&self, fuse: &Arc<Fuse>) -> Arc<dyn Wire> {
        let way = InProcess { router: self.router.clone(), fuse: Arc::clone(fuse) };
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
            let mut custom = ["custom_fields", "custom_attributes"].iter().filter_map(|list| sent.body.get(*list)?.as_object());
            sent.at >= at && sent.what.ends_with(&format!("/{row}")) && (named(&sent.body) || custom.any(named))
        })
    }

    /// The live contact that names this one of the CRM as its counterpart.
    pub fn contact_of(&self, contact: &str) -> Option<Person> {
        self.agents.people().into_iter().find(|person| person.crm_id == contact)
    }

    /// The company that names this account of the CRM as its counterpart.
    pub fn company_of(&self, account: &str) -> Option<Company> {
        self.agents.companies().into_iter().find(|company| company.crm_id == account)
    }
}

struct Noted {
    way: InProcess,
    clock: Arc<AtomicI64>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

/// Whether a call may write: some platforms take questions as posts.
fn may_write(request: &http::Request<Bytes>) -> bool {
    request.method() != http::Method::GET && !request.uri().path().ends_with("/search")
}

#[async_trait]
impl Wire for Noted {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Result<http::Response<Bytes>, WireError> {
        if may_write(&request) {
            let body = serde_json::from_slice(request.body()).unwrap_or_default();
            let what = format!("{} {}", request.method(), request.uri().path());
            let sent = Sent { at: self.clock.load(Ordering::SeqCst), what, body };
            if std::env::var_os("ENTENTE_SIM_TRACE").is_some() {
                println!("{} second {} {:?}", sent.at, sent.what, sent.body);
            }
            self.sent.lock().unwrap().push(sent);
        }
        self.way.send(request, timeout).await
    }
}

impl World {
    /// The people at work at the second desk.
    pub fn second(&self) -> &dyn Agents {
        self.hub.second.as_ref().expect("a world of three systems").agents.as_ref()
    }

    /// Agents and customers edit at the second desk.
    pub fn edit_second_desk(&mut self) {
        let (people, companies) = (self.second().people(), self.second().companies());
        match self.dice.random_range(0..13) {
            0..=1 => {
                let Some(person) = self.pick(&people) else { return };
                let given = person.name.split(' ').next().unwrap_or("X").to_owned();
                let last = self.fresh("Zone");
                self.enter_second(&person.id, OfPerson::Name(format!("{given} {last}")), "last_name", last);
            }
            2 => {
                let Some(person) = self.pick(&people) else { return };
                let number = 1_000 + self.serial();
                self.enter_second(&person.id, OfPerson::Phone(format!("+1 415-888-{number}")), "phone", format!("+1415888{number}"));
            }
            3 => {
                let Some(person) = self.pick(&people) else { return };
                let email = self.fresh("zone") + "@mail.example";
                self.enter_second(&person.id, OfPerson::Email(email.clone()), "email", email);
            }
            4 => {
                const ZONES: &[&str] = &["Europe/Berlin", "Asia/Tokyo", "Europe/London"];
                let Some(person) = self.pick(&people) else { return };
                let zone = ZONES[self.dice.random_range(0..ZONES.len())];
                self.second().change_person(&person.id, &OfPerson::TimeZone(zone.to_owned()));
            }
            5..=6 => {
                let Some(company) = self.pick(&companies) else { return };
                let status = self.fresh("ZoneStatus");
                self.enter_second_company(&company.id, "account_status", "status", status);
            }
            7 => {
                let Some(company) = self.pick(&companies) else { return };
                let gaps = self.fresh("Gap");
                self.enter_second_company(&company.id, "adoption_gaps", "adoption_gaps", gaps);
            }
            8 => {
                // The owner's fields are changed where they do not belong: they have to be put back.
                let wrong = self.fresh("Wrong");
                if let Some(company) = self.pick(&companies) {
                    self.second().change_company(&company.id, "plan", &wrong);
                }
                if let Some(person) = self.pick(&people) {
                    self.second().change_person(&person.id, &OfPerson::JobTitle(wrong));
                }
            }
            9..=10 => {
                let Some(person) = self.pick(&people) else { return };
                let subject = self.fresh("Ticket");
                self.second().ask(&person.id, &subject);
            }
            11 => {
                let tickets = self.second().tickets();
                let Some(ticket) = self.pick(&tickets) else { return };
                let edits = [OfTicket::Solved, OfTicket::Urgent, OfTicket::Waiting, OfTicket::Subject(self.fresh("Subject"))];
                let edit = self.pick(&edits).unwrap();
                self.second().change_ticket(&ticket.id, &edit);
            }
            _ => {
                // Somebody of a customer's company writes here for the first time.
                let Some(company) = self.pick(&companies) else { return };
                let last = self.fresh("Zoner");
                let email = format!("{}@call.example", last.to_lowercase());
                let casually = self.serial().is_multiple_of(2);
                if let Some(id) = self.second().meet(&format!("Zoe {last}"), &email, &company.id, casually) {
                    self.note(Side::Second, id, "last_name", last);
                }
            }
        }
    }

    fn enter_second(&mut self, person: &str, change: OfPerson, field: &'static str, kept: String) {
        if self.second().change_person(person, &change) {
            self.note(Side::Second, person, field, kept);
        }
    }

    fn enter_second_company(&mut self, company: &str, there: &str, field: &'static str, value: String) {
        if self.second().change_company(company, there, &value) {
            self.note(Side::Second, company, field, value);
        }
    }

    /// Somebody deletes, restores or merges something at the second desk.
    pub fn depart_at_second_desk(&mut self) {
        let people = self.second().people();
        match self.dice.random_range(0..5) {
            0 => {
                let Some(person) = self.pick(&people) else { return };
                if self.second().set_aside(&person.id) {
                    self.departed.second.insert(person.id, person.crm_id);
                }
            }
            1 => {
                let gone: Vec<String> = self.departed.second.keys().cloned().collect();
                let Some(id) = self.pick(&gone) else { return };
                if self.second().bring_back(&id) {
                    self.departed.second.remove(&id);
                }
            }
            2..=3 => {
                let (Some(goes), Some(stays)) = (self.pick(&people), self.pick(&people)) else { return };
                if self.second().merge(&goes.id, &stays.id) {
                    self.departed.merged_second.push((goes.id, stays.id, goes.crm_id));
                }
            }
            _ => {
                let plain: Vec<Ticket> = self.second().tickets().into_iter().filter(|ticket| !ticket.is_checklist).collect();
                if let Some(ticket) = self.pick(&plain) {
                    self.second().delete_ticket(&ticket.id);
                }
            }
        }
    }
}
