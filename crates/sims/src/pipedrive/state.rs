//! Everything a simulated company holds.

use std::collections::{BTreeMap, HashMap};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::auth::Tokens;
use super::conversions::Conversion;
use super::fields::{Field, built_in};
use super::kinds::Kind;
use super::limits::Limits;
use super::pipelines::{Pipeline, Stage, of_a_fresh_company};
use super::record::Record;
use super::users::User;
use super::webhooks::Hook;
use super::{PipedriveOptions, WriteNotice};
use crate::calls::CallCounts;
use crate::mailroom::Delivery;

/// First id of choices of custom fields.
const FIRST_CHOICE: u64 = 100;

/// A company.
pub(crate) struct State {
    pub(crate) options: PipedriveOptions,
    rng: ChaCha8Rng,
    /// The instant of the present operation.
    pub(crate) now_ms: i64,
    /// Rows by object and number, deleted ones included.
    pub(crate) records: BTreeMap<Kind, BTreeMap<u64, Record>>,
    /// Numbers of leads by id.
    pub(crate) leads: HashMap<String, u64>,
    next_choice: u64,
    pub(crate) fields: BTreeMap<Kind, Vec<Field>>,
    pub(crate) users: Vec<User>,
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) tokens: Tokens,
    pub(crate) limits: Limits,
    pub(crate) calls: CallCounts,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) next_hook: u64,
    pub(crate) conversions: Vec<Conversion>,
    /// Webhooks of the present operation.
    pub(crate) letters: Vec<Delivery>,
    pub(crate) listening: bool,
    pub(crate) notices: Vec<WriteNotice>,
    /// The app's one callback URL, where it was registered: no other is taken for signing in, and it is told that the app was removed.
    pub(crate) callback_url: Option<String>,
    /// Until when the content delivery network answers with a page of its own.
    pub(crate) shut_until_ms: i64,
    /// Whether the company's account is closed for want of payment.
    pub(crate) closed: bool,
}

impl State {
    pub(crate) fn new(options: PipedriveOptions) -> Self {
        let now_ms = options.clock.now_ms();
        let (pipelines, stages) = of_a_fresh_company(now_ms);
        Self {
            rng: ChaCha8Rng::seed_from_u64(options.seed),
            now_ms,
            records: Kind::ALL.into_iter().map(|kind| (kind, BTreeMap::new())).collect(),
            leads: HashMap::new(),
            next_choice: FIRST_CHOICE,
            fields: Kind::ALL.into_iter().map(|kind| (kind, built_in(kind, now_ms))).collect(),
            users: super::users::of_a_fresh_company(options.user_id),
            pipelines,
            stages,
            tokens: Tokens::new(options.seed),
            limits: Limits::default(),
            calls: CallCounts::default(),
            hooks: Vec::new(),
            next_hook: 101,
            conversions: Vec::new(),
            letters: Vec::new(),
            listening: false,
            notices: Vec::new(),
            callback_url: None,
            shut_until_ms: 0,
            closed: false,
            options,
        }
    }

    /// The next number of an object.
    pub(crate) fn next_number(&self, kind: Kind) -> u64 {
        self.records[&kind].keys().next_back().map_or(1, |last| last + 1)
    }

    pub(crate) fn next_choice(&mut self) -> u64 {
        self.next_choice += 1;
        self.next_choice
    }

    /// Random hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from_digit(self.rng.random_range(0..16), 16).unwrap_or('0')).collect()
    }

    /// A random id of the form of a UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let text = self.hex(32);
        format!("{}-{}-11f0-8{}-{}", &text[..8], &text[8..12], &text[13..16], &text[20..])
    }

    /// A row by the id in a path, deleted ones included.
    pub(crate) fn find(&self, kind: Kind, id: &str) -> Option<&Record> {
        let number = if kind == Kind::Lead { *self.leads.get(id)? } else { id.parse().ok()? };
        self.records[&kind].get(&number)
    }

    /// A row that is there.
    pub(crate) fn live(&self, kind: Kind, number: u64) -> Option<&Record> {
        self.records[&kind].get(&number).filter(|record| record.deleted_ms.is_none())
    }

    /// Whether somebody who works here has this id.
    pub(crate) fn is_user(&self, id: &Value) -> bool {
        self.users.iter().any(|user| Some(user.id) == id.as_u64() && user.active)
    }
}
