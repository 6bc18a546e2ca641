//! A hub between two simulators, driven by hand on a virtual clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entente_connect::registry::connect;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_connect::transport::Surroundings;
use entente_connect::transport::wire::Wire;
use entente_engine::automation::follow;
use entente_engine::flaws::Flaws;
use entente_engine::privacy::schedule as erasures;
use entente_engine::schema;
use entente_engine::sync::{inbox, lead, poll, provision, work};
use entente_engine::{Engine, Options, Parts};
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::mailroom::{Delivery, Mailroom};
use entente_sims::profile::Profile;
use entente_sims::salesforce::{Salesforce, SalesforceOptions};
use entente_sims::zendesk::{Zendesk, ZendeskOptions};
use entente_store::{Link, Store};
use serde_json::{Map, Value, json};

use crate::ambient::{Fuse, InProcess, MemoryVault, VirtualTime};
use crate::database::{self, House};
use crate::second_desk::{Platform, SecondDesk};
use crate::witness::Witness;

/// 2026-01-05T09:00:00Z: a Monday morning.
pub const START_MS: i64 = 1_767_603_600_000;
pub const PATH_SECRET: &str = "a-secret-path";
pub const POLL_MS: i64 = 15 * 60 * 1000;
/// Steps after which a world that does not come to rest is called a livelock.
const STEPS_MAX: usize = 3_000;

pub const SALESFORCE: &str = "salesforce";
pub const ZENDESK: &str = "zendesk";

/// Text as a JSON object.
pub fn fields(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// The world: two simulators, or three, and the hub between them.
pub struct Hub {
    pub clock: Arc<AtomicI64>,
    pub salesforce: Salesforce,
    pub zendesk: Zendesk,
    pub crm_faults: Faults,
    pub desk_faults: Faults,
    /// A support desk beside the first, in worlds of three systems.
    pub second: Option<SecondDesk>,
    pub mail: Vec<Mailroom>,
    pub store: Store,
    pub fuse: Arc<Fuse>,
    pub engine: Engine,
    pub crashes: usize,
    /// When each crash came, in milliseconds.
    pub crashed_at: Vec<i64>,
    /// What was told so far, in worlds in which it may become unreadable.
    pub witness: Option<Witness>,
    /// Settings that the engine has from its next start on.
    pub options: Options,
    /// Whether the world once did not come to rest.
    pub livelock: bool,
    /// Webhooks on the wire, with the place of their mailroom: until they are answered, the vendor has them still.
    on_the_wire: Mutex<VecDeque<(usize, Delivery)>>,
    vault: Arc<MemoryVault>,
    signing_secret: String,
    seed: u64,
    flaws: Flaws,
    next_poll: i64,
    // The last to go: the store is closed first.
    _house: House,
}

/// What a world is like, whatever happens in it.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// Milliseconds by which the vendors' clocks differ from ours: Salesforce's, Zendesk's.
    pub clocks: (i64, i64),
    /// Whether exports and indexes of Zendesk lag behind, as they do in production.
    pub lag: bool,
    /// The platform of a second support desk, if there is one.
    pub second_desk: Option<Platform>,
    /// What the engine does wrong on purpose.
    pub flaws: Flaws,
}

impl Hub {
    /// A calm world of a seed.
    pub async fn new(seed: u64, flaws: Flaws) -> Self {
        Self::with(seed, Circumstances { clocks: (0, 0), lag: false, second_desk: None, flaws }).await
    }

