//! Microsoft Dynamics 365: accounts, contacts, leads, opportunities, cases, campaigns and activities, over the Dataverse Web API.
//!
//! - Objects go by the names of their sets: `accounts`, `contacts`, `leads`, `opportunities`, `incidents`, `campaigns`, `tasks`, `phonecalls`,
//!   `emails`, `appointments`, `annotations`; `activities` are the last five together, read only, under ids that begin with the table's name.
//! - Flattening: see [`schema`] for columns, choices and lookups. `status` is state and status in a word that is the same in every language;
//!   writing it closes cases and opportunities by their messages. `currency` is an ISO code, `ownerid.email` a user's or a team's address.
//! - Entente's columns are named `entente_NAME`. One of them carries the record's id and has an alternate key: a creation is an upsert by it.
//! - Updates carry the row's version as their precondition. All rows of a batch travel in one call, each with its own outcome.
//! - Polls follow links of changes, which tell of deletions; a link that has expired is replaced by a walk through all rows, and what was
//!   deleted meanwhile is found by the next reconciliation. The link is made at the end of a walk: rows that changed during it are looked at
//!   again.
//! - Rows say who changed them last. Ours carry a tag, by which their webhooks are known.
//! - Rows that were merged away stay behind, inactive, and say where they went. They are erased with the row that they ended in.

mod capabilities;
mod cursor;
mod dialect;
mod erase;
mod find;
mod kind;
mod map;
mod merge;
mod multipart;
mod names;
mod pages;
mod privileges;
mod provision;
mod put;
mod refusal;
mod rows;
mod schema;
mod special;
mod subscribe;
mod webhook;
mod wire;
mod write;

