//! Lists that a record is in, as a set of their names: read for a page of records at a time, and written by putting the record into lists and
//! taking it out. Only lists whose members are put in by hand can be written; of the others HubSpot decides who is in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use serde_json::{Value, json};

use super::HubSpot;
use super::refusal::misfit;
use super::wire::{Listed, id_text};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

/// Beginning of the names of what is told about lists.
pub(super) const PREFIX: &str = "lists.";
/// Names of the lists that a record is in.
pub(super) const NAMES: &str = "lists.names";

/// Records whose memberships one call reads.
const READ_MAX: usize = 100;
/// Lists on a page.
const PAGE_LISTS: usize = 250;
/// How long the names are believed.
const BELIEF: Duration = Duration::from_secs(600);

/// One list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    id: String,
    name: String,
    /// Type id of its members.
    of: String,
    by_hand: bool,
}

/// The lists as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Lists(Mutex<Option<(Timestamp, Arc<Vec<List>>)>>);

impl Lists {
    fn known(&self, now: Timestamp) -> Option<Arc<Vec<List>>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, lists) = held.as_ref()?;
        Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < BELIEF).then(|| Arc::clone(lists))
    }

    /// Type id of the members of a list, as far as the lists were read.
    pub(super) fn members_of(&self, id: &str) -> Option<String> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()?.1.iter().find(|list| list.id == id).map(|list| list.of.clone())
    }
}

/// Puts records into lists, and takes others out, by id of the list.
type Changes = BTreeMap<String, (Vec<String>, Vec<String>)>;

impl HubSpot {
    /// Every list there is.
    async fn known_lists(&self, fresh: bool, priority: Priority) -> Result<Arc<Vec<List>>, VendorError> {
        if let Some(lists) = self.lists.known(self.client.now()).filter(|_| !fresh) {
            return Ok(lists);
        }
        let mut lists = Vec::new();
        loop {
            let body = json!({"query": "", "offset": lists.len(), "count": PAGE_LISTS});
            let call = Call::post(self.paths.lists("/search"), body).idempotent();
            let page: Value = self.client.call("lists", priority, call).await?.json()?;
            let found = page["lists"].as_array().map(Vec::as_slice).unwrap_or_default();
            lists.extend(found.iter().filter_map(|list| {
                Some(List {
                    id: id_text(&list["listId"])?,
                    name: list["name"].as_str()?.to_owned(),
                    of: list["objectTypeId"].as_str().unwrap_or_default().to_owned(),
                    by_hand: list["processingType"].as_str() != Some("DYNAMIC"),
                })
            }));
            if found.is_empty() || page["hasMore"].as_bool() != Some(true) {
                break;
            }
        }
        let lists = Arc::new(lists);
        *self.lists.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.client.now(), Arc::clone(&lists)));
        Ok(lists)
    }

    /// Ids of the lists that records of an object can be in.
    pub(super) async fn list_ids(&self, ty: &str, priority: Priority) -> Result<BTreeSet<u64>, VendorError> {
        let lists = self.known_lists(false, priority).await?;
        Ok(lists.iter().filter(|list| list.of == ty).filter_map(|list| list.id.parse().ok()).collect())
    }

    /// Ids of the lists that each record is in.
    async fn memberships(&self, object: &str, ids: &[&str], priority: Priority) -> Result<BTreeMap<String, BTreeSet<String>>, VendorError> {
        let ty = self.type_id(object, priority).await?;
        let mut all = BTreeMap::new();
        for chunk in ids.chunks(READ_MAX) {
            let inputs: Vec<Value> = chunk.iter().map(|id| json!({"objectTypeId": ty, "recordId": id})).collect();
            let call = Call::post(self.paths.lists("/records/memberships/batch/read"), json!({"inputs": inputs})).idempotent();
            let page: Listed = self.client.call("list_memberships", priority, call).await?.json()?;
            for result in &page.results {
                let Some(id) = id_text(&result["recordId"]) else { continue };
                let held = result["recordListMemberships"].as_array().into_iter().flatten();
                all.insert(id, held.filter_map(|membership| id_text(&membership["listId"])).collect());
            }
        }
        Ok(all)
    }

    /// Names of the lists that each record is in, in order.
    pub(super) async fn list_names(&self, object: &str, ids: &[&str], priority: Priority) -> Result<BTreeMap<String, Value>, VendorError> {
        let memberships = self.memberships(object, ids, priority).await?;
        let mut lists = self.known_lists(false, priority).await?;
        let unknown = |lists: &[List]| memberships.values().flatten().any(|id| !lists.iter().any(|list| list.id == *id));
        if unknown(&lists) {
            lists = self.known_lists(true, priority).await?;
        }
        let named = |held: &BTreeSet<String>| -> Value {
            let names: BTreeSet<&str> = lists.iter().filter(|list| held.contains(&list.id)).map(|list| list.name.as_str()).collect();
            json!(names)
        };
        Ok(memberships.iter().map(|(id, held)| (id.clone(), named(held))).collect())
    }

    /// Lets records be in the lists of these names, and in no others that members are put into by hand. Gives the errors by record.
    pub(super) async fn change_lists(
        &self,
        object: &str,
        wanted: &[(String, BTreeSet<String>)],
        priority: Priority,
    ) -> Result<BTreeMap<String, VendorError>, VendorError> {
        let ty = self.type_id(object, priority).await?;
        let ids: Vec<&str> = wanted.iter().map(|(id, _)| id.as_str()).collect();
        let present = self.memberships(object, &ids, priority).await?;
        let mut lists = self.known_lists(false, priority).await?;
        let known = |lists: &[List], name: &String| lists.iter().any(|list| list.of == ty && list.name.eq_ignore_ascii_case(name));
        if wanted.iter().flat_map(|(_, names)| names).any(|name| !known(&lists, name)) {
            lists = self.known_lists(true, priority).await?;
        }
        let mut changes = Changes::new();
        let mut failed = BTreeMap::new();
        for (id, names) in wanted {
            let held = present.get(id).cloned().unwrap_or_default();
            match differences(&lists, &ty, &held, names) {
                Ok((add, remove)) => {
                    add.into_iter().for_each(|list| changes.entry(list).or_default().0.push(id.clone()));
                    remove.into_iter().for_each(|list| changes.entry(list).or_default().1.push(id.clone()));
                }
                Err(error) => drop(failed.insert(id.clone(), error)),
            }
        }
        for (list, (add, remove)) in changes {
            let path = self.paths.lists(&format!("/{list}/memberships/add-and-remove"));
            let call = Call::put(path, json!({"recordIdsToAdd": add, "recordIdsToRemove": remove})).idempotent();
            self.client.call("list_memberships", priority, call).await?;
        }
        Ok(failed)
    }
}

