//! Polls, page by page. See [`super::cursor`] for the ways they go.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use super::cursor::{Place, Position, Step};
use super::kind::{Kind, id_among};
use super::lists::List;
use super::map::{Seeing, is_gone, version};
use super::refusal::of_no_row;
use super::wire::{Next, id_text, old_stamp};
use super::{Pipedrive, SPEC};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Cursor, Look, Page, ReadSpec};
use crate::transport::call::Call;

/// How far recent changes reach back: Pipedrive says a month, and a day is left for its clock.
const RECENTS_REACH: Duration = Duration::from_secs(27 * 86_400);
/// Rows of a page of recent changes.
const RECENTS_ROWS: &str = "500";

impl Pipedrive {
    /// The vendor's present.
    pub(super) fn theirs(&self) -> Timestamp {
        self.client.offset().theirs(self.client.now())
    }

    /// See [`Connector::page`](crate::connector::Connector::page).
    pub(super) async fn next_page(&self, spec: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        let kind = Kind::named(&spec.object)?;
        let stored = cursor.map_or_else(|| Ok(Position::start()), |cursor| Position::from_text(cursor))?;
        let position = stored.set_out(self.theirs(), SPEC.overlap);
        let (looks, position) = match position.step {
            Step::Rows | Step::Rest => self.row_page(kind, kind, List::Present, spec, position, priority).await?,
            Step::Notes => self.row_page(kind, Kind::Note, List::Present, spec, position, priority).await?,
            Step::Archived => self.row_page(kind, kind, List::Archived, spec, position, priority).await?,
            Step::Deleted => self.deleted_page(kind, position, priority).await?,
            Step::Recents => self.recents_page(kind, position, priority).await?,
        };
        let more = position.step != Step::Rest;
        Ok(Page { looks, next: position.to_text(), more, total: None })
    }

    async fn row_page(
        &self,
        object: Kind,
        kind: Kind,
        list: List,
        spec: &ReadSpec,
        mut position: Position,
        priority: Priority,
    ) -> Result<(Vec<Look>, Position), VendorError> {
        self.fields(object, &spec.fields, priority).await?;
        let page = self.list_page(kind, list, position.since, &position.place, None, priority).await?;
        position.begun = position.begun.or(page.theirs).or_else(|| Some(self.theirs()));
        let looks = self.looks(object, kind, &page.rows, &spec.fields, priority).await?;
        Ok((looks, turn(position, page.next, object)))
    }

    async fn deleted_page(&self, kind: Kind, position: Position, priority: Priority) -> Result<(Vec<Look>, Position), VendorError> {
        // Nobody says whether a deletion moves the stamp, so that all of the month's are read.
        let page = self.list_page(kind, List::Deleted, None, &position.place, None, priority).await?;
        let seeing = self.seeing(kind, kind, &[], &page.rows, priority).await?;
        let gone = page.rows.iter().filter(|row| is_gone(row));
        let looks = gone.filter_map(|row| Some(seeing.gone(id_text(&row["id"])?, version(row)))).collect();
        Ok((looks, turn(position, page.next, kind)))
    }

    /// Recent changes. What looks deleted there is fetched: how they show deletions is not documented.
    async fn recents_page(&self, object: Kind, position: Position, priority: Priority) -> Result<(Vec<Look>, Position), VendorError> {
        let reach = self.theirs().checked_sub(RECENTS_REACH).unwrap_or(Timestamp::UNIX_EPOCH);
        let known = position.swept.or(position.since).and_then(|at| at.checked_sub(SPEC.overlap).ok()).unwrap_or(reach).max(reach);
        let items = if object == Kind::Activity { "activity,note".to_owned() } else { object.singular().to_owned() };
        let call = Call::get("/v1/recents")
            .query("since_timestamp", old_stamp(known))
            .query("items", items)
            .query("start", position.place.start.to_string())
            .query("limit", RECENTS_ROWS);
        let read = self.send("recents", priority, call).await.map_err(of_no_row)?;
        let mut looks = Vec::new();
        for item in read.rows() {
            let kind = if item["item"] == Kind::Note.singular() { Kind::Note } else { object };
            let doubtful = item["data"].is_null() || is_gone(&item["data"]);
            let Some(id) = id_text(&item["id"]).filter(|id| doubtful && kind.is_id(id)) else { continue };
            match self.view(kind, &id, priority).await? {
                Some(row) if !is_gone(&row) => {}
                found => {
                    let seeing = self.seeing(object, kind, &[], &[], priority).await?;
                    looks.push(seeing.gone(id_among(object, kind, &id), found.as_ref().and_then(version)));
                }
            }
        }
        let next = match read.next {
            Some(Next::Start(start)) if start > position.place.start => Some(Place { start, ..Place::default() }),
            _ => None,
        };
        Ok((looks, turn(position, next, object)))
    }

    /// What rows are seen with: fields and names.
    pub(super) async fn seeing(
        &self,
        object: Kind,
        kind: Kind,
        fields: &[String],
        rows: &[Value],
        priority: Priority,
    ) -> Result<Seeing<'_>, VendorError> {
        Ok(Seeing {
            object,
            kind,
            fields: self.fields(object, fields, priority).await?,
            names: self.names(kind, fields, rows, priority).await?,
            hands: &self.hands,
            offset_ms: self.client.offset().ms().unwrap_or(0),
            seen_at: self.client.now(),
        })
    }

    /// Flattens rows. A field that a row does not even hold as null does not exist any more: it must not be taken for one that somebody
    /// cleared.
    pub(super) async fn looks(
        &self,
        object: Kind,
        kind: Kind,
        rows: &[Value],
        fields: &[String],
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        let mut seeing = self.seeing(object, kind, fields, rows, priority).await?;
        if rows.iter().any(|row| seeing.lacks(row, fields)) {
            self.forget(kind).await;
            seeing = self.seeing(object, kind, fields, rows, priority).await?;
        } else if rows.iter().any(|row| seeing.has_new_choice(row, fields)) {
            self.doubt(kind).await;
            seeing = self.seeing(object, kind, fields, rows, priority).await?;
        }
        Ok(rows.iter().filter_map(|row| seeing.look(row, fields)).collect())
    }

    /// A cursor at the vendor's present.
    pub(super) async fn present_cursor(&self, spec: &ReadSpec) -> Result<Cursor, VendorError> {
        Kind::named(&spec.object)?;
        let (_, read) = self.ask_me(Priority::Update).await?;
        Ok(Position::at(read.theirs.unwrap_or_else(|| self.theirs())).to_text())
    }
}

/// The position moved on.
fn turn(position: Position, next: Option<Place>, kind: Kind) -> Position {
    match next {
        Some(place) => Position { place, ..position },
        None => position.finished(kind),
    }
}
