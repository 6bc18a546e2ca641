//! A store, a CRM and a desk, and engines on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use entente_connect::connector::Connector;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_connect::transport::wire::Time;
use entente_engine::flaws::Flaws;
use entente_engine::sync::poll::poll;
use entente_engine::sync::run::run;
use entente_engine::sync::{inbox, work};
use entente_engine::{Engine, Options, Parts};
use entente_model::clock::{Clock, Timestamp};
use entente_model::mapping::Role;
use entente_model::value::Fields;
use entente_store::{Durability, Link, MasterKey, NewHint, Record, RecordQuery, Store, StoreOptions, StoreUrl, StoredLook, Tx, Viewer};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;

use crate::platform::Platform;

pub const CRM: &str = "crm";
pub const DESK: &str = "desk";

/// The machine's time, and how far a test has moved it.
#[derive(Clone, Default)]
pub struct Watch(Arc<AtomicI64>);

impl Watch {
    pub fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn now_ms(&self) -> i64 {
        self.now().as_millisecond()
    }
}

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(Timestamp::now().as_millisecond() + self.0.load(Ordering::SeqCst)).unwrap()
    }
}

#[async_trait]
impl Time for Watch {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Everything but the engines.
pub struct House {
    pub url: StoreUrl,
    pub store: Store,
    pub crm: Platform,
    pub desk: Platform,
    pub watch: Watch,
    pub options: Options,
    engines: AtomicU64,
    admin: Option<(String, String)>,
}

fn store_options() -> StoreOptions {
    let mut options = StoreOptions::new(MasterKey::from_bytes(&[7; 32]).unwrap());
    options.durability = Durability::Normal;
    options.pool_size = 6;
    options
}

#[expect(clippy::disallowed_methods, reason = "tests learn of a PostgreSQL server from the environment")]
fn admin_url() -> Option<String> {
    std::env::var("ENTENTE_TEST_POSTGRES").ok()
}

async fn admin(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the PostgreSQL of ENTENTE_TEST_POSTGRES");
    let driver = tokio::spawn(connection);
    client.batch_execute(sql).await.expect(sql);
    drop(client);
    driver.await.unwrap().unwrap();
}

fn settings(name: &str, platform: &str, role: Role) -> ConnectionSettings {
    ConnectionSettings {
        name: name.to_owned(),
        platform: platform.to_owned(),
        description: None,
        role,
        base_url: "http://memory.example".parse().unwrap(),
        login_url: None,
        follow_instance_url: false,
        api_version: None,
        headers: BTreeMap::new(),
        proxy: None,
        auth: Auth::ClientCredentials { client_id: "us".to_owned(), client_secret: Secret::new("secret") },
        webhooks: WebhookSettings::default(),
        actors: BTreeMap::new(),
        daily_calls: None,
        salesforce: entente_connect::settings::SalesforceSettings::default(),
        hubspot: entente_connect::settings::HubSpotSettings::default(),
    }
}

impl House {
    async fn on(url: StoreUrl, admin: Option<(String, String)>) -> Self {
        let store = Store::open(&url, store_options()).await.unwrap();
        let options = Options { latency_target_ms: 500, ..Options::default() };
        Self {
            url,
            store,
            crm: Platform::default(),
            desk: Platform::default(),
            watch: Watch::default(),
            options,
            engines: AtomicU64::new(0),
            admin,
        }
    }

    pub async fn sqlite() -> Self {
        Self::on(StoreUrl::Temporary, None).await
    }

    /// A database on the PostgreSQL of the test run, if it has one.
    pub async fn postgres() -> Option<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let admin_url = admin_url()?;
        let name = format!("entente_running_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        admin(&admin_url, &format!("create database {name} template template0")).await;
        let (server, _) = admin_url.rsplit_once('/').unwrap();
        let url = StoreUrl::parse(&format!("{server}/{name}")).unwrap();
        Some(Self::on(url, Some((admin_url, name))).await)
    }

    pub async fn pull_down(self) {
        let Self { store, admin: Some((url, name)), .. } = self else { return };
        drop(store);
        admin(&url, &format!("drop database {name} with (force)")).await;
    }

    /// One more process on the same database, with connections of its own.
    pub async fn another(&self) -> Engine {
        let store = Store::open(&self.url, store_options()).await.unwrap();
        self.engine_on(store).await
    }

    /// One more engine on the same store.
    pub async fn engine(&self) -> Engine {
        self.engine_on(self.store.clone()).await
    }

    /// One more engine on the same store, with support desks beside the first.
    pub async fn engine_beside(&self, desks: &[(&str, &Platform)]) -> Engine {
        self.engine_with(self.store.clone(), desks).await
    }

    async fn engine_on(&self, store: Store) -> Engine {
        self.engine_with(store, &[]).await
    }

