//! First reads of many rows by search, which shows 200 a call where a list shows 100: half the calls of the account's day.
//!
//! - Rows come in order of id, each search behind the last id that was seen: ids do not change and grow, so that rows that come or change meanwhile
//!   move nothing, and search's ceiling of ten thousand results is never met. Their associations follow, a thousand rows a call.
//! - Search is behind. What it shows too old, or not yet, was changed right before the read began, and the poll after it looks back over that.
//!   How many rows are left is told with every page: where some vanish on the way that nobody can have archived so fast, the list is gone
//!   through after all. Whoever concludes from a row's absence (a reconciliation, a resync) reads without this.
//! - An account has five searches a second for everybody. All first reads of a connection share three of them, and let others of it go first.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::json;

use super::cursor::{Phase, Position};
use super::dialect::SEARCH;
use super::engagements::ENGAGEMENTS;
use super::read::turn;
use super::{HubSpot, marketing};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::{Cursor, Page, ReadSpec};

/// Searches of one page: a thousand rows, whose associations one call reads.
const SEARCHES: usize = 5;
/// Rows up to which the list is gone through: its calls do not matter there, and it is never behind.
const FEW: u64 = 2_000;
/// Time between two searches of first reads: three of the account's five a second.
const SEARCH_EVERY: Duration = Duration::from_millis(334);
/// Time that a first read leaves to others of the connection which wait to search, each time and at most.
const MOMENT: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(2);
/// Rows that may vanish between two searches, and the part of those left: people archive some, and seldom all of them.
const VANISHED_MAX: u64 = 20;
const VANISHED_PART: u64 = 100;

/// When the last search of a first read left; whoever holds it has the next turn.
pub(crate) type Turns = tokio::sync::Mutex<Option<Timestamp>>;

/// Whether more rows are gone than people archive between two searches.
fn loses(left: u64, told: u64) -> bool {
    told.saturating_add(VANISHED_MAX.max(left / VANISHED_PART)) < left
}

impl HubSpot {
    /// See [`Connector::first_read_from`](crate::connector::Connector::first_read_from).
    pub(super) fn index_start(&self, read: &ReadSpec) -> Option<Cursor> {
        let searched = read.object != ENGAGEMENTS && marketing::source(&read.object).is_none();
        // More properties than a search takes would cost two calls more for each of its pages.
        (searched && self.fits_search(read)).then(|| Position { phase: Phase::Index, ..Position::start() }.to_text())
    }

    /// The next thousand rows of a first read.
    pub(super) async fn index_page(&self, read: &ReadSpec, mut position: Position, priority: Priority) -> Result<Page, VendorError> {
        self.schema(&read.object, &read.fields, priority).await?;
        let (mut records, mut rows) = (Vec::new(), None);
        for _ in 0..SEARCHES {
            self.await_turn(priority).await;
            let behind = position.after.as_deref().unwrap_or("0");
            let groups = json!([{"filters": [{"propertyName": "hs_object_id", "operator": "GT", "value": behind}]}]);
            let (page, answer) = match self.search(read, groups, priority).await {
                Ok(answered) => answered,
                // What others of the account leave may never be five in a row: what is there is kept.
                Err(error) if matches!(error.class, Class::Wait { .. }) && !records.is_empty() => break,
                Err(error) => return Err(error),
            };
            position.begun = position.begun.or_else(|| Some(self.server_time(&answer)));
            let begins = position.after.is_none();
            let shown = page.results.len() as u64;
            // A search that does not tell how many there are cannot be relied upon.
            let told = page.total.filter(|told| *told >= shown && (shown > 0 || *told == 0));
            let lost = match (told, position.left) {
                (None, _) => true,
                (Some(told), Some(left)) => loses(left, told),
                (Some(_), None) => false,
            };
            if lost {
                tracing::warn!(object = %read.object, left = position.left, told, "the search index lost rows during a first read; it goes through the list");
            }
            if lost || (begins && told.is_some_and(|told| told <= FEW)) {
                let position = Position { phase: Phase::First, after: None, left: None, ..position };
                return self.first_page(read, position, priority).await;
            }
            let told = told.unwrap_or(shown);
            rows = rows.or(Some(told).filter(|_| begins));
            position.left = Some(told - shown);
            if let Some(last) = page.results.last() {
                position.after = Some(last.id.clone());
            }
            records.extend(page.results);
            if told == shown {
                break;
            }
        }
        let next = position.after.take().filter(|_| position.left != Some(0));
        let looks = self.looks(read, &records, false, priority).await?;
        Ok(turn(position, next, looks, rows))
    }

    /// Waits until a first read may search.
    async fn await_turn(&self, priority: Priority) {
        let mut last = self.turns.lock().await;
        let due = last.and_then(|last| last.checked_add(SEARCH_EVERY).ok());
        let pause = due.and_then(|due| Duration::try_from(due.duration_since(self.client.now())).ok());
        if let Some(pause) = pause.filter(|pause| !pause.is_zero()) {
            self.client.sleep(pause).await;
        }
        // Whoever has just searched leaves no room for a while; whoever waits for it takes it first.
        let mut waited = Duration::ZERO;
        while waited < PATIENCE && !self.client.has_room(priority, SEARCH, 0) {
            self.client.sleep(MOMENT).await;
            waited += MOMENT;
        }
        *last = Some(self.client.now());
    }
}

#[cfg(test)]
mod tests {
    use super::loses;

    #[test]
    fn what_people_archive_is_no_loss_and_an_index_that_comes_back_empty_is() {
        assert!(!loses(5_000, 5_000) && !loses(5_000, 5_200), "rows come on");
        assert!(!loses(5_000, 4_950) && loses(5_000, 4_900));
        assert!(!loses(60, 40) && loses(60, 39));
        assert!(loses(300, 0));
        assert!(!loses(20, 0), "the last few may be gone");
    }
}
