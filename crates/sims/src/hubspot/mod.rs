//! HubSpot, simulated: leads, lists, campaigns, forms, e-mails and subscriptions, and before all CRM objects, object types of a portal's own, batches, search, associations, properties, owners, pipelines, OAuth, webhooks and limits, on the
//! old paths (v1 to v4) and on the dated ones alike.
//!
//! What stays out: timeline, workflows, and the inbox.
//!
//! Defaults: portal 62515, service key `pat-na1-sim-key`, OAuth client `hubspot-client` with secret `hubspot-secret` and refresh token
//! `hubspot-refresh`; owners Dana, Eli and Fay, and Gus, who has left.

mod association_routes;
mod associations;
mod auth;
mod batch;
mod call;
mod campaigns;
mod control;
mod edits;
mod forms;
mod gate;
mod journal;
mod journal_routes;
mod kinds;
mod leads;
mod limits;
mod list_routes;
mod lists;
mod mails;
mod moment;
mod owners;
mod pipelines;
mod properties;
mod property_routes;
mod record;
mod record_routes;
mod refusal;
mod schema_routes;
mod schemas;
mod search;
mod signature;
mod state;
mod values;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::{Map, Value};

use crate::calls::CallCounts;
use crate::clock::SimClock;
use crate::door;
use crate::faults::Faults;
use crate::mailroom::Mailroom;
use crate::profile::Profile;
use record::{View, Wanted};
use state::State;

pub use properties::LeadProgress;
pub use record::Hand;
pub use refusal::Refusal;
pub use schemas::Tier;
pub use signature::{v1, v2, v3};

/// How a simulated portal is set up.
#[derive(Debug, Clone)]
pub struct HubSpotOptions {
    /// Its time.
    pub clock: SimClock,
    /// Its speed and limits; the quota counts calls in ten seconds.
    pub profile: Profile,
    /// Seed of ids and tokens.
    pub seed: u64,
    /// What goes wrong with calls.
    pub faults: Faults,
    /// Where webhooks go out.
    pub mailroom: Mailroom,
    /// Id of the account.
    pub portal_id: u64,
    /// Id of the app.
    pub app_id: u64,
    /// Id of the user who installed it.
    pub user_id: u64,
    /// OAuth client id.
    pub client_id: String,
    /// OAuth client secret, which also signs webhooks.
    pub client_secret: String,
    /// OAuth refresh token; it never changes.
    pub refresh_token: String,
    /// Service key.
    pub service_key: String,
    /// Key of the developer, for settings of webhooks.
    pub developer_key: String,
    /// Calls of the service key in a day.
    pub daily_calls: u64,
    /// How far the portal's time zone is ahead of UTC.
    pub utc_offset_ms: i64,
    /// Whether a merge gives the survivor a new id.
    pub merge_makes_new_id: bool,
    /// What the account pays for.
    pub tier: Tier,
    /// How its leads tell how far they have come.
    pub lead_progress: LeadProgress,
    /// Scopes that the account granted the app and the service key.
    pub scopes: Vec<String>,
    /// Scopes that the app has for itself, for the webhooks journal.
    pub app_scopes: Vec<String>,
}

impl HubSpotOptions {
    /// A portal with the documented defaults.
    #[must_use]
    pub fn new(clock: SimClock, profile: Profile, seed: u64) -> Self {
        let faults = Faults::none(seed);
        Self {
            mailroom: Mailroom::new(clock.clone(), faults.clone()),
            clock,
            profile,
            seed,
            faults,
            portal_id: 62_515,
            app_id: 1_160_452,
            user_id: 9_586_500,
            client_id: "hubspot-client".to_owned(),
            client_secret: "hubspot-secret".to_owned(),
            refresh_token: "hubspot-refresh".to_owned(),
            service_key: "pat-na1-sim-key".to_owned(),
            developer_key: "hubspot-developer".to_owned(),
            daily_calls: 625_000,
            utc_offset_ms: 3_600_000,
            merge_makes_new_id: false,
            tier: Tier::Enterprise,
            lead_progress: LeadProgress::Category,
            scopes: auth::SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
            app_scopes: auth::APP_SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
        }
    }
}

/// What a committed write was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A new record.
    Created,
    /// Changed properties.
    Updated,
    /// Into the recycle bin.
    Archived,
    /// Out of it.
    Restored,
    /// Gone into another record.
    Merged,
    /// Erased for good.
    Erased,
}

