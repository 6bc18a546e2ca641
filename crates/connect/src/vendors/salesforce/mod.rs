//! Salesforce: REST, SOQL, sObject Collections, or the SOAP partner API; Tooling API for provisioning, and outbound messages as webhooks.
//!
//! `Activity` is tasks and events together, to be read only.
//!
//! What the platform cannot do, said once here:
//! - A collection of updates has no precondition. A few updates at a time go row by row with `If-Unmodified-Since`, in one composite
//!   call; that header has whole seconds: a change by someone else within the same second as ours is seen by the next look, not refused.
//! - Outbound messages are made over the Tooling API alone, not over SOAP; [`Connector::subscribed`] says what to click there.
//! - Formula, roll-up and cross-object fields change without a new `SystemModstamp`: polls see them with the row's next own change,
//!   and reconciliations see them by themselves.
//! - A hard delete, or an emptied recycle bin, leaves no trace in polls; a fetch of the id finds nothing and says so.

mod activities;
mod approvals;
mod bulk;
mod bundle;
mod capabilities;
mod carried;
mod cdc;
mod currency;
mod cursor;
mod describe;
mod dialect;
mod erase;
mod find;
mod flows;
mod ids;
mod lists;
mod map;
mod merge;
mod messages;
mod people;
mod provision;
mod read;
mod refusal;
mod scopes;
mod soap;
mod soql;
mod webhook;
mod wire;
mod write;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_model::mapping::remote::{RemoteObject, reference_of};
use tokio::sync::OnceCell;

use crate::action::{Acted, Action, CurrencyRate, Offer, Target, Waiting};
use crate::actors::Actors;
use crate::connector::{Budget, CallCounts, Connector, Identity, NewField, Priority, Tried};
use crate::erase::{Erase, Erased};
use crate::error::{Class, VendorError};
use crate::look::{Cursor, Find, Look, Page, ReadSpec};
use crate::merge::Merge;
use crate::registry::SetupError;
use crate::scopes::Granted;
use crate::settings::{Auth, Changes, ConnectionSettings, SalesforceApi, Secret};
use crate::spec::Spec;
use crate::transport::Surroundings;
use crate::transport::call::Call;
use crate::transport::client::Client;
use crate::transport::offset::Offset;
use crate::webhook::{Delivery, Incoming, Receipt, Subscribed, WebhookError};
use crate::write::{Write, WriteOutcome, WriteTarget, discreet, discreet_find};
use activities::ACTIVITY;
use describe::Described;

/// Salesforce's facts.
pub static SPEC: Spec = FACTS;

/// Salesforce's facts over SOAP.
static SOAP_SPEC: Spec = Spec { shares_calls: false, objects: capabilities::SOAP_OBJECTS, ..FACTS };

const FACTS: Spec = Spec {
    key: "salesforce",
    label: "Salesforce",
    role: Role::Crm,
    // sObject Collections take 200 rows a call.
    write_max: 200,
    // Collections retrieve takes 2,000 ids a call.
    fetch_max: 2_000,
    // 25 long calls may run at once in an org and every integration shares them (5 in developer orgs, where ours are short).
    concurrency: 8,
    timeout: Duration::from_secs(30),
    // Long transactions commit rows with early stamps; ten minutes is what large integrations use.
    overlap: Duration::from_secs(600),
    shares_calls: true,
    renews_access: true,
    objects: capabilities::OBJECTS,
    limits: capabilities::LIMITS,
};

/// Fields that an outbound message must carry so that it can be taken as a look: id, version, and by whom and when it was changed.
const MARKS: &[&str] = &["Id", "SystemModstamp", "LastModifiedDate", "LastModifiedById"];

/// Where the Pub/Sub API answers.
const PUBSUB_URL: &str = "https://api.pubsub.salesforce.com:7443";

/// API version used unless configured.
const DEFAULT_VERSION: &str = "62.0";

/// Oldest version whose upsert says over REST whether it made the row.
const OLDEST_REST: u32 = 46;

/// Oldest version that the vendor still answers over SOAP.
const OLDEST_SOAP: u32 = 31;

