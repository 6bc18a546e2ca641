//! What is said on a ticket: replies, which go out by e-mail, and notes.

use serde_json::{Value, json};

use super::call::Call;
use super::moment::iso;
use super::refusal::{Answer, Flaw, Outcome, Refusal};
use super::state::{Kind, State};
use super::tickets::{html, plain};

/// Source code of a reply.
const REPLY: u64 = 0;
/// Source code of a note.
const NOTE: u64 = 2;

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    pub(crate) id: u64,
    body: String,
    incoming: bool,
    private: bool,
    user_id: u64,
    source: u64,
    at_ms: i64,
}

impl Conversation {
    pub(crate) fn shown(&self, ticket: u64) -> Value {
        let at = iso(self.at_ms);
        json!({
            "body": self.body, "body_text": plain(&self.body), "id": self.id, "incoming": self.incoming, "private": self.private,
            "user_id": self.user_id, "support_email": null, "source": self.source, "ticket_id": ticket, "to_emails": [], "from_email": null,
            "cc_emails": [], "bcc_emails": null, "created_at": at, "updated_at": at, "attachments": [], "last_edited_at": null,
            "last_edited_user_id": null, "auto_response": false,
        })
    }
}

impl State {
    /// Adds what somebody said.
    pub(crate) fn say(&mut self, ticket: u64, body: &str, by: u64, private: bool, note: bool) -> Result<u64, Refusal> {
        if body.is_empty() {
            return Err(Refusal::flaw(Flaw::missing("body")));
        }
        let held = self.record(Kind::Ticket, ticket)?;
        if held.deleted || held.spam {
            return Err(Refusal::method("POST", "GET"));
        }
        let (id, now) = (self.next_id(), self.now_ms);
        let agent = self.agents.iter().any(|agent| agent.id == by);
        let said = Conversation {
            id,
            body: html(body),
            incoming: !agent,
            private,
            user_id: by,
            source: if note { NOTE } else { REPLY },
            at_ms: now,
        };
        if let Some(record) = self.touch(Kind::Ticket, ticket) {
            if !agent {
                record.stats.requester_responded_ms = Some(now);
            } else if !note {
                record.stats.agent_responded_ms = Some(now);
                record.stats.first_responded_ms = record.stats.first_responded_ms.or(Some(now));
            }
            record.conversations.push(said);
        }
        self.fire(4, ticket, if note { "{note_type:any}" } else { "{reply_sent:sent}" });
        Ok(id)
    }

    pub(crate) fn conversation_routes(&mut self, call: &Call, ticket: u64, what: &str) -> Outcome {
        let record = self.record(Kind::Ticket, ticket)?;
        match (call.method.as_str(), what) {
            ("GET", "conversations") => call.page(&record.conversations, usize::MAX, |each| each.shown(ticket)),
            ("POST", "reply" | "notes") => {
                let known: &[&str] = if what == "notes" {
                    &["body", "private", "incoming", "notify_emails", "user_id"]
                } else {
                    &["body", "from_email", "user_id", "cc_emails", "bcc_emails"]
                };
                let flaws: Vec<Flaw> =
                    call.body.keys().filter(|name| !known.contains(&name.as_str())).map(|name| Flaw::unknown(name)).collect();
                if !flaws.is_empty() {
                    return Err(Refusal::validation(&flaws));
                }
                let body = call.body.get("body").and_then(Value::as_str).unwrap_or_default().to_owned();
                let ours = self.agents.first().map(|agent| agent.id).unwrap_or_default();
                let by = call.body.get("user_id").and_then(Value::as_u64).unwrap_or(ours);
                let private = what == "notes" && call.body.get("private").and_then(Value::as_bool).unwrap_or(true);
                let id = self.say(ticket, &body, by, private, what == "notes")?;
                let said =
                    self.record(Kind::Ticket, ticket)?.conversations.iter().find(|each| each.id == id).map(|each| each.shown(ticket));
                Ok(Answer::created(said.unwrap_or_default(), format!("{}/{id}", call.address)))
            }
            (method, _) => Err(Refusal::method(method, if what == "conversations" { "GET" } else { "POST" })),
        }
    }
}
