//! Judging that no update is lost: what a person entered is the current value, or stands in the ledger.

use std::collections::BTreeMap;

use entente_store::Viewer;

use crate::world::{Entered, Side, World};

/// Milliseconds that a value must have stood for the next edit of the same field by the same side not to hide it, and for the erasure of its
/// person not to come before it. Before that, nobody may have looked. Longer than the time in which changes come together, and than any call
/// of a calm world takes.
const STOOD_MS: i64 = 5_000;
/// The same in worlds in which calls fail: what is entered while its record waits for the next try does not wait with it, and a platform that
/// does not answer at all does by then.
const STOOD_LONG_MS: i64 = 5 * 60 * 1000;
/// Erasures read at once.
const PAGE: usize = 1_000;

/// When the rows of people who were erased were theirs to take away: by connection and external id.
type Erased = BTreeMap<(String, String), i64>;

impl World {
    /// Everything that was entered has left a trace.
    pub async fn judge_losses(&self, broken: &mut Vec<String>) {
        // What was told of those who were erased is unreadable by now: it was noted when it could still be read.
        let witness = self.hub.witness.as_ref();
        let erased = self.erased().await;
        let traces = self.hub.traces(0).await.1 + witness.map(|witness| witness.seen.as_str()).unwrap_or_default();
        let accounted_for = self.accounted_for(&erased);
        if std::env::var_os("ENTENTE_SIM_TRACE").is_some() {
            let of_erased = accounted_for.iter().filter(|entered| erased.contains_key(&entered.place())).count();
            println!(
                "{} of {} edits must have left a trace, {of_erased} of them of rows that were erased",
                accounted_for.len(),
                self.entered.len()
            );
        }
        for entered in accounted_for {
            if !traces.contains(&format!("\"{}\"", entered.value)) {
                let Entered { side, row, field, value, at, .. } = entered;
                broken.push(format!("lost update: {field} `{value}` entered at {side:?} {row} at {at} left no trace"));
            }
        }
    }

    /// The rows of those who were erased, who need not have been known as theirs when they asked, with when they were.
    async fn erased(&self) -> Erased {
        let erasures = self.hub.store.read(|tx| tx.erasures(&Viewer::system(), None, PAGE, None)).await.unwrap();
        let mut erased = Erased::new();
        for erasure in &erasures {
            let rows = ["rows", "sightings"].iter().filter_map(|list| erasure.work[*list].as_array()).flatten();
            for row in rows {
                let name = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
                let at = erased.entry((name("connection"), name("id"))).or_insert(i64::MAX);
                *at = (*at).min(erasure.asked_at.as_millisecond());
            }
        }
        erased
    }

    /// What must have left a trace: the last value that each side gave a field, and in calm worlds every value that stood for a while. Of
    /// somebody who was erased, only what stood for a while before that: the erasure may take away whatever nobody had looked at yet.
    /// Not what nobody could see: an edit of which no webhook told in time, because it was lost or late or because the desk has none for
    /// phone numbers, and that a write of ours without a precondition crossed; and an edit of a row that was gone before anybody looked.
    fn accounted_for(&self, erased: &Erased) -> Vec<&Entered> {
        let mut by_field: BTreeMap<(Side, &str, &str), Vec<&Entered>> = BTreeMap::new();
        for entered in &self.entered {
            by_field.entry((entered.side, &entered.row, entered.field)).or_default().push(entered);
        }
        let calm = !self.nature.faults && !self.nature.quota && !self.nature.schema;
        let mut all = Vec::new();
        for values in by_field.values() {
            for (at, entered) in values.iter().enumerate() {
                let next = values.get(at + 1).map(|next| next.at);
                let gone = erased.get(&entered.place()).copied();
                let seen = match next.into_iter().chain(gone).min() {
                    None => true,
                    Some(end) => {
                        let crashed = self.hub.crashed_at.iter().any(|crash| (entered.at..=end).contains(crash));
                        let erased_after_long = !self.nature.quota && !self.nature.schema && gone == Some(end);
                        let stood = if calm { STOOD_MS } else { STOOD_LONG_MS };
                        (calm || erased_after_long) && !entered.unannounced && end - entered.at >= stood && !crashed
                    }
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
            Side::Crm => self.departed.has_left_crm(&entered.row) || entered.unannounced,
            Side::Second => {
                // What nothing tells of is seen by a poll; a write of ours that went to the same field meanwhile has overwritten it.
                let word = if entered.field.ends_with("_name") { "name" } else { entered.field };
                let second = self.hub.second.as_ref().unwrap();
                let merged = self.departed.merged_second.iter().any(|(goes, _, _)| *goes == entered.row);
                self.departed.second.contains_key(&entered.row) || merged || second.was_written_since(&entered.row, entered.at, word)
            }
            Side::Desk => {
                let Ok(id) = entered.row.parse() else { return false };
                self.departed.has_left_desk(id) || entered.unannounced || entered.field == "phone"
            }
        }
    }
}
