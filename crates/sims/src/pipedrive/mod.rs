//! Pipedrive, simulated: version 2 of the API and what remains of version 1, with custom fields under random codes, opaque cursors, search,
//! merges, conversions of leads, OAuth, the day's tokens and webhooks of both versions.
//!
//! What stays out: products, projects, files, filters, goals, mail, call logs, comments of notes, roles, and the notice of an app's removal.
//!
//! Defaults: company 15043420 (`acme`), a user's own token `c0ffee…`, OAuth client `pipedrive-client` with secret `pipedrive-secret` and
//! refresh token `pipedrive-refresh`; users Dana, Eli and Fay beside the integration's own, and Gus, who has left.

mod auth;
mod call;
mod check;
mod control;
mod conversions;
mod edits;
mod fields;
mod gate;
mod kinds;
mod limits;
mod lists;
mod moment;
mod old_routes;
mod pipelines;
mod record;
mod refusal;
mod routes;
mod search;
mod state;
mod users;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::Value;

use crate::calls::CallCounts;
use crate::clock::SimClock;
use crate::door;
use crate::faults::Faults;
use crate::mailroom::Mailroom;
use crate::profile::Profile;
use state::State;

pub use kinds::Kind;
pub use refusal::Refusal;
pub use users::User;

/// How a simulated company is set up.
#[derive(Debug, Clone)]
pub struct PipedriveOptions {
    /// Its time.
    pub clock: SimClock,
    /// Its speed and limits; the quota counts calls of a token in two seconds.
    pub profile: Profile,
    /// Seed of codes and tokens.
    pub seed: u64,
    /// What goes wrong with calls.
    pub faults: Faults,
    /// Where webhooks go out.
    pub mailroom: Mailroom,
    /// Id of the company.
    pub company_id: u64,
    /// First part of its host.
    pub company_domain: String,
    /// Id of the user whose token is used.
    pub user_id: u64,
    /// That user's own token.
    pub api_token: String,
    /// OAuth client id.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: String,
    /// The installation's first refresh token.
    pub refresh_token: String,
    /// Scopes of the app, with commas between them.
    pub scopes: String,
    /// Tokens of the company in a day.
    pub daily_tokens: u64,
    /// Whether answers tell of the day's tokens.
    pub says_daily: bool,
    /// Custom fields that the plan allows for one object.
    pub custom_fields_max: usize,
    /// Whether contacts are synced, so that people have a job title and a birthday.
    pub contact_sync: bool,
    /// When the company was founded, in milliseconds since 1970.
    pub founded_ms: i64,
}

impl PipedriveOptions {
    /// A company with the documented defaults: the plan Growth with five seats.
    #[must_use]
    pub fn new(clock: SimClock, profile: Profile, seed: u64) -> Self {
        let faults = Faults::none(seed);
        Self {
            mailroom: Mailroom::new(clock.clone(), faults.clone()),
            founded_ms: clock.now_ms(),
            clock,
            profile,
            seed,
            faults,
            company_id: 15_043_420,
            company_domain: "acme".to_owned(),
            user_id: 25_760_681,
            api_token: "c0ffee5117e5c0ffee5117e5c0ffee5117e5c0ff".to_owned(),
            client_id: "pipedrive-client".to_owned(),
            client_secret: "pipedrive-secret".to_owned(),
            refresh_token: "pipedrive-refresh".to_owned(),
            scopes: auth::SCOPES.to_owned(),
            daily_tokens: 300_000,
            says_daily: true,
            custom_fields_max: 300,
            contact_sync: false,
        }
    }
}

/// Whose hand a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    /// A user at work in the app.
    Person(u64),
    /// Whoever calls the API.
    Integration,
}

/// What a committed write was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A new row.
    Created,
    /// Changed values.
    Updated,
    /// Into the bin.
    Deleted,
    /// Out of it.
    Restored,
    /// Gone into another row.
    Merged,
}

/// One committed write, as told to listeners.
#[derive(Debug, Clone)]
pub struct WriteNotice {
    /// Object.
    pub kind: Kind,
    /// Id of the row.
    pub id: String,
    /// What happened.
    pub action: Action,
    /// Who wrote.
    pub by: Hand,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

type Listener = Box<dyn Fn(&WriteNotice) + Send + Sync>;

struct Inner {
    state: Mutex<State>,
    listeners: RwLock<Vec<Listener>>,
    clock: SimClock,
    profile: Profile,
    faults: Faults,
    mailroom: Mailroom,
}

/// A simulated company. Cloning shares it.
#[derive(Clone)]
pub struct Pipedrive(Arc<Inner>);

impl std::fmt::Debug for Pipedrive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipedrive").finish_non_exhaustive()
    }
}

