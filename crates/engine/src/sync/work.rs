//! One step of work: claim what is due, adopt rows, converge records. Production loops over it; simulations call it by hand.

use std::sync::Arc;

use entente_model::clock::Timestamp;
use entente_store::{Claim, Hint, Lane};

use super::adopt;
use super::bulk;
use super::converge::{converge, take_up};
use super::fate::give_back;
use super::fetch::Order;
use super::gather;
use super::subject::Subject;
use super::task::{LANE_ACTIVITY, LANE_BACKFILL, LANE_URGENT, Task};
use super::turn::Turn;
use super::unseen;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Claims in order: what a person waits for and is due, all live changes, backfill. Urgent changes that still wait for others go along
/// with the live changes.
const TURNS: &[std::ops::RangeInclusive<Lane>] = &[LANE_URGENT..=LANE_URGENT, LANE_URGENT..=LANE_ACTIVITY, LANE_BACKFILL..=LANE_BACKFILL];

/// Takes what is due in the most urgent lane that has anything. Empty when nothing is.
///
/// # Errors
/// When the store fails.
pub async fn claim(engine: &Engine) -> Result<Vec<Hint>> {
    let options = engine.options();
    let now = engine.now();
    for lanes in TURNS {
        let live = *lanes.end() == LANE_ACTIVITY;
        let window = if *lanes.end() == LANE_URGENT { 0 } else { i64::try_from(options.window().as_millis()).unwrap_or(0) };
        let claim = Claim {
            owner: engine.owner().to_owned(),
            now,
            window_ms: window,
            lease_ms: i64::try_from(options.lease_ms).unwrap_or(i64::MAX),
            limit: options.batch_records,
            full: options.batch_records,
            only_full: live && next_flush(engine).is_some_and(|at| at > now),
            lanes: lanes.clone(),
        };
        let batch = claim.clone();
        let mut hints = engine.store().write(move |tx| tx.claim(&batch)).await?;
        if *lanes.start() == LANE_BACKFILL && hints.len() == options.batch_records {
            let further = bulk::further(engine, &hints).await?;
            if further > 0 {
                let claim = Claim { limit: further, ..claim };
                hints.extend(engine.store().write(move |tx| tx.claim(&claim)).await?);
            }
        }
        if !hints.is_empty() {
            if live {
                engine.note_flush(now);
            }
            return Ok(hints);
        }
    }
    Ok(Vec::new())
}

/// When live changes may be taken up again: what a step of work brings up at once (a row that was adopted, a counterpart that others
/// waited for) would otherwise make a batch of its own each time, and cost its own calls.
fn next_flush(engine: &Engine) -> Option<Timestamp> {
    let pause = i64::try_from(engine.options().window().as_millis()).unwrap_or(0) * 8 / 10;
    Timestamp::from_millisecond(engine.flushed_at()?.as_millisecond() + pause).ok()
}

/// Works off claimed hints: rows are adopted, records converged. One that the store refuses does not hold back the others: then each is
/// worked off alone, and the culprit ends as a failed attempt. A store that has failed as a whole ends the work at once: no record is to
/// blame, the leases run out, and the next process that has a store goes on.
///
/// # Errors
/// When the store fails as a whole.
pub async fn work(engine: &Engine, hints: Vec<Hint>) -> Result<()> {
    // Hints that a saved mapping made are worked off by that mapping, whichever process saved it.
    if let Err(error) = crate::metadata::refresh(engine).await {
        tracing::error!(%error, "saved mappings could not be put in force; the ones before stay");
    }
    let done = together(engine, hints.clone()).await;
    if let Err(error) = super::batches::exchange(engine).await {
        tracing::error!(%error, "whether changes wait for scheduled batches could not be kept; the next batch of work keeps it");
    }
    let Err(error) = done else { return Ok(()) };
    if is_total(&error) {
        return Err(error);
    }
    if let [hint] = hints.as_slice() {
        return give_back(engine, hint, &error).await;
    }
    tracing::debug!(%error, many = hints.len(), "a batch failed; its records are worked off one by one");
    for hint in hints {
        if let Err(error) = together(engine, vec![hint.clone()]).await {
            if is_total(&error) {
                return Err(error);
            }
            give_back(engine, &hint, &error).await?;
        }
    }
    Ok(())
}

fn is_total(error: &EngineError) -> bool {
    matches!(error, EngineError::Store(error) if error.is_total())
}

async fn together(engine: &Engine, hints: Vec<Hint>) -> Result<()> {
    let (rows, records): (Vec<Hint>, Vec<Hint>) =
        hints.into_iter().partition(|hint| matches!(Subject::parse(&hint.subject), Some(Subject::Row(_))));
    tracing::debug!(rows = rows.len(), records = records.len(), "working off hints");
    let catalog = engine.catalog();
    let tasks = take_up(engine, records).await?;
    let mut order = Order::default();
    gather::order(&tasks, &mut order);
    unseen::order(engine, &rows, &mut order).await?;
    if order.is_empty() {
        return the_rest(engine, &catalog, rows, tasks, order, Turn::Alone).await;
    }
    // Nobody waits for what others fetch.
    let (lacking, whole): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(gather::lacks);
    let (first, second) = Turn::halves();
    let (whole, rest) = tokio::join!(converge(engine, &catalog, whole, first), the_rest(engine, &catalog, rows, lacking, order, second));
    whole.and(rest)
}

/// Fetches what was ordered, adopts rows, and converges their records with those that lacked something: what they write travels in the
/// same calls.
async fn the_rest(engine: &Engine, catalog: &Arc<Catalog>, rows: Vec<Hint>, mut tasks: Vec<Task>, order: Order, turn: Turn) -> Result<()> {
    let fetched = order.send(engine, catalog).await;
    gather::take(engine, catalog, &mut tasks, &fetched);
    let adopted = adopt::adopt(engine, rows, &fetched).await?;
    if !adopted.is_empty() {
        let (owner, now) = (engine.owner().to_owned(), engine.now());
        let lease = i64::try_from(engine.options().lease_ms).unwrap_or(i64::MAX);
        let hints = engine.store().write(move |tx| tx.claim_these(&owner, now, lease, &adopted)).await?;
        let mut young = take_up(engine, hints).await?;
        gather::fetch(engine, catalog, &mut young).await;
        tasks.append(&mut young);
    }
    converge(engine, catalog, tasks, turn).await
}

/// When the next hint can be claimed, if nothing else happens.
///
/// # Errors
/// When the store fails.
pub async fn next_due(engine: &Engine) -> Result<Option<Timestamp>> {
    let flush = next_flush(engine);
    let due = engine.store().read(move |tx| {
        let mut next: Option<Timestamp> = None;
        if flush.is_none() {
            return tx.next_due();
        }
        for lane in LANE_URGENT..=LANE_BACKFILL {
            let held_back = flush.filter(|_| lane != LANE_URGENT && lane != LANE_BACKFILL);
            let due = tx.next_due_of(lane)?.map(|due| held_back.map_or(due, |flush| due.max(flush)));
            next = [next, due].into_iter().flatten().min();
        }
        Ok(next)
    });
    Ok(due.await?)
}
