//! Live edits on both sides, chosen by a seed, at a given pace.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WorldError;
use super::call_costs::CallCosts;
use super::choice::{Direction, Kind, USUAL};
use super::landing::{Account, Contact, Edit, Expected, Landing, Pairs, Subject};
use crate::faults::{DeliveryFault, Fault};
use crate::salesforce::Salesforce;
use crate::zendesk::Zendesk;

/// How fast edits come, and which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrafficOptions {
    /// Edits a second, both sides together.
    pub rate: f64,
    /// Seed of all choices.
    pub seed: u64,
    /// Kinds to choose from, as often as they usually happen; all of them when empty.
    pub kinds: Vec<Kind>,
    /// Times in which calls and webhooks fail; none without.
    pub faults: Option<FaultPhases>,
}

impl Default for TrafficOptions {
    fn default() -> Self {
        Self { rate: 2.0, seed: 1, kinds: Vec::new(), faults: None }
    }
}

/// Calm and bad times in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPhases {
    /// Seconds without faults, first.
    pub calm_s: u32,
    /// Seconds with faults.
    pub bad_s: u32,
    /// Of a thousand calls, and of a thousand webhooks, how many suffer each kind of fault in bad times.
    pub per_mille: u32,
}

/// Seconds' worth of edits in a burst.
const BURST_SECONDS: f64 = 2.0;
/// Edits of one burst at most.
const BURST_MAX: usize = 500;
/// Milliseconds within which the second half of a conflict follows the first.
const CONFLICT_MS: i64 = 1_000;
/// Tries to find a record that can be edited, before another kind of edit is chosen.
const TRIES: usize = 20;
/// Longest sleep between two looks at the clock, in milliseconds.
const NAP_MS: i64 = 250;

/// An edit that follows another.
struct Later {
    contact: Contact,
    name: (String, String),
}

/// Prepared edits. [`Traffic::step`] makes one at once; [`Traffic::run`] makes them at their pace.
pub struct Traffic {
    pub(crate) salesforce: Salesforce,
    pub(crate) zendesk: Zendesk,
    pub(crate) landing: Landing,
    pub(crate) rng: ChaCha8Rng,
    options: TrafficOptions,
    pub(crate) sellers: Vec<String>,
    pub(crate) agents: Vec<u64>,
    /// Solved tickets that nobody has rated.
    pub(crate) solved: Vec<u64>,
    later: BTreeMap<(i64, u64), Later>,
    pub(crate) made: u64,
}

impl std::fmt::Debug for Traffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traffic").field("options", &self.options).field("made", &self.made).finish_non_exhaustive()
    }
}

impl Traffic {
    pub(crate) fn new(salesforce: &Salesforce, zendesk: &Zendesk, landing: &Landing, options: TrafficOptions) -> Self {
        let calls = CallCosts { salesforce: salesforce.calls().total, zendesk: zendesk.calls().total };
        if landing.begin(Pairs::read(salesforce, zendesk), calls) {
            let watch = landing.clone();
            salesforce.on_write(Box::new(move |notice| watch.crm_wrote(notice)));
            let watch = landing.clone();
            zendesk.on_write(Box::new(move |notice| watch.desk_wrote(notice)));
        }
        Self {
            salesforce: salesforce.clone(),
            zendesk: zendesk.clone(),
            landing: landing.clone(),
            rng: ChaCha8Rng::seed_from_u64(options.seed),
            options,
            sellers: salesforce.users().sales,
            agents: zendesk.agents().into_iter().skip(1).map(|agent| agent.id).collect(),
            solved: Vec::new(),
            later: BTreeMap::new(),
            made: 0,
        }
    }

    fn now(&self) -> i64 {
        self.salesforce.clock().now_ms()
    }

    /// A text that no other edit has.
    pub(crate) fn token(&mut self) -> String {
        self.made += 1;
        let mut number = (self.options.seed % 1_296) * 60_466_176 + self.made;
        let mut text = String::new();
        while number > 0 {
            text.push(char::from_digit(u32::try_from(number % 36).unwrap_or(0), 36).unwrap_or('0'));
            number /= 36;
        }
        text.chars().rev().collect()
    }

