//! Headline numbers: few enough to be counted every two seconds.

use entente_store::Viewer;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::engine::Engine;
use crate::error::Result;

/// What the top of a page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Headline {
    /// When it was counted.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Records that Entente holds.
    pub records: u64,
    /// Records and rows with work waiting or under way.
    pub in_flight: u64,
    /// Conflicts that wait for a person.
    pub waiting_conflicts: u64,
    /// Dead letters that wait for a person.
    pub dead_letters: u64,
    /// Matches that wait for a person.
    pub waiting_reviews: u64,
}

/// Counts the headline numbers.
///
/// # Errors
/// When the store fails.
pub async fn headline(engine: &Engine, viewer: &Viewer) -> Result<Headline> {
    let (now, viewer) = (engine.now(), viewer.clone());
    let counted = engine.store().read(move |tx| {
        Ok(Headline {
            at: now,
            records: tx.record_counts(&viewer)?.values().sum(),
            in_flight: tx.hint_counts(now)?.values().map(|lane| lane.waiting + lane.retrying + lane.leased).sum(),
            waiting_conflicts: tx.conflict_counts()?.values().sum(),
            dead_letters: tx.dead_letter_counts()?.values().sum(),
            waiting_reviews: tx.review_counts()?.values().sum(),
        })
    });
    Ok(counted.await?)
}
