//! Salesforce, simulated: REST, composite, Bulk 2.0, SOAP Partner, outbound messages, change events, over one org in memory.
//!
//! Change events over Pub/Sub gRPC have a server of their own. Not simulated: CometD, search (SOSL), and of the UI API all but picklists. A lookup to a deleted record keeps its value (the vendor clears
//! some of them), and retried outbound messages carry the values they were made with.

mod actions;
mod admin;
mod alter;
mod approvals;
mod auth;
mod automations;
mod bulk_ingest;
mod bulk_query;
mod campaigns;
mod catalog;
mod cell;
mod coerce;
mod collections;
mod composite;
mod control;
mod convert;
mod currencies;
mod describe;
mod envelope;
mod fail;
mod http;
mod id;
mod jwt;
mod lists;
mod org;
mod outbound;
mod pubsub;
mod queries;
mod quota;
mod records;
mod replication;
mod rules;
mod schema;
mod silent;
mod soap;
mod soap_login;
mod soap_records;
mod soql;
mod soql_plan;
mod soql_run;
mod table;
mod tooling;
mod wire;
mod write;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::{Map, Value};

use self::actions::Actions;
use self::auth::Auth;
use self::bulk_ingest::Jobs;
use self::id::SfId;
use self::org::{Actor, Org};
use self::pubsub::EventLog;
use self::queries::Cursors;
use self::quota::Quota;
use crate::clock::SimClock;
use crate::faults::Faults;
use crate::mailroom::Mailroom;
use crate::profile::Profile;

pub use self::fail::SimError;
pub use self::jwt::JwtTrust;
pub use self::org::{DuplicateRule, Users, Validation, WriteKind, WriteNotice};
pub use self::outbound::OutboundRule;
pub use self::pubsub::{Gap, KEEPALIVE};
pub use self::quota::CallCounts;
pub use self::schema::{FieldSpec, FieldType};

/// How to set up a simulated org.
#[derive(Debug, Clone)]
pub struct SalesforceOptions {
    /// Time.
    pub clock: SimClock,
    /// Latency and quota.
    pub profile: Profile,
    /// Seed of ids and tokens.
    pub seed: u64,
    /// What goes wrong with calls.
    pub faults: Faults,
    /// Where outbound messages go.
    pub mailroom: Mailroom,
    /// User name of the integration user, for SOAP login and the password and JWT grants. Default `integration@acme.example`.
    pub username: String,
    /// Its password with the security token appended. Default `sim-password`.
    pub password: String,
    /// Consumer key of the connected app. Default `sim-client`.
    pub client_id: String,
    /// Consumer secret. Default `sim-secret`.
    pub client_secret: String,
    /// Newest API version, such as `62.0`; older ones down to `31.0` answer too.
    pub api_version: String,
    /// Base URL that answers name; `None` takes it from each request's `Host`.
    pub instance_url: Option<String>,
    /// Whose JWT assertions are accepted. Default: any.
    pub jwt_trust: JwtTrust,
    /// Further accepted `aud` values of assertions, beside the vendor's login hosts and the host of the request.
    pub jwt_audiences: Vec<String>,
    /// Milliseconds that a session lives after its last use. Default two hours.
    pub session_ms: i64,
    /// Whether the app has a run-as user for the client-credentials grant. Default true.
    pub client_credentials: bool,
    /// Whether stamps are cut to whole seconds, so that equal ones happen as often as at the vendor. Default true.
    pub whole_second_stamps: bool,
    /// Whether custom fields made through the Tooling API are visible without a `FieldPermissions` row. Default false.
    pub fields_visible_by_default: bool,
}

impl SalesforceOptions {
    /// The defaults documented at each field, API 62.0.
    #[must_use]
    pub fn new(clock: SimClock, profile: Profile, seed: u64, faults: Faults, mailroom: Mailroom) -> Self {
        Self {
            clock,
            profile,
            seed,
            faults,
            mailroom,
            username: "integration@acme.example".to_owned(),
            password: "sim-password".to_owned(),
            client_id: "sim-client".to_owned(),
            client_secret: "sim-secret".to_owned(),
            api_version: "62.0".to_owned(),
            instance_url: None,
            jwt_trust: JwtTrust::Any,
            jwt_audiences: Vec::new(),
            session_ms: 2 * 60 * 60 * 1000,
            client_credentials: true,
            whole_second_stamps: true,
            fields_visible_by_default: false,
        }
    }
}

