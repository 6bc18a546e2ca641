//! Merging users and organizations. Users are merged at once; organizations in the background, which is waited for.

use std::time::Duration;

use serde_json::json;

use super::Zendesk;
use super::kind::Kind;
use super::wire::send;
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::merge::{Merge, none, number};
use crate::transport::call::Call;

/// Pause between two looks at a merge of organizations, and how many there are: beyond, it is seen when it lands.
const PAUSE: Duration = Duration::from_secs(2);
const LOOKS: usize = 30;

impl Zendesk {
    /// See [`Connector::merge`](crate::connector::Connector::merge).
    pub(super) async fn merge_rows(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        let (goes, stays) = (&merge.goes, number(&merge.stays)?);
        match Kind::named(&merge.object)? {
            Kind::User => {
                let call = Call::put(format!("/api/v2/users/{goes}/merge"), json!({ "user": { "id": stays } }));
                send(&self.client, "merge", priority, call).await.map(drop)
            }
            Kind::Organization => {
                let call =
                    Call::put(format!("/api/v2/organizations/{goes}/merge"), json!({ "organization_merge": { "winner_id": stays } }));
                let started = send(&self.client, "merge", priority, call).await?;
                let id = started.body["organization_merge"]["id"].as_str().unwrap_or_default().to_owned();
                self.await_merge(&id, priority).await
            }
            Kind::Ticket => Err(none(&super::SPEC, &merge.object)),
        }
    }

    async fn await_merge(&self, id: &str, priority: Priority) -> Result<(), VendorError> {
        for _ in 0..LOOKS {
            let read = send(&self.client, "merge", priority, Call::get(format!("/api/v2/organization_merges/{id}"))).await?;
            match read.body["organization_merge"]["status"].as_str() {
                Some("complete") => return Ok(()),
                Some("error") => {
                    return Err(VendorError::new(
                        Class::Data,
                        "merge_failed",
                        "Zendesk could not merge the two organizations",
                        "merge them in Zendesk's Admin Center, which says why it cannot; Entente follows",
                    ));
                }
                _ => self.client.sleep(PAUSE).await,
            }
        }
        Err(VendorError::new(
            Class::Retry,
            "merge_unfinished",
            "Zendesk is still merging the two organizations",
            "nothing to do: Entente follows when it has; ask again otherwise",
        ))
    }
}
