//! Intercom, simulated: contacts, companies, conversations and tickets with their parts, data attributes, tags, notes, admins and teams,
//! search with its days and its lag, the scroll over companies, signed webhooks, and the limit of ten seconds, in the versions up to 2.16.
//!
//! What stays out: articles, segments, subscriptions, events, custom objects, calls, news, exports, Fin and attachments.
//!
//! Defaults: app `abc12345`, token `intercom-token` of Sync (`sync@acme.example`), client secret `intercom-client-secret`; admins `ada@`,
//! `ben@` and `cleo@acme.example`; teams Support, Enterprise Support and Pro Support; ticket types Bug report and Task.

mod attributes;
mod call;
mod companies;
mod contacts;
mod control;
mod conversations;
mod gate;
mod hooks;
mod known_by;
mod labels;
mod limits;
mod parts;
mod people;
mod refusal;
mod scroll;
mod search;
mod silent;
mod state;
mod text;
mod ticket_types;
mod tickets;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use crate::calls::CallCounts;
use crate::clock::SimClock;
use crate::door;
use crate::faults::Faults;
use crate::mailroom::Mailroom;
use crate::profile::Profile;
use hooks::Subscription;
use state::State;

pub use people::{Admin, Team};
pub use refusal::Refusal;
pub use state::Kind;

/// How a simulated workspace is set up.
#[derive(Debug, Clone)]
pub struct IntercomOptions {
    /// Its time.
    pub clock: SimClock,
    /// Its speed and limits; the quota counts calls of ten seconds.
    pub profile: Profile,
    /// Seed of ids.
    pub seed: u64,
    /// What goes wrong with calls.
    pub faults: Faults,
    /// Where webhooks go out.
    pub mailroom: Mailroom,
    /// Id of the workspace.
    pub app_id: String,
    /// Its name.
    pub workspace: String,
    /// `US`, `EU` or `AU`.
    pub region: String,
    /// Access token.
    pub token: String,
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret: webhooks are signed with it.
    pub client_secret: String,
    /// The code that OAuth exchanges for the token.
    pub code: String,
    /// Time zone in which searches compare days.
    pub timezone: String,
    /// Minor part of the version that the app has where a call names none, and that webhooks are written in.
    pub default_version: u16,
    /// First parts of paths that the token has no scope for.
    pub denied: Vec<String>,
    /// Whether the subscription has ended.
    pub suspended: bool,
    /// When the workspace was made, in milliseconds since 1970.
    pub created_ms: i64,
}

impl IntercomOptions {
    /// A workspace with the documented defaults.
    #[must_use]
    pub fn new(clock: SimClock, profile: Profile, seed: u64) -> Self {
        let faults = Faults::none(seed);
        Self {
            mailroom: Mailroom::new(clock.clone(), faults.clone()),
            created_ms: clock.now_ms(),
            clock,
            profile,
            seed,
            faults,
            app_id: "abc12345".to_owned(),
            workspace: "Acme".to_owned(),
            region: "US".to_owned(),
            token: "intercom-token".to_owned(),
            client_id: "intercom-client".to_owned(),
            client_secret: "intercom-client-secret".to_owned(),
            code: "intercom-code".to_owned(),
            timezone: "America/Los_Angeles".to_owned(),
            default_version: call::USUAL,
            denied: Vec::new(),
            suspended: false,
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

/// A simulated workspace. Cloning shares it.
#[derive(Clone)]
pub struct Intercom(Arc<Inner>);

impl std::fmt::Debug for Intercom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intercom").finish_non_exhaustive()
    }
}

impl Intercom {
    /// A fresh workspace.
    #[must_use]
    pub fn new(options: IntercomOptions) -> Self {
        let (clock, profile) = (options.clock.clone(), options.profile.clone());
        let (faults, mailroom) = (options.faults.clone(), options.mailroom.clone());
        let secret = options.client_secret.clone();
        mailroom.on_leave(hooks::PLATFORM, move |delivery| hooks::seal(delivery, &secret));
        Self(Arc::new(Inner { state: Mutex::new(State::new(options)), clock, profile, faults, mailroom }))
    }