/// One Salesforce organisation.
pub(crate) struct Salesforce {
    client: Client,
    /// `/services/data/v62.0`.
    root: String,
    bundler: bundle::Bundler,
    /// The SOAP partner API, where the connection speaks it.
    soap: Option<soap::Soap>,
    /// The same API for what REST has no counterpart of: purging rows from the recycle bin.
    bin: soap::Soap,
    /// Results of bulk reads under way.
    chunks: Mutex<Vec<Arc<bulk::Chunk>>>,
    /// Streams of changes, where the org tells of them.
    pubsub: Option<cdc::PubSub>,
    /// This connector itself, for what goes on in the background.
    me: Weak<Self>,
    described: Mutex<BTreeMap<String, Arc<Described>>>,
    /// What is known of tasks and events beside.
    halves: activities::Halves,
    /// Values of picklists by record type.
    lists: Mutex<lists::Kept>,
    /// The org's currencies.
    currencies: Mutex<currency::Kept>,
    actors: Actors,
    /// Names of the org's users.
    names: people::Names,
    /// What the org's outbound messages carry.
    carried: Mutex<carried::Kept>,
    /// When to read the org's users again.
    people_due: Mutex<Option<Timestamp>>,
    /// When users may be asked for by their ids again, after the org would not answer.
    strangers_due: Mutex<Option<Timestamp>>,
    identity: OnceCell<Identity>,
}

/// Builds the connector; makes no call.
///
/// # Errors
/// When the settings do not fit Salesforce; the error names the setting.
pub fn build(mut settings: ConnectionSettings, surroundings: Surroundings) -> Result<Arc<dyn Connector>, SetupError> {
    let wrong = |reason: &str, remedy: &str| {
        Err(SetupError { connection: settings.name.clone(), reason: reason.to_owned(), remedy: remedy.to_owned() })
    };
    let host = settings.base_url.host_str().unwrap_or_default();
    if host.ends_with(".lightning.force.com") {
        return wrong(
            "`base_url` is a Lightning address, which refuses API calls",
            "use the My Domain address, https://NAME.my.salesforce.com",
        );
    }
    match &settings.auth {
        Auth::ApiToken { .. } | Auth::AccessToken { .. } => {
            return wrong("Salesforce has no API tokens", "use `client_credentials`, `jwt_bearer`, `refresh_token` or `password`");
        }
        Auth::ClientCredentials { .. }
            if matches!(
                settings.login_url.as_ref().unwrap_or(&settings.base_url).host_str(),
                Some("login.salesforce.com" | "test.salesforce.com")
            ) =>
        {
            return wrong("client credentials do not work at login or test.salesforce.com", "set `login_url` to the My Domain address");
        }
        _ => {}
    }
    let speaks_soap = settings.salesforce.api == SalesforceApi::Soap;
    let oldest = if speaks_soap { OLDEST_SOAP } else { OLDEST_REST };
    let version = settings.api_version.as_deref().unwrap_or(DEFAULT_VERSION).trim_start_matches('v').to_owned();
    if !version
        .split_once('.')
        .is_some_and(|(major, minor)| major.parse::<u32>().is_ok_and(|major| major >= oldest) && minor.parse::<u32>().is_ok())
    {
        return wrong(&format!("`api_version` is not a Salesforce version from {oldest}.0 on"), "write it as in `62.0`, or leave it out");
    }
    let (dialect, own) = dialect::SalesforceDialect::new(&mut settings, &version)?;
    let soap = if speaks_soap { Some(soap::Soap::new(&settings, &version, &own)?) } else { None };
    let bin = soap::Soap::new(&settings, &version, &[])?;
    let actors = Actors::new(&settings.actors, ids::to_18);
    let pubsub = pubsub(&settings)?;
    let spec = if speaks_soap { &SOAP_SPEC } else { &SPEC };
    let client = Client::new(settings, surroundings, spec, Arc::new(dialect))?;
    Ok(Arc::new_cyclic(|me| Salesforce {
        client,
        root: format!("/services/data/v{version}"),
        bundler: bundle::Bundler::default(),
        soap,
        bin,
        chunks: Mutex::default(),
        pubsub,
        me: me.clone(),
        described: Mutex::new(BTreeMap::new()),
        halves: activities::Halves::default(),
        lists: Mutex::default(),
        currencies: Mutex::default(),
        actors,
        names: people::Names::default(),
        carried: Mutex::default(),
        people_due: Mutex::default(),
        strangers_due: Mutex::default(),
        identity: OnceCell::new(),
    }))
}

