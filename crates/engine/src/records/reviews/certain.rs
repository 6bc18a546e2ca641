//! What is as sure as what is linked without asking while rows come in is not asked about later either: two records of two systems are linked, and
//! duplicates are merged where that is switched on (`sync.auto_merge`). One that fails for a reason that passes is tried again; one that is refused,
//! or has failed too often, is left to people, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entente_connect::error::Class;
use entente_model::clock::Timestamp;
use entente_store::{ReviewState, StoreError, Tx, Viewer};
use serde::{Deserialize, Serialize};

use super::{Asker, Review, linking, make_one, show};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::adopt::{DUPLICATE, MATCH};

/// Time between two looks at what waits.
pub const EVERY: Duration = Duration::from_secs(60);

/// Setting that keeps the last review that was looked at while duplicates were merged: those that came up before are looked at once that is
/// switched on.
const LOOKED_AT: &str = "reviews/certain";

/// Setting that keeps the last review that was looked at for two to be linked.
const LINKED_AT: &str = "reviews/certain_links";

/// Setting that keeps the reviews that could not be merged or linked.
const TRIED: &str = "reviews/certain_tried";

/// Reviews looked at in one go, the newest.
const PAGE: usize = 200;

/// Wait after the first failure, in milliseconds; each further one doubles it.
const FIRST_PAUSE_MS: i64 = 60_000;

/// Longest wait, in milliseconds: an hour.
const LONGEST_PAUSE_MS: i64 = 60 * 60 * 1000;

/// Tries after which people are to decide: a day of them.
const TRIES_MAX: u32 = 30;

/// A review that could not be merged or linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tried {
    /// How often it was tried.
    times: u32,
    /// When it is tried again; never once it is left to people.
    again_at: Option<Timestamp>,
    /// Why it failed last.
    why: String,
}

type AllTried = BTreeMap<i64, Tried>;

