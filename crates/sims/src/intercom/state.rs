//! Everything a simulated workspace holds.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

use super::attributes::Attribute;
use super::hooks::{Subscription, Told};
use super::labels::{Note, Tag};
use super::limits::Limits;
use super::parts::Part;
use super::people::{Admin, Team, of_a_fresh_workspace};
use super::refusal::Refusal;
use super::scroll::Scroll;
use super::ticket_types::{TicketType, types_of_a_fresh_workspace};
use super::{CallCounts, IntercomOptions};

/// First internal id of conversations and tickets: fifteen digits, as real ones.
const FIRST_CONVERSATION: u64 = 215_474_000_000_000;
/// First id of admins, tags, notes, parts and everything small.
const FIRST_SMALL: u64 = 991_267_000;

/// First digits of ids of contacts and companies.
const MONGO_HEAD: &str = "67a1b2c3";

/// The kinds of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Users and leads.
    Contact,
    /// Their companies.
    Company,
    /// Conversations.
    Conversation,
    /// Tickets. Their ids are of the space of conversations.
    Ticket,
}

impl Kind {
    /// By the plural in paths.
    #[must_use]
    pub fn named(plural: &str) -> Option<Self> {
        match plural {
            "contacts" => Some(Self::Contact),
            "companies" => Some(Self::Company),
            "conversations" => Some(Self::Conversation),
            "tickets" => Some(Self::Ticket),
            _ => None,
        }
    }

    /// Its `type` in answers.
    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Company => "company",
            Self::Conversation => "conversation",
            Self::Ticket => "ticket",
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// Moments in the life of a conversation, in milliseconds since 1970.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stats {
    pub(crate) first_contact_reply: Option<i64>,
    pub(crate) first_admin_reply: Option<i64>,
    pub(crate) first_assignment: Option<i64>,
    pub(crate) first_close: Option<i64>,
    pub(crate) last_contact_reply: Option<i64>,
    pub(crate) last_admin_reply: Option<i64>,
    pub(crate) last_assignment: Option<i64>,
    pub(crate) last_close: Option<i64>,
    pub(crate) last_closed_by: Option<String>,
    pub(crate) reopens: u64,
    pub(crate) assignments: u64,
}

/// A contact, company, conversation or ticket.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) values: Map<String, Value>,
    /// Custom attributes; of tickets their `ticket_attributes`.
    pub(crate) custom: Map<String, Value>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    /// Contacts only.
    pub(crate) archived: bool,
    /// Contacts only.
    pub(crate) blocked: bool,
    /// Tags with who attached them and when.
    pub(crate) tags: Vec<(String, String, i64)>,
    /// Companies of a contact, in order of attachment.
    pub(crate) companies: Vec<String>,
    /// Contacts of a conversation or ticket.
    pub(crate) contacts: Vec<String>,
    pub(crate) parts: Vec<Part>,
    pub(crate) stats: Stats,
    /// Older versions with the instant at which each was replaced; nothing before it existed.
    shadows: VecDeque<(i64, Option<Box<Record>>)>,
}

impl Record {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// The record as an index sees it that is `lag` behind; `None` before it knows it.
    pub(crate) fn indexed(&self, now: i64, lag: i64) -> Option<&Record> {
        match self.shadows.iter().find(|(replaced, _)| replaced.saturating_add(lag) > now) {
            None => Some(self),
            Some((_, shadow)) => shadow.as_deref(),
        }
    }
}

/// The workspace.
pub(crate) struct State {
    pub(crate) options: IntercomOptions,
    rng: ChaCha8Rng,
    /// The instant of the present operation.
    pub(crate) now_ms: i64,
    next_mongo: u64,
    next_conversation: u64,
    next_small: u64,
    next_ticket_number: u64,
    pub(crate) records: [BTreeMap<String, Record>; 4],
    /// Ids of contacts by what they are or were known by: the name of the attribute, and its value.
    pub(crate) known_by: HashMap<(&'static str, String), BTreeSet<String>>,
    /// Merged contacts with the winner, the role they had, and when.
    pub(crate) merged: BTreeMap<String, (String, String, i64)>,
    /// Deleted conversations, when, and whether their metrics were kept.
    pub(crate) deleted_conversations: Vec<(String, i64, bool)>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) notes: Vec<Note>,
    pub(crate) admins: Vec<Admin>,
    pub(crate) teams: Vec<Team>,
    pub(crate) ticket_types: Vec<TicketType>,
    pub(crate) jobs: BTreeMap<String, Value>,
    pub(crate) scroll: Option<Scroll>,
    pub(crate) subscription: Option<Subscription>,
    pub(crate) limits: Limits,
    pub(crate) calls: CallCounts,
    /// What the present operation tells by webhook.
    pub(crate) told: Vec<Told>,
}

