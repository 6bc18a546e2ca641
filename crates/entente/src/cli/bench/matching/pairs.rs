//! Comparing on all cores: each thread takes some blocks, then some more.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use entente_model::matching::linkage::{Blocks, Edge, Judge, Table};

use crate::fault::{Fault, Result};

/// Probability below which a pair is forgotten: it would be in nobody's way, and there are many.
pub const KEPT_FROM: f64 = 0.01;
/// Parts that the blocks are cut into for each thread, so that one with big blocks does not keep the others waiting.
const PARTS: usize = 64;

/// Pairs that may be one customer.
pub struct Found {
    /// The likeliest first.
    pub edges: Vec<Edge>,
    /// Number of pairs that were compared.
    pub compared: u64,
}

/// Judges all pairs of the blocks, with as many threads.
pub fn judge(table: &Table, blocks: &Blocks, judge: &Judge<'_>, threads: usize) -> Result<Found> {
    let step = (blocks.len() / (threads * PARTS)).max(1);
    let next = AtomicUsize::new(0);
    let compared = AtomicU64::new(0);
    let work = || {
        let mut edges = Vec::new();
        loop {
            let start = next.fetch_add(step, Ordering::Relaxed);
            if start >= blocks.len() {
                return edges;
            }
            let mut count = 0;
            blocks.pairs(table, start..(start + step).min(blocks.len()), |one, two| {
                count += 1;
                let probability = judge.verdict(one, two).probability;
                if probability >= KEPT_FROM {
                    edges.push(Edge { one, two, probability });
                }
            });
            compared.fetch_add(count, Ordering::Relaxed);
        }
    };
    let mut edges = Vec::new();
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().try_for_each(|thread| {
            edges.extend(thread.join().map_err(|_| Fault::new("a thread that compares records broke down", "report this with the data"))?);
            Ok::<(), Fault>(())
        })
    })?;
    edges.sort_by(|a, b| b.probability.total_cmp(&a.probability).then((a.one, a.two).cmp(&(b.one, b.two))));
    Ok(Found { edges, compared: compared.into_inner() })
}
