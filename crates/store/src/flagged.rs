//! Flagged values: of a conflict that the latest change decided, the older value waits to be looked at. Nothing is frozen meanwhile.

use entente_model::clock::Timestamp;

use crate::conflicts::{COLUMNS, Conflict, conflict};
use crate::error::{Result, StoreError};
use crate::ledger::EntryId;
use crate::sql::vals;
use crate::tx::{Tx, page};
use crate::viewer::Viewer;

/// Who decides where the latest change wins.
const LATEST: &str = "rule latest";

/// What is flagged and not looked at yet; the words of the index.
const FLAGGED: &str = "resolved_by = 'rule latest' and reviewed_at is null";

impl Conflict {
    /// Whether the latest change decided it, so that the older value is flagged.
    #[must_use]
    pub fn was_latest(&self) -> bool {
        self.resolved_by.as_deref() == Some(LATEST)
    }

    /// Whether its older value is flagged and nobody has looked at it yet.
    #[must_use]
    pub fn is_flagged(&self) -> bool {
        self.was_latest() && self.reviewed_at.is_none()
    }
}

impl Tx<'_> {
    /// Conflicts whose older value nobody has looked at yet, newest first. `before` is the number of the last one of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn flagged_conflicts(&mut self, viewer: &Viewer, limit: usize, before: Option<i64>) -> Result<Vec<Conflict>> {
        let sql = format!("select {COLUMNS} from conflicts where {FLAGGED} and id < $1 and {} order by id desc limit $2", viewer.clause());
        self.rows("conflicts", &sql, &[before.unwrap_or(i64::MAX).into(), page(limit)])?.into_iter().map(conflict).collect()
    }

    /// How many those are.
    ///
    /// # Errors
    /// As for any read.
    pub fn flagged_count(&mut self) -> Result<u64> {
        let sql = format!("select count(*) from conflicts where {FLAGGED}");
        self.the_row("conflicts", &sql, &[])?.num()
    }

    /// Notes that somebody has looked at the older value, with the entry of the ledger where it was taken after all.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is not flagged any more: somebody else was faster.
    pub fn review_conflict(&mut self, id: i64, by: &str, at: Timestamp, entry: Option<EntryId>) -> Result<Conflict> {
        let sql = format!(
            "update conflicts set reviewed_by = $2, reviewed_at = $3, reviewed_entry = $4 where id = $1 and {FLAGGED} returning {COLUMNS}"
        );
        let reviewed = self.row("conflicts", &sql, vals![id, by, at, entry])?.map(conflict).transpose()?;
        reviewed.ok_or_else(|| StoreError::Conflict { what: format!("conflict {id} is not flagged any more") })
    }
}
