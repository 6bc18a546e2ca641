//! What a desk cannot be without and keeps, though the CRM has no value of it any more: only where somebody took it away, and the record's history
//! says so. Whatever else is blank at one side alone is a disagreement like any other.

use std::collections::BTreeSet;

use entente_model::value::get;
use entente_store::{Changes, RemoteKey, Viewer};

use crate::hub::SALESFORCE;
use crate::world::World;

/// Columns of the CRM whose values desks cannot be without, and our fields.
const LASTING: &[(&str, &str)] = &[("Time_Zone__c", "timezone"), ("Language__c", "language")];
/// Entries of a record that are looked through.
const PAGE: usize = 1_000;

/// Contacts of the CRM, with the desk that keeps a value and the column that has none.
pub struct Kept(BTreeSet<(String, String, &'static str)>);

impl Kept {
    /// Whether a desk keeps what was taken away from a column of a contact.
    pub fn has(&self, contact: &str, desk: &str, column: &str) -> bool {
        self.0.iter().any(|(of, at, what)| of == contact && at == desk && *what == column)
    }
}

impl World {
    /// What was taken away and is kept, by the ledger.
    pub async fn kept(&self) -> Kept {
        // All of them: a parting makes rows that nobody here knows.
        let mut keys: Vec<RemoteKey> = Vec::new();
        self.hub.salesforce.each("Contact", &mut |contact, _| keys.push(RemoteKey::new(SALESFORCE, "Contact", contact)));
        let desks: Vec<String> = self.hub.engine.connections().keys().filter(|name| *name != SALESFORCE).cloned().collect();
        let read = self.hub.store.read(move |tx| {
            let mut kept = BTreeSet::new();
            for (key, record) in tx.records_at(&keys)? {
                let Some(held) = tx.record(&Viewer::system(), &record)? else { continue };
                let blank: Vec<_> = LASTING.iter().filter(|(_, field)| get(&held.data, field).is_blank()).collect();
                if blank.is_empty() {
                    continue;
                }
                let history = tx.history(&Viewer::system(), &record, PAGE, None)?;
                for (column, field) in blank {
                    // The latest entry that gave the field another value.
                    let latest = history.iter().find(|entry| match &entry.changes {
                        Changes::Open(changes) => changes.get(*field).is_some_and(|change| !change.before.agrees(&change.after)),
                        _ => false,
                    });
                    let Some(latest) = latest else { continue };
                    let says = |desk: &&String| latest.detail.contains(&format!("{desk} cannot be without `{field}` and keeps its value"));
                    kept.extend(desks.iter().filter(says).map(|desk| (key.id.clone(), desk.clone(), *column)));
                }
            }
            Ok(kept)
        });
        Kept(read.await.unwrap())
    }
}
