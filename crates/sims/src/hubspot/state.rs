//! Everything a simulated portal holds.

use std::collections::{BTreeMap, HashMap};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::associations::Links;
use super::auth::Tokens;
use super::campaigns::Campaign;
use super::forms::Forms;
use super::journal::Journal;
use super::kinds::{KINDS, Kind, kind};
use super::limits::Limits;
use super::lists::List;
use super::mails::{Mail, Wishes};
use super::pipelines::Pipeline;
use super::properties::{Property, built_in, home_group};
use super::record::Record;
use super::refusal::Refusal;
use super::schemas::Schemas;
use super::webhooks::Subscription;
use super::{HubSpotOptions, Owner, WriteNotice};
use crate::calls::CallCounts;

/// First id of records, as large as real ones.
const FIRST_ID: u64 = 61_000_000_000;

/// A property group: name and label.
pub(crate) type Group = (String, String);

/// The portal.
pub(crate) struct State {
    pub(crate) options: HubSpotOptions,
    rng: ChaCha8Rng,
    /// The instant of the present operation.
    pub(crate) now_ms: i64,
    next_id: u64,
    /// HubSpot's object types, and behind them the portal's own ones.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) schemas: Schemas,
    /// Live and archived records by kind, in order of id.
    pub(crate) records: Vec<BTreeMap<u64, Record>>,
    /// Ids of records that were merged into another.
    pub(crate) redirects: HashMap<(usize, u64), u64>,
    /// Owners of unique values: (kind, property) to value to id.
    pub(crate) unique: HashMap<(usize, String), HashMap<String, u64>>,
    pub(crate) properties: Vec<Vec<Property>>,
    pub(crate) groups: Vec<Vec<Group>>,
    pub(crate) links: Links,
    pub(crate) owners: Vec<Owner>,
    pub(crate) pipelines: BTreeMap<usize, Vec<Pipeline>>,
    pub(crate) tokens: Tokens,
    pub(crate) lists: BTreeMap<u64, List>,
    pub(crate) campaigns: BTreeMap<String, Campaign>,
    pub(crate) forms: Forms,
    pub(crate) mails: BTreeMap<u64, Mail>,
    /// What people said of e-mails, by address.
    pub(crate) wishes: BTreeMap<String, Wishes>,
    pub(crate) journal: Journal,
    pub(crate) limits: Limits,
    pub(crate) calls: CallCounts,
    pub(crate) target_url: String,
    pub(crate) subscriptions: Vec<Subscription>,
    /// Events of the present operation.
    pub(crate) events: Vec<Value>,
    pub(crate) listening: bool,
    pub(crate) notices: Vec<WriteNotice>,
    /// Until when the portal is moving between data centres.
    pub(crate) moving_until_ms: i64,
    pub(crate) retry_after: Option<u64>,
}

impl State {
    pub(crate) fn new(options: HubSpotOptions) -> Self {
        let now_ms = options.clock.now_ms();
        let mut state = Self {
            rng: ChaCha8Rng::seed_from_u64(options.seed),
            now_ms,
            next_id: FIRST_ID + (options.seed % 1_000) * 1_000_000,
            kinds: KINDS.to_vec(),
            schemas: Schemas::default(),
            records: KINDS.iter().map(|_| BTreeMap::new()).collect(),
            redirects: HashMap::new(),
            unique: HashMap::new(),
            properties: KINDS.iter().map(|kind| built_in(kind.singular, options.lead_progress, now_ms)).collect(),
            groups: KINDS.iter().map(|kind| vec![(home_group(kind.singular), format!("{} information", kind.singular))]).collect(),
            links: Links::default(),
            owners: Vec::new(),
            pipelines: super::pipelines::of_a_fresh_portal(),
            tokens: Tokens::new(options.seed),
            lists: BTreeMap::new(),
            campaigns: BTreeMap::new(),
            forms: Forms::new(),
            mails: BTreeMap::new(),
            wishes: BTreeMap::new(),
            journal: Journal::default(),
            limits: Limits::default(),
            calls: CallCounts::default(),
            target_url: String::new(),
            subscriptions: Vec::new(),
            events: Vec::new(),
            listening: false,
            notices: Vec::new(),
            moving_until_ms: 0,
            retry_after: None,
            options,
        };
        state.owners = super::owners::of_a_fresh_portal(now_ms);
        state
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.next_id += 1 + self.rng.random_range(0..64);
        self.next_id
    }

    /// A random id of the form of a UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low): (u64, u64) = (self.rng.random(), self.rng.random());
        let text = format!("{high:016x}{low:016x}");
        format!("{}-{}-4{}-8{}-{}", &text[..8], &text[8..12], &text[13..16], &text[17..20], &text[20..])
    }

    /// Whether the account granted a scope.
    ///
    /// # Errors
    /// What is said to whoever lacks it.
    pub(crate) fn scoped(&self, scope: &str) -> Result<(), Refusal> {
        if self.options.scopes.iter().any(|held| held == scope) { Ok(()) } else { Err(Refusal::scope(scope)) }
    }

    /// A kind by the name in a path.
    ///
    /// # Errors
    /// As HubSpot refuses types it does not know.
    pub(crate) fn kind(&self, name: &str) -> Result<usize, Refusal> {
        let live = |kind: &usize| self.schemas.of(*kind).is_none_or(|schema| !schema.archived);
        kind(&self.kinds, name).filter(live).ok_or_else(|| Refusal::validation(format!("Unable to infer object type from: {name}")))
    }

    pub(crate) fn property(&self, kind: usize, name: &str) -> Option<&Property> {
        self.properties[kind].iter().find(|property| property.name == name && !property.archived)
    }

    /// Whether a property makes sure that no two records have the same value.
    pub(crate) fn is_unique(&self, kind: usize, name: &str) -> bool {
        self.property(kind, name).is_some_and(|property| property.unique)
    }

    /// The live or archived record behind an id, following merges.
    pub(crate) fn surviving(&self, kind: usize, id: u64) -> u64 {
        let mut id = id;
        while let Some(next) = self.redirects.get(&(kind, id)) {
            id = *next;
        }
        id
    }

    /// The live record that an id, or the value of a unique property, stands for.
    pub(crate) fn find(&self, kind: usize, text: &str, id_property: Option<&str>) -> Option<u64> {
        let id = match id_property.filter(|name| *name != "hs_object_id") {
            Some(name) => *self.unique.get(&(kind, name.to_owned()))?.get(&text.trim().to_lowercase())?,
            None => self.surviving(kind, text.trim().parse().ok()?),
        };
        self.records[kind].get(&id).filter(|record| record.archived_ms.is_none()).map(|record| record.id)
    }

    pub(crate) fn live(&self, kind: usize, id: u64) -> Option<&Record> {
        self.records[kind].get(&id).filter(|record| record.archived_ms.is_none())
    }
}
