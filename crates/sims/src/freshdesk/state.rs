//! Everything a simulated account holds.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

use super::FreshdeskOptions;
use super::automations::Rule;
use super::conversations::Conversation;
use super::fields::Field;
use super::jobs::Job;
use super::limits::Limits;
use super::people::{Agent, Group, of_a_fresh_account};
use super::refusal::Refusal;
use crate::calls::CallCounts;
use crate::mailroom::Delivery;

/// First id of people, companies and everything but tickets: as large as real ones.
const FIRST_ID: u64 = 43_000_000_000;

/// The three kinds of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// People outside the desk.
    Contact,
    /// Their companies.
    Company,
    /// Tickets.
    Ticket,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Contact, Self::Company, Self::Ticket];

    /// By the plural in paths.
    #[must_use]
    pub fn named(plural: &str) -> Option<Self> {
        match plural {
            "contacts" => Some(Self::Contact),
            "companies" => Some(Self::Company),
            "tickets" => Some(Self::Ticket),
            _ => None,
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// What a search still sees of a record that changed a moment ago; nothing before it existed.
#[derive(Debug, Clone)]
pub(crate) struct Shadow {
    pub(crate) values: Map<String, Value>,
    pub(crate) custom: Map<String, Value>,
    pub(crate) updated_ms: i64,
    pub(crate) deleted: bool,
}

/// Moments in the life of a ticket, as `stats` tells of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stats {
    pub(crate) agent_responded_ms: Option<i64>,
    pub(crate) requester_responded_ms: Option<i64>,
    pub(crate) first_responded_ms: Option<i64>,
    pub(crate) status_updated_ms: Option<i64>,
    pub(crate) reopened_ms: Option<i64>,
    pub(crate) resolved_ms: Option<i64>,
    pub(crate) closed_ms: Option<i64>,
    pub(crate) pending_ms: Option<i64>,
}

/// A contact, company or ticket.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) values: Map<String, Value>,
    pub(crate) custom: Map<String, Value>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) deleted: bool,
    /// Tickets only.
    pub(crate) spam: bool,
    /// Tickets only: closed long ago, and in no list.
    pub(crate) archived: bool,
    /// Contacts only.
    pub(crate) blocked: bool,
    pub(crate) stats: Stats,
    pub(crate) conversations: Vec<Conversation>,
    /// Older versions with the instant at which each was replaced.
    pub(crate) shadows: VecDeque<(i64, Option<Shadow>)>,
}

impl Record {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.values.get(name).and_then(Value::as_u64)
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.values.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

/// The account.
pub(crate) struct State {
    pub(crate) options: FreshdeskOptions,
    rng: ChaCha8Rng,
    /// The instant of the present operation.
    pub(crate) now_ms: i64,
    next_id: u64,
    next_ticket: u64,
    pub(crate) records: [BTreeMap<u64, Record>; 3],
    pub(crate) fields: [Vec<Field>; 3],
    /// Contacts by every address of theirs, secondary ones included. Deleted ones keep theirs.
    pub(crate) by_email: HashMap<String, u64>,
    pub(crate) by_external: HashMap<String, u64>,
    /// Contacts in the order of lists: by name, then id.
    pub(crate) by_name: BTreeSet<(String, u64)>,
    pub(crate) company_by_name: HashMap<String, u64>,
    pub(crate) company_by_domain: HashMap<String, u64>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) groups: Vec<Group>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) limits: Limits,
    pub(crate) calls: CallCounts,
    /// Webhooks of the present operation.
    pub(crate) letters: Vec<Delivery>,
}

impl State {
    pub(crate) fn new(options: FreshdeskOptions) -> Self {
        let now_ms = options.clock.now_ms();
        let mut state = Self {
            rng: ChaCha8Rng::seed_from_u64(options.seed),
            now_ms,
            next_id: FIRST_ID + (options.seed % 1_000) * 1_000_000,
            next_ticket: 0,
            records: Default::default(),
            fields: Default::default(),
            by_email: HashMap::new(),
            by_external: HashMap::new(),
            by_name: BTreeSet::new(),
            company_by_name: HashMap::new(),
            company_by_domain: HashMap::new(),
            agents: Vec::new(),
            groups: Vec::new(),
            rules: Vec::new(),
            jobs: Vec::new(),
            limits: Limits::default(),
            calls: CallCounts::default(),
            letters: Vec::new(),
            options,
        };
        of_a_fresh_account(&mut state);
        state
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.next_id += 1 + self.rng.random_range(0..64);
        self.next_id
    }

    /// Tickets have small numbers, one after the other.
    pub(crate) fn next_ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// A random id of the form of a UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low): (u64, u64) = (self.rng.random(), self.rng.random());
        let text = format!("{high:016x}{low:016x}");
        format!("{}-{}-4{}-8{}-{}", &text[..8], &text[8..12], &text[13..16], &text[17..20], &text[20..])
    }

    pub(crate) fn record(&self, kind: Kind, id: u64) -> Result<&Record, Refusal> {
        self.records[kind.index()].get(&id).ok_or_else(Refusal::missing)
    }

    pub(crate) fn insert(&mut self, kind: Kind, id: u64, values: Map<String, Value>, custom: Map<String, Value>) {
        let now = self.now_ms;
        let record = Record {
            id,
            values,
            custom,
            created_ms: now,
            updated_ms: now,
            deleted: false,
            spam: false,
            archived: false,
            blocked: false,
            stats: Stats::default(),
            conversations: Vec::new(),
            shadows: VecDeque::from([(now, None)]),
        };
        self.records[kind.index()].insert(id, record);
    }

    /// A record that is about to change: its present is kept for the index, and its stamp is now.
    pub(crate) fn touch(&mut self, kind: Kind, id: u64) -> Option<&mut Record> {
        let now = self.now_ms;
        let lag = i64::try_from(self.options.profile.index_lag_ms).unwrap_or(i64::MAX);
        let record = self.records[kind.index()].get_mut(&id)?;
        let shadow = Shadow {
            values: record.values.clone(),
            custom: record.custom.clone(),
            updated_ms: record.updated_ms,
            deleted: record.deleted || record.spam,
        };
        record.shadows.push_back((now, Some(shadow)));
        record.shadows.retain(|(replaced, _)| replaced.saturating_add(lag) > now);
        record.updated_ms = now;
        Some(record)
    }
}