    /// A world of a seed: the simulators are provisioned with the fields that the shipped mappings need, and nothing else is there.
    pub async fn with(seed: u64, circumstances: Circumstances) -> Self {
        let Circumstances { clocks, lag, second_desk, flaws } = circumstances;
        let clock = Arc::new(AtomicI64::new(START_MS));
        let sim_clock = SimClock::virtual_at(Arc::clone(&clock));
        let (crm_faults, desk_faults) = (Faults::none(seed), Faults::none(seed ^ 0x5eed));
        let crm_mail = Mailroom::new(sim_clock.clone(), crm_faults.clone());
        let desk_mail = Mailroom::new(sim_clock.clone(), desk_faults.clone());
        let clock_of = |offset| sim_clock.with_offset(offset);
        let crm = SalesforceOptions::new(clock_of(clocks.0), Profile::instant(), seed, crm_faults.clone(), crm_mail.clone());
        let real = Profile::zendesk_real();
        let lags = Profile { export_lag_ms: real.export_lag_ms, index_lag_ms: real.index_lag_ms, ..Profile::instant() };
        let mut desk = ZendeskOptions::new(clock_of(clocks.1), if lag { lags } else { Profile::instant() }, seed);
        desk.faults = desk_faults.clone();
        desk.mailroom = desk_mail.clone();
        let (salesforce, zendesk) = (Salesforce::new(crm), Zendesk::new(desk));
        let (second, second_mail) = second_desk.map(|platform| SecondDesk::new(platform, &clock, seed)).unzip();
        let (store, house) = database::open(crate::ON_POSTGRES).await;
        let fuse = Arc::new(Fuse::default());
        let hook = Arc::clone(&fuse);
        store.set_step_hook(Some(Arc::new(move |_| hook.step())));
        let vault = Arc::new(MemoryVault::default());
        let two = (&salesforce, &zendesk);
        let engine = assemble(&store, &clock, two, second.as_ref(), &fuse, &vault, "", seed, flaws, Options::default()).await;
        provision::provision(&engine, true).await.unwrap();
        let objects = ["user", "organization", "ticket"].map(str::to_owned);
        let desk = &engine.connection(ZENDESK).unwrap().connector;
        let signing_secret = desk.subscribe("http://hub/hooks/zendesk", &objects).await.unwrap().unwrap().reveal().to_owned();
        let connector = &engine.connection(SALESFORCE).unwrap().connector;
        let mut selected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (object, reads) in engine.catalog().reads(SALESFORCE) {
            for (own, fields) in connector.told_as(&object, &reads) {
                selected.entry(own).or_default().extend(fields);
            }
        }
        for (object, fields) in &selected {
            let mut fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            fields.extend(["LastModifiedDate", "LastModifiedById", "SystemModstamp"]);
            salesforce.subscribe_outbound(object, &format!("http://hub/hooks/salesforce/{PATH_SECRET}"), &fields);
        }
        if let Some(second) = &second {
            second.tell(&engine).await;
        }
        let two = (&salesforce, &zendesk);
        let engine = assemble(&store, &clock, two, second.as_ref(), &fuse, &vault, &signing_secret, seed, flaws, Options::default()).await;
        let mail = [crm_mail, desk_mail].into_iter().chain(second_mail).collect();
        Self {
            clock,
            salesforce,
            zendesk,
            crm_faults,
            desk_faults,
            second,
            mail,
            store,
            fuse,
            engine,
            crashes: 0,
            crashed_at: Vec::new(),
            witness: None,
            options: Options::default(),
            livelock: false,
            on_the_wire: Mutex::default(),
            vault,
            signing_secret,
            seed,
            flaws,
            next_poll: START_MS,
            _house: house,
        }
    }

    /// Tells of every write at both platforms, for looking into one seed.
    pub fn tell_writes(&self, tell: impl Fn(String) + Clone + Send + Sync + 'static) {
        let tell_crm = tell.clone();
        self.salesforce.on_write(Box::new(move |write| {
            tell_crm(format!("{} crm {:?} {} {} by {}: {:?}", write.at_ms, write.kind, write.object, write.id, write.by, write.changed));
        }));
        self.zendesk.on_write(Box::new(move |write| {
            tell(format!("{} desk {:?} {:?} {} by {}: {:?}", write.at_ms, write.action, write.kind, write.id, write.by, write.changed));
        }));
    }

