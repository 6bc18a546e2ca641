//! The hub between two platforms, on a virtual clock. Nothing tells it anything: it polls.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use entente_connect::capability::{Detection, Happening};
use entente_connect::registry::connect;
use entente_connect::transport::Surroundings;
use entente_engine::automation::follow;
use entente_engine::flaws::Flaws;
use entente_engine::privacy::schedule as erasures;
use entente_engine::reports;
use entente_engine::sync::{poll, provision, work};
use entente_engine::{Engine, Options, Parts};
use entente_model::clock::Timestamp;
use entente_model::value::{Fields, get};
use entente_sims::clock::SimClock;
use entente_store::{LinkState, RecordQuery, RemoteKey, ReviewState, Viewer};

use super::side::{Agents, People, Sales, Started, start};
use crate::ambient::{Fuse, InProcess, MemoryVault, VirtualTime};
use crate::database::{self, House};

/// 2026-01-05T09:00:00Z: a Monday morning.
const START_MS: i64 = 1_767_603_600_000;
const POLL_MS: i64 = 15 * 60 * 1000;
/// Steps after which a pair that does not come to rest is called a livelock.
const STEPS_MAX: usize = 5_000;

pub struct Pair {
    pub sales: Box<dyn Sales>,
    pub agents: Box<dyn Agents>,
    pub engine: Engine,
    clock: Arc<AtomicI64>,
    next_poll: i64,
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
        let time = Arc::new(VirtualTime(Arc::clone(&clock)));
        let (vault, fuse) = (Arc::new(MemoryVault::default()), Arc::new(Fuse::default()));
        let mut connections = Vec::new();
        let mut people = Vec::new();
        for side in [crm, desk] {
            let wire = Arc::new(InProcess { router: side.router, fuse: Arc::clone(&fuse) });
            let surroundings = Surroundings { wire, time: time.clone(), vault: vault.clone(), latency_target: Duration::from_secs(3) };
            connections.push((side.settings.clone(), connect(side.settings, surroundings).unwrap()));
            people.push(side.people);
        }
        let parts =
            Parts { store, time, options: Options { leads: true, ..Options::default() }, connections, seed: 7, flaws: Flaws::none() };
        let engine = Engine::assemble(parts).await.unwrap();
        let (Some(People::Agents(agents)), Some(People::Sales(sales))) = (people.pop(), people.pop()) else {
            panic!("a CRM has sales, a desk has agents")
        };
        let made = provision::provision(&engine, true).await.unwrap();
        let refused: Vec<String> = made.iter().filter(|need| need.state == "refused").map(|need| format!("{need:?}")).collect();
        assert!(refused.is_empty(), "fields that cannot be made: {}", refused.join("\n"));
        Self { sales, agents, engine, clock, next_poll: START_MS, _house: house }
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
            let next = due.into_iter().chain([self.next_poll]).min().unwrap_or(until);
            if next > until {
                self.clock.store(until.max(self.now()), Ordering::SeqCst);
                return;
            }
            self.clock.store(next.max(self.now() + 1), Ordering::SeqCst);
        }
        panic!("no rest within {STEPS_MAX} steps");
    }

    async fn step(&mut self) -> bool {
        let mut worked = false;
        if self.now() >= self.next_poll {
            self.next_poll = self.now() + POLL_MS;
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
