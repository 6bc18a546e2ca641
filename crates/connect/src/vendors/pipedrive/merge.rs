//! Merging people, organizations and deals, which only version 1 of the API does.

use serde_json::json;

use super::Pipedrive;
use super::kind::Kind;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::merge::{Merge, none, number};
use crate::transport::call::Call;

/// Whether rows of a kind are merged into each other.
pub(super) fn merges(kind: Kind) -> bool {
    matches!(kind, Kind::Person | Kind::Organization | Kind::Deal)
}

impl Pipedrive {
    /// See [`Connector::merge`](crate::connector::Connector::merge).
    pub(super) async fn merge_rows(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        let kind = Kind::named(&merge.object)?;
        if !merges(kind) {
            return Err(none(&super::SPEC, &merge.object));
        }
        let path = format!("/v1/{}/{}/merge", kind.plural(), number(&merge.goes)?);
        self.send("merge", priority, Call::put(path, json!({ "merge_with_id": number(&merge.stays)? }))).await.map(drop)
    }
}
