//! The lists API.

use serde_json::{Value, json};

use super::call::Call;
use super::lists::{List, Processing};
use super::moment::iso;
use super::refusal::{Answer, Outcome, Refusal};
use super::schemas::texts;
use super::state::State;

/// Most memberships on a page, and how many there are on one that asks for no number.
const PAGE_MAX: usize = 250;
const PAGE_USUAL: usize = 100;
/// Most lists that a search shows at once.
const SEARCH_MAX: usize = 500;
/// Most records of a batch.
const BATCH_MAX: usize = 1_000;

fn ids(body: &Value) -> Vec<String> {
    body.as_array().into_iter().flatten().filter_map(super::values::text).collect()
}

impl State {
    /// `/lists/…`.
    pub(crate) fn list_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let reads = call.method == http::Method::GET || matches!(rest, ["search"] | ["records", "memberships", "batch", "read"]);
        self.scoped(if reads { "crm.lists.read" } else { "crm.lists.write" })?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| Refusal::validation(format!("Invalid list id {text}")));
        match (call.method.as_str(), rest) {
            ("POST", []) => {
                let id = self.make_list(&call.body)?;
                Ok(Answer::ok(json!({"list": self.list_shown(self.kept_list(id)?, true)})))
            }
            ("GET", []) => {
                let wanted = call.list("listIds");
                let lists = self.lists.values().filter(|list| list.deleted_ms.is_none() && wanted.contains(&list.id.to_string()));
                let shown: Vec<Value> = lists.map(|list| self.list_shown(list, call.query("includeFilters") == Some("true"))).collect();
                Ok(Answer::ok(json!({"lists": shown})))
            }
            ("POST", ["search"]) => Ok(Answer::ok(self.search_lists(&call.body))),
            ("GET", ["object-type-id", ty, "name", name]) => {
                let kind = self.kind(ty)?;
                let found = self.lists.values().find(|list| list.deleted_ms.is_none() && list.kind == kind && list.name == *name);
                let list = found.ok_or_else(|| Refusal::new(404, "OBJECT_NOT_FOUND", "List does not exist"))?;
                Ok(Answer::ok(json!({"list": self.list_shown(list, false)})))
            }
            ("GET", ["records", ty, id, "memberships"]) => {
                let kind = self.kind(ty)?;
                let found = self.find(kind, id, None).ok_or_else(|| Refusal::missing(&[(*id).to_owned()]))?;
                let results = self.memberships_shown(kind, found);
                Ok(Answer::ok(json!({"total": results.len(), "results": results})))
            }
            ("POST", ["records", "memberships", "batch", "read"]) => {
                let mut results = Vec::new();
                for input in call.inputs(BATCH_MAX)? {
                    let (ty, id) = (input["objectTypeId"].as_str().unwrap_or_default(), input["recordId"].as_str().unwrap_or_default());
                    let kind = self.kind(ty)?;
                    let held = self.find(kind, id, None).map(|found| self.memberships_shown(kind, found)).unwrap_or_default();
                    results.push(json!({"objectTypeId": self.kinds[kind].type_id, "recordId": id, "recordListMemberships": held}));
                }
                Ok(call.batch(200, results, Vec::new()))
            }
            ("GET", [id]) => {
                let list = self.kept_list(number(id)?)?;
                Ok(Answer::ok(json!({"list": self.list_shown(list, call.query("includeFilters") == Some("true"))})))
            }
            ("DELETE", [id]) => {
                let (id, now) = (self.kept_list(number(id)?)?.id, self.now_ms);
                self.lists.entry(id).and_modify(|list| list.deleted_ms = Some(now));
                Ok(Answer::nothing())
            }
            ("PUT", [id, "restore"]) => {
                self.lists.entry(number(id)?).and_modify(|list| list.deleted_ms = None);
                Ok(Answer::nothing())
            }
            ("PUT", [id, "update-list-name"]) => {
                let (id, now) = (self.kept_list(number(id)?)?.id, self.now_ms);
                let name =
                    call.query("listName").filter(|name| !name.is_empty()).ok_or_else(|| Refusal::validation("listName is required"))?;
                self.lists.entry(id).and_modify(|list| (list.name, list.updated_ms) = (name.to_owned(), now));
                Ok(Answer::ok(json!({"updatedList": self.list_shown(self.kept_list(id)?, false)})))
            }
            ("PUT", [id, "update-list-filters"]) => {
                let id = self.kept_list(number(id)?)?.id;
                let filter = call.body["filterBranch"].clone();
                self.lists.entry(id).and_modify(|list| list.filter = filter);
                Ok(Answer::ok(json!({"updatedList": self.list_shown(self.kept_list(id)?, true)})))
            }
            ("GET", [id, "memberships"]) => self.membership_page(call, number(id)?),
            ("DELETE", [id, "memberships"]) => {
                let id = number(id)?;
                let all: Vec<String> = self.members(self.kept_list(id)?).into_iter().map(|(record, _)| record.to_string()).collect();
                self.change_members(id, &[], &all)?;
                Ok(Answer::nothing())
            }
            ("PUT", [id, "memberships", "add"]) => self.change_members(number(id)?, &ids(&call.body), &[]).map(Answer::ok),
            ("PUT", [id, "memberships", "remove"]) => self.change_members(number(id)?, &[], &ids(&call.body)).map(Answer::ok),
            ("PUT", [id, "memberships", "add-and-remove"]) => {
                let (add, remove) = (ids(&call.body["recordIdsToAdd"]), ids(&call.body["recordIdsToRemove"]));
                self.change_members(number(id)?, &add, &remove).map(Answer::ok)
            }
            _ => Err(Refusal::resource()),
        }
    }

    fn memberships_shown(&self, kind: usize, id: u64) -> Vec<Value> {
        let shown = |(list, at): (&List, i64)| {
            json!({
                "listId": list.id.to_string(), "listVersion": 1, "isPublicList": false, "firstAddedTimestamp": iso(at), "lastAddedTimestamp": iso(at),
            })
        };
        self.lists_of(kind, id).into_iter().map(shown).collect()
    }

    fn membership_page(&self, call: &Call, id: u64) -> Outcome {
        let limit = call.number("limit", PAGE_USUAL)?;
        if limit == 0 || limit > PAGE_MAX {
            return Err(Refusal::validation(format!("limit must be between 1 and {PAGE_MAX}")));
        }
        let after: u64 = call.query("after").and_then(|text| text.parse().ok()).unwrap_or(0);
        let all = self.members(self.kept_list(id)?);
        let total = all.len();
        let page: Vec<(u64, i64)> = all.into_iter().filter(|(record, _)| *record > after).take(limit + 1).collect();
        let shown = page.iter().take(limit);
        let results: Vec<Value> =
            shown.map(|(record, at)| json!({"recordId": record.to_string(), "membershipTimestamp": iso(*at)})).collect();
        let mut body = json!({"results": results, "total": total});
        if page.len() > limit {
            body["paging"] = call.next(&page[limit - 1].0.to_string());
        }
        Ok(Answer::ok(body))
    }

    fn search_lists(&self, body: &Value) -> Value {
        let query = body["query"].as_str().unwrap_or_default().to_lowercase();
        let kinds: Vec<Processing> = texts(&body["processingTypes"]).iter().filter_map(|text| Processing::of(text)).collect();
        let wanted: Vec<String> = ids(&body["listIds"]);
        let offset = body["offset"].as_u64().unwrap_or(0) as usize;
        let count = (body["count"].as_u64().unwrap_or(20) as usize).min(SEARCH_MAX);
        let found: Vec<&List> = self
            .lists
            .values()
            .filter(|list| list.deleted_ms.is_none())
            .filter(|list| list.name.to_lowercase().contains(&query))
            .filter(|list| kinds.is_empty() || kinds.contains(&list.processing))
            .filter(|list| wanted.is_empty() || wanted.contains(&list.id.to_string()))
            .collect();
        let shown = |list: &&List| {
            let mut shown = self.list_shown(list, false);
            let size = shown["size"].take();
            if let Some(shown) = shown.as_object_mut() {
                shown.remove("size");
            }
            shown["additionalProperties"] = json!({"hs_list_size": size.to_string()});
            shown
        };
        let page: Vec<Value> = found.iter().skip(offset).take(count).map(shown).collect();
        let end = offset + page.len();
        json!({"lists": page, "total": found.len(), "offset": end, "hasMore": end < found.len()})
    }
}
