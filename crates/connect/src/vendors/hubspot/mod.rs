//! HubSpot: contacts, companies, deals, tickets, leads, tasks, notes, calls, meetings, e-mails, and objects of the portal's own, by their name or type id.
//!
//! - `engagements` are tasks, calls, notes, meetings, submissions of forms and e-mails together, to be read only.
//! - `campaigns`, `forms` and `marketing_emails` are what marketing works with; `lists.names` and `subscriptions.email` of records are sets of
//!   lists and what people agreed to.
//! - Flattening: properties as they are; `associations.OBJECT` is the id of the associated record (the primary one where HubSpot has
//!   such a mark, else the oldest), `owner.name` and `owner.email` are looked up from `hubspot_owner_id`, `stage.name` from the pipelines.
//! - A lead is an item of a pipeline about a contact: it is made with its contact or not at all, and becomes no other record.
//! - The mapping's key is a property with unique values, made by provisioning: creations are upserts by it.
//! - HubSpot has no optimistic concurrency: a change that crosses ours is seen by the next look, not refused.
//! - A change of associations leaves a record's stamp as it was: webhooks tell of it, polls do not.
//! - Archived records leave search without a trace: polls look through the list of archived ones from time to time.
//! - Who changed a row is told by user only, and for the row as a whole. Owners count as sales people; other users are unknown unless
//!   the setting `actors` lists them. HubSpot tells which user a private app's token belongs to, and not whom an OAuth app acts for.
//! - Who changed a property, when and by what, is asked of its history where rules judge by it: see `history`.
//! - Where no webhook can reach us, the webhooks journal is read (`hubspot.changes = "journal"`): see `journal`.
//! - Subscriptions to webhooks are made in the app's own settings: [`Connector::subscribe`] says what to set there.
//! - The day's quota is not followed by its headers, only obeyed when it is spent: calls go on an hour later.

mod associate;
mod capabilities;
mod cursor;
mod custom;
mod dialect;
mod engagements;
mod erase;
mod find;
mod history;
mod index;
mod journal;
mod kind;
mod lists;
mod map;
mod marketing;
mod merge;
mod owners;
mod paths;
mod people;
mod provision;
mod read;
mod refusal;
mod schema;
mod scopes;
mod stages;
mod submissions;
mod subscriptions;
mod webhook;
mod wire;
mod write;

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_model::mapping::remote::RemoteObject;

use crate::actors::Actors;
use crate::connector::{Budget, CallCounts, Connector, Identity, NewField, NewObject, Priority, Tried};
use crate::erase::{Erase, Erased};
use crate::error::{Class, VendorError};
use crate::look::{Cursor, Find, Histories, Look, Page, ReadSpec};
use crate::merge::Merge;
use crate::registry::SetupError;
use crate::scopes::Granted;
use crate::settings::{Auth, ConnectionSettings, HubSpotChanges, Secret};
use crate::spec::Spec;
use crate::transport::Surroundings;
use crate::transport::call::Call;
use crate::transport::client::Client;
use crate::transport::offset::Offset;
use crate::webhook::{ByHand, Delivery, Incoming, Proof, Receipt, Subscribed, WebhookError};
use crate::write::{Write, WriteOutcome, WriteTarget, discreet, discreet_find, refuse_preconditions};
use engagements::ENGAGEMENTS;
use paths::Paths;

/// HubSpot's facts.
pub static SPEC: Spec = Spec {
    key: "hubspot",
    label: "HubSpot",
    role: Role::Crm,
    // Batches take a hundred rows.
    write_max: 100,
    fetch_max: 100,
    concurrency: 8,
    timeout: Duration::from_secs(30),
    // The search index is seconds behind, minutes in bad moments.
    overlap: Duration::from_secs(300),
    shares_calls: false,
    renews_access: true,
    objects: capabilities::OBJECTS,
    limits: capabilities::LIMITS,
};

