//! Freshdesk: contacts (`contact`), companies (`company`) and tickets (`ticket`), and what is said on tickets (`conversation`), which is only read.
//!
//! - Flattening: attributes as they are, ids and codes as texts; custom fields as `contact_fields.KEY`, `company_fields.KEY`,
//!   `ticket_fields.KEY`, without the `cf_` that Freshdesk puts before some names; for tickets also `stats.NAME`, `requester.NAME`,
//!   `company.name`, `responder.name`, `group.name`, and worked out from `stats`: `stats.first_response_minutes`,
//!   `stats.resolution_minutes` (calendar minutes) and `stats.last_reply_at`. A ticket's `description` is plain text on both ways.
//! - The key of contacts is `unique_external_id`. Companies and tickets have none: a custom field carries it, and a creation first looks
//!   whether it is there, in the search index and in lists, because the index is minutes behind.
//! - Two attributes of a new ticket are only written: `internal` (the description becomes a private note; who may see all tickets of the
//!   company still sees the subject) and `requester_agent_email` (without such an agent our own one is the requester).
//! - Contacts' `tags` and `other_emails` are in single views only: a mapping that reads them costs a call per changed contact.
//! - There are no preconditions: an update looks at the row's stamp right before it is sent, and a race of seconds remains.
//! - Nothing tells who changed a row, and nothing at all of deleted companies: a fetch that does not find one does.
//! - A merged contact is one that is deleted and whose address another one has beside their own.
//! - Webhooks come of tickets alone; contacts and companies are left to polls.

mod capabilities;
mod conversations;
mod cursor;
mod erase;
mod fields;
mod kind;
mod map;
mod merge;
mod pages;
mod people;
mod put;
mod refusal;
mod rows;
mod rules;
mod schema;
mod webhook;
mod wire;
mod write;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_model::mapping::remote::RemoteObject;

use crate::connector::{Budget, CallCounts, Connector, Group, Identity, NewField, Priority};
use crate::erase::{Erase, Erased};
use crate::error::VendorError;
use crate::look::{Cursor, Find, Look, Page, ReadSpec};
use crate::merge::Merge;
use crate::registry::SetupError;
use crate::scopes::Granted;
use crate::settings::{Auth, ConnectionSettings, Secret};
use crate::spec::Spec;
use crate::transport::Surroundings;
use crate::transport::call::Call;
use crate::transport::client::Client;
use crate::transport::offset::Offset;
use crate::webhook::{ByHand, Delivery, Incoming, Proof, Receipt, Subscribed, WebhookError};
use crate::write::{Write, WriteOutcome, WriteTarget, discreet, discreet_find};

use conversations::CONVERSATION;
use kind::Kind;

/// Facts about Freshdesk.
pub static SPEC: Spec = Spec {
    key: "freshdesk",
    label: "Freshdesk",
    role: Role::Support,
    // Every row is a call of its own, and a batch must fit into a small plan's minute.
    write_max: 20,
    fetch_max: 20,
    concurrency: 6,
    timeout: Duration::from_secs(30),
    // Stamps have whole seconds, and a row may be listed a moment after it was stamped.
    overlap: Duration::from_secs(60),
    shares_calls: false,
    renews_access: false,
    objects: capabilities::OBJECTS,
    limits: capabilities::LIMITS,
};

/// One Freshdesk account.
#[derive(Debug)]
pub(crate) struct Freshdesk {
    client: Client,
    schemas: schema::Schemas,
    people: people::People,
    /// Groups of agents, once asked for. Held over the call, so that one caller asks.
    groups: tokio::sync::Mutex<Option<Vec<Group>>>,
    /// Whether the account filters contacts and companies by the parameter's old name.
    old_filter: AtomicBool,
}

/// Builds the connector; makes no call.
///
/// # Errors
/// When the settings do not fit Freshdesk.
pub fn build(settings: ConnectionSettings, surroundings: Surroundings) -> Result<Arc<dyn Connector>, SetupError> {
    if !matches!(settings.auth, Auth::AccessToken { .. }) {
        return Err(SetupError {
            connection: settings.name.clone(),
            reason: "`auth` is of a kind that Freshdesk does not take".to_owned(),
            remedy: "use `access_token` with the API key of an agent (profile settings at Freshdesk)".to_owned(),
        });
    }
    let client = Client::new(settings, surroundings, &SPEC, Arc::new(wire::FreshdeskDialect))?;
    Ok(Arc::new(Freshdesk {
        client,
        schemas: schema::Schemas::default(),
        people: people::People::default(),
        groups: tokio::sync::Mutex::default(),
        old_filter: AtomicBool::new(false),
    }))
}

