//! The engine: the store, the connections, the catalog, and the ambient things, in one place that every use-case takes.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use entente_connect::connector::Connector;
use entente_connect::settings::ConnectionSettings;
use entente_connect::transport::wire::Time;
use entente_model::clock::Timestamp;
use entente_model::id::{RecordId, uuid_v7};
use entente_model::mapping::Role;
use entente_store::Store;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::catalog::Catalog;
use crate::error::EngineError;
use crate::flaws::Flaws;
use crate::options::Options;
use crate::privacy::blocked::Blocked;
use crate::schema::Suspicions;
use crate::sync::batches::{self, Batches};
use crate::sync::clocks::{self, KeptClock};
use crate::sync::lead::Leadership;
use crate::sync::matchers::Matchers;
use crate::sync::pressure::Pressure;
use crate::sync::resting::Resting;
use crate::sync::resting_objects::RestingObjects;
use crate::sync::sweep::Sweeps;

/// The 74 bits of a record id that are random.
const ID_RANDOM_BITS: u128 = (1 << 74) - 1;

/// One configured connection, ready to use.
pub struct Connection {
    /// Name.
    pub name: String,
    /// The part it plays.
    pub role: Role,
    /// Settings.
    pub settings: ConnectionSettings,
    /// Speaks to the vendor.
    pub connector: Arc<dyn Connector>,
    /// Batch size and pause of this connection.
    pub pressure: Arc<Pressure>,
    /// Objects that are left alone by themselves.
    pub objects: Arc<RestingObjects>,
    /// Whether changes wait for scheduled batches.
    pub batches: Arc<Batches>,
    /// What complete reads have shown.
    pub sweeps: Sweeps,
    /// Webhooks refused since start: forged ones must not cost a write each.
    pub refused: AtomicU64,
    /// When schemas were looked at because of a refusal, or of a blank.
    pub(crate) suspicions: Suspicions,
    /// What is kept of its clock.
    pub(crate) clock: KeptClock,
}

/// The engine. Cheap to clone; all clones are one engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Store,
    time: Arc<dyn Time>,
    options: Options,
    catalog: RwLock<Arc<Catalog>>,
    connections: BTreeMap<String, Connection>,
    random: Mutex<ChaCha8Rng>,
    /// The last id that was given: its milliseconds and its random bits.
    last_id: Mutex<(u64, u128)>,
    /// When live changes were taken up last.
    flushed: Mutex<Option<Timestamp>>,
    owner: String,
    started_at: Timestamp,
    leadership: Leadership,
    following: tokio::sync::Mutex<()>,
    /// How customers are recognised.
    matchers: Mutex<Arc<Matchers>>,
    /// Who was erased and is not taken in, as it was last read.
    blocked: Mutex<Arc<Blocked>>,
    flaws: Flaws,
}

/// What an engine is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Store,
    /// Time.
    pub time: Arc<dyn Time>,
    /// Settings.
    pub options: Options,
    /// Connections with their connectors.
    pub connections: Vec<(ConnectionSettings, Arc<dyn Connector>)>,
    /// Seed of ids and jitter. In production from the operating system, in simulations from the simulation's seed.
    pub seed: u64,
    /// Deliberate mistakes, for tests of the tests. [`Flaws::none`] everywhere else.
    pub flaws: Flaws,
}

