//! Duplicates that are as sure as what is linked without asking are merged without asking, where that is switched on (`sync.auto_merge`).

use std::time::Duration;

use entente_store::{ReviewState, Viewer};

use super::{Review, accept, show};
use crate::engine::Engine;
use crate::error::Result;
use crate::sync::adopt::DUPLICATE;

/// Time between two looks at what waits.
pub const EVERY: Duration = Duration::from_secs(60);

/// Setting that keeps the last review that was looked at: what a platform has refused once is left to people.
const LOOKED_AT: &str = "reviews/certain";

/// Reviews looked at in one go, the newest.
const PAGE: usize = 200;

/// Merges what is certain of the duplicates that came up since the last look. Answers how many.
///
/// # Errors
/// When the store fails. A platform that refuses is logged, and a person decides.
pub async fn merge_certain(engine: &Engine, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<usize> {
    if !engine.options().auto_merge {
        return Ok(0);
    }
    let read = engine.store().read(|tx| {
        let looked_at: i64 = tx.setting(LOOKED_AT)?.unwrap_or(0);
        let mut fresh = tx.reviews(&Viewer::system(), ReviewState::Waiting, PAGE, None)?;
        fresh.retain(|review| review.id > looked_at);
        fresh.sort_by_key(|review| review.id);
        Ok(fresh)
    });
    let (viewer, mut merged) = (Viewer::system(), 0);
    for fresh in read.await?.into_iter().take_while(|_| !stop()) {
        let number = fresh.id;
        let review = show(engine, &viewer, &number.to_string()).await?;
        if is_certain(engine, &review) {
            match accept(engine, &viewer, &review.id).await {
                Ok(_) => merged += 1,
                Err(error) => {
                    tracing::warn!(review = review.id, %error, "two that are certainly one could not be merged; a person decides")
                }
            }
        }
        engine.store().write(move |tx| tx.put_setting(LOOKED_AT, &number)).await?;
    }
    Ok(merged)
}

/// Whether nobody needs to be asked: it waits, is sure enough, nothing is doubtful, and nothing stands in the way.
fn is_certain(engine: &Engine, review: &Review) -> bool {
    let sure = |review: &Review| {
        review.waterfall.as_ref().is_some_and(|sum| sum.doubt.is_none() && sum.probability >= engine.options().auto_link())
    };
    let waits = review.state == ReviewState::Waiting.as_str() && review.kind == DUPLICATE;
    waits && review.obstacle.is_none() && sure(review)
}
