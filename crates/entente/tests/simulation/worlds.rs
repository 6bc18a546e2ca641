//! Seeded worlds: people edit both sides while everything goes wrong, the process dies at a random step, and in the end every promise of
//! the sync must hold. A seed that fails prints itself.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use entente_engine::flaws::Flaws;

use crate::world::World;

/// Runs the world of a seed and answers which promises it broke.
async fn broken_promises(seed: u64, flaws: Flaws) -> Vec<String> {
    let mut world = World::of(seed, flaws).await;
    if !world.live().await {
        return vec![format!("quiet: the world does not come to rest: {}", world.hub.backlog().await)];
    }
    world.judge().await
}

/// The seeds of the suite, or those that `ENTENTE_SIM_FROM` and `ENTENTE_SIM_SEEDS` ask for.
fn seeds() -> Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let from = number("ENTENTE_SIM_FROM").unwrap_or(1);
    from..from + number("ENTENTE_SIM_SEEDS").unwrap_or(crate::SEEDS)
}

/// Runs worlds on both cores; each thread has a runtime of its own, so that a world is alone on its clock.
/// A flawed engine is run until the first world catches it.
pub fn run_worlds(seeds: Range<u64>, flaws: Flaws) -> Vec<(u64, Vec<String>)> {
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
                    let broken = runtime.block_on(broken_promises(seed, flaws));
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

#[test]
fn every_promise_holds_in_every_world() {
    let failures = run_worlds(seeds(), Flaws::none());
    assert!(failures.is_empty(), "{} worlds broke a promise; the first is seed {}", failures.len(), failures[0].0);
}