/// One committed write, as told to listeners.
#[derive(Debug, Clone)]
pub struct WriteNotice {
    /// Plural name of the object type.
    pub object: &'static str,
    /// Id of the record.
    pub id: String,
    /// What happened.
    pub action: Action,
    /// Changed properties with their new values; an empty text cleared one.
    pub changed: Map<String, Value>,
    /// Who wrote.
    pub by: Hand,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// A person whom records belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Owner id, as `hubspot_owner_id` holds it.
    pub id: String,
    /// User id, which is another number.
    pub user_id: u64,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// E-mail.
    pub email: String,
    /// Whether the person has left.
    pub archived: bool,
    created_ms: i64,
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

/// A simulated portal. Cloning shares it.
#[derive(Clone)]
pub struct HubSpot(Arc<Inner>);

impl std::fmt::Debug for HubSpot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubSpot").finish_non_exhaustive()
    }
}

impl HubSpot {
    /// A fresh portal.
    #[must_use]
    pub fn new(options: HubSpotOptions) -> Self {
        let (clock, profile) = (options.clock.clone(), options.profile.clone());
        let (faults, mailroom) = (options.faults.clone(), options.mailroom.clone());
        let (secret, stamps) = (options.client_secret.clone(), options.clock.clone());
        mailroom.on_leave(webhooks::PLATFORM, move |delivery| webhooks::sign(delivery, &secret, stamps.now_ms()));
        Self(Arc::new(Inner { state: Mutex::new(State::new(options)), listeners: RwLock::default(), clock, profile, faults, mailroom }))
    }

