//! Erasing users and tickets. A user who goes is deleted twice: softly, and then for good, after which Zendesk shows a shell without name
//! or address. A ticket's words are comments, which never change but can be redacted.

use serde_json::{Map, Value, json};

use crate::connector::Priority;
use crate::erase::{Erase, Erased, Manner};
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

use super::Zendesk;
use super::comments::COMMENT;
use super::comments::said::CALL;
use super::errors::misfit;
use super::fields::is_write_only;
use super::kind::Kind;
use super::map::id_text;
use super::put::{Purpose, body};
use super::wire::{TICKET_UPDATES, send};

/// The name of a user who was erased by Zendesk itself (its reference of users, "Permanently delete user").
pub(super) const ERASED_NAME: &str = "Permanently Deleted User";

const ONLY_ADMIN: &str =
    "our user may not delete users for good: an admin does it in Zendesk's Admin Center, People, Deleted users, or makes our user an admin";
const ATTACHMENTS: &str = "the ticket has attachments: an agent looks at them and redacts those that show the person";
const RECORDED: &str = "a call keeps its numbers, recording and transcription beside its words: an admin deletes them, or the ticket";
const CLOSED: &str = "the ticket is closed, so that its subject stays: an admin deletes the ticket if the subject names the person";

impl Zendesk {
    /// See [`Connector::erase`](crate::connector::Connector::erase).
    pub(super) async fn erase_row(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        if erase.object == COMMENT {
            return self.erase_comment(erase, priority).await;
        }
        match (Kind::named(&erase.object)?, erase.manner) {
            (Kind::User, Manner::Delete) => self.delete_user(&erase.id, priority).await,
            (Kind::User, Manner::Anonymise) => self.blank_user(erase, priority).await,
            (Kind::Ticket, Manner::Delete) => self.delete_ticket(&erase.id, priority).await,
            (Kind::Ticket, Manner::Anonymise) => self.blank_ticket(erase, priority).await,
            (Kind::Organization, _) => Err(misfit("no_person", "an organization is no person", "report this: it is a mistake in Entente")),
        }
    }

    /// Refuses to erase whoever works at the desk: a contact may have the address of an agent.
    async fn must_be_customer(&self, id: &str, priority: Priority) -> Result<(), VendorError> {
        let call = Call::get(format!("/api/v2/users/{id}")).accept(&[404]);
        let read = send(&self.client, "erase", priority, call).await?;
        match read.body["user"]["role"].as_str() {
            Some("agent" | "admin") => Err(VendorError::new(
                Class::Data,
                "agent",
                "the user is an agent of the desk, and no customer",
                "an admin downgrades the agent to an end user first, if it is the person who is meant",
            )),
            _ => Ok(()),
        }
    }

    async fn delete_user(&self, id: &str, priority: Priority) -> Result<Erased, VendorError> {
        self.must_be_customer(id, priority).await?;
        let soft = Call::delete(format!("/api/v2/users/{id}")).idempotent().accept(&[404]);
        send(&self.client, "erase", priority, soft).await?;
        let hard = Call::delete(format!("/api/v2/deleted_users/{id}")).idempotent().accept(&[403, 404]);
        let answer = send(&self.client, "erase", priority, hard).await?;
        Ok(match answer.status {
            403 => Erased { done: "deleted, and not for good".to_owned(), left: vec![ONLY_ADMIN] },
            404 => Erased::wholly("was deleted for good already"),
            _ => Erased::wholly("deleted for good"),
        })
    }

    async fn blank_user(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        let id = &erase.id;
        self.must_be_customer(id, priority).await?;
        // Addresses first: they are how the person could be found.
        for identity in self.identities(id, priority).await? {
            let call = Call::delete(format!("/api/v2/users/{id}/identities/{}", identity.id)).idempotent().accept(&[404]);
            send(&self.client, "erase", priority, call).await?;
        }
        let row = erase.blank.iter().filter(|(name, _)| *name != "email").map(|(name, value)| (name.clone(), value.clone())).collect();
        let mut user = body(Kind::User, &row, Purpose::Update)?;
        for (name, value) in [("phone", Value::Null), ("alias", Value::Null), ("details", Value::Null), ("notes", Value::Null)] {
            user.entry(name).or_insert(value);
        }
        self.put("users", id, "user", user, priority).await?;
        Ok(Erased::wholly("anonymised, with every address taken away"))
    }