/// The streams of changes that a connection listens to. By itself one listens where the vendor is spoken to directly: the Pub/Sub API has a
/// host of its own, which a gateway or proxy for the REST API does not reach.
fn pubsub(settings: &ConnectionSettings) -> Result<Option<cdc::PubSub>, SetupError> {
    let wrong = |reason: String, remedy: &str| SetupError { connection: settings.name.clone(), reason, remedy: remedy.to_owned() };
    let of = &settings.salesforce;
    let direct = settings.proxy.is_none()
        && settings.follow_instance_url
        && settings.headers.is_empty()
        && settings.base_url.host_str().is_some_and(|host| host.ends_with(".salesforce.com"));
    let listens = match of.changes {
        Changes::Cdc => true,
        Changes::Auto => direct || of.pubsub_url.is_some(),
        Changes::Outbound | Changes::Poll => false,
    };
    if !listens {
        return Ok(None);
    }
    if settings.proxy.is_some() {
        return Err(wrong(
            "the Pub/Sub API is not reached through `proxy`".to_owned(),
            "set `salesforce.changes` to `outbound` or `poll`, or take `proxy` out",
        ));
    }
    let address = match &of.pubsub_url {
        Some(url) => url.clone(),
        None => url::Url::parse(PUBSUB_URL).map_err(|error| wrong(format!("`salesforce.pubsub_url`: {error}"), "name the address"))?,
    };
    let remedy = "write it like https://api.pubsub.salesforce.com:7443";
    cdc::PubSub::new(&address, of.changes == Changes::Cdc)
        .map(Some)
        .map_err(|reason| wrong(format!("`salesforce.pubsub_url`: {reason}"), remedy))
}

impl Salesforce {
    /// The schema of an object, from the cache if it has every one of `fields`.
    async fn described(&self, object: &str, fields: &[String], priority: Priority) -> Result<Arc<Described>, VendorError> {
        let cached = self.cached(object);
        match cached {
            Some(described) if fields.iter().all(|field| described.knows(field)) => Ok(described),
            _ => self.describe_now(object, priority).await,
        }
    }

    /// The schema of an object as the cache has it.
    fn cached(&self, object: &str) -> Option<Arc<Described>> {
        self.described.lock().unwrap_or_else(PoisonError::into_inner).get(object).cloned()
    }

    async fn describe_now(&self, object: &str, priority: Priority) -> Result<Arc<Described>, VendorError> {
        let path = format!("{}/sobjects/{}/describe", self.root, soql::name(object)?);
        let answer: Result<wire::DescribeAnswer, VendorError> = match &self.soap {
            Some(soap) => self.soap_describe(soap, object, priority).await,
            None => self.client.call("describe", priority, Call::get(path)).await.and_then(|answer| answer.json()),
        };
        let answer = answer.map_err(|error| match error.code.as_str() {
            // Of a row this would mean "look again"; of a whole object it is a matter of names or permissions.
            "NOT_FOUND" => VendorError {
                class: Class::Configuration,
                message: format!("there is no object `{object}`, or our user may not see it"),
                advice: "correct the object's name in the mapping, or give our user access to the object",
                ..error
            },
            _ => error,
        })?;
        let described = Arc::new(Described::new(answer));
        self.described.lock().unwrap_or_else(PoisonError::into_inner).insert(object.to_owned(), Arc::clone(&described));
        Ok(described)
    }

    /// Forgets an object's schema when the vendor's refusal says that it has changed. Passes the error on.
    fn notice(&self, object: &str, error: VendorError) -> VendorError {
        if matches!(
            error.code.as_str(),
            "INVALID_FIELD" | "INVALID_FIELD_FOR_INSERT_UPDATE" | "INVALID_TYPE" | "INVALID_TYPE_ON_FIELD_IN_RECORD"
        ) {
            self.described.lock().unwrap_or_else(PoisonError::into_inner).remove(object);
        }
        error
    }

