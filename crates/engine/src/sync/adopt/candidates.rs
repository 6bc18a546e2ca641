//! Stored records that rows may belong to.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::Fields;
use entente_store::{LinkedRow, MatchKey, Record, RecordState, StoreError, Tx, Viewer};

use crate::catalog::Catalog;

/// Stored records that rows may belong to.
#[derive(Default)]
pub(super) struct Candidates {
    pub(super) by_key: BTreeMap<(String, MatchKey), BTreeSet<RecordId>>,
    pub(super) records: BTreeMap<RecordId, Record>,
    /// Values to compare by: the record's, or, while it has none yet, those of the row it was made for.
    pub(super) fields: BTreeMap<RecordId, Fields>,
    /// Connections at which a record has a counterpart, whatever its state.
    pub(super) taken: BTreeSet<(RecordId, String)>,
}

impl Candidates {
    pub(super) fn load(&mut self, tx: &mut Tx<'_>, catalog: &Catalog, ids: BTreeSet<RecordId>, now: Timestamp) -> Result<(), StoreError> {
        let ids: Vec<RecordId> = ids.into_iter().collect();
        self.records = tx.records(&Viewer::system(), &ids)?;
        let links = tx.rows_of(&ids)?;
        self.taken = links.iter().map(|link| (link.record.clone(), link.key.connection.clone())).collect();
        self.fields = self.records.iter().map(|(id, record)| (id.clone(), record.data.clone())).collect();
        // A record that was adopted and not converged yet is known by the row that it was made for.
        let young: Vec<&LinkedRow> = links.iter().filter(|link| self.fields.get(&link.record).is_some_and(Fields::is_empty)).collect();
        let looks = tx.looks_for(&young.iter().map(|link| link.key.clone()).collect::<Vec<_>>())?;
        for link in young {
            let Some(record) = self.records.get(&link.record) else { continue };
            let (Some(look), Some(mapped)) = (looks.get(&link.key), catalog.mapped(&link.key.connection, &record.object)) else { continue };
            let got = mapped.lens.get(&look.row, &Fields::new(), &|_, _| None, now);
            self.fields.entry(link.record.clone()).or_default().extend(got.fields);
        }
        Ok(())
    }

    /// The record, if it is in use and has no counterpart at the connection.
    pub(super) fn free(&self, id: &RecordId, connection: &str) -> Option<&Record> {
        let record = self.records.get(id).filter(|record| record.state == RecordState::Active)?;
        (!self.taken.contains(&(id.clone(), connection.to_owned()))).then_some(record)
    }

    pub(super) fn take(&mut self, id: &RecordId, connection: &str) {
        self.taken.insert((id.clone(), connection.to_owned()));
    }
}
