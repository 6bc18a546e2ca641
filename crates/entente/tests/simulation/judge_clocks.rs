//! Judging rules by time: where the latest change won, it was the latest by true time, whatever the vendors' clocks say; and what was entered
//! within the window of simultaneous changes went to a person.

use std::collections::BTreeMap;

use entente_store::{ConflictState, Viewer};

use crate::world::{Entered, World};

/// Milliseconds that measured clocks may be off: `Date` headers have whole seconds, on both sides.
const MEASURED_MS: i64 = 3_000;
/// Conflicts looked at.
const LISTED: usize = 1_000;

impl World {
    /// Every conflict that time decided was decided by true time.
    pub async fn judge_clocks(&self, broken: &mut Vec<String>) {
        let read = self.hub.store.read(|tx| tx.conflicts(&Viewer::system(), ConflictState::Resolved, LISTED, None));
        // Values are nobody else's: each tells when it was entered.
        let entered: BTreeMap<(&str, &str), &Entered> = self.entered.iter().map(|one| ((one.field, one.value.as_str()), one)).collect();
        for found in read.await.unwrap() {
            if found.resolved_by.as_deref() != Some("rule latest") {
                continue;
            }
            let of = &found.conflict;
            let at = |value: &entente_model::value::Value| entered.get(&(of.field.as_str(), value.display().as_str())).copied();
            let Some(won) = found.resolution.as_ref().and_then(at) else { continue };
            for side in &of.sides {
                let Some(lost) = at(&side.value).filter(|lost| lost.at > won.at + MEASURED_MS) else { continue };
                // A row's time is that of its latest change: until the decision, one of another field makes an older value look new.
                let decided = of.opened_at.as_millisecond();
                let beside = |one: &&Entered| one.side == won.side && one.field != of.field;
                let row_changed = self.entered.iter().filter(beside).any(|one| one.at > won.at && one.at <= decided);
                if !row_changed {
                    broken.push(format!(
                        "clocks {:?}: {} of {}: the value of {} won against the one of {}",
                        self.nature.clocks, of.field, of.record, won.at, lost.at
                    ));
                }
            }
        }
    }
}