impl Pipedrive {
    /// A fresh company.
    #[must_use]
    pub fn new(options: PipedriveOptions) -> Self {
        let (clock, profile) = (options.clock.clone(), options.profile.clone());
        let (faults, mailroom) = (options.faults.clone(), options.mailroom.clone());
        let sim = Self(Arc::new(Inner {
            state: Mutex::new(State::new(options)),
            listeners: RwLock::default(),
            clock,
            profile,
            faults,
            mailroom: mailroom.clone(),
        }));
        mailroom.on_leave(webhooks::PLATFORM, webhooks::ready);
        let answered = Arc::downgrade(&sim.0);
        mailroom.on_answer(webhooks::PLATFORM, move |delivery, heard| {
            if let Some(inner) = answered.upgrade() {
                Self(inner).with(|state| state.answered_hook(delivery, heard.status.unwrap_or_default(), heard.settled));
            }
        });
        sim
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

    /// Runs `work` as one operation; then queues its webhooks and tells listeners what was committed.
    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        let (result, notices, letters) = {
            let mut state = self.lock();
            // Time never runs backwards inside a company, whatever the machine's clock does.
            state.now_ms = state.now_ms.max(self.0.clock.now_ms());
            let result = work(&mut state);
            (result, std::mem::take(&mut state.notices), std::mem::take(&mut state.letters))
        };
        let delay = i64::try_from(self.0.profile.network_ms).unwrap_or(i64::MAX);
        for letter in letters {
            self.0.mailroom.post(letter, delay);
        }
        if !notices.is_empty() {
            let listeners = self.0.listeners.read().unwrap_or_else(PoisonError::into_inner);
            for notice in &notices {
                listeners.iter().for_each(|listener| listener(notice));
            }
        }
        result
    }

    /// Makes a row, as the API would of the same body; its id.
    ///
    /// # Errors
    /// As Pipedrive refuses it.
    pub fn create(&self, kind: Kind, fields: &Value, by: Hand) -> Result<String, Refusal> {
        self.with(|state| {
            let values = state.check(kind, fields, !kind.is_new())?;
            let number = state.create(kind, values, by)?;
            Ok(state.records[&kind].get(&number).map(record::Record::id_text).unwrap_or_default())
        })
    }

    /// Changes a row.
    ///
    /// # Errors
    /// As Pipedrive refuses it.
    pub fn update(&self, kind: Kind, id: &str, fields: &Value, by: Hand) -> Result<(), Refusal> {
        self.on(kind, id, |state, number| {
            let values = state.check(kind, fields, !kind.is_new())?;
            state.update(kind, number, values, by)
        })
    }

