//! Conversations: begun by contacts, answered by admins, closed, snoozed, assigned, rated, turned into tickets, redacted, deleted.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::parts::{Author, Part};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Kind, Record, State};
use super::text::{escaped, id, plain, seconds, seconds_or_null, shown_map, wrapped};

/// Attributes of custom attributes that every conversation has.
const OWN_ATTRIBUTES: &[&str] = &["Has attachments", "Auto-translated"];

impl State {
    /// A conversation as views show it; lists and searches leave the parts out.
    pub(crate) fn conversation_shown(&self, record: &Record, version: u16, parts: bool, as_text: bool) -> Value {
        let value = |name: &str| record.values.get(name).cloned().unwrap_or(Value::Null);
        let html = |body: &str| if as_text { plain(body) } else { body.to_owned() };
        let author = Author {
            ty: if record.text("author_type") == Some("lead") { "lead" } else { "user" },
            id: record.text("author").unwrap_or_default().to_owned(),
        };
        let closed = record.text("state") == Some("closed");
        let priority = match (version >= 16, record.text("priority").unwrap_or("none")) {
            (true, priority) => priority,
            (false, "none" | "low") => "not_priority",
            (false, _) => "priority",
        };
        let stats = &record.stats;
        let since = |at: Option<i64>| at.map(|at| seconds(at) - seconds(record.created_ms));
        let mut custom = shown_map(&record.custom);
        for name in OWN_ATTRIBUTES {
            custom.insert((*name).to_owned(), json!(false));
        }
        let number = |name: &str| record.text(name).and_then(|id| id.parse::<u64>().ok());
        let ticket = self.records[Kind::Ticket.index()].get(&record.id);
        let mut shown = json!({
            "type": "conversation", "id": record.id, "title": record.text("title").map(escaped), "created_at": seconds(record.created_ms),
            "updated_at": seconds(record.updated_ms), "waiting_since": null, "snoozed_until": value("snoozed_until"), "open": !closed,
            "state": record.text("state"), "read": record.values.get("read").and_then(Value::as_bool).unwrap_or(false), "priority": priority,
            "admin_assignee_id": number("admin_assignee_id"), "team_assignee_id": number("team_assignee_id"),
            "tags": {"type": "tag.list", "tags": self.tags_shown(record)}, "conversation_rating": value("rating"),
            "source": {
                "type": "conversation", "id": format!("{}1", record.id), "delivered_as": "customer_initiated",
                "subject": record.text("subject").map(wrapped).unwrap_or_default(), "body": html(record.text("body").unwrap_or_default()),
                "author": self.author_shown(&author), "attachments": [], "url": null, "redacted": record.values.get("redacted") == Some(&json!(true)),
            },
            "contacts": {"type": "contact.list", "contacts": self.contacts_shown(record)},
            "teammates": {"type": "admin.list", "admins": []}, "custom_attributes": custom,
            "first_contact_reply": {"created_at": seconds(record.created_ms), "type": "conversation", "url": null}, "sla_applied": null,
            "statistics": {
                "type": "conversation_statistics", "time_to_assignment": since(stats.first_assignment),
                "time_to_admin_reply": since(stats.first_admin_reply), "time_to_first_close": since(stats.first_close),
                "time_to_last_close": since(stats.last_close), "median_time_to_reply": since(stats.first_admin_reply),
                "first_contact_reply_at": seconds(stats.first_contact_reply.unwrap_or(record.created_ms)),
                "first_assignment_at": seconds_or_null(stats.first_assignment), "first_admin_reply_at": seconds_or_null(stats.first_admin_reply),
                "first_close_at": seconds_or_null(stats.first_close), "last_assignment_at": seconds_or_null(stats.last_assignment),
                "last_assignment_admin_reply_at": null,
                "last_contact_reply_at": seconds(stats.last_contact_reply.unwrap_or(record.created_ms)),
                "last_admin_reply_at": seconds_or_null(stats.last_admin_reply), "last_close_at": seconds_or_null(stats.last_close),
                "last_closed_by_id": stats.last_closed_by, "count_reopens": stats.reopens, "count_assignments": stats.assignments,
                "count_conversation_parts": record.parts.len(),
            },
            "topics": null, "ticket": ticket.map(|ticket| json!({"type": "ticket", "id": ticket.id, "title": ticket.custom.get("_default_title_")})),
            "linked_objects": {"type": "list", "data": [], "total_count": 0, "has_more": false}, "ai_agent": null, "ai_agent_participated": false,
        });
        if version >= 16 {
            let first = record.contacts.first().and_then(|contact| self.get(Kind::Contact, contact));
            let own = record.text("company_id").or_else(|| first?.companies.first().map(String::as_str));
            let company = own.and_then(|company| self.get(Kind::Company, company));
            shown["company"] = company.map_or(Value::Null, |company| self.company_shown(company));
        }
        if parts {
            shown["conversation_parts"] = self.parts_shown(Kind::Conversation, &record.parts, as_text);
        }
        shown
    }

