//! Lists: those whose members are put in, and those whose members are whoever fits a filter.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::moment::iso;
use super::record::View;
use super::refusal::Refusal;
use super::state::State;

/// How a list gets its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processing {
    /// They are put in.
    Manual,
    /// Whoever fits is in.
    Dynamic,
    /// Whoever fitted when it was made, and who was put in since.
    Snapshot,
}

impl Processing {
    pub(crate) fn of(text: &str) -> Option<Self> {
        Some(match text {
            "MANUAL" => Self::Manual,
            "DYNAMIC" => Self::Dynamic,
            "SNAPSHOT" => Self::Snapshot,
            _ => return None,
        })
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Manual => "MANUAL",
            Self::Dynamic => "DYNAMIC",
            Self::Snapshot => "SNAPSHOT",
        }
    }
}

/// One list.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) kind: usize,
    pub(crate) processing: Processing,
    pub(crate) filter: Value,
    /// Record, and since when it is in.
    members: BTreeMap<u64, i64>,
    pub(crate) deleted_ms: Option<i64>,
    created_ms: i64,
    pub(crate) updated_ms: i64,
    version: u64,
}

/// Whether a record fits a filter: branches of `OR` over branches of `AND` over properties.
fn fits(state: &State, view: &View<'_>, branch: &Value) -> bool {
    let filters = branch["filters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let branches = branch["filterBranches"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut each = filters.iter().map(|filter| holds(state, view, filter)).chain(branches.iter().map(|branch| fits(state, view, branch)));
    if branch["filterBranchType"] == "OR" { each.any(|fit| fit) } else { each.all(|fit| fit) }
}

fn holds(state: &State, view: &View<'_>, filter: &Value) -> bool {
    let held = view.value(state, filter["property"].as_str().unwrap_or_default());
    let operation = &filter["operation"];
    let wanted: Vec<String> = match &operation["values"] {
        Value::Array(values) => values.iter().filter_map(super::values::text).collect(),
        _ => super::values::text(&operation["value"]).into_iter().collect(),
    };
    let has = |value: &String| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(value));
    match operation["operator"].as_str().unwrap_or_default() {
        "IS_EQUAL_TO" | "IS_ANY_OF" => held.as_ref().is_some_and(has),
        "IS_NOT_EQUAL_TO" | "IS_NONE_OF" => !held.as_ref().is_some_and(has),
        "CONTAINS" => held.is_some_and(|held| wanted.iter().any(|wanted| held.to_lowercase().contains(&wanted.to_lowercase()))),
        "IS_KNOWN" => held.is_some(),
        "IS_UNKNOWN" => held.is_none(),
        _ => false,
    }
}

impl State {
    /// Makes a list.
    ///
    /// # Errors
    /// When its name is taken, its kind unknown, or a filter is missing or needless.
    pub(crate) fn make_list(&mut self, body: &Value) -> Result<u64, Refusal> {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (name, ty) = (text("name"), text("objectTypeId"));
        if name.is_empty() || ty.is_empty() {
            return Err(Refusal::validation("name and objectTypeId are required"));
        }
        let kind = self.kind(&ty)?;
        let processing = Processing::of(&text("processingType"));
        let processing = processing.ok_or_else(|| Refusal::validation("processingType must be MANUAL, DYNAMIC or SNAPSHOT"))?;
        let filter = body["filterBranch"].clone();
        if processing == Processing::Dynamic && filter.is_null() {
            return Err(Refusal::validation("A DYNAMIC list needs a filterBranch"));
        }
        if self.lists.values().any(|list| list.deleted_ms.is_none() && list.kind == kind && list.name.eq_ignore_ascii_case(&name)) {
            return Err(Refusal::validation(format!("A list named '{name}' already exists")));
        }
        let id = self.lists.keys().last().map_or(1, |last| last + 1);
        let now = self.now_ms;
        let mut list = List {
            id,
            name,
            kind,
            processing,
            filter,
            members: BTreeMap::new(),
            deleted_ms: None,
            created_ms: now,
            updated_ms: now,
            version: 1,
        };
        if processing == Processing::Snapshot && !list.filter.is_null() {
            list.members = self.fitting(&list).into_iter().map(|(id, _)| (id, now)).collect();
        }
        self.lists.insert(id, list);
        Ok(id)
    }

    /// Records that fit a list's filter, with the instant of their last change.
    fn fitting(&self, list: &List) -> Vec<(u64, i64)> {
        let live = self.records[list.kind].values().filter(|record| record.archived_ms.is_none());
        live.filter(|record| fits(self, &View::now(record), &list.filter)).map(|record| (record.id, record.updated_ms)).collect()
    }

