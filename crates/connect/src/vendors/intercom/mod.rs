//! Intercom: contacts (`contact`), companies (`company`), and conversations together with tickets (`conversation`), whose ids are of one space.
//!
//! - Flattening: attributes as they are, ids as texts, seconds as instants, escaped texts plain; custom attributes as
//!   `custom_attributes.NAME`, of tickets as `ticket_attributes.NAME`; the first company of a contact as `company_id`, names of tags as
//!   `tags`. Conversations and tickets come out alike: `form`, `number`, `title`, `description` (plain text), `state`, `contact_id`,
//!   `company_id` (their own, or their contact's), `internal`, `rating`, `first_response_minutes`, `resolution_minutes` (calendar
//!   minutes), `solved_at`, `last_reply_at`, `assignee.name`, `assignee.email`, `team.name`.
//! - The key of contacts is `external_id`, that of companies `company_id`: creations that are repeated find the first one. Tickets
//!   have an attribute for it; see [`checklist`].
//! - A contact whose address or key is taken is named by the refusal, whatever the search index knows. One in the archive is taken out of it.
//! - A `company_id` that is written to a contact becomes the first of their companies; those before it are detached, those after it stay.
//! - There are no preconditions: an update looks at the row's stamp, in whole seconds, right before it is sent, and a race remains.
//! - Nothing tells who changed a row. Merged contacts are told by version 2.16 and by webhooks, archived and deleted ones by
//!   webhooks and by a fetch, deleted conversations by version 2.16 and by webhooks, deleted companies by webhooks and by a fetch,
//!   deleted tickets by a fetch alone.
//! - Companies can only be scrolled through as a whole, by one program at a time.
//! - An update is sent where the row has a place for it: `title` of both forms, `description` and `ticket_attributes.*` of tickets,
//!   `custom_attributes.*` of conversations, `company_id` of both. What only a creation takes, or only the other form has, is refused unless
//!   the row shows that value already; the key alone is left out where a row cannot carry it.
//! - `requester_agent_email` of a new ticket is only written: the admin with that address gets it.

mod capabilities;
mod checklist;
mod conversation_attributes;
mod cursor;
mod directory;
mod fields;
mod kind;
mod map;
mod merge;
mod pages;
mod parts;
mod put;
mod refusal;
mod rows;
mod schema;
mod webhook;
mod wire;
mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_model::mapping::remote::RemoteObject;

use crate::connector::{Budget, CallCounts, Connector, Group, Identity, NewField, Priority};
use crate::erase::{Erase, Erased, by_writes};
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
use crate::webhook::{ByHand, Delivery, Incoming, Proof, Receipt, Subscribed, WebhookError};
use crate::write::{Write, WriteOutcome, WriteTarget, discreet, discreet_find};

use kind::Kind;
use map::{Beside, id_text};
use parts::PART;

/// Facts about Intercom.
pub static SPEC: Spec = FACTS;

/// Facts about the versions before 2.16.
static OLDER_SPEC: Spec = Spec { objects: capabilities::OLDER_OBJECTS, ..FACTS };

const FACTS: Spec = Spec {
    key: "intercom",
    label: "Intercom",
    role: Role::Support,
    // Every row is a call of its own, and a batch must fit into a small app's ten seconds.
    write_max: 20,
    fetch_max: 50,
    concurrency: 8,
    timeout: Duration::from_secs(30),
    // The search index is up to minutes behind.
    overlap: Duration::from_secs(300),
    shares_calls: false,
    renews_access: false,
    objects: capabilities::OBJECTS,
    limits: capabilities::LIMITS,
};

/// One Intercom workspace.
#[derive(Debug)]
pub(crate) struct Intercom {
    client: Client,
    version: &'static str,
    schemas: schema::Schemas,
    directory: directory::Directory,
    tries: checklist::Tries,
    /// Teams, once asked for. Held over the call, so that one caller asks.
    groups: tokio::sync::Mutex<Option<Vec<Group>>>,
}

/// Builds the connector; makes no call.
///
/// # Errors
/// When the settings do not fit Intercom.
pub fn build(settings: ConnectionSettings, surroundings: Surroundings) -> Result<Arc<dyn Connector>, SetupError> {
    let wrong = |reason: String, remedy: String| SetupError { connection: settings.name.clone(), reason, remedy };
    if !matches!(settings.auth, Auth::AccessToken { .. }) {
        return Err(wrong(
            "`auth` is of a kind that Intercom does not take".to_owned(),
            "use `access_token` with the access token of an app (Developer Hub, Authentication), or the token that OAuth gave".to_owned(),
        ));
    }
    let asked = settings.api_version.as_deref().unwrap_or(wire::VERSIONS[0]);
    let Some(version) = wire::VERSIONS.iter().find(|known| **known == asked) else {
        return Err(wrong(
            format!("`api_version` {asked} is not one that this connector knows"),
            format!("use one of: {}", wire::VERSIONS.join(", ")),
        ));
    };
    let born = surroundings.time.now();
    let client = Client::new(settings, surroundings, spec_of(version), Arc::new(wire::IntercomDialect { version }))?;
    Ok(Arc::new(Intercom {
        client,
        version,
        schemas: schema::Schemas::default(),
        directory: directory::Directory::default(),
        tries: checklist::Tries::new(born),
        groups: tokio::sync::Mutex::default(),
    }))
}

/// The facts about a version of the API.
fn spec_of(version: &str) -> &'static Spec {
    if tells_deleted(version) { &SPEC } else { &OLDER_SPEC }
}