    /// The vendor's API.
    pub fn router(&self) -> axum::Router {
        axum::Router::new().route("/oauth", axum::routing::get(consent_page)).fallback(door::serve::<Self>).with_state(self.clone())
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
            // Time never runs backwards inside a workspace, whatever the machine's clock does.
            state.now_ms = state.now_ms.max(self.0.clock.now_ms());
            let result = work(&mut state);
            (result, state.letters())
        };
        let delay = i64::try_from(self.0.profile.network_ms).unwrap_or(i64::MAX);
        for letter in letters {
            self.0.mailroom.post(letter, delay);
        }
        result
    }

    /// Makes a record, of attributes as the API takes them; a conversation may have `subject` and `title`.
    ///
    /// # Errors
    /// As Intercom refuses it.
    pub fn create(&self, kind: Kind, fields: &Map<String, Value>) -> Result<String, Refusal> {
        self.with(|state| match kind {
            Kind::Contact => state.create_contact(fields),
            Kind::Company => state.upsert_company(fields),
            Kind::Conversation => state.create_conversation(fields),
            Kind::Ticket => state.create_ticket(fields),
        })
    }

    /// Changes a record.
    ///
    /// # Errors
    /// As Intercom refuses it.
    pub fn update(&self, kind: Kind, id: &str, fields: &Map<String, Value>) -> Result<(), Refusal> {
        self.with(|state| match kind {
            Kind::Contact => state.update_contact(id, fields),
            Kind::Company => state.update_company(id, fields),
            Kind::Conversation => state.update_conversation(id, fields),
            Kind::Ticket => state.update_ticket(id, fields),
        })
    }

