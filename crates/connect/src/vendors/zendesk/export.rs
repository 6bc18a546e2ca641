//! Polls: Zendesk's incremental exports.
//!
//! Users and tickets have cursor exports, ordered by `generated_timestamp`, which every change raises. The newest minute is withheld
//! by Zendesk itself, so nothing commits late and no overlap is needed: the last `after_cursor` is kept and resumed from, also when
//! the stream has ended. Users are too many for 20 of its pages a minute in a first read: where these are spent but for one, which is left
//! to tickets, pages of the time-based export, which has a budget of its own, carry on in the same order. Organizations have only the time-based export, whose pages repeat the rows of their last second, and which
//! never moves on when more rows than a page share one second; then the plain list takes over for one pass.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Cursor, Page, ReadSpec};
use crate::transport::call::Call;

use super::Zendesk;
use super::comments::COMMENT;
use super::errors::misfit;
use super::kind::Kind;
use super::map::{Beside, id_text, includes};
use super::wire::{EXPORT_CURSOR, EXPORT_TIME, Read, seen, send};

/// Rows per export page, the most Zendesk gives.
pub(super) const EXPORT_ROWS: usize = 1000;

/// Rows per page of a plain list, the most Zendesk gives.
const LIST_ROWS: &str = "100";

/// Rows of a page by time that are remembered to recognise repeats. More repeats than that cost a look, never a row.
pub(super) const REMEMBERED: usize = 200;

/// Cursor pages of a minute that users leave to tickets while there is another way to read users: a first read of tickets would else wait for the
/// next minute.
const LEFT_TO_TICKETS: u64 = 1;

/// Seconds that a start lies in the past at least: the export refuses 60 and less, one more for the rounding of clocks.
const START_AGE_S: i64 = 61;

/// Where a poll stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stand {
    /// At an instant, in seconds since 1970 by Zendesk's clock.
    Start(i64),
    /// Behind the row a cursor export ended with.
    After(String),
    /// At a second of the time-based export, some rows of which are known: id and `updated_at`.
    Second { at: i64, seen: BTreeSet<(String, String)> },
    /// In the plain list, because the export is stuck in the second before `then`.
    List { after: Option<String>, then: i64 },
}

impl Stand {
    pub(super) fn read(cursor: &str) -> Result<Self, VendorError> {
        serde_json::from_str(cursor).map_err(|error| {
            misfit("bad_cursor", format!("the kept place in Zendesk's export cannot be read: {error}"), "start a resync of this object")
        })
    }

    /// What is said of a place in an export of another kind.
    pub(super) fn of_another() -> VendorError {
        misfit("bad_cursor", "the kept place belongs to another object", "start a resync of this object")
    }

    pub(super) fn write(&self) -> Result<Cursor, VendorError> {
        serde_json::to_string(self).map_err(|error| {
            misfit("bad_cursor", format!("the place in Zendesk's export cannot be kept: {error}"), "start a resync of this object")
        })
    }
}

impl Zendesk {
    /// The latest second at which an export may start, by Zendesk's clock.
    pub(super) fn latest_start(&self) -> i64 {
        let seen = seen(&self.client);
        (seen.at.as_millisecond() + seen.offset_ms).div_euclid(1000) - START_AGE_S
    }

    /// A cursor at the present. The minute that exports withhold is seen again by the next poll, which does no harm.
    pub(super) fn present_cursor(&self, read: &ReadSpec) -> Result<Cursor, VendorError> {
        if read.object != COMMENT {
            Kind::named(&read.object)?;
        }
        Stand::Start(self.latest_start()).write()
    }