    pub(crate) fn seller(&mut self) -> String {
        self.sellers.choose(&mut self.rng).cloned().unwrap_or_default()
    }

    pub(crate) fn agent(&mut self) -> u64 {
        self.agents.choose(&mut self.rng).copied().unwrap_or_default()
    }

    /// A linked contact whose field may be edited.
    pub(crate) fn contact(&mut self, field: &'static str) -> Option<Contact> {
        for _ in 0..TRIES {
            let rng = &mut self.rng;
            let pair = self.landing.pick(|pairs| pairs.contacts.choose(rng).cloned())?;
            if self.landing.is_open(&Subject::Contact(pair.contact.clone()), field) {
                return Some(pair);
            }
        }
        None
    }

    /// A linked account whose field may be edited.
    pub(crate) fn account(&mut self, field: &'static str) -> Option<Account> {
        for _ in 0..TRIES {
            let rng = &mut self.rng;
            let pair = self.landing.pick(|pairs| pairs.accounts.choose(rng).cloned())?;
            if self.landing.is_open(&Subject::Account(pair.account.clone()), field) {
                return Some(pair);
            }
        }
        None
    }

    /// A ticket that has a task, in a state that fits.
    pub(crate) fn ticket(&mut self, fits: impl Fn(&str) -> bool) -> Option<u64> {
        for _ in 0..TRIES {
            let rng = &mut self.rng;
            let number = self.landing.pick(|pairs| pairs.tickets.choose(rng).copied())?;
            if self.zendesk.ticket(number).is_some_and(|ticket| ticket.get("status").and_then(Value::as_str).is_some_and(&fits)) {
                return Some(number);
            }
        }
        None
    }

    /// Notes an edit, makes it, and takes the note back when it is refused.
    pub(crate) fn make<E: Into<WorldError>>(&self, edit: Edit, work: impl FnOnce() -> Result<(), E>) -> bool {
        let kind = edit.kind;
        let serial = self.landing.expect(edit);
        match work() {
            Ok(()) => true,
            Err(error) => {
                let error: WorldError = error.into();
                tracing::debug!(?kind, %error, "an edit was refused");
                self.landing.refused(serial);
                false
            }
        }
    }

    fn choose(&mut self) -> Kind {
        let allowed = &self.options.kinds;
        let wanted: Vec<(Kind, u32)> = USUAL.iter().filter(|(kind, _)| allowed.is_empty() || allowed.contains(kind)).copied().collect();
        wanted.choose_weighted(&mut self.rng, |(_, weight)| *weight).map_or(Kind::ContactTitle, |(kind, _)| *kind)
    }

    /// Makes one edit now, and the second halves of conflicts that are due. Answers whether one was made: in a world without linked
    /// records there is nothing to edit but won deals.
    pub fn step(&mut self) -> bool {
        self.follow_up();
        for _ in 0..TRIES {
            let kind = self.choose();
            if self.edit(kind) {
                return true;
            }
        }
        false
    }

    /// Makes one edit of a kind. False when no record fits.
    pub fn edit(&mut self, kind: Kind) -> bool {
        match kind {
            Kind::ContactName => self.contact_name(),
            Kind::ContactEmail => self.contact_email(),
            Kind::ContactTitle => self.contact_title(),
            Kind::ContactPhone => self.contact_phone(),
            Kind::AccountPlan => self.account_plan(),
            Kind::AccountTier => self.account_tier(),
            Kind::AccountCsm => self.account_csm(),
            Kind::AccountRenewal => self.account_renewal(),
            Kind::AccountArr => self.account_arr(),
            Kind::AccountIndustry => self.account_industry(),
            Kind::ClosedWon => self.closed_won(),
            Kind::SalesCall => self.sales_call(),
            Kind::UserName => self.user_name(),
            Kind::UserTimeZone => self.user_time_zone(),
            Kind::OrganizationStatus => self.organization_status(),
            Kind::OrganizationVip => self.organization_vip(),
            Kind::TicketCreated => self.ticket_created(),
            Kind::TicketUpdated => self.ticket_updated(),
            Kind::TicketSolved => self.ticket_solved(),
            Kind::TicketRated => self.ticket_rated(),
            Kind::Conflict => self.conflict(),
            Kind::Burst => self.burst(),
        }
    }

