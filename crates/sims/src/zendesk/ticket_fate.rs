//! What becomes of tickets: deletion, scrubbing, spam, merging, ratings, automatic closing.

use serde_json::{Map, Value, json};

use super::attributes::TICKET;
use super::record::{Val, id_in, object};
use super::refusal::{Refusal, Warned};
use super::state::{State, Touch};
use super::ticket_write::NewComment;
use super::tickets::{Audit, CLOSE_AFTER_SECONDS, Rating, Ticket, set_status, via};

impl State {
    /// Deletes softly.
    pub(crate) fn delete_ticket(&mut self, id: u64, by: u64) -> Result<(), Refusal> {
        let mut record = self.live_ticket(id).ok_or_else(Refusal::missing)?.rec.clone();
        record.deleted = Some(self.now());
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.deleted_by = by;
        }
        self.commit_ticket(record, Touch::Person, by);
        Ok(())
    }

    /// Brings a deleted ticket back.
    pub(crate) fn restore_ticket(&mut self, id: u64, by: u64) -> Result<(), Refusal> {
        let stored = self.tickets.get(&id).filter(|ticket| ticket.rec.deleted.is_some() && !ticket.erased).ok_or_else(Refusal::missing)?;
        let mut record = stored.rec.clone();
        record.deleted = None;
        self.commit_ticket(record, Touch::Person, by);
        Ok(())
    }

    /// Scrubs a deleted ticket; exports go on showing its shell.
    pub(crate) fn erase_ticket(&mut self, id: u64, by: u64) -> Result<(), Refusal> {
        let stored =
            self.tickets.get_mut(&id).filter(|ticket| ticket.rec.deleted.is_some() && !ticket.erased).ok_or_else(Refusal::missing)?;
        stored.erased = true;
        stored.comments.clear();
        stored.audits.clear();
        let mut record = stored.rec.clone();
        record.put(TICKET, "subject", Val::text("SCRUBBED"));
        record.put(TICKET, "description", Val::text("SCRUBBED"));
        self.commit_ticket(record, Touch::System, by);
        self.ticket_event(id, "ticket.permanently_deleted", object(), by);
        Ok(())
    }

    /// Marks as spam: deletes the ticket and suspends its requester.
    pub(crate) fn mark_spam(&mut self, id: u64, by: u64) -> Result<(), Refusal> {
        let requester = self.live_ticket(id).ok_or_else(Refusal::missing)?.rec.id_of("requester_id");
        self.ticket_event(id, "ticket.marked_as_spam", object(), by);
        self.delete_ticket(id, by)?;
        if let Some(user) = requester.filter(|user| self.role(*user) == "end-user") {
            let given = Map::from_iter([("suspended".to_owned(), json!(true))]);
            self.save_user(Some(user), &given, by, &mut Warned::default())?;
        }
        Ok(())
    }

    /// Merges tickets into `target`: sources close with a tag and a comment.
    pub(crate) fn merge_tickets(&mut self, given: &Map<String, Value>, by: u64) -> Result<(), Refusal> {
        let target = given.get("target").and_then(id_in).ok_or_else(Refusal::missing)?;
        let sources: Vec<u64> = given.get("ids").and_then(Value::as_array).into_iter().flatten().filter_map(id_in).collect();
        self.live_ticket(target).ok_or_else(Refusal::missing)?;
        if sources.is_empty() || sources.contains(&target) {
            return Err(Refusal::parameter("ids"));
        }
        for source in &sources {
            if self.live_ticket(*source).ok_or_else(Refusal::missing)?.status() == "closed" {
                return Err(Refusal::invalid("status", "Status: closed prevents ticket update", "InvalidValue"));
            }
        }
        let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
        let public = |name: &str| given.get(name).and_then(Value::as_bool).unwrap_or(false);
        for source in &sources {
            let Some(mut record) = self.live_ticket(*source).map(|stored| stored.rec.clone()) else { continue };
            record.add_tag("closed_by_merge");
            set_status(&mut record, "closed");
            let body = text("source_comment").unwrap_or_else(|| format!("This request was closed and merged into request #{target}."));
            let comment = NewComment { author: by, body, public: public("source_comment_is_public"), attachments: Vec::new(), call: None };
            if let Some(ticket) = self.tickets.get_mut(source) {
                ticket.via = via("web", json!({"ticket_id": target}), Some("merge"));
            }
            self.commit_audited(record, Some(comment), by, None);
            let event = Map::from_iter([("target_ticket_id".to_owned(), json!(target.to_string()))]);
            self.ticket_event(*source, "ticket.merged", event, by);
        }
        let numbers: Vec<String> = sources.iter().map(|id| format!("#{id}")).collect();
        let body = text("target_comment").unwrap_or_else(|| format!("Requests {} were merged into this request.", numbers.join(", ")));
        let given = json!({"comment": {"body": body, "public": public("target_comment_is_public")}});
        self.update_ticket(target, given.as_object().unwrap_or(&Map::new()), by, &mut Warned::default())?;
        Ok(())
    }

    /// The requester's verdict on a solved ticket.
    pub(crate) fn rate_ticket(&mut self, id: u64, score: &str, comment: Option<&str>, by: u64) -> Result<u64, Refusal> {
        let stored = self.live_ticket(id).ok_or_else(Refusal::missing)?;
        if stored.rec.id_of("requester_id") != Some(by) {
            return Err(Refusal::plain(403, "Forbidden", "Only the requester may rate the ticket"));
        }
        if !matches!(stored.status(), "solved" | "closed") {
            return Err(Refusal::invalid("base", "Ticket must be solved to be rated", "InvalidValue"));
        }
        if !matches!(score, "good" | "bad") {
            return Err(Refusal::invalid("score", "Score: is not included in the list", "InvalidValue"));
        }
        let (known, record) = (stored.rating, stored.rec.clone());
        let (now, made) = (self.now(), known.unwrap_or_else(|| self.next_id()));
        let created = known.and_then(|id| self.ratings.get(&id)).map_or(now, |rating| rating.created);
        let rating = Rating {
            id: made,
            ticket: id,
            score: score.to_owned(),
            comment: comment.map(str::to_owned),
            reason: None,
            created,
            updated: now,
        };
        self.ratings.insert(made, rating);
        let (audit, event) = (self.next_id(), self.next_id());
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.rating = Some(made);
            let event = json!({"id": event, "type": "SatisfactionRating", "score": score, "assignee_id": record.id_of("assignee_id"), "body": comment});
            ticket.audits.push(Audit { id: audit, created: now, author: by, custom: None, events: vec![event] });
        }
        self.audit_feed.insert((now, audit), id);
        self.commit_ticket(record, Touch::Comment, by);
        let event =
            Map::from_iter([("satisfaction_rating".to_owned(), json!({"score": score, "comment": comment, "id": made.to_string()}))]);
        self.ticket_event(id, "ticket.csat_received", event, by);
        Ok(made)
    }

    /// Closes tickets that stayed solved for four weeks.
    pub(crate) fn close_long_solved(&mut self) {
        let now_ms = self.now_ms;
        while let Some((due, id)) = self.closing.first().copied().filter(|(due, _)| *due <= now_ms.div_euclid(1000)) {
            self.closing.pop_first();
            let stale = |ticket: &Ticket| ticket.metrics.solved.is_some_and(|at| at + CLOSE_AFTER_SECONDS <= due);
            let Some(mut record) =
                self.live_ticket(id).filter(|ticket| ticket.status() == "solved" && stale(ticket)).map(|ticket| ticket.rec.clone())
            else {
                continue;
            };
            self.now_ms = due * 1000;
            set_status(&mut record, "closed");
            // The system's automation writes as user 0.
            self.commit_audited(record, None, 0, None);
        }
        self.now_ms = now_ms;
    }
}
