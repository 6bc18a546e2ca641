//! One page of a list, in both versions of the API.
//!
//! The older version counts rows from the start, so that a row which moves to the end pulls all later ones forward. Its lists are read in
//! order of stamp, and each page begins anew at the last row's second. Only rows of one second are counted; the last of them that was seen
//! comes along with the next page, and when it is not where it was, the second is read again.

use entente_model::clock::Timestamp;
use serde_json::Value;

use super::Pipedrive;
use super::cursor::Place;
use super::kind::Kind;
use super::refusal::of_no_row;
use super::wire::{Next, changed_at, id_text, stamp};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;

/// Rows of a page, the most Pipedrive gives.
const ROWS: u64 = 500;

/// Which list of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// Rows that are there.
    Present,
    /// Archived ones (deals, leads).
    Archived,
    /// Deleted deals of the last thirty days.
    Deleted,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Rows {
    pub rows: Vec<Value>,
    /// Where the list goes on.
    pub next: Option<Place>,
    /// The vendor's time.
    pub theirs: Option<Timestamp>,
}

impl Pipedrive {
    /// One page of a list; with `since`, of what changed from then on. `custom` is the one custom field to show, where the others are of no
    /// use.
    pub(super) async fn list_page(
        &self,
        kind: Kind,
        list: List,
        since: Option<Timestamp>,
        place: &Place,
        custom: Option<&str>,
        priority: Priority,
    ) -> Result<Rows, VendorError> {
        if kind.is_old() {
            return self.old_page(kind, list, since, place, priority).await;
        }
        let path = if list == List::Archived { format!("{}/archived", kind.path()) } else { kind.path() };
        let mut call = Call::get(path).query("limit", ROWS.to_string()).query("sort_direction", "asc");
        call = call.query("sort_by", if since.is_some() { "update_time" } else { "id" });
        if let Some(since) = since {
            call = call.query("updated_since", stamp(since));
        }
        if list == List::Deleted {
            call = call.query("status", "deleted");
        }
        if let Some(code) = custom {
            call = call.query("custom_fields", code);
        }
        let begun = call.clone();
        if let Some(cursor) = &place.cursor {
            call = call.query("cursor", cursor);
        }
        let read = match self.send("list", priority, call).await {
            // A cursor that has come of age: the list is read again from its beginning.
            Err(error) if place.cursor.is_some() && error.status == 400 && error.field.as_deref() == Some("cursor") => {
                self.send("list", priority, begun).await.map_err(of_no_row)?
            }
            other => other.map_err(of_no_row)?,
        };
        let next = match read.next.clone() {
            Some(Next::Cursor(cursor)) if place.cursor.as_ref() != Some(&cursor) => {
                Some(Place { cursor: Some(cursor), ..Place::default() })
            }
            _ => None,
        };
        Ok(Rows { rows: read.rows().to_vec(), next, theirs: read.theirs })
    }

    async fn old_page(
        &self,
        kind: Kind,
        list: List,
        since: Option<Timestamp>,
        place: &Place,
        priority: Priority,
    ) -> Result<Rows, VendorError> {
        let path = if list == List::Archived { format!("{}/archived", kind.path()) } else { kind.path() };
        let from = place.at.or(since);
        let ask = |start: u64| {
            let mut call = Call::get(path.clone()).query("limit", ROWS.to_string()).query("start", start.to_string());
            call = call.query("sort", "update_time ASC");
            match from {
                Some(from) => call.query("updated_since", stamp(from)),
                None => call,
            }
        };
        // The row before comes along, to see whether it is still there.
        let mut start = if place.last.is_some() { place.start.saturating_sub(1) } else { 0 };
        let mut read = self.send("list", priority, ask(start)).await.map_err(of_no_row)?;
        if place.last.is_some() && read.rows().first().and_then(|row| id_text(&row["id"])) != place.last {
            start = 0;
            read = self.send("list", priority, ask(start)).await.map_err(of_no_row)?;
        }
        let rows = read.rows().to_vec();
        let next = read.next.as_ref().and_then(|_| {
            let (first, last) = (rows.first()?, rows.last()?);
            let second = |row: &Value| changed_at(row).and_then(|at| Timestamp::from_second(at.as_second()).ok());
            let seen = |at| Place { at, start: start + rows.len() as u64, last: id_text(&last["id"]), ..Place::default() };
            Some(match second(last).filter(|last| from.is_none_or(|from| last.as_second() > from.as_second())) {
                // A whole page of one second, from its first row on.
                Some(at) if start == 0 && second(first) == Some(at) => seen(Some(at)),
                Some(at) => Place { at: Some(at), ..Place::default() },
                None => seen(from),
            })
        });
        Ok(Rows { rows, next, theirs: read.theirs })
    }
}