    /// Deletes a record for good.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete(&self, kind: Kind, id: &str) -> Result<(), Refusal> {
        self.with(|state| {
            match kind {
                Kind::Contact => state.delete_contact(id),
                Kind::Company => state.delete_company(id),
                Kind::Conversation => state.delete_conversation(id, false),
                Kind::Ticket => state.delete_ticket(id),
            }
            .map(drop)
        })
    }

    /// Archives a contact, or brings it back.
    ///
    /// # Errors
    /// When it is not there.
    pub fn archive(&self, contact: &str, archived: bool) -> Result<(), Refusal> {
        self.with(|state| state.archive_contact(contact, archived).map(drop))
    }

    /// Merges a lead into a user, as people may whatever the two share.
    ///
    /// # Errors
    /// As Intercom refuses it.
    pub fn merge_contacts(&self, lead: &str, user: &str) -> Result<(), Refusal> {
        self.with(|state| state.merge_contacts(lead, user, true, call::USUAL))
    }

    /// Puts a contact into a company, or takes it out.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn attach(&self, contact: &str, company: &str, attached: bool) -> Result<(), Refusal> {
        self.with(|state| state.attach(contact, company, attached))
    }

    /// Says something in a conversation or ticket: an admin by their id, or a contact by theirs; a note is for colleagues.
    ///
    /// # Errors
    /// As Intercom refuses it.
    pub fn say(&self, of: &str, body: &str, by: &str, note: bool) -> Result<(), Refusal> {
        self.with(|state| {
            let kind = state.kind_of(of).ok_or_else(Refusal::nothing)?;
            let admin = state.admins.iter().any(|admin| admin.id == by);
            let by = if admin { json!({"type": "admin", "admin_id": by}) } else { json!({"type": "user", "intercom_user_id": by}) };
            let mut said = by.as_object().cloned().unwrap_or_default();
            said.insert("message_type".to_owned(), json!(if note { "note" } else { "comment" }));
            said.insert("body".to_owned(), json!(body));
            state.reply(kind, of, &said).map(drop)
        })
    }

    /// What an admin does with a conversation: a body of `parts`, with the second admin where it names none.
    ///
    /// # Errors
    /// As Intercom refuses it.
    pub fn manage(&self, conversation: &str, mut body: Map<String, Value>) -> Result<(), Refusal> {
        self.with(|state| {
            let admin = state.admins.get(1).map(|admin| json!(admin.id)).unwrap_or_default();
            body.entry("admin_id").or_insert(admin);
            state.manage(conversation, &body)
        })
    }

    /// A customer's opinion of a conversation, from 1 to 5.
    ///
    /// # Errors
    /// When the conversation is not there.
    pub fn rate(&self, conversation: &str, rating: u64, remark: &str) -> Result<(), Refusal> {
        self.with(|state| state.rate(conversation, rating, remark))
    }

    /// Makes a conversation a ticket of a type.
    ///
    /// # Errors
    /// As Intercom refuses it.
    pub fn convert(&self, conversation: &str, ticket_type: &str) -> Result<(), Refusal> {
        let body = Map::from_iter([("ticket_type_id".to_owned(), json!(ticket_type))]);
        self.with(|state| state.convert(conversation, &body).map(drop))
    }

    /// Attaches a tag by its name, or takes it off.
    ///
    /// # Errors
    /// When the record is not there.
    pub fn tag(&self, kind: Kind, id: &str, name: &str, attached: bool) -> Result<(), Refusal> {
        self.with(|state| {
            let (tag, us) = (state.tag_named(name), state.us());
            state.set_tag(kind, id, &tag, &us, attached)
        })
    }

    /// Writes a note about a contact or company.
    ///
    /// # Errors
    /// When the record is not there.
    pub fn note(&self, kind: Kind, id: &str, body: &str) -> Result<(), Refusal> {
        self.with(|state| {
            let us = state.us();
            state.add_note(kind, id, body, &us).map(drop)
        })
    }

    /// Sends webhooks of these topics, or of all of them, to an address from now on.
    pub fn subscribe(&self, url: &str, topics: Option<Vec<String>>) {
        self.with(|state| state.subscription = Some(Subscription { url: url.to_owned(), topics }));
    }

    /// A record as a single view shows it in the newest version, archived ones included.
    #[must_use]
    pub fn get(&self, kind: Kind, id: &str) -> Option<Value> {
        let state = self.lock();
        state.get(kind, id).map(|record| shown(&state, kind, record))
    }

    /// Every record that is there, in order of id; archived contacts are not.
    #[must_use]
    pub fn rows(&self, kind: Kind) -> Vec<Value> {
        let state = self.lock();
        let live = state.records[kind.index()].values().filter(|record| !record.archived);
        live.map(|record| shown(&state, kind, record)).collect()
    }

    /// Adds a custom attribute: `name`, `data_type`, and what else the API takes.
    ///
    /// # Errors
    /// As Intercom refuses it.
    pub fn add_attribute(&self, kind: Kind, definition: &Map<String, Value>) -> Result<(), Refusal> {
        self.with(|state| state.add_attribute(kind, definition).map(drop))
    }

    /// Archives a custom attribute with all its values.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn archive_attribute(&self, kind: Kind, name: &str) -> Result<(), Refusal> {
        self.with(|state| state.archive_attribute(kind, name))
    }

    /// The workspace's admins; the token's own is the first.
    #[must_use]
    pub fn admins(&self) -> Vec<Admin> {
        self.lock().admins.clone()
    }

    /// The workspace's teams.
    #[must_use]
    pub fn teams(&self) -> Vec<Team> {
        self.lock().teams.clone()
    }

    /// Ids and names of the types of tickets.
    #[must_use]
    pub fn ticket_types(&self) -> Vec<(String, String)> {
        self.lock().ticket_types.iter().map(|ty| (ty.id.clone(), ty.name.clone())).collect()
    }

    /// How often the API was called so far.
    #[must_use]
    pub fn calls(&self) -> CallCounts {
        self.lock().calls.clone()
    }
}

fn shown(state: &State, kind: Kind, record: &state::Record) -> Value {
    const NEWEST: u16 = 16;
    match kind {
        Kind::Contact => state.contact_shown(record),
        Kind::Company => state.company_shown(record),
        Kind::Conversation => state.conversation_shown(record, NEWEST, true, true),
        Kind::Ticket => state.ticket_shown(record, NEWEST, true),
    }
}

/// The page of `app.intercom.com` on which a person lets the app in.
async fn consent_page(
    axum::extract::State(sim): axum::extract::State<Intercom>,
    axum::extract::Query(asked): axum::extract::Query<std::collections::BTreeMap<String, String>>,
) -> axum::response::Response {
    let (client_id, code) = sim.with(|state| (state.options.client_id.clone(), state.options.code.clone()));
    crate::consent::answer(&asked, &client_id, || code)
}
