//! What is said on tickets, as rows of its own: replies and notes, each with the subject, the requester and the company of its ticket. It is only
//! read: a reply would go out to the customer, and what went out is never changed.
//!
//! Freshdesk has no list of what was said lately. A new reply or note moves the stamp of its ticket, so that the list of changed tickets is walked as
//! tickets themselves are, and what is said on each is read: a call for each ticket that changed. Edits of notes and deletions move no stamp.
//!
//! What an automation sent, and the note in which Entente hides a checklist, is nobody's word and is left out, as if it were not there. A ticket's
//! description is no conversation: the case has it.
//!
//! Sources: Freshdesk API reference, "Conversations" and "List All Conversations of a Ticket", "List All Tickets", "Delete a Conversation".

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject, Row};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use crate::connector::Priority;
use crate::erase::{Erase, Erased};
use crate::error::{Class, VendorError};
use crate::html;
use crate::look::{Cursor, Existence, Look, Page, ReadSpec};
use crate::transport::call::Call;

use super::cursor::{Phase, Position};
use super::kind::{Kind, is_number};
use super::map::{Names, Seen, id_text, instant, is_gone};
use super::refusal::misfit;
use super::wire::{Read, seen, send};
use super::{Freshdesk, SPEC};

/// Name of the object in mappings.
pub(super) const CONVERSATION: &str = "conversation";

/// Tickets of a page, of which each costs a call: a page must fit into a small plan's minute.
const TICKETS: u32 = 20;

/// Pages of what is said on one ticket read at most, of a hundred each: more than people read.
const PAGES_MAX: u32 = 50;

/// Sources of conversations: notes, and calls by phone.
const NOTE: u64 = 2;
const PHONE: u64 = 9;

/// How long after its ticket the note comes in which Entente hides what is for colleagues: both are made by one call after the other.
const WITH_ITS_TICKET: i64 = 60;

/// The fields that need to know who works at the desk; the first needs names of customers as well.
const AUTHOR_NAME: &str = "author.name";
const AUTHOR_CUSTOMER: &str = "author.customer_id";

/// Left where a ticket is in the archive.
const ARCHIVED: &str = "what was said on archived tickets takes no changes at Freshdesk: an admin deletes the ticket";

/// Fields of a row, with what `describe` says of each.
const FIELDS: &[(&str, &str, RemoteKind)] = &[
    ("id", "Id", RemoteKind::Reference),
    ("ticket_id", "Ticket", RemoteKind::Reference),
    ("kind", "Kind: reply, note or call", RemoteKind::Text),
    ("private", "For colleagues alone", RemoteKind::Boolean),
    ("incoming", "From outside", RemoteKind::Boolean),
    ("body", "Text", RemoteKind::LongText),
    ("created_at", "Written at", RemoteKind::Datetime),
    ("user_id", "Author", RemoteKind::Reference),
    (AUTHOR_NAME, "Author's name", RemoteKind::Text),
    (AUTHOR_CUSTOMER, "Author, where it is a customer", RemoteKind::Reference),
    ("ticket.subject", "Subject of the ticket", RemoteKind::Text),
    ("ticket.requester_id", "Requester of the ticket", RemoteKind::Reference),
    ("ticket.company_id", "Company of the ticket", RemoteKind::Reference),
];

/// The object as `describe` tells of it.
pub(super) fn described() -> RemoteObject {
    let field = |(name, label, kind): &(&str, &str, RemoteKind)| RemoteField { writable: false, ..RemoteField::new(*name, *label, *kind) };
    RemoteObject { name: CONVERSATION.to_owned(), fields: FIELDS.iter().map(field).collect(), lists: Vec::new() }
}

/// Refuses a read of a field that conversations do not have.
fn must_be_known(fields: &[String]) -> Result<(), VendorError> {
    match fields.iter().find(|field| !FIELDS.iter().any(|(name, ..)| name == field)) {
        None => Ok(()),
        Some(field) => Err(misfit(
            "unknown_field",
            format!("conversations of Freshdesk's tickets have no field `{field}`"),
            "take it out of the mapping; where mappings are edited, the fields of `conversation` are listed",
        )
        .about(field)),
    }
}

