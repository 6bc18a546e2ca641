//! Comments of tickets as rows of their own: what agents and customers say to each other. A comment belongs to its ticket, so that its row names
//! the ticket's subject, requester and organization beside its own words. They are only read: Zendesk lets nobody change a comment, and a new
//! one would go to the customer.
//!
//! The feed is the export of ticket events, which shows comments with their author and text where they are asked for. What an automation or
//! Entente itself wrote is nobody's word and is left out, as if it were not there.
//!
//! Rows are known by ticket and comment (`33-26155588908179`): Zendesk shows a comment below its ticket alone.
//!
//! Sources: Ticketing API reference, "Incremental Exports" (ticket events, `comment_events`), "Ticket Comments", "Ticket Audits" (types of events);
//! "Adding voice comments to tickets".

mod reading;
pub(super) mod said;

use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject};

use crate::error::{Class, VendorError};

use super::errors::misfit;

/// Name of the object in mappings.
pub(super) const COMMENT: &str = "ticket_comment";

/// Fields of a row, with what `describe` says of each.
const FIELDS: &[(&str, &str, RemoteKind)] = &[
    ("id", "Id", RemoteKind::Reference),
    ("ticket_id", "Ticket", RemoteKind::Reference),
    ("kind", "Kind: reply, note or call", RemoteKind::Text),
    ("public", "Seen by the customer", RemoteKind::Boolean),
    ("body", "Text", RemoteKind::LongText),
    ("created_at", "Written at", RemoteKind::Datetime),
    ("author_id", "Author", RemoteKind::Reference),
    (AUTHOR_NAME, "Author's name", RemoteKind::Text),
    (AUTHOR_CUSTOMER, "Author, where it is a customer", RemoteKind::Reference),
    ("ticket.subject", "Subject of the ticket", RemoteKind::Text),
    ("ticket.requester_id", "Requester of the ticket", RemoteKind::Reference),
    ("ticket.organization_id", "Organization of the ticket", RemoteKind::Reference),
];

/// The fields that need the author's row.
const AUTHOR_NAME: &str = "author.name";
const AUTHOR_CUSTOMER: &str = "author.customer_id";

/// The object as `describe` tells of it.
pub(super) fn described() -> RemoteObject {
    let field = |(name, label, kind): &(&str, &str, RemoteKind)| RemoteField { writable: false, ..RemoteField::new(*name, *label, *kind) };
    RemoteObject { name: COMMENT.to_owned(), fields: FIELDS.iter().map(field).collect(), lists: Vec::new() }
}

/// Refuses a read of a field that comments do not have.
fn must_be_known(fields: &[String]) -> Result<(), VendorError> {
    match fields.iter().find(|field| !FIELDS.iter().any(|(name, ..)| name == field)) {
        None => Ok(()),
        Some(field) => Err(misfit(
            "unknown_field",
            format!("comments of Zendesk's tickets have no field `{field}`"),
            "take it out of the mapping; `entente` lists the fields of `ticket_comment` where mappings are edited",
        )
        .about(field)),
    }
}

/// What is said to whoever would write a comment.
pub(super) fn only_read() -> VendorError {
    VendorError::new(
        Class::Configuration,
        "read_only",
        "`ticket_comment` is only read: a new comment of a ticket would go to the customer, and a written one never changes",
        "map its fields with direction = \"in\"",
    )
}

/// A comment's place: its ticket, and itself.
fn place(id: &str) -> Option<(&str, &str)> {
    let is_number = |text: &str| !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    id.split_once('-').filter(|(ticket, comment)| is_number(ticket) && is_number(comment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_known_by_its_ticket_and_itself() {
        assert_eq!(place("33-26155588908179"), Some(("33", "26155588908179")));
        for strange in ["33", "33-", "-33", "a-1", "33-1-2", ""] {
            assert_eq!(place(strange), None, "{strange}");
        }
    }

    #[test]
    fn what_comments_do_not_have_is_told_with_its_name() {
        let fields = ["kind", "subject"].map(str::to_owned);
        assert_eq!(must_be_known(&fields).expect_err("refused").field.as_deref(), Some("subject"));
        assert_eq!(must_be_known(&fields[..1]), Ok(()));
    }
}