/// Everything behind the lock.
pub(crate) struct State {
    pub org: Org,
    pub auth: Auth,
    pub quota: Quota,
    pub cursors: Cursors,
    pub jobs: Jobs,
    pub actions: Actions,
    pub events: EventLog,
    /// Schemas of change events by id, as they were told.
    pub schemas: BTreeMap<String, String>,
    pub newest: String,
    pub job_ms: i64,
}

type Listener = Arc<dyn Fn(&WriteNotice) + Send + Sync>;

struct Shared {
    state: Mutex<State>,
    listeners: RwLock<Vec<Listener>>,
    clock: SimClock,
    profile: Profile,
    faults: Faults,
    mailroom: Mailroom,
    instance_url: Option<String>,
}

/// A simulated org. Cloning shares it.
#[derive(Clone)]
pub struct Salesforce(Arc<Shared>);

impl std::fmt::Debug for Salesforce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Salesforce").field("profile", &self.0.profile).finish_non_exhaustive()
    }
}

impl Salesforce {
    /// A fresh org with standard objects, stages and a few users.
    #[must_use]
    pub fn new(options: SalesforceOptions) -> Self {
        let mut org = Org::new(options.clock.clone(), options.seed, &options.username);
        org.whole_second_stamps = options.whole_second_stamps;
        org.fields_visible_by_default = options.fields_visible_by_default;
        let mut auth = Auth::new(options.username, options.password, options.client_id, options.client_secret, options.seed);
        auth.trust = options.jwt_trust;
        auth.audiences = options.jwt_audiences;
        auth.session_ms = options.session_ms;
        auth.client_credentials = options.client_credentials;
        let state = State {
            org,
            auth,
            quota: Quota::new(options.profile.quota),
            cursors: Cursors::default(),
            jobs: Jobs::default(),
            actions: Actions::default(),
            events: EventLog::default(),
            schemas: BTreeMap::new(),
            newest: options.api_version,
            job_ms: i64::try_from(options.profile.job_ms).unwrap_or(i64::MAX),
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            listeners: RwLock::default(),
            clock: options.clock,
            profile: options.profile,
            faults: options.faults,
            mailroom: options.mailroom,
            instance_url: options.instance_url,
        }))
    }

    /// The vendor's HTTP surface.
    pub fn router(&self) -> axum::Router {
        http::router(self.clone())
    }

    /// A surface for other processes to steer the simulator: `POST /faults`, `GET /calls`, `POST /insert`, `/update`, `/delete`,
    /// `/undelete`, `/merge`, `/add_field`, `/rename_field`, `/remove_field`, `/set_picklist`, `/add_approval_process`, `/activate_currencies`, `/subscribe`, `GET /dump`, `GET /users`,
    /// `POST /expire_sessions`, `/rotate_refresh_tokens`, `/grant` with a list of scopes.
    pub fn control_router(&self) -> axum::Router {
        control::router(self.clone())
    }

    /// The org's time.
    pub(crate) fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` as one transaction, then tells listeners and queues outbound messages.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let out = work(&mut state);
        state.org.commit();
        let notices = std::mem::take(&mut state.org.notices);
        let origin = std::mem::take(&mut state.org.origin);
        let now = state.org.clock.now_ms();
        state.events.keep(&notices, &origin, now);
        let letters = outbound::letters(&mut state.org, &notices);
        drop(state);
        let delay = i64::try_from(self.0.profile.network_ms).unwrap_or(i64::MAX);
        for letter in letters {
            self.0.mailroom.post(letter, delay);
        }
        if !notices.is_empty() {
            let listeners = self.0.listeners.read().unwrap_or_else(PoisonError::into_inner).clone();
            for notice in &notices {
                listeners.iter().for_each(|listener| listener(notice));
            }
        }
        out
    }

    /// Creates a record as the user `by` would, by hand or by a rule of the org; `by` is a user id, or empty for the automated
    /// process. Platform-set fields may be given.
    ///
    /// # Errors
    /// As the vendor refuses it.
    pub fn insert(&self, object: &str, fields: &Map<String, Value>, by: &str) -> Result<String, SimError> {
        self.with(|state| {
            let actor = state.org.person(by)?;
            Ok(state.org.insert_named(object, fields, &actor)?.to_string())
        })
    }

    /// Changes a record as the user `by` would.
    ///
    /// # Errors
    /// As the vendor refuses it.
    pub fn update(&self, object: &str, id: &str, fields: &Map<String, Value>, by: &str) -> Result<(), SimError> {
        self.with(|state| {
            let actor = state.org.person(by)?;
            let (table, id) = state.org.target(object, id)?;
            Ok(state.org.update(table, id, fields, &actor)?)
        })
    }

    /// Changes a record as the user `by` would, at an instant of the past: in milliseconds since 1970 on the simulator's clock. So a story says how far
    /// apart two edits are, and not how fast its machine is.
    ///
    /// # Errors
    /// As the vendor refuses it.
    pub fn update_at(&self, object: &str, id: &str, fields: &Map<String, Value>, by: &str, at_ms: i64) -> Result<(), SimError> {
        self.with(|state| {
            let actor = state.org.person(by)?;
            let (table, id) = state.org.target(object, id)?;
            let then = SimClock::virtual_at(Arc::new(AtomicI64::new(at_ms)));
            let now = std::mem::replace(&mut state.org.clock, then);
            let changed = state.org.update(table, id, fields, &actor);
            state.org.clock = now;
            Ok(changed?)
        })
    }

    /// Puts a record, and the children that go with it, into the recycle bin.
    ///
    /// # Errors
    /// As the vendor refuses it.
    pub fn delete(&self, object: &str, id: &str, by: &str) -> Result<(), SimError> {
        self.with(|state| {
            let actor = state.org.person(by)?;
            let (table, id) = state.org.target(object, id)?;
            Ok(state.org.delete(table, id, &actor)?)
        })
    }

    /// Takes a record out of the recycle bin.
    ///
    /// # Errors
    /// As the vendor refuses it.
    pub fn undelete(&self, object: &str, id: &str, by: &str) -> Result<(), SimError> {
        self.with(|state| {
            let actor = state.org.person(by)?;
            let (_, id) = state.org.target(object, id)?;
            Ok(state.org.undelete(id, &actor)?)
        })
    }

    /// Merges `losers` into `winner`: their children move, they go to the bin with `MasterRecordId` set.
    ///
    /// # Errors
    /// As the vendor refuses it; nothing is merged then.
    pub fn merge(&self, object: &str, winner: &str, losers: &[&str], by: &str) -> Result<(), SimError> {
        self.with(|state| {
            let actor = state.org.person(by)?;
            let (_, winner) = state.org.target(object, winner)?;
            let losers = losers.iter().map(|id| Ok(state.org.target(object, id)?.1)).collect::<Result<Vec<SfId>, SimError>>()?;
            let mark = state.org.begin();
            let merged = state.org.merge(winner, &losers, &Map::new(), &actor);
            if merged.is_err() {
                state.org.rollback(mark);
            }
            Ok(merged.map(|_| ())?)
        })
    }

    /// A record with every field that has a value, system fields included; `None` when it is not there, or deleted.
    #[must_use]
    pub fn get(&self, object: &str, id: &str) -> Option<Map<String, Value>> {
        let state = self.state();
        let (table, id) = state.org.target(object, id).ok()?;
        let t = &state.org.tables[table];
        let row = t.row(t.find(id)?)?;
        row.live().then(|| state.org.map(table, row))
    }

    /// A record even if it lies in the recycle bin.
    #[must_use]
    pub fn get_deleted(&self, object: &str, id: &str) -> Option<Map<String, Value>> {
        let state = self.state();
        let (table, id) = state.org.target(object, id).ok()?;
        let t = &state.org.tables[table];
        Some(state.org.map(table, t.row(t.find(id)?)?))
    }

    /// Shows every live record of an object, in the order of creation. The org stands still meanwhile: do not call it from `see`.
    pub fn each(&self, object: &str, see: &mut dyn FnMut(&str, &Map<String, Value>)) {
        let state = self.state();
        let Some(table) = state.org.table(object) else { return };
        for (_, row) in state.org.tables[table].rows().filter(|(_, row)| row.live()) {
            see(row.id.as_str(), &state.org.map(table, row));
        }
    }

    /// Number of live records of an object.
    #[must_use]
    pub fn count(&self, object: &str) -> usize {
        let state = self.state();
        state.org.table(object).map_or(0, |table| state.org.tables[table].live())
    }

    /// Converts a lead into a new account and a new contact, as the user `by` would; the contact's id.
    ///
    /// # Errors
    /// When there is no such lead, or it was converted before.
    pub fn convert_lead(&self, lead: &str, by: &str) -> Result<String, SimError> {
        self.with(|state| {
            let actor = state.org.person(by)?;
            Ok(convert::by_hand(&mut state.org, lead, &actor)?)
        })
    }

    /// Calls `f` after each committed write of a record, in order, outside the org's lock.
    pub fn on_write(&self, f: Box<dyn Fn(&WriteNotice) + Send + Sync>) {
        self.0.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Arc::from(f));
        self.with(|state| state.org.watched = true);
    }

    /// API calls so far.
    #[must_use]
    pub fn calls(&self) -> CallCounts {
        self.state().quota.counts.clone()
    }

    /// Ids of the seeded users.
    #[must_use]
    pub fn users(&self) -> Users {
        self.state().org.users.clone()
    }

    /// The org's id, 18 characters, as outbound messages carry it.
    #[must_use]
    pub fn org_id(&self) -> String {
        self.state().org.org_id.to_string()
    }

    /// Sets the id that outbound messages carry as `OrganizationId`.
    ///
    /// # Errors
    /// When it is no organisation id.
    pub fn set_org_id(&self, id: &str) -> Result<(), SimError> {
        let parsed = SfId::parse(id).filter(|id| &id.prefix() == b"00D");
        let message = format!("{id} is no organisation id: give 15 or 18 characters that begin with 00D");
        let id = parsed.ok_or(SimError { code: "MALFORMED_ID".to_owned(), message })?;
        self.with(|state| state.org.org_id = id);
        Ok(())
    }

    /// A session for a user without signing in; handy in tests.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn session_for(&self, user: &str) -> Result<String, SimError> {
        self.with(|state| {
            let actor = state.org.person(user)?;
            Ok(state.auth.open(&state.org, actor.user))
        })
    }

    /// Sets whether the integration user's password has expired.
    pub fn expire_password(&self, expired: bool) {
        self.state().auth.password_expired = expired;
    }

    /// Removes a record for good, past the recycle bin.
    ///
    /// # Errors
    /// As the vendor refuses it.
    pub fn destroy(&self, object: &str, id: &str, by: &str) -> Result<(), SimError> {
        self.with(|state| {
            let actor = state.org.person(by)?;
            let (table, id) = state.org.target(object, id)?;
            Ok(state.org.destroy(table, id, &actor)?)
        })
    }

    /// Ends every session: the next call of each client answers 401.
    pub fn expire_sessions(&self) {
        self.state().auth.expire_all();
    }

    /// Sets whether a refresh answers a new refresh token and voids the old one.
    pub fn rotate_refresh_tokens(&self, rotate: bool) {
        self.state().auth.rotate = rotate;
    }

    /// Gives the connected app these scopes, with spaces between them.
    pub fn grant(&self, scopes: &str) {
        scopes.clone_into(&mut self.state().auth.scopes);
    }

    /// The faults of this simulator's calls.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }
}

impl Org {
    /// The actor of a direct edit.
    fn person(&self, by: &str) -> Result<Actor, SimError> {
        let wanted = if by.is_empty() { &self.users.automation } else { by };
        let user = SfId::parse(wanted).filter(|id| &id.prefix() == b"005" && self.locate(*id).is_some());
        let message = format!("{by} is no user of the org: take one of users()");
        let user = user.ok_or(SimError { code: "INVALID_USER".to_owned(), message })?;
        Ok(Actor { user, allow_duplicates: true, trusted: true })
    }

    fn object(&self, object: &str) -> Result<usize, SimError> {
        self.table(object).ok_or_else(|| fail::Fail::invalid_type(object).into())
    }

    fn target(&self, object: &str, id: &str) -> Result<(usize, SfId), SimError> {
        let table = self.object(object)?;
        let malformed = || SimError { code: "MALFORMED_ID".to_owned(), message: format!("{id} is no id of {object}") };
        Ok((table, SfId::parse(id).ok_or_else(malformed)?))
    }
}
