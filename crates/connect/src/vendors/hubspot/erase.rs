//! Erasing contacts by HubSpot's own GDPR deletion; other records are blanked first, because an archived one can be read for 90 days.

use serde_json::json;

use super::HubSpot;
use super::engagements::{ENGAGEMENTS, own_erasure};
use super::submissions::SUBMISSIONS;
use crate::connector::Priority;
use crate::erase::{Erase, Erased, Manner, by_writes};
use crate::error::VendorError;
use crate::transport::call::Call;

impl HubSpot {
    /// See [`Connector::erase`](crate::connector::Connector::erase).
    pub(super) async fn erase_row(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        if erase.object == ENGAGEMENTS && erase.id.starts_with(SUBMISSIONS) {
            // They cannot be changed, and go with their person.
            let left = vec![
                "HubSpot's form submissions go with the GDPR deletion of their contact; of a contact that stays, delete them at HubSpot",
            ];
            return Ok(Erased { done: "left to the deletion of the contact".to_owned(), left });
        }
        if erase.object == ENGAGEMENTS
            && let Some(own) = own_erasure(erase)
        {
            return by_writes(self, &own, priority).await;
        }
        if erase.object != "contacts" || erase.manner == Manner::Anonymise {
            return by_writes(self, erase, priority).await;
        }
        let call = Call::post(self.paths.objects("contacts", "/gdpr-delete"), json!({"objectId": erase.id})).idempotent().accept(&[404]);
        self.client.call("gdpr_delete", priority, call).await?;
        Ok(Erased::wholly("deleted for good by HubSpot's GDPR deletion"))
    }
}
