//! What ids stand for: users, stages and the like. Few, rarely changed, and needed by name, so they are read whole and kept for a while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use serde_json::Value;

use super::Rest;
use super::ask::Gaps;
use super::known::Fields;
use crate::connector::Priority;
use crate::error::VendorError;

/// How long a list is believed.
const BELIEF: Duration = Duration::from_secs(3_600);
/// How long it is believed when a row names something that it lacks.
const BELIEF_IN_DOUBT: Duration = Duration::from_secs(60);

/// Entries of a list by id.
pub(crate) type Entries = Arc<BTreeMap<String, Value>>;

/// The lists as they were last read, by name.
#[derive(Debug, Default)]
pub(crate) struct Lists(tokio::sync::Mutex<BTreeMap<String, (Timestamp, Entries)>>);

impl Rest {
    /// The lists that these fields of these rows need.
    pub(super) async fn lists_for(
        &self,
        object: &str,
        fields: &Fields,
        names: &[String],
        rows: &[Value],
        priority: Priority,
    ) -> Result<BTreeMap<String, Entries>, VendorError> {
        let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in names {
            let known = fields.named(object, name)?;
            if let Some(look_up) = &known.field.look_up {
                let ids = rows.iter().filter_map(|row| known.path.text_in(row));
                wanted.entry(look_up.list.clone()).or_default().extend(ids);
            }
        }
        let mut found = BTreeMap::new();
        for (list, ids) in wanted {
            let entries = self.entries(&list, &ids, priority).await?;
            found.insert(list, entries);
        }
        Ok(found)
    }

    /// A list by id, with all of `wanted` among them unless the platform does not know them.
    async fn entries(&self, name: &str, wanted: &[String], priority: Priority) -> Result<Entries, VendorError> {
        let mut held = self.lists.0.lock().await;
        if let Some((at, entries)) = held.get(name) {
            let age = Duration::try_from(self.client.now().duration_since(*at)).unwrap_or(Duration::ZERO);
            let whole = wanted.iter().all(|id| entries.contains_key(id));
            if age < if whole { BELIEF } else { BELIEF_IN_DOUBT } {
                return Ok(Arc::clone(entries));
            }
        }
        let Some(part) = self.description.lists.get(name) else { return Ok(Entries::default()) };
        let rows = self.whole_list("lists", &part.call, &Gaps::new(), priority).await?;
        let entries: Entries = Arc::new(rows.into_iter().filter_map(|row| Some((part.id.text_in(&row)?, row))).collect());
        if part.people {
            let actor = if self.client.settings().role == Role::Support { Actor::Support } else { Actor::Sales };
            self.actors.learn(entries.keys().map(|id| (id.clone(), actor)).collect());
        }
        held.insert(name.to_owned(), (self.client.now(), Arc::clone(&entries)));
        Ok(entries)
    }
}