    /// The contacts of a conversation or ticket.
    pub(crate) fn contacts_shown(&self, record: &Record) -> Vec<Value> {
        let shown = record.contacts.iter().map(|id| {
            let external = self.get(Kind::Contact, id).and_then(|contact| contact.text("external_id")).map(escaped);
            json!({"type": "contact", "id": id, "external_id": external})
        });
        shown.collect()
    }

    /// Makes a conversation that a contact begins: `from`, `body`, and beside what the API takes `subject` and `title`.
    pub(crate) fn create_conversation(&mut self, body: &Map<String, Value>) -> Result<String, Refusal> {
        let from = body.get("from").ok_or_else(|| Refusal::absent("from"))?;
        let author = id(from.get("id")).ok_or_else(|| Refusal::absent("from"))?;
        let text = body.get("body").and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or_else(|| Refusal::absent("body"))?;
        let contact = self.contact(&author, 0)?;
        let role = contact.text("role").unwrap_or("user").to_owned();
        let mut values = Map::from_iter([
            ("author".to_owned(), json!(author)),
            ("author_type".to_owned(), json!(role)),
            ("body".to_owned(), json!(wrapped(text))),
            ("state".to_owned(), json!("open")),
        ]);
        for name in ["subject", "title", "priority"] {
            values.extend(body.get(name).filter(|value| value.is_string()).map(|value| (name.to_owned(), value.clone())));
        }
        let id = self.conversation_id();
        self.insert(Kind::Conversation, &id, values, Map::new());
        let created = body.get("created_at").and_then(Value::as_i64);
        if let Some(record) = self.records[Kind::Conversation.index()].get_mut(&id) {
            record.contacts.push(author);
            record.created_ms = created.map_or(record.created_ms, |at| at * 1000);
        }
        self.tell("conversation.user.created", Kind::Conversation, &id);
        Ok(id)
    }

    /// Says something in a conversation or ticket. A contact's word opens what was closed, and the part is then called `open`.
    pub(crate) fn reply(&mut self, kind: Kind, of: &str, body: &Map<String, Value>) -> Result<String, Refusal> {
        let author = self.replier(body)?;
        let text = body.get("body").and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or_else(|| Refusal::absent("body"))?;
        let ty = body.get("message_type").and_then(Value::as_str).unwrap_or("comment");
        if !["comment", "note", "quick_reply"].contains(&ty) || (ty == "note" && author.ty != "admin") {
            return Err(Refusal::parameter("message_type", "message_type is not valid"));
        }
        let closed = self.record(kind, of)?.text("state") == Some("closed");
        let opens = kind == Kind::Conversation && closed && author.ty != "admin";
        let (id, now, by_admin) = (self.small_id(), self.now_ms, author.ty == "admin");
        let part = Part::new(id.clone(), if opens { "open" } else { ty }, Some(text), author, now);
        self.add_part(kind, of, part);
        if opens && let Some(record) = self.records[kind.index()].get_mut(of) {
            record.values.insert("state".to_owned(), json!("open"));
        }
        let topic = match (kind, by_admin, ty) {
            (Kind::Ticket, true, "note") => "ticket.note.created",
            (Kind::Ticket, true, _) => "ticket.admin.replied",
            (Kind::Ticket, false, _) => "ticket.contact.replied",
            (_, true, "note") => "conversation.admin.noted",
            (_, true, _) => "conversation.admin.replied",
            _ => "conversation.user.replied",
        };
        self.tell(topic, kind, of);
        Ok(id)
    }

