//! Contacts by their address and by the id of the account's own choice, so that nobody is looked for among all others.

use serde_json::{Map, Value};

use super::state::{Kind, Record, State};

/// What contacts are found by.
const NAMES: [&str; 2] = ["external_id", "email"];

/// The first of them that is not archived.
pub(crate) fn present(found: Vec<&Record>) -> Option<&Record> {
    found.into_iter().find(|record| !record.archived)
}

impl State {
    /// Remembers what a contact is known by now. What it was known by stays remembered: whoever is found is looked at before it counts.
    pub(crate) fn remember(&mut self, id: &str) {
        let Some(record) = self.records[Kind::Contact.index()].get(id) else { return };
        for name in NAMES {
            if let Some(text) = record.text(name) {
                self.known_by.entry((name, text.to_owned())).or_default().insert(id.to_owned());
            }
        }
    }

    /// Contacts that have this address or this id of the account's own, archived ones too, in order of id.
    pub(crate) fn known_by(&self, name: &'static str, wanted: &str) -> Vec<&Record> {
        let ids = self.known_by.get(&(name, wanted.to_owned())).into_iter().flatten();
        ids.filter_map(|id| self.get(Kind::Contact, id)).filter(|record| record.text(name) == Some(wanted)).collect()
    }

    /// Contacts that have any of what these values have, archived ones too, in order of id.
    pub(crate) fn sharing(&self, values: &Map<String, Value>) -> Vec<&Record> {
        let text = |name: &str| values.get(name).and_then(Value::as_str);
        let mut found: Vec<&Record> =
            NAMES.into_iter().filter_map(|name| Some((name, text(name)?))).flat_map(|(name, text)| self.known_by(name, text)).collect();
        found.sort_by(|left, right| left.id.cmp(&right.id));
        found.dedup_by(|left, right| left.id == right.id);
        found
    }
}
