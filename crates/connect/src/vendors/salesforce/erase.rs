//! Erasing rows: blanked and, if they are to go, deleted. A row that was merged into another lies in the recycle bin for fifteen days with the
//! values it had, and names the other one in `MasterRecordId`; nothing can be written there. It is purged with `emptyRecycleBin`, an operation
//! of the SOAP API that REST has no counterpart of, with the session that there is anyway.

use std::collections::BTreeSet;

use super::wire::{QueryKind, text};
use super::{Salesforce, ids, soql};
use crate::connector::Priority;
use crate::erase::{Erase, Erased, by_writes};
use crate::error::{Class, VendorError};

/// Ids of one question: a few thousand characters of an address that may have sixteen thousand.
const ASKED_MAX: usize = 100;

/// Rows that one `emptyRecycleBin` takes.
const PURGED_MAX: usize = 200;

/// Left where the bin cannot be emptied by us: sessions in JWT format are refused by SOAP, and rows of others take the right to all data.
const IN_THE_BIN: &str = "a row that was merged into it lies in the recycle bin with its values for up to 15 days: an admin deletes it there \
                          (Recycle Bin, Org Recycle Bin)";

impl Salesforce {
    /// See [`Connector::erase`](crate::connector::Connector::erase).
    pub(super) async fn erase_row(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        let mut erased = by_writes(self, erase, priority).await?;
        let merged = self.merged_in_bin(&erase.object, &erase.id, priority).await?;
        let mut purged = 0;
        for chunk in merged.chunks(PURGED_MAX) {
            match self.empty_bin(self.soap.as_ref().unwrap_or(&self.bin), chunk, priority).await {
                Ok(many) if many == chunk.len() => purged += many,
                Ok(many) => {
                    purged += many;
                    erased.left = vec![IN_THE_BIN];
                }
                Err(error) if matches!(error.class, Class::Retry | Class::Wait { .. }) => return Err(error),
                Err(error) => {
                    let name = &self.client.settings().name;
                    tracing::warn!(connection = %name, class = error.class.name(), code = error.code, "the recycle bin could not be emptied");
                    erased.left = vec![IN_THE_BIN];
                }
            }
        }
        if purged > 0 {
            erased.done = format!("{}, and {purged} that had been merged into it purged from the recycle bin", erased.done);
        }
        Ok(erased)
    }

    /// Ids of the rows in the recycle bin that were merged into a row, also by way of others.
    async fn merged_in_bin(&self, object: &str, id: &str, priority: Priority) -> Result<Vec<String>, VendorError> {
        if !self.described(object, &[], priority).await?.merges {
            return Ok(Vec::new());
        }
        let mut found = BTreeSet::new();
        let mut front = vec![ids::to_18(id)];
        while !front.is_empty() {
            let mut next = Vec::new();
            for chunk in front.chunks(ASKED_MAX) {
                let winners: Vec<String> = chunk.iter().map(|id| soql::literal(id)).collect();
                let query =
                    format!("SELECT Id FROM {} WHERE IsDeleted = true AND MasterRecordId IN ({})", soql::name(object)?, winners.join(","));
                let rows = self.query(QueryKind::All, &query, priority).await?;
                let fresh = rows.iter().filter_map(|row| text(row, "Id")).map(|id| ids::to_18(&id));
                next.extend(fresh.filter(|id| found.insert(id.clone())));
            }
            front = next;
        }
        Ok(found.into_iter().collect())
    }
}
