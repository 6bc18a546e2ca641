//! What is said in conversations and on tickets, as rows of its own: parts that somebody has said something with, each with the title, the contact
//! and the company of its conversation. It is only read: a reply would go out to the customer.
//!
//! Lists and searches show no parts. A new one moves the stamp of its conversation, so that conversations are walked as they are themselves, and each
//! that changed is read: a call for a conversation, two for a ticket that a list shows as one. A view shows the newest 500 parts.
//!
//! What a bot said, and what nobody said anything at (an assignment, a change of state), is no row, nor is a part that was redacted. What a conversation
//! began with is no part: the case has it.
//!
//! Sources: Intercom API reference, "Conversations" (the object, "Retrieve a conversation", "Redact a conversation part"), "Tickets".

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::Actor;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject, Row};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};

use crate::connector::Priority;
use crate::erase::{Erase, Erased};
use crate::error::{Class, VendorError};
use crate::html;
use crate::look::{Cursor, Existence, Look, Page, ReadSpec};
use crate::transport::call::Call;

use super::cursor::{Phase, Position};
use super::kind::{Kind, is_id};
use super::map::{Seen, id_text, instant};
use super::refusal::misfit;
use super::rows::View;
use super::wire::{seen, send};
use super::{Intercom, SPEC};

/// Name of the object in mappings.
pub(super) const PART: &str = "conversation_part";

/// Conversations of a page, of which each costs a call: a page must fit into a small app's ten seconds.
const CONVERSATIONS: u32 = 20;

/// First part of the names of what belongs to the conversation.
const CONVERSATION: &str = "conversation.";

/// Left where a part cannot be redacted.
const TICKET_WORDS: &str = "Intercom redacts no parts of tickets: a teammate deletes the part, or the ticket";

/// Fields of a row, with what `describe` says of each.
const FIELDS: &[(&str, &str, RemoteKind)] = &[
    ("id", "Id", RemoteKind::Reference),
    ("conversation_id", "Conversation or ticket", RemoteKind::Reference),
    ("kind", "Kind: reply or note", RemoteKind::Text),
    ("part_type", "Intercom's own kind", RemoteKind::Text),
    ("body", "Text", RemoteKind::LongText),
    ("created_at", "Written at", RemoteKind::Datetime),
    ("author.type", "Author: user, lead or admin", RemoteKind::Text),
    ("author.id", "Author", RemoteKind::Reference),
    ("author.name", "Author's name", RemoteKind::Text),
    ("author.customer_id", "Author, where it is a customer", RemoteKind::Reference),
    ("conversation.title", "Title of the conversation", RemoteKind::Text),
    ("conversation.contact_id", "Contact of the conversation", RemoteKind::Reference),
    ("conversation.company_id", "Company of the conversation", RemoteKind::Reference),
];

/// The object as `describe` tells of it.
pub(super) fn described() -> RemoteObject {
    let field = |(name, label, kind): &(&str, &str, RemoteKind)| RemoteField { writable: false, ..RemoteField::new(*name, *label, *kind) };
    RemoteObject { name: PART.to_owned(), fields: FIELDS.iter().map(field).collect(), lists: Vec::new() }
}

/// Refuses a read of a field that parts do not have.
fn must_be_known(fields: &[String]) -> Result<(), VendorError> {
    match fields.iter().find(|field| !FIELDS.iter().any(|(name, ..)| name == field)) {
        None => Ok(()),
        Some(field) => Err(misfit(
            "unknown_field",
            format!("parts of Intercom's conversations have no field `{field}`"),
            "take it out of the mapping; where mappings are edited, the fields of `conversation_part` are listed",
        )
        .about(field)),
    }
}

/// What is said to whoever would write one.
pub(super) fn only_read() -> VendorError {
    VendorError::new(
        Class::Configuration,
        "read_only",
        "`conversation_part` is only read: a new reply would go out to the customer, and what was said is never changed",
        "map its fields with direction = \"in\"",
    )
}