impl Freshdesk {
    /// The account's name, where our agent may see it; else its host.
    async fn account(&self) -> Result<String, VendorError> {
        let host = self.client.settings().base_url.host_str().unwrap_or_default();
        let call = Call::get("/api/v2/account").accept(&[403, 404]);
        let read = wire::send(&self.client, "account", Priority::Urgent, call).await?;
        let told = read.body["account_domain"].as_str().unwrap_or(host);
        Ok(told.strip_suffix(".freshdesk.com").unwrap_or(told).to_owned())
    }
}

#[async_trait]
impl Connector for Freshdesk {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    async fn check(&self) -> Result<Identity, VendorError> {
        let me = self.ask_me(Priority::Urgent).await?;
        let text = |name: &str| me.body["contact"][name].as_str();
        let user = text("email").or_else(|| text("name")).unwrap_or_default().to_owned();
        let Some(user_id) = map::id_text(&me.body["id"]) else {
            return Err(refusal::misfit(
                "no_agent",
                "the answer does not say which agent the key belongs to",
                "check base_url: it must be https://DOMAIN.freshdesk.com, or a gateway that passes /api/v2 on",
            ));
        };
        Ok(Identity { user_id, user, organization: self.account().await? })
    }

    async fn granted(&self) -> Result<Granted, VendorError> {
        Ok(Granted::Unknown("Freshdesk's API keys have the rights of their agent's role"))
    }

    async fn describe(&self, object: &str) -> Result<RemoteObject, VendorError> {
        if object == CONVERSATION {
            return Ok(conversations::described());
        }
        self.read_schema(Kind::named(object)?, Priority::Update).await
    }

    async fn page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        if read.object == CONVERSATION {
            return self.conversation_page(read, cursor, priority).await;
        }
        self.next_page(read, cursor, priority).await
    }

    async fn present(&self, read: &ReadSpec) -> Result<Cursor, VendorError> {
        self.present_cursor(read).await
    }

    async fn fetch(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        if read.object == CONVERSATION {
            return self.fetch_conversations(read, ids, priority).await;
        }
        self.fetch_rows(read, ids, priority).await
    }

    async fn find(&self, read: &ReadSpec, questions: &[Find], key_field: &str, priority: Priority) -> Result<Vec<Vec<Look>>, VendorError> {
        if read.object == CONVERSATION {
            // Entente makes none, and nothing about them is recognised by an address, a number or a name.
            return Ok(questions.iter().map(|_| Vec::new()).collect());
        }
        discreet_find(questions, self.find_rows(read, questions, key_field, priority).await)
    }

    async fn erase(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        self.erase_row(erase, priority).await
    }

    fn merges(&self, object: &str) -> bool {
        matches!(Kind::named(object), Ok(Kind::Contact))
    }

    async fn merge(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        self.merge_rows(merge, priority).await
    }

    async fn write(&self, target: &WriteTarget, writes: &[Write], priority: Priority) -> Result<Vec<WriteOutcome>, VendorError> {
        if target.object == CONVERSATION {
            return Err(conversations::only_read());
        }
        discreet(writes, self.write_rows(target, writes, priority).await)
    }

    fn open(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError> {
        webhook::verify(incoming, self.client.settings(), path_secret)?;
        webhook::read(incoming, now)
    }

    fn receipt(&self) -> Receipt {
        Receipt { content_type: "application/json", body: "{}" }
    }

    async fn create_field(&self, field: &NewField) -> Result<(), VendorError> {
        if field.object == CONVERSATION {
            return Err(conversations::only_read());
        }
        self.make_field(field).await
    }

    async fn groups(&self, fresh: bool) -> Result<Vec<Group>, VendorError> {
        self.list_groups(fresh, Priority::Update).await
    }

    async fn subscribe(&self, url: &str, objects: &[String]) -> Result<Option<Secret>, VendorError> {
        let secret = webhook::secret(self.client.settings());
        rules::make(&self.client, url, objects, &secret).await?;
        Ok(Some(secret))
    }

    async fn subscribed(&self, url: &str, objects: &[String]) -> Result<Subscribed, VendorError> {
        let secret = webhook::secret(self.client.settings());
        Ok(match rules::there(&self.client, url, objects, &secret).await? {
            Some(true) => Subscribed::Yes,
            Some(false) => Subscribed::No,
            None => Subscribed::ByHand(ByHand { steps: rules::BY_HAND, carries: &["id"], proof: Proof::Address }),
        })
    }

    async fn forget_names(&self) {
        self.forget_people();
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