impl State {
    pub(crate) fn new(options: IntercomOptions) -> Self {
        let now_ms = options.clock.now_ms();
        let mut state = Self {
            rng: ChaCha8Rng::seed_from_u64(options.seed),
            now_ms,
            next_mongo: 0x5f00_0000_0000 + (options.seed % 1_000) * 0x100_0000,
            next_conversation: FIRST_CONVERSATION + (options.seed % 1_000) * 1_000_000,
            next_small: FIRST_SMALL,
            next_ticket_number: 0,
            records: Default::default(),
            known_by: HashMap::new(),
            merged: BTreeMap::new(),
            deleted_conversations: Vec::new(),
            attributes: Vec::new(),
            tags: Vec::new(),
            notes: Vec::new(),
            admins: Vec::new(),
            teams: Vec::new(),
            ticket_types: Vec::new(),
            jobs: BTreeMap::new(),
            scroll: None,
            subscription: None,
            limits: Limits::default(),
            calls: CallCounts::default(),
            told: Vec::new(),
            options,
        };
        of_a_fresh_workspace(&mut state);
        types_of_a_fresh_workspace(&mut state);
        state
    }

    /// An id of contacts and companies: 24 hexadecimal digits, later ones greater.
    pub(crate) fn mongo_id(&mut self) -> String {
        self.next_mongo += 1 + self.rng.random_range(0..64);
        format!("{MONGO_HEAD}{:016x}", self.next_mongo)
    }

    /// An id of conversations and tickets.
    pub(crate) fn conversation_id(&mut self) -> String {
        self.next_conversation += 1 + self.rng.random_range(0..64);
        self.next_conversation.to_string()
    }

    /// An id of anything else.
    pub(crate) fn small_id(&mut self) -> String {
        self.next_small += 1;
        self.next_small.to_string()
    }

    /// The number that people read of a ticket.
    pub(crate) fn ticket_number(&mut self) -> String {
        self.next_ticket_number += 1;
        self.next_ticket_number.to_string()
    }

    /// A random id of the form of a UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low): (u64, u64) = (self.rng.random(), self.rng.random());
        let text = format!("{high:016x}{low:016x}");
        format!("{}-{}-4{}-8{}-{}", &text[..8], &text[8..12], &text[13..16], &text[17..20], &text[20..])
    }

    /// Milliseconds by which search is behind.
    pub(crate) fn lag_ms(&self) -> i64 {
        i64::try_from(self.options.profile.index_lag_ms).unwrap_or(i64::MAX)
    }

    pub(crate) fn get(&self, kind: Kind, id: &str) -> Option<&Record> {
        self.records[kind.index()].get(id)
    }

    pub(crate) fn record(&self, kind: Kind, id: &str) -> Result<&Record, Refusal> {
        self.get(kind, id).ok_or_else(|| Refusal::missing(kind))
    }

    pub(crate) fn insert(&mut self, kind: Kind, id: &str, values: Map<String, Value>, custom: Map<String, Value>) {
        let now = self.now_ms;
        let record = Record {
            id: id.to_owned(),
            values,
            custom,
            created_ms: now,
            updated_ms: now,
            archived: false,
            blocked: false,
            tags: Vec::new(),
            companies: Vec::new(),
            contacts: Vec::new(),
            parts: Vec::new(),
            stats: Stats::default(),
            shadows: VecDeque::from([(now, None)]),
        };
        self.records[kind.index()].insert(id.to_owned(), record);
        if kind == Kind::Contact {
            self.remember(id);
        }
    }

    /// A record that is about to change: its present is kept for the index, and its stamp is now.
    pub(crate) fn touch(&mut self, kind: Kind, id: &str) -> Option<&mut Record> {
        let (now, lag) = (self.now_ms, self.lag_ms());
        let record = self.records[kind.index()].get_mut(id)?;
        let mut shadow = record.clone();
        shadow.shadows.clear();
        record.shadows.push_back((now, Some(Box::new(shadow))));
        record.shadows.retain(|(replaced, _)| replaced.saturating_add(lag) > now);
        record.updated_ms = now;
        Some(record)
    }
}
