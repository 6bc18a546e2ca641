//! One step of work: claim what is due, adopt rows, converge records. Production loops over it; simulations call it by hand.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_store::{Claim, Hint, Lane};

use super::adopt;
use super::bulk;
use super::converge::{Committed, carry_out, conclude, converge, take_up};
use super::fate::give_back;
use super::fetch::{Fetched, Order};
use super::gather;
use super::subject::Subject;
use super::task::{LANE_ACTIVITY, LANE_BACKFILL, LANE_URGENT, Task};
use super::unseen::{self, Asked};
use crate::automation::follow;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Claims in order: what a person waits for and is due, all live changes, backfill. Urgent changes that still wait for others go along
/// with the live changes.
const TURNS: &[RangeInclusive<Lane>] = &[LANE_URGENT..=LANE_URGENT, LANE_URGENT..=LANE_ACTIVITY, LANE_BACKFILL..=LANE_BACKFILL];

/// Size of a batch of background work, in percent of one of live changes: nobody waits for its first record, and full calls are fewer. At two and
/// a half times, the batches in work took twice the memory.
const BACKFILL_PERCENT: usize = 150;

/// Entries of the ledger that are followed with a batch, at most: a batch writes a few of each record.
const FOLLOWED: usize = 500;

/// Time that changes wait for company from which what follows from a batch travels with it: about a call. Below, it would be a batch of its own as
/// soon.
const WORTH_WAITING: Duration = Duration::from_millis(250);

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
    let done = together(engine, &hints, true).await;
    if let Err(error) = super::batches::exchange(engine).await {
        tracing::error!(%error, "whether changes wait for scheduled batches could not be kept; the next batch of work keeps it");
    }
    if let Err(error) = super::clocks::keep(engine).await {
        tracing::error!(%error, "how far the platforms' clocks are off could not be kept; the next batch of work keeps it");
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
        if let Err(error) = together(engine, std::slice::from_ref(&hint), false).await {
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

/// Works off hints in one go. Before anything is written, what follows from it and what has become due meanwhile comes along if it may: it
/// travels in the same calls.
async fn together(engine: &Engine, hints: &[Hint], may_grow: bool) -> Result<()> {
    let (rows, records): (Vec<Hint>, Vec<Hint>) =
        hints.iter().cloned().partition(|hint| matches!(Subject::parse(&hint.subject), Some(Subject::Row(_))));
    tracing::debug!(rows = rows.len(), records = records.len(), "working off hints");
    let catalog = engine.catalog();
    let mut tasks = take_up(engine, records).await?;
    let mut order = Order::default();
    gather::order(&tasks, &mut order);
    let asked = unseen::order(engine, &rows, &mut order).await?;
    let asks = !order.is_empty();
    if !asks {
        adopt_rows(engine, &catalog, rows, &mut tasks, &asked, &Fetched::default()).await?;
    } else if order.is_held_up(engine) {
        // Nobody waits for a platform that others have to wait for.
        let (lacking, whole): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(gather::lacks);
        let rest = async {
            let mut tasks = lacking;
            fetch(engine, &catalog, order, rows, &mut tasks, &asked).await?;
            converge(engine, &catalog, tasks).await
        };
        let (whole, rest) = tokio::join!(converge(engine, &catalog, whole), rest);
        return whole.and(rest);
    } else {
        fetch(engine, &catalog, order, rows, &mut tasks, &asked).await?;
    }
    let mut batches: Vec<Committed> = conclude(engine, &catalog, tasks).await?.into_iter().collect();
    if let Some(lanes) = growing(hints).filter(|_| may_grow) {
        batches.extend(along(engine, &catalog, lanes, hints.len(), asks).await?);
    }
    carry_out(engine, &catalog, batches).await
}

/// The lanes of what may come along with hints: with live changes all of them, with what goes at once only what does, with a backfill nothing.
fn growing(hints: &[Hint]) -> Option<RangeInclusive<Lane>> {
    let lane = hints.iter().map(|hint| hint.lane).filter(|lane| *lane <= LANE_ACTIVITY).max()?;
    Some(if lane == LANE_URGENT { LANE_URGENT..=LANE_URGENT } else { LANE_URGENT..=LANE_ACTIVITY })
}

/// Decides what comes along with a batch whose decisions are kept and not carried out yet: what they give rise to, such as a company's sales context
/// by a call, and what came in meanwhile. `asked` says whether the batch has waited for an answer of a platform.
///
/// # Errors
/// When the store fails as a whole. Otherwise what came along is given back, and does not hold back the batch.
async fn along(
    engine: &Engine,
    catalog: &Arc<Catalog>,
    lanes: RangeInclusive<Lane>,
    taken: usize,
    asked: bool,
) -> Result<Option<Committed>> {
    // Where there is more work than that, or nobody waits for company nor waited for an answer, the next batch comes at once.
    let (room, waits) = (engine.options().batch_records / 2, engine.options().window() >= WORTH_WAITING);
    if taken >= room || !(waits || asked) {
        return Ok(None);
    }
    // Whoever follows the ledger already, woken by what was just kept, is waited for: what it gives rise to is meant.
    if waits
        && engine.leads()
        && let Err(error) = follow::step(engine, FOLLOWED).await
    {
        tracing::debug!(%error, "what a batch gives rise to waits for the next look at the ledger");
    }
    let late = match latecomers(engine, lanes, room - taken).await {
        Ok(late) if late.is_empty() => return Ok(None),
        Ok(late) => late,
        Err(error) if is_total(&error) => return Err(error),
        Err(error) => {
            tracing::debug!(%error, "what has become due meanwhile goes with the next batch");
            return Ok(None);
        }
    };
    let decided = async {
        // What these lack after all was never seen, or crossed a write of ours.
        let mut tasks = take_up(engine, late.clone()).await?;
        gather::fetch(engine, catalog, &mut tasks).await;
        conclude(engine, catalog, tasks).await
    };
    match decided.await {
        Err(error) if !is_total(&error) => {
            for hint in &late {
                give_back(engine, hint, &error).await?;
            }
            Ok(None)
        }
        decided => decided,
    }
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

/// Claims up to `limit` changes that came in while others were decided: whoever is shown whole by now need not wait for the next flush.
async fn latecomers(engine: &Engine, lanes: RangeInclusive<Lane>, limit: usize) -> Result<Vec<Hint>> {
    let claim = Claim { limit, full: 1, only_full: false, shown: true, ..claim_of(engine, lanes) };
    let asked = claim.clone();
    if !engine.store().read(move |tx| tx.has_claim(&asked)).await? {
        return Ok(Vec::new());
    }
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