impl Engine {
    /// Puts an engine together. Mappings that the store does not have yet are taken from the shipped packs.
    ///
    /// # Errors
    /// When the store cannot be used or a mapping does not fit.
    pub async fn assemble(parts: Parts) -> Result<Self, EngineError> {
        let Parts { store, time, options, connections, seed, flaws } = parts;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let owner = format!("worker-{:016x}", random.random::<u64>());
        let mut connected = BTreeMap::new();
        for (settings, connector) in connections {
            let clock = clocks::recall(&store, &settings.name, connector.as_ref(), time.now()).await?;
            let pressure = Arc::new(Pressure::new(&options, connector.spec()));
            let batches = Arc::new(Batches::new(&options));
            let objects = Arc::new(RestingObjects::default());
            let (of, by, at) = (Arc::clone(&pressure), Arc::clone(&objects), Arc::clone(&time));
            let connector = Arc::new(Resting::new(connector, of, by, Arc::clone(&batches), at));
            let (name, sweeps, refused) = (settings.name.clone(), Sweeps::default(), AtomicU64::new(0));
            let connection = Connection {
                name: name.clone(),
                role: settings.role,
                settings,
                connector,
                pressure,
                objects,
                batches,
                sweeps,
                refused,
                suspicions: Suspicions::default(),
                clock,
            };
            connected.insert(name, connection);
        }
        let connections = connected;
        let started_at = time.now();
        let catalog = crate::metadata::load(&store, &connections, &options, time.now()).await?;
        let matchers = Mutex::new(Arc::new(Matchers::built_in(options.auto_link())));
        let engine = Self(Arc::new(Inner {
            store,
            time,
            options,
            catalog: RwLock::new(Arc::new(catalog)),
            connections,
            random: Mutex::new(random),
            last_id: Mutex::default(),
            flushed: Mutex::default(),
            owner,
            started_at,
            leadership: Leadership::default(),
            following: tokio::sync::Mutex::default(),
            matchers,
            blocked: Mutex::default(),
            flaws,
        }));
        batches::exchange(&engine).await?;
        Ok(engine)
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Settings.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Objects, mappings and policies in force now.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.0.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another catalog in force.
    pub(crate) fn put_catalog(&self, catalog: Catalog) {
        *self.0.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
    }

    /// All connections, by name.
    #[must_use]
    pub fn connections(&self) -> &BTreeMap<String, Connection> {
        &self.0.connections
    }

    /// A connection by name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn connection(&self, name: &str) -> Result<&Connection, EngineError> {
        self.0.connections.get(name).ok_or_else(|| EngineError::UnknownConnection {
            name: name.to_owned(),
            remedy: crate::words::remedy(name, self.0.connections.keys().map(String::as_str)),
        })
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.time.now()
    }

    /// Time that can pass.
    #[must_use]
    pub fn time(&self) -> &Arc<dyn Time> {
        &self.0.time
    }

    /// Name under which this process holds leases.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.0.owner
    }

    /// When this process started.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.0.started_at
    }

    /// Whether this process leads: polls, follows the ledger, seals it and watches for all processes on the same database.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.0.leadership.holds(self.now())
    }

    /// Held by whoever follows the ledger in this process.
    pub(crate) fn following(&self) -> &tokio::sync::Mutex<()> {
        &self.0.following
    }

    pub(crate) fn leadership(&self) -> &Leadership {
        &self.0.leadership
    }

    /// Deliberate mistakes; none in production.
    #[must_use]
    pub fn flaws(&self) -> Flaws {
        self.0.flaws
    }

    /// How customers are recognised, as it was last read.
    pub(crate) fn matchers(&self) -> Arc<Matchers> {
        Arc::clone(&self.0.matchers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other matchers in force.
    pub(crate) fn put_matchers(&self, matchers: Arc<Matchers>) {
        *self.0.matchers.lock().unwrap_or_else(PoisonError::into_inner) = matchers;
    }

    /// Who was erased and is not taken in, as it was last read.
    pub(crate) fn blocked(&self) -> Arc<Blocked> {
        Arc::clone(&self.0.blocked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps what was read of it.
    pub(crate) fn put_blocked(&self, blocked: Arc<Blocked>) {
        *self.0.blocked.lock().unwrap_or_else(PoisonError::into_inner) = blocked;
    }

    fn random(&self) -> MutexGuard<'_, ChaCha8Rng> {
        self.0.random.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When live changes were taken up last by this process.
    pub(crate) fn flushed_at(&self) -> Option<Timestamp> {
        *self.0.flushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that live changes were taken up.
    pub(crate) fn note_flush(&self, at: Timestamp) {
        *self.0.flushed.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// A new record id of an object's prefix. Those of one process sort in the order in which they were given (RFC 9562 §6.2, method 2), so
    /// that what is made together is worked off in its order.
    #[must_use]
    pub fn new_id(&self, prefix: &str) -> RecordId {
        let ms = u64::try_from(self.now().as_millisecond()).unwrap_or(0);
        let (fresh, step) = {
            let mut random = self.random();
            (random.random::<u128>() & ID_RANDOM_BITS, 1 + u128::from(random.random::<u32>()))
        };
        let mut last = self.0.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        // Within a millisecond, and when the clock goes back, a random step from the last one; with the room used up, the next millisecond.
        *last = match *last {
            (at, _) if ms > at => (ms, fresh),
            (at, bits) if bits + step <= ID_RANDOM_BITS => (at, bits + step),
            (at, _) => (at + 1, fresh),
        };
        RecordId::new(prefix, uuid_v7(last.0, last.1))
    }

    /// A random number from 0 to 1, for jitter.
    #[must_use]
    pub fn roll(&self) -> f64 {
        self.random().random()
    }
}