    /// The vendor's API.
    pub fn router(&self) -> axum::Router {
        axum::Router::new()
            .route("/oauth/authorize", axum::routing::get(consent_page))
            .fallback(door::serve::<Self>)
            .with_state(self.clone())
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
            // Time never runs backwards inside a portal, whatever the machine's clock does.
            state.now_ms = state.now_ms.max(self.0.clock.now_ms());
            let result = work(&mut state);
            (result, std::mem::take(&mut state.notices), state.letters())
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

    /// Makes a record.
    ///
    /// # Errors
    /// As HubSpot refuses it.
    pub fn create(&self, object: &str, properties: &Map<String, Value>, by: Hand) -> Result<String, Refusal> {
        let kind = self.kind(object)?;
        self.with(|state| {
            let values = state.check(kind, properties, None)?;
            state.bound(kind, &[])?;
            Ok(state.create(kind, values, by).to_string())
        })
    }

    /// Changes a record.
    ///
    /// # Errors
    /// As HubSpot refuses it.
    pub fn update(&self, object: &str, id: &str, properties: &Map<String, Value>, by: Hand) -> Result<(), Refusal> {
        self.on(object, id, |state, kind, id| {
            let values = state.check(kind, properties, Some(id))?;
            state.update(kind, id, values, by);
            Ok(())
        })
    }

    /// Puts a record into the recycle bin.
    ///
    /// # Errors
    /// When it is not there.
    pub fn archive(&self, object: &str, id: &str, by: Hand) -> Result<(), Refusal> {
        self.on(object, id, |state, kind, id| {
            state.archive(kind, id, by);
            Ok(())
        })
    }

    /// Takes a record out of the recycle bin.
    ///
    /// # Errors
    /// When the id is none.
    pub fn restore(&self, object: &str, id: &str, by: Hand) -> Result<(), Refusal> {
        let (kind, id) = (self.kind(object)?, id.parse().map_err(|_| Refusal::missing(&[id.to_owned()]))?);
        self.with(|state| state.restore(kind, id, by));
        Ok(())
    }

    /// Merges `loser` into `winner`; gives the survivor's id.
    ///
    /// # Errors
    /// As HubSpot refuses it.
    pub fn merge(&self, object: &str, winner: &str, loser: &str, by: Hand) -> Result<String, Refusal> {
        self.on(object, winner, |state, kind, winner| {
            let second = state.find(kind, loser, None).ok_or_else(|| Refusal::missing(&[loser.to_owned()]))?;
            state.merge(kind, winner, second, by).map(|id| id.to_string())
        })
    }

    /// Erases a contact for good.
    ///
    /// # Errors
    /// When it is not there.
    pub fn erase(&self, id: &str, by: Hand) -> Result<(), Refusal> {
        self.on("contacts", id, |state, kind, id| {
            state.erase(kind, id, by);
            Ok(())
        })
    }

    /// Associates two records, each given by object and id.
    ///
    /// # Errors
    /// When one is not there, or the two kinds do not go together.
    pub fn associate(&self, from: (&str, &str), to: (&str, &str), primary: bool, by: Hand) -> Result<(), Refusal> {
        let (a, b) = (self.kind(from.0)?, self.kind(to.0)?);
        self.with(|state| {
            let ends = state.ends((a, from.1), (b, to.1))?;
            let ty = state.association(a, b).and_then(|(_, ty)| ty).filter(|_| primary);
            state.associate((a, ends.0), (b, ends.1), ty, by)
        })
    }

    /// A kind by any of its names.
    fn kind(&self, object: &str) -> Result<usize, Refusal> {
        self.lock().named(object)
    }

    fn on<R>(&self, object: &str, id: &str, work: impl FnOnce(&mut State, usize, u64) -> Result<R, Refusal>) -> Result<R, Refusal> {
        let kind = self.kind(object)?;
        self.with(|state| {
            let found = state.find(kind, id, None).ok_or_else(|| Refusal::missing(&[id.to_owned()]))?;
            work(state, kind, found)
        })
    }

    /// A live record's properties that have a value, computed ones included.
    #[must_use]
    pub fn get(&self, object: &str, id: &str) -> Option<Map<String, Value>> {
        let kind = self.kind(object).ok()?;
        let state = self.lock();
        let record = state.records[kind].get(&state.find(kind, id, None)?)?;
        Some(held(&state, record))
    }

    /// Shows every live record of an object, in order of id. The portal stands still meanwhile: do not call it from `see`.
    pub fn each(&self, object: &str, see: &mut dyn FnMut(&str, &Map<String, Value>)) {
        let Ok(kind) = self.kind(object) else { return };
        let state = self.lock();
        for record in state.records[kind].values().filter(|record| record.archived_ms.is_none()) {
            see(&record.id.to_string(), &held(&state, record));
        }
    }

    /// Number of live records of an object.
    #[must_use]
    pub fn count(&self, object: &str) -> usize {
        let kind = self.kind(object);
        let state = self.lock();
        kind.map_or(0, |kind| state.records[kind].values().filter(|record| record.archived_ms.is_none()).count())
    }

    /// Ids of the records of a kind that a record is associated with.
    #[must_use]
    pub fn associated(&self, object: &str, id: &str, to: &str) -> Vec<String> {
        let (Ok(kind), Ok(to)) = (self.kind(object), self.kind(to)) else { return Vec::new() };
        let state = self.lock();
        let Some(id) = state.find(kind, id, None) else { return Vec::new() };
        state.links.of((kind, id), to).into_iter().map(|(id, _)| id.to_string()).collect()
    }

    /// Adds a property: `name`, `label`, `type`, `fieldType`, `groupName` and what else the API takes.
    ///
    /// # Errors
    /// As HubSpot refuses it.
    pub fn add_property(&self, object: &str, definition: &Value) -> Result<(), Refusal> {
        let kind = self.kind(object)?;
        self.with(|state| state.add_property(kind, definition).map(drop))
    }

    /// Defines an object type as the schemas API takes it; gives its type id.
    ///
    /// # Errors
    /// As HubSpot refuses it.
    pub fn define(&self, definition: &Value) -> Result<String, Refusal> {
        self.with(|state| state.define(definition).map(|kind| state.kinds[kind].type_id.to_owned()))
    }

    /// Archives a custom property.
    ///
    /// # Errors
    /// When it is unknown or HubSpot's own.
    pub fn drop_property(&self, object: &str, name: &str) -> Result<(), Refusal> {
        let kind = self.kind(object)?;
        self.with(|state| state.drop_property(kind, name))
    }

    /// Sends webhooks to `url`. Subscriptions are written `contact.creation`, `contact.propertyChange:email` or `object.merge:0-27`;
    /// property changes of other objects `object.propertyChange:0-27:hs_task_subject`.
    ///
    /// # Errors
    /// When a subscription is not one that the app may have.
    pub fn subscribe(&self, url: &str, subscriptions: &[&str]) -> Result<(), Refusal> {
        self.with(|state| {
            url.clone_into(&mut state.target_url);
            for text in subscriptions {
                let mut parts = text.split(':').map(str::to_owned);
                let ty = parts.next().unwrap_or_default();
                let object = if ty.starts_with("object.") { parts.next() } else { None };
                state.subscribe(&ty, parts.next(), object, true)?;
            }
            Ok(())
        })
    }

    /// Makes a list as the lists API takes it; gives its id.
    ///
    /// # Errors
    /// As HubSpot refuses it.
    pub fn make_list(&self, definition: &Value) -> Result<u64, Refusal> {
        self.with(|state| state.make_list(definition))
    }

    /// Puts records into a list and takes others out.
    ///
    /// # Errors
    /// When there is no such list, or its members are whoever fits.
    pub fn change_members(&self, list: u64, add: &[String], remove: &[String]) -> Result<(), Refusal> {
        self.with(|state| state.change_members(list, add, remove).map(drop))
    }

    /// Names of the lists that a record is in.
    #[must_use]
    pub fn lists_of(&self, object: &str, id: &str) -> Vec<String> {
        let Ok(kind) = self.kind(object) else { return Vec::new() };
        let state = self.lock();
        let Some(id) = state.find(kind, id, None) else { return Vec::new() };
        state.lists_of(kind, id).into_iter().map(|(list, _)| list.name.clone()).collect()
    }

    /// Makes a campaign of properties; gives its GUID.
    ///
    /// # Errors
    /// As HubSpot refuses it.
    pub fn make_campaign(&self, properties: &Map<String, Value>) -> Result<String, Refusal> {
        self.with(|state| state.make_campaign(properties))
    }

    /// Changes a campaign.
    ///
    /// # Errors
    /// As HubSpot refuses it.
    pub fn change_campaign(&self, id: &str, properties: &Map<String, Value>) -> Result<(), Refusal> {
        self.with(|state| state.change_campaign(id, properties))
    }

    /// Books what a campaign may cost, has cost and has brought in.
    pub fn book(&self, id: &str, budget: f64, spent: f64, revenue: f64) {
        self.with(|state| state.book(id, budget, spent, revenue));
    }

    /// Makes a form; gives its GUID.
    ///
    /// # Errors
    /// Without a name.
    pub fn make_form(&self, definition: &Map<String, Value>) -> Result<String, Refusal> {
        self.with(|state| state.make_form(definition.clone()))
    }

    /// Somebody sends a form: `fields` with `name` and `value`, and `context` with `pageUri`.
    ///
    /// # Errors
    /// When there is no such form, or a field will not do.
    pub fn submit(&self, form: &str, body: &Value) -> Result<(), Refusal> {
        self.with(|state| state.submit(form, body))
    }

    /// Somebody does without every e-mail.
    ///
    /// # Errors
    /// Never; HubSpot takes every address.
    pub fn opt_out(&self, email: &str) -> Result<(), Refusal> {
        self.with(|state| state.wish_for(email, None, false))
    }

    /// Whether the journal tells everything twice, and the later things first.
    pub fn untidy_journal(&self, untidy: bool) {
        self.with(|state| state.journal.untidy = untidy);
    }

    /// Grants these scopes and no others.
    pub fn grant(&self, scopes: &[&str]) {
        self.with(|state| state.options.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect());
    }

    /// Lets the app ask for these scopes for itself, and for no others.
    pub fn grant_app(&self, scopes: &[&str]) {
        self.with(|state| state.options.app_scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect());
    }

    /// The portal's owners, those who have left included.
    #[must_use]
    pub fn owners(&self) -> Vec<Owner> {
        self.lock().owners.clone()
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

    /// Ends every access token; the refresh token lives on.
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

    /// Whether refusals for pace carry `Retry-After`, and how many seconds; the vendor usually sends none.
    pub fn say_retry_after(&self, seconds: Option<u64>) {
        self.with(|state| state.retry_after = seconds);
    }

    /// Moves the portal between data centres: every call is answered with 477 for so many seconds.
    pub fn move_away(&self, seconds: u64) {
        self.with(|state| state.moving_until_ms = state.now_ms + i64::try_from(seconds).unwrap_or(0) * 1000);
    }
}

fn held(state: &State, record: &record::Record) -> Map<String, Value> {
    let wanted =
        Wanted { properties: state.properties[record.kind].iter().map(|property| property.name.clone()).collect(), ..Wanted::default() };
    let mut shown = state.shown(&View::now(record), &wanted);
    match shown["properties"].take() {
        Value::Object(properties) => properties.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}

/// The page of `app.hubspot.com` on which a person lets the app in.
async fn consent_page(
    axum::extract::State(sim): axum::extract::State<HubSpot>,
    axum::extract::Query(asked): axum::extract::Query<std::collections::BTreeMap<String, String>>,
) -> axum::response::Response {
    let client_id = sim.with(|state| state.options.client_id.clone());
    crate::consent::answer(&asked, &client_id, || sim.authorization_code())
}
