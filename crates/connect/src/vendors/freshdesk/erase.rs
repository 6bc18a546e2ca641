//! Erasing contacts and tickets. A contact who goes is deleted for good in one call, which takes all of the contact's tickets along; one
//! who stays keeps a key of ours, because Freshdesk has no contact without any identifier. What was written in a ticket cannot be changed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::connector::Priority;
use crate::erase::{Erase, Erased, Manner};
use crate::error::VendorError;
use crate::transport::call::Call;

use super::Freshdesk;
use super::conversations::CONVERSATION;
use super::kind::Kind;
use super::put::body;
use super::refusal;
use super::wire::{CONTACT_LISTS, TICKET_UPDATES, send};

const TICKET_WORDS: &str =
    "Freshdesk lets nobody change what was written in a ticket: an agent deletes it, or the part that names the person";

const IN_THE_TRASH: &str = "a deleted contact with an address of the person, such as one that was merged into this one, keeps its values: an agent \
                            deletes it for good there (Contacts, Deleted contacts)";
const TRASH_TOO_LONG: &str =
    "there are more deleted contacts than were looked through: an agent looks for the person among them (Contacts, Deleted contacts)";

/// Pages of deleted contacts that are looked through, of a hundred each. Freshdesk advises against more than 500 of any list.
const TRASH_PAGES_MAX: u32 = 100;

/// Deleted contacts that have an address of a person.
#[derive(Default)]
struct Merged {
    found: Vec<String>,
    left: Vec<&'static str>,
}

impl Freshdesk {
    /// Deleted contacts with an address of a contact. One that was merged away is such a contact, points nowhere and keeps its values, and its
    /// addresses stand among the other's; the trash has no way to be asked for an address.
    async fn merged_into(&self, id: &str, priority: Priority) -> Result<Merged, VendorError> {
        let call = Call::get(format!("/api/v2/contacts/{id}")).accept(&[404, 405]);
        let contact = send(&self.client, "erase", priority, call).await?.body;
        let others = contact["other_emails"].as_array().into_iter().flatten();
        let addresses: BTreeSet<String> =
            others.chain([&contact["email"]]).filter_map(Value::as_str).map(|email| email.trim().to_lowercase()).collect();
        let mut merged = Merged::default();
        let mut next = Some(1).filter(|_| !addresses.is_empty());
        while let Some(page) = next {
            if page > TRASH_PAGES_MAX {
                merged.left.push(TRASH_TOO_LONG);
                break;
            }
            let call = Call::get("/api/v2/contacts").query("state", "deleted").query("per_page", "100").query("page", page.to_string());
            let read = send(&self.client, "trash", priority, call.bucket(CONTACT_LISTS)).await?;
            for row in read.rows()? {
                let theirs = row["email"].as_str().is_some_and(|email| addresses.contains(&email.trim().to_lowercase()));
                if let Some(other) = row["id"].as_u64().map(|id| id.to_string()).filter(|other| theirs && other != id) {
                    merged.found.push(other);
                }
            }
            next = read.next.map(|next| next.page);
        }
        Ok(merged)
    }

    /// See [`Connector::erase`](crate::connector::Connector::erase).
    pub(super) async fn erase_row(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        let id = &erase.id;
        if erase.object == CONVERSATION {
            return self.erase_conversation(erase, priority).await;
        }
        match (Kind::named(&erase.object)?, erase.manner) {
            (Kind::Contact, Manner::Delete) => {
                let merged = self.merged_into(id, priority).await?;
                for id in merged.found.iter().chain([id]) {
                    let call =
                        Call::delete(format!("/api/v2/contacts/{id}/hard_delete")).query("force", "true").idempotent().accept(&[404]);
                    send(&self.client, "erase", priority, call).await?;
                }
                let done = match merged.found.len() {
                    0 => "deleted for good, with all of the contact's tickets".to_owned(),
                    many => format!("deleted for good, with all of the contact's tickets and {many} deleted contacts with its addresses"),
                };
                Ok(Erased { done, left: merged.left })
            }
            (Kind::Contact, Manner::Anonymise) => {
                let merged = self.merged_into(id, priority).await?;
                let mut erased = self.blank_contact(erase, priority).await?;
                // They take no change, and to delete them for good takes tickets along.
                erased.left.extend((!merged.found.is_empty()).then_some(IN_THE_TRASH));
                erased.left.extend(merged.left);
                Ok(erased)
            }
            (Kind::Ticket, Manner::Delete) => {
                let call = Call::delete(format!("/api/v2/tickets/{id}")).idempotent().accept(&[404, 405]);
                send(&self.client, "erase", priority, call).await?;
                // Out of sight at once; it goes for good with its requester, whose turn comes after.
                Ok(Erased::wholly("deleted, and gone for good with its requester"))
            }
            (Kind::Ticket, Manner::Anonymise) => {
                let call =
                    Call::put(format!("/api/v2/tickets/{id}"), json!({"tags": []})).idempotent().bucket(TICKET_UPDATES).accept(&[404, 405]);
                send(&self.client, "erase", priority, call).await?;
                Ok(Erased { done: "tags taken away".to_owned(), left: vec![TICKET_WORDS] })
            }
            (Kind::Company, _) => Err(refusal::misfit("no_person", "a company is no person", "report this: it is a mistake in Entente")),
        }
    }

    async fn blank_contact(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        let names: BTreeSet<String> = erase.blank.keys().cloned().collect();
        let fields = self.fields_with(Kind::Contact, &names, priority).await?;
        let mut contact = body(Kind::Contact, &erase.blank, &fields)?;
        contact.insert("unique_external_id".to_owned(), Value::from(format!("erased-{}", erase.id)));
        for name in ["email", "phone", "mobile", "twitter_id", "address", "description"] {
            contact.insert(name.to_owned(), Value::Null);
        }
        contact.insert("other_emails".to_owned(), json!([]));
        contact.insert("tags".to_owned(), json!([]));
        let call = Call::put(format!("/api/v2/contacts/{}", erase.id), Value::Object(contact)).idempotent().accept(&[404]);
        send(&self.client, "erase", priority, call).await?;
        Ok(Erased::wholly("anonymised, with every address and number taken away"))
    }
}
