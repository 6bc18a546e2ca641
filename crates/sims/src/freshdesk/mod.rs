//! Freshdesk, simulated: contacts, companies, tickets with conversations, jobs over many tickets, fields, agents, groups,
//! search, automation rules with webhooks, and the limits of a minute.
//!
//! What stays out: surveys, SLA policies, solutions, products, roles, time entries, exports, imports,
//! nested fields, custom objects, attachments, and changing or deleting agents.
//!
//! Defaults: domain `acme`, API key `freshdesk-api-key` of Sync (`sync@acme.example`); agents `ada@`, `ben@` and `cleo@acme.example`;
//! groups Support, Enterprise Support and Pro Support.

mod automations;
mod call;
mod check;
mod companies;
mod contacts;
mod control;
mod conversations;
mod fields;
mod gate;
mod jobs;
mod limits;
mod moment;
mod people;
mod refusal;
mod search;
mod silent;
mod state;
mod tickets;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use crate::calls::CallCounts;
use crate::clock::SimClock;
use crate::door;
use crate::faults::Faults;
use crate::mailroom::Mailroom;
use crate::profile::Profile;
use state::State;

pub use people::{Agent, Group};
pub use refusal::Refusal;
pub use state::Kind;

/// How a simulated account is set up.
#[derive(Debug, Clone)]
pub struct FreshdeskOptions {
    /// Its time.
    pub clock: SimClock,
    /// Its speed and limits; the quota counts credits of a minute.
    pub profile: Profile,
    /// Seed of ids.
    pub seed: u64,
    /// What goes wrong with calls.
    pub faults: Faults,
    /// Where webhooks go out.
    pub mailroom: Mailroom,
    /// First part of the account's host name.
    pub domain: String,
    /// API key of the first agent.
    pub api_key: String,
    /// Whether that agent is an administrator.
    pub admin: bool,
    /// Whether contacts of several companies exist, so that a ticket may name its company.
    pub multiple_companies: bool,
    /// Whether rules can be read and made over the API.
    pub automations: bool,
    /// Whether contacts are filtered by `_updated_since` alone, as older accounts do.
    pub old_contact_filter: bool,
}

impl FreshdeskOptions {
    /// An account with the documented defaults.
    #[must_use]
    pub fn new(clock: SimClock, profile: Profile, seed: u64) -> Self {
        let faults = Faults::none(seed);
        Self {
            mailroom: Mailroom::new(clock.clone(), faults.clone()),
            clock,
            profile,
            seed,
            faults,
            domain: "acme".to_owned(),
            api_key: "freshdesk-api-key".to_owned(),
            admin: true,
            multiple_companies: true,
            automations: true,
            old_contact_filter: false,
        }
    }
}

struct Inner {
    state: Mutex<State>,
    clock: SimClock,
    profile: Profile,
    faults: Faults,
    mailroom: Mailroom,
}

/// A simulated account. Cloning shares it.
#[derive(Clone)]
pub struct Freshdesk(Arc<Inner>);

impl std::fmt::Debug for Freshdesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Freshdesk").finish_non_exhaustive()
    }
}

impl Freshdesk {
    /// A fresh account.
    #[must_use]
    pub fn new(options: FreshdeskOptions) -> Self {
        let (clock, profile) = (options.clock.clone(), options.profile.clone());
        let (faults, mailroom) = (options.faults.clone(), options.mailroom.clone());
        Self(Arc::new(Inner { state: Mutex::new(State::new(options)), clock, profile, faults, mailroom }))
    }

    /// The vendor's API.
    pub fn router(&self) -> axum::Router {
        axum::Router::new().fallback(door::serve::<Self>).with_state(self.clone())
    }