/// Lists to put a record into, and to take it out of.
fn differences(
    lists: &[List],
    ty: &str,
    held: &BTreeSet<String>,
    names: &BTreeSet<String>,
) -> Result<(Vec<String>, Vec<String>), VendorError> {
    let ours: Vec<&List> = lists.iter().filter(|list| list.of == ty).collect();
    let mut add = Vec::new();
    for name in names {
        let list = ours.iter().find(|list| list.name.eq_ignore_ascii_case(name));
        match list {
            Some(list) if held.contains(&list.id) => {}
            Some(list) if list.by_hand => add.push(list.id.clone()),
            Some(_) => {
                let message = format!("HubSpot decides by a filter who is in the list `{name}`; nobody can be put into it");
                let advice = "change what the list's filter looks at, or choose a list whose members are put in by hand";
                return Err(VendorError::new(Class::Data, "list_filter", message, advice).about(NAMES));
            }
            None => {
                let message = format!("HubSpot has no list `{name}` of this object");
                return Err(VendorError::new(Class::Data, "list", message, "make the list at HubSpot, or correct its name in the record")
                    .about(NAMES));
            }
        }
    }
    let stays = |list: &List| names.iter().any(|name| name.eq_ignore_ascii_case(&list.name));
    let remove = ours.iter().filter(|list| list.by_hand && held.contains(&list.id) && !stays(list)).map(|list| list.id.clone()).collect();
    Ok((add, remove))
}

/// The names of lists that a row asks for, if it does.
pub(super) fn asked(row: &Row) -> Option<BTreeSet<String>> {
    let value = row.get(NAMES)?;
    Some(match value {
        Value::Array(names) => names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        Value::String(one) if !one.is_empty() => BTreeSet::from([one.clone()]),
        _ => BTreeSet::new(),
    })
}

/// What is said of a field of this kind that there is not.
pub(super) fn knows(name: &str) -> Result<(), VendorError> {
    if name == NAMES {
        return Ok(());
    }
    let message = format!("there is no `{name}`: of lists, Entente reads `{NAMES}`");
    Err(misfit("unknown_field", message, "correct the line of the mapping").about(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(id: &str, name: &str, by_hand: bool) -> List {
        List { id: id.to_owned(), name: name.to_owned(), of: "0-1".to_owned(), by_hand }
    }

    fn set(items: &[&str]) -> BTreeSet<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn only_lists_with_members_put_in_by_hand_change() {
        let lists = [list("1", "Partners", true), list("2", "Press", true), list("3", "Everybody", false)];
        let change = |held: &[&str], names: &[&str]| differences(&lists, "0-1", &set(held), &set(names));
        assert_eq!(change(&["1", "3"], &["press", "Everybody"]), Ok((vec!["2".to_owned()], vec!["1".to_owned()])));
        assert_eq!(change(&["3"], &[]), Ok((Vec::new(), Vec::new())), "whoever fits stays in");
        assert_eq!(change(&[], &["Everybody"]).expect_err("a filter decides").code, "list_filter");
        assert_eq!(change(&[], &["Nobody"]).expect_err("no such list").class, Class::Data);
        assert_eq!(differences(&lists, "0-2", &set(&[]), &set(&["Press"])).expect_err("of contacts").code, "list");
    }
}