/// Links and merges what is certain of the reviews that came up since the last look, and what could not be before and is due. Answers how many.
///
/// # Errors
/// When the store fails.
pub async fn merge_certain(engine: &Engine, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<usize> {
    let (now, merges) = (engine.now(), engine.options().auto_merge);
    let read = engine.store().read(move |tx| {
        let linked_at: i64 = tx.setting(LINKED_AT)?.unwrap_or(0);
        let looked_at: i64 = if merges { tx.setting(LOOKED_AT)?.unwrap_or(0) } else { linked_at };
        let fresh = since(tx, looked_at.min(linked_at))?;
        let tried: AllTried = tx.setting(TRIED)?.unwrap_or_default();
        // What is left to people, or waits to be tried again, is not due because it is among the fresh ones.
        let mut numbers: BTreeSet<i64> = fresh.into_iter().filter(|number| !tried.contains_key(number)).collect();
        for number in tried.iter().filter(|(_, tried)| tried.again_at.is_some_and(|at| at <= now)).map(|(number, _)| *number) {
            // Duplicates wait while nothing is merged without asking.
            if merges || tx.review(&Viewer::system(), number)?.is_none_or(|review| review.review.kind != DUPLICATE) {
                numbers.insert(number);
            }
        }
        Ok(numbers)
    });
    let mut made_one = 0;
    for number in read.await?.into_iter().take_while(|_| !stop()) {
        let failure = try_once(engine, number, &mut made_one).await?;
        engine.store().write(move |tx| keep(tx, number, failure.as_ref(), merges, now)).await?;
    }
    Ok(made_one)
}

/// Numbers of all reviews that wait and came up after one: the list is told from the latest on, a page at a time.
fn since(tx: &mut Tx<'_>, looked_at: i64) -> entente_store::Result<Vec<i64>> {
    let mut numbers: Vec<i64> = Vec::new();
    loop {
        let page = tx.reviews(&Viewer::system(), ReviewState::Waiting, PAGE, numbers.last().copied())?;
        let whole = page.len() == PAGE;
        numbers.extend(page.into_iter().map(|review| review.id));
        if !whole || numbers.last().is_some_and(|number| *number <= looked_at) {
            numbers.retain(|number| *number > looked_at);
            return Ok(numbers);
        }
    }
}

/// Why two could not be made one, and whether that may pass.
struct Failure {
    why: String,
    passes: bool,
}

async fn try_once(engine: &Engine, number: i64, made_one: &mut usize) -> Result<Option<Failure>> {
    let viewer = Viewer::system();
    let review = match show(engine, &viewer, &number.to_string()).await {
        // Whoever it is about is not there any more.
        Err(EngineError::Unknown { .. }) => return Ok(None),
        shown => shown?,
    };
    if !is_certain(engine, &review) {
        return Ok(None);
    }
    let links = review.kind == MATCH;
    if links && let Some(why) = linking::obstacle(engine, &review).await? {
        return Ok(Some(Failure { why, passes: false }));
    }
    let asker = if links { Asker::NobodyLinks } else { Asker::NobodyMerges };
    let error = match make_one(engine, &viewer, &review.id, asker).await {
        Ok(_) => {
            *made_one += 1;
            return Ok(None);
        }
        Err(error) => error,
    };
    let passes = match &error {
        EngineError::Vendor { source, .. } => !matches!(source.class, Class::Data | Class::Configuration),
        // Somebody changed one of the two at the same moment.
        EngineError::Store(StoreError::Conflict { .. }) => true,
        EngineError::Store(_) => return Err(error),
        _ => false,
    };
    tracing::warn!(review = review.id, %error, passes, "two that are certainly one could not be made one");
    Ok(Some(Failure { why: error.to_string(), passes }))
}

/// Keeps what became of a review.
fn keep(tx: &mut Tx<'_>, number: i64, failure: Option<&Failure>, merges: bool, now: Timestamp) -> entente_store::Result<()> {
    let mut tried: AllTried = tx.setting(TRIED)?.unwrap_or_default();
    let times = tried.remove(&number).map_or(1, |before| before.times + 1);
    if let Some(failure) = failure {
        let pause = FIRST_PAUSE_MS.saturating_mul(1 << (times - 1).min(10)).min(LONGEST_PAUSE_MS);
        let again_at = Timestamp::from_millisecond(now.as_millisecond() + pause).ok().filter(|_| failure.passes && times < TRIES_MAX);
        tried.insert(number, Tried { times, again_at, why: failure.why.clone() });
    }
    // What was decided since is nobody's concern any more.
    let mut waiting = AllTried::new();
    for (number, one) in tried {
        if tx.review(&Viewer::system(), number)?.is_some_and(|review| review.state == ReviewState::Waiting) {
            waiting.insert(number, one);
        }
    }
    tx.put_setting(TRIED, &waiting)?;
    for key in [Some(LINKED_AT), merges.then_some(LOOKED_AT)].into_iter().flatten() {
        let looked_at: i64 = tx.setting(key)?.unwrap_or(0);
        tx.put_setting(key, &looked_at.max(number))?;
    }
    Ok(())
}

/// Why reviews wait that are certain, by their numbers.
pub(super) struct HeldUp(AllTried);

/// What could not be made one without asking.
///
/// # Errors
/// As for any read.
pub(super) fn held_up(tx: &mut Tx<'_>) -> entente_store::Result<HeldUp> {
    Ok(HeldUp(tx.setting(TRIED)?.unwrap_or_default()))
}

impl HeldUp {
    /// Why a review waits although it is certain, and when it is tried again, in words.
    pub(super) fn of(&self, engine: &Engine, number: i64, kind: &str) -> Option<String> {
        let one = self.0.get(&number).filter(|_| is_for_us(engine, kind))?;
        let what = if kind == MATCH { "linked" } else { "merged" };
        let times = if one.times == 1 { "once".to_owned() } else { format!("{} times", one.times) };
        let next = one.again_at.map_or_else(|| "a person decides".to_owned(), |at| format!("tried again at {at}"));
        Some(format!("certain, and could not be {what} without asking, tried {times}: {}; {next}", one.why))
    }
}

/// Whether reviews of a kind are decided without asking where they are certain.
fn is_for_us(engine: &Engine, kind: &str) -> bool {
    kind == MATCH || (kind == DUPLICATE && engine.options().auto_merge)
}

/// Whether nobody needs to be asked: it waits, is sure enough, nothing is doubtful, and nothing stands in the way.
fn is_certain(engine: &Engine, review: &Review) -> bool {
    let sure = |review: &Review| {
        review.waterfall.as_ref().is_some_and(|sum| sum.doubt.is_none() && sum.probability >= engine.options().auto_link())
    };
    let waits = review.state == ReviewState::Waiting.as_str() && is_for_us(engine, &review.kind);
    waits && review.obstacle.is_none() && sure(review)
}
