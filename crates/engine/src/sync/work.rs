//! One step of work: claim what is due, adopt rows, converge records. Production loops over it; simulations call it by hand.

use std::ops::RangeInclusive;
use std::sync::Arc;

use entente_model::clock::Timestamp;
use entente_store::{Claim, Hint, Lane};

use super::adopt;
use super::bulk;
use super::converge::{converge, take_up};
use super::fate::give_back;
use super::fetch::{Fetched, Order};
use super::gather;
use super::subject::Subject;
use super::task::{LANE_ACTIVITY, LANE_BACKFILL, LANE_UPDATE, LANE_URGENT, Task};
use super::unseen::{self, Asked};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Claims in order: what a person waits for and is due, all live changes, backfill. Urgent changes that still wait for others go along
/// with the live changes.
const TURNS: &[RangeInclusive<Lane>] = &[LANE_URGENT..=LANE_URGENT, LANE_URGENT..=LANE_ACTIVITY, LANE_BACKFILL..=LANE_BACKFILL];

/// Size of a batch of background work, in percent of one of live changes: nobody waits for its first record, and full calls are fewer. At two and
/// a half times, the batches in work took twice the memory.
const BACKFILL_PERCENT: usize = 150;

/// Takes what is due in the most urgent lane that has anything. Empty when nothing is.
///
/// # Errors
/// When the store fails.
pub async fn claim(engine: &Engine) -> Result<Vec<Hint>> {
    super::batches::keep(engine).await?;
    let claims: Vec<Claim> = TURNS.iter().map(|lanes| claim_of(engine, lanes.clone())).collect();
    let asked = claims.clone();
    // Who writes waits for others who do, so that is left to claims that take something.
    let promising = engine.store().read(move |tx| asked.iter().map(|claim| tx.has_claim(claim)).collect::<Result<Vec<bool>, _>>()).await?;
    for claim in claims.into_iter().zip(promising).filter_map(|(claim, promises)| promises.then_some(claim)) {
        let batch = claim.clone();
        let mut hints = engine.store().write(move |tx| tx.claim(&batch)).await?;
        if *claim.lanes.start() == LANE_BACKFILL && hints.len() == claim.limit {
            let further = bulk::further(engine, &hints).await?;
            if further > 0 {
                let claim = Claim { limit: further, ..claim.clone() };
                hints.extend(engine.store().write(move |tx| tx.claim(&claim)).await?);
            }
        }
        if !hints.is_empty() {
            if *claim.lanes.end() == LANE_ACTIVITY {
                engine.note_flush(claim.now);
            }
            return Ok(hints);
        }
    }
    Ok(Vec::new())
}

