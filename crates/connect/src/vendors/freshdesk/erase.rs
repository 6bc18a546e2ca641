//! Erasing contacts and tickets. A contact who goes is deleted for good in one call, which takes all of the contact's tickets along; one
//! who stays keeps a key of ours, because Freshdesk has no contact without any identifier. What was written in a ticket cannot be changed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::connector::Priority;
use crate::erase::{Erase, Erased, Manner};
use crate::error::VendorError;
use crate::transport::call::Call;

use super::Freshdesk;
use super::kind::Kind;
use super::put::body;
use super::refusal;
use super::wire::{TICKET_UPDATES, send};

const TICKET_WORDS: &str =
    "Freshdesk lets nobody change what was written in a ticket: an agent deletes it, or the part that names the person";

impl Freshdesk {
    /// See [`Connector::erase`](crate::connector::Connector::erase).
    pub(super) async fn erase_row(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        let id = &erase.id;
        match (Kind::named(&erase.object)?, erase.manner) {
            (Kind::Contact, Manner::Delete) => {
                let call = Call::delete(format!("/api/v2/contacts/{id}/hard_delete")).query("force", "true").idempotent().accept(&[404]);
                send(&self.client, "erase", priority, call).await?;
                Ok(Erased::wholly("deleted for good, with all of the contact's tickets"))
            }
            (Kind::Contact, Manner::Anonymise) => self.blank_contact(erase, priority).await,
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
