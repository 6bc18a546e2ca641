//! What was told of rows within one batch of arrivals.

use std::collections::BTreeMap;

use entente_connect::look::Look;
use entente_model::clock::Timestamp;
use entente_store::RemoteKey;

use super::ingest::Arrival;

/// What arrivals of the same batch have shown before: they are taken in together, and may have overtaken each other on the way.
#[derive(Default)]
pub(super) struct JustTold<'a>(BTreeMap<&'a RemoteKey, (Vec<&'a Look>, bool)>);

impl<'a> JustTold<'a> {
    /// Notes an arrival, and whether it told anything new.
    pub(super) fn note(&mut self, arrival: &'a Arrival, is_news: bool) {
        let (looks, has_news) = self.0.entry(&arrival.key).or_default();
        looks.extend(&arrival.look);
        *has_news |= is_news;
    }

    pub(super) fn has_news(&self, key: &RemoteKey) -> bool {
        self.0.get(key).is_some_and(|(_, has_news)| *has_news)
    }

    /// The latest time of those that show a field of this one otherwise.
    pub(super) fn contradicted_at(&self, arrival: &Arrival) -> Option<Timestamp> {
        let (look, (before, _)) = arrival.look.as_ref().zip(self.0.get(&arrival.key))?;
        let differs = |other: &&&Look| other.row.iter().any(|(field, value)| look.row.get(field).is_some_and(|shown| shown != value));
        before.iter().filter(differs).map(|other| other.mark.at.unwrap_or(other.seen_at)).max()
    }
}
