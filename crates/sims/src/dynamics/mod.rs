//! Microsoft Dynamics 365, simulated: the Dataverse Web API with OData queries and pages behind cookies, change tracking with links that
//! expire, alternate keys, preconditions, `$batch` with change sets, bulk messages, closing actions, merges, metadata, webhooks of
//! registered steps, service protection, and Entra ID's client credentials.
//!
//! What stays out: deep inserts, expansion of collections, `any` and `all` in filters, FetchXML, `$apply`, elastic tables, files and images,
//! parties of activities, workflows, audit, impersonation, duplicate rules, security roles below "is a user of it or not", and entitlements
//! of a day.
//!
//! Defaults: host `acme.crm.dynamics.com`, tenant `7c1f…`, application `dynamics-client` with secret `dynamics-secret`; the people Dana, Eli
//! and Fay, a team, dollars and euros.

mod actions;
mod auth;
mod batch;
mod bulk;
mod call;
mod check;
mod control;
mod edits;
mod filter;
mod gate;
mod hooks;
mod limits;
mod lists;
mod metadata;
mod moment;
mod refusal;
mod rows;
mod schema;
mod show;
mod state;
mod workflows;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::{Map, Value};

use crate::calls::CallCounts;
use crate::clock::SimClock;
use crate::door;
use crate::faults::Faults;
use crate::mailroom::Mailroom;
use crate::profile::Profile;
use state::State;

pub use refusal::Refusal;
pub use workflows::WorkflowBody;

/// How a simulated environment is set up.
#[derive(Debug, Clone)]
pub struct DynamicsOptions {
    /// Its time.
    pub clock: SimClock,
    /// Its speed and limits; the quota counts requests of a user in five minutes.
    pub profile: Profile,
    /// Seed of ids and tokens.
    pub seed: u64,
    /// What goes wrong with calls.
    pub faults: Faults,
    /// Where webhooks go out.
    pub mailroom: Mailroom,
    /// Its host.
    pub host: String,
    /// Id of the directory.
    pub tenant_id: String,
    /// Id of the application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Id of the application's user in the environment.
    pub user_id: String,
    /// Id of the organisation.
    pub organization_id: String,
    /// Id of its first business unit.
    pub business_unit_id: String,
    /// Whether the application is a user of the environment.
    pub is_member: bool,
    /// Days after which delta links expire.
    pub tracking_days: i64,
    /// Privileges that come with the security roles of the application's user.
    pub privileges: Vec<String>,
}

impl DynamicsOptions {
    /// An environment with the documented defaults.
    #[must_use]
    pub fn new(clock: SimClock, profile: Profile, seed: u64) -> Self {
        let faults = Faults::none(seed);
        Self {
            mailroom: Mailroom::new(clock.clone(), faults.clone()),
            clock,
            profile,
            seed,
            faults,
            host: "acme.crm.dynamics.com".to_owned(),
            tenant_id: "7c1f6d1e-6a5b-4d1b-9f0e-2b6c7d8e9f01".to_owned(),
            client_id: "dynamics-client".to_owned(),
            client_secret: "dynamics-secret".to_owned(),
            user_id: "5e3a1c02-0a9d-ef11-8a6a-000d3a2f1b01".to_owned(),
            organization_id: "9d1b2c3e-7f60-ef11-a671-6045bd010101".to_owned(),
            business_unit_id: "2f4c5d6e-7f60-ef11-a671-6045bd010102".to_owned(),
            is_member: true,
            tracking_days: 7,
            privileges: ["Account", "Contact", "Lead", "Opportunity", "Incident", "Activity", "Campaign"]
                .iter()
                .flat_map(|table| ["Create", "Read", "Write", "Delete", "Append", "AppendTo"].map(|verb| format!("prv{verb}{table}")))
                .chain(["prvCreateAttribute".to_owned(), "prvCreateEntity".to_owned()])
                .collect(),
        }
    }
}

/// Whose hand a write is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hand {
    /// A user at work in the app.
    Person(String),
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
    /// Gone.
    Deleted,
    /// Another row went into it.
    Merged,
}

/// One committed write, as told to listeners.
#[derive(Debug, Clone)]
pub struct WriteNotice {
    /// Set of the row.
    pub set: String,
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

/// A simulated environment. Cloning shares it.
#[derive(Clone)]
pub struct Dynamics(Arc<Inner>);

impl std::fmt::Debug for Dynamics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dynamics").finish_non_exhaustive()
    }
}

impl Dynamics {
    /// A fresh environment.
    #[must_use]
    pub fn new(options: DynamicsOptions) -> Self {
        let (clock, profile) = (options.clock.clone(), options.profile.clone());
        let (faults, mailroom) = (options.faults.clone(), options.mailroom.clone());
        Self(Arc::new(Inner { state: Mutex::new(State::new(options)), listeners: RwLock::default(), clock, profile, faults, mailroom }))
    }

    /// The vendor's API and its sign-in.
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
            // Time never runs backwards inside an environment, whatever the machine's clock does.
            state.now_ms = state.now_ms.max(self.0.clock.now_ms());
            state.tag = None;
            state.run_due_jobs();
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

    /// Makes a row of a set, as the API would of the same body; its id.
    ///
    /// # Errors
    /// As Dataverse refuses it.
    pub fn create(&self, set: &str, body: &Value, by: &Hand) -> Result<String, Refusal> {
        let body = body.as_object().cloned().unwrap_or_default();
        self.with(|state| state.atomically(|state| state.create(set, &body, by)))
    }

