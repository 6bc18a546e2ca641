//! Polls that read what the journal has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use super::super::cursor::{Phase, Position};
use super::super::kind::is_id;
use super::super::lists::{Lists, NAMES};
use super::super::webhook::erased_row;
use super::super::wire::id_text;
use super::super::{HubSpot, SPEC};
use super::Journal;
use super::reader::Supply;
use super::window::File;
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::{Look, Page, ReadSpec};

/// How late something may stand in the journal that happened before it was last read to its end.
const LAG: Duration = Duration::from_secs(5 * 60);

/// Time until search has surely caught up with what happened before an offset was taken over.
pub(in crate::vendors::hubspot) const SETTLE: Duration = SPEC.overlap;

/// Whether a failure will pass by itself.
fn passes(error: &VendorError) -> bool {
    matches!(error.class, Class::Retry | Class::Wait { .. })
}

impl HubSpot {
    /// What the journal has for a poll that stands at `position`; `None` when it is to be made in the ordinary way.
    pub(in crate::vendors::hubspot) async fn journal_page(
        &self,
        journal: &Journal,
        read: &ReadSpec,
        position: &mut Position,
        priority: Priority,
    ) -> Result<Option<Page>, VendorError> {
        match self.read_journal(journal, read, position, priority).await {
            // Polls see to changes until it can be read again; what it says then is known by its values.
            Err(error) if passes(&error) => {
                tracing::warn!(object = %read.object, %error, "the journal cannot be read; a poll is made instead");
                Ok(None)
            }
            other => other,
        }
    }

    async fn read_journal(
        &self,
        journal: &Journal,
        read: &ReadSpec,
        position: &mut Position,
        priority: Priority,
    ) -> Result<Option<Page>, VendorError> {
        self.subscribe_journal(journal, read, priority).await?;
        if read.fields.iter().any(|field| field == NAMES) {
            self.subscribe_lists(journal, &self.type_id(&read.object, priority).await?, priority).await?;
        }
        let Some(offset) = position.journal.clone() else {
            // The poll that begins now reads everything up to there.
            position.anchor = journal.take_over(&read.object, priority).await?;
            return Ok(None);
        };
        let now = self.client.offset().theirs(self.client.now());
        if position.settle.is_some_and(|due| now >= due) {
            position.settle = None;
            return Ok(None);
        }
        match journal.behind(self, &offset, Some(&read.object), priority).await? {
            Supply::Expired => {
                tracing::warn!(object = %read.object, "the journal does not know our offset any more; a poll fills the gap");
                (position.journal, position.settle, position.sweep_at) = (None, None, None);
                position.anchor = journal.take_over(&read.object, priority).await?;
                Ok(None)
            }
            Supply::Files { files, more, dry } => self.page_of(journal, read, position, files, (more, dry), priority).await.map(Some),
        }
    }

    async fn page_of(
        &self,
        journal: &Journal,
        read: &ReadSpec,
        position: &mut Position,
        files: Vec<File>,
        (more, dry): (bool, Option<Timestamp>),
        priority: Priority,
    ) -> Result<Page, VendorError> {
        let portal = self.portal(journal, priority).await?;
        let ty = self.type_id(&read.object, priority).await?;
        let now = self.client.now();
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        let mut erased: BTreeMap<String, Look> = BTreeMap::new();
        for event in files.iter().flat_map(|file| file.events.iter()) {
            if event["portalId"].as_u64().is_some_and(|other| other != portal) {
                continue;
            }
            let ids = rows(event, &ty, &self.lists);
            if event["action"].as_str() == Some("GDPR_DELETE") {
                erased.extend(ids.into_iter().map(|id| (id.clone(), erased_row(&read.object, &id, event, now))));
            } else {
                wanted.extend(ids);
            }
        }
        wanted.retain(|id| !erased.contains_key(id));
        let mut looks =
            if wanted.is_empty() { Vec::new() } else { self.fetch_rows(read, &wanted.into_iter().collect::<Vec<_>>(), priority).await? };
        looks.extend(erased.into_values());
        if let Some(last) = files.last() {
            position.journal = Some(last.offset.clone());
        }
        let seen = dry.or_else(|| files.last().and_then(|file| file.published)).and_then(|at| at.checked_sub(LAG).ok());
        // Until search has caught up, the instant from which it is to look again stays.
        if position.settle.is_none() {
            position.since = position.since.max(seen);
            position.swept = position.swept.max(seen);
        }
        (position.phase, position.after, position.begun) = (Phase::Rest, None, None);
        Ok(Page { looks, next: position.to_text(), more, total: None })
    }

    /// The account whose events are ours.
    pub(super) async fn portal(&self, journal: &Journal, priority: Priority) -> Result<u64, VendorError> {
        journal.portal.get_or_try_init(|| self.account_id(priority)).await.copied()
    }
}

/// The rows of an object that an event is about.
fn rows(event: &Value, ty: &str, lists: &Lists) -> Vec<String> {
    let list = event["listId"].as_u64().map(|id| id.to_string()).or_else(|| event["listId"].as_str().map(str::to_owned));
    if let Some(list) = list {
        // Which of the names its row has is not documented, nor whether the kind of row stands beside it.
        let kind = event["objectTypeId"].as_str().map(str::to_owned).or_else(|| lists.members_of(&list));
        let row = ["objectId", "recordId"].into_iter().find_map(|name| id_text(&event[name]));
        return row.filter(|id| kind.as_deref() == Some(ty) && is_id(id)).into_iter().collect();
    }
    let of = |kind: &str, id: &str| (event[kind].as_str() == Some(ty)).then(|| id_text(&event[id])).flatten();
    let mut ids = vec![of("fromObjectTypeId", "fromObjectId"), of("toObjectTypeId", "toObjectId")];
    if event["objectTypeId"].as_str() == Some(ty) {
        ids.extend(["objectId", "primaryObjectId", "newObjectId"].map(|name| id_text(&event[name])));
        ids.extend(event["mergedObjectIds"].as_array().into_iter().flatten().map(id_text));
    }
    ids.into_iter().flatten().filter(|id| is_id(id)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_event_names_its_rows_of_an_object() {
        let none = Lists::default();
        let update = json!({"action": "UPDATE", "objectTypeId": "0-1", "objectId": 5});
        assert_eq!((rows(&update, "0-1", &none), rows(&update, "0-2", &none).len()), (vec!["5".to_owned()], 0));
        let association = json!({"action": "ASSOCIATION_ADDED", "fromObjectTypeId": "0-1", "fromObjectId": 5, "toObjectTypeId": "0-2", "toObjectId": "7"});
        assert_eq!((rows(&association, "0-1", &none), rows(&association, "0-2", &none)), (vec!["5".to_owned()], vec!["7".to_owned()]));
        let merge = json!({"action": "MERGE", "objectTypeId": "0-1", "objectId": 1, "primaryObjectId": 1, "mergedObjectIds": [2], "newObjectId": 3});
        assert_eq!(rows(&merge, "0-1", &none), ["1", "1", "3", "2"]);
        let came = json!({"action": "ADDED_TO_LIST", "listId": 9, "objectTypeId": "0-1", "objectId": 5});
        let went = json!({"action": "REMOVED_FROM_LIST", "listId": "9", "objectTypeId": "0-1", "recordId": "5"});
        assert_eq!((rows(&came, "0-1", &none), rows(&went, "0-1", &none)), (vec!["5".to_owned()], vec!["5".to_owned()]));
        assert!(rows(&came, "0-2", &none).is_empty());
    }
}
