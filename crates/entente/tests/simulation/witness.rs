//! What the ledger and the conflicts tell, noted step by step in worlds in which people ask to be forgotten: an erasure makes it unreadable, and
//! the end could not tell any more what had been there before.

use entente_store::{Changes, ConflictState, EntryFilter, EntryId, Viewer};

use crate::hub::Hub;

/// Entries read at once.
const PAGE: usize = 1_000;

/// What was noted.
#[derive(Default)]
pub struct Witness {
    /// Values, as they stand in the ledger and in conflicts.
    pub seen: String,
    /// The last entry that was noted.
    last: EntryId,
}

impl Hub {
    /// Every value that entries after one of them and all conflicts know, and the last of the entries.
    pub async fn traces(&self, after: EntryId) -> (EntryId, String) {
        let read = self.store.read(move |tx| {
            let viewer = Viewer::system();
            let (mut traces, mut last) = (String::new(), after);
            let mut filter = EntryFilter::default();
            loop {
                let entries = tx.entries(&viewer, &filter, PAGE)?;
                last = entries.first().map_or(last, |entry| last.max(entry.id));
                for entry in entries.iter().filter(|entry| entry.id > after) {
                    if let Changes::Open(changes) = &entry.changes {
                        traces.push_str(&serde_json::to_string(changes).unwrap());
                    }
                }
                match entries.last().filter(|oldest| entries.len() == PAGE && oldest.id > after) {
                    Some(oldest) => filter.before = Some(oldest.id),
                    None => break,
                }
            }
            // What a person decided against stands with the conflict.
            for state in [ConflictState::Waiting, ConflictState::Resolved] {
                let conflicts = tx.conflicts(&viewer, state, PAGE, None)?;
                traces.push_str(&serde_json::to_string(&conflicts.iter().map(|found| &found.conflict).collect::<Vec<_>>()).unwrap());
            }
            Ok((last, traces))
        });
        read.await.unwrap()
    }

    /// Notes what was told since the last time, where that is wanted.
    pub async fn bear_witness(&mut self) {
        let Some(after) = self.witness.as_ref().map(|witness| witness.last) else { return };
        let last = self.store.read(|tx| tx.last_entry()).await.unwrap();
        if last == after {
            return;
        }
        let (last, told) = self.traces(after).await;
        self.witness = self.witness.take().map(|witness| Witness { seen: witness.seen + &told, last });
    }
}