/// Whether a version of the API lists deleted conversations, and says into whom a contact was merged.
fn tells_deleted(version: &str) -> bool {
    version == "2.16"
}

impl Intercom {
    /// The secret that webhooks are signed with: the app's own.
    fn signing_secret(&self) -> &Secret {
        &self.client.settings().webhooks.signing_secret
    }

    /// Forgets an object's schema when a refusal says that it has changed. Passes the error on.
    fn notice(&self, object: &str, error: VendorError) -> VendorError {
        if error.class == Class::Configuration && error.code == "parameter_invalid" {
            self.forget(object);
        }
        error
    }
}

#[async_trait]
impl Connector for Intercom {
    fn spec(&self) -> &'static Spec {
        spec_of(self.version)
    }

    async fn check(&self) -> Result<Identity, VendorError> {
        let me = self.ask_me(Priority::Urgent).await?;
        let text = |name: &str| me.body[name].as_str();
        let user = text("email").or_else(|| text("name")).unwrap_or_default().to_owned();
        let (Some(user_id), Some(app)) = (id_text(&me.body["id"]), me.body["app"]["id_code"].as_str()) else {
            return Err(refusal::misfit(
                "no_admin",
                "the answer does not say which admin and workspace the token belongs to",
                "check base_url: it must be https://api.intercom.io (or the one of your region), or a gateway that passes its paths on",
            ));
        };
        Ok(Identity { user_id, user, organization: app.to_owned() })
    }

    async fn granted(&self) -> Result<Granted, VendorError> {
        Ok(Granted::Unknown("Intercom does not tell what a token may do: its permissions are at the app in the Developer Hub"))
    }

    async fn describe(&self, object: &str) -> Result<RemoteObject, VendorError> {
        if object == PART {
            return Ok(parts::described());
        }
        self.read_schema(Kind::named(object)?, Priority::Update).await
    }

    async fn page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        if read.object == PART {
            return self.part_page(read, cursor, priority).await;
        }
        self.next_page(read, cursor, priority).await
    }

    async fn present(&self, read: &ReadSpec) -> Result<Cursor, VendorError> {
        self.present_cursor(read).await
    }

    async fn fetch(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        if read.object == PART {
            return self.fetch_parts(read, ids, priority).await;
        }
        self.fetch_rows(read, ids, priority).await
    }

    async fn find(&self, read: &ReadSpec, questions: &[Find], key_field: &str, priority: Priority) -> Result<Vec<Vec<Look>>, VendorError> {
        if read.object == PART {
            // Entente makes none, and nothing about them is recognised by an address, a number or a name.
            return Ok(questions.iter().map(|_| Vec::new()).collect());
        }
        discreet_find(questions, self.find_rows(read, questions, key_field, priority).await)
    }

    async fn write(&self, target: &WriteTarget, writes: &[Write], priority: Priority) -> Result<Vec<WriteOutcome>, VendorError> {
        if target.object == PART {
            return Err(parts::only_read());
        }
        let outcomes = discreet(writes, self.write_rows(target, writes, priority).await)?;
        Ok(outcomes.into_iter().map(|outcome| outcome.map_err(|error| self.notice(&target.object, error))).collect())
    }

    async fn erase(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        if erase.object == PART {
            return self.erase_part(erase, priority).await;
        }
        by_writes(self, erase, priority).await
    }

    fn merges(&self, object: &str) -> bool {
        matches!(Kind::named(object), Ok(Kind::Contact))
    }

    async fn merge(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        self.merge_rows(merge, priority).await
    }

    fn open(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError> {
        let settings = self.client.settings();
        if !settings.webhooks.path_secret.is_empty() && !settings.webhooks.path_secret.is(path_secret) {
            return Err(WebhookError::Unverified {
                reason: "the secret in the address does not match".to_owned(),
                remedy: "give Intercom the address that `entente provision --address` shows for this connection",
            });
        }
        webhook::verify(incoming, self.signing_secret())?;
        let known = self.directory.known();
        let schemas = [Kind::Contact, Kind::Company].map(|kind| (kind, self.schemas.known(kind)));
        let beside = |kind: Kind| {
            let fields = schemas.iter().find(|(held, _)| *held == kind).and_then(|(_, fields)| fields.as_ref())?;
            Some(Beside { names: Some(known.names()), fields: Some(fields), companies: None })
        };
        webhook::read(incoming, settings.webhooks.organization.as_deref(), webhook::received_at(now, self.client.offset().ms()), beside)
    }

    fn receipt(&self) -> Receipt {
        Receipt { content_type: "application/json", body: "{}" }
    }

    async fn create_field(&self, field: &NewField) -> Result<(), VendorError> {
        if field.object == PART {
            return Err(parts::only_read());
        }
        self.make_field(field).await
    }

    async fn groups(&self, fresh: bool) -> Result<Vec<Group>, VendorError> {
        self.list_groups(fresh, Priority::Update).await
    }

    async fn subscribe(&self, _: &str, _: &[String]) -> Result<Option<Secret>, VendorError> {
        Err(VendorError::new(Class::Configuration, "app_webhooks", "Intercom's API cannot set webhooks up", webhook::BY_HAND))
    }

    async fn subscribed(&self, _: &str, _: &[String]) -> Result<Subscribed, VendorError> {
        let known = !self.signing_secret().is_empty();
        let proof = Proof::Signature { known, source: webhook::COPY };
        Ok(Subscribed::ByHand(ByHand { steps: webhook::BY_HAND, carries: &[], proof }))
    }

    async fn forget_names(&self) {
        self.forget_people_and_tags();
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
