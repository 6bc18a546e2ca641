//! A seeded world: two platforms or three, a hub between them, people who edit every side, and everything that goes wrong.

use std::collections::{BTreeMap, BTreeSet};

use entente_engine::flaws::Flaws;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use crate::hub::{Circumstances, Hub, SALESFORCE, ZENDESK, fields, seed_customer};
use crate::second_desk::{Platform, SECOND};
use crate::witness::Witness;

/// Edits in each world.
const EDITS: usize = 30;
/// Of how many edits one comes with a crash soon after.
const CRASH_EVERY: u32 = 3;
/// Steps within which such a crash comes.
const CRASH_WITHIN: i64 = 80;
/// Milliseconds by which clocks of vendors differ from ours: hardly, noticeably, and by minutes.
const CLOCKS_MS: &[(i64, i64)] = &[(0, 0), (-900, 0), (700, -300), (45_000, 0), (-30_000, 20_000), (-240_000, 60_000), (240_000, -60_000)];

/// What may happen in a world, by its seed.
#[derive(Debug, Clone, Copy)]
pub struct Nature {
    /// Whether webhooks of edits get lost. Zendesk has no precondition for users and organizations, and Salesforce none for batches: when
    /// a write of ours crosses an edit whose webhook is lost too, nobody ever sees that edit. Every other edit is accounted for.
    pub loses_mail: bool,
    /// Whether calls and webhooks fail at all. Crashes come in any world.
    pub faults: bool,
    /// Whether people delete, restore and merge.
    pub departures: bool,
    /// Whether admins remove fields and restrict picklists, and set them right again.
    pub schema: bool,
    /// Whether vendors' quotas run out.
    pub quota: bool,
    /// Whether the desk's exports and indexes lag behind.
    pub lag: bool,
    /// Whether people ask to be forgotten: where nobody departs otherwise, and in a seventh of the worlds beside everything else.
    pub erasures: bool,
    /// Whether what is said on tickets is kept, and people talk there.
    pub ticket_activities: bool,
    /// The platform of a second support desk: every fifth world has one, and a third of those is at Intercom.
    pub second_desk: Option<Platform>,
    /// See [`Circumstances::clocks`].
    pub clocks: (i64, i64),
}

impl Nature {
    fn of(seed: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed ^ 0x6e61_7475_7265);
        let drawn = dice.random_range(0..2) == 0;
        let both = seed % 7 == 3;
        let departures = drawn || both;
        Self {
            loses_mail: seed.is_multiple_of(2),
            faults: !seed.is_multiple_of(5),
            departures,
            schema: dice.random_range(0..4) == 0,
            quota: dice.random_range(0..4) == 0,
            lag: dice.random_range(0..2) == 0,
            clocks: CLOCKS_MS[dice.random_range(0..CLOCKS_MS.len())],
            erasures: !departures || both,
            ticket_activities: seed % 4 == 1,
            second_desk: (seed % 5 == 2).then_some(if seed % 15 == 2 { Platform::Intercom } else { Platform::Freshdesk }),
        }
    }
}

/// A value that a person entered: nothing of it may vanish without a trace.
pub struct Entered {
    pub side: Side,
    /// Id of the row at its platform.
    pub row: String,
    /// Our field.
    pub field: &'static str,
    /// As the ledger writes it.
    pub value: String,
    /// Whether no webhook told of it in time, or of a row that nobody had linked.
    pub unannounced: bool,
    /// When it was entered.
    pub at: i64,
}

/// One of the platforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Crm,
    Desk,
    /// The second desk.
    Second,
}

impl Entered {
    /// The connection and the row.
    pub fn place(&self) -> (String, String) {
        (self.side.connection().to_owned(), self.row.clone())
    }
}

impl Side {
    /// Name of its connection.
    pub fn connection(self) -> &'static str {
        match self {
            Self::Crm => SALESFORCE,
            Self::Desk => ZENDESK,
            Self::Second => SECOND,
        }
    }
}

/// A customer that was won while everything went wrong.
pub struct Deal {
    pub name: String,
    pub account: String,
    pub contact: String,
    pub opportunity: String,
    pub won: bool,
}

/// Rows that people deleted or merged.
#[derive(Default)]
pub struct Departed {
    /// Contacts in the CRM's recycle bin.
    pub contacts: BTreeSet<String>,
    /// Users that were deleted at the desk.
    pub users: BTreeSet<u64>,
    /// Contacts merged at the CRM: the one that is gone, and the one that stays.
    pub merged_contacts: Vec<(String, String)>,
    /// Users merged at the desk: the one that is gone, and the one that stays.
    pub merged_users: Vec<(u64, u64)>,
    /// Contacts that were deleted at the second desk, each with the contact of the CRM that it named.
    pub second: BTreeMap<String, String>,
    /// Contacts merged at the second desk: the one that is gone, the one that stays, and the contact of the CRM that the first named.
    pub merged_second: Vec<(String, String, String)>,
    /// People who asked to be forgotten.
    pub forgotten: Vec<Forgotten>,
}