    async fn delete_ticket(&self, id: &str, priority: Priority) -> Result<Erased, VendorError> {
        let soft = Call::delete(format!("/api/v2/tickets/{id}")).idempotent().accept(&[404]);
        send(&self.client, "erase", priority, soft).await?;
        let hard = Call::delete(format!("/api/v2/deleted_tickets/{id}")).idempotent().accept(&[403, 404]);
        let answer = send(&self.client, "erase", priority, hard).await?;
        Ok(match answer.status {
            403 => Erased { done: "deleted, and not for good".to_owned(), left: vec![ONLY_ADMIN] },
            404 => Erased::wholly("was deleted for good already"),
            _ => Erased::wholly("deleted for good"),
        })
    }

    async fn blank_ticket(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        let mut erased = Erased::wholly("subject and comments redacted");
        // The description is the first comment, and what only a new ticket takes is no value of this one.
        let lasting = |name: &str| name != "description" && !is_write_only(Kind::Ticket, name);
        let row = erase.blank.iter().filter(|(name, _)| lasting(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
        let ticket = body(Kind::Ticket, &row, Purpose::Update)?;
        match self.put("tickets", &erase.id, "ticket", ticket, priority).await {
            Ok(()) => {}
            // Closed tickets take no change, but their comments can be redacted.
            Err(error) if error.status == 422 => erased.left.push(CLOSED),
            Err(error) if error.status == 404 => return Ok(Erased::wholly("was deleted already")),
            Err(error) => return Err(error),
        }
        let mut comments = Vec::new();
        self.each_comment(&erase.id, priority, |comment| {
            comments.push(comment.clone());
            true
        })
        .await?;
        for comment in &comments {
            for left in left_of(comment) {
                if !erased.left.contains(&left) {
                    erased.left.push(left);
                }
            }
            self.redact(&erase.id, comment, priority).await?;
        }
        Ok(erased)
    }

    /// Takes every word out of a comment.
    pub(super) async fn redact(&self, ticket: &str, comment: &Value, priority: Priority) -> Result<(), VendorError> {
        let Some(id) = id_text(&comment["id"]) else { return Ok(()) };
        let html = comment["html_body"].as_str().or_else(|| comment["body"].as_str()).unwrap_or_default();
        let redacted = marked(html);
        if redacted == html {
            return Ok(());
        }
        let body = json!({"ticket_id": ticket.parse::<u64>().unwrap_or_default(), "html_body": redacted});
        let call = Call::put(format!("/api/v2/comment_redactions/{id}"), body).idempotent();
        send(&self.client, "redact", priority, call).await.map(drop)
    }

    async fn put(&self, plural: &str, id: &str, singular: &str, row: Map<String, Value>, priority: Priority) -> Result<(), VendorError> {
        let mut call = Call::put(format!("/api/v2/{plural}/{id}"), json!({singular: row})).idempotent();
        if plural == "tickets" {
            call = call.bucket(TICKET_UPDATES);
        }
        send(&self.client, "erase", priority, call).await.map(drop)
    }
}

/// What is left to people of a comment whose words are redacted: attachments, and what a call keeps beside its words.
pub(super) fn left_of(comment: &Value) -> impl Iterator<Item = &'static str> {
    let attachments = comment["attachments"].as_array().is_some_and(|list| !list.is_empty()).then_some(ATTACHMENTS);
    let call = (comment["type"] == CALL).then_some(RECORDED);
    attachments.into_iter().chain(call)
}

/// HTML with every text between its tags marked for redaction; what was redacted before is left alone.
fn marked(html: &str) -> String {
    let mut out = String::with_capacity(html.len() * 2);
    let mut rest = html;
    while !rest.is_empty() {
        let (text, tail) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        if text.chars().all(|letter| letter.is_whitespace() || letter == '▇') {
            out.push_str(text);
        } else {
            out.push_str(&format!("<redact>{text}</redact>"));
        }
        let (tag, after) = tail.split_at(tail.find('>').map_or(tail.len(), |end| end + 1));
        out.push_str(tag);
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_a_comment_is_marked_and_no_tag_is() {
        let html = "<div class=\"zd-comment\"><p>I am Ada</p> <p>Bye</p></div>";
        let expected = "<div class=\"zd-comment\"><p><redact>I am Ada</redact></p> <p><redact>Bye</redact></p></div>";
        assert_eq!(marked(html), expected);
        assert_eq!(marked("plain words"), "<redact>plain words</redact>");
        assert_eq!(marked("<p>▇▇ ▇</p>"), "<p>▇▇ ▇</p>");
    }
}
