//! Seeded worlds: people edit both sides while everything goes wrong, the process dies at a random step, and in the end every promise of
//! the sync must hold. A seed that fails prints itself.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use entente_engine::flaws::Flaws;

use crate::database::Database;
use crate::world::World;

/// Worlds in the suite on SQLite; `ENTENTE_SIM_SEEDS` asks for more.
const SEEDS: u64 = 200;
/// Worlds in the suite on PostgreSQL. A seed is the same world on both.
const SEEDS_ON_POSTGRES: u64 = 12;

/// Runs the world of a seed and answers which promises it broke.
async fn broken_promises(seed: u64, database: Database, flaws: Flaws) -> Vec<String> {
    let mut world = World::of(seed, database, flaws).await;
    if !world.live().await {
        return vec![format!("quiet: the world does not come to rest: {}", world.hub.backlog().await)];
    }
    world.judge().await
}

fn seeds(usual: u64) -> Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let from = number("ENTENTE_SIM_FROM").unwrap_or(1);
    from..from + number("ENTENTE_SIM_SEEDS").unwrap_or(usual)
}

/// Runs worlds on both cores; each thread has a runtime of its own, so that a world is alone on its clock.
/// A flawed engine is run until the first world catches it.
fn run_worlds(seeds: Range<u64>, database: Database, flaws: Flaws) -> Vec<(u64, Vec<String>)> {
    let next = AtomicU64::new(seeds.start);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    let caught = flaws != Flaws::none() && !failures.lock().unwrap().is_empty();
                    if seed >= seeds.end || caught {
                        return;
                    }
                    let broken = runtime.block_on(broken_promises(seed, database, flaws));
                    if !broken.is_empty() {
                        println!("seed {seed}:\n  {}", broken.join("\n  "));
                        failures.lock().unwrap().push((seed, broken));
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

fn all_hold(failures: &[(u64, Vec<String>)]) {
    assert!(failures.is_empty(), "{} worlds broke a promise; the first is seed {}", failures.len(), failures[0].0);
}

#[test]
fn every_promise_holds_in_every_world() {
    all_hold(&run_worlds(seeds(SEEDS), Database::Sqlite, Flaws::none()));
}

#[test]
fn every_promise_holds_on_postgres_too() {
    if Database::Postgres.is_there() {
        all_hold(&run_worlds(seeds(SEEDS_ON_POSTGRES), Database::Postgres, Flaws::none()));
    }
}

#[test]
fn an_echo_filter_by_time_is_caught() {
    let flaws = Flaws { echo_filter_by_time: true, ..Flaws::none() };
    assert!(!run_worlds(1..31, Database::Sqlite, flaws).is_empty(), "no world noticed that real edits were taken for echoes");
}

#[test]
fn last_write_wins_on_the_whole_record_is_caught() {
    let flaws = Flaws { last_write_wins_record: true, ..Flaws::none() };
    assert!(!run_worlds(1..31, Database::Sqlite, flaws).is_empty(), "no world noticed that whole records were overwritten");
}

#[test]
fn creating_without_a_key_is_caught() {
    let flaws = Flaws { create_without_key: true, ..Flaws::none() };
    assert!(!run_worlds(1..31, Database::Sqlite, flaws).is_empty(), "no world noticed the twins");
}