    /// The ledger and the links, line by line, for looking into one seed.
    pub async fn ledger_lines(&self) -> Vec<String> {
        let read = self.store.read(|tx| {
            let viewer = entente_store::Viewer::system();
            let mut entries = tx.entries(&viewer, &entente_store::EntryFilter::default(), 1_000)?;
            entries.reverse();
            let records: Vec<_> = entries.iter().map(|entry| entry.record.clone()).collect();
            Ok((entries, tx.links_of(&records)?))
        });
        let (entries, links) = read.await.unwrap();
        let mut lines = Vec::new();
        for entry in entries {
            let entente_store::Changes::Open(changes) = &entry.changes else { continue };
            let changes: Vec<String> = changes
                .iter()
                .map(|(field, change)| format!("{field} = {} {:?} lost {:?}", change.after.display(), change.rule, change.lost))
                .collect();
            lines.push(format!(
                "{} entry {} {} {} {}: {}",
                entry.at.as_millisecond(),
                entry.id,
                entry.record,
                entry.cause,
                entry.detail,
                changes.join("; ")
            ));
        }
        let link = |link: &Link| {
            let Link { record, connection, external_id, state, seen_at, seen, .. } = link;
            format!("link {record} {connection}/{external_id} {state:?} seen {seen_at:?} {seen:?}")
        };
        lines.extend(links.iter().map(link));
        lines
    }