/// Somebody who asked to be forgotten.
pub struct Forgotten {
    pub contact: String,
    pub account: String,
    pub user: Option<u64>,
    /// Their contact at the second desk.
    pub person: Option<String>,
    /// The address at the moment of asking.
    pub email: String,
}

impl Departed {
    /// Whether this user's person asked to be forgotten.
    pub fn has_forgotten(&self, user: u64) -> bool {
        self.forgotten.iter().any(|one| one.user == Some(user))
    }

    /// Whether a user is gone.
    pub fn has_user(&self, user: u64) -> bool {
        self.has_left_desk(user) || self.has_forgotten(user)
    }

    /// Whether people at the desk deleted or merged a user.
    pub fn has_left_desk(&self, user: u64) -> bool {
        self.users.contains(&user) || self.merged_users.iter().any(|(gone, _)| *gone == user)
    }

    /// Whether the counterpart of a contact of the CRM at the second desk is gone.
    pub fn has_left_second(&self, contact: &str) -> bool {
        let merged = self.merged_second.iter().any(|(_, _, gone)| gone == contact);
        merged || self.second.values().any(|gone| gone == contact)
    }

    /// Whether a contact is gone.
    pub fn has_contact(&self, contact: &str) -> bool {
        self.has_left_crm(contact) || self.forgotten.iter().any(|one| one.contact == contact)
    }

    /// Whether people in the CRM deleted or merged a contact.
    pub fn has_left_crm(&self, contact: &str) -> bool {
        self.contacts.contains(contact) || self.merged_contacts.iter().any(|(gone, _)| gone == contact)
    }
}

/// One world: its people, their edits, and its dice.
pub struct World {
    pub hub: Hub,
    pub dice: ChaCha8Rng,
    pub nature: Nature,
    /// Live accounts and contacts of the CRM.
    pub accounts: Vec<String>,
    pub contacts: Vec<String>,
    pub deals: Vec<Deal>,
    pub entered: Vec<Entered>,
    pub departed: Departed,
    /// Whether the webhooks of the edit being made are lost or late.
    pub unannounced: bool,
    /// Fields that an admin has removed for now, and a picklist that refuses other values for now.
    pub trouble: crate::misfortune::Trouble,
    /// Whether values were refused at some time, so that dead letters are what must come of it.
    pub refused_values: bool,
    /// Whether the first sync is done.
    pub synced: bool,
    /// Dice of those who merge and part records.
    pub parting: ChaCha8Rng,
    /// Dice of those who take things back.
    pub undoing: ChaCha8Rng,
    /// Dice of those who talk on tickets.
    pub talking: ChaCha8Rng,
    /// How many words were said there.
    pub words: u32,
    /// What was taken back.
    pub undone: Vec<crate::undoing::Undone>,
    /// Contacts of whom something was entered for the last time, and when: they will ask to be forgotten.
    pub asking: Vec<(String, i64)>,
    /// Records that were parted again.
    pub parted: usize,
    /// Whether people have gone through everything that waited for them, at the end.
    pub decided: bool,
    serial: u32,
}

impl World {
    /// The world of a seed before anything happens.
    pub async fn of(seed: u64, flaws: Flaws) -> Self {
        Self::with(seed, Nature::of(seed), flaws).await
    }

    /// A world of a nature.
    pub async fn with(seed: u64, nature: Nature, flaws: Flaws) -> Self {
        let mut hub =
            Hub::with(seed, Circumstances { clocks: nature.clocks, lag: nature.lag, second_desk: nature.second_desk, flaws }).await;
        if std::env::var_os("ENTENTE_SIM_TRACE").is_some() {
            println!("seed {seed}: {nature:?}");
            hub.tell_writes(|line| println!("{line}"));
        }
        hub.witness = nature.erasures.then(Witness::default);
        let (mut accounts, mut contacts) = (Vec::new(), Vec::new());
        for (name, people) in [
            ("Acme", &[("Ana", "Lovelace", "ana@acme.example"), ("Alan", "Turing", "alan@acme.example")][..]),
            ("Globex", &[("Grace", "Hopper", "grace@globex.example")][..]),
            ("Initech", &[("Ida", "Rhodes", "ida@initech.example"), ("Ian", "Foster", "ian@initech.example")][..]),
        ] {
            let (account, people) = seed_customer(&hub, name, people);
            accounts.push(account);
            contacts.extend(people);
        }
        if nature.quota {
            // What the quota puts off in so small a world is no burst: here it is, so that scheduled batches come and go.
            hub.options.batch_mode_above = 2;
        }
        if nature.quota || nature.ticket_activities {
            hub.options.ticket_activities = nature.ticket_activities;
            hub.restart().await;
        }
        let agent = hub.agent();
        let known = json!({ "name": "Grace  Hopper", "email": "Grace@Globex.example", "phone": "+1 415 555 0100" });
        hub.zendesk.create_user(&fields(known), agent).unwrap();
        Self {
            hub,
            dice: ChaCha8Rng::seed_from_u64(seed),
            nature,
            accounts,
            contacts,
            deals: Vec::new(),
            entered: Vec::new(),
            departed: Departed::default(),
            unannounced: false,
            trouble: crate::misfortune::Trouble::default(),
            refused_values: false,
            synced: false,
            parting: ChaCha8Rng::seed_from_u64(seed ^ 0x7061_7274),
            undoing: ChaCha8Rng::seed_from_u64(seed ^ 0x756e_646f),
            talking: ChaCha8Rng::seed_from_u64(seed ^ 0x7461_6c6b),
            words: 0,
            undone: Vec::new(),
            asking: Vec::new(),
            parted: 0,
            decided: false,
            serial: 0,
        }
    }

