//! A platform of your own, described in a YAML file: no code, and the same promises as every other platform.
//!
//! - [`description`] has the types of the file, and reads it; docs/connectors.md explains every key.
//! - What is not described is a thing that the platform cannot do, and is refused by name.
//! - Creations: through the platform's own upsert, else after a search by key that is never behind, else after a look through everything
//!   that changed since the record was made.
//! - Updates look at the row's version right before they are sent, where it was decided on one; a race of seconds remains.

mod ask;
mod capabilities;
mod cursor;
pub mod description;
mod dialect;
mod find;
pub(crate) mod interned;
mod keys;
mod known;
mod lists;
mod look;
mod merge;
mod pages;
mod probe;
mod provision;
mod put;
mod refusal;
mod rows;
mod subscribe;
mod webhook;
mod write;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_model::mapping::remote::RemoteObject;
use url::Url;

use crate::actors::Actors;
use crate::connector::{Budget, CallCounts, Connector, Identity, NewField, Priority};
use crate::error::{Class, VendorError};
use crate::look::{Cursor, Find, Look, Page, ReadSpec};
use crate::merge::Merge;
use crate::registry::SetupError;
use crate::scopes::Granted;
use crate::settings::{Auth, ConnectionSettings, Secret};
use crate::spec::Spec;
use crate::transport::Surroundings;
use crate::transport::client::Client;
use crate::transport::offset::Offset;
use crate::webhook::{Delivery, Incoming, Receipt, Subscribed, WebhookError};
use crate::write::{Write, WriteOutcome, WriteTarget, discreet, discreet_find};
use description::Description;
use description::object::ObjectPart;
use interned::{interned, interned_spec};

pub use probe::{Probe, probe};

/// Facts about platforms that nobody has described yet; each connection has those of its own description.
pub static SPEC: Spec = Spec {
    key: "rest",
    label: "Your own platform, described in YAML",
    role: Role::Crm,
    write_max: 20,
    fetch_max: 100,
    concurrency: 4,
    timeout: Duration::from_secs(30),
    overlap: Duration::from_secs(120),
    renews_access: true,
    objects: capabilities::OBJECTS,
    limits: capabilities::LIMITS,
    shares_calls: false,
};

/// One account on a described platform.
#[derive(Debug)]
pub(crate) struct Rest {
    client: Client,
    spec: &'static Spec,
    description: Arc<Description>,
    schemas: known::Schemas,
    lists: lists::Lists,
    keys: keys::Keys,
    actors: Actors,
    /// Our own user, once asked for.
    me: RwLock<Option<Identity>>,
}

fn spec_of(description: &Description) -> &'static Spec {
    let fetch_max = description.objects.values().filter_map(|object| object.get_many.as_ref().map(|many| many.max)).min();
    let overlap = description.objects.values().filter_map(|object| object.changes.as_ref()).map(|changes| changes.overlap_seconds).max();
    let make = || {
        let (objects, limits) = capabilities::of(description);
        Spec {
            objects,
            limits,
            renews_access: description.auth.oauth.is_some(),
            label: interned(&description.label),
            role: description.role,
            fetch_max: fetch_max.unwrap_or(SPEC.fetch_max).clamp(1, SPEC.fetch_max),
            concurrency: description.limits.concurrency,
            timeout: Duration::from_secs(description.limits.timeout_seconds.max(1)),
            overlap: overlap.map_or(SPEC.overlap, Duration::from_secs),
            ..SPEC.clone()
        }
    };
    interned_spec(serde_json::to_string(description).unwrap_or_default(), make)
}

/// Builds the connector; makes no call.
///
/// # Errors
/// When there is no description, or the credentials are of a kind that it does not describe.
pub fn build(settings: ConnectionSettings, surroundings: Surroundings) -> Result<Arc<dyn Connector>, SetupError> {
    Ok(Arc::new(Rest::new(settings, surroundings)?))
}

impl Rest {
    fn new(mut settings: ConnectionSettings, surroundings: Surroundings) -> Result<Self, SetupError> {
        let wrong = |reason: String, remedy: &str| SetupError { connection: settings.name.clone(), reason, remedy: remedy.to_owned() };
        let Some(description) = settings.description.clone() else {
            return Err(wrong("`description` is missing".to_owned(), "name the YAML file that describes the platform"));
        };
        let way = match &settings.auth {
            Auth::AccessToken { .. } => description.auth.access_token.is_some().then_some("access_token"),
            Auth::ApiToken { .. } => description.auth.api_token.is_some().then_some("api_token"),
            Auth::ClientCredentials { .. } | Auth::RefreshToken { .. } => description.auth.oauth.is_some().then_some("oauth"),
            Auth::JwtBearer { .. } | Auth::Password { .. } => None,
        };
        if way.is_none() {
            let described = &description.auth;
            let kinds = [
                described.access_token.as_ref().map(|_| "access_token"),
                described.api_token.as_ref().map(|_| "api_token"),
                described.oauth.as_ref().map(|_| "client_credentials or refresh_token"),
            ];
            let kinds: Vec<&str> = kinds.into_iter().flatten().collect();
            let reason = format!("`auth` is of a kind that the description of {} does not have", description.label);
            return Err(wrong(reason, &format!("use {}, or describe it under `auth`", kinds.join(" or "))));
        }
        if settings.login_url.is_none()
            && let Some(address) = description.auth.oauth.as_ref().and_then(|oauth| oauth.address.as_deref())
            && description.base_url.as_deref().and_then(|usual| Url::parse(usual).ok()).as_ref() == Some(&settings.base_url)
        {
            settings.login_url = Url::parse(address).ok();
        }
        let spec = spec_of(&description);
        let actors = Actors::new(&settings.actors, |id| id.trim().to_owned());
        let dialect = dialect::RestDialect::new(Arc::clone(&description), &settings)?;
        let client = Client::new(settings, surroundings, spec, Arc::new(dialect))?;
        Ok(Self {
            client,
            spec,
            description,
            schemas: known::Schemas::default(),
            lists: lists::Lists::default(),
            keys: keys::Keys::default(),
            actors,
            me: RwLock::default(),
        })
    }

