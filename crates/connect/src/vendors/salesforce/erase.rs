//! Erasing rows: blanked and, if they are to go, deleted. A row that was merged into another lies in the recycle bin for fifteen days with the
//! values it had, and names the other one in `MasterRecordId`; nothing can be written there. It is purged with `emptyRecycleBin`, an operation
//! of the SOAP API that REST has no counterpart of, with the session that there is anyway.

use std::collections::BTreeSet;

use entente_model::mapping::remote::Row;

use super::activities::ACTIVITY;
use super::wire::{QueryKind, text};
use super::{Salesforce, ids, soql};
use crate::connector::Priority;
use crate::erase::{Erase, Erased, Manner, by_writes};
use crate::error::{Class, VendorError};

/// Ids of one question: a few thousand characters of an address that may have sixteen thousand.
const ASKED_MAX: usize = 100;

/// Rows that one `emptyRecycleBin` takes.
const PURGED_MAX: usize = 200;

/// Left where the bin cannot be emptied by us: sessions in JWT format are refused by SOAP, and rows of others take the right to all data.
const IN_THE_BIN: &str = "a row that was merged into it lies in the recycle bin with its values for up to 15 days: an admin deletes it there \
                          (Recycle Bin, Org Recycle Bin)";

/// Notes what is left once, however often it is met.
fn keep(left: &mut Vec<&'static str>, what: &'static str) {
    if !left.contains(&what) {
        left.push(what);
    }
}

/// Code of the refusal of every change of a lead that was converted.
const CONVERTED: &str = "CANNOT_UPDATE_CONVERTED_LEAD";

/// Left where a converted lead is to stay.
const TAKES_NO_CHANGE: &str = "a converted lead takes no change over the API: an admin deletes it, or edits it with the permission `View and Edit \
                               Converted Leads`";

/// Left where a converted lead was deleted and the bin cannot be emptied by us.
const LEAD_IN_THE_BIN: &str = "a converted lead takes no change, so it lies in the recycle bin with its values for up to 15 days: an admin deletes \
                               it there (Recycle Bin, Org Recycle Bin)";

impl Salesforce {
    /// A lead that was converted cannot be blanked: it is deleted as it is, and purged.
    async fn erase_converted(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        if erase.manner == Manner::Anonymise {
            return Ok(Erased { done: "left as it is".to_owned(), left: vec![TAKES_NO_CHANGE] });
        }
        by_writes(self, &Erase { blank: Row::new(), ..erase.clone() }, priority).await?;
        match self.empty_bin(self.soap.as_ref().unwrap_or(&self.bin), &[ids::to_18(&erase.id)], priority).await {
            Ok(1) => Ok(Erased::wholly("deleted and purged from the recycle bin")),
            Err(error) if matches!(error.class, Class::Retry | Class::Wait { .. }) => Err(error),
            Ok(_) | Err(_) => Ok(Erased { done: "deleted".to_owned(), left: vec![LEAD_IN_THE_BIN] }),
        }
    }

    /// See [`Connector::erase`](crate::connector::Connector::erase).
    pub(super) async fn erase_row(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        if erase.object == ACTIVITY {
            // Neither tasks nor events are ever merged.
            return by_writes(self, &self.own_erasure(erase, priority).await?, priority).await;
        }
        let mut erased = match by_writes(self, erase, priority).await {
            Err(error) if error.code == CONVERTED => self.erase_converted(erase, priority).await?,
            done => done?,
        };
        let merged = self.merged_in_bin(&erase.object, &erase.id, priority).await?;
        let mut purged = 0;
        for chunk in merged.chunks(PURGED_MAX) {
            match self.empty_bin(self.soap.as_ref().unwrap_or(&self.bin), chunk, priority).await {
                Ok(many) if many == chunk.len() => purged += many,
                Ok(many) => {
                    purged += many;
                    keep(&mut erased.left, IN_THE_BIN);
                }
                Err(error) if matches!(error.class, Class::Retry | Class::Wait { .. }) => return Err(error),
                Err(error) => {
                    let name = &self.client.settings().name;
                    tracing::warn!(connection = %name, class = error.class.name(), code = error.code, "the recycle bin could not be emptied");
                    keep(&mut erased.left, IN_THE_BIN);
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