/// What is said to whoever would write one.
pub(super) fn only_read() -> VendorError {
    VendorError::new(
        Class::Configuration,
        "read_only",
        "`conversation` is only read: a new reply would go out to the customer, and what went out is never changed",
        "map its fields with direction = \"in\"",
    )
}

/// Its place: its ticket, and itself.
fn place(id: &str) -> Option<(&str, &str)> {
    id.split_once('-').filter(|(ticket, conversation)| is_number(ticket) && is_number(conversation))
}

/// What is known beside what was said.
struct About<'a> {
    ticket: &'a Value,
    names: &'a Names,
    us: Option<&'a str>,
}

impl About<'_> {
    fn is_ours(&self, author: Option<&str>) -> bool {
        self.us.is_some() && author == self.us
    }

    /// Whether it is nobody's word.
    fn is_automatic(&self, said: &Value) -> bool {
        if said["auto_response"] == true || id_text(&said["automation_id"]).is_some() {
            return true;
        }
        let at = |row: &Value| row["created_at"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        let with_its_ticket =
            at(said).zip(at(self.ticket)).is_some_and(|(said, opened)| said.as_second() - opened.as_second() <= WITH_ITS_TICKET);
        // Our own agent may answer customers as well.
        said["private"] == true && with_its_ticket && self.is_ours(id_text(&said["user_id"]).as_deref())
    }

    fn name_of(&self, author: &str) -> Option<&str> {
        let agent = self.names.agents.as_ref().and_then(|agents| agents.get(author)).map(|agent| agent.name.as_str());
        let asker =
            || self.ticket["requester"]["name"].as_str().filter(|_| id_text(&self.ticket["requester_id"]).as_deref() == Some(author));
        agent.or_else(asker)
    }

    /// Who wrote it, unless it is somebody who works at the desk. While that is not known of anybody, whoever wrote from outside is none of them.
    fn customer(&self, said: &Value) -> Option<String> {
        let is_agent = |author: &String| match &self.names.agents {
            Some(agents) => agents.contains_key(author),
            None => said["incoming"] != true,
        };
        id_text(&said["user_id"]).filter(|author| !self.is_ours(Some(author)) && !is_agent(author))
    }

    fn by(&self, said: &Value, author: Option<&str>) -> Actor {
        let is_agent = |author: &str| self.names.agents.as_ref().is_some_and(|agents| agents.contains_key(author));
        match author {
            _ if self.is_ours(author) => Actor::Us,
            Some(author) if is_agent(author) => Actor::Support,
            _ if said["incoming"] == true => Actor::Customer,
            _ => Actor::Unknown,
        }
    }

    fn value(&self, said: &Value, field: &str) -> Value {
        let id = |value: &Value| id_text(value).map_or(Value::Null, Value::String);
        match field {
            "id" => said_id(self.ticket, said).map_or(Value::Null, Value::String),
            "ticket_id" => id(&self.ticket["id"]),
            "kind" => Value::from(kind(said)),
            "private" | "incoming" => said[field].clone(),
            "body" => {
                said["body"].as_str().or_else(|| said["body_text"].as_str()).map_or(Value::Null, |body| Value::from(html::to_text(body)))
            }
            "created_at" => said["created_at"].as_str().map_or(Value::Null, |at| Value::from(instant(at))),
            "user_id" => id(&said["user_id"]),
            AUTHOR_NAME => id_text(&said["user_id"]).and_then(|author| self.name_of(&author).map(Value::from)).unwrap_or_default(),
            AUTHOR_CUSTOMER => self.customer(said).map_or(Value::Null, Value::String),
            "ticket.subject" => self.ticket["subject"].clone(),
            "ticket.requester_id" => id(&self.ticket["requester_id"]),
            "ticket.company_id" => id(&self.ticket["company_id"]),
            _ => Value::Null,
        }
    }

    fn look(&self, said: &Value, fields: &[String], seen: Seen) -> Option<Look> {
        let id = said_id(self.ticket, said)?;
        if self.is_automatic(said) {
            return Some(gone(&id, seen));
        }
        let row: Row = fields.iter().map(|field| (field.clone(), self.value(said, field))).collect();
        let version = said["updated_at"].as_str().map(instant);
        let mark = seen.mark(version.as_deref(), self.by(said, id_text(&said["user_id"]).as_deref()));
        Some(Look {
            object: CONVERSATION.to_owned(),
            id,
            existence: Existence::Present,
            row,
            complete: true,
            version,
            mark,
            seen_at: seen.at,
        })
    }
}