    async fn engine_with(&self, store: Store, desks: &[(&str, &Platform)]) -> Engine {
        let connect = |platform: &Platform| Arc::new(platform.clone()) as Arc<dyn Connector>;
        let mut connections = vec![
            (settings(CRM, "salesforce", Role::Crm), connect(&self.crm)),
            (settings(DESK, "zendesk", Role::Support), connect(&self.desk)),
        ];
        connections.extend(desks.iter().map(|(name, platform)| (settings(name, "zendesk", Role::Support), connect(platform))));
        let seed = self.engines.fetch_add(1, Ordering::Relaxed);
        let parts =
            Parts { store, time: Arc::new(self.watch.clone()), options: self.options.clone(), connections, seed, flaws: Flaws::none() };
        Engine::assemble(parts).await.unwrap()
    }

    /// A customer of the CRM. Returns the id of its row there.
    pub fn customer(&self, name: &str) -> String {
        self.crm.put("Account", None, &[("Name", name), ("Type", "Customer"), ("Industry", "Software")])
    }

    /// Both platforms describe what the shipped mapping of accounts needs, and these fields.
    pub fn describe_accounts(&self, crm: &[&str], desk: &[&str]) {
        for (platform, shipped, more) in [(&self.crm, "salesforce", crm), (&self.desk, "zendesk", desk)] {
            let mappings = entente_engine::catalog::shipped_mappings(shipped).unwrap();
            let mapping = mappings.into_iter().find(|mapping| mapping.object == "account").unwrap();
            let mut names: BTreeSet<String> = mapping.fields.iter().map(|line| line.remote.clone()).collect();
            names.extend(mapping.fields.iter().filter_map(|line| line.currency.clone()));
            names.extend(mapping.also_read.iter().cloned().chain([mapping.key.clone()]));
            names.extend(more.iter().map(|name| (*name).to_owned()));
            platform.has_columns(more);
            platform.describe_as(&mapping.remote, &names);
        }
    }

    /// Records of accounts, by name.
    pub async fn accounts(&self) -> BTreeMap<String, Record> {
        let query = RecordQuery { object: Some("account".to_owned()), ..RecordQuery::default() };
        let page = self.store.read(move |tx| tx.list_records(&Viewer::system(), &query, 100)).await.unwrap();
        page.records.into_iter().map(|record| (name(&record.data), record)).collect()
    }

    pub async fn link(&self, record: &Record, connection: &str) -> Link {
        let id = record.id.clone();
        let links = self.store.read(move |tx| tx.links_of(&[id])).await.unwrap();
        links.into_iter().find(|link| link.connection == connection).unwrap()
    }

    /// A look is kept, and a hint given, as when something came in.
    pub async fn tell(&self, look: StoredLook, hint: NewHint) {
        let tell = move |tx: &mut Tx<'_>| {
            tx.put_looks(std::slice::from_ref(&look))?;
            tx.hint(std::slice::from_ref(&hint))
        };
        self.store.write(tell).await.unwrap();
    }

    pub async fn counted(&self, counter: &'static str) -> i64 {
        let now = self.watch.now();
        let later = Timestamp::from_millisecond(now.as_millisecond() + 1).unwrap();
        self.store.read(move |tx| tx.counted(counter, None, Timestamp::UNIX_EPOCH, later)).await.unwrap()
    }
}

pub fn name(fields: &Fields) -> String {
    entente_model::value::get(fields, "name").display()
}

/// Reads whatever is new at every connection.
pub async fn read_all(engine: &Engine) {
    for connection in [CRM, DESK] {
        for (object, _) in engine.catalog().reads(connection) {
            poll(engine, connection, &object, &|_, _, _, _| {}, &|| false).await.unwrap();
        }
    }
}

/// Works off everything that is due, letting the waits for company pass.
pub async fn work_off(house: &House, engine: &Engine) {
    for _ in 0..200 {
        inbox::take_up(engine).await.unwrap();
        let hints = work::claim(engine).await.unwrap();
        if !hints.is_empty() {
            work::work(engine, hints).await.unwrap();
            continue;
        }
        let due = work::next_due(engine).await.unwrap().map(|due| due.as_millisecond() - house.watch.now().as_millisecond());
        match due {
            Some(wait) if wait <= 2_000 => house.watch.pass(wait.max(1)),
            _ => return,
        }
    }
    panic!("the work does not end");
}

/// An engine at work in loops of its own.
pub struct Process {
    pub engine: Engine,
    stop: watch::Sender<bool>,
    done: JoinHandle<entente_engine::Result<()>>,
}

impl Process {
    pub fn start(engine: Engine) -> Self {
        let (stop, stopped) = watch::channel(false);
        let done = tokio::spawn(run(engine.clone(), stopped, Arc::new(|_: &str, _: &str, _: u64, _: Option<u64>| {})));
        Self { engine, stop, done }
    }

    /// It dies without a word.
    pub fn kill(self) {
        self.done.abort();
    }

    /// Tells it to stop and waits until it has.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.done.await.unwrap().unwrap();
    }
}

/// Waits until something is so.
pub async fn eventually<F: Future<Output = bool>>(what: &str, so: impl Fn() -> F) {
    for _ in 0..600 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never came true: {what}");
}
