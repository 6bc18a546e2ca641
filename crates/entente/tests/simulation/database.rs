//! A fresh database for every world: a temporary SQLite file, or one of the PostgreSQL server whose administrator's URL is in
//! `ENTENTE_TEST_POSTGRES`.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use entente_store::{Durability, MasterKey, Store, StoreOptions, StoreUrl};

/// Environment variable with the URL of a PostgreSQL server that tests may use.
const SERVER: &str = "ENTENTE_TEST_POSTGRES";
/// Connections of one world.
const POOL: usize = 4;

/// A store on a fresh database, and what removes it at last.
pub async fn open(on_postgres: bool) -> (Store, House) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut options = StoreOptions::new(MasterKey::from_bytes(&[7; 32]).unwrap());
    options.durability = Durability::Normal;
    options.pool_size = POOL;
    options.in_step = true;
    let server = std::env::var(SERVER).ok().filter(|_| on_postgres);
    let (url, house) = match server {
        None => {
            if on_postgres {
                println!("{SERVER} names no PostgreSQL server: this runs on SQLite");
            }
            (StoreUrl::Temporary, House(None))
        }
        Some(server) => {
            let name = format!("entente_world_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
            ask(&server, &format!("create database {name} template template0"));
            let (host, _) = server.rsplit_once('/').unwrap();
            (StoreUrl::parse(&format!("{host}/{name}")).unwrap(), House(Some((server, name))))
        }
    };
    (Store::open(&url, options).await.unwrap(), house)
}

/// A database that goes away with this value.
pub struct House(Option<(String, String)>);

impl Drop for House {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.0 {
            ask(server, &format!("drop database {name} with (force)"));
        }
    }
}

/// Making a database is no transaction, so the vendor's own client does it.
fn ask(server: &str, sql: &str) {
    let output = Command::new("psql").args(["--no-psqlrc", "--quiet", "--dbname", server, "--command", sql]).output();
    let output = output.expect("`psql` makes the databases of these tests: install the PostgreSQL client");
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
}
