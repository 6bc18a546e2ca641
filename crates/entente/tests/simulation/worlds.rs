//! Seeded worlds: people edit both sides while everything goes wrong, the process dies at a random step, and in the end every promise of
//! the sync must hold. A seed that fails prints itself.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use entente_engine::flaws::Flaws;

use crate::world::World;

/// Which promises the world of a seed broke, if any.
async fn broken_promises(seed: u64, flaws: Flaws) -> Option<Vec<String>> {
    let mut world = World::of(seed, flaws).await;
    let mut broken = if world.live().await {
        world.judge().await
    } else {
        vec![format!("quiet: the world does not come to rest: {}", world.hub.backlog().await)]
    };
    if broken.is_empty() && flaws == Flaws::none() {
        broken = world.judge_a_window_undone().await;
    }
    if broken.is_empty() {
        return None;
    }
    println!("seed {seed}:\n  {}", broken.join("\n  "));
    Some(broken)
}

/// These seeds, or those that `ENTENTE_SIM_FROM` and `ENTENTE_SIM_SEEDS` ask for.
pub fn seeds_or(usual: Range<u64>) -> Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let from = number("ENTENTE_SIM_FROM").unwrap_or(usual.start);
    from..from + number("ENTENTE_SIM_SEEDS").unwrap_or(usual.end - usual.start)
}

/// Looks at seeds on both cores, and answers what was found of which; each thread has a runtime of its own, so that a world is alone on its
/// clock. `first_only` says that the rest need not be looked at once something was found.
pub fn each_on_both_cores<T: Send, F: Future<Output = Option<T>>>(
    seeds: Range<u64>,
    first_only: bool,
    look: impl Fn(u64) -> F + Sync,
) -> Vec<(u64, T)> {
    let next = AtomicU64::new(seeds.start);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds.end || (first_only && !found.lock().unwrap().is_empty()) {
                        return;
                    }
                    if let Some(of_it) = runtime.block_on(look(seed)) {
                        found.lock().unwrap().push((seed, of_it));
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

/// Runs worlds. A flawed engine is run until the first world catches it.
pub fn run_worlds(seeds: Range<u64>, flaws: Flaws) -> Vec<(u64, Vec<String>)> {
    each_on_both_cores(seeds, flaws != Flaws::none(), |seed| broken_promises(seed, flaws))
}

#[test]
fn every_promise_holds_in_every_world() {
    let failures = run_worlds(seeds_or(1..1 + crate::SEEDS), Flaws::none());
    assert!(failures.is_empty(), "{} worlds broke a promise; the first is seed {}", failures.len(), failures[0].0);
}