/// A claim of some lanes as the settings have it.
fn claim_of(engine: &Engine, lanes: RangeInclusive<Lane>) -> Claim {
    let options = engine.options();
    let now = engine.now();
    let live = *lanes.end() == LANE_ACTIVITY;
    let records = if *lanes.start() == LANE_BACKFILL { options.batch_records * BACKFILL_PERCENT / 100 } else { options.batch_records };
    Claim {
        owner: engine.owner().to_owned(),
        now,
        window_ms: if *lanes.end() == LANE_URGENT { 0 } else { i64::try_from(options.window().as_millis()).unwrap_or(0) },
        lease_ms: lease_ms(engine),
        limit: records,
        full: records,
        only_full: live && next_flush(engine).is_some_and(|at| at > now),
        lanes,
        shown: false,
    }
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
    let mut hints = hints;
    let done = together(engine, &mut hints, true).await;
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
        if let Err(error) = together(engine, &mut vec![hint.clone()], false).await {
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

/// Works off hints in one go. Where something is fetched, what has become due meanwhile comes along if it may, and is among the hints from then
/// on: what it writes travels in the same calls.
async fn together(engine: &Engine, hints: &mut Vec<Hint>, may_grow: bool) -> Result<()> {
    let (rows, records): (Vec<Hint>, Vec<Hint>) =
        hints.iter().cloned().partition(|hint| matches!(Subject::parse(&hint.subject), Some(Subject::Row(_))));
    tracing::debug!(rows = rows.len(), records = records.len(), "working off hints");
    let catalog = engine.catalog();
    let mut tasks = take_up(engine, records).await?;
    let mut order = Order::default();
    gather::order(&tasks, &mut order);
    let asked = unseen::order(engine, &rows, &mut order).await?;
    if order.is_empty() {
        adopt_rows(engine, &catalog, rows, &mut tasks, &asked, &Fetched::default()).await?;
        return converge(engine, &catalog, tasks).await;
    }
    if order.is_held_up(engine) {
        // Nobody waits for a platform that others have to wait for.
        let (lacking, whole): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(gather::lacks);
        let rest = async {
            let mut tasks = lacking;
            fetch(engine, &catalog, order, rows, &mut tasks, &asked).await?;
            converge(engine, &catalog, tasks).await
        };
        let (whole, rest) = tokio::join!(converge(engine, &catalog, whole), rest);
        return whole.and(rest);
    }
    fetch(engine, &catalog, order, rows, &mut tasks, &asked).await?;
    let late = if may_grow && is_live(hints) { latecomers(engine, hints.len()).await? } else { Vec::new() };
    hints.extend(late.iter().cloned());
    // What these lack after all was never seen, or crossed a write of ours.
    let mut late = take_up(engine, late).await?;
    gather::fetch(engine, &catalog, &mut late).await;
    tasks.append(&mut late);
    converge(engine, &catalog, tasks).await
}

/// Fetches what was ordered, for tasks and for rows that nobody has adopted; the rows' records join the tasks.
async fn fetch(engine: &Engine, catalog: &Arc<Catalog>, order: Order, rows: Vec<Hint>, tasks: &mut Vec<Task>, asked: &Asked) -> Result<()> {
    let fetched = order.send(engine, catalog).await;
    gather::take(engine, catalog, tasks, &fetched);
    adopt_rows(engine, catalog, rows, tasks, asked, &fetched).await
}

/// Adopts rows. Their records join the tasks, with what they lack.
async fn adopt_rows(
    engine: &Engine,
    catalog: &Arc<Catalog>,
    rows: Vec<Hint>,
    tasks: &mut Vec<Task>,
    asked: &Asked,
    fetched: &Fetched,
) -> Result<()> {
    let adopted = adopt::adopt(engine, rows, fetched, asked).await?;
    if adopted.is_empty() {
        return Ok(());
    }
    // Rows of records that this worker holds anyway.
    gather::look_again(engine, tasks, |row| asked.brought(row, fetched)).await?;
    asked.tell(tasks, fetched);
    let (owner, now, lease) = (engine.owner().to_owned(), engine.now(), lease_ms(engine));
    let hints = engine.store().write(move |tx| tx.claim_these(&owner, now, lease, &adopted)).await?;
    let mut young = take_up(engine, hints).await?;
    asked.tell(&mut young, fetched);
    gather::fetch(engine, catalog, &mut young).await;
    tasks.append(&mut young);
    Ok(())
}

/// Whether hints are of changes that are coalesced for the latency target: neither of what goes first nor of a backfill.
fn is_live(hints: &[Hint]) -> bool {
    hints.iter().any(|hint| (LANE_UPDATE..=LANE_ACTIVITY).contains(&hint.lane))
}

/// Claims live changes that came in while others were fetched, as far as a batch has room: whoever is shown whole by now need not wait for the
/// next flush.
async fn latecomers(engine: &Engine, taken: usize) -> Result<Vec<Hint>> {
    let options = engine.options();
    let limit = options.batch_records.saturating_sub(taken);
    if limit == 0 {
        return Ok(Vec::new());
    }
    let claim = Claim {
        owner: engine.owner().to_owned(),
        now: engine.now(),
        window_ms: i64::try_from(options.window().as_millis()).unwrap_or(0),
        lease_ms: lease_ms(engine),
        limit,
        full: 1,
        only_full: false,
        lanes: LANE_URGENT..=LANE_ACTIVITY,
        shown: true,
    };
    Ok(engine.store().write(move |tx| tx.claim(&claim)).await?)
}

fn lease_ms(engine: &Engine) -> i64 {
    i64::try_from(engine.options().lease_ms).unwrap_or(i64::MAX)
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