/// One HubSpot account.
pub(crate) struct HubSpot {
    client: Client,
    paths: Paths,
    schemas: schema::Schemas,
    owners: owners::Owners,
    customs: custom::Customs,
    lists: lists::Lists,
    stages: stages::Stages,
    /// Whose turn it is to search for a first read.
    turns: index::Turns,
    /// The webhooks journal, where the connection reads it.
    journal: Option<journal::Journal>,
    /// This connector itself, for what goes on in the background.
    me: Weak<Self>,
    actors: Actors,
    /// When to read the portal's people again.
    people_due: Mutex<Option<Timestamp>>,
    /// Id of the user that our key belongs to, once asked for.
    ours: OnceLock<String>,
    /// Id of the app that our token is of, once asked for; none where HubSpot does not tell.
    app: OnceLock<Option<String>>,
}

/// Builds the connector; makes no call.
///
/// # Errors
/// When the settings do not fit HubSpot; the error names the setting.
pub fn build(settings: ConnectionSettings, surroundings: Surroundings) -> Result<Arc<dyn Connector>, SetupError> {
    let wrong = |reason: String, remedy: String| Err(SetupError { connection: settings.name.clone(), reason, remedy });
    match &settings.auth {
        Auth::RefreshToken { .. } | Auth::AccessToken { .. } => {}
        Auth::ClientCredentials { .. } | Auth::JwtBearer { .. } | Auth::ApiToken { .. } | Auth::Password { .. } => {
            return wrong(
                "`auth` is of a kind that HubSpot does not take".to_owned(),
                "use `refresh_token` (an OAuth app) or `access_token` (a service key, or the token of a private app)".to_owned(),
            );
        }
    }
    let version = settings.api_version.as_deref().unwrap_or(paths::DEFAULT);
    let Some(paths) = Paths::of(version) else {
        return wrong(format!("`api_version` {version} is not one that this connector knows"), format!("use one of: {}", Paths::known()));
    };
    let actors = Actors::new(&settings.actors, |id| id.trim().to_owned());
    let journal = match settings.hubspot.changes {
        HubSpotChanges::Journal => Some(journal::Journal::new(&settings, &surroundings, paths)?),
        HubSpotChanges::Webhooks => None,
    };
    let client = Client::new(settings, surroundings, &SPEC, Arc::new(dialect::HubSpotDialect { paths }))?;
    Ok(Arc::new_cyclic(|me| HubSpot {
        client,
        journal,
        me: me.clone(),
        paths,
        schemas: schema::Schemas::default(),
        owners: owners::Owners::default(),
        customs: custom::Customs::default(),
        lists: lists::Lists::default(),
        stages: stages::Stages::default(),
        turns: index::Turns::default(),
        actors,
        people_due: Mutex::default(),
        ours: OnceLock::new(),
        app: OnceLock::new(),
    }))
}

impl HubSpot {
    /// Whose key it is, where HubSpot says: it does for tokens of private apps.
    async fn key_holder(&self, priority: Priority) -> Result<Option<String>, VendorError> {
        Ok(self.token_info(priority).await?.and_then(|info| wire::id_text(&info["userId"])))
    }

    /// The account's id.
    async fn account_id(&self, priority: Priority) -> Result<u64, VendorError> {
        let account: wire::Account = self.client.call("account", priority, Call::get(self.paths.account())).await?.json()?;
        Ok(account.portal_id)
    }

    /// Forgets an object's schema when a refusal says that it has changed. Passes the error on.
    fn notice(&self, object: &str, error: VendorError) -> VendorError {
        if matches!(error.code.as_str(), "PROPERTY_DOESNT_EXIST" | "READ_ONLY_VALUE" | "INVALID_OPTION" | "unknown_field") {
            self.schemas.forget(object);
        }
        error
    }

    /// The secret that webhooks are signed with: the app's own.
    fn signing_secret(&self) -> &Secret {
        let settings = self.client.settings();
        match &settings.auth {
            Auth::RefreshToken { client_secret, .. } if settings.webhooks.signing_secret.is_empty() => client_secret,
            _ => &settings.webhooks.signing_secret,
        }
    }
}

