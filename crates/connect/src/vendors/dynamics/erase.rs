//! Erasing rows. Dynamics 365 has no means of its own: a row is blanked and, if it is to go, deleted. A row that was merged into another stays in
//! its table, inactive, with the values it had, and names the other one in `masterid`; it is erased with the row that it ended in.

use std::collections::BTreeSet;

use super::Dynamics;
use super::kind::{Kind, Object};
use super::wire::{PAGE_ROWS, ROOT};
use crate::connector::Priority;
use crate::erase::{Erase, Erased, Manner, by_writes};
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

/// Rows that are asked for what was merged into them in one call: as many conditions fit into an address with room to spare.
const ASKED_MAX: usize = 25;

/// Left where the platform takes no change of a row that was merged away.
const MERGED_STAYS: &str =
    "a row that was merged into it takes neither a change nor a deletion: somebody deletes it there (it is inactive)";

impl Dynamics {
    /// See [`Connector::erase`](crate::connector::Connector::erase).
    pub(super) async fn erase_row(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        // First, since nothing leads to them once the row itself is gone.
        let merged = self.merged_into(erase, priority).await?;
        let (mut many, mut left) = (0, Vec::new());
        for id in merged {
            let part = Erase { id, ..erase.clone() };
            match self.erase_merged(&part, priority).await {
                Ok(erased) => {
                    many += 1;
                    left.extend(erased.left);
                }
                Err(error) if matches!(error.class, Class::Data | Class::Configuration) => left.push(MERGED_STAYS),
                Err(error) => return Err(error),
            }
        }
        let mut erased = by_writes(self, erase, priority).await?;
        if many > 0 {
            erased.done = format!("{}, with {many} that had been merged into it", erased.done);
        }
        left.into_iter().for_each(|what| {
            if !erased.left.contains(&what) {
                erased.left.push(what)
            }
        });
        Ok(erased)
    }

    /// One that was merged away. A closed case takes no change, but goes.
    async fn erase_merged(&self, part: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        match by_writes(self, part, priority).await {
            Err(error) if part.manner == Manner::Delete && matches!(error.class, Class::Data | Class::Configuration) => {
                by_writes(self, &Erase { blank: Default::default(), ..part.clone() }, priority).await
            }
            erased => erased,
        }
    }

    /// Ids of the rows that were merged into a row, also by way of others.
    async fn merged_into(&self, erase: &Erase, priority: Priority) -> Result<BTreeSet<String>, VendorError> {
        let object = Object::named(&erase.object)?;
        let Some((kind, own)) = object.row(&erase.id).filter(|(kind, _)| kind.merges()) else { return Ok(BTreeSet::new()) };
        let mut found = BTreeSet::new();
        let mut front = vec![own.to_owned()];
        while !front.is_empty() {
            let mut next = Vec::new();
            for chunk in front.chunks(ASKED_MAX) {
                let fresh = self.merged_into_any(kind, chunk, priority).await?;
                next.extend(fresh.into_iter().filter(|id| id != own && found.insert(id.clone())));
            }
            front = next;
        }
        Ok(found.into_iter().map(|id| object.id(kind, &id)).collect())
    }

    async fn merged_into_any(&self, kind: Kind, winners: &[String], priority: Priority) -> Result<Vec<String>, VendorError> {
        let any: Vec<String> = winners.iter().map(|id| format!("_masterid_value eq {id}")).collect();
        let call = Call::get(format!("{ROOT}/{}", kind.set())).query("$select", kind.id_column()).query("$filter", any.join(" or "));
        let rows = self.all_of("merged", priority, call.header("prefer", PAGE_ROWS)).await?;
        Ok(rows.iter().filter_map(|row| row[kind.id_column()].as_str()).map(str::to_lowercase).collect())
    }
}
