//! Parts: what was said in a conversation or ticket, and what became of it.

use serde_json::{Value, json};

use super::known_by::present;
use super::refusal::Refusal;
use super::state::{Kind, State};
use super::text::{escaped, plain, seconds, wrapped};

/// Parts that a view shows at most: the newest ones.
const SHOWN_MAX: usize = 500;

/// Who said or did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Author {
    /// `user`, `lead`, `admin` or `bot`.
    pub(crate) ty: &'static str,
    pub(crate) id: String,
}

/// One part.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) id: String,
    /// An open set: `comment`, `note`, `open`, `close`, `assignment`, …
    pub(crate) ty: String,
    /// HTML; none for what nobody said anything at.
    pub(crate) body: Option<String>,
    pub(crate) author: Author,
    pub(crate) created_ms: i64,
    /// Whom it was assigned to.
    assigned_to: Option<(&'static str, String)>,
    /// Of tickets: the state it left and the one it got.
    states: Option<(String, String)>,
    pub(crate) redacted: bool,
}

impl Part {
    pub(crate) fn new(id: String, ty: &str, body: Option<&str>, author: Author, now: i64) -> Self {
        let body = body.map(wrapped).filter(|body| !body.is_empty());
        Self { id, ty: ty.to_owned(), body, author, created_ms: now, assigned_to: None, states: None, redacted: false }
    }

    pub(crate) fn assigned(self, to: Option<(&'static str, String)>) -> Self {
        Self { assigned_to: to, ..self }
    }

    pub(crate) fn moved(self, from: &str, to: &str) -> Self {
        Self { states: Some((from.to_owned(), to.to_owned())), ..self }
    }
}

impl State {
    /// Someone as parts show them.
    pub(crate) fn author_shown(&self, author: &Author) -> Value {
        let (name, email) = match author.ty {
            "admin" => self.admins.iter().find(|admin| admin.id == author.id).map(|admin| (admin.name.clone(), admin.email.clone())),
            _ => self.get(Kind::Contact, &author.id).map(|contact| {
                let text = |name: &str| contact.text(name).unwrap_or_default().to_owned();
                (text("name"), text("email"))
            }),
        }
        .unwrap_or_default();
        json!({"type": author.ty, "id": author.id, "name": escaped(&name), "email": email})
    }

    pub(crate) fn part_shown(&self, kind: Kind, part: &Part, as_text: bool) -> Value {
        let ty = if kind == Kind::Ticket { "ticket_part" } else { "conversation_part" };
        let body = part.body.as_ref().map(|body| if as_text { plain(body) } else { body.clone() });
        let mut shown = json!({
            "type": ty, "id": part.id, "part_type": part.ty, "body": body, "created_at": seconds(part.created_ms),
            "updated_at": seconds(part.created_ms), "notified_at": seconds(part.created_ms),
            "author": self.author_shown(&part.author), "attachments": [], "external_id": null, "redacted": part.redacted,
        });
        if part.assigned_to.is_some() || kind != Kind::Ticket {
            shown["assigned_to"] = part.assigned_to.as_ref().map_or(Value::Null, |(ty, id)| json!({"type": ty, "id": id}));
        }
        if let Some((from, to)) = &part.states {
            shown["previous_ticket_state"] = json!(from);
            shown["ticket_state"] = json!(to);
        }
        shown
    }

    /// The parts of a record, the newest five hundred.
    pub(crate) fn parts_shown(&self, kind: Kind, parts: &[Part], as_text: bool) -> Value {
        let newest = &parts[parts.len().saturating_sub(SHOWN_MAX)..];
        let rows: Vec<Value> = newest.iter().map(|part| self.part_shown(kind, part, as_text)).collect();
        let (list, ty) =
            if kind == Kind::Ticket { ("ticket_parts", "ticket_part.list") } else { ("conversation_parts", "conversation_part.list") };
        json!({"type": ty, list: rows, "total_count": parts.len()})
    }

    /// Who replies, as a body of `reply` names them.
    pub(crate) fn replier(&self, body: &serde_json::Map<String, Value>) -> Result<Author, Refusal> {
        let text = |name: &str| super::text::id(body.get(name));
        if body.get("type").and_then(Value::as_str) == Some("admin") {
            return Ok(Author { ty: "admin", id: self.admin_of(text("admin_id"))? });
        }
        let found = match (text("intercom_user_id"), text("user_id"), text("email")) {
            (Some(id), ..) => self.get(Kind::Contact, &id),
            (_, Some(external), _) => present(self.known_by("external_id", &external)),
            (.., Some(email)) => present(self.known_by("email", &email.to_lowercase())),
            _ => return Err(Refusal::absent("intercom_user_id, user_id or email")),
        };
        let contact = found.ok_or_else(|| Refusal::missing(Kind::Contact))?;
        Ok(Author { ty: if contact.text("role") == Some("lead") { "lead" } else { "user" }, id: contact.id.clone() })
    }

    /// Writes a part into a record, with what it does to the record's moments.
    pub(crate) fn add_part(&mut self, kind: Kind, of: &str, part: Part) {
        let now = self.now_ms;
        let Some(record) = self.touch(kind, of) else { return };
        let said = part.body.is_some() && part.ty != "note";
        let stats = &mut record.stats;
        if said && part.author.ty == "admin" {
            stats.first_admin_reply.get_or_insert(now);
            stats.last_admin_reply = Some(now);
        } else if said {
            stats.first_contact_reply.get_or_insert(now);
            stats.last_contact_reply = Some(now);
        }
        match part.ty.as_str() {
            "close" => {
                stats.first_close.get_or_insert(now);
                stats.last_close = Some(now);
                stats.last_closed_by = (part.author.ty == "admin").then(|| part.author.id.clone());
            }
            "assignment" => {
                stats.first_assignment.get_or_insert(now);
                stats.last_assignment = Some(now);
                stats.assignments += 1;
            }
            "open" => stats.reopens += 1,
            _ => {}
        }
        let contact = (said && part.author.ty != "admin").then(|| part.author.id.clone());
        record.parts.push(part);
        if let Some(contact) = contact.and_then(|id| self.records[Kind::Contact.index()].get_mut(&id)) {
            contact.stats.last_contact_reply = Some(now);
        }
    }
}
