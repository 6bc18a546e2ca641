//! The hub between two platforms, on a virtual clock. Nothing tells it anything, and it polls, until it listens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use entente_connect::capability::{Detection, Happening};
use entente_connect::registry::connect;
use entente_connect::settings::{ConnectionSettings, Secret};
use entente_connect::transport::Surroundings;
use entente_engine::automation::follow;
use entente_engine::flaws::Flaws;
use entente_engine::privacy::schedule as erasures;
use entente_engine::reports;
use entente_engine::sync::provision::subscriptions;
use entente_engine::sync::{inbox, poll, provision, work};
use entente_engine::{Engine, Options, Parts};
use entente_model::clock::Timestamp;
use entente_model::value::{Fields, get};
use entente_sims::clock::SimClock;
use entente_sims::mailroom::{Delivery, Mailroom};
use entente_store::{LinkState, RecordQuery, RemoteKey, ReviewState, Store, Viewer};

use super::side::{Agents, Listen, People, Sales, Started, start};
use crate::ambient::{Fuse, InProcess, MemoryVault, VirtualTime};
use crate::database::{self, House};

/// 2026-01-05T09:00:00Z: a Monday morning.
const START_MS: i64 = 1_767_603_600_000;
const POLL_MS: i64 = 15 * 60 * 1000;
/// Steps after which a pair that does not come to rest is called a livelock.
const STEPS_MAX: usize = 5_000;

/// Where the platforms send what they tell.
const HUB: &str = "https://hub.example";
/// Minutes within which what a platform tells has arrived on the other side. Polls are three times as rare.
const TOLD_IN: i64 = 5;

/// A platform, as the hub sees it.
struct Side {
    settings: ConnectionSettings,
    router: axum::Router,
    mail: Option<Mailroom>,
    listen: Option<Listen>,
}

pub struct Pair {
    pub sales: Box<dyn Sales>,
    pub agents: Box<dyn Agents>,
    pub engine: Engine,
    sides: Vec<Side>,
    store: Store,
    vault: Arc<MemoryVault>,
    clock: Arc<AtomicI64>,
    next_poll: i64,
    polls: usize,
    /// Webhooks that were taken, by connection.
    heard: BTreeMap<String, usize>,
    // The last to go: the store is closed first.
    _house: House,
}

impl Pair {
    pub async fn of(crm: &str, desk: &str) -> Self {
        Self::with(|clock| (start(crm, clock.clone()), start(desk, clock))).await
    }

    /// The hub between a CRM and a desk that are started by the story itself.
    pub async fn with(begin: impl FnOnce(SimClock) -> (Started, Started)) -> Self {
        let clock = Arc::new(AtomicI64::new(START_MS));
        let (crm, desk) = begin(SimClock::virtual_at(Arc::clone(&clock)));
        let (store, house) = database::open(crate::ON_POSTGRES).await;
        let vault = Arc::new(MemoryVault::default());
        let mut sides = Vec::new();
        let mut people = Vec::new();
        for Started { settings, router, people: who, mail, listen } in [crm, desk] {
            sides.push(Side { settings, router, mail, listen });
            people.push(who);
        }
        let engine = assemble(&store, &clock, &vault, &sides).await;
        let (Some(People::Agents(agents)), Some(People::Sales(sales))) = (people.pop(), people.pop()) else {
            panic!("a CRM has sales, a desk has agents")
        };
        let made = provision::provision(&engine, true).await.unwrap();
        let refused: Vec<String> = made.iter().filter(|need| need.state == "refused").map(|need| format!("{need:?}")).collect();
        assert!(refused.is_empty(), "fields that cannot be made: {}", refused.join("\n"));
        let heard = BTreeMap::new();
        Self { sales, agents, engine, sides, store, vault, clock, next_poll: START_MS, polls: 0, heard, _house: house }
    }

