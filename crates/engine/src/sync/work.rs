//! One step of work: claim what is due, adopt rows, converge records. Production loops over it; simulations call it by hand.

use entente_model::clock::Timestamp;
use entente_store::{Claim, Hint, Lane};

use super::adopt::adopt;
use super::converge::converge;
use super::fate::give_back;
use super::subject::Subject;
use super::task::{LANE_ACTIVITY, LANE_BACKFILL, LANE_URGENT};
use crate::engine::Engine;
use crate::error::Result;

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
        let window = if *lanes.end() == LANE_URGENT { 0 } else { i64::try_from(options.window().as_millis()).unwrap_or(0) };
        let claim = Claim {
            owner: engine.owner().to_owned(),
            now,
            window_ms: window,
            lease_ms: i64::try_from(options.lease_ms).unwrap_or(i64::MAX),
            limit: options.batch_records,
            full: options.batch_records,
            lanes: lanes.clone(),
        };
        let hints = engine.store().write(move |tx| tx.claim(&claim)).await?;
        if !hints.is_empty() {
            return Ok(hints);
        }
    }
    Ok(Vec::new())
}

/// Works off claimed hints: rows are adopted, records converged. One that the store refuses does not hold back the others: then each is
/// worked off alone, and the culprit ends as a failed attempt.
///
/// # Errors
/// When the store fails as a whole.
pub async fn work(engine: &Engine, hints: Vec<Hint>) -> Result<()> {
    // Hints that a saved mapping made are worked off by that mapping, whichever process saved it.
    if let Err(error) = crate::metadata::refresh(engine).await {
        tracing::error!(%error, "saved mappings could not be put in force; the ones before stay");
    }
    let Err(error) = together(engine, hints.clone()).await else { return Ok(()) };
    if let [hint] = hints.as_slice() {
        return give_back(engine, hint, &error).await;
    }
    tracing::debug!(%error, many = hints.len(), "a batch failed; its records are worked off one by one");
    for hint in hints {
        if let Err(error) = together(engine, vec![hint.clone()]).await {
            give_back(engine, &hint, &error).await?;
        }
    }
    Ok(())
}

async fn together(engine: &Engine, hints: Vec<Hint>) -> Result<()> {
    let (rows, records): (Vec<Hint>, Vec<Hint>) =
        hints.into_iter().partition(|hint| matches!(Subject::parse(&hint.subject), Some(Subject::Row(_))));
    tracing::debug!(rows = rows.len(), records = records.len(), "working off hints");
    if !rows.is_empty() {
        adopt(engine, rows).await?;
    }
    if !records.is_empty() {
        converge(engine, records).await?;
    }
    Ok(())
}

/// When the next hint can be claimed, if nothing else happens.
///
/// # Errors
/// When the store fails.
pub async fn next_due(engine: &Engine) -> Result<Option<Timestamp>> {
    Ok(engine.store().read(|tx| tx.next_due()).await?)
}
