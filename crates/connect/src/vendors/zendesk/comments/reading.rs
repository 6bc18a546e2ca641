//! Reading comments: polls by the export of ticket events, and rows by id out of their tickets.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use crate::connector::Priority;
use crate::erase::{Erase, Erased};
use crate::error::{Class, VendorError};
use crate::look::{Cursor, Look, Page, ReadSpec};
use crate::transport::call::Call;

use super::super::export::{EXPORT_ROWS, REMEMBERED, Stand};
use super::super::map::{Seen, id_text};
use super::super::read::{MANY, listed};
use super::super::wire::{EXPORT_TIME, send};
use super::super::{SPEC, Zendesk, erase};
use super::said::{About, Person, Said, gone};
use super::{AUTHOR_CUSTOMER, AUTHOR_NAME, must_be_known, place};

/// Events that tell of a comment that is there: it was made private, or words were taken out of it.
const LATER: &[&str] = &["CommentPrivacyChange", "CommentRedactionEvent"];

/// Pages of a ticket's comments read at most, of a hundred each: 5,000 comments are Zendesk's limit.
const PAGES_MAX: usize = 50;

/// What a page of the export tells of comments.
#[derive(Debug, Default)]
struct Told {
    said: Vec<Said>,
    /// Comments that changed, by ticket.
    changed: BTreeMap<String, BTreeSet<String>>,
}

impl Told {
    fn of<'a>(audits: impl Iterator<Item = &'a Value>) -> Self {
        let mut told = Self::default();
        for audit in audits {
            let Some(ticket) = id_text(&audit["ticket_id"]) else { continue };
            for event in audit["child_events"].as_array().into_iter().flatten() {
                told.said.extend(Said::of(&ticket, event, audit["created_at"].as_str()));
                let is_later = event["event_type"].as_str().is_some_and(|kind| LATER.contains(&kind));
                if let Some(comment) = id_text(&event["comment_id"]).filter(|_| is_later) {
                    told.changed.entry(ticket.clone()).or_default().insert(comment);
                }
            }
        }
        told
    }
}

/// An audit, to be recognised when the export repeats it. Audits never change.
fn signature(audit: &Value) -> Option<(String, String)> {
    Some((id_text(&audit["id"])?, String::new()))
}

impl Zendesk {
    /// The next page of comments: the time-based export of ticket events, whose pages repeat the rows of their last second.
    pub(in super::super) async fn comment_page(
        &self,
        read: &ReadSpec,
        cursor: Option<&Cursor>,
        priority: Priority,
    ) -> Result<Page, VendorError> {
        must_be_known(&read.fields)?;
        let (at, known) = match cursor.map(|cursor| Stand::read(cursor)).transpose()? {
            None => (self.tuning.first_start, BTreeSet::new()),
            Some(Stand::Start(at)) => (at, BTreeSet::new()),
            Some(Stand::Second { at, seen }) => (at, seen),
            Some(Stand::After(_) | Stand::List { .. }) => return Err(Stand::of_another()),
        };
        let start = at.min(self.latest_start());
        let call = Call::get("/api/v2/incremental/ticket_events")
            .bucket(EXPORT_TIME)
            .query("per_page", EXPORT_ROWS.to_string())
            .query("start_time", start.to_string())
            .query("include", "comment_events");
        let answer = send(&self.client, "incremental", priority, call).await?;
        let audits = listed(&answer.body, "ticket_events")?;
        let fresh = audits.iter().filter(|audit| signature(audit).is_none_or(|signature| !known.contains(&signature)));
        let told = Told::of(fresh);
        let mut said = told.said;
        said.extend(self.comments_in(&told.changed, priority).await?);
        let looks = self.comment_looks(said, &read.fields, answer.seen, priority).await?;

        let end = answer.body["end_time"].as_i64().unwrap_or(start);
        let full = audits.len() >= EXPORT_ROWS;
        let more = !answer.body["end_of_stream"].as_bool().unwrap_or(!full) && !audits.is_empty();
        let next = if more && end <= start {
            // The export never moves on by itself, and no other list has events by their time.
            tracing::warn!(
                connection = %self.client.settings().name,
                second = start,
                "more changes of tickets share one second than Zendesk's export can page through: comments beyond its first 1,000 are not read"
            );
            Stand::Second { at: end.max(start) + 1, seen: BTreeSet::new() }
        } else {
            let mut remembered: BTreeSet<(String, String)> = audits.iter().rev().take(REMEMBERED).filter_map(signature).collect();
            if end == at {
                remembered.extend(known);
            }
            Stand::Second { at: end.max(start), seen: remembered }
        };
        Ok(Page { looks, next: next.write()?, more, total: None })
    }

    /// Comments by id, in the order of the ids: a call for each ticket, and one for the tickets of a hundred.
    pub(in super::super) async fn fetch_comments(
        &self,
        read: &ReadSpec,
        ids: &[String],
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        must_be_known(&read.fields)?;
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (ticket, comment) in ids.iter().filter_map(|id| place(id)) {
            wanted.entry(ticket.to_owned()).or_default().insert(comment.to_owned());
        }
        let said = self.comments_in(&wanted, priority).await?;
        let seen = super::super::wire::seen(&self.client);
        let looks = self.comment_looks(said, &read.fields, seen, priority).await?;
        let found: BTreeMap<&str, &Look> = looks.iter().map(|look| (look.id.as_str(), look)).collect();
        Ok(ids.iter().map(|id| found.get(id.as_str()).map_or_else(|| gone(id, seen), |look| (*look).clone())).collect())
    }

