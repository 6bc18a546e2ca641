//! The contract of a connector. An ability that a platform lacks is an error that says so, never a silent success.

use std::time::Duration;

use async_trait::async_trait;
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteField, RemoteObject};

use crate::action::{self, Acted, Action, CurrencyRate, Offer, Target, Waiting};
use crate::erase::{Erase, Erased, by_writes};
use crate::error::{Class, VendorError};
use crate::look::{Cursor, Find, Histories, Look, Page, ReadSpec};
use crate::merge::{self, Merge};
use crate::scopes::Granted;
use crate::spec::Spec;
use crate::transport::offset::Offset;
use crate::webhook::{Delivery, Incoming, Receipt, Subscribed, WebhookError};
use crate::write::{Write, WriteOutcome, WriteTarget};

/// How urgent a call is: a scarce budget serves the lower numbers first and keeps a reserve for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// New customers and what a person waits for.
    Urgent = 0,
    /// Updates of linked records.
    Update = 1,
    /// Activities and context.
    Activity = 2,
    /// Backfill, polls, reconciliation.
    Backfill = 3,
}

/// Who we are at the vendor, as a check of the credentials shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The vendor's id of our user.
    pub user_id: String,
    /// Name or e-mail of that user.
    pub user: String,
    /// The vendor's id of the organisation or account.
    pub organization: String,
}

/// What is left of a vendor's quota, from its live headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Calls allowed in the window.
    pub limit: Option<u64>,
    /// Calls left in the window.
    pub remaining: Option<u64>,
    /// Length of the window.
    pub window: Option<Duration>,
    /// When calls are possible again, while none are.
    pub blocked_until: Option<Timestamp>,
}

/// Counts of one connection since start. Times are sums, to be divided by `calls`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallCounts {
    /// Calls made, refused ones included.
    pub calls: u64,
    /// Calls that failed (no answer, or status 400 and above).
    pub failed: u64,
    /// Calls refused for pace (429 and its like).
    pub limited: u64,
    /// Milliseconds from sending to the full answer, summed.
    pub ms: u64,
    /// Calls by kind of endpoint (`query`, `collections`, `update_many`, ...).
    pub by_kind: std::collections::BTreeMap<&'static str, u64>,
}

/// A remote field to create, for `provision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewField {
    /// The platform's name of the object.
    pub object: String,
    /// What the field should be.
    pub field: RemoteField,
}

/// Code of the error that an object does not exist: it may be made by [`Connector::create_object`].
pub const NO_OBJECT: &str = "no_object";

/// A remote object to create, for `provision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewObject {
    /// The platform's name of it.
    pub object: String,
    /// Name that people read, singular.
    pub label: String,
    /// The fields that it must have; the unique one is the key.
    pub fields: Vec<RemoteField>,
}

/// A stream of changes that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The stream, as people call it.
    pub stream: String,
    /// Whether polls see to changes without a word where it cannot be read, because nobody insisted on the stream.
    pub is_optional: bool,
    /// What came of it.
    pub outcome: Result<(), VendorError>,
}

/// A group of agents at a support desk, who are given tickets together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The vendor's id.
    pub id: String,
    /// Name as people read it there.
    pub name: String,
}

