//! Polls, page by page. See [`super::cursor`] for the ways they go.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use entente_model::clock::Timestamp;
use serde_json::Value;

use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Cursor, Existence, Look, Page, ReadSpec};
use crate::transport::call::Call;

use super::conversations::CONVERSATION;
use super::cursor::{Phase, Position};
use super::fields::is_only_in_views;
use super::kind::Kind;
use super::map::{Seen, gone, id_text, includes, stamp, version, whole};
use super::refusal::{flaws, misfit, of_no_row};
use super::wire::{CONTACT_LISTS, Read, TICKET_LISTS, read, seen, send};
use super::{Freshdesk, SPEC};

/// Rows of a page, the most Freshdesk gives.
const ROWS: u32 = 100;

/// Rows of a page of which each is read by itself: a page must fit into a small plan's minute.
const ROWS_SINGLY: u32 = 20;

/// Last page of tickets that Freshdesk gives.
const TICKET_PAGES_MAX: u32 = 300;

impl Freshdesk {
    /// The vendor's present.
    pub(super) fn theirs(&self) -> Timestamp {
        self.client.offset().theirs(self.client.now())
    }

    /// See [`Connector::page`](crate::connector::Connector::page).
    pub(super) async fn next_page(&self, spec: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        let kind = Kind::named(&spec.object)?;
        if self.client.offset().ms().is_none() {
            // Where a read begins is told by the vendor's clock, which no answer has shown yet.
            self.ask_me(priority).await?;
        }
        let stored = cursor.map_or_else(|| Ok(Position::start()), |cursor| Position::from_text(cursor))?;
        let position = stored.set_out(self.theirs(), SPEC.overlap);
        let (looks, next) = match position.phase {
            Phase::Rows | Phase::Rest if kind == Kind::Ticket => self.ticket_page(spec, position, priority).await?,
            Phase::Rows | Phase::Rest => self.row_page(kind, spec, position, priority).await?,
            Phase::Deleted | Phase::Spam => self.gone_page(kind, position, priority).await?,
        };
        let more = next.phase != Phase::Rest;
        Ok(Page { looks, next: next.to_text(), more, total: None })
    }

    /// One list call.
    async fn list(&self, kind: Kind, query: &[(&str, String)], priority: Priority) -> Result<Read, VendorError> {
        let mut call = Call::get(format!("/api/v2/{}", kind.plural()));
        for (name, value) in query {
            call = call.query(name, value);
        }
        match kind {
            Kind::Ticket => call = call.bucket(TICKET_LISTS),
            Kind::Contact => call = call.bucket(CONTACT_LISTS),
            Kind::Company => {}
        }
        send(&self.client, "list", priority, call).await.map_err(of_no_row)
    }

    /// A list of what changed since an instant. Older accounts know the parameter by another name, which is tried once and remembered.
    async fn changed(&self, kind: Kind, since: Timestamp, mut query: Vec<(&str, String)>, priority: Priority) -> Result<Read, VendorError> {
        let stamp = stamp(since);
        if kind == Kind::Ticket {
            query.push(("updated_since", stamp));
            return self.list(kind, &query, priority).await;
        }
        let old = self.old_filter.load(Ordering::Relaxed);
        query.push((if old { "_updated_since" } else { "updated_since" }, stamp.clone()));
        let mut call = Call::get(format!("/api/v2/{}", kind.plural())).accept(&[400]);
        for (name, value) in &query {
            call = call.query(name, value);
        }
        if kind == Kind::Contact {
            call = call.bucket(CONTACT_LISTS);
        }
        let answer = self.client.call("list", priority, call).await.map_err(of_no_row)?;
        if answer.status != 400 {
            return read(&self.client, &answer);
        }
        if !old && flaws(&answer.body).iter().any(|flaw| flaw.field == "updated_since") {
            self.old_filter.store(true, Ordering::Relaxed);
            query.pop();
            query.push(("_updated_since", stamp));
            return self.list(kind, &query, priority).await;
        }
        Err(super::refusal::refuse(&answer, self.client.now()))
    }

    async fn ticket_page(&self, spec: &ReadSpec, position: Position, priority: Priority) -> Result<(Vec<Look>, Position), VendorError> {
        let include = includes(Kind::Ticket, &spec.fields, true);
        let (rows, seen, next) = self.ticket_rows(&include, ROWS, &position, priority).await?;
        let looks = self.looks(Kind::Ticket, &rows, &spec.fields, seen, priority).await?;
        Ok((looks, next.unwrap_or_else(|| position.finished(Kind::Ticket))))
    }

    /// A page of changed tickets as Freshdesk shows them, without those that were seen, and where the walk goes on, if it does. `size` is how many
    /// are asked for at once.
    pub(super) async fn ticket_rows(
        &self,
        include: &[&str],
        size: u32,
        position: &Position,
        priority: Priority,
    ) -> Result<(Vec<Value>, Seen, Option<Position>), VendorError> {
        // Without an instant only the newest thirty days are listed.
        let since = whole(position.at.or(position.since).unwrap_or(Timestamp::UNIX_EPOCH));
        let mut query = vec![
            ("order_by", "updated_at".to_owned()),
            ("order_type", "asc".to_owned()),
            ("page", position.page.to_string()),
            ("per_page", position.size.unwrap_or(size).to_string()),
        ];
        if !include.is_empty() {
            query.push(("include", include.join(",")));
        }
        let answer = self.changed(Kind::Ticket, since, query, priority).await?;
        let rows = answer.rows()?;
        let mark = |row: &Value| Some(format!("{}@{}", id_text(&row["id"])?, version(row)?));
        let new: Vec<Value> = rows.iter().filter(|row| mark(row).is_none_or(|mark| !position.seen.contains(&mark))).cloned().collect();
        let Some(next) = answer.next else { return Ok((new, answer.seen, None)) };
        let last: Option<Timestamp> = rows.last().and_then(version).and_then(|stamp| stamp.parse().ok());
        let of_last = || rows.iter().filter(|row| version(row).and_then(|stamp| stamp.parse().ok()) == last).filter_map(mark);
        let next = match last.filter(|last| *last > since) {
            // On from the last row's second, of which more rows may follow.
            Some(last) => Position { at: Some(last), seen: of_last().collect(), page: 1, size: None, ..position.clone() },
            None if next.page > TICKET_PAGES_MAX => return Err(too_many_at_once(since)),
            // A whole page of one second.
            None => {
                let mut seen = position.seen.clone();
                seen.extend(of_last());
                Position { seen, at: Some(since), ..position.clone().turn(next) }
            }
        };
        Ok((new, answer.seen, Some(next)))
    }