    /// These comments, by ticket, as their tickets show them now. What is gone is not among them.
    async fn comments_in(&self, wanted: &BTreeMap<String, BTreeSet<String>>, priority: Priority) -> Result<Vec<Said>, VendorError> {
        let found: Vec<Vec<Said>> = stream::iter(wanted.clone())
            .map(|(ticket, comments)| async move {
                let mut said = Vec::new();
                self.each_comment(&ticket, priority, |item| {
                    said.extend(Said::of(&ticket, item, None).filter(|said| comments.contains(&said.comment)));
                    said.len() < comments.len()
                })
                .await?;
                Ok::<_, VendorError>(said)
            })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Shows the comments of a ticket, as long as `go_on` says so. None where the ticket is gone.
    pub(in super::super) async fn each_comment(
        &self,
        ticket: &str,
        priority: Priority,
        mut go_on: impl FnMut(&Value) -> bool + Send,
    ) -> Result<(), VendorError> {
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut call = Call::get(format!("/api/v2/tickets/{ticket}/comments")).query("page[size]", "100").accept(&[404]);
            if let Some(after) = &after {
                call = call.query("page[after]", after);
            }
            let answer = send(&self.client, "comments", priority, call).await?;
            if answer.status == 404 {
                return Ok(());
            }
            if !listed(&answer.body, "comments")?.iter().all(&mut go_on) {
                return Ok(());
            }
            match (answer.body["meta"]["has_more"].as_bool(), answer.body["meta"]["after_cursor"].as_str()) {
                (Some(true), Some(next)) => after = Some(next.to_owned()),
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Looks at comments, joined with their tickets and their authors. Those of tickets that are gone are gone, as are those that count for
    /// nothing; of one that comes twice the later look counts.
    async fn comment_looks(&self, said: Vec<Said>, fields: &[String], seen: Seen, priority: Priority) -> Result<Vec<Look>, VendorError> {
        let staff = self.staff();
        let (actors, us) = (self.actors(&staff), staff.us.as_deref());
        let last: BTreeMap<String, usize> = said.iter().enumerate().map(|(at, said)| (said.id(), at)).collect();
        let said: Vec<Said> =
            said.into_iter().enumerate().filter(|(at, said)| last.get(&said.id()) == Some(at)).map(|(_, said)| said).collect();
        let counting = || said.iter().filter(|said| !said.is_automatic(us));
        let (tickets, mut people) = self.tickets_of(counting().map(|said| said.ticket.as_str()), priority).await?;
        if fields.iter().any(|field| field == AUTHOR_NAME || field == AUTHOR_CUSTOMER) {
            let strangers = counting().filter(|said| tickets.contains_key(&said.ticket)).filter_map(|said| said.author.as_deref());
            let strangers: BTreeSet<&str> = strangers.filter(|author| !people.contains_key(*author)).collect();
            people.extend(self.people_of(&strangers, priority).await?);
        }
        Ok(said
            .iter()
            .map(|said| match tickets.get(&said.ticket).filter(|_| !said.is_automatic(us)) {
                Some(ticket) => said.look(&About { ticket, people: &people, actors: &actors }, fields, seen),
                None => gone(&said.id(), seen),
            })
            .collect())
    }

    /// Tickets by id, and the people in them. Those that Zendesk does not show are deleted.
    async fn tickets_of<'a>(
        &self,
        ids: impl Iterator<Item = &'a str> + Send,
        priority: Priority,
    ) -> Result<(BTreeMap<String, Value>, BTreeMap<String, Person>), VendorError> {
        let ids: BTreeSet<&str> = ids.collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let (mut tickets, mut people) = (BTreeMap::new(), BTreeMap::new());
        for chunk in ids.chunks(MANY) {
            let call = Call::get("/api/v2/tickets/show_many").query("ids", chunk.join(",")).query("include", "users");
            let answer = send(&self.client, "show_many", priority, call).await?;
            tickets.extend(listed(&answer.body, "tickets")?.iter().filter_map(|ticket| Some((id_text(&ticket["id"])?, ticket.clone()))));
            people.extend(answer.body["users"].as_array().into_iter().flatten().filter_map(person));
        }
        tickets.retain(|_, ticket| ticket["status"] != "deleted");
        Ok((tickets, people))
    }

    /// Users, by id.
    async fn people_of(&self, ids: &BTreeSet<&str>, priority: Priority) -> Result<Vec<(String, Person)>, VendorError> {
        let ids: Vec<&str> = ids.iter().copied().collect();
        let mut people = Vec::new();
        for chunk in ids.chunks(MANY) {
            let call = Call::get("/api/v2/users/show_many").query("ids", chunk.join(","));
            let answer = send(&self.client, "show_many", priority, call).await?;
            people.extend(listed(&answer.body, "users")?.iter().filter_map(person));
        }
        Ok(people)
    }

    /// Takes every word out of a comment: Zendesk deletes none.
    pub(in super::super) async fn erase_comment(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        let Some((ticket, comment)) = place(&erase.id) else { return Ok(Erased::wholly("is no comment of Zendesk's")) };
        let mut found = None;
        self.each_comment(ticket, priority, |item| {
            if id_text(&item["id"]).as_deref() == Some(comment) {
                found = Some(item.clone());
            }
            found.is_none()
        })
        .await?;
        let Some(found) = found else { return Ok(Erased::wholly("was deleted with its ticket already")) };
        let mut erased = Erased::wholly("redacted");
        erased.left.extend(erase::left_of(&found));
        match self.redact(ticket, &found, priority).await {
            Err(error) if error.class == Class::LookAgain => Ok(Erased::wholly("was deleted with its ticket already")),
            done => done.map(|()| erased),
        }
    }
}

fn person(user: &Value) -> Option<(String, Person)> {
    Some((id_text(&user["id"])?, Person { name: user["name"].as_str()?.to_owned(), is_customer: user["role"] == "end-user" }))
}
