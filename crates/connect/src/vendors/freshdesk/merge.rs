//! Merging contacts. Where both have a value that only one can keep (the external id, a phone number), Freshdesk wants to be told which: that of
//! the contact that stays.

use serde_json::{Map, Value, json};

use super::Freshdesk;
use super::kind::Kind;
use super::wire::send;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::merge::{Merge, none, number};
use crate::transport::call::Call;

/// Values of which only one contact can have each.
const OWN: &[&str] = &["phone", "mobile", "twitter_id"];

impl Freshdesk {
    /// See [`Connector::merge`](crate::connector::Connector::merge).
    pub(super) async fn merge_rows(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        if Kind::named(&merge.object)? != Kind::Contact {
            return Err(none(&super::SPEC, &merge.object));
        }
        let (goes, stays) = (number(&merge.goes)?, number(&merge.stays)?);
        let read = send(&self.client, "merge", priority, Call::get(format!("/api/v2/contacts/{stays}"))).await?;
        let mut contact = Map::from_iter([("unique_external_id".to_owned(), Value::from(merge.key.as_str()))]);
        for name in OWN {
            if let Some(value) = read.body.get(*name).filter(|value| !value.is_null()) {
                contact.insert((*name).to_owned(), value.clone());
            }
        }
        let body = json!({ "primary_contact_id": stays, "secondary_contact_ids": [goes], "contact": contact });
        send(&self.client, "merge", priority, Call::post("/api/v2/contacts/merge", body)).await.map(drop)
    }
}
