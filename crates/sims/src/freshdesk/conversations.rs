//! What is said on a ticket: replies, which go out by e-mail, and notes.

use serde_json::{Value, json};

use super::call::Call;
use super::check::lowered;
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
    to_emails: Vec<String>,
    cc_emails: Vec<String>,
    at_ms: i64,
    /// When it was edited last, and by whom.
    edited: Option<(i64, u64)>,
}

/// What somebody says, before it is taken.
#[derive(Debug)]
pub(crate) struct Saying<'a> {
    pub(crate) body: &'a str,
    pub(crate) by: u64,
    pub(crate) private: bool,
    pub(crate) note: bool,
    /// Whether it came from outside; unsaid, who said it decides.
    pub(crate) incoming: Option<bool>,
    pub(crate) cc_emails: Vec<String>,
}

impl Conversation {
    fn is_note(&self) -> bool {
        self.source == NOTE
    }

    pub(crate) fn shown(&self, ticket: u64) -> Value {
        let edited = self.edited.map(|(at_ms, by)| (iso(at_ms), by));
        json!({
            "body": self.body, "body_text": plain(&self.body), "id": self.id, "incoming": self.incoming, "private": self.private,
            "user_id": self.user_id, "support_email": null, "source": self.source, "ticket_id": ticket,
            "to_emails": self.to_emails, "from_email": null, "cc_emails": self.cc_emails, "bcc_emails": null,
            "created_at": iso(self.at_ms), "updated_at": edited.as_ref().map_or_else(|| iso(self.at_ms), |(at, _)| at.clone()),
            "attachments": [], "last_edited_at": edited.as_ref().map(|(at, _)| at), "last_edited_user_id": edited.as_ref().map(|(_, by)| by),
            "auto_response": false,
        })
    }
}

impl State {
    /// Adds what somebody said.
    pub(crate) fn say(&mut self, ticket: u64, saying: Saying<'_>) -> Result<u64, Refusal> {
        let Saying { body, by, private, note, incoming, cc_emails } = saying;
        if body.is_empty() {
            return Err(Refusal::flaw(Flaw::missing("body")));
        }
        let held = self.record(Kind::Ticket, ticket)?;
        if held.deleted || held.spam {
            return Err(Refusal::method("POST", "GET"));
        }
        let asker = held.number("requester_id").unwrap_or_default();
        // A reply goes out to who asked.
        let email = self.person_shown(asker)["email"].as_str().map(str::to_owned);
        let to_emails = email.into_iter().filter(|_| !note).collect();
        let (id, now) = (self.next_id(), self.now_ms);
        let agent = self.agents.iter().any(|agent| agent.id == by);
        let said = Conversation {
            id,
            body: html(body),
            incoming: incoming.unwrap_or(!agent),
            private,
            user_id: by,
            source: if note { NOTE } else { REPLY },
            to_emails,
            cc_emails,
            at_ms: now,
            edited: None,
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
                let given = |name: &str| call.body.get(name);
                let body = given("body").and_then(Value::as_str).unwrap_or_default().to_owned();
                let ours = self.agents.first().map(|agent| agent.id).unwrap_or_default();
                let saying = Saying {
                    body: &body,
                    by: given("user_id").and_then(Value::as_u64).unwrap_or(ours),
                    private: what == "notes" && given("private").and_then(Value::as_bool).unwrap_or(true),
                    note: what == "notes",
                    incoming: given("incoming").and_then(Value::as_bool),
                    cc_emails: given("cc_emails").map(lowered).unwrap_or_default(),
                };
                let id = self.say(ticket, saying)?;
                let said = self.record(Kind::Ticket, ticket)?.conversations.iter().find(|each| each.id == id);
                let said = said.ok_or_else(Refusal::missing)?;
                let mut shown = said.shown(ticket);
                if !said.is_note() {
                    shown["replied_to"] = said.to_emails.iter().chain(&said.cc_emails).cloned().collect();
                }
                Ok(Answer::created(shown, format!("{}/{id}", call.address)))
            }
            (method, _) => Err(Refusal::method(method, if what == "conversations" { "GET" } else { "POST" })),
        }
    }

    /// `/conversations/{id}`: a note is edited, anything is deleted. Neither moves the stamp of its ticket.
    pub(crate) fn spoken_routes(&mut self, call: &Call, id: &str) -> Outcome {
        let id: u64 = id.parse().map_err(|_| Refusal::missing())?;
        let (now, ours) = (self.now_ms, self.agents.first().map(|agent| agent.id).unwrap_or_default());
        let mut tickets = self.records[Kind::Ticket.index()].values_mut();
        let ticket = tickets.find(|ticket| ticket.conversations.iter().any(|each| each.id == id)).ok_or_else(Refusal::missing)?;
        match call.method.as_str() {
            "DELETE" => {
                ticket.conversations.retain(|each| each.id != id);
                Ok(Answer::nothing())
            }
            "PUT" => {
                let flaws: Vec<Flaw> = call.body.keys().filter(|name| *name != "body").map(|name| Flaw::unknown(name)).collect();
                if !flaws.is_empty() {
                    return Err(Refusal::validation(&flaws));
                }
                let body = call.body.get("body").and_then(Value::as_str).filter(|body| !body.is_empty());
                let body = body.ok_or_else(|| Refusal::flaw(Flaw::missing("body")))?;
                let said = ticket.conversations.iter_mut().find(|each| each.id == id).filter(|each| each.is_note());
                // What went out by e-mail cannot be taken back.
                let said = said.ok_or_else(|| Refusal::method("PUT", "DELETE"))?;
                (said.body, said.edited) = (html(body), Some((now, ours)));
                let shown = said.shown(ticket.id);
                Ok(Answer::ok(shown))
            }
            method => Err(Refusal::method(method, "PUT, DELETE")),
        }
    }
}
