//! Zendesk Support: users, organizations, tickets, exports, jobs, search, webhooks, limits.
//!
//! Behaviour follows the vendor's public documentation and recorded answers. What stays out: views, help centre, SLA policies,
//! custom objects, voice, and the checking of `regexp` fields.
//!
//! Defaults: account `acme`, administrator `sync@acme.example` with API token `zendesk-api-token`, OAuth client `entente` with
//! secret `zendesk-client-secret`; agents `ada@`, `ben@` and `cleo@acme.example`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::{Map, Value};

use crate::calls::CallCounts;
use crate::clock::SimClock;
use crate::door;
use crate::faults::Faults;
use crate::mailroom::Mailroom;
use crate::profile::Profile;

mod attributes;
mod auth;
mod call;
mod changes;
mod control;
mod edits;
mod events;
mod exports;
mod field_routes;
mod fields;
mod gate;
mod identities;
mod jobs;
mod limits;
mod memberships;
mod metrics;
mod moment;
mod organizations;
mod page;
mod record;
mod refusal;
mod search;
mod signature;
mod silent;
mod state;
mod tags;
#[cfg(test)]
mod tests;
mod ticket_fate;
mod ticket_routes;
mod ticket_write;
mod tickets;
mod user_routes;
mod users;
mod webhooks;

pub use fields::{FieldOption, FieldSpec};
pub use record::Kind;
pub use refusal::Refusal;
pub use signature::sign;
pub use state::Action;
use state::State;

/// How a simulated account is set up.
#[derive(Debug, Clone)]
pub struct ZendeskOptions {
    /// Its time.
    pub clock: SimClock,
    /// Its speed and limits.
    pub profile: Profile,
    /// Seed of ids, tokens and orders.
    pub seed: u64,
    /// What goes wrong with calls.
    pub faults: Faults,
    /// Where webhooks go out.
    pub mailroom: Mailroom,
    /// First part of the account's host name.
    pub subdomain: String,
    /// E-mail of the administrator whom API calls act as.
    pub agent_email: String,
    /// API token of every agent (`{email}/token:{token}`).
    pub api_token: String,
    /// OAuth client id.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: String,
    /// Scopes that the client may ask for by itself, with spaces between them.
    pub client_scopes: String,
    /// Whether the vendor switched bulk import on (`create_or_update_many` answers 403 without).
    pub bulk_import: bool,
}

impl ZendeskOptions {
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
            subdomain: "acme".to_owned(),
            agent_email: "sync@acme.example".to_owned(),
            api_token: "zendesk-api-token".to_owned(),
            client_id: "entente".to_owned(),
            client_secret: "zendesk-client-secret".to_owned(),
            client_scopes: "read write".to_owned(),
            bulk_import: true,
        }
    }
}

/// One committed write, as told to listeners.
#[derive(Debug, Clone)]
pub struct WriteNotice {
    /// Kind of record.
    pub kind: Kind,
    /// Its id.
    pub id: u64,
    /// What happened.
    pub action: Action,
    /// Changed attributes with their new values; custom fields are named `user_fields.<key>`, `organization_fields.<key>` and
    /// `custom_fields.<id>`.
    pub changed: Map<String, Value>,
    /// Who wrote; 0 for the system.
    pub by: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// An agent or administrator of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// User id.
    pub id: u64,
    /// Name.
    pub name: String,
    /// Primary e-mail.
    pub email: String,
    /// `agent` or `admin`.
    pub role: String,
}

/// A listener to committed writes.
type Listener = Box<dyn Fn(&WriteNotice) + Send + Sync>;

struct Inner {
    state: Mutex<State>,
    listeners: RwLock<Vec<Listener>>,
    clock: SimClock,
    profile: Profile,
    faults: Faults,
}

/// A simulated Zendesk account. Cloning shares it.
#[derive(Clone)]
pub struct Zendesk(Arc<Inner>);

impl std::fmt::Debug for Zendesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zendesk").finish_non_exhaustive()
    }
}

impl Zendesk {
    /// An account with an administrator, three agents, a group and a brand.
    #[must_use]
    pub fn new(options: ZendeskOptions) -> Self {
        let (clock, profile, faults) = (options.clock.clone(), options.profile.clone(), options.faults.clone());
        let mailroom = options.mailroom.clone();
        let sim = Self(Arc::new(Inner { state: Mutex::new(State::new(options)), listeners: RwLock::default(), clock, profile, faults }));
        let answered = Arc::downgrade(&sim.0);
        mailroom.on_answer(webhooks::PLATFORM, move |delivery, heard| {
            let invocation = delivery.headers.iter().find(|(name, _)| name == webhooks::INVOCATION).map(|(_, id)| id.as_str());
            if let Some((inner, invocation)) = answered.upgrade().zip(invocation) {
                Self(inner).note_attempt(invocation, heard.status, &heard.body);
            }
        });
        sim
    }

    /// The vendor's API: `/api/v2/…` and `/oauth/…`.
    pub fn router(&self) -> axum::Router {
        axum::Router::new().fallback(door::serve::<Self>).with_state(self.clone())
    }

    pub(crate) fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.0.faults
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on the present state, after what became due; then tells listeners what was committed.
    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        let (result, notices) = {
            let mut state = self.lock();
            // Time never runs backwards inside an account, whatever the machine's clock does.
            state.now_ms = state.now_ms.max(self.0.clock.now_ms());
            state.settle();
            let result = work(&mut state);
            (result, std::mem::take(&mut state.notices))
        };
        if !notices.is_empty() {
            let listeners = self.0.listeners.read().unwrap_or_else(PoisonError::into_inner);
            for notice in &notices {
                listeners.iter().for_each(|listener| listener(notice));
            }
        }
        result
    }

    /// Lets the account's time follow a clock that was moved back, which it does not do otherwise: for filling a fresh account with
    /// records of the past.
    pub(crate) fn rewind(&self) {
        self.lock().now_ms = self.0.clock.now_ms();
    }

    /// Does what became due on the clock: background jobs, organization merges, automatic closing. Every call does it first.
    pub fn settle(&self) {
        self.with(|_| ());
    }

    /// When the next background job is due, in milliseconds since 1970.
    #[must_use]
    pub fn next_job_ms(&self) -> Option<i64> {
        self.lock().next_job_ms()
    }

    fn waiting_jobs(&self) -> usize {
        self.lock().waiting_jobs()
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

    /// Gives the OAuth client these scopes, with spaces between them.
    pub fn grant(&self, scopes: &str) {
        scopes.clone_into(&mut self.lock().options.client_scopes);
    }

    /// Ends every access token, as an administrator who revokes them; refresh tokens live on.
    pub fn expire_sessions(&self) {
        self.lock().kill_all_tokens();
    }
}
