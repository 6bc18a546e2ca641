//! Reports: the state of the sync, counted from the store.

mod agreement;
mod count;
pub mod dashboard;
pub mod headline;
pub mod levels;
mod mapped;
pub mod meter;
pub mod monthly;
pub mod quality;
pub mod watch;

use entente_store::Viewer;

use crate::engine::Engine;
use crate::error::Result;

/// Counts the whole dashboard. Goes through all customers, so callers that ask often keep the answer for a moment.
///
/// # Errors
/// When the store fails.
pub async fn dashboard(engine: &Engine) -> Result<dashboard::Dashboard> {
    count::count(engine, &Viewer::system()).await
}