    /// Has the platforms tell what happens, as `entente provision --apply` and people in the platforms' consoles do it.
    pub async fn listen(&mut self) {
        let secret = || Ok(Secret::new("a-secret-path"));
        for side in &mut self.sides {
            let name = side.settings.name.clone();
            let connection = self.engine.connection(&name).unwrap();
            let made = subscriptions::one(&self.engine, connection, Some(HUB), true, &secret).await.unwrap();
            subscriptions::complete(&self.store, &name, &mut side.settings.webhooks).await.unwrap();
            match (made.state.as_str(), &side.listen) {
                ("created", _) => {}
                ("manual", Some(listen)) => {
                    let url = subscriptions::address(HUB, &name, &side.settings.webhooks.path_secret);
                    listen(url.reveal(), &made.objects);
                }
                _ => panic!("{name} is not told to send webhooks: {made:?}"),
            }
            // Nobody listened until now.
            side.mail.iter().for_each(|mail| drop(mail.take_due()));
        }
        self.engine = assemble(&self.store, &self.clock, &self.vault, &self.sides).await;
    }

    /// Whether a platform tells by itself of what happens to the rows of an object, or to a field of them.
    pub fn tells(&self, connection: &str, object: &str, what: Happening, field: Option<&str>) -> bool {
        let connection = self.engine.connection(connection).unwrap();
        let remote = self.engine.catalog().mapped(&connection.name, object).map(|mapped| mapped.mapping().remote.clone());
        let Some(able) = remote.and_then(|remote| connection.connector.spec().capabilities(&remote)) else { return false };
        able.seen(what).webhook && field.is_none_or(|field| able.of_field(field, false).webhook)
    }

    /// Somebody does something at a platform. Where that tells of it (`told`), it is seen before any poll; else within `seen_in` minutes.
    pub async fn does<R>(&mut self, at: &str, told: bool, seen_in: i64, what: impl FnOnce(&Self) -> R) -> R {
        if !told {
            let done = what(self);
            self.pass(seen_in).await;
            return done;
        }
        if self.next_poll - self.now() <= TOLD_IN * 60_000 {
            self.pass(TOLD_IN + 1).await;
        }
        let (polls, heard) = (self.polls, self.heard.get(at).copied());
        let done = what(self);
        self.pass(TOLD_IN).await;
        assert_eq!(self.polls, polls, "no poll had to help");
        assert!(self.heard.get(at).copied() > heard, "{at} has told nothing");
        done
    }

    /// How the leads that are kept are called.
    pub async fn leads(&self) -> Vec<String> {
        let query = RecordQuery { object: Some("lead".to_owned()), ..RecordQuery::default() };
        let found = self.engine.store().read(move |tx| tx.list_records(&Viewer::system(), &query, 10)).await.unwrap();
        let called = |fields: &Fields| {
            let names = ["subject", "last_name"].map(|name| get(fields, name).display());
            names.into_iter().find(|name| !name.is_empty()).unwrap_or_default()
        };
        found.records.iter().map(|lead| called(&lead.data)).collect()
    }