    /// Lists whose members are whoever fits, and that a record fits; none while nobody asks the journal for lists.
    pub(crate) fn fitted(&self, kind: usize, id: u64) -> BTreeSet<u64> {
        if !self.journal.wanted.iter().any(|wanted| wanted.ty == "LIST_MEMBERSHIP") {
            return BTreeSet::new();
        }
        let Some(record) = self.live(kind, id) else { return BTreeSet::new() };
        let lists = self.lists.values().filter(|list| list.deleted_ms.is_none() && list.kind == kind);
        let lists = lists.filter(|list| list.processing == Processing::Dynamic && fits(self, &View::now(record), &list.filter));
        lists.map(|list| list.id).collect()
    }

    /// Notes which lists a record has come into and which it has left, since it fitted those.
    pub(crate) fn journal_fitting(&mut self, kind: usize, id: u64, before: &BTreeSet<u64>) {
        let now = self.fitted(kind, id);
        now.difference(before).for_each(|list| self.journal_membership(kind, id, *list, true));
        before.difference(&now).for_each(|list| self.journal_membership(kind, id, *list, false));
    }

    /// Members of a list, with the instant since which they are in; those that are archived are in none.
    pub(crate) fn members(&self, list: &List) -> Vec<(u64, i64)> {
        match list.processing {
            Processing::Dynamic => self.fitting(list),
            _ => list.members.iter().filter(|(id, _)| self.live(list.kind, **id).is_some()).map(|(id, at)| (*id, *at)).collect(),
        }
    }

    /// Lists that a record is in, with since when.
    pub(crate) fn lists_of(&self, kind: usize, id: u64) -> Vec<(&List, i64)> {
        let live = self.lists.values().filter(|list| list.deleted_ms.is_none() && list.kind == kind);
        live.filter_map(|list| self.members(list).into_iter().find(|(member, _)| *member == id).map(|(_, at)| (list, at))).collect()
    }

    /// Puts records into a list and takes others out. Gives who came, who went, and who was not there.
    ///
    /// # Errors
    /// When the list's members are whoever fits.
    pub(crate) fn change_members(&mut self, id: u64, add: &[String], remove: &[String]) -> Result<Value, Refusal> {
        let list = self.kept_list(id)?;
        let kind = list.kind;
        if list.processing == Processing::Dynamic {
            return Err(Refusal::validation("Memberships of a DYNAMIC list cannot be changed by hand"));
        }
        let now = self.now_ms;
        let found = |state: &Self, ids: &[String]| -> Vec<(String, Option<u64>)> {
            ids.iter().map(|id| (id.clone(), state.find(kind, id, None))).collect()
        };
        let (coming, going) = (found(self, add), found(self, remove));
        let missing: Vec<&String> = coming.iter().filter(|(_, found)| found.is_none()).map(|(id, _)| id).collect();
        let missing: Vec<String> = missing.into_iter().cloned().collect();
        let (mut came, mut went) = (Vec::new(), Vec::new());
        let Some(list) = self.lists.get_mut(&id) else { return Err(Refusal::resource()) };
        for record in coming.into_iter().filter_map(|(_, found)| found) {
            if list.members.insert(record, now).is_none() {
                came.push(record);
            }
        }
        for record in going.into_iter().filter_map(|(_, found)| found) {
            if list.members.remove(&record).is_some() {
                went.push(record);
            }
        }
        list.updated_ms = now;
        came.iter().for_each(|record| self.journal_membership(kind, *record, id, true));
        went.iter().for_each(|record| self.journal_membership(kind, *record, id, false));
        let texts = |ids: &[u64]| ids.iter().map(u64::to_string).collect::<Vec<_>>();
        Ok(json!({"recordsIdsAdded": texts(&came), "recordIdsRemoved": texts(&went), "recordIdsMissing": missing}))
    }

    /// A list that was not deleted.
    pub(crate) fn kept_list(&self, id: u64) -> Result<&List, Refusal> {
        self.lists
            .get(&id)
            .filter(|list| list.deleted_ms.is_none())
            .ok_or_else(|| Refusal::new(404, "OBJECT_NOT_FOUND", "List does not exist"))
    }

    pub(crate) fn list_shown(&self, list: &List, filters: bool) -> Value {
        let mut shown = json!({
            "listId": list.id.to_string(), "listVersion": list.version, "name": list.name, "objectTypeId": self.kinds[list.kind].type_id,
            "processingType": list.processing.text(), "processingStatus": "COMPLETE", "size": self.members(list).len(),
            "createdAt": iso(list.created_ms), "updatedAt": iso(list.updated_ms), "createdById": self.options.user_id.to_string(),
            "updatedById": self.options.user_id.to_string(),
        });
        if filters && !list.filter.is_null() {
            shown["filterBranch"] = list.filter.clone();
        }
        if let Some(at) = list.deleted_ms {
            shown["deletedAt"] = json!(iso(at));
        }
        shown
    }
}