    /// Who we are, asked once.
    async fn identity(&self, priority: Priority) -> Result<&Identity, VendorError> {
        self.identity.get_or_try_init(|| self.ask_identity(priority)).await
    }

    async fn ask_identity(&self, priority: Priority) -> Result<Identity, VendorError> {
        if let Some(soap) = &self.soap {
            return self.soap_identity(soap, priority).await;
        }
        let answer = self.client.call("userinfo", priority, Call::get("/services/oauth2/userinfo").accept(&[403, 404])).await?;
        if answer.status == 200 {
            let info: wire::UserInfo = answer.json()?;
            return Ok(Identity {
                user_id: ids::to_18(&info.user_id),
                user: info.preferred_username.or(info.email).or(info.name).unwrap_or_default(),
                organization: ids::to_18(&info.organization_id),
            });
        }
        // The token's scopes do not include `id`: the organisation can be queried, and the user by the name we signed in with.
        let organizations = self.query(wire::QueryKind::Live, "SELECT Id FROM Organization", priority).await?;
        let organization = organizations.first().and_then(|row| wire::text(row, "Id")).unwrap_or_default();
        let Auth::JwtBearer { username, .. } = &self.client.settings().auth else {
            return Ok(Identity { user_id: String::new(), user: String::new(), organization });
        };
        let users = self
            .query(wire::QueryKind::Live, &format!("SELECT Id FROM User WHERE Username = {}", soql::literal(username)), priority)
            .await?;
        let user_id = users.first().and_then(|row| wire::text(row, "Id")).unwrap_or_default();
        Ok(Identity { user_id, user: username.clone(), organization })
    }
}