    /// Changes a row.
    ///
    /// # Errors
    /// As Dataverse refuses it.
    pub fn update(&self, set: &str, id: &str, body: &Value, by: &Hand) -> Result<(), Refusal> {
        let body = body.as_object().cloned().unwrap_or_default();
        self.with(|state| {
            let table = state.table_of_set(set)?.name.clone();
            state.atomically(|state| state.update(&table, id, &body, by))
        })
    }

    /// Closes a case or an opportunity as the app does: sets state and status.
    ///
    /// # Errors
    /// As Dataverse refuses it.
    pub fn close(&self, set: &str, id: &str, state_code: i64, status_code: i64, by: &Hand) -> Result<(), Refusal> {
        self.with(|state| {
            let table = state.table_of_set(set)?.clone();
            let mut values = Map::new();
            values.insert("statecode".to_owned(), Value::from(state_code));
            values.insert("statuscode".to_owned(), Value::from(status_code));
            state.atomically(|state| state.change(&table, id, values, by, true))
        })
    }

    /// Qualifies a lead into an account, a contact and an opportunity; sets and ids of the three.
    ///
    /// # Errors
    /// When it is not there, or closed.
    pub fn qualify(&self, lead: &str, by: &Hand) -> Result<Vec<(String, String)>, Refusal> {
        self.with(|state| state.qualify_lead(lead, [true; 3], 3, by))
    }

    /// Puts a classic workflow in force for the rows of a table, run on demand or not; its id. Its job ends seconds after it was asked for.
    pub fn add_workflow(&self, name: &str, table: &str, on_demand: bool, run: WorkflowBody) -> String {
        self.with(|state| state.add_workflow(name, table, on_demand, run))
    }

    /// Cancels a job of the background that has not ended, as an administrator does.
    ///
    /// # Errors
    /// When there is none, or it has ended.
    pub fn cancel_job(&self, id: &str) -> Result<(), Refusal> {
        self.with(|state| state.cancel_job(id))
    }

    /// Deletes a row.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete(&self, set: &str, id: &str, by: &Hand) -> Result<(), Refusal> {
        self.with(|state| {
            let table = state.table_of_set(set)?.name.clone();
            state.atomically(|state| state.delete(&table, id, by))
        })
    }

    /// Merges `loser` into `winner`.
    ///
    /// # Errors
    /// As Dataverse refuses it.
    pub fn merge(&self, set: &str, loser: &str, winner: &str, by: &Hand) -> Result<(), Refusal> {
        self.with(|state| {
            let table = state.table_of_set(set)?.name.clone();
            state.atomically(|state| state.merge(&table, loser, winner, &Map::new(), by))
        })
    }

    /// A row with all its columns, as the API shows it.
    #[must_use]
    pub fn get(&self, set: &str, id: &str) -> Option<Value> {
        let state = self.lock();
        let table = state.table_of_set(set).ok()?;
        let row = state.row(&table.name, id)?;
        Some(Value::Object(state.shown(table, row, &show::Shape::default())))
    }

    /// Shows every row of a set. The environment stands still meanwhile: do not call it from `see`.
    pub fn each(&self, set: &str, see: &mut dyn FnMut(&Value)) {
        let state = self.lock();
        let Ok(table) = state.table_of_set(set) else { return };
        for row in state.rows.get(&table.name).into_iter().flat_map(|rows| rows.values()) {
            see(&Value::Object(state.shown(table, row, &show::Shape::default())));
        }
    }

    /// Number of rows of a set.
    #[must_use]
    pub fn count(&self, set: &str) -> usize {
        let state = self.lock();
        state.table_of_set(set).ok().and_then(|table| state.rows.get(&table.name)).map_or(0, std::collections::BTreeMap::len)
    }

    /// Adds a column to the table of a set.
    ///
    /// # Errors
    /// As Dataverse refuses it.
    pub fn add_column(&self, set: &str, definition: &Value) -> Result<(), Refusal> {
        self.with(|state| {
            let table = state.table_of_set(set)?.name.clone();
            state.add_column(&table, definition).map(drop)
        })
    }

    /// Removes a custom column.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn drop_column(&self, set: &str, name: &str) -> Result<(), Refusal> {
        self.with(|state| {
            let table = state.table_of_set(set)?.name.clone();
            state.drop_column(&table, name)
        })
    }

    /// Adds an alternate key of columns to the table of a set.
    ///
    /// # Errors
    /// As Dataverse refuses it.
    pub fn add_key(&self, set: &str, name: &str, columns: &[&str]) -> Result<(), Refusal> {
        self.with(|state| {
            let table = state.table_of_set(set)?.name.clone();
            state.add_key_of(&table, &serde_json::json!({"SchemaName": name, "KeyAttributes": columns})).map(drop)
        })
    }

    /// Id of the first sales person.
    #[must_use]
    pub fn sales_person(&self) -> String {
        self.lock().people.first().cloned().unwrap_or_default()
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

    /// Ends every access token.
    pub fn expire_sessions(&self) {
        self.with(|state| {
            let now = state.now_ms;
            state.tokens.expire_all(now);
        });
    }

    /// Has every delta link that was given so far expire.
    pub fn expire_links(&self) {
        self.with(|state| state.links_end_ms = state.now_ms + 1_000);
    }

    /// Makes the application a user of the environment, or no longer one.
    pub fn admit(&self, member: bool) {
        self.with(|state| state.options.is_member = member);
    }

    /// A fresh access token for this environment.
    #[must_use]
    pub fn session(&self) -> String {
        self.with(|state| {
            let host = state.options.host.clone();
            state.open_session(&host)
        })
    }
}
