//! Polls, page by page. See [`super::cursor`] for the ways they go.

use entente_model::clock::Timestamp;
use serde_json::{Value, json};

use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Cursor, Existence, Look, Page, ReadSpec};
use crate::transport::call::Call;

use super::cursor::{Phase, Position};
use super::kind::Kind;
use super::map::{Seen, gone, id_text, instant, updated_at};
use super::parts::PART;
use super::refusal::of_no_row;
use super::rows::indexed;
use super::wire::{Read, read, seen, send};
use super::{Intercom, SPEC, tells_deleted};

/// Rows of a page, the most Intercom gives.
const ROWS: u32 = 150;

/// Rows of a page of deleted conversations, the most Intercom gives.
const DELETED_ROWS: u32 = 60;

/// How much further back the question for contacts goes than the answer is read: "after a day" means after its end, in a zone that
/// may be half a day away on either side.
const DAYS_BACK: jiff::SignedDuration = jiff::SignedDuration::from_hours(48);

/// Times that a broken scroll is begun anew within one call.
const SCROLLS_MAX: u32 = 2;

impl Intercom {
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
        let (looks, next) = match (position.phase, kind) {
            (Phase::Rest, _) => (Vec::new(), position),
            (Phase::Rows, Kind::Company) => self.scroll_page(spec, position, priority).await?,
            (Phase::Deleted, _) => self.deleted_page(position, priority).await?,
            (Phase::Rows, _) if position.since.is_none() => self.list_page(kind, spec, position, priority).await?,
            (Phase::Rows | Phase::Tickets, _) => self.search_page(kind, spec, position, priority).await?,
        };
        let more = next.phase != Phase::Rest;
        Ok(Page { looks, next: next.to_text(), more, total: None })
    }

    async fn list_page(
        &self,
        kind: Kind,
        spec: &ReadSpec,
        position: Position,
        priority: Priority,
    ) -> Result<(Vec<Look>, Position), VendorError> {
        let (rows, seen, next) = self.list_rows(kind, ROWS, position, priority).await?;
        Ok((self.looks(kind, &rows, &spec.fields, seen, priority).await?, next))
    }

    async fn search_page(
        &self,
        kind: Kind,
        spec: &ReadSpec,
        position: Position,
        priority: Priority,
    ) -> Result<(Vec<Look>, Position), VendorError> {
        let (rows, seen, next) = self.search_rows(kind, ROWS, position, priority).await?;
        let looks = self.looks(kind, &rows, &spec.fields, seen, priority).await?;
        Ok((looks.into_iter().map(indexed).collect(), next))
    }

    /// A page of a list that knows no order of changes, of `size` rows.
    pub(super) async fn list_rows(
        &self,
        kind: Kind,
        size: u32,
        position: Position,
        priority: Priority,
    ) -> Result<(Vec<Value>, Seen, Position), VendorError> {
        let mut call = Call::get(format!("/{}", kind.plural())).query("per_page", size.to_string());
        if let Some(token) = &position.token {
            call = call.query("starting_after", token);
        }
        let answer = send(&self.client, "list", priority, call).await.map_err(of_no_row)?;
        Ok((no_tickets(answer.rows()?), answer.seen, self.on(kind, answer, position)))
    }

    fn on(&self, kind: Kind, answer: Read, position: Position) -> Position {
        match answer.after() {
            Some(token) => position.turn(token),
            None => position.finished(kind, tells_deleted(self.version)),
        }
    }

    /// A page of changes, newest first, up to the first that is older than what is looked for; of `size` rows.
    pub(super) async fn search_rows(
        &self,
        kind: Kind,
        size: u32,
        position: Position,
        priority: Priority,
    ) -> Result<(Vec<Value>, Seen, Position), VendorError> {
        let tickets = position.phase == Phase::Tickets;
        let since = position.since.unwrap_or(Timestamp::UNIX_EPOCH);
        let from = match kind {
            Kind::Contact => since.checked_sub(DAYS_BACK).unwrap_or(since),
            _ => since,
        };
        let mut pagination = json!({"per_page": size});
        if let Some(token) = &position.token {
            pagination["starting_after"] = json!(token);
        }
        let body = json!({
            "query": {"field": "updated_at", "operator": ">", "value": from.as_second().max(0)},
            "sort": {"field": "updated_at", "order": "descending"}, "pagination": pagination,
        });
        let path = if tickets { "/tickets/search".to_owned() } else { format!("/{}/search", kind.plural()) };
        let answer = send(&self.client, "search", priority, Call::post(path, body).idempotent()).await.map_err(of_no_row)?;
        let rows = answer.rows()?;
        let old = |row: &Value| updated_at(row).is_some_and(|at| at.as_second() < since.as_second());
        let reached = rows.iter().any(old);
        let fresh: Vec<Value> = rows.iter().filter(|row| !old(row)).cloned().collect();
        let fresh = if tickets { fresh } else { no_tickets(&fresh) };
        let seen = answer.seen;
        let next = if reached { position.finished(kind, tells_deleted(self.version)) } else { self.on(kind, answer, position) };
        Ok((fresh, seen, next))
    }

    /// A page of the scroll over all companies. One that was not used for a minute has ended, and begins anew.
    async fn scroll_page(&self, spec: &ReadSpec, mut position: Position, priority: Priority) -> Result<(Vec<Look>, Position), VendorError> {
        let mut begun = 0;
        let answer = loop {
            let mut call = Call::get("/companies/scroll").accept(&[404, 500]);
            if let Some(param) = &position.token {
                call = call.query("scroll_param", param);
            }
            // A repeat would be another page.
            call.idempotent = false;
            let answer = self.client.call("scroll", priority, call).await.map_err(of_no_row)?;
            if answer.status < 300 {
                break read(&self.client, &answer)?;
            }
            begun += 1;
            if begun > SCROLLS_MAX || (answer.status == 404 && position.token.is_none()) {
                return Err(of_no_row(super::refusal::refuse(&answer, self.client.now())));
            }
            position = Position { token: None, ..position };
        };
        let rows = answer.rows()?;
        let since = position.since.map(Timestamp::as_second);
        let fresh = |row: &&Value| since.is_none_or(|since| updated_at(row).is_none_or(|at| at.as_second() >= since));
        let fresh: Vec<Value> = rows.iter().filter(fresh).cloned().collect();
        let looks = self.looks(Kind::Company, &fresh, &spec.fields, answer.seen, priority).await?;
        let next = match answer.body["scroll_param"].as_str().filter(|_| !rows.is_empty()) {
            Some(param) => position.turn(param.to_owned()),
            None => position.finished(Kind::Company, false),
        };
        Ok((looks, next))
    }

    /// A page of deleted conversations, newest first.
    async fn deleted_page(&self, position: Position, priority: Priority) -> Result<(Vec<Look>, Position), VendorError> {
        let call = Call::get("/conversations/deleted")
            .query("page", position.page.to_string())
            .query("per_page", DELETED_ROWS.to_string())
            .query("order", "desc");
        let answer = send(&self.client, "list", priority, call).await.map_err(of_no_row)?;
        let since = position.since.map_or(0, Timestamp::as_second);
        let mut looks = Vec::new();
        let mut reached = false;
        for row in answer.rows()? {
            let at = instant(&row["deleted_at"]);
            if at.is_some_and(|at| at.as_second() < since) {
                reached = true;
                break;
            }
            looks.extend(id_text(&row["id"]).map(|id| gone(Kind::Conversation, id, Existence::Deleted, at, answer.seen)));
        }
        let next = if answer.more() && !reached {
            Position { page: position.page + 1, ..position }
        } else {
            position.finished(Kind::Conversation, true)
        };
        Ok((looks, next))
    }

    /// A cursor at the vendor's present.
    pub(super) async fn present_cursor(&self, spec: &ReadSpec) -> Result<Cursor, VendorError> {
        if spec.object != PART {
            Kind::named(&spec.object)?;
        }
        let me = self.ask_me(Priority::Update).await?;
        Ok(Position::at(me.theirs.unwrap_or_else(|| seen(&self.client).at)).to_text())
    }
}

/// Conversations that are no tickets: those come as tickets.
fn no_tickets(rows: &[Value]) -> Vec<Value> {
    rows.iter().filter(|row| row["ticket"].is_null()).cloned().collect()
}