#[async_trait]
impl Connector for Salesforce {
    fn spec(&self) -> &'static Spec {
        if self.soap.is_some() { &SOAP_SPEC } else { &SPEC }
    }

    async fn check(&self) -> Result<Identity, VendorError> {
        let identity = self.ask_identity(Priority::Urgent).await?;
        // Keeps the first answer; the identity of a connection does not change while it lives.
        Ok(self.identity.get_or_init(|| async { identity }).await.clone())
    }

    async fn granted(&self) -> Result<Granted, VendorError> {
        self.granted_scopes().await
    }

    async fn describe(&self, object: &str) -> Result<RemoteObject, VendorError> {
        if object == ACTIVITY {
            return self.describe_activities(Priority::Update).await;
        }
        let described = self.describe_now(object, Priority::Update).await?;
        Ok(RemoteObject { lists: self.all_lists(object, &described).await, ..described.object.clone() })
    }

    async fn page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        self.know_people(priority).await;
        self.note_asked(&read.object, &read.fields);
        let page = if read.object == ACTIVITY {
            self.activity_page(read, cursor, priority).await?
        } else {
            self.read_page(read, &read.object, cursor, priority).await.map_err(|error| self.notice(&read.object, error))?
        };
        page.looks.iter().for_each(|look| self.names.learn_from(&look.row));
        Ok(page)
    }

    async fn present(&self, read: &ReadSpec) -> Result<Cursor, VendorError> {
        let now = match &self.soap {
            Some(soap) => self.soap_present(soap, Priority::Update).await?,
            // The list of versions needs no quota, and its `Date` header is the server's clock.
            None => self.server_time(&self.client.call("versions", Priority::Update, Call::get("/services/data")).await?),
        };
        let present = cursor::Position::at(now).to_text();
        Ok(if read.object == ACTIVITY { activities::from_present(&present) } else { present })
    }

    async fn fetch(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        self.know_messages(priority).await;
        self.note_asked(&read.object, &read.fields);
        let looks = if read.object == ACTIVITY {
            self.fetch_activities(read, ids, priority).await?
        } else {
            self.fetch_rows(read, ids, priority).await.map_err(|error| self.notice(&read.object, error))?
        };
        looks.iter().for_each(|look| self.names.learn_from(&look.row));
        Ok(looks)
    }

    async fn find(&self, read: &ReadSpec, questions: &[Find], key_field: &str, priority: Priority) -> Result<Vec<Vec<Look>>, VendorError> {
        if read.object == ACTIVITY {
            // Entente makes none, and nothing about them is recognised by an address, a number or a name.
            return Ok(questions.iter().map(|_| Vec::new()).collect());
        }
        let found = self.find_rows(read, questions, key_field, priority).await.map_err(|error| self.notice(&read.object, error));
        discreet_find(questions, found)
    }

    fn merges(&self, object: &str) -> bool {
        merge::MERGED.contains(&object)
    }

    async fn merge(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        self.merge_rows(merge, priority).await
    }

    async fn write(&self, target: &WriteTarget, writes: &[Write], priority: Priority) -> Result<Vec<WriteOutcome>, VendorError> {
        if target.object == ACTIVITY {
            return Err(activities::only_read());
        }
        let outcomes = self.write_rows(target, writes, priority).await.map_err(|error| self.notice(&target.object, error));
        discreet(writes, outcomes)
    }

    async fn erase(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        self.erase_row(erase, priority).await
    }

    fn open(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError> {
        self.open_message(incoming, path_secret, now)
    }

    fn told_by(&self, field: &str) -> Option<String> {
        Some(field.split_once('.').map_or_else(|| field.to_owned(), |(parent, _)| reference_of(parent)))
    }

    fn told_as(&self, object: &str, fields: &[String]) -> Vec<(String, Vec<String>)> {
        activities::tellers(object, fields, |field| self.told_by(field))
    }

    fn same_row(&self, from: &str, to: &str, id: &str) -> Option<String> {
        activities::same_row(from, to, id)
    }

    fn receipt(&self) -> Receipt {
        webhook::RECEIPT
    }

    async fn create_field(&self, field: &NewField) -> Result<(), VendorError> {
        self.provision_field(field).await
    }

    fn reads(&self, object: &str, fields: &[String]) {
        self.note_asked(object, fields);
    }

    async fn subscribe(&self, url: &str, objects: &[String]) -> Result<Option<Secret>, VendorError> {
        self.make_messages(url, objects).await.map(|()| None)
    }

    async fn subscribed(&self, url: &str, objects: &[String]) -> Result<Subscribed, VendorError> {
        self.messages_there(url, objects).await
    }

    async fn offers(&self) -> Result<Vec<Offer>, VendorError> {
        let mut offers = self.approval_processes(Priority::Urgent).await?;
        offers.extend(self.flows(Priority::Urgent).await?);
        Ok(offers)
    }

    async fn act(&self, target: Option<&Target>, action: &Action) -> Result<Acted, VendorError> {
        match (action, target) {
            (Action::Run { flow, inputs }, target) => self.run_flow(target, flow, inputs, Priority::Urgent).await,
            (action, Some(target)) => self.decide_approval(target, action, Priority::Urgent).await,
            (_, None) => Err(VendorError::new(
                Class::Data,
                "no_row",
                "an approval is about a row, and none was named",
                "name the record that is to be approved",
            )),
        }
    }

    async fn waiting(&self, target: &Target) -> Result<Vec<Waiting>, VendorError> {
        self.waiting_approvals(target, Priority::Urgent).await
    }

    async fn rates(&self) -> Result<Vec<CurrencyRate>, VendorError> {
        match self.currencies(Priority::Urgent).await {
            Ok(currencies) => Ok(currencies.to_vec()),
            // The org has one currency alone.
            Err(error) if error.code == "INVALID_TYPE" => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn stirred(&self) -> Vec<String> {
        self.pubsub.as_ref().map(cdc::PubSub::stirred).unwrap_or_default()
    }

    async fn stir(&self) {
        match &self.pubsub {
            Some(pubsub) => pubsub.stir().await,
            None => std::future::pending().await,
        }
    }

    async fn try_streams(&self, objects: &[String]) -> Vec<Tried> {
        match &self.pubsub {
            Some(pubsub) => self.try_pubsub(pubsub, objects).await,
            None => Vec::new(),
        }
    }

    fn bulk_rows(&self) -> Option<usize> {
        self.soap.is_none().then_some(bulk::rule::BATCH_ROWS)
    }

    fn user_name(&self, user: &str) -> Option<String> {
        self.names.of(&ids::to_18(user), "Name").and_then(|name| name.as_str().map(str::to_owned))
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