fn kind(said: &Value) -> &'static str {
    match said["source"].as_u64() {
        Some(PHONE) => "call",
        Some(NOTE) if said["private"] != false => "note",
        _ if said["private"] == true => "note",
        _ => "reply",
    }
}

/// The id of its row.
fn said_id(ticket: &Value, said: &Value) -> Option<String> {
    Some(format!("{}-{}", id_text(&ticket["id"])?, id_text(&said["id"])?))
}

/// A look at one that is not there, or that counts for nothing.
fn gone(id: &str, seen: Seen) -> Look {
    Look {
        object: CONVERSATION.to_owned(),
        id: id.to_owned(),
        existence: Existence::Deleted,
        row: Row::new(),
        complete: true,
        version: None,
        mark: ChangeMark::default(),
        seen_at: seen.at,
    }
}

/// What tickets are to bring along.
fn include(fields: &[String]) -> Vec<&'static str> {
    if fields.iter().any(|field| field == AUTHOR_NAME) { vec!["requester"] } else { Vec::new() }
}

impl Freshdesk {
    /// The next page: tickets that changed, and what is said on each.
    pub(super) async fn conversation_page(
        &self,
        spec: &ReadSpec,
        cursor: Option<&Cursor>,
        priority: Priority,
    ) -> Result<Page, VendorError> {
        must_be_known(&spec.fields)?;
        if self.client.offset().ms().is_none() {
            self.ask_me(priority).await?;
        }
        let stored = cursor.map_or_else(|| Ok(Position::start()), |cursor| Position::from_text(cursor))?;
        let position = stored.set_out(self.theirs(), SPEC.overlap);
        let (tickets, _, next) = self.ticket_rows(&include(&spec.fields), TICKETS, &position, priority).await?;
        let looks = self.said_on(tickets, &spec.fields, priority).await?;
        // Nothing lists what was deleted of them.
        let next = next.unwrap_or_else(|| position.at_rest());
        let more = next.phase != Phase::Rest;
        Ok(Page { looks, next: next.to_text(), more, total: None })
    }

    /// Rows by id, in the order of the ids: two calls for each ticket.
    pub(super) async fn fetch_conversations(&self, spec: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        must_be_known(&spec.fields)?;
        let tickets: BTreeSet<String> = ids.iter().filter_map(|id| place(id)).map(|(ticket, _)| ticket.to_owned()).collect();
        let include = &include(&spec.fields);
        let tickets: Vec<Option<Value>> = stream::iter(tickets)
            .map(|ticket| async move { self.view(Kind::Ticket, &ticket, include, priority).await })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await?;
        let tickets = tickets.into_iter().flatten().filter(|ticket| !is_gone(ticket)).collect();
        let looks = self.said_on(tickets, &spec.fields, priority).await?;
        let found: BTreeMap<&str, &Look> = looks.iter().map(|look| (look.id.as_str(), look)).collect();
        let now = seen(&self.client);
        Ok(ids.iter().map(|id| found.get(id.as_str()).map_or_else(|| gone(id, now), |look| (*look).clone())).collect())
    }

