//! What a platform can do with its objects, as data. What it cannot do is `None`, and asking for it all the same is an error that says so.

use std::time::Duration;

use serde::Serialize;

use crate::look::Find;

/// What a platform can do with one of its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The platform's name of the object; [`EVERY`] stands for all that are not named.
    pub object: &'static str,
    /// Rows of a page of a complete read, at most.
    pub page_rows: u32,
    /// Calls that come along with a complete read beside its pages.
    pub page_extra: u32,
    /// Objects of the platform that this one is put together of, each read in pages of its own.
    pub parts: u32,
    /// How a creation that is repeated is kept from making a twin; `None` where we create no rows.
    pub key: Option<Key>,
    /// What keeps an update from overwriting a change that it did not know of; `None` where nothing does.
    pub concurrency: Option<Concurrency>,
    /// What the platform's own messages tell of its rows. What none of them tells is found by asking, or never.
    pub told: &'static [Told],
    /// By what a change of a row is found by whoever asks, unless `fields` says otherwise of a field.
    pub changes: Found,
    /// By what a deletion is.
    pub deletions: Found,
    /// By what it is that a row was merged, and into which one.
    pub merges: Found,
    /// By what it is that a deleted row is back; `None` where nothing ever comes back.
    pub restorations: Option<Found>,
    /// Rows among the object's of which something comes to be known otherwise.
    pub exceptions: &'static [Exception],
    /// What else whoever maps the object should know, in sentences: rows that no list shows, writes that a state of a row rules out.
    pub notes: &'static [&'static str],
    /// Fields that come to be known in another way: a name, the beginning of names before a `*`, or [`DOTTED`].
    pub fields: &'static [(&'static str, Detection)],
    /// By what a change of a field comes to be known that the platform computes, where its description says so.
    pub derived: Detection,
    /// Whether fields can be created over the API.
    pub creates_fields: bool,
    /// Fields that a row always has a value in, beside those that its description calls required: taking it away is refused, or puts one of
    /// the platform's own in its place.
    pub never_blank: &'static [&'static str],
    /// Fields of which no two rows hold one value, beside the key and those that its description calls unique: a second row is refused it.
    pub unique: &'static [Unique],
}

/// A field of which no two rows of an object hold one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unique {
    /// The platform's name of the field.
    pub field: &'static str,
    /// How the platform is asked who holds a value; `None` where no question that it takes is about that field.
    pub asked: Option<Lookup>,
}

/// What a platform is asked by to learn who holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lookup {
    /// [`Find::Email`].
    Email,
    /// [`Find::Name`].
    Name,
}

impl Lookup {
    /// The question who holds a value.
    #[must_use]
    pub fn question(self, value: &str) -> Find {
        match self {
            Self::Email => Find::Email(value.to_owned()),
            Self::Name => Find::Name(value.to_owned()),
        }
    }
}

/// Name that stands for every object which is not named itself.
pub const EVERY: &str = "*";

/// Pattern that stands for every name with a dot in it: what is read of another row than the one at hand.
pub const DOTTED: &str = "*.*";

/// How a creation that is repeated is kept from making a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The platform's own upsert by a unique field.
    Upsert,
    /// A unique field: a second creation is refused, and the first one's row taken.
    Unique,
    /// A field that is not unique: it is looked for before each creation.
    LookUp,
}

/// What keeps an update from overwriting a change that it did not know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Concurrency {
    /// The platform refuses the write if the row has moved on.
    Precondition,
    /// The same, as far as whole seconds tell: two changes of one second have one stamp. Many rows at once need not have it at all.
    PreconditionBySecond,
    /// The row's stamp is looked at right before it is written; a race of about a second remains.
    LookFirst,
}

/// What may happen to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// Somebody made it.
    Created,
    /// Somebody changed it.
    Changed,
    /// Somebody deleted it.
    Deleted,
    /// Somebody merged it into another one.
    Merged,
    /// Somebody brought it back.
    Restored,
}

impl Happening {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Created, Self::Changed, Self::Deleted, Self::Merged, Self::Restored];
}

/// Something that a platform's own messages tell of the rows of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// What they tell.
    pub what: Happening,
    /// The platform's names of these messages. Where they begin with the object's (`contact.creation`), what stands behind it is enough.
    /// [`EVERY`] stands for messages that have no name, or as many as there are changes.
    pub by: &'static [&'static str],
}

impl Told {
    /// Whether a message of this name tells it.
    #[must_use]
    pub fn is_by(&self, message: &str) -> bool {
        self.by
            .iter()
            .any(|name| *name == EVERY || message.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.')))
    }
}

/// Rows among those of an object of which a deletion comes to be known otherwise than of the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    /// What these rows are called at the platform, plural.
    pub rows: &'static str,
    /// By what a deletion of theirs comes to be known.
    pub deletions: Detection,
}