    /// Deletes a row.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete(&self, kind: Kind, id: &str, by: Hand) -> Result<(), Refusal> {
        self.on(kind, id, |state, number| {
            state.delete(kind, number, by);
            Ok(())
        })
    }

    /// Takes a row out of the bin.
    ///
    /// # Errors
    /// When it is not in there.
    pub fn restore(&self, kind: Kind, id: &str, by: Hand) -> Result<(), Refusal> {
        self.with(|state| {
            let number = state.find(kind, id).map(|record| record.number).ok_or_else(|| Refusal::missing(kind.singular()))?;
            state.restore(kind, number, by)
        })
    }

    /// Merges `loser` into `winner`.
    ///
    /// # Errors
    /// As Pipedrive refuses it.
    pub fn merge(&self, kind: Kind, loser: &str, winner: &str, by: Hand) -> Result<(), Refusal> {
        let winner: u64 = winner.parse().map_err(|_| Refusal::missing(kind.singular()))?;
        self.on(kind, loser, |state, loser| state.merge(kind, loser, winner, by))
    }

    fn on<R>(&self, kind: Kind, id: &str, work: impl FnOnce(&mut State, u64) -> Result<R, Refusal>) -> Result<R, Refusal> {
        self.with(|state| {
            let found = state.find(kind, id).filter(|record| record.deleted_ms.is_none()).map(|record| record.number);
            let number = found.ok_or_else(|| Refusal::missing(kind.singular()))?;
            work(state, number)
        })
    }

    /// A row that is there, as its version of the API shows it.
    #[must_use]
    pub fn get(&self, kind: Kind, id: &str) -> Option<Value> {
        let state = self.lock();
        let record = state.find(kind, id).filter(|record| record.deleted_ms.is_none())?;
        Some(state.row(kind, record.number))
    }

    /// Gives the app these scopes, with commas between them.
    pub fn set_scopes(&self, scopes: &str) {
        self.with(|state| scopes.clone_into(&mut state.options.scopes));
    }

    /// Registers the callback URL of the app: the one that people who consent are sent back to, and that is told when the app is removed.
    pub fn register_callback(&self, url: &str) {
        self.with(|state| state.callback_url = Some(url.to_owned()));
    }

    /// Removes the app, as an admin does in the list of apps.
    pub fn uninstall(&self) {
        self.with(State::uninstall);
    }

    /// Shows every row of an object that is there. The company stands still meanwhile: do not call it from `see`.
    pub fn each(&self, kind: Kind, see: &mut dyn FnMut(&Value)) {
        let state = self.lock();
        for record in state.records[&kind].values().filter(|record| record.deleted_ms.is_none()) {
            see(&state.row(kind, record.number));
        }
    }

    /// Number of rows of an object that are there.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.lock().records[&kind].values().filter(|record| record.deleted_ms.is_none()).count()
    }

    /// Makes a custom field; its code.
    ///
    /// # Errors
    /// As Pipedrive refuses it.
    pub fn add_field(&self, kind: Kind, definition: &Value) -> Result<String, Refusal> {
        self.with(|state| state.add_field(kind, definition))
    }

    /// Removes a custom field.
    ///
    /// # Errors
    /// When there is none of that code.
    pub fn drop_field(&self, kind: Kind, code: &str) -> Result<(), Refusal> {
        self.with(|state| state.drop_field(kind, code))
    }

    /// The code of a custom field by its name.
    #[must_use]
    pub fn code(&self, kind: Kind, name: &str) -> Option<String> {
        self.lock().custom_fields(kind).find(|field| field.name == name).map(|field| field.code.clone())
    }

    /// The id of a choice of a custom field, by the names of both.
    #[must_use]
    pub fn choice(&self, kind: Kind, field: &str, label: &str) -> Option<u64> {
        let state = self.lock();
        let found = state.custom_fields(kind).find(|known| known.name == field)?;
        found.choices.iter().find(|choice| choice.label == label).map(|choice| choice.id)
    }

    /// Adds a choice to a custom field by name; its id.
    #[must_use]
    pub fn add_choice(&self, kind: Kind, field: &str, label: &str) -> Option<u64> {
        self.with(|state| {
            let id = state.next_choice();
            let found = state.fields.get_mut(&kind)?.iter_mut().find(|known| known.custom && known.name == field)?;
            found.choices.push(fields::Choice { id, label: label.to_owned() });
            Some(id)
        })
    }

    /// The company's users, those who have left included.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        self.lock().users.clone()
    }

    /// Id of the first sales person.
    #[must_use]
    pub fn sales_person(&self) -> u64 {
        let state = self.lock();
        state.users.iter().find(|user| user.active && user.id != state.options.user_id).map_or(0, |user| user.id)
    }

    /// Calls `listener` after every committed write, in the thread that made it.
    pub fn on_write(&self, listener: Listener) {
        self.0.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
        self.lock().listening = true;
    }

    /// How often the API was called so far.
    #[must_use]
    pub fn calls(&self) -> CallCounts {
        self.lock().calls.clone()
    }

    /// Tokens of the day's budget that calls have cost so far.
    #[must_use]
    pub fn tokens_spent(&self) -> u64 {
        self.lock().limits.spent
    }

    /// Ends every access token; refresh tokens live on.
    pub fn expire_sessions(&self) {
        self.with(|state| {
            let now = state.now_ms;
            state.tokens.expire_all(now);
        });
    }

    /// A fresh access token, as the refresh grant gives it.
    #[must_use]
    pub fn session(&self) -> String {
        self.with(State::open_session)
    }

    /// A code, as the browser brings it back from the consent page.
    #[must_use]
    pub fn authorization_code(&self) -> String {
        self.with(State::authorize)
    }

    /// Has the content delivery network refuse everybody for so many seconds, as it does after calls went on against 429.
    pub fn shut_out(&self, seconds: u64) {
        self.with(|state| state.shut_until_ms = state.now_ms + i64::try_from(seconds).unwrap_or(0) * 1000);
    }

    /// Closes or opens the company's account: unpaid ones answer 402.
    pub fn close(&self, closed: bool) {
        self.with(|state| state.closed = closed);
    }

    /// Takes in that a webhook was answered with a status: what becomes of its subscription follows.
    pub fn answer(&self, delivery: &crate::mailroom::Delivery, status: u16) {
        self.with(|state| state.answered_hook(delivery, status, (200..300).contains(&status)));
    }
}