    async fn row_page(
        &self,
        kind: Kind,
        spec: &ReadSpec,
        position: Position,
        priority: Priority,
    ) -> Result<(Vec<Look>, Position), VendorError> {
        let singly = spec.fields.iter().any(|name| is_only_in_views(kind, name));
        let size = position.size.unwrap_or(if singly { ROWS_SINGLY } else { ROWS });
        let query = vec![("page", position.page.to_string()), ("per_page", size.to_string())];
        let answer = match position.since {
            Some(since) => self.changed(kind, since, query, priority).await?,
            None => self.list(kind, &query, priority).await?,
        };
        let rows = answer.rows()?;
        let looks = if singly {
            let ids: Vec<String> = rows.iter().filter_map(|row| id_text(&row["id"])).collect();
            self.fetch_rows(spec, &ids, priority).await?
        } else {
            self.looks(kind, rows, &spec.fields, answer.seen, priority).await?
        };
        let next = match answer.next {
            Some(next) => position.turn(next),
            None if position.may_have_missed() && self.changed_meanwhile(kind, &position, priority).await? => position.again(self.theirs()),
            None => position.finished(kind),
        };
        Ok((looks, next))
    }

    /// Whether rows may have moved since a walk began.
    async fn changed_meanwhile(&self, kind: Kind, position: &Position, priority: Priority) -> Result<bool, VendorError> {
        let Some(begun) = position.walk_begun.or(position.begun) else { return Ok(false) };
        let one = || vec![("page", "1".to_owned()), ("per_page", "1".to_owned())];
        if !self.changed(kind, begun, one(), priority).await?.rows()?.is_empty() {
            return Ok(true);
        }
        if kind != Kind::Contact {
            return Ok(false);
        }
        let mut query = one();
        query.push(("state", "deleted".to_owned()));
        Ok(!self.changed(kind, begun, query, priority).await?.rows()?.is_empty())
    }

    /// Deleted rows, or spam. A deleted contact may have been merged into another.
    async fn gone_page(&self, kind: Kind, position: Position, priority: Priority) -> Result<(Vec<Look>, Position), VendorError> {
        let since = position.since.unwrap_or(Timestamp::UNIX_EPOCH);
        let mut query = vec![("page", position.page.to_string()), ("per_page", position.size.unwrap_or(ROWS).to_string())];
        match (kind, position.phase) {
            (Kind::Ticket, Phase::Spam) => query.push(("filter", "spam".to_owned())),
            (Kind::Ticket, _) => query.push(("filter", "deleted".to_owned())),
            _ => query.push(("state", "deleted".to_owned())),
        }
        let answer = self.changed(kind, since, query, priority).await?;
        let mut looks = Vec::new();
        for row in answer.rows()? {
            let Some(id) = id_text(&row["id"]) else { continue };
            let existence = match kind {
                Kind::Contact => self.fate(row, priority).await?,
                _ => Existence::Deleted,
            };
            looks.push(gone(kind, id, existence, version(row), answer.seen));
        }
        let next = match answer.next.filter(|next| kind != Kind::Ticket || next.page <= TICKET_PAGES_MAX) {
            Some(next) => position.turn(next),
            None if answer.next.is_some() => return Err(too_many_at_once(since)),
            None => position.finished(kind),
        };
        Ok((looks, next))
    }

    /// Flattens rows, and makes sure that fields without a value exist.
    pub(super) async fn looks(
        &self,
        kind: Kind,
        rows: &[Value],
        fields: &[String],
        seen: Seen,
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        let names = self.names_for(fields, priority).await;
        let mut missing = BTreeSet::new();
        let wanted = super::map::Wanted::Fields(fields);
        let looks = rows.iter().filter_map(|row| super::map::look(kind, row, &names, wanted, seen, &mut missing)).collect();
        self.verify(kind, &missing, priority).await?;
        Ok(looks)
    }

    /// A cursor at the vendor's present.
    pub(super) async fn present_cursor(&self, spec: &ReadSpec) -> Result<Cursor, VendorError> {
        if spec.object != CONVERSATION {
            Kind::named(&spec.object)?;
        }
        let me = self.ask_me(Priority::Update).await?;
        Ok(Position::at(me.theirs.unwrap_or_else(|| seen(&self.client).at)).to_text())
    }
}

/// More tickets of one second, or deleted ones, than Freshdesk lists.
fn too_many_at_once(since: Timestamp) -> VendorError {
    misfit(
        "page_wall",
        format!("Freshdesk lists no more than 30,000 tickets at once, and more than that have the stamp {since} or were set aside since"),
        "change a few thousand of these tickets at Freshdesk (a tag does), so that their stamps differ, then resync",
    )
}
