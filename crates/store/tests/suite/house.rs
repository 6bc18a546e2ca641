//! A fresh database for every story.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::{RecordId, uuid_v7};
use entente_model::value::{Fields, Value};
use entente_store::{Change, MasterKey, NewEntry, NewHint, PutRecord, Record, RecordState, Store, StoreOptions, StoreUrl};
use tokio_postgres::NoTls;

/// Tells a story on SQLite and, when there is one, on PostgreSQL.
macro_rules! story {
    ($(#[$meta:meta])* async fn $name:ident($store:ident: &House) $body:block) => {
        mod $name {
            use super::*;

            async fn told($store: &House) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let house = House::sqlite().await;
                told(&house).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                let Some(house) = House::postgres().await else { return };
                told(&house).await;
                house.pull_down().await;
            }
        }
    };
}
pub(crate) use story;

/// A store and what is needed to open its database again.
pub struct House {
    pub store: Store,
    pub url: StoreUrl,
    admin: Option<(String, String)>,
    _folder: Option<tempfile::TempDir>,
}

impl std::ops::Deref for House {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
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
    driver.await.expect("driver").expect("connection");
}

pub fn key() -> MasterKey {
    MasterKey::from_bytes(&[7; 32]).expect("32 bytes")
}

impl House {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = StoreUrl::Sqlite(folder.path().join("entente.db"));
        let store = Store::open(&url, StoreOptions::new(key())).await.expect("a new store");
        Self { store, url, admin: None, _folder: Some(folder) }
    }

    pub async fn postgres() -> Option<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let admin_url = admin_url()?;
        let name = format!("entente_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        admin(&admin_url, &format!("create database {name} template template0")).await;
        let (server, _) = admin_url.rsplit_once('/').expect("a URL with a database");
        let url = StoreUrl::parse(&format!("{server}/{name}")).expect("a URL");
        let mut options = StoreOptions::new(key());
        options.pool_size = 6;
        let store = Store::open(&url, options).await.expect("a new store");
        Some(Self { store, url, admin: Some((admin_url, name)), _folder: None })
    }

    pub async fn pull_down(self) {
        let Self { store, admin: Some((url, name)), .. } = self else { return };
        drop(store);
        admin(&url, &format!("drop database {name} with (force)")).await;
    }

    /// Opens the same database once more, as another process would.
    pub async fn again(&self) -> entente_store::Result<Store> {
        Store::open(&self.url, StoreOptions::new(key())).await
    }

    /// Damages the database behind the program's back.
    pub async fn raw(&self, sql: &'static str) {
        self.store.write(move |tx| tx.raw(sql)).await.expect(sql);
    }

    /// Takes away what keeps the ledger append-only, as somebody with the database's password can.
    pub async fn unlock_ledger(&self) {
        if self.store.is_postgres() {
            self.raw("drop trigger entries_append_only on entries; drop trigger blocks_append_only on blocks").await;
        } else {
            self.raw("drop trigger entries_no_update; drop trigger entries_no_delete; drop trigger blocks_no_update; drop trigger blocks_no_delete")
                .await;
        }
    }
}

/// An instant, in milliseconds after an arbitrary start.
pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).expect("in range")
}

pub fn contact(number: u64) -> RecordId {
    RecordId::new("con", uuid_v7(1_800_000_000_000, u128::from(number)))
}

pub fn text(field: &str, value: &str) -> Fields {
    Fields::from([(field.to_owned(), Value::text(value))])
}

pub fn record(number: u64, name: &str) -> PutRecord {
    let id = contact(number);
    let record = Record {
        subject: id.to_string(),
        id,
        object: "contact".into(),
        data: text("name", name),
        provenance: BTreeMap::from([("name".into(), 1)]),
        created_at: at(0),
        updated_at: at(i64::try_from(number).expect("small")),
        version: 0,
        state: RecordState::Active,
        merged_into: None,
    };
    PutRecord { record, search_text: name.to_owned() }
}

pub fn entry(number: u64, before: &str, after: &str) -> NewEntry {
    let change = Change { before: Value::text(before), after: Value::text(after), rule: None, ..Change::default() };
    NewEntry {
        record: contact(number),
        object: "contact".into(),
        subject: contact(number).to_string(),
        at: at(0),
        actor: Actor::Sales,
        actor_name: "crm".into(),
        cause: "webhook".into(),
        detail: "latest change wins".into(),
        connection: Some("crm".into()),
        changes: BTreeMap::from([("name".into(), change)]),
    }
}

pub fn hint(subject: &str, due: i64) -> NewHint {
    NewHint {
        subject: subject.into(),
        object: "contact".into(),
        lane: 2,
        due_at: at(due),
        cause: "webhook".into(),
        fetch: BTreeSet::new(),
        origin_at: None,
        is_news: false,
        at: at(0),
    }
}
