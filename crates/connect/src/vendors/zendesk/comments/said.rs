//! One comment, as the export of events and the list of a ticket's comments show it.

use std::collections::BTreeMap;

use entente_model::actor::Actor;
use entente_model::mapping::remote::Row;
use serde_json::Value;

use crate::html;
use crate::look::{Existence, Look};

use super::super::map::{Seen, id_text};
use super::COMMENT;

/// Types of events, and of comments in lists, that are somebody's words; with what the second one is.
const WORDS: &str = "Comment";
pub(in crate::vendors::zendesk) const CALL: &str = "VoiceComment";

/// By what a rule of the desk writes, in events (where channels have names) and in lists (where they have keys).
const RULES: &[&str] = &["rule", "trigger", "automation", "system"];

/// By what programs write over the API, in the same two ways.
const PROGRAMS: &[&str] = &["api", "web service"];

/// A comment.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// The ticket that it is in.
    pub(super) ticket: String,
    /// Its own id.
    pub(super) comment: String,
    /// Who wrote it; none for the system.
    pub(super) author: Option<String>,
    is_call: bool,
    public: bool,
    body: String,
    created_at: Option<String>,
    channel: String,
}

impl Said {
    /// Reads an event of an audit, or an item of a list of comments; `None` for events of another kind. `created_at` is the audit's, which
    /// events do not repeat.
    pub(super) fn of(ticket: &str, item: &Value, created_at: Option<&str>) -> Option<Self> {
        let kind = item["event_type"].as_str().or_else(|| item["type"].as_str())?;
        if kind != WORDS && kind != CALL {
            return None;
        }
        let text = |name: &str| item[name].as_str().filter(|text| !text.is_empty());
        // The plain text keeps the blanks of HTML.
        let plain = text("plain_body").map(|plain| plain.replace("&nbsp;", " "));
        let body = plain.or_else(|| text("html_body").map(html::to_text)).or_else(|| text("body").map(str::to_owned));
        let channel = item["via"].as_str().or_else(|| item["via"]["channel"].as_str()).unwrap_or_default();
        Some(Self {
            ticket: ticket.to_owned(),
            comment: id_text(&item["id"])?,
            // The system's id is -1.
            author: id_text(&item["author_id"]),
            is_call: kind == CALL,
            public: item["public"].as_bool().or_else(|| item["comment_public"].as_bool()).unwrap_or(false),
            body: body.unwrap_or_default().trim().to_owned(),
            created_at: item["created_at"].as_str().or(created_at).map(str::to_owned),
            channel: channel.to_lowercase(),
        })
    }

    /// The id of its row.
    pub(super) fn id(&self) -> String {
        format!("{}-{}", self.ticket, self.comment)
    }

    /// Whether it is nobody's word: a rule's, the system's, or what Entente wrote, whose user may write by hand as well.
    pub(super) fn is_automatic(&self, us: Option<&str>) -> bool {
        let by_us = us.is_some() && self.author.as_deref() == us && PROGRAMS.contains(&self.channel.as_str());
        self.author.is_none() || by_us || RULES.contains(&self.channel.as_str())
    }