use std::sync::{Arc, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_model::mapping::remote::RemoteObject;

use crate::actors::Actors;
use crate::connector::{Budget, CallCounts, Connector, Identity, NewField, Priority};
use crate::erase::{Erase, Erased};
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
use kind::Object;

/// Facts about Dynamics 365.
pub static SPEC: Spec = Spec {
    key: "dynamics",
    label: "Dynamics 365",
    role: Role::Crm,
    // A batch takes a thousand requests; a hundred are done well within two minutes.
    write_max: 100,
    fetch_max: 100,
    // Fifty-two may run at once; others call, too.
    concurrency: 12,
    // What the platform itself gives a request.
    timeout: Duration::from_secs(120),
    // Of tables whose changes are not tracked: stamps have whole seconds, and a transaction may end late.
    overlap: Duration::from_secs(600),
    renews_access: true,
    objects: capabilities::OBJECTS,
    limits: capabilities::LIMITS,
    shares_calls: false,
};

/// One environment.
#[derive(Debug)]
pub(crate) struct Dynamics {
    client: Client,
    schemas: schema::Schemas,
    lists: names::Lists,
    actors: Actors,
    /// Our own user, once asked for.
    me: RwLock<Option<names::Me>>,
}

/// Builds the connector; makes no call.
///
/// # Errors
/// When the settings do not fit Dynamics 365.
pub fn build(mut settings: ConnectionSettings, surroundings: Surroundings) -> Result<Arc<dyn Connector>, SetupError> {
    let wrong =
        |reason: &str, remedy: &str| SetupError { connection: settings.name.clone(), reason: reason.to_owned(), remedy: remedy.to_owned() };
    if !matches!(settings.auth, Auth::ClientCredentials { .. }) {
        return Err(wrong(
            "`auth` is of a kind that Dynamics 365 does not take",
            "use `client_credentials` with the id and a secret of an app registration in Entra ID",
        ));
    }
    let tenant =
        settings.login_url.as_ref().and_then(|url| url.path_segments()?.next().map(str::to_owned)).filter(|tenant| !tenant.is_empty());
    if tenant.is_none() {
        return Err(wrong(
            "`login_url` names no directory",
            "set it to https://login.microsoftonline.com/TENANT, the directory's id or domain",
        ));
    }
    // A gateway may stand before the environment; then the address for signing in says which one tokens are for.
    let named = settings
        .login_url
        .as_ref()
        .and_then(|url| url.query_pairs().find(|(name, _)| name == "resource").map(|(_, value)| value.into_owned()));
    let resource = named.unwrap_or_else(|| settings.base_url.origin().ascii_serialization());
    if let Some(url) = &mut settings.login_url {
        url.set_query(None);
    }
    let scope = format!("{}/.default", resource.trim_end_matches('/'));
    let actors = Actors::new(&settings.actors, |id| id.trim().to_lowercase());
    let client = Client::new(settings, surroundings, &SPEC, Arc::new(dialect::DynamicsDialect { scope }))?;
    Ok(Arc::new(Dynamics { client, schemas: schema::Schemas::default(), lists: names::Lists::default(), actors, me: RwLock::default() }))
}

impl Dynamics {
    /// Forgets an object's columns when a refusal says that they have changed. Passes the error on.
    async fn notice(&self, object: &str, error: VendorError) -> VendorError {
        if error.class == Class::Configuration
            && (error.field.is_some() || error.code == "0x80060888")
            && let Ok(object) = Object::named(object)
        {
            self.forget(object).await;
        }
        error
    }
}

#[async_trait]
impl Connector for Dynamics {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    async fn check(&self) -> Result<Identity, VendorError> {
        let me = self.ask_me(Priority::Urgent).await?;
        if me.id.is_empty() {
            return Err(refusal::misfit(
                "no_user",
                "the answer does not say which user we are",
                "check base_url: it must be the environment's address (https://ORG.crm.dynamics.com), or a gateway that passes /api/data on",
            ));
        }
        let names = self.names(names::Needed::default(), Priority::Urgent).await?;
        let user = names.emails.get(&me.id).filter(|email| !email.is_empty()).cloned().unwrap_or_else(|| me.id.clone());
        Ok(Identity { user_id: me.id, user, organization: me.organization })
    }

    async fn granted(&self) -> Result<Granted, VendorError> {
        self.granted_privileges().await
    }

    async fn describe(&self, object: &str) -> Result<RemoteObject, VendorError> {
        self.read_schema(Object::named(object)?, Priority::Update).await
    }

    async fn page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        match self.next_page(read, cursor, priority).await {
            Ok(page) => Ok(page),
            Err(error) => Err(self.notice(&read.object, error).await),
        }
    }

    async fn present(&self, read: &ReadSpec) -> Result<Cursor, VendorError> {
        self.present_cursor(read).await
    }

    async fn fetch(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        match self.fetch_rows(read, ids, priority).await {
            Ok(looks) => Ok(looks),
            Err(error) => Err(self.notice(&read.object, error).await),
        }
    }

    async fn find(&self, read: &ReadSpec, questions: &[Find], key_field: &str, priority: Priority) -> Result<Vec<Vec<Look>>, VendorError> {
        discreet_find(questions, self.find_rows(read, questions, key_field, priority).await)
    }

    fn merges(&self, object: &str) -> bool {
        matches!(Object::named(object), Ok(Object::Table(kind)) if kind.merges())
    }

    async fn merge(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        self.merge_rows(merge, priority).await
    }

    async fn write(&self, target: &WriteTarget, writes: &[Write], priority: Priority) -> Result<Vec<WriteOutcome>, VendorError> {
        let mut outcomes = match discreet(writes, self.write_rows(target, writes, priority).await) {
            Ok(outcomes) => outcomes,
            Err(error) => return Err(self.notice(&target.object, error).await),
        };
        for outcome in &mut outcomes {
            if let Err(error) = outcome {
                *error = self.notice(&target.object, error.clone()).await;
            }
        }
        Ok(outcomes)
    }

    async fn erase(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        self.erase_row(erase, priority).await
    }

    fn open(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError> {
        let settings = self.client.settings();
        webhook::verify(incoming, settings, path_secret)?;
        webhook::read(incoming, settings.webhooks.organization.as_deref(), now)
    }

    fn receipt(&self) -> Receipt {
        Receipt { content_type: "application/json", body: "{}" }
    }

    async fn create_field(&self, field: &NewField) -> Result<(), VendorError> {
        self.make_field(field).await
    }

    async fn subscribe(&self, url: &str, objects: &[String]) -> Result<Option<Secret>, VendorError> {
        self.make_subscriptions(url, objects).await.map(Some)
    }

    async fn subscribed(&self, url: &str, objects: &[String]) -> Result<Subscribed, VendorError> {
        Ok(if self.is_subscribed(url, objects).await? { Subscribed::Yes } else { Subscribed::No })
    }

    async fn forget_names(&self) {
        self.lists.forget().await;
    }

    fn user_name(&self, user: &str) -> Option<String> {
        self.actors.name(user)
    }

    fn bulk_rows(&self) -> Option<usize> {
        Some(write::BULK_ROWS)
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
