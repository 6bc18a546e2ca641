//! Zendesk Support: end users and agents (`user`), organizations (`organization`) and tickets (`ticket`), and what is said on tickets
//! (`ticket_comment`), which is only read.
//!
//! - Flattening: attributes as they are; `user_fields.KEY`, `organization_fields.KEY`, `custom_fields.ID`; for tickets also
//!   `metric_set.NAME` (calendar minutes), `satisfaction_rating.score`, `via.channel`, `assignee.name`, `assignee.email`,
//!   `requester.name`, `requester.email`, `group.name`, `organization.name`. Ids are texts.
//! - The mapping's key is `external_id`: users and organizations are upserted by it. Tickets have no upsert; they are looked up by it
//!   before they are created, so a repeat makes a twin only if the first attempt is still under way.
//! - Two attributes of a new ticket are only written: `comment.public` (false makes the description an internal note) and
//!   `requester_agent_email` (the agent with that address is the requester; without one it is our own user).
//! - Optimistic concurrency exists for tickets only (`safe_update`).
//! - Deleted organizations are in no export: webhooks tell of them, or a fetch that does not find them.

pub mod errors;
pub mod fields;
mod fills;
pub mod jobs;
pub mod kind;
pub mod map;
pub mod put;
pub mod schema;
pub mod subscribe;
pub mod webhook;
pub mod wire;

mod capabilities;
mod comments;
mod erase;
mod export;
mod groups;
mod identities;
mod merge;
mod read;
mod scopes;
mod staff;
mod write;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_model::mapping::remote::RemoteObject;

use crate::connector::{Budget, CallCounts, Connector, Group, Identity, NewField, Priority};
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
use crate::write::{Write, WriteOutcome, WriteTarget, discreet, discreet_find, refuse_preconditions};

use comments::COMMENT;
use jobs::{Jobs, Watch};
use kind::Kind;
use staff::Staff;

/// Facts about Zendesk.
pub static SPEC: Spec = Spec {
    key: "zendesk",
    label: "Zendesk",
    role: Role::Support,
    write_max: 100,
    fetch_max: 100,
    concurrency: 8,
    timeout: Duration::from_secs(30),
    // Exports withhold the newest minute themselves, and their cursor is a place, not an instant.
    overlap: Duration::ZERO,
    shares_calls: false,
    renews_access: true,
    objects: capabilities::OBJECTS,
    limits: capabilities::LIMITS,
};

/// When Zendesk's API tokens stop working, as announced.
const TOKENS_END: &str = "2027-04-30";

/// What can be set about the connector beside its connection.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Where a first read of an export starts, in seconds since 1970.
    pub first_start: i64,
    /// How jobs are watched.
    pub watch: Watch,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { first_start: export::FIRST_START, watch: Watch::default() }
    }
}

/// Speaks to one Zendesk account.
#[derive(Debug)]
pub struct Zendesk {
    client: Client,
    tuning: Tuning,
    jobs: Jobs,
    known: schema::Known,
    /// What Zendesk fills in in users that it is not told of.
    fills: fills::Fills,
    /// Whether the account allows bulk import of users, as far as we know.
    bulk_users: AtomicBool,
    /// Secondary addresses of users, as exports have shown them.
    secondary: identities::Secondary,
    /// Who works at the desk, our own user among them, once asked for.
    staff: Mutex<Arc<Staff>>,
    /// Groups of agents, once asked for. Held over the call, so that one caller asks.
    groups: tokio::sync::Mutex<Option<Vec<Group>>>,
}

/// Builds the connector.
///
/// # Errors
/// When the settings do not fit Zendesk.
pub fn build(settings: ConnectionSettings, surroundings: Surroundings) -> Result<Arc<dyn Connector>, SetupError> {
    let tuning = Tuning { watch: Watch::within(surroundings.latency_target), ..Tuning::default() };
    let connector = Zendesk::new(settings, surroundings, tuning)?;
    Ok(Arc::new(connector))
}

impl Zendesk {
    /// Builds the connector with other than the usual tuning.
    ///
    /// # Errors
    /// When the settings do not fit Zendesk.
    pub fn new(settings: ConnectionSettings, surroundings: Surroundings, tuning: Tuning) -> Result<Self, SetupError> {
        match &settings.auth {
            Auth::ApiToken { .. } => tracing::warn!(
                connection = %settings.name,
                "Zendesk stops API tokens on {TOKENS_END}: create an OAuth client in Zendesk's Admin Center and sign in with it before then"
            ),
            Auth::ClientCredentials { .. } | Auth::RefreshToken { .. } => {}
            Auth::JwtBearer { .. } | Auth::AccessToken { .. } | Auth::Password { .. } => {
                return Err(SetupError {
                    connection: settings.name.clone(),
                    reason: "`auth` is of a kind that Zendesk does not take".to_owned(),
                    remedy: "use an OAuth client (client credentials or refresh token), or an API token until it ends".to_owned(),
                });
            }
        }
        let client = Client::new(settings, surroundings, &SPEC, Arc::new(wire::ZendeskDialect))?;
        Ok(Self {
            client,
            tuning,
            jobs: Jobs::new(tuning.watch),
            known: schema::Known::default(),
            fills: fills::Fills::default(),
            bulk_users: AtomicBool::new(true),
            secondary: identities::Secondary::default(),
            staff: Mutex::default(),
            groups: tokio::sync::Mutex::default(),
        })
    }
}

