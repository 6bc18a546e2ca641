//! Merging rows with `merge`, an operation of the SOAP API that REST has no counterpart of, with the session that there is anyway. Sessions in JWT
//! format are refused there.

use super::{Salesforce, ids, refusal};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::merge::{Merge, none};

/// Objects whose rows the org merges (SOAP API Developer Guide, `merge()`).
pub(super) const MERGED: &[&str] = &["Account", "Contact", "Lead", "Case"];

impl Salesforce {
    /// See [`Connector::merge`](crate::connector::Connector::merge).
    pub(super) async fn merge_rows(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        if !MERGED.contains(&merge.object.as_str()) {
            return Err(none(&super::SPEC, &merge.object));
        }
        let soap = self.soap.as_ref().unwrap_or(&self.bin);
        let (results, answer) = self.soap_merge(soap, &merge.object, &ids::to_18(&merge.stays), &ids::to_18(&merge.goes), priority).await?;
        match results.iter().find(|result| !result.success) {
            Some(refused) => Err(refusal::row(&refused.errors, &answer, self.client.now())),
            None => Ok(()),
        }
    }
}