/// Speaks to one account of one platform. Cheap to share; every method may be called concurrently.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The platform's facts.
    fn spec(&self) -> &'static Spec;

    /// Signs in if need be and asks the vendor who we are.
    async fn check(&self) -> Result<Identity, VendorError>;

    /// What was granted to this connection, as far as the platform tells.
    async fn granted(&self) -> Result<Granted, VendorError> {
        Ok(Granted::Unknown("the platform does not tell"))
    }

    /// Reads the schema of an object.
    async fn describe(&self, object: &str) -> Result<RemoteObject, VendorError>;

    /// Reads the next page of changed rows; without a cursor, of all rows. Deletions and merges come along where the platform tells.
    async fn page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError>;

    /// Where a first read begins that may lean on an index of the platform, if that needs fewer calls than reading from the start. Rows that the
    /// index does not show yet come with the polls behind it. Whoever concludes something from a row's absence reads without it.
    fn first_read_from(&self, read: &ReadSpec) -> Option<Cursor> {
        let _ = read;
        None
    }

    /// A cursor that stands at the vendor's present: a poll from it sees only what changes from now on.
    async fn present(&self, read: &ReadSpec) -> Result<Cursor, VendorError>;

    /// Reads rows by id, at most [`Spec::fetch_max`]. A row that cannot be found comes back as deleted.
    async fn fetch(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError>;

    /// Finds rows, at most 100 questions. One answer per question, empty when there is none.
    async fn find(&self, read: &ReadSpec, questions: &[Find], key_field: &str, priority: Priority) -> Result<Vec<Vec<Look>>, VendorError>;

    /// Writes rows of one kind of write, at most [`Spec::write_max`]. `Err` means the whole call failed and none is known to have landed.
    async fn write(&self, target: &WriteTarget, writes: &[Write], priority: Priority) -> Result<Vec<WriteOutcome>, VendorError>;

    /// Erases a person's row. A row that is gone already is erased. What the platform keeps all the same is named in the answer. Without means
    /// of its own, a platform is written to: its row is blanked, and deleted if it is to go.
    async fn erase(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        by_writes(self, erase, priority).await
    }

    /// Whether two rows of an object can be merged over the API.
    fn merges(&self, object: &str) -> bool {
        let _ = object;
        false
    }

    /// Merges two rows at the platform: one ends, and what hangs on it goes over to the one that stays. The platform cannot take it back.
    async fn merge(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        let _ = priority;
        Err(merge::none(self.spec(), &merge.object))
    }

    /// Verifies a webhook and takes it apart. Makes no call. `now` bounds the age of signatures.
    fn open(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError>;

    /// The field that an event is made to carry so that it tells a field that is read: itself, or, of a parent's field, what refers to the
    /// parent. `None`: events do not carry it.
    fn told_by(&self, field: &str) -> Option<String> {
        (!field.contains('.')).then(|| field.to_owned())
    }

    /// The platform's own objects, each with the fields that its events are to carry, so that a read of these fields of an object is told of:
    /// the object itself, unless it stands for several.
    fn told_as(&self, object: &str, fields: &[String]) -> Vec<(String, Vec<String>)> {
        vec![(object.to_owned(), fields.iter().filter_map(|field| self.told_by(field)).collect())]
    }

    /// The id that a row of one object has at another one, where both show that row: an object may stand for several. `None`: it is no row there.
    /// A mapping that moves from the one to the other takes along what is known of such rows.
    fn same_row(&self, from: &str, to: &str, id: &str) -> Option<String> {
        let (_, _, _) = (from, to, id);
        None
    }

    /// What to answer a webhook that was kept.
    fn receipt(&self) -> Receipt;

    /// Verifies a call by which the vendor says that our app was removed at its customer's, and lets go of the session that ended with it.
    /// Answers what every call is refused with from now on; nothing where another installation of the same app was removed. A platform that
    /// makes no such call verifies none.
    async fn removed(&self, call: &Incoming) -> Result<Option<VendorError>, WebhookError> {
        let _ = call;
        Err(WebhookError::Unverified {
            reason: format!("{} does not say here that an app was removed", self.spec().label),
            remedy: "nothing to do: refused credentials are noticed at the next call",
        })
    }

    /// Creates a field and makes it visible to our user.
    async fn create_field(&self, field: &NewField) -> Result<(), VendorError>;

    /// Creates an object that the platform does not have by itself.
    async fn create_object(&self, object: &NewObject) -> Result<(), VendorError> {
        Err(VendorError::new(
            Class::Configuration,
            NO_OBJECT,
            format!("Entente cannot make objects such as `{}` at {}", object.object, self.spec().label),
            "make the object at the platform, or take the mapping out",
        ))
    }

    /// The groups of agents there are. They are kept; `fresh` asks the vendor again.
    async fn groups(&self, fresh: bool) -> Result<Vec<Group>, VendorError> {
        let _ = fresh;
        Err(VendorError::new(
            Class::Configuration,
            "no_groups",
            format!("{} has no groups of agents", self.spec().label),
            "route tiers at a support desk that has groups",
        ))
    }

    /// Says which fields of an object are read, so that messages whose fields one chooses can be made to carry them.
    fn reads(&self, object: &str, fields: &[String]) {
        let (_, _) = (object, fields);
    }

    /// Makes the vendor send webhooks for these objects to `url`, unless it does already. Returns the signing secret if there is one.
    async fn subscribe(&self, url: &str, objects: &[String]) -> Result<Option<crate::settings::Secret>, VendorError>;

    /// Whether the vendor sends webhooks for these objects to `url` now, or what a person does so that it will.
    async fn subscribed(&self, url: &str, objects: &[String]) -> Result<Subscribed, VendorError>;

    /// Objects of which the platform itself has told that something changed: their next poll reads it, and is worth making at once.
    fn stirred(&self) -> Vec<String> {
        Vec::new()
    }

    /// Waits until [`Connector::stirred`] may have something; for ever at platforms that tell nothing.
    async fn stir(&self) {
        std::future::pending().await
    }

    /// Tries the platform's own stream of changes as far as this connection reads one: for each of these objects where the platform has a stream
    /// for each, else the stream as a whole. Empty: it reads none. Whatever a try opens, it closes.
    async fn try_streams(&self, objects: &[String]) -> Vec<Tried> {
        let _ = objects;
        Vec::new()
    }

    /// Rows of one kind that one write may carry beyond [`Spec::write_max`], because the platform takes that many as one job; `None` where it
    /// has no such jobs. Whether a job is cheaper for the rows at hand is the connector's to decide.
    fn bulk_rows(&self) -> Option<usize> {
        None
    }

    /// What can be asked for beside writing rows: approval processes, and flows.
    async fn offers(&self) -> Result<Vec<Offer>, VendorError> {
        Err(action::none(self.spec()))
    }

    /// Does what is asked for, with a row where it is about one.
    async fn act(&self, target: Option<&Target>, action: &Action) -> Result<Acted, VendorError> {
        let (_, _) = (target, action);
        Err(action::none(self.spec()))
    }

    /// The approvals of a row that wait for somebody.
    async fn waiting(&self, target: &Target) -> Result<Vec<Waiting>, VendorError> {
        let _ = target;
        Err(action::none(self.spec()))
    }

    /// The account's currencies with their rates; none where it has one alone.
    async fn rates(&self) -> Result<Vec<CurrencyRate>, VendorError> {
        Err(VendorError::new(
            Class::Configuration,
            "no_rates",
            format!("{} tells no rates of currencies here", self.spec().label),
            "look them up at the platform",
        ))
    }

    /// Whether the platform tells of each field of an object who changed it and when, beside what its rows say as a whole.
    fn tells_hands(&self, object: &str) -> bool {
        let _ = object;
        false
    }

    /// Who entered the values of fields of rows, and when, by the rows' ids. What the platform keeps nothing of is left out.
    async fn histories(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Histories, VendorError> {
        let (_, _, _) = (read, ids, priority);
        Ok(Histories::new())
    }

    /// Lets go of names that stand in lists of their own (agents, teams, stages), which no row's stamp tells of: the next read that shows one asks for
    /// them as they are then. Makes no call.
    async fn forget_names(&self) {}

    /// What people call a user of the platform: a name, or an address; `None` where it is not known. Makes no call.
    fn user_name(&self, user: &str) -> Option<String> {
        let _ = user;
        None
    }

    /// What is left of the quota.
    fn budget(&self) -> Budget;

    /// Calls made since start.
    fn counts(&self) -> CallCounts;

    /// The vendor's clock, as its answers prove it; `None` where its times are not used.
    fn clock(&self) -> Option<&Offset>;

    /// The vendor's clock minus ours, in milliseconds, as measured from its answers; `None` before the first.
    fn clock_offset_ms(&self) -> Option<i64> {
        self.clock()?.measured()
    }
}