    /// Why people are asked about two records.
    pub async fn questions(&self) -> Vec<String> {
        let viewer = Viewer::system();
        let found = self.engine.store().read(move |tx| tx.reviews(&viewer, ReviewState::Waiting, 20, None)).await.unwrap();
        found.iter().map(|review| review.review.evidence["why"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What has become of the contact that is this row at a connection, as far as the hub knows.
    pub async fn link(&self, connection: &str, id: &str) -> Option<LinkState> {
        let remote = self.engine.catalog().mapped(connection, "contact").unwrap().mapping().remote.clone();
        let key = RemoteKey::new(connection, remote, id);
        self.engine.store().read(move |tx| Ok(tx.links_at(&[key])?.into_values().next().map(|link| link.state))).await.unwrap()
    }

    /// How a platform's deletions and merges of contacts come to be known.
    pub fn told(&self, connection: &str) -> (Detection, Detection) {
        let connection = self.engine.connection(connection).unwrap();
        let remote = self.engine.catalog().mapped(&connection.name, "contact").unwrap().mapping().remote.clone();
        let able = connection.connector.spec().capabilities(&remote).unwrap();
        (able.seen(Happening::Deleted), able.seen(Happening::Merged))
    }

    fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// Lets minutes pass, and works meanwhile.
    pub async fn pass(&mut self, minutes: i64) {
        let until = self.now() + minutes * 60_000;
        for _ in 0..STEPS_MAX {
            if self.step().await {
                continue;
            }
            let due = work::next_due(&self.engine).await.unwrap().map(Timestamp::as_millisecond);
            let mail = self.mail().filter_map(Mailroom::next_due_ms).min();
            let next = due.into_iter().chain(mail).chain([self.next_poll]).min().unwrap_or(until);
            if next > until {
                self.clock.store(until.max(self.now()), Ordering::SeqCst);
                return;
            }
            self.clock.store(next.max(self.now() + 1), Ordering::SeqCst);
        }
        panic!("no rest within {STEPS_MAX} steps");
    }

    fn mail(&self) -> impl Iterator<Item = &Mailroom> {
        self.sides.iter().filter_map(|side| side.mail.as_ref())
    }

    /// Takes what the platforms tell. Whatever is refused is a mistake: it was set up as the connectors say.
    async fn take_mail(&mut self) -> bool {
        let letters: Vec<Delivery> = self.mail().flat_map(Mailroom::take_due).collect();
        for letter in &letters {
            let path = letter.url.strip_prefix(HUB).and_then(|path| path.strip_prefix("/hooks/"));
            let path = path.unwrap_or_else(|| panic!("{} is not where webhooks go", letter.url));
            let (connection, secret) = path.split_once('/').unwrap_or((path, ""));
            let named = letter.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
            let headers = named.chain([("host".to_owned(), HUB.trim_start_matches("https://").to_owned())]).collect();
            let taken = inbox::receive(&self.engine, connection, secret, headers, letter.body.clone()).await;
            assert!(taken.is_ok(), "{connection}: {taken:?}: {}", String::from_utf8_lossy(&letter.body));
            *self.heard.entry(connection.to_owned()).or_default() += 1;
        }
        inbox::take_up(&self.engine).await.unwrap() > 0 || !letters.is_empty()
    }

    async fn step(&mut self) -> bool {
        let mut worked = self.take_mail().await;
        if self.now() >= self.next_poll {
            self.next_poll = self.now() + POLL_MS;
            self.polls += 1;
            worked = true;
            let connections: Vec<String> = self.engine.connections().keys().cloned().collect();
            for connection in connections {
                for (object, _) in self.engine.catalog().reads(&connection) {
                    // Whatever a platform does not answer is asked for again.
                    let _polled = poll::poll(&self.engine, &connection, &object, &|_, _, _, _| {}, &|| false).await;
                }
            }
        }
        worked |= follow::step(&self.engine, 500).await.unwrap() > 0;
        worked |= erasures::tick(&self.engine, &|| false).await.unwrap() > 0;
        let hints = work::claim(&self.engine).await.unwrap();
        if !hints.is_empty() {
            work::work(&self.engine, hints).await.unwrap();
            worked = true;
        }
        worked
    }

    /// What stands in the way of agreement, as the dashboard and the lists tell; empty when nothing does.
    pub async fn trouble(&self) -> String {
        let viewer = entente_store::Viewer::system();
        let letters =
            self.engine.store().read(move |tx| tx.dead_letters(&viewer, &entente_store::DeadLetterFilter::default(), 20)).await.unwrap();
        let letters: Vec<String> = letters.iter().map(|letter| format!("{}: {}", letter.letter.subject, letter.letter.message)).collect();
        let shown = reports::dashboard(&self.engine).await.unwrap();
        let shown = serde_json::to_value(&shown).unwrap();
        let consistency = &shown["consistency"];
        let calm = letters.is_empty() && consistency["in_flight"] == 0 && consistency["drift"].as_u64().unwrap_or(0) == 0;
        if calm { String::new() } else { format!("dead letters {letters:?}, consistency {consistency}") }
    }
}

/// The hub on a store, with the platforms as they are set up now.
async fn assemble(store: &Store, clock: &Arc<AtomicI64>, vault: &Arc<MemoryVault>, sides: &[Side]) -> Engine {
    let (time, fuse) = (Arc::new(VirtualTime(Arc::clone(clock))), Arc::new(Fuse::default()));
    let connections = sides.iter().map(|Side { settings, router, .. }| {
        let wire = Arc::new(InProcess { router: router.clone(), fuse: Arc::clone(&fuse) });
        let surroundings = Surroundings { wire, time: time.clone(), vault: vault.clone(), latency_target: Duration::from_secs(3) };
        (settings.clone(), connect(settings.clone(), surroundings).unwrap())
    });
    let (connections, options) = (connections.collect(), Options { leads: true, ..Options::default() });
    let parts = Parts { store: store.clone(), time: time.clone(), options, connections, seed: 7, flaws: Flaws::none() };
    Engine::assemble(parts).await.unwrap()
}