    /// `POST /conversations/{id}/parts`: closes, opens, snoozes or assigns.
    pub(crate) fn manage(&mut self, of: &str, body: &Map<String, Value>) -> Result<(), Refusal> {
        self.record(Kind::Conversation, of)?;
        let admin = self.admin_of(id(body.get("admin_id")))?;
        let text = body.get("body").and_then(Value::as_str);
        let author = Author { ty: "admin", id: admin };
        let (part_id, now) = (self.small_id(), self.now_ms);
        let part = |ty: &str| Part::new(part_id.clone(), ty, text, author.clone(), now);
        let set = |name: &str, value: Value| (name.to_owned(), value);
        let (part, changes, topic) = match body.get("message_type").and_then(Value::as_str).unwrap_or_default() {
            "close" => (part("close"), vec![set("state", json!("closed"))], "conversation.admin.closed"),
            "open" => (part("open"), vec![set("state", json!("open")), set("snoozed_until", Value::Null)], "conversation.admin.opened"),
            "snoozed" => {
                let until = body.get("snoozed_until").and_then(Value::as_i64).ok_or_else(|| Refusal::absent("snoozed_until"))?;
                (part("snoozed"), vec![set("state", json!("snoozed")), set("snoozed_until", json!(until))], "conversation.admin.snoozed")
            }
            "assignment" => {
                let to = id(body.get("assignee_id")).ok_or_else(|| Refusal::absent("assignee_id"))?;
                let team = self.teams.iter().any(|team| team.id == to);
                let known = to == "0" || team || self.admins.iter().any(|admin| admin.id == to);
                if !known {
                    return Err(Refusal::new(404, "assignee_not_found", "Assignee not found"));
                }
                let (ty, field) = if team { ("team", "team_assignee_id") } else { ("admin", "admin_assignee_id") };
                let value = if to == "0" { Value::Null } else { json!(to) };
                (part("assignment").assigned((to != "0").then_some((ty, to))), vec![set(field, value)], "conversation.admin.assigned")
            }
            _ => return Err(Refusal::parameter("message_type", "message_type is not valid")),
        };
        self.add_part(Kind::Conversation, of, part);
        if let Some(record) = self.records[Kind::Conversation.index()].get_mut(of) {
            record.values.extend(changes);
        }
        self.tell(topic, Kind::Conversation, of);
        Ok(())
    }