/// Its place: its conversation, whose id may have hyphens itself, and itself.
fn place(id: &str) -> Option<(&str, &str)> {
    id.rsplit_once('-')
        .filter(|(conversation, part)| is_id(conversation) && !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What is asked of the conversation itself.
fn of_conversation(fields: &[String]) -> Vec<String> {
    fields.iter().filter_map(|field| field.strip_prefix(CONVERSATION)).map(str::to_owned).collect()
}

/// Who may say something. The others are bots and teams.
const PEOPLE: &[&str] = &["user", "lead", "contact", "admin"];

/// Whether a part is somebody's word.
fn is_said(part: &Value) -> bool {
    let by_people = part["author"]["type"].as_str().is_some_and(|ty| PEOPLE.contains(&ty));
    by_people && part["redacted"] != true && !words(part).is_empty()
}

fn words(part: &Value) -> String {
    html::to_text(part["body"].as_str().unwrap_or_default())
}

/// Notes, and what goes along with an assignment, are for colleagues.
fn kind(part: &Value) -> &'static str {
    match part["part_type"].as_str() {
        Some("note" | "assignment" | "away_mode_assignment" | "note_and_reopen") => "note",
        _ => "reply",
    }
}

fn value(conversation: &str, part: &Value, field: &str) -> Value {
    let id = |value: &Value| id_text(value).map_or(Value::Null, Value::String);
    match field {
        "id" => part_id(conversation, part).map_or(Value::Null, Value::String),
        "conversation_id" => Value::from(conversation),
        "kind" => Value::from(kind(part)),
        "part_type" => part["part_type"].clone(),
        "body" => Value::from(words(part)),
        "created_at" => instant(&part["created_at"]).map_or(Value::Null, |at| Value::from(at.to_string())),
        "author.type" => part["author"]["type"].clone(),
        "author.id" => id(&part["author"]["id"]),
        "author.customer_id" if part["author"]["type"] != "admin" => id(&part["author"]["id"]),
        "author.name" => part["author"]["name"]
            .as_str()
            .map_or(Value::Null, |name| Value::from(entente_model::normalise::html::decode(name).into_owned())),
        _ => Value::Null,
    }
}

/// The id of its row.
fn part_id(conversation: &str, part: &Value) -> Option<String> {
    Some(format!("{conversation}-{}", id_text(&part["id"])?))
}

/// Where a view lists parts.
const LISTS: [&str; 2] = ["conversation_parts", "ticket_parts"];

/// Whether a list tells of more parts than it shows.
fn is_cut(listed: &Value, name: &str) -> bool {
    let shown = listed[name].as_array().map_or(0, Vec::len);
    listed["total_count"].as_u64().is_some_and(|all| all > shown as u64)
}

/// A look at one that the view no longer reaches: it may be there all the same, and nothing of it is known.
fn hidden(id: &str, seen: Seen) -> Look {
    Look { existence: Existence::Present, complete: false, ..gone(id, seen) }
}

/// A look at one that is not there, or that counts for nothing.
fn gone(id: &str, seen: Seen) -> Look {
    Look {
        object: PART.to_owned(),
        id: id.to_owned(),
        existence: Existence::Deleted,
        row: Row::new(),
        complete: true,
        version: None,
        mark: seen.mark(None, Actor::Unknown),
        seen_at: seen.at,
    }
}

impl Intercom {
    /// The next page: conversations and tickets that changed, and what is said in each.
    pub(super) async fn part_page(&self, spec: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        must_be_known(&spec.fields)?;
        if self.client.offset().ms().is_none() {
            self.ask_me(priority).await?;
        }
        let stored = cursor.map_or_else(|| Ok(Position::start()), |cursor| Position::from_text(cursor))?;
        let position = stored.set_out(self.theirs(), SPEC.overlap);
        let (rows, next) = match position.phase {
            // Nothing lists what was deleted of them.
            Phase::Rest | Phase::Deleted => (Vec::new(), Position { phase: Phase::Rest, ..position }),
            Phase::Rows if position.since.is_none() => {
                let (rows, _, next) = self.list_rows(Kind::Conversation, CONVERSATIONS, position, priority).await?;
                (rows, next)
            }
            Phase::Rows | Phase::Tickets => {
                let (rows, _, next) = self.search_rows(Kind::Conversation, CONVERSATIONS, position, priority).await?;
                (rows, next)
            }
        };
        let next = if next.phase == Phase::Deleted { Position { phase: Phase::Rest, ..next } } else { next };
        let ids: Vec<String> = rows.iter().filter_map(|row| id_text(&row["id"])).collect();
        let (looks, _) = self.said_in(ids, &spec.fields, priority).await?;
        let more = next.phase != Phase::Rest;
        Ok(Page { looks, next: next.to_text(), more, total: None })
    }

    /// Rows by id, in the order of the ids: a call for each conversation, two for each ticket.
    pub(super) async fn fetch_parts(&self, spec: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        must_be_known(&spec.fields)?;
        let conversations: BTreeSet<String> =
            ids.iter().filter_map(|id| place(id)).map(|(conversation, _)| conversation.to_owned()).collect();
        let (looks, longer) = self.said_in(conversations.into_iter().collect(), &spec.fields, priority).await?;
        let found: BTreeMap<&str, &Look> = looks.iter().map(|look| (look.id.as_str(), look)).collect();
        let now = seen(&self.client);
        let unseen = |id: &str| match place(id) {
            Some((conversation, _)) if longer.contains(conversation) => hidden(id, now),
            _ => gone(id, now),
        };
        Ok(ids.iter().map(|id| found.get(id.as_str()).map_or_else(|| unseen(id), |look| (*look).clone())).collect())
    }

    /// What is said in conversations and on tickets, with what was redacted of it; and those of which a view does not show all.
    async fn said_in(&self, ids: Vec<String>, fields: &[String], priority: Priority) -> Result<(Vec<Look>, BTreeSet<String>), VendorError> {
        let views: Vec<View> = stream::iter(ids)
            .map(|id| async move { self.view(Kind::Conversation, &id, priority).await })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await?;
        let seen = seen(&self.client);
        let views: Vec<Value> = views.into_iter().filter_map(|view| if let View::Row(row) = view { Some(*row) } else { None }).collect();
        let beside = self.looks(Kind::Conversation, &views, &of_conversation(fields), seen, priority).await?;
        let beside: BTreeMap<&str, &Look> = beside.iter().map(|look| (look.id.as_str(), look)).collect();
        let us = if views.is_empty() { None } else { self.our_id(priority).await? };
        let (mut looks, mut longer) = (Vec::new(), BTreeSet::new());
        for view in &views {
            let Some(id) = id_text(&view["id"]) else { continue };
            if LISTS.iter().any(|list| is_cut(&view[*list], list)) {
                longer.insert(id.clone());
            }
            // The contact that stands in for colleagues is nobody, and what is with them is no row.
            let Some(of) = beside.get(id.as_str()) else { continue };
            // A conversation that became a ticket has its own beside the ticket's; what stands in both is one.
            let listed = LISTS.iter().filter_map(|list| view[*list][*list].as_array()).flatten();
            let mut known = BTreeSet::new();
            for part in listed {
                let Some(row_id) = part_id(&id, part).filter(|row_id| known.insert(row_id.clone())) else { continue };
                if part["redacted"] == true {
                    looks.push(gone(&row_id, seen));
                }
                if !is_said(part) {
                    continue;
                }
                let shown = |field: &String| match field.strip_prefix(CONVERSATION) {
                    Some(name) => of.row.get(name).cloned().unwrap_or_default(),
                    None => value(&id, part, field),
                };
                let by = match part["author"]["type"].as_str() {
                    Some("admin") if us.is_some() && id_text(&part["author"]["id"]) == us => Actor::Us,
                    Some("admin") => Actor::Support,
                    _ => Actor::Customer,
                };
                let at = instant(&part["created_at"]);
                looks.push(Look {
                    object: PART.to_owned(),
                    id: row_id,
                    existence: Existence::Present,
                    row: fields.iter().map(|field| (field.clone(), shown(field))).collect(),
                    complete: true,
                    version: None,
                    mark: seen.mark(at, by),
                    seen_at: seen.at,
                });
            }
        }
        Ok((looks, longer))
    }

    /// Takes the words out of a part.
    pub(super) async fn erase_part(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        let Some((conversation, part)) = place(&erase.id) else { return Ok(Erased::wholly("is no part of Intercom's")) };
        let body = json!({"type": "conversation_part", "conversation_id": conversation, "conversation_part_id": part});
        let call = Call::post("/conversations/redact", body).idempotent().accept(&[404, 422]);
        let answer = send(&self.client, "erase", priority, call).await?;
        if answer.status < 300 {
            return Ok(Erased::wholly("redacted"));
        }
        match self.view(Kind::Conversation, conversation, priority).await? {
            View::Row(_) => Ok(Erased { done: "left as it is".to_owned(), left: vec![TICKET_WORDS] }),
            View::MergedInto(_) | View::Gone => Ok(Erased::wholly("was deleted with its conversation already")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_people_say_something_and_what_was_redacted_is_not_said() {
        let part = |ty: &str, author: &str, body: Value, redacted: bool| {
            is_said(&json!({"id": "1", "part_type": ty, "author": {"type": author}, "body": body, "redacted": redacted}))
        };
        assert!(part("comment", "user", json!("<p>Hi</p>"), false) && part("open", "lead", json!("<p>Again</p>"), false));
        assert!(part("note", "admin", json!("<p>Psst</p>"), false) && part("assignment", "admin", json!("<p>Yours</p>"), false));
        for nothing in [
            part("assignment", "admin", Value::Null, false),
            part("comment", "bot", json!("<p>Beep</p>"), false),
            part("comment", "user", json!("<p></p>"), false),
            part("comment", "user", json!("<p><i>This message was deleted</i></p>"), true),
        ] {
            assert!(!nothing);
        }
        let kind_of = |ty: &str| kind(&json!({"part_type": ty}));
        assert_eq!([kind_of("comment"), kind_of("note"), kind_of("assignment"), kind_of("close")], ["reply", "note", "note", "reply"]);
    }

    #[test]
    fn a_list_that_is_cut_says_so() {
        let list = |total: u64| is_cut(&json!({"conversation_parts": [{"id": "1"}], "total_count": total}), "conversation_parts");
        assert_eq!([list(1), list(2)], [false, true]);
        assert!(!is_cut(&Value::Null, "ticket_parts"));
    }

    #[test]
    fn a_row_is_known_by_its_conversation_and_itself() {
        assert_eq!(place("a1-b2-77"), Some(("a1-b2", "77")));
        assert_eq!([place("77"), place("12-x"), place("-7")], [None, None, None]);
    }
}