/// By what a kind of change is found by whoever asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Polls see it, in looks that are at least this far apart, whatever their interval; `None` where they never do.
    pub poll: Option<Duration>,
    /// A complete read sees it.
    pub reconciliation: bool,
}

impl Found {
    /// By polls and complete reads.
    pub const POLL: Self = Self { poll: Some(Duration::ZERO), reconciliation: true };
    /// By complete reads alone.
    pub const RECONCILIATION: Self = Self { poll: None, reconciliation: true };
    /// By nothing.
    pub const NEVER: Self = Self { poll: None, reconciliation: false };

    /// The same, by polls that look at most this often.
    #[must_use]
    pub const fn every(self, pause: Duration) -> Self {
        Self { poll: Some(pause), ..self }
    }

    /// By what it comes to be known, if messages tell it or not.
    #[must_use]
    pub const fn and_told(self, webhook: bool) -> Detection {
        Detection { webhook, poll: self.poll, reconciliation: self.reconciliation }
    }
}

/// By what a kind of change comes to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Detection {
    /// The platform tells by itself.
    pub webhook: bool,
    /// Polls see it, in looks that are at least this far apart, whatever their interval; `None` where they never do.
    #[serde(serialize_with = "seconds")]
    pub poll: Option<Duration>,
    /// A complete read sees it.
    pub reconciliation: bool,
}

fn seconds<S: serde::Serializer>(pause: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    match pause {
        Some(pause) => to.serialize_some(&pause.as_secs()),
        None => to.serialize_none(),
    }
}

impl Detection {
    /// Told, polled and reconciled.
    pub const FULL: Self = Self { webhook: true, poll: Some(Duration::ZERO), reconciliation: true };
    /// Polled and reconciled.
    pub const POLL: Self = Self { webhook: false, ..Self::FULL };
    /// Told and reconciled.
    pub const TOLD: Self = Self { poll: None, ..Self::FULL };
    /// Only reconciled.
    pub const RECONCILIATION: Self = Self { webhook: false, poll: None, reconciliation: true };
    /// Only told: whoever misses it never learns of it.
    pub const ONLY_TOLD: Self = Self { reconciliation: false, ..Self::TOLD };
    /// By nothing.
    pub const NEVER: Self = Self { webhook: false, poll: None, reconciliation: false };

    /// The same, by polls that look at most this often.
    #[must_use]
    pub const fn every(self, pause: Duration) -> Self {
        Self { poll: Some(pause), ..self }
    }

    /// By what sees both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            webhook: self.webhook && other.webhook,
            poll: self.poll.zip(other.poll).map(|(one, another)| one.max(another)),
            reconciliation: self.reconciliation && other.reconciliation,
        }
    }

    /// How long a change may go unseen, under these circumstances.
    #[must_use]
    pub fn staleness(self, heed: &Heed) -> Staleness {
        let polled = self.poll.map(|least| (least.max(heed.poll_interval), Source::Poll));
        let reconciled = heed.reconciliation.filter(|_| self.reconciliation).map(|every| (every, Source::Reconciliation));
        let sure = polled.or(reconciled);
        let told = (self.webhook && heed.webhooks).then_some((heed.webhook_delay, Source::Webhook));
        let usual = told.or(sure);
        Staleness {
            source: usual.map_or(Source::Never, |(_, source)| source),
            usual: usual.map(|(bound, _)| bound),
            at_most: sure.map(|(bound, _)| bound),
        }
    }
}

/// What decides, beside the platform, how soon a change is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heed {
    /// Whether the platform sends us webhooks.
    pub webhooks: bool,
    /// Time that a webhook and what follows take.
    pub webhook_delay: Duration,
    /// Time between polls.
    pub poll_interval: Duration,
    /// Time between complete reads; `None` where there are none by themselves.
    pub reconciliation: Option<Duration>,
}

/// What sees a change first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The platform's own word.
    Webhook,
    /// A poll.
    Poll,
    /// A complete read.
    Reconciliation,
    /// Nothing.
    Never,
}

/// How long a change may go unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staleness {
    /// What sees it first when everything arrives.
    pub source: Source,
    /// How long that takes; `None` is for ever.
    pub usual: Option<Duration>,
    /// How long it takes if a webhook is lost; `None` is for ever.
    pub at_most: Option<Duration>,
}

impl Capabilities {
    /// Whether the platform's own messages tell of something.
    #[must_use]
    pub fn tells(&self, what: Happening) -> bool {
        self.told.iter().any(|told| told.what == what)
    }

    /// Whether a message of this name tells of something.
    #[must_use]
    pub fn is_told_by(&self, what: Happening, message: &str) -> bool {
        self.told.iter().any(|told| told.what == what && told.is_by(message))
    }