    /// `PUT /conversations/{id}`.
    pub(crate) fn update_conversation(&mut self, of: &str, body: &Map<String, Value>) -> Result<(), Refusal> {
        self.record(Kind::Conversation, of)?;
        let custom = self.custom_checked(Kind::Conversation, body.get("custom_attributes"))?;
        let taken = ["read", "title", "priority"].iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone())));
        let mut values: Map<String, Value> = taken.collect();
        values.extend(self.company_given(body)?);
        self.change(Kind::Conversation, of, values, custom);
        Ok(())
    }

    /// The company that an update of a conversation or ticket names; null takes it away.
    pub(crate) fn company_given(&self, body: &Map<String, Value>) -> Result<Option<(String, Value)>, Refusal> {
        let Some(given) = body.get("company_id") else { return Ok(None) };
        if let Some(company) = id(Some(given)) {
            self.record(Kind::Company, &company)?;
        }
        Ok(Some(("company_id".to_owned(), id(Some(given)).map_or(Value::Null, Value::from))))
    }

    /// A customer's opinion, from 1 to 5.
    pub(crate) fn rate(&mut self, of: &str, rating: u64, remark: &str) -> Result<(), Refusal> {
        let record = self.record(Kind::Conversation, of)?;
        let contact = self.contacts_shown(record).into_iter().next();
        let at = seconds(self.now_ms);
        if let Some(record) = self.touch(Kind::Conversation, of) {
            let rating =
                json!({"rating": rating, "remark": remark, "created_at": at, "updated_at": at, "contact": contact, "teammate": null});
            record.values.insert("rating".to_owned(), rating);
        }
        self.tell("conversation.rating.added", Kind::Conversation, of);
        Ok(())
    }

    /// Deletes a conversation.
    pub(crate) fn delete_conversation(&mut self, of: &str, keep_metrics: bool) -> Result<Value, Refusal> {
        self.record(Kind::Conversation, of)?;
        self.records[Kind::Conversation.index()].remove(of);
        self.deleted_conversations.push((of.to_owned(), self.now_ms, keep_metrics));
        self.tell_minimal("conversation.deleted", json!({"type": "conversation", "id": of}));
        Ok(json!({"id": of, "object": "conversation", "deleted": true}))
    }

    /// Merges a conversation into another, whose parts tell of it.
    pub(crate) fn merge_conversations(&mut self, from: &str, into: &str) -> Result<(), Refusal> {
        self.record(Kind::Conversation, from)?;
        if from == into || self.get(Kind::Conversation, into).is_none() {
            return Err(Refusal::new(422, "merge_failed", "The conversations cannot be merged"));
        }
        self.records[Kind::Conversation.index()].remove(from);
        let (id, us, now) = (self.small_id(), self.us(), self.now_ms);
        self.add_part(Kind::Conversation, into, Part::new(id, "merged_primary_conversation", None, Author { ty: "admin", id: us }, now));
        self.tell("conversation.admin.noted", Kind::Conversation, into);
        Ok(())
    }

    fn redact(&mut self, call: &Call) -> Result<String, Refusal> {
        let of = call.id("conversation_id").ok_or_else(|| Refusal::absent("conversation_id"))?;
        self.record(Kind::Conversation, &of)?;
        let missing = || Refusal::new(404, "conversation_part_or_message_not_found", "Conversation part or message not found");
        let wanted = call.id("conversation_part_id");
        let record = self.touch(Kind::Conversation, &of).ok_or_else(missing)?;
        if call.text("type") == Some("source") {
            record.values.insert("body".to_owned(), json!("<p><i>This message was deleted</i></p>"));
            record.values.insert("redacted".to_owned(), json!(true));
        } else {
            let part = record.parts.iter_mut().find(|part| Some(&part.id) == wanted.as_ref()).ok_or_else(missing)?;
            part.body = Some("<p><i>This message was deleted</i></p>".to_owned());
            part.redacted = true;
        }
        self.tell("conversation_part.redacted", Kind::Conversation, &of);
        Ok(of)
    }

    /// `/conversations/…`.
    pub(crate) fn conversation_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let as_text = call.query("display_as") == Some("plaintext");
        let shown = |state: &Self, id: &str| {
            Ok(Answer::ok(state.conversation_shown(state.record(Kind::Conversation, id)?, call.version, true, as_text)))
        };
        match (call.method.as_str(), rest) {
            ("GET", []) => self.list(call, Kind::Conversation),
            ("POST", ["search"]) => self.search(call, Kind::Conversation),
            ("POST", []) => {
                let id = self.create_conversation(&call.body)?;
                let body = self.record(Kind::Conversation, &id)?.text("body").unwrap_or_default().to_owned();
                Ok(Answer::ok(json!({
                    "type": "user_message", "id": self.small_id(), "created_at": seconds(self.now_ms), "body": plain(&body),
                    "message_type": "inapp", "conversation_id": id,
                })))
            }
            ("POST", ["redact"]) => {
                let id = self.redact(call)?;
                shown(self, &id)
            }
            ("GET", ["deleted"]) if call.version >= 16 => {
                let mut gone: Vec<_> = self.deleted_conversations.clone();
                if call.query("order") != Some("asc") {
                    gone.reverse();
                }
                let row = |(id, at, kept): &(String, i64, bool)| json!({"type": "conversation", "id": id, "metrics_retained": kept, "deleted_at": seconds(*at)});
                let total = gone.len();
                let (rows, pages) = call.numbered(gone.iter().map(row).collect(), 20, 60)?;
                Ok(Answer::ok(json!({"type": "conversations.list", "conversations": rows, "total_count": total, "pages": pages})))
            }
            ("GET", ["deleted"]) => Err(Refusal::too_new()),
            (_, ["attributes", rest @ ..]) => self.conversation_attribute_routes(call, rest),
            // A ticket is seen as a conversation as well.
            ("GET", [id]) if self.get(Kind::Conversation, id).is_none() && self.get(Kind::Ticket, id).is_some() => {
                let ticket = self.record(Kind::Ticket, id)?;
                Ok(Answer::ok(self.conversation_shown(ticket, call.version, true, as_text)))
            }
            ("GET", [id]) => shown(self, id),
            ("PUT", [id]) => {
                self.update_conversation(id, &call.body)?;
                shown(self, id)
            }
            ("DELETE", [id]) => {
                let keep = call.query("retain_metrics") == Some("true");
                self.delete_conversation(id, keep).map(Answer::ok)
            }
            ("POST", [id, "reply"]) => {
                let id = if *id == "last" { self.last_of(&call.body)? } else { (*id).to_owned() };
                self.record(Kind::Conversation, &id)?;
                self.reply(Kind::Conversation, &id, &call.body)?;
                shown(self, &id)
            }
            ("POST", [id, "parts"]) => {
                self.manage(id, &call.body)?;
                shown(self, id)
            }
            ("POST", [id, "customers"]) => {
                let given = call.body.get("customer").cloned().unwrap_or_default();
                let contact = super::text::id(given.get("intercom_user_id")).ok_or_else(|| Refusal::absent("customer"))?;
                self.contact(&contact, 0)?;
                self.record(Kind::Conversation, id)?;
                if let Some(record) = self.touch(Kind::Conversation, id).filter(|record| !record.contacts.contains(&contact)) {
                    record.contacts.push(contact);
                }
                shown(self, id)
            }
            ("DELETE", [id, "customers", contact]) => {
                self.record(Kind::Conversation, id)?;
                if let Some(record) = self.touch(Kind::Conversation, id) {
                    record.contacts.retain(|held| held != contact);
                }
                shown(self, id)
            }
            ("POST", [id, "convert"]) => {
                let ticket = self.convert(id, &call.body)?;
                Ok(Answer::ok(self.ticket_shown(self.record(Kind::Ticket, &ticket)?, call.version, true)))
            }
            ("POST", [id, "merge"]) if call.version >= 16 => {
                let into = call.id("merge_into_conversation_id").ok_or_else(|| Refusal::absent("merge_into_conversation_id"))?;
                self.merge_conversations(id, &into)?;
                shown(self, &into)
            }
            (_, [_, "merge"]) => Err(Refusal::too_new()),
            (_, [id, "tags", rest @ ..]) => self.tagged_routes(call, Kind::Conversation, id, rest),
            _ => Err(Refusal::nothing()),
        }
    }

    /// The latest conversation of whoever replies to `last`.
    fn last_of(&self, body: &Map<String, Value>) -> Result<String, Refusal> {
        let author = self.replier(body)?;
        let mut conversations = self.records[Kind::Conversation.index()].values().rev();
        let found = conversations.find(|record| record.contacts.contains(&author.id));
        found.map(|record| record.id.clone()).ok_or_else(|| Refusal::missing(Kind::Conversation))
    }

    /// `POST /messages`: what an admin sends makes no conversation before the contact answers.
    pub(crate) fn message(&mut self, call: &Call) -> Outcome {
        let body = call.text("body").ok_or_else(|| Refusal::absent("body"))?.to_owned();
        let from = call.body.get("from").cloned().unwrap_or_default();
        let owner = self.admin_of(id(from.get("id")))?;
        let to = id(call.body.get("to").and_then(|to| to.get("id"))).ok_or_else(|| Refusal::absent("to"))?;
        self.contact(&to, call.version)?;
        let now = self.now_ms;
        if let Some(contact) = self.touch(Kind::Contact, &to) {
            contact.stats.last_admin_reply = Some(now);
        }
        let owner = self.admins.iter().find(|admin| admin.id == owner).map(super::people::Admin::shown);
        Ok(Answer::ok(json!({
            "type": "admin_message", "id": self.small_id(), "created_at": seconds(now), "subject": call.text("subject"), "body": body,
            "message_type": call.text("message_type").unwrap_or("inapp"), "owner": owner,
        })))
    }
}