    /// Sales changes a name now, an agent a moment later.
    fn conflict(&mut self) -> bool {
        let Some(pair) = self.contact("name") else { return false };
        let Some((first, last)) = self.crm_name(&pair) else { return false };
        let (ours, theirs) = (format!("{last}-{}", self.token()), format!("{last}-{}", self.token()));
        if !self.rename_contact(&pair, &first, &ours, Kind::Conflict) {
            return false;
        }
        let due = self.now() + self.rng.random_range(0..CONFLICT_MS);
        self.later.insert((due, self.made), Later { contact: pair, name: (first, theirs) });
        true
    }

    /// Makes the second halves that are due.
    fn follow_up(&mut self) {
        let now = self.now();
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let Later { contact, name: (first, last) } = entry.remove();
            self.rename_user(&contact, &format!("{first} {last}"), Kind::Conflict);
        }
    }

    fn burst(&mut self) -> bool {
        let many = (self.options.rate * BURST_SECONDS).ceil().max(1.0) as usize;
        let mut made = false;
        for _ in 0..many.min(BURST_MAX) {
            let kind = self.choose();
            if kind != Kind::Burst {
                made |= self.edit(kind);
            }
        }
        made
    }

    /// Makes edits at their pace, for ever, on the machine's clock.
    pub async fn run(mut self) {
        let began = self.now();
        // The time of the next edit, in milliseconds: intervals vary as those of people who know nothing of each other.
        let mut next = began as f64;
        let mut bad = false;
        loop {
            let now = self.now();
            self.faults(now - began, &mut bad);
            self.follow_up();
            while next <= now as f64 {
                self.step();
                let roll: f64 = self.rng.random_range(f64::EPSILON..1.0);
                next += -roll.ln() * 1_000.0 / self.options.rate.max(0.001);
            }
            let due = self.later.first_key_value().map_or(i64::MAX, |((due, _), _)| *due).min(next as i64);
            let wait = (due - self.now()).clamp(1, NAP_MS);
            tokio::time::sleep(Duration::from_millis(u64::try_from(wait).unwrap_or(1))).await;
        }
    }

    /// Begins and ends bad times.
    fn faults(&self, elapsed_ms: i64, bad: &mut bool) {
        let Some(phases) = self.options.faults else { return };
        let (calm, rough) = (i64::from(phases.calm_s) * 1_000, i64::from(phases.bad_s) * 1_000);
        let now_bad = elapsed_ms % (calm + rough).max(1) >= calm;
        if now_bad == *bad {
            return;
        }
        *bad = now_bad;
        for faults in [self.salesforce.faults(), self.zendesk.faults()] {
            if !now_bad {
                faults.clear();
                continue;
            }
            for fault in [Fault::TooMany, Fault::ServerError, Fault::Unavailable, Fault::TimeoutAfter, Fault::Collision] {
                faults.set_calls(fault, phases.per_mille);
            }
            for fault in [DeliveryFault::Lost, DeliveryFault::Doubled, DeliveryFault::Reordered] {
                faults.set_deliveries(fault, phases.per_mille);
            }
        }
    }
}

/// An edit of a contact that travels to its user, or back.
pub(crate) fn of_contact(pair: &Contact, field: &'static str, kind: Kind, direction: Direction, expected: Expected) -> Edit {
    Edit { subject: Subject::Contact(pair.contact.clone()), field, kind, direction, expected }
}

/// An edit of an account that travels to its organization, or back.
pub(crate) fn of_account(pair: &Account, field: &'static str, kind: Kind, direction: Direction, expected: Expected) -> Edit {
    Edit { subject: Subject::Account(pair.account.clone()), field, kind, direction, expected }
}