    /// Lives through all edits, faults and crashes. False when the world does not come to rest.
    pub async fn live(&mut self) -> bool {
        self.go_wrong();
        for _ in 0..EDITS {
            if self.dice.random_range(0..CRASH_EVERY) == 0 {
                let steps = self.dice.random_range(1..CRASH_WITHIN);
                self.hub.fuse.set(steps);
            }
            self.synced = self.synced || self.is_synced().await;
            // Several people act at one instant now and then: equal timestamps.
            for _ in 0..if self.dice.random_range(0..5) == 0 { 3 } else { 1 } {
                self.draw_mail_of_edit();
                self.edit();
                self.talk();
                self.draw_mail_of_hub();
            }
            if self.synced {
                self.merge_or_part().await;
            }
            if self.synced {
                self.undo_something().await;
            }
            let pause =
                if self.dice.random_range(0..4) == 0 { self.dice.random_range(0..240_000) } else { self.dice.random_range(0..6_000) };
            let until = self.hub.now() + pause;
            self.hub.run_until(until).await;
            if self.hub.livelock {
                return false;
            }
        }
        self.come_to_rest().await;
        true
    }

    /// One edit by somebody somewhere.
    pub fn edit(&mut self) {
        if self.nature.second_desk.is_some() && self.dice.random_range(0..3) == 0 {
            return self.edit_second_desk();
        }
        let kind = self.dice.random_range(0..20);
        match kind {
            0..=7 => self.edit_crm(),
            8..=15 => self.edit_desk(),
            // Salesforce tells nobody of a row that was there before the first read and is gone when it begins.
            16..=17 if self.nature.departures && self.synced && !(kind == 17 && self.nature.erasures) => self.depart(),
            18 if self.nature.schema => self.change_schema(),
            19 if self.nature.erasures && self.synced => self.ask_to_be_forgotten(),
            16..=17 if self.nature.erasures && self.synced => self.will_ask_to_be_forgotten(),
            _ => self.win_or_call(),
        }
    }

    /// Whether every object was read once: what was won before is no news to anybody.
    async fn is_synced(&self) -> bool {
        let read = self.hub.store.read(|tx| tx.settings(entente_engine::sync::first_read::FIRST_READ)).await.unwrap();
        let catalog = self.hub.engine.catalog();
        let all: usize = self.hub.engine.connections().keys().map(|connection| catalog.reads(connection).len()).sum();
        read.len() == all
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.dice.random_range(0..from.len())].clone())
    }

    /// A number that nobody else ever uses.
    pub fn serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    /// A value that nobody else ever enters.
    pub fn fresh(&mut self, stem: &str) -> String {
        format!("{stem}{}", self.serial())
    }

    /// Notes what a person entered.
    pub fn note(&mut self, side: Side, row: impl ToString, field: &'static str, value: String) {
        let row = row.to_string();
        // A row of the desk that no record is linked with may be found by the very call that would make it, and overwritten by it.
        let user = row.parse().ok().filter(|_| side == Side::Desk).and_then(|id| self.hub.zendesk.user(id));
        // The second desk need not tell anybody of people and companies.
        let unannounced = self.unannounced || side == Side::Second || user.is_some_and(|user| user["external_id"].is_null());
        let at = self.hub.now();
        self.entered.push(Entered { side, row, field, value, unannounced, at });
    }

    /// Live end users of the desk.
    pub fn users(&self) -> Vec<(u64, Map<String, Value>)> {
        let mut users = Vec::new();
        self.hub.zendesk.each_user(&mut |id, user| {
            if user["role"] == "end-user" && user["active"] == true {
                users.push((id, user.clone()));
            }
        });
        users
    }

    /// Organizations of the desk.
    pub fn organizations(&self) -> Vec<(u64, Map<String, Value>)> {
        let mut organizations = Vec::new();
        self.hub.zendesk.each_organization(&mut |id, organization| organizations.push((id, organization.clone())));
        organizations
    }

    /// Tickets of the desk that are not deleted.
    pub fn tickets(&self) -> Vec<(u64, Map<String, Value>)> {
        let mut tickets = Vec::new();
        self.hub.zendesk.each_ticket(&mut |id, ticket| {
            if ticket["status"] != "deleted" {
                tickets.push((id, ticket.clone()));
            }
        });
        tickets
    }
}

/// Text of a row's field, empty without one.
pub fn text(row: &Map<String, Value>, key: &str) -> String {
    match row.get(key) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}