#[async_trait]
impl Connector for Zendesk {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    async fn check(&self) -> Result<Identity, VendorError> {
        let read = self.ask_me(Priority::Urgent).await?;
        let user = &read.body["user"];
        // Without valid credentials Zendesk answers well, with an anonymous user.
        let role = user["role"].as_str().unwrap_or_default();
        let Some(id) = map::id_text(&user["id"]).filter(|_| matches!(role, "agent" | "admin")) else {
            return Err(VendorError::new(
                Class::Reauthenticate,
                "anonymous",
                "Zendesk does not know these credentials as an agent or admin",
                "sign in with an admin's OAuth client; end users and anonymous callers cannot sync",
            )
            .with_status(read.status));
        };
        let mut name = user["email"].as_str().or_else(|| user["name"].as_str()).unwrap_or_default().to_owned();
        if role == "agent" {
            name.push_str(" (agent: exports and bulk calls need the role admin)");
        }
        if matches!(self.client.settings().auth, Auth::ApiToken { .. }) {
            name.push_str(&format!(" (API token: ends on {TOKENS_END}, use OAuth)"));
        }
        let host = self.client.settings().base_url.host_str().unwrap_or_default();
        let organization = host.strip_suffix(".zendesk.com").unwrap_or(host).to_owned();
        Ok(Identity { user_id: id, user: name, organization })
    }

    async fn granted(&self) -> Result<Granted, VendorError> {
        self.granted_scopes().await
    }

    async fn describe(&self, object: &str) -> Result<RemoteObject, VendorError> {
        if object == COMMENT {
            return Ok(comments::described());
        }
        let kind = Kind::named(object)?;
        self.known.describe(&self.client, kind).await
    }

    async fn page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        self.staff_now(priority).await;
        if read.object == COMMENT {
            return self.comment_page(read, cursor, priority).await;
        }
        self.next_page(read, cursor, priority).await
    }

    async fn present(&self, read: &ReadSpec) -> Result<Cursor, VendorError> {
        self.present_cursor(read)
    }

    async fn fetch(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        if read.object == COMMENT {
            self.staff_now(priority).await;
            return self.fetch_comments(read, ids, priority).await;
        }
        self.fetch_rows(read, ids, priority).await
    }

    async fn find(&self, read: &ReadSpec, questions: &[Find], key_field: &str, priority: Priority) -> Result<Vec<Vec<Look>>, VendorError> {
        if read.object == COMMENT {
            // Entente makes none, and nothing about them is recognised by an address, a number or a name.
            return Ok(questions.iter().map(|_| Vec::new()).collect());
        }
        discreet_find(questions, self.find_rows(read, questions, key_field, priority).await)
    }

    async fn erase(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        self.erase_row(erase, priority).await
    }

    fn merges(&self, object: &str) -> bool {
        matches!(Kind::named(object), Ok(Kind::User | Kind::Organization))
    }

    async fn merge(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        self.merge_rows(merge, priority).await
    }

    async fn write(&self, target: &WriteTarget, writes: &[Write], priority: Priority) -> Result<Vec<WriteOutcome>, VendorError> {
        if target.object == COMMENT {
            return Err(comments::only_read());
        }
        refuse_preconditions(&SPEC, target, writes)?;
        discreet(writes, self.write_rows(target, writes, priority).await)
    }

    fn open(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError> {
        let settings = &self.client.settings().webhooks;
        if !settings.path_secret.is_empty() && !settings.path_secret.is(path_secret) {
            return Err(WebhookError::Unverified {
                reason: "the secret in the address does not match".to_owned(),
                remedy: "give Zendesk the address that `entente` shows for this connection",
            });
        }
        webhook::verify(incoming, &settings.signing_secret, now)?;
        let staff = self.staff();
        let reader = webhook::Reader { actors: self.actors(&staff), offset_ms: self.client.offset().ms().unwrap_or(0) };
        webhook::read(incoming, &reader, now)
    }

    fn receipt(&self) -> Receipt {
        Receipt { content_type: "application/json", body: "{}" }
    }

    async fn create_field(&self, field: &NewField) -> Result<(), VendorError> {
        if field.object == COMMENT {
            return Err(comments::only_read());
        }
        schema::create_field(&self.client, &self.known, field).await
    }

    async fn groups(&self, fresh: bool) -> Result<Vec<Group>, VendorError> {
        self.list_groups(fresh, Priority::Update).await
    }

    async fn subscribe(&self, url: &str, objects: &[String]) -> Result<Option<Secret>, VendorError> {
        subscribe::subscribe(&self.client, url, objects).await
    }

    async fn subscribed(&self, url: &str, objects: &[String]) -> Result<Subscribed, VendorError> {
        let there = subscribe::subscribed(&self.client, url, objects).await?;
        Ok(if there { Subscribed::Yes } else { Subscribed::No })
    }

    fn user_name(&self, user: &str) -> Option<String> {
        self.staff().address(user).map(str::to_owned)
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