    /// Reads the next page.
    pub(super) async fn next_page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        let kind = Kind::named(&read.object)?;
        let stand = match cursor {
            Some(cursor) => Stand::read(cursor)?,
            None => Stand::Start(self.tuning.first_start),
        };
        let mut page = match kind {
            Kind::User => match self.detour(read, &stand, priority).await? {
                Some(page) => page,
                None => self.cursor_page(kind, read, stand, priority).await?,
            },
            Kind::Ticket => self.cursor_page(kind, read, stand, priority).await?,
            Kind::Organization => match stand {
                Stand::List { after, then } => self.list_page(read, after, then, priority).await?,
                Stand::Start(at) => self.second_page(read, at, BTreeSet::new(), priority).await?,
                Stand::Second { at, seen } => self.second_page(read, at, seen, priority).await?,
                Stand::After(_) => {
                    return Err(Stand::of_another());
                }
            },
        };
        if cursor.is_none() {
            page.total = self.count(kind, priority).await;
        }
        Ok(page)
    }

    /// Rows in all, for progress; not worth failing for.
    async fn count(&self, kind: Kind, priority: Priority) -> Option<u64> {
        let call = Call::get(format!("/api/v2/{}/count", kind.plural()));
        match send(&self.client, "count", priority, call).await {
            Ok(read) => read.body["count"]["value"].as_u64().or_else(|| read.body["count"].as_u64()),
            Err(error) => {
                tracing::debug!(connection = %self.client.settings().name, %error, "no count of rows");
                None
            }
        }
    }

    async fn cursor_page(&self, kind: Kind, read: &ReadSpec, stand: Stand, priority: Priority) -> Result<Page, VendorError> {
        let mut call = Call::get(format!("/api/v2/incremental/{}/cursor", kind.plural()))
            .bucket(EXPORT_CURSOR)
            .query("per_page", EXPORT_ROWS.to_string());
        call = match &stand {
            Stand::After(after) => call.query("cursor", after),
            Stand::Start(at) => call.query("start_time", (*at).min(self.latest_start()).to_string()),
            Stand::Second { .. } | Stand::List { .. } => {
                return Err(Stand::of_another());
            }
        };
        let include = beside(kind, read);
        if !include.is_empty() {
            call = call.query("include", include.join(","));
        }
        let answer = send(&self.client, "incremental", priority, call).await?;
        self.secondary.notice(&answer.body);
        let rows = rows(&answer, kind)?;
        let looks = self.looks(kind, rows, &Beside::of(&answer.body), &read.fields, answer.seen, priority).await?;
        let next = match answer.body["after_cursor"].as_str() {
            Some(after) => Stand::After(after.to_owned()),
            // An empty stream has no last row: stay.
            None => stand.clone(),
        };
        let more = !answer.body["end_of_stream"].as_bool().unwrap_or(rows.len() < EXPORT_ROWS) && next != stand;
        Ok(Page { looks, next: next.write()?, more, total: None })
    }

    /// A page of users by the time-based export, while only the cursor pages that tickets are left may be read and one of these may. It begins at the second at which
    /// the cursor stands, so that rows of that second may come again; `None` where it does not lead on.
    async fn detour(&self, read: &ReadSpec, stand: &Stand, priority: Priority) -> Result<Option<Page>, VendorError> {
        let from = match stand {
            Stand::Start(at) => Some(*at),
            Stand::After(cursor) => second_of(cursor),
            Stand::Second { .. } | Stand::List { .. } => None,
        };
        let Some(from) = from else { return Ok(None) };
        if self.client.has_room(priority, EXPORT_CURSOR, LEFT_TO_TICKETS) || !self.client.has_room(priority, EXPORT_TIME, 0) {
            return Ok(None);
        }
        let start = from.min(self.latest_start());
        let mut call = Call::get("/api/v2/incremental/users")
            .bucket(EXPORT_TIME)
            .query("per_page", EXPORT_ROWS.to_string())
            .query("start_time", start.to_string());
        let include = beside(Kind::User, read);
        if !include.is_empty() {
            call = call.query("include", include.join(","));
        }
        let answer = send(&self.client, "incremental", priority, call).await?;
        self.secondary.notice(&answer.body);
        let rows = rows(&answer, Kind::User)?;
        let Some(end) = answer.body["end_time"].as_i64().filter(|end| *end > start) else { return Ok(None) };
        let looks = self.looks(Kind::User, rows, &Beside::of(&answer.body), &read.fields, answer.seen, priority).await?;
        let more = !answer.body["end_of_stream"].as_bool().unwrap_or(rows.len() < EXPORT_ROWS);
        Ok(Some(Page { looks, next: Stand::Start(end).write()?, more, total: None }))
    }

    async fn second_page(
        &self,
        read: &ReadSpec,
        at: i64,
        seen: BTreeSet<(String, String)>,
        priority: Priority,
    ) -> Result<Page, VendorError> {
        let start = at.min(self.latest_start());
        let call = Call::get("/api/v2/incremental/organizations")
            .bucket(EXPORT_TIME)
            .query("per_page", EXPORT_ROWS.to_string())
            .query("start_time", start.to_string());
        let answer = send(&self.client, "incremental", priority, call).await?;
        let rows = rows(&answer, Kind::Organization)?;
        let fresh: Vec<Value> =
            rows.iter().filter(|row| signature(row).is_none_or(|signature| !seen.contains(&signature))).cloned().collect();
        let looks = self.looks(Kind::Organization, &fresh, &Beside::default(), &read.fields, answer.seen, priority).await?;
        let end = answer.body["end_time"].as_i64().unwrap_or(start);
        let full = rows.len() >= EXPORT_ROWS;
        let more = !answer.body["end_of_stream"].as_bool().unwrap_or(!full) && !rows.is_empty();
        let next = if more && end <= start {
            tracing::info!(connection = %self.client.settings().name, "more organizations share one second than the export can page through: listing all");
            Stand::List { after: None, then: end + 1 }
        } else {
            // Rows stand in the order of their seconds: only those at the end can come again.
            let mut known: BTreeSet<(String, String)> = rows.iter().rev().take(REMEMBERED).filter_map(signature).collect();
            if end == at {
                known.extend(seen);
            }
            Stand::Second { at: end.max(start), seen: known }
        };
        Ok(Page { looks, next: next.write()?, more, total: None })
    }

    async fn list_page(&self, read: &ReadSpec, after: Option<String>, then: i64, priority: Priority) -> Result<Page, VendorError> {
        let mut call = Call::get("/api/v2/organizations").query("page[size]", LIST_ROWS);
        if let Some(after) = &after {
            call = call.query("page[after]", after);
        }
        let answer = send(&self.client, "list", priority, call).await?;
        let rows = rows(&answer, Kind::Organization)?;
        let looks = self.looks(Kind::Organization, rows, &Beside::default(), &read.fields, answer.seen, priority).await?;
        let next = match (answer.body["meta"]["has_more"].as_bool(), answer.body["meta"]["after_cursor"].as_str()) {
            (Some(true), Some(after)) => Stand::List { after: Some(after.to_owned()), then },
            _ => Stand::Second { at: then, seen: BTreeSet::new() },
        };
        Ok(Page { looks, next: next.write()?, more: true, total: None })
    }
}

