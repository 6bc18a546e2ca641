//! What adoptions come to, written together.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_store::{Link, MatchKey, NewEntry, NewHint, PutRecord, StoreError, Tx};

use crate::sync::wake::{Arrived, wake_all};

/// What rows came to, to be written together.
#[derive(Default)]
pub(super) struct Unwritten {
    pub(super) records: Vec<PutRecord>,
    pub(super) links: Vec<Link>,
    pub(super) entries: Vec<NewEntry>,
    pub(super) keys: BTreeMap<RecordId, (String, BTreeSet<MatchKey>)>,
    pub(super) hints: Vec<NewHint>,
    pub(super) arrived: Vec<Arrived>,
    /// Checklists of new customers that have landed.
    pub(super) checklists: i64,
}

impl Unwritten {
    pub(super) fn write(&mut self, tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
        let batch = std::mem::take(self);
        tx.put_records(&batch.records)?;
        tx.put_links(&batch.links)?;
        tx.append(&batch.entries)?;
        tx.put_match_keys(&batch.keys.into_iter().map(|(record, (object, keys))| (record, object, keys)).collect::<Vec<_>>())?;
        if batch.checklists > 0 {
            tx.count(now, &[("onboarding_checklists", "", batch.checklists)])?;
        }
        tx.hint(&batch.hints)?;
        wake_all(tx, &batch.arrived, now)
    }
}
