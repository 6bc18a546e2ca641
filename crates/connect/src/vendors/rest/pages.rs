//! Polls, page by page. See [`super::cursor`] for the ways they go.

use std::time::Duration;

use entente_model::clock::Timestamp;

use super::Rest;
use super::ask::{Gaps, Place, Rows, stamp};
use super::cursor::{Position, Step};
use super::description::object::{ObjectPart, Removed};
use super::look::version;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Cursor, Look, Page, ReadSpec};

/// Seconds of a day.
const DAY_S: u64 = 86_400;

impl Rest {
    /// See [`Connector::page`](crate::connector::Connector::page).
    pub(super) async fn next_page(&self, spec: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        let part = self.object(&spec.object)?;
        let stored = cursor.map_or_else(|| Ok(Position::start()), |cursor| Position::from_text(cursor))?;
        let mut position = stored.set_out(self.theirs(), part);
        // Before anything is read: a field that is gone must be noticed even when there is no row.
        self.fields(&spec.object, &spec.fields, priority).await?;
        let before = self.theirs();
        let (looks, next) = match (position.step, &part.changes, &part.removed) {
            (Step::Removed, _, Some(removed)) => self.removed_page(spec, removed, &position, priority).await?,
            (step, changes, _) => {
                let (call, gaps) = match (step, changes) {
                    (Step::Changes, Some(changes)) => {
                        let since = position.since.map(|since| stamp(since, changes.time)).unwrap_or_default();
                        (&changes.call, Gaps::from([("since", since)]))
                    }
                    (Step::Also(n), _) => (part.also.get(n).unwrap_or(&part.list), Gaps::new()),
                    _ => (&part.list, Gaps::new()),
                };
                let page = self.list_again(call, &gaps, &position.place, priority).await?;
                (self.looks(&spec.object, &page.rows, &spec.fields, priority).await?, page.next)
            }
        };
        // By the clock as the answer has proved it: before it, the offset may not have been known.
        position.begun = position.begun.or(Some(before.min(self.theirs())));
        let position = match next {
            Some(place) => Position { place, ..position },
            None => position.finished(part),
        };
        Ok(Page { looks, more: position.step != Step::Rest, next: position.to_text(), total: None })
    }

    /// One page; from the beginning where the platform does not take its own cursor any more.
    async fn list_again(
        &self,
        call: &super::description::calls::ListCall,
        gaps: &Gaps<'_>,
        place: &Place,
        priority: Priority,
    ) -> Result<Rows, VendorError> {
        match self.list_page("list", call, gaps, place, priority).await {
            Err(error) if place.token.is_some() && matches!(error.status, 400 | 404 | 410 | 422) => {
                self.list_page("list", call, gaps, &Place::default(), priority).await
            }
            other => other,
        }
    }

    async fn removed_page(
        &self,
        spec: &ReadSpec,
        removed: &Removed,
        position: &Position,
        priority: Priority,
    ) -> Result<(Vec<Look>, Option<Place>), VendorError> {
        let mut since = position.swept.or(position.since).unwrap_or(Timestamp::UNIX_EPOCH);
        since = since.checked_sub(Duration::from_secs(removed.every_seconds.min(DAY_S) / 10)).unwrap_or(since);
        if let Some(days) = removed.reaches_days {
            let reach = self.theirs().checked_sub(Duration::from_secs(days * DAY_S)).unwrap_or(since);
            since = since.max(reach);
        }
        let gaps = Gaps::from([("since", stamp(since, removed.time))]);
        let page = self.list_page("removed", &removed.call, &gaps, &position.place, priority).await?;
        let seeing = self.seeing(&spec.object, &[], &[], priority).await?;
        let part: &ObjectPart = seeing.part;
        let id_at = removed.id.as_ref().unwrap_or(&part.row.id);
        let told = page.rows.iter().filter(|row| removed.when.as_ref().is_none_or(|when| when.holds(row, seeing.seen_at)));
        let mut looks = Vec::new();
        for row in told {
            let Some(id) = id_at.text_in(row) else { continue };
            if !removed.look {
                looks.push(seeing.gone(id, version(part, row)));
                continue;
            }
            match self.view(&spec.object, &id, priority).await? {
                Some(held) if !seeing.is_gone(&held) => {}
                Some(held) => looks.extend(seeing.look(&held, &[])),
                None => looks.push(seeing.gone(id, None)),
            }
        }
        Ok((looks, page.next))
    }
}