    /// What is said on tickets.
    async fn said_on(&self, tickets: Vec<Value>, fields: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let names = match fields.iter().any(|field| field == AUTHOR_NAME || field == AUTHOR_CUSTOMER) {
            true => self.agents_and_groups(priority).await,
            false => Names::default(),
        };
        let us = if tickets.is_empty() { None } else { self.our_id(priority).await? };
        let (names, us) = (&names, us.as_deref());
        let looks: Vec<Vec<Look>> = stream::iter(tickets)
            .map(|ticket| async move {
                let Some(id) = id_text(&ticket["id"]) else { return Ok(Vec::new()) };
                let said = self.conversations(&id, ticket["archived"] == true, priority).await?;
                let about = About { ticket: &ticket, names, us };
                let seen = seen(&self.client);
                Ok::<_, VendorError>(said.iter().filter_map(|said| about.look(said, fields, seen)).collect())
            })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await?;
        Ok(looks.into_iter().flatten().collect())
    }

    /// What is said on one ticket; nothing where it is gone. A refusal is one: it does not mean that nothing was said.
    async fn conversations(&self, ticket: &str, is_archived: bool, priority: Priority) -> Result<Vec<Value>, VendorError> {
        let mut rows = Vec::new();
        let (mut page, mut size) = (1, 100);
        // Tickets that were closed long ago move to the archive, at times between two calls.
        let archive = format!("/api/v2/tickets/archived/{ticket}/conversations");
        let mut path = if is_archived { archive.clone() } else { format!("/api/v2/tickets/{ticket}/conversations") };
        while page <= PAGES_MAX {
            let call = Call::get(path.as_str()).query("page", page.to_string()).query("per_page", size.to_string()).accept(&[301, 404]);
            let answer: Read = send(&self.client, "conversations", priority, call).await?;
            if answer.status >= 300 {
                if path == archive {
                    break;
                }
                path.clone_from(&archive);
                continue;
            }
            rows.extend(answer.rows()?.iter().cloned());
            let Some(next) = answer.next else { break };
            (page, size) = (next.page, next.size);
        }
        Ok(rows)
    }

    /// Deletes what was said: what went out is never changed.
    pub(super) async fn erase_conversation(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        let Some((ticket, id)) = place(&erase.id) else { return Ok(Erased::wholly("is no conversation of Freshdesk's")) };
        let call = Call::delete(format!("/api/v2/conversations/{id}")).idempotent().accept(&[404]);
        let answer = send(&self.client, "erase", priority, call).await?;
        if answer.status != 404 {
            return Ok(Erased::wholly("deleted"));
        }
        let is_archived = self.view(Kind::Ticket, ticket, &[], priority).await?.is_some_and(|ticket| ticket["archived"] == true);
        Ok(match is_archived {
            true => Erased { done: "left as it is".to_owned(), left: vec![ARCHIVED] },
            false => Erased::wholly("was deleted already"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reply_a_note_and_a_call_are_told_apart() {
        let kind_of = |source: u64, private: bool| kind(&json!({"source": source, "private": private}));
        assert_eq!(
            [kind_of(0, false), kind_of(2, true), kind_of(2, false), kind_of(9, false), kind_of(8, true)],
            ["reply", "note", "reply", "call", "note"]
        );
    }

    #[test]
    fn what_nobody_said_is_left_out_and_our_agent_s_own_words_are_not() {
        let ticket = json!({"id": 7, "created_at": "2026-01-01T09:00:00Z"});
        let about = About { ticket: &ticket, names: &Names::default(), us: Some("1") };
        let said = |by: u64, at: &str, more: Value| {
            let mut said = json!({"id": 5, "user_id": by, "private": true, "created_at": at});
            more.as_object().into_iter().flatten().for_each(|(name, value)| said[name.as_str()] = value.clone());
            about.is_automatic(&said)
        };
        assert!(said(1, "2026-01-01T09:00:02Z", json!({})), "a checklist's");
        assert!(
            said(2, "2026-01-01T10:00:00Z", json!({"auto_response": true})) && said(2, "2026-01-01T10:00:00Z", json!({"automation_id": 9}))
        );
        assert!(!said(1, "2026-01-01T10:00:00Z", json!({"automation_id": null})) && !said(2, "2026-01-01T09:00:02Z", json!({})));
    }

    #[test]
    fn a_row_is_known_by_its_ticket_and_itself() {
        assert_eq!(place("7-43000000017"), Some(("7", "43000000017")));
        assert_eq!([place("7"), place("7-"), place("x-1")], [None, None, None]);
    }
}