#[async_trait]
impl Connector for HubSpot {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    async fn check(&self) -> Result<Identity, VendorError> {
        let account = self.account_id(Priority::Urgent).await?;
        let (user_id, user) = match &self.client.settings().auth {
            Auth::AccessToken { .. } => match self.key_holder(Priority::Urgent).await? {
                Some(user) => (self.ours.get_or_init(|| user).clone(), "service key"),
                None => (String::new(), "service key"),
            },
            _ => (String::new(), "OAuth app"),
        };
        Ok(Identity { user_id, user: user.to_owned(), organization: account.to_string() })
    }

    async fn granted(&self) -> Result<Granted, VendorError> {
        self.granted_scopes().await
    }

    async fn describe(&self, object: &str) -> Result<RemoteObject, VendorError> {
        if object == ENGAGEMENTS {
            return self.describe_engagements(Priority::Update).await;
        }
        if let Some(source) = marketing::source(object) {
            return Ok(source.described());
        }
        let mut described = self.read_schema(object, Priority::Update).await?.object.clone();
        schema::add_partners(&mut described, self.partners(object, Priority::Update).await?);
        let mut required = self.required(object, Priority::Update).await?;
        required.extend(kind::kind(object).into_iter().flat_map(|kind| kind.needs).map(|name| (*name).to_owned()));
        described.fields.iter_mut().for_each(|field| field.required |= required.contains(&field.name));
        Ok(described)
    }