    fn faults(&self) -> &Faults {
        &self.0.faults
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` as one operation; then queues its webhooks.
    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        let (result, letters) = {
            let mut state = self.lock();
            // Time never runs backwards inside an account, whatever the machine's clock does.
            state.now_ms = state.now_ms.max(self.0.clock.now_ms());
            let result = work(&mut state);
            (result, std::mem::take(&mut state.letters))
        };
        let delay = i64::try_from(self.0.profile.network_ms).unwrap_or(i64::MAX);
        for letter in letters {
            self.0.mailroom.post(letter, delay);
        }
        result
    }

    /// Makes a record, of attributes as the API takes them.
    ///
    /// # Errors
    /// As Freshdesk refuses it.
    pub fn create(&self, kind: Kind, fields: &Map<String, Value>) -> Result<u64, Refusal> {
        self.with(|state| match kind {
            Kind::Contact => state.create_contact(fields),
            Kind::Company => state.create_company(fields),
            Kind::Ticket => state.create_ticket(fields),
        })
    }

    /// Changes a record.
    ///
    /// # Errors
    /// As Freshdesk refuses it.
    pub fn update(&self, kind: Kind, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        self.with(|state| state.update(kind, id, fields))
    }

    /// Changes a record at an instant of the past: in milliseconds since 1970 on the simulator's clock. So a story says how far apart two edits are,
    /// and not how fast its machine is.
    ///
    /// # Errors
    /// As Freshdesk refuses it.
    pub fn update_at(&self, kind: Kind, id: u64, fields: &Map<String, Value>, at_ms: i64) -> Result<(), Refusal> {
        self.with(|state| {
            let now = std::mem::replace(&mut state.now_ms, at_ms);
            let changed = state.update(kind, id, fields);
            state.now_ms = now;
            changed
        })
    }

    /// Deletes a record: contacts and tickets softly, companies for good.
    ///
    /// # Errors
    /// When it is not there, or deleted already.
    pub fn delete(&self, kind: Kind, id: u64) -> Result<(), Refusal> {
        self.with(|state| match kind {
            Kind::Contact => state.delete_contact(id, true),
            Kind::Company => state.delete_company(id),
            Kind::Ticket => state.set_aside(id, true, false),
        })
    }

    /// Brings a deleted contact or ticket back.
    ///
    /// # Errors
    /// When it is not there or not deleted; companies never come back.
    pub fn restore(&self, kind: Kind, id: u64) -> Result<(), Refusal> {
        self.with(|state| match kind {
            Kind::Contact => state.delete_contact(id, false),
            Kind::Company => Err(Refusal::missing()),
            Kind::Ticket => state.set_aside(id, false, false),
        })
    }

    /// Erases a contact for good, and every ticket of theirs.
    ///
    /// # Errors
    /// When it is not there.
    pub fn erase_contact(&self, id: u64) -> Result<(), Refusal> {
        self.with(|state| state.erase_contact(id, true))
    }

    /// Marks a ticket as spam.
    ///
    /// # Errors
    /// When it is not there.
    pub fn mark_spam(&self, id: u64) -> Result<(), Refusal> {
        self.with(|state| state.set_aside(id, false, true))
    }

    /// Moves a ticket to the archive, as Freshdesk does with those that were closed long ago.
    ///
    /// # Errors
    /// When it is not there.
    pub fn archive_ticket(&self, id: u64) -> Result<(), Refusal> {
        self.with(|state| {
            state.records[Kind::Ticket.index()].get_mut(&id).ok_or_else(Refusal::missing)?.archived = true;
            Ok(())
        })
    }

    /// Blocks a contact: it stays, and cannot be changed.
    ///
    /// # Errors
    /// When it is not there.
    pub fn block_contact(&self, id: u64) -> Result<(), Refusal> {
        self.with(|state| {
            state.record(Kind::Contact, id)?;
            if let Some(record) = state.touch(Kind::Contact, id) {
                record.blocked = true;
            }
            Ok(())
        })
    }

    /// Unblocks a contact.
    ///
    /// # Errors
    /// When it is not there.
    pub fn unblock_contact(&self, id: u64) -> Result<(), Refusal> {
        self.with(|state| {
            state.record(Kind::Contact, id)?;
            if let Some(record) = state.touch(Kind::Contact, id) {
                record.blocked = false;
            }
            Ok(())
        })
    }

    /// Merges one contact into another. Of two ids of the account's own choice the winner's stays.
    ///
    /// # Errors
    /// As Freshdesk refuses it.
    pub fn merge_contacts(&self, winner: u64, loser: u64) -> Result<(), Refusal> {
        self.with(|state| {
            let own = state.record(Kind::Contact, winner)?.values.get("unique_external_id").cloned();
            let given = own.filter(|own| !own.is_null()).map(|own| ("unique_external_id".to_owned(), own)).into_iter().collect();
            state.merge_contacts(winner, &[loser], &given)
        })
    }

    /// Says something on a ticket: a public reply, or a private note.
    ///
    /// # Errors
    /// When the ticket is not there or set aside.
    pub fn reply(&self, ticket: u64, body: &str, by: u64, private: bool) -> Result<u64, Refusal> {
        let saying = conversations::Saying { body, by, private, note: private, incoming: None, cc_emails: Vec::new() };
        self.with(|state| state.say(ticket, saying))
    }

    /// Bodies of what was said on a ticket, each with whether it is private.
    #[must_use]
    pub fn said(&self, ticket: u64) -> Vec<(String, bool)> {
        let state = self.lock();
        let Ok(record) = state.record(Kind::Ticket, ticket) else { return Vec::new() };
        let text = |each: &Value| each["body_text"].as_str().unwrap_or_default().to_owned();
        record.conversations.iter().map(|each| each.shown(ticket)).map(|each| (text(&each), each["private"] == true)).collect()
    }

    /// A record as a single view shows it, deleted ones included.
    #[must_use]
    pub fn get(&self, kind: Kind, id: u64) -> Option<Value> {
        let state = self.lock();
        let record = state.record(kind, id).ok()?;
        Some(shown(&state, kind, record))
    }

    /// Every record that is there, in order of id.
    #[must_use]
    pub fn rows(&self, kind: Kind) -> Vec<Value> {
        let state = self.lock();
        let live = state.records[kind.index()].values().filter(|record| !record.deleted && !record.spam);
        live.map(|record| shown(&state, kind, record)).collect()
    }

    /// Adds a custom field: `label`, `type`, and what else the API takes. Gives its name.
    ///
    /// # Errors
    /// As Freshdesk refuses it.
    pub fn add_field(&self, kind: Kind, definition: &Map<String, Value>) -> Result<String, Refusal> {
        let made = self.with(|state| state.add_field(kind, definition))?;
        Ok(made["name"].as_str().unwrap_or_default().to_owned())
    }

    /// Removes a custom field with all its values.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn drop_field(&self, kind: Kind, name: &str) -> Result<(), Refusal> {
        self.with(|state| state.drop_field(kind, name))
    }

    /// The account's agents; the API's own is the first.
    #[must_use]
    pub fn agents(&self) -> Vec<Agent> {
        self.lock().agents.clone()
    }

    /// The account's groups.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        self.lock().groups.clone()
    }

    /// How often the API was called so far.
    #[must_use]
    pub fn calls(&self) -> CallCounts {
        self.lock().calls.clone()
    }
}

impl State {
    fn update(&mut self, kind: Kind, id: u64, fields: &Map<String, Value>) -> Result<(), Refusal> {
        match kind {
            Kind::Contact => self.update_contact(id, fields),
            Kind::Company => self.update_company(id, fields),
            Kind::Ticket => self.update_ticket(id, fields),
        }
    }
}

fn shown(state: &State, kind: Kind, record: &state::Record) -> Value {
    match kind {
        Kind::Contact => state.contact_shown(record, false),
        Kind::Company => state.company_shown(record),
        Kind::Ticket => state.ticket_shown(record, &["stats", "requester"], false),
    }
}
