//! Merging records. Both ids lead to the survivor afterwards, which may have got a new one.

use serde_json::json;

use super::HubSpot;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::merge::{Merge, none};
use crate::transport::call::Call;

/// Objects whose records HubSpot merges.
pub(super) const MERGED: &[&str] = &["contacts", "companies", "deals", "tickets"];

impl HubSpot {
    /// See [`Connector::merge`](crate::connector::Connector::merge).
    pub(super) async fn merge_rows(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        if !MERGED.contains(&merge.object.as_str()) {
            return Err(none(&super::SPEC, &merge.object));
        }
        let body = json!({ "primaryObjectId": merge.stays, "objectIdToMerge": merge.goes });
        self.client.call("merge", priority, Call::post(self.paths.objects(&merge.object, "/merge"), body)).await.map(drop)
    }
}
