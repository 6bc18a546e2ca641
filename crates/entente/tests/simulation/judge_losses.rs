//! Judging that no update is lost: what a person entered is the current value, or stands in the ledger.

use std::collections::BTreeMap;

use entente_store::{Changes, ConflictState, EntryFilter, Viewer};

use crate::world::{Entered, Side, World};

/// Milliseconds that a value must have stood for the next edit of the same field by the same side not to hide it. Before that, nobody may
/// have looked. Longer than the time in which changes come together, and than any call of a calm world takes.
const STOOD_MS: i64 = 5_000;
/// Entries read at once.
const PAGE: usize = 1_000;

impl World {
    /// Everything that was entered has left a trace.
    pub async fn judge_losses(&self, broken: &mut Vec<String>) {
        let traces = self.traces().await;
        // The rows of those who were erased, who need not have been known as theirs when they asked.
        let erased = self.hub.store.read(|tx| tx.erasures(&Viewer::system(), None, PAGE, None)).await.unwrap();
        let erased: String = erased.iter().map(|erasure| erasure.work.to_string()).collect();
        for entered in self.accounted_for().into_iter().filter(|entered| !erased.contains(&format!("\"{}\"", entered.row))) {
            if !traces.contains(&format!("\"{}\"", entered.value)) {
                let Entered { side, row, field, value, at, .. } = entered;
                broken.push(format!("lost update: {field} `{value}` entered at {side:?} {row} at {at} left no trace"));
            }
        }
    }

    /// Every value that the ledger and the conflicts know.
    async fn traces(&self) -> String {
        let read = self.hub.store.read(|tx| {
            let viewer = Viewer::system();
            let mut traces = String::new();
            let mut filter = EntryFilter::default();
            loop {
                let entries = tx.entries(&viewer, &filter, PAGE)?;
                for entry in &entries {
                    if let Changes::Open(changes) = &entry.changes {
                        traces.push_str(&serde_json::to_string(changes).unwrap());
                    }
                }
                match entries.last().filter(|_| entries.len() == PAGE) {
                    Some(last) => filter.before = Some(last.id),
                    None => break,
                }
            }
            // What a person decided against stands with the conflict.
            for state in [ConflictState::Waiting, ConflictState::Resolved] {
                let conflicts = tx.conflicts(&viewer, state, PAGE, None)?;
                traces.push_str(&serde_json::to_string(&conflicts.iter().map(|found| &found.conflict).collect::<Vec<_>>()).unwrap());
            }
            Ok(traces)
        });
        read.await.unwrap()
    }

    /// What must have left a trace: the last value that each side gave a field, and in calm worlds every value that stood for a while.
    /// Not what nobody could see: an edit of which no webhook told in time, because it was lost or late or because the desk has none for
    /// phone numbers, and that a write of ours without a precondition crossed; and an edit of a row that was gone before anybody looked.
    fn accounted_for(&self) -> Vec<&Entered> {
        let mut by_field: BTreeMap<(Side, &str, &str), Vec<&Entered>> = BTreeMap::new();
        for entered in &self.entered {
            by_field.entry((entered.side, &entered.row, entered.field)).or_default().push(entered);
        }
        let calm = !self.nature.faults && !self.nature.quota && !self.nature.schema;
        let mut all = Vec::new();
        for values in by_field.values() {
            for (at, entered) in values.iter().enumerate() {
                let seen = match values.get(at + 1) {
                    None => true,
                    Some(next) => calm && !entered.unannounced && next.at - entered.at >= STOOD_MS && next.crashes == entered.crashes,
                };
                if seen && !self.may_be_unseen(entered) {
                    all.push(*entered);
                }
            }
        }
        all
    }

    fn may_be_unseen(&self, entered: &Entered) -> bool {
        match entered.side {
            Side::Crm => self.departed.has_contact(&entered.row) || entered.unannounced,
            Side::Second => {
                // What nothing tells of is seen by a poll; a write of ours that went to the same field meanwhile has overwritten it.
                let word = if entered.field.ends_with("_name") { "name" } else { entered.field };
                let second = self.hub.second.as_ref().unwrap();
                let gone = |id: &u64| id.to_string() == entered.row;
                self.departed.second.keys().any(gone)
                    || self.departed.merged_second.iter().any(|(goes, _, _)| gone(goes))
                    || second.was_written_since(&entered.row, entered.at, word)
            }
            Side::Desk => {
                let Ok(id) = entered.row.parse() else { return false };
                self.departed.has_user(id) || entered.unannounced || entered.field == "phone"
            }
        }
    }
}