/// What an export is to send beside its rows: what the fields need, and the other addresses of users whose address is read, because one of them
/// may have to become the primary one.
fn beside(kind: Kind, read: &ReadSpec) -> Vec<&'static str> {
    let mut include = includes(kind, &read.fields);
    if kind == Kind::User && read.fields.iter().any(|field| field == "email") {
        include.push("identities");
    }
    include
}

fn rows(answer: &Read, kind: Kind) -> Result<&Vec<Value>, VendorError> {
    answer.body[kind.plural()].as_array().ok_or_else(|| {
        VendorError::new(
            crate::error::Class::Retry,
            "unreadable",
            format!("the answer has no list `{}`", kind.plural()),
            "if this repeats, check that base_url points at Zendesk's API and not at a login or maintenance page",
        )
        .with_status(answer.status)
    })
}

/// The second at which a cursor stands: it is the text `1695052663.0||28|` in base64, as recorded answers show. `None` for any other form.
fn second_of(cursor: &str) -> Option<i64> {
    let plain = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    let (stamp, _) = plain.split_once("||")?;
    stamp.split_once('.').map_or(stamp, |(seconds, _)| seconds).parse().ok().filter(|second| *second > 0)
}

fn signature(row: &Value) -> Option<(String, String)> {
    Some((id_text(&row["id"])?, row["updated_at"].as_str()?.to_owned()))
}

/// The earliest instant that exports begin at by default: the second after 1970 began, since 0 is not documented.
pub(super) const FIRST_START: i64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_text() {
        let seen = BTreeSet::from([("1".to_owned(), "2026-01-01T00:00:00Z".to_owned())]);
        for stand in [
            Stand::Start(1),
            Stand::After("MTY5NTA1MjY2My4wfHwyOHw=".to_owned()),
            Stand::Second { at: 7, seen },
            Stand::List { after: None, then: 8 },
        ] {
            let text = stand.write().expect("written");
            assert_eq!(Stand::read(&text), Ok(stand));
        }
        assert_eq!(second_of("MTY5NTA1MjY2My4wfHwyOHw="), Some(1_695_052_663));
        assert_eq!(second_of("eyJvIjoiaWQifQ=="), None, "a cursor of another form");
        assert_eq!(Stand::read("nonsense").expect_err("refused").code, "bad_cursor");
    }
}