    /// By what something that happened to a row comes to be known.
    #[must_use]
    pub fn seen(&self, what: Happening) -> Detection {
        let found = match what {
            Happening::Created | Happening::Changed => self.changes,
            Happening::Deleted => self.deletions,
            Happening::Merged => self.merges,
            Happening::Restored => self.restorations.unwrap_or(Found::NEVER),
        };
        found.and_told(self.tells(what))
    }

    /// By what a change of a field comes to be known; `derived` if the platform computes it from other values.
    #[must_use]
    pub fn of_field(&self, field: &str, derived: bool) -> Detection {
        let named = self.fields.iter().find(|(pattern, _)| match (*pattern, pattern.strip_suffix('*')) {
            (DOTTED, _) => field.contains('.'),
            (_, Some(beginning)) => field.starts_with(beginning),
            (name, None) => field == name,
        });
        let usual = named.map_or_else(|| self.seen(Happening::Changed), |(_, detection)| *detection);
        if derived { usual.and(self.derived) } else { usual }
    }
}

/// A limit of a platform, as its documentation says. What an account really has is read from its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// What is counted.
    pub what: &'static str,
    /// How many.
    pub amount: u64,
    /// Within so many seconds.
    pub seconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEED: Heed = Heed {
        webhooks: true,
        webhook_delay: Duration::from_secs(3),
        poll_interval: Duration::from_secs(900),
        reconciliation: Some(Duration::from_secs(86_400)),
    };

    fn seconds(staleness: Staleness) -> (Source, Option<u64>, Option<u64>) {
        (staleness.source, staleness.usual.map(|usual| usual.as_secs()), staleness.at_most.map(|most| most.as_secs()))
    }

    #[test]
    fn a_bound_follows_from_what_sees_the_change_and_how_often_it_looks() {
        assert_eq!(seconds(Detection::FULL.staleness(&HEED)), (Source::Webhook, Some(3), Some(900)));
        let silent = Heed { webhooks: false, ..HEED };
        assert_eq!(seconds(Detection::FULL.staleness(&silent)), (Source::Poll, Some(900), Some(900)));
        let hourly = Detection::FULL.every(Duration::from_secs(3_600));
        assert_eq!(seconds(hourly.staleness(&HEED)), (Source::Webhook, Some(3), Some(3_600)));
        assert_eq!(seconds(Detection::TOLD.staleness(&HEED)), (Source::Webhook, Some(3), Some(86_400)));
        assert_eq!(seconds(Detection::RECONCILIATION.staleness(&HEED)), (Source::Reconciliation, Some(86_400), Some(86_400)));
        assert_eq!(seconds(Detection::ONLY_TOLD.staleness(&HEED)), (Source::Webhook, Some(3), None));
        let never = Heed { reconciliation: None, ..HEED };
        assert_eq!(seconds(Detection::RECONCILIATION.staleness(&never)), (Source::Never, None, None));
        assert_eq!(seconds(Detection::NEVER.staleness(&HEED)), (Source::Never, None, None));
    }

    #[test]
    fn what_belongs_to_another_row_or_is_computed_is_seen_by_less() {
        let known = Capabilities {
            object: EVERY,
            page_rows: 100,
            page_extra: 0,
            parts: 1,
            key: None,
            concurrency: None,
            told: &[Told { what: Happening::Changed, by: &["contact.propertyChange", "renamed"] }],
            changes: Found::POLL,
            deletions: Found::POLL,
            merges: Found::NEVER,
            restorations: None,
            exceptions: &[],
            notes: &[],
            fields: &[("count", Detection::TOLD), ("list.*", Detection::POLL), (DOTTED, Detection::RECONCILIATION)],
            derived: Detection::POLL,
            creates_fields: false,
            never_blank: &[],
            unique: &[],
        };
        assert_eq!(known.of_field("Name", false), Detection::FULL);
        assert_eq!(known.of_field("Score__c", true), Detection::POLL, "no webhook tells of it");
        assert_eq!(known.of_field("list.names", false), Detection::POLL, "the first pattern counts");
        assert_eq!(known.of_field("Partner__r.Name", false), Detection::RECONCILIATION);
        assert_eq!(known.of_field("Partner__r.Score__c", true), Detection::RECONCILIATION);
        assert_eq!(known.of_field("count", true), Detection::RECONCILIATION, "what one does not see, the other may not either");
        assert_eq!((known.seen(Happening::Changed), known.seen(Happening::Deleted)), (Detection::FULL, Detection::POLL));
        assert_eq!((known.seen(Happening::Merged), known.seen(Happening::Restored)), (Detection::NEVER, Detection::NEVER));
        assert_eq!(known.seen(Happening::Created), Detection::POLL, "found as changes are, and told of by no message");
        let names = ["contact.propertyChange", "contact.renamed", "renamed", "contact.unrenamed", "contact.creation"];
        assert_eq!(names.map(|name| known.is_told_by(Happening::Changed, name)), [true, true, true, false, false]);
    }
}
