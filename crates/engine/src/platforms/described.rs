//! A platform as it is shown: its facts, and its capabilities by object.

use entente_connect::capability::{Capabilities, Concurrency, Detection, EVERY, Happening, Key, Limit};
use entente_connect::spec::Spec;
use entente_model::mapping::Role;
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::Engine;

/// One platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlatformDescribed {
    /// Name (`salesforce`); the connection's, where a description makes the platform.
    pub key: String,
    /// Name that people read.
    pub label: String,
    /// The part it usually plays.
    #[schema(value_type = String)]
    pub role: Role,
    /// Connections to it.
    pub connections: Vec<String>,
    /// Rows of one object that are written in one go at most, whatever the object; how many calls of the platform that takes is its connector's to know.
    pub write_rows: usize,
    /// Rows of one object that are fetched in one go at most, whatever the object; how many calls of the platform that takes is its connector's to know.
    pub fetch_rows: usize,
    /// Calls that may be in flight at once.
    pub concurrent_calls: usize,
    /// Whether calls for several objects that are asked for at the same moment travel as one.
    pub shares_calls: bool,
    /// How far a poll goes back behind its cursor, in seconds.
    pub overlap_seconds: u64,
    /// Whether access ends by itself and is renewed, with some of the credentials it takes.
    pub renews_access: bool,
    /// What it can do, by object; `*` is every one that is not named.
    pub objects: Vec<ObjectDescribed>,
    /// How much may be asked of it, as it documents.
    pub limits: Vec<LimitDescribed>,
}

/// What a platform can do with an object. What is null it cannot do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ObjectDescribed {
    /// The platform's name of the object, or `*`.
    pub object: String,
    /// Rows of a page of a complete read.
    pub page_rows: u32,
    /// How a creation that is repeated is kept from making a twin: `upsert`, `unique` or `look_up`.
    #[schema(value_type = Option<String>)]
    pub key: Option<Key>,
    /// What keeps an update from overwriting a change that it did not know of: `precondition`, `precondition_by_second` or `look_first`.
    #[schema(value_type = Option<String>)]
    pub concurrency: Option<Concurrency>,
    /// By what a change comes to be known.
    pub changes: DetectionDescribed,
    /// By what a deletion does.
    pub deletions: DetectionDescribed,
    /// By what it does that a row was merged, and into which.
    pub merges: DetectionDescribed,
    /// By what it does that a deleted row is back.
    pub restorations: Option<DetectionDescribed>,
    /// What the platform's own messages tell of.
    pub told: Vec<ToldDescribed>,
    /// Rows of which deletions come to be known in another way.
    pub exceptions: Vec<ExceptionDescribed>,
    /// What else whoever maps the object should know.
    pub notes: Vec<String>,
    /// Fields that come to be known in another way.
    pub fields: Vec<FieldRule>,
    /// Whether fields can be created over the API.
    pub creates_fields: bool,
    /// Fields that a row always has a value in, beside those that its description calls required.
    pub never_blank: Vec<String>,
    /// Fields of which no two rows hold one value, beside the key and those that its description calls unique.
    pub unique: Vec<String>,
}

/// By what a kind of change comes to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct DetectionDescribed {
    /// The platform tells by itself.
    pub webhook: bool,
    /// Polls see it, in looks at least so many seconds apart.
    pub poll_seconds: Option<u64>,
    /// A reconciliation sees it.
    pub reconciliation: bool,
}

/// Something that a platform's own messages tell of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ToldDescribed {
    /// What happened: `created`, `changed`, `deleted`, `merged` or `restored`.
    #[schema(value_type = String)]
    pub what: Happening,
    /// The platform's names of these messages; `*` for those that have none, or as many as there are changes.
    pub by: Vec<String>,
}

/// Rows among an object's of which deletions come to be known in another way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExceptionDescribed {
    /// What they are called at the platform.
    pub rows: String,
    /// By what their deletion comes to be known.
    pub deletions: DetectionDescribed,
}

/// Fields that come to be known in another way than their object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldRule {
    /// Name, the beginning of names before a `*`, or `*.*` for every name with a dot in it.
    pub field: String,
    /// By what.
    pub changes: DetectionDescribed,
}

/// A limit of a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LimitDescribed {
    /// What is counted.
    pub what: String,
    /// How many.
    pub amount: u64,
    /// Within so many seconds.
    pub seconds: u64,
}

impl From<Detection> for DetectionDescribed {
    fn from(detection: Detection) -> Self {
        Self {
            webhook: detection.webhook,
            poll_seconds: detection.poll.map(|least| least.as_secs()),
            reconciliation: detection.reconciliation,
        }
    }
}

impl DetectionDescribed {
    /// In a word or two: `webhook, poll`.
    #[must_use]
    pub fn words(self) -> String {
        let mut words = Vec::new();
        if self.webhook {
            words.push("webhook".to_owned());
        }
        match self.poll_seconds {
            Some(0) => words.push("poll".to_owned()),
            Some(seconds) => words.push(format!("poll every {} min", seconds.div_ceil(60))),
            None if self.reconciliation => words.push("reconciliation".to_owned()),
            None => {}
        }
        if words.is_empty() { "never".to_owned() } else { words.join(", ") }
    }
}

impl ObjectDescribed {
    fn of(known: &Capabilities) -> Self {
        Self {
            object: known.object.to_owned(),
            page_rows: known.page_rows,
            key: known.key,
            concurrency: known.concurrency,
            told: known
                .told
                .iter()
                .map(|told| ToldDescribed { what: told.what, by: told.by.iter().map(|name| (*name).to_owned()).collect() })
                .collect(),
            changes: known.seen(Happening::Changed).into(),
            deletions: known.seen(Happening::Deleted).into(),
            merges: known.seen(Happening::Merged).into(),
            restorations: known.restorations.map(|_| known.seen(Happening::Restored).into()),
            exceptions: known
                .exceptions
                .iter()
                .map(|one| ExceptionDescribed { rows: one.rows.to_owned(), deletions: one.deletions.into() })
                .collect(),
            notes: known.notes.iter().map(|note| (*note).to_owned()).collect(),
            fields: known.fields.iter().map(|(field, how)| FieldRule { field: (*field).to_owned(), changes: (*how).into() }).collect(),
            creates_fields: known.creates_fields,
            never_blank: known.never_blank.iter().map(|field| (*field).to_owned()).collect(),
            unique: known.unique.iter().map(|unique| unique.field.to_owned()).collect(),
        }
    }

    /// Whether it stands for every object that is not named.
    #[must_use]
    pub fn is_every(&self) -> bool {
        self.object == EVERY
    }
}

impl PlatformDescribed {
    /// A platform by its facts.
    #[must_use]
    pub fn of(spec: &Spec, engine: Option<&Engine>) -> Self {
        let connections = engine.into_iter().flat_map(|engine| engine.connections().values());
        Self {
            key: spec.key.to_owned(),
            label: spec.label.to_owned(),
            role: spec.role,
            connections: connections.filter(|known| known.settings.platform == spec.key).map(|known| known.name.clone()).collect(),
            write_rows: spec.write_max,
            fetch_rows: spec.fetch_max,
            concurrent_calls: spec.concurrency,
            shares_calls: spec.shares_calls,
            overlap_seconds: spec.overlap.as_secs(),
            renews_access: spec.renews_access,
            objects: spec.objects.iter().map(ObjectDescribed::of).collect(),
            limits: spec
                .limits
                .iter()
                .map(|Limit { what, amount, seconds }| LimitDescribed { what: (*what).to_owned(), amount: *amount, seconds: *seconds })
                .collect(),
        }
    }
}
