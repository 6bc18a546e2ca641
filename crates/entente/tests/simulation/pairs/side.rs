//! What a platform gives so that it can stand in a pair: its settings, and people who work there.

use entente_connect::settings::{Auth, ConnectionSettings, WebhookSettings};
use entente_engine::sync::provision::subscriptions::Watched;
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::mailroom::Mailroom;

use super::{described, dynamics, freshdesk, hubspot, intercom, pipedrive, salesforce, zendesk};

/// Sets webhooks up by hand, as the platform's console has it: to this address, of these objects and fields.
pub type Listen = Box<dyn Fn(&str, &[Watched])>;

/// A platform that was just started.
pub struct Started {
    pub settings: ConnectionSettings,
    pub router: axum::Router,
    pub people: People,
    /// Its webhooks, where the story has them delivered.
    pub mail: Option<Mailroom>,
    /// How they are set up, where its API cannot.
    pub listen: Option<Listen>,
}

impl Started {
    /// A platform that tells nothing.
    pub fn silent(settings: ConnectionSettings, router: axum::Router, people: People) -> Self {
        Self { settings, router, people, mail: None, listen: None }
    }

    /// The same, whose webhooks are delivered.
    pub fn telling(self, mail: Mailroom) -> Self {
        Self { mail: Some(mail), ..self }
    }
}

/// The people of a platform, by the part that it plays.
pub enum People {
    Sales(Box<dyn Sales>),
    Agents(Box<dyn Agents>),
}

/// A company of the CRM and whoever was made with it.
#[derive(Debug, Clone)]
pub struct Company {
    pub id: String,
    pub contact: String,
}

/// Somebody as the desk shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: String,
    pub name: String,
    pub company: Option<String>,
}

/// Who works in the CRM.
pub trait Sales: Send {
    /// A company with one contact of it; a customer, or not yet.
    fn company(&self, name: &str, customer: bool, first: &str, last: &str, email: &str) -> Company;
    /// A deal that is open; its id.
    fn deal(&self, company: &Company, name: &str) -> String;
    fn win(&self, deal: &str);
    fn rename(&self, contact: &str, first: &str, last: &str);
    /// A second contact of a company; its id.
    fn further(&self, company: &Company, first: &str, last: &str, email: &str) -> String;
    /// A contact that somebody deletes.
    fn delete(&self, contact: &str);
    /// Two contacts that somebody merges: the one that goes, and the one that stays; the id that the latter has from then on.
    fn merge(&self, goes: &str, stays: &str) -> String;
    /// Somebody shows an interest, who is no contact yet or, where leads are about contacts, the company's; how the lead is called. Not called
    /// where no leads are mapped.
    fn lead(&self, _about: &Company, _last: &str, _email: &str) -> String {
        panic!("no leads are mapped here")
    }
    /// Name and phone number of a contact.
    fn shown(&self, contact: &str) -> (String, String);
    /// The desk's id of a company, if it was written back.
    fn support_id(&self, company: &str) -> Option<String>;
    /// Subjects of what stands in the time line of a company.
    fn activities(&self, company: &str) -> Vec<String>;
    /// Logs a call with a company's contact.
    fn phoned(&self, company: &Company, about: &str);
    /// How many companies and contacts there are.
    fn counts(&self) -> (usize, usize);
}

/// Who works at the desk.
pub trait Agents: Send {
    fn person(&self, email: &str) -> Option<Person>;
    /// The name of a company.
    fn company(&self, id: &str) -> Option<String>;
    fn call(&self, person: &str, phone: &str);
    /// What the desk tells agents of a company's dealings with sales.
    fn context(&self, company: &str) -> String;
    /// Subjects of all tickets.
    fn tickets(&self) -> Vec<String>;
    /// Somebody asks for help.
    fn ask(&self, person: &Person, subject: &str);
    /// How many companies and customers there are.
    fn counts(&self) -> (usize, usize);
}

/// Settings of a connection that is named like its platform.
pub fn settings(platform: &str, role: Role, auth: Auth) -> ConnectionSettings {
    let base: url::Url = format!("http://{platform}.sim").parse().unwrap();
    ConnectionSettings {
        name: platform.to_owned(),
        platform: platform.to_owned(),
        role,
        base_url: base.clone(),
        login_url: Some(base),
        follow_instance_url: false,
        api_version: None,
        headers: std::collections::BTreeMap::new(),
        proxy: None,
        auth,
        webhooks: WebhookSettings::default(),
        actors: std::collections::BTreeMap::new(),
        daily_calls: None,
        description: None,
        salesforce: entente_connect::settings::SalesforceSettings::default(),
        hubspot: entente_connect::settings::HubSpotSettings::default(),
    }
}

/// Starts a platform on a clock.
pub fn start(platform: &str, clock: SimClock) -> Started {
    match platform {
        "salesforce" => salesforce::start(clock),
        "hubspot" => hubspot::start(clock),
        "pipedrive" => pipedrive::start(clock),
        "dynamics" => dynamics::start(clock),
        "rest" => described::start(clock),
        "zendesk" => zendesk::start(clock),
        "freshdesk" => freshdesk::start(clock),
        "intercom" => intercom::start(clock),
        other => panic!("{other} has no people yet: give it a file in tests/simulation/pairs and its line here"),
    }
}
