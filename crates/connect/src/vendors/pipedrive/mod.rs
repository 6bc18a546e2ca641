//! Pipedrive: people, organizations, deals, leads, activities and notes, over version 2 of the API and what only version 1 has.
//!
//! - Objects are `persons`, `organizations`, `deals`, `leads`, `activities` and `notes`. Notes stand among activities as well, under ids of
//!   their own (`note-5`), because a mapping of activities names one object.
//! - Flattening: attributes as they are, ids and codes as texts; `email` and `phone` are the primary ones, `emails` and `phones` all of
//!   them; `labels`, `industry` and choices by what people read; `owner.name`, `owner.email`, `stage`, `pipeline`, `is_won`, `is_closed`
//!   are looked up; texts of activities and notes are plain on both ways.
//! - Custom fields have a hash for a name that differs in every account: `custom.HASH`, parts of a value as `custom.HASH.currency` and the
//!   like. Those that Entente made go by their name: `entente_plan` is the field "Entente plan". A list of Yes and No is a boolean.
//! - There are no unique fields and no upserts: a custom field carries the key, and a creation first makes sure that no row carries it (see
//!   [`keys`]). Activities and notes have no custom fields; the last line of their text carries it.
//! - There are no preconditions: an update looks at the row's stamp right before it is sent, and a race of seconds remains.
//! - A row does not say who changed it. Webhooks do, and what they said is remembered for as long as the process lives.
//! - Deletions are told of by webhooks, found by a sweep once an hour (leads: not at all), and by reconciliations. Where a merged row went,
//!   only webhooks tell.
//! - A day's tokens are counted by Pipedrive and shared by everybody in the company: a list of five hundred rows costs ten, a row by itself
//!   one, a change five, a search twenty, and twice that on version 1.

mod attributes;
mod capabilities;
mod cursor;
mod dialect;
mod fields;
mod find;
mod hands;
mod keys;
mod kind;
mod lists;
mod map;
pub(crate) mod marker;
mod merge;
mod names;
mod pages;
mod provision;
mod put;
mod refusal;
mod removal;
mod rows;
mod scopes;
mod subscribe;
mod values;
mod webhook;
mod wire;
mod write;

use std::sync::{Arc, RwLock};
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
use kind::Kind;

pub(crate) use dialect::until_midnight;
pub(crate) use keys::earliest;
pub(crate) use refusal::masked;
pub(crate) use webhook::{password, user_name};

/// Facts about Pipedrive.
pub static SPEC: Spec = Spec {
    key: "pipedrive",
    label: "Pipedrive",
    role: Role::Crm,
    // Every row is a call of its own, and a batch must fit into a small plan's two seconds.
    write_max: 20,
    fetch_max: 100,
    concurrency: 6,
    timeout: Duration::from_secs(30),
    // Stamps have whole seconds, and a row may be listed a moment after it was stamped.
    overlap: Duration::from_secs(120),
    renews_access: true,
    objects: capabilities::OBJECTS,
    limits: capabilities::LIMITS,
    shares_calls: false,
};

/// Where OAuth's tokens come from, whatever the company.
const SIGN_IN: &str = "https://oauth.pipedrive.com";

/// One company at Pipedrive.
#[derive(Debug)]
pub(crate) struct Pipedrive {
    client: Client,
    schemas: fields::Schemas,
    lists: names::Lists,
    keys: keys::Keys,
    hands: hands::Hands,
    actors: Actors,
    /// Our own user, once asked for.
    me: RwLock<Option<names::Me>>,
}

/// Builds the connector; makes no call.
///
/// # Errors
/// When the settings do not fit Pipedrive.
pub fn build(mut settings: ConnectionSettings, surroundings: Surroundings) -> Result<Arc<dyn Connector>, SetupError> {
    let personal = match &settings.auth {
        Auth::AccessToken { .. } => true,
        Auth::RefreshToken { .. } => false,
        Auth::ClientCredentials { .. } | Auth::JwtBearer { .. } | Auth::ApiToken { .. } | Auth::Password { .. } => {
            return Err(SetupError {
                connection: settings.name.clone(),
                reason: "`auth` is of a kind that Pipedrive does not take".to_owned(),
                remedy: "use `refresh_token` (an OAuth app) or `access_token` (a user's API token, from the personal preferences)"
                    .to_owned(),
            });
        }
    };
    let is_vendor = settings.base_url.host_str().is_some_and(|host| host.ends_with(".pipedrive.com"));
    if !personal && settings.login_url.is_none() && is_vendor {
        settings.login_url = Url::parse(SIGN_IN).ok();
    }
    let actors = Actors::new(&settings.actors, |id| id.trim().to_owned());
    let client = Client::new(settings, surroundings, &SPEC, Arc::new(dialect::PipedriveDialect { personal }))?;
    Ok(Arc::new(Pipedrive {
        client,
        schemas: fields::Schemas::default(),
        lists: names::Lists::default(),
        keys: keys::Keys::default(),
        hands: hands::Hands::default(),
        actors,
        me: RwLock::default(),
    }))
}

impl Pipedrive {
    /// Forgets an object's fields when a refusal says that they have changed. Passes the error on.
    async fn notice(&self, object: &str, error: VendorError) -> VendorError {
        if error.class == Class::Configuration
            && error.field.is_some()
            && let Ok(kind) = Kind::named(object)
        {
            self.forget(kind).await;
        }
        error
    }
}

#[async_trait]
impl Connector for Pipedrive {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    async fn check(&self) -> Result<Identity, VendorError> {
        let (me, _) = self.ask_me(Priority::Urgent).await?;
        if me.id.is_empty() {
            return Err(refusal::misfit(
                "no_user",
                "the answer does not say which user the token belongs to",
                "check base_url: it must be https://COMPANY.pipedrive.com or https://api.pipedrive.com, or a gateway that passes /v1 on",
            ));
        }
        Ok(Identity { user_id: me.id, user: me.email, organization: me.company })
    }

    async fn granted(&self) -> Result<Granted, VendorError> {
        self.granted_scopes().await
    }

    async fn describe(&self, object: &str) -> Result<RemoteObject, VendorError> {
        self.read_schema(Kind::named(object)?, Priority::Update).await
    }

    async fn page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        self.next_page(read, cursor, priority).await
    }

    async fn present(&self, read: &ReadSpec) -> Result<Cursor, VendorError> {
        self.present_cursor(read).await
    }

    async fn fetch(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        self.fetch_rows(read, ids, priority).await
    }

    async fn find(&self, read: &ReadSpec, questions: &[Find], key_field: &str, priority: Priority) -> Result<Vec<Vec<Look>>, VendorError> {
        discreet_find(questions, self.find_rows(read, questions, key_field, priority).await)
    }

    fn merges(&self, object: &str) -> bool {
        Kind::named(object).is_ok_and(merge::merges)
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

    fn open(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError> {
        let settings = self.client.settings();
        webhook::verify(incoming, settings, path_secret)?;
        let ours = self.known_me().map(|me| me.id).unwrap_or_default();
        webhook::read(incoming, settings.webhooks.organization.as_deref(), &self.hands, &self.actors, &ours, now)
    }

    fn receipt(&self) -> Receipt {
        Receipt { content_type: "application/json", body: "{}" }
    }

    async fn removed(&self, call: &Incoming) -> Result<Option<VendorError>, WebhookError> {
        self.app_removed(call).await
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