    async fn page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        self.know_people(priority).await;
        if read.object == ENGAGEMENTS {
            return self.engagement_page(read, cursor, priority).await;
        }
        if let Some(source) = marketing::source(&read.object) {
            return self.marketing_page(source, read, cursor, priority).await;
        }
        self.read_page(read, cursor, priority).await.map_err(|error| self.notice(&read.object, error))
    }

    fn first_read_from(&self, read: &ReadSpec) -> Option<Cursor> {
        self.index_start(read)
    }

    async fn present(&self, read: &ReadSpec) -> Result<Cursor, VendorError> {
        let answer = self.client.call("account", Priority::Update, Call::get(self.paths.account())).await?;
        let present = cursor::Position::at(self.server_time(&answer)).to_text();
        Ok(if read.object == ENGAGEMENTS { engagements::from_present(&present) } else { present })
    }

    async fn fetch(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        if read.object == ENGAGEMENTS {
            return self.fetch_engagements(read, ids, priority).await;
        }
        if let Some(source) = marketing::source(&read.object) {
            return self.fetch_marketing(source, read, ids, priority).await;
        }
        self.fetch_rows(read, ids, priority).await.map_err(|error| self.notice(&read.object, error))
    }

    async fn find(&self, read: &ReadSpec, questions: &[Find], key_field: &str, priority: Priority) -> Result<Vec<Vec<Look>>, VendorError> {
        if read.object == ENGAGEMENTS || marketing::source(&read.object).is_some() {
            // Nothing about them is recognised by an address, a number or a name.
            return Ok(questions.iter().map(|_| Vec::new()).collect());
        }
        let found = self.find_rows(read, questions, key_field, priority).await.map_err(|error| self.notice(&read.object, error));
        discreet_find(questions, found)
    }

    async fn erase(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        self.erase_row(erase, priority).await
    }

    fn merges(&self, object: &str) -> bool {
        merge::MERGED.contains(&object)
    }

    async fn merge(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        self.merge_rows(merge, priority).await
    }

    async fn write(&self, target: &WriteTarget, writes: &[Write], priority: Priority) -> Result<Vec<WriteOutcome>, VendorError> {
        if target.object == ENGAGEMENTS {
            return Err(engagements::only_read());
        }
        refuse_preconditions(&SPEC, target, writes)?;
        if let Some(source) = marketing::source(&target.object) {
            return discreet(writes, self.write_marketing(source, target, writes, priority).await);
        }
        discreet(writes, self.write_rows(target, writes, priority).await).map_err(|error| self.notice(&target.object, error))
    }

    fn open(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError> {
        let settings = self.client.settings();
        if !settings.webhooks.path_secret.is_empty() && !settings.webhooks.path_secret.is(path_secret) {
            return Err(WebhookError::Unverified {
                reason: "the secret in the address does not match".to_owned(),
                remedy: "give HubSpot the address that `entente` shows for this connection",
            });
        }
        webhook::verify(incoming, settings, self.signing_secret(), now)?;
        webhook::read(incoming, settings.webhooks.organization.as_deref(), &self.customs, now)
    }

    fn told_by(&self, field: &str) -> Option<String> {
        kind::told_by(field).map(str::to_owned)
    }

    fn told_as(&self, object: &str, fields: &[String]) -> Vec<(String, Vec<String>)> {
        let told = |fields: &[String]| -> Vec<String> { fields.iter().filter_map(|field| self.told_by(field)).collect() };
        if object == ENGAGEMENTS {
            return engagements::own_reads(fields).into_iter().map(|own| (own.object, told(&own.fields))).collect();
        }
        vec![(object.to_owned(), told(fields))]
    }

    fn same_row(&self, from: &str, to: &str, id: &str) -> Option<String> {
        engagements::same_row(from, to, id)
    }

    fn receipt(&self) -> Receipt {
        Receipt { content_type: "application/json", body: "{}" }
    }

    async fn create_field(&self, field: &NewField) -> Result<(), VendorError> {
        if field.object == ENGAGEMENTS {
            return Err(engagements::only_read());
        }
        if marketing::source(&field.object).is_some() {
            let message = format!("HubSpot's {} have the fields that they have", field.object);
            return Err(refusal::misfit("field", message, "take the line out of the mapping"));
        }
        self.provision(field).await
    }

    async fn create_object(&self, object: &NewObject) -> Result<(), VendorError> {
        self.define(object).await
    }

    async fn subscribe(&self, url: &str, objects: &[String]) -> Result<Option<Secret>, VendorError> {
        let secret = &self.client.settings().webhooks.path_secret;
        let shown = if secret.is_empty() { url.to_owned() } else { url.replace(secret.reveal(), "<webhook path secret>") };
        Err(VendorError::new(
            Class::Configuration,
            "app_webhooks",
            format!(
                "HubSpot lets only the app's developer subscribe to webhooks. In the app's webhook settings, set the target URL {shown} and \
                 subscribe, for each of {}, to creation, deletion, merge, restore, associationChange, and to propertyChange of every mapped \
                 property. Service keys have no webhooks",
                objects.join(", ")
            ),
            "set the subscriptions up in the app; until then, polling sees every change but those of associations",
        ))
    }

    async fn subscribed(&self, _: &str, _: &[String]) -> Result<Subscribed, VendorError> {
        let known = !self.signing_secret().is_empty();
        if self.journal.is_some() {
            let steps = "none are needed: what happens is read from the webhooks journal";
            return Ok(Subscribed::ByHand(ByHand { steps, carries: &[], proof: Proof::Signature { known: true, source: webhook::COPY } }));
        }
        Ok(Subscribed::ByHand(ByHand {
            steps: "in the webhook settings of the HubSpot app, set this target URL and subscribe, for each object, to creation, deletion, \
                    merge, restore, associationChange, and to propertyChange of each of these properties; until then polls see every \
                    change but those of associations",
            carries: &[],
            proof: Proof::Signature { known, source: webhook::COPY },
        }))
    }

    fn stirred(&self) -> Vec<String> {
        self.journal.as_ref().map(journal::Journal::stirred).unwrap_or_default()
    }

    async fn stir(&self) {
        match &self.journal {
            Some(journal) => self.stir_journal(journal).await,
            None => std::future::pending().await,
        }
    }

    async fn try_streams(&self, _: &[String]) -> Vec<Tried> {
        match &self.journal {
            Some(journal) => journal.tried().await,
            None => Vec::new(),
        }
    }

    fn tells_hands(&self, object: &str) -> bool {
        object != ENGAGEMENTS && marketing::source(object).is_none()
    }

    async fn histories(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Histories, VendorError> {
        if self.tells_hands(&read.object) { self.property_histories(read, ids, priority).await } else { Ok(Histories::new()) }
    }

    async fn forget_names(&self) {
        self.owners.forget().await;
        self.stages.forget().await;
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