    /// The description of an object.
    fn object(&self, name: &str) -> Result<&ObjectPart, VendorError> {
        self.description.objects.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.description.objects.keys().map(String::as_str).collect();
            refusal::misfit(
                "unknown_object",
                format!("{} has no object `{name}` by its description; there are {}", self.description.label, known.join(", ")),
                "name one of them as the mapping's remote object, or describe this one",
            )
        })
    }

    /// Our own user, if it was asked for.
    fn ours(&self) -> String {
        let held = self.me.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|me| me.user_id.clone()).unwrap_or_default()
    }

    async fn ask_me(&self, priority: Priority) -> Result<Identity, VendorError> {
        let check = &self.description.check;
        let got = self.ask("check", priority, self.row_call(&check.call, "")).await.map_err(refusal::of_no_row)?;
        let Some(user_id) = check.user_id.text_in(&got.body) else {
            return Err(refusal::misfit(
                "no_user",
                format!("the answer to `{}` shows no id at `{}`", check.call.path.text(), check.user_id),
                "correct `check` in the description, or `base_url` of the connection",
            ));
        };
        let organization = check.organization.as_ref().and_then(|path| path.text_in(&got.body)).unwrap_or_default();
        let me = Identity { user: check.user.text_in(&got.body).unwrap_or_else(|| user_id.clone()), user_id, organization };
        *self.me.write().unwrap_or_else(PoisonError::into_inner) = Some(me.clone());
        Ok(me)
    }
}

#[async_trait]
impl Connector for Rest {
    fn spec(&self) -> &'static Spec {
        self.spec
    }

    async fn check(&self) -> Result<Identity, VendorError> {
        self.ask_me(Priority::Urgent).await
    }

    async fn granted(&self) -> Result<Granted, VendorError> {
        Ok(self.client.granted().map_or(Granted::Unknown("its sign-in names no scopes"), Granted::Known))
    }

    async fn describe(&self, object: &str) -> Result<RemoteObject, VendorError> {
        self.read_schema(object).await
    }

    async fn page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        self.next_page(read, cursor, priority).await
    }

    async fn present(&self, read: &ReadSpec) -> Result<Cursor, VendorError> {
        self.object(&read.object)?;
        // Its answer tells the platform's time.
        self.ask_me(Priority::Update).await?;
        Ok(cursor::Position::at(self.theirs()).to_text())
    }

    async fn fetch(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        self.fetch_rows(read, ids, priority).await
    }

    async fn find(&self, read: &ReadSpec, questions: &[Find], key_field: &str, priority: Priority) -> Result<Vec<Vec<Look>>, VendorError> {
        discreet_find(questions, self.find_rows(read, questions, key_field, priority).await)
    }

    async fn write(&self, target: &WriteTarget, writes: &[Write], priority: Priority) -> Result<Vec<WriteOutcome>, VendorError> {
        let outcomes = discreet(writes, self.write_rows(target, writes, priority).await);
        let of_schema = |error: &VendorError| error.class == Class::Configuration && error.field.is_some();
        let changed = match &outcomes {
            Ok(outcomes) => outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(of_schema)),
            Err(error) => of_schema(error),
        };
        if changed {
            self.forget(&target.object).await;
        }
        outcomes
    }

    fn merges(&self, object: &str) -> bool {
        self.object(object).is_ok_and(|part| part.merge.is_some())
    }

    async fn merge(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        self.merge_rows(merge, priority).await
    }

    fn open(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError> {
        self.open_webhook(incoming, path_secret, now)
    }

    fn receipt(&self) -> Receipt {
        Receipt { content_type: "application/json", body: "{}" }
    }

    async fn create_field(&self, field: &NewField) -> Result<(), VendorError> {
        self.make_field(field).await
    }

    async fn subscribe(&self, url: &str, objects: &[String]) -> Result<Option<Secret>, VendorError> {
        self.make_subscriptions(url, objects).await
    }

    async fn subscribed(&self, url: &str, objects: &[String]) -> Result<Subscribed, VendorError> {
        self.is_subscribed(url, objects).await
    }

    fn budget(&self) -> Budget {
        self.client.budget()
    }

    fn counts(&self) -> CallCounts {
        self.client.counts()
    }

    fn clock(&self) -> Option<&Offset> {
        Some(self.client.offset())
    }
}
