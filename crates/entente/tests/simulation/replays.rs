//! A seed is one world: lived through again, it is the same in every write at every platform, in every entry of the ledger and in every link.
//! Whatever a seed once showed can be looked into for as long as that holds.

use std::sync::{Arc, Mutex};

use entente_engine::flaws::Flaws;

use crate::world::World;
use crate::worlds::{each_on_both_cores, seeds_or};

/// Worlds that are lived through twice: some of each sort, two of them with Freshdesk and one with Intercom.
const TWICE: std::ops::Range<u64> = 5..18;

/// Everything that came of a world, line by line.
async fn lived(seed: u64) -> Vec<String> {
    let mut world = World::of(seed, Flaws::none()).await;
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let hears = Arc::clone(&heard);
    world.hub.tell_writes(move |line| hears.lock().unwrap().push(line));
    world.live().await;
    let mut lines = std::mem::take(&mut *heard.lock().unwrap());
    if let Some(second) = &world.hub.second {
        lines.extend(second.sent.lock().unwrap().iter().map(|sent| format!("{} second {} {:?}", sent.at, sent.what, sent.body)));
    }
    lines.extend(world.hub.ledger_lines().await);
    lines
}

/// Where two lives of a world part.
async fn difference(seed: u64) -> Option<String> {
    let (first, again) = (lived(seed).await, lived(seed).await);
    let at = (0..first.len().max(again.len())).find(|at| first.get(*at) != again.get(*at))?;
    let line = |lines: &[String]| lines.get(at).cloned().unwrap_or_else(|| "the end".to_owned());
    Some(format!("line {at}:\n  {}\n  {}", line(&first), line(&again)))
}

#[test]
fn a_seed_is_the_same_world_every_time() {
    let differences = each_on_both_cores(seeds_or(TWICE), false, difference);
    let told: Vec<String> = differences.iter().map(|(seed, difference)| format!("seed {seed}, {difference}")).collect();
    assert!(told.is_empty(), "{} worlds were not the same again:\n{}", told.len(), told.join("\n"));
}