    /// What goes wrong with calls and webhooks, platform by platform.
    pub fn all_faults(&self) -> Vec<Faults> {
        let second = self.second.as_ref().map(|second| second.faults.clone());
        [self.crm_faults.clone(), self.desk_faults.clone()].into_iter().chain(second).collect()
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// A sales person of the CRM.
    pub fn rep(&self) -> String {
        self.salesforce.users().sales[0].clone()
    }

    /// An agent of the desk.
    pub fn agent(&self) -> u64 {
        self.zendesk.agents().iter().find(|agent| agent.role == "agent").unwrap().id
    }

    /// Works until nothing is left to do before `until` (milliseconds), moving the clock from event to event.
    pub async fn run_until(&mut self, until: i64) {
        for _ in 0..STEPS_MAX {
            if self.step().await {
                self.bear_witness().await;
                continue;
            }
            let due = work::next_due(&self.engine).await.unwrap().map(Timestamp::as_millisecond);
            let mail = self.mail.iter().filter_map(Mailroom::next_due_ms).min();
            let next = [due, mail, Some(self.next_poll)].into_iter().flatten().min().unwrap_or(until);
            if next > until {
                self.clock.store(until.max(self.now()), Ordering::SeqCst);
                return;
            }
            self.clock.store(next.max(self.now() + 1), Ordering::SeqCst);
        }
        self.livelock = true;
    }

    /// Lets `minutes` pass.
    pub async fn run_for(&mut self, minutes: i64) {
        let until = self.now() + minutes * 60_000;
        self.run_until(until).await;
    }

    /// What is left to do and what failed, for messages of tests.
    pub async fn backlog(&self) -> String {
        let now = self.engine.now();
        let viewer = entente_store::Viewer::system();
        let (counts, letters, events) = self
            .store
            .read(move |tx| {
                let letters = tx.dead_letters(&viewer, &entente_store::DeadLetterFilter::default(), 20)?;
                Ok((tx.hint_counts(now)?, letters, tx.sync_events(&viewer, Timestamp::UNIX_EPOCH, 20)?))
            })
            .await
            .unwrap();
        let letters: Vec<String> = letters.iter().map(|letter| format!("{}: {}", letter.letter.subject, letter.letter.message)).collect();
        let events: Vec<String> = events.iter().map(|event| format!("{} {}", event.event.subject, event.event.error)).collect();
        let (inbox, records, waits, reviews) = self
            .store
            .read(|tx| {
                let viewer = entente_store::Viewer::system();
                let reviews = tx.reviews(&viewer, entente_store::ReviewState::Waiting, 20, None)?;
                Ok((tx.inbox_counts()?, tx.record_counts(&viewer)?, tx.waits(20)?, reviews))
            })
            .await
            .unwrap();
        format!(
            "{counts:?}; dead: {letters:?}; failures: {events:?}; inbox {inbox:?}; records {records:?}; waits {waits:?}; reviews {reviews:?}"
        )
    }

    /// One step of anything that is due. Returns whether there was any. A crash is a step: the next engine goes on.
    pub async fn step(&mut self) -> bool {
        let poll_is_due = self.now() >= self.next_poll;
        if poll_is_due {
            self.next_poll = self.now() + POLL_MS;
        }
        let fuse = Arc::clone(&self.fuse);
        // The dead do nothing any more, in whatever order they are asked.
        let outcome = tokio::select! {
            biased;
            () = fuse.blows() => None,
            worked = self.work(poll_is_due) => Some(worked),
        };
        match outcome {
            Some(worked) if !self.fuse.is_blown() => worked,
            _ => {
                self.die().await;
                if poll_is_due {
                    self.next_poll = self.now();
                }
                true
            }
        }
    }

    /// The process has died, and starts again.
    pub async fn die(&mut self) {
        self.crashes += 1;
        self.crashed_at.push(self.now());
        self.fuse.set(0);
        // Nobody answered: the vendor sends again.
        for (mailroom, delivery) in std::mem::take(&mut *self.on_the_wire.lock().unwrap()) {
            self.mail[mailroom].retry(delivery, 60_000);
        }
        self.restart().await;
    }

    /// The process starts again on the same store.
    pub async fn restart(&mut self) {
        self.engine = assemble(
            &self.store,
            &self.clock,
            (&self.salesforce, &self.zendesk),
            self.second.as_ref(),
            &self.fuse,
            &self.vault,
            &self.signing_secret,
            self.seed + self.crashes as u64,
            self.flaws,
            self.options.clone(),
        )
        .await;
    }

    /// The CRM's webhooks that are due, showing their rows as they are now. They are on the wire until somebody hands them over.
    pub fn leave_crm(&self) -> Vec<Delivery> {
        self.mail[0].take_due()
    }

    /// Hands a webhook over. Its sender takes whatever is answered.
    pub async fn hand_over(&self, delivery: &Delivery) {
        let path = delivery.url.trim_start_matches("http://hub/hooks/");
        let (connection, secret) = path.split_once('/').unwrap_or((path, ""));
        let headers: BTreeMap<String, String> = delivery.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        let _answer = inbox::receive(&self.engine, connection, secret, headers, delivery.body.clone()).await;
    }

    async fn work(&self, poll_is_due: bool) -> bool {
        let mut worked = false;
        for (mailroom, mail) in self.mail.iter().enumerate() {
            self.on_the_wire.lock().unwrap().extend(mail.take_due().into_iter().map(|delivery| (mailroom, delivery)));
        }
        loop {
            let next = self.on_the_wire.lock().unwrap().front().map(|(_, delivery)| delivery.clone());
            let Some(delivery) = next else { break };
            worked = true;
            self.hand_over(&delivery).await;
            if self.fuse.is_blown() {
                return true;
            }
            self.on_the_wire.lock().unwrap().pop_front();
        }
        if poll_is_due {
            // Whatever a vendor does not answer is asked for again.
            let _looked = schema::tick(&self.engine).await;
            for connection in self.engine.connections().keys() {
                for (object, _) in self.engine.catalog().reads(connection) {
                    let _polled = poll::poll(&self.engine, connection, &object, &|_, _, _, _| {}, &|| false).await;
                }
            }
            worked = true;
        }
        worked |= inbox::take_up(&self.engine).await.unwrap_or(0) > 0;
        if !self.engine.leads() {
            // Who leads has what a batch gives rise to travel with it. One that died here leads no more.
            let _leads = lead::beat(&self.engine).await;
        }
        worked |= follow::step(&self.engine, 500).await.unwrap_or(0) > 0;
        worked |= erasures::tick(&self.engine, &|| false).await.unwrap_or(0) > 0;
        let hints = work::claim(&self.engine).await.unwrap_or_default();
        if !hints.is_empty() {
            worked = true;
            let done = work::work(&self.engine, hints).await;
            if let Err(error) = done
                && !self.fuse.is_blown()
            {
                panic!("a batch failed although nobody died: {error}");
            }
        }
        worked
    }
}

#[expect(clippy::too_many_arguments, reason = "one place puts the world together")]
async fn assemble(
    store: &Store,
    clock: &Arc<AtomicI64>,
    (salesforce, zendesk): (&Salesforce, &Zendesk),
    second: Option<&SecondDesk>,
    fuse: &Arc<Fuse>,
    vault: &Arc<MemoryVault>,
    signing_secret: &str,
    seed: u64,
    flaws: Flaws,
    options: Options,
) -> Engine {
    let time = Arc::new(VirtualTime(Arc::clone(clock)));
    let users = salesforce.users();
    let crm = ConnectionSettings {
        name: SALESFORCE.to_owned(),
        platform: "salesforce".to_owned(),
        description: None,
        role: Role::Crm,
        base_url: "http://crm.sim".parse().unwrap(),
        login_url: Some("http://crm.sim".parse().unwrap()),
        follow_instance_url: false,
        api_version: None,
        headers: BTreeMap::new(),
        proxy: None,
        auth: Auth::ClientCredentials { client_id: "sim-client".to_owned(), client_secret: Secret::new("sim-secret") },
        webhooks: WebhookSettings { path_secret: Secret::new(PATH_SECRET), ..WebhookSettings::default() },
        actors: BTreeMap::from([
            ("self_service".to_owned(), vec![users.site.clone()]),
            ("automation".to_owned(), vec![users.automation.clone()]),
            ("integration".to_owned(), vec![users.integration.clone()]),
        ]),
        daily_calls: None,
        salesforce: entente_connect::settings::SalesforceSettings::default(),
        hubspot: entente_connect::settings::HubSpotSettings::default(),
    };
    let desk = ConnectionSettings {
        name: ZENDESK.to_owned(),
        platform: "zendesk".to_owned(),
        description: None,
        role: Role::Support,
        base_url: "http://desk.sim".parse().unwrap(),
        login_url: None,
        auth: Auth::ClientCredentials { client_id: "entente".to_owned(), client_secret: Secret::new("zendesk-client-secret") },
        webhooks: WebhookSettings { signing_secret: Secret::new(signing_secret), ..WebhookSettings::default() },
        actors: BTreeMap::new(),
        ..crm.clone()
    };
    let mut connections = Vec::new();
    let wire = |router| -> Arc<dyn Wire> { Arc::new(InProcess { router, fuse: Arc::clone(fuse) }) };
    let third = second.map(|second| (second.settings(&crm), second.wire(fuse)));
    for (settings, wire) in [(crm, wire(salesforce.router())), (desk, wire(zendesk.router()))].into_iter().chain(third) {
        let surroundings = Surroundings { wire, time: time.clone(), vault: vault.clone(), latency_target: Duration::from_secs(3) };
        connections.push((settings.clone(), connect(settings, surroundings).unwrap()));
    }
    let parts = Parts { store: store.clone(), time, options, connections, seed, flaws };
    Engine::assemble(parts).await.unwrap()
}

/// A customer of the CRM: an account with contacts. Returns their ids.
pub fn seed_customer(hub: &Hub, name: &str, people: &[(&str, &str, &str)]) -> (String, Vec<String>) {
    let rep = hub.rep();
    let account = hub
        .salesforce
        .insert(
            "Account",
            &fields(json!({
                "Name": name, "Type": "Customer", "Industry": "Software", "Website": format!("https://{}.example", name.to_lowercase()),
                "Account_Tier__c": "Pro", "Plan__c": "Pro Annual", "ARR__c": 12000, "Renewal_Date__c": "2026-12-31",
                "CSM_Name__c": "Cora Smith", "CSM_Email__c": "cora@vendor.example", "Status__c": "Active",
            })),
            &rep,
        )
        .unwrap();
    let contacts = people
        .iter()
        .map(|(first, last, email)| {
            let contact = json!({ "FirstName": first, "LastName": last, "Email": email, "AccountId": account, "Title": "Engineer" });
            hub.salesforce.insert("Contact", &fields(contact), &rep).unwrap()
        })
        .collect();
    (account, contacts)
}