    fn kind(&self) -> &'static str {
        match (self.is_call, self.public) {
            (true, _) => "call",
            (false, true) => "reply",
            (false, false) => "note",
        }
    }

    fn value(&self, field: &str, about: &About<'_>) -> Value {
        let id = |value: &Value| id_text(value).map_or(Value::Null, Value::String);
        match field {
            "id" => Value::String(self.id()),
            "ticket_id" => Value::from(self.ticket.as_str()),
            "kind" => Value::from(self.kind()),
            "public" => Value::from(self.public),
            "body" => Value::from(self.body.as_str()),
            "created_at" => self.created_at.as_deref().map_or(Value::Null, Value::from),
            "author_id" => self.author.as_deref().map_or(Value::Null, Value::from),
            super::AUTHOR_NAME => self
                .author
                .as_ref()
                .and_then(|author| about.people.get(author))
                .map_or(Value::Null, |person| Value::from(person.name.as_str())),
            super::AUTHOR_CUSTOMER => {
                let is_customer = |author: &&String| about.people.get(*author).is_some_and(|person| person.is_customer);
                self.author.as_ref().filter(is_customer).map_or(Value::Null, |author| Value::from(author.as_str()))
            }
            "ticket.subject" => about.ticket["subject"].clone(),
            "ticket.requester_id" => id(&about.ticket["requester_id"]),
            "ticket.organization_id" => id(&about.ticket["organization_id"]),
            _ => Value::Null,
        }
    }

    /// A look at it.
    pub(super) fn look(&self, about: &About<'_>, fields: &[String], seen: Seen) -> Look {
        let author = self.author.as_deref();
        let known = author.and_then(|author| about.actors.get(author).copied());
        let is_requester = author.is_some() && id_text(&about.ticket["requester_id"]).as_deref() == author;
        let by = known.unwrap_or(if is_requester { Actor::Customer } else { Actor::Unknown });
        let row: Row = fields.iter().map(|field| (field.clone(), self.value(field, about))).collect();
        Look {
            object: COMMENT.to_owned(),
            id: self.id(),
            existence: Existence::Present,
            row,
            complete: true,
            version: None,
            mark: seen.mark(self.created_at.as_deref(), by),
            seen_at: seen.at,
        }
    }
}

/// Somebody who may have written one.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) name: String,
    /// Whether it is a customer, and nobody who works at the desk.
    pub(super) is_customer: bool,
}

/// What is known beside a comment.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// Its ticket.
    pub(super) ticket: &'a Value,
    /// Authors, by id.
    pub(super) people: &'a BTreeMap<String, Person>,
    /// Whose hand an author is, where that is known.
    pub(super) actors: &'a BTreeMap<&'a str, Actor>,
}

/// A look at a comment that is not there, or that counts for nothing.
pub(super) fn gone(id: &str, seen: Seen) -> Look {
    Look {
        object: COMMENT.to_owned(),
        id: id.to_owned(),
        existence: Existence::Deleted,
        row: Row::new(),
        complete: true,
        version: None,
        mark: seen.mark(None, Actor::Unknown),
        seen_at: seen.at,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(item: &Value) -> Said {
        Said::of("33", item, Some("2026-01-01T09:00:00Z")).expect("words")
    }

    #[test]
    fn a_reply_a_note_and_a_call_are_told_apart() {
        let reply = said(&json!({"id": 1, "event_type": "Comment", "author_id": 7, "public": true, "plain_body": "Hi&nbsp;there"}));
        let note = said(&json!({"id": 2, "type": "Comment", "author_id": 7, "public": false, "html_body": "<p>Psst</p>"}));
        let call = said(&json!({"id": 3, "event_type": "VoiceComment", "author_id": 7, "comment_public": true, "body": "Call from: +1"}));
        assert_eq!([reply.kind(), note.kind(), call.kind()], ["reply", "note", "call"]);
        assert_eq!([reply.body, note.body, call.body], ["Hi there", "Psst", "Call from: +1"]);
        assert!(Said::of("33", &json!({"id": 4, "event_type": "Change", "status": "open"}), None).is_none());
    }

    #[test]
    fn what_a_rule_the_system_or_entente_wrote_is_nobody_s_word() {
        let by = |author: i64, via: Value| {
            said(&json!({"id": 1, "type": "Comment", "author_id": author, "via": via, "body": "x", "public": true}))
                .is_automatic(Some("900"))
        };
        assert!(by(7, json!("Rule")) && by(7, json!({"channel": "rule"})) && by(-1, json!("Web form")));
        assert!(by(900, json!("Web service")) && by(900, json!({"channel": "api"})));
        assert!(!by(900, json!({"channel": "web"})), "our user may be somebody who answers customers");
        assert!(!by(7, json!("Web service")) && !by(7, json!({"channel": "email"})));
    }
}
