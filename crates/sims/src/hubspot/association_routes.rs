//! Associations v4 (one by one and in batches) and the batches of v3.

use http::Method;
use serde_json::{Value, json};

use super::call::Call;
use super::kinds::Kind;
use super::record::Hand;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Most inputs of a batch that writes.
const CREATE_MAX: usize = 2_000;
/// Most inputs of a batch that reads.
const READ_MAX: usize = 1_000;
/// Most records whose associations one call ends.
const ARCHIVE_MAX: usize = 100;
/// Most associations on one page.
const PAGE_MAX: usize = 500;

fn id_of(end: &Value) -> String {
    end["id"].as_str().map_or_else(|| end["id"].to_string(), str::to_owned)
}

impl State {
    /// `/objects/{from}/{id}/associations/…`.
    pub(crate) fn record_association_routes(&mut self, call: &Call, from: usize, id: &str, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("GET", [to]) => {
                let to = self.kind(to)?;
                let id = self.find(from, id, None).ok_or_else(|| Refusal::missing(&[id.to_owned()]))?;
                let limit = call.number("limit", PAGE_MAX)?;
                if limit > PAGE_MAX {
                    return Err(Refusal::validation(format!("Limit must be at most {PAGE_MAX}")));
                }
                Ok(Answer::ok(self.association_page(from, id, to, call.query("after"), limit)))
            }
            ("PUT", ["default", to, to_id]) => {
                let to = self.kind(to)?;
                let (a, b) = self.ends((from, id), (to, to_id))?;
                self.associate((from, a), (to, b), None, Hand::Integration)?;
                let spec = |from: usize, to: usize| {
                    let ty = self.association(from, to).map(|(plain, _)| plain);
                    json!({"associationCategory": self.category(from, to), "associationTypeId": ty})
                };
                let pair = |x: u64, y: u64, spec: Value| json!({"from": {"id": x.to_string()}, "to": {"id": y.to_string()}, "associationSpec": spec});
                let results = [pair(a, b, spec(from, to)), pair(b, a, spec(to, from))];
                Ok(Answer::ok(json!({"status": "COMPLETE", "results": results, "startedAt": call.at, "completedAt": call.at})))
            }
            ("PUT", [to, to_id]) => {
                let to = self.kind(to)?;
                let types = types_in(&call.body)?;
                let (a, b) = self.ends((from, id), (to, to_id))?;
                for ty in types {
                    self.associate((from, a), (to, b), Some(ty), Hand::Integration)?;
                }
                Ok(Answer::created(pair(&self.kinds[from], a, &self.kinds[to], b)))
            }
            ("DELETE", [to, to_id]) => {
                let to = self.kind(to)?;
                if let Ok((a, b)) = self.ends((from, id), (to, to_id)) {
                    self.dissociate((from, a), (to, b), Hand::Integration);
                }
                Ok(Answer::nothing())
            }
            _ => Err(Refusal::resource()),
        }
    }

    fn association_page(&self, from: usize, id: u64, to: usize, after: Option<&str>, limit: usize) -> Value {
        let after: u64 = after.and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut all = self.told_ends((from, id), to).into_iter().filter(|(other, _)| *other > after);
        let results: Vec<Value> = all
            .by_ref()
            .take(limit)
            .map(|(other, types)| {
                let types: Vec<Value> = types.into_iter().map(|ty| self.label(from, to, ty)).collect();
                json!({"toObjectId": other.to_string(), "associationTypes": types})
            })
            .collect();
        let last = results.last().map(|last| last["toObjectId"].clone());
        let mut page = json!({"results": results});
        if all.next().is_some() {
            page["paging"] = json!({"next": {"after": last}});
        }
        page
    }

    /// `/associations/{from}/{to}/batch/…` of v4 and the dated versions.
    pub(crate) fn association_batch(&mut self, call: &Call, from: usize, to: usize, rest: &[&str]) -> Outcome {
        let max = match rest {
            ["read"] => READ_MAX,
            ["archive"] => ARCHIVE_MAX,
            _ => CREATE_MAX,
        };
        let inputs = call.inputs(max)?;
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        match rest {
            ["read"] => {
                for input in inputs {
                    let id = id_of(input);
                    let Some(found) = self.find(from, &id, None) else {
                        errors.push(Refusal::missing(std::slice::from_ref(&id)).row(None, Some(&id)));
                        continue;
                    };
                    let page = self.association_page(from, found, to, input["after"].as_str(), PAGE_MAX);
                    if page["results"].as_array().is_some_and(Vec::is_empty) {
                        let sentence = format!("No {} associated with {}", self.kinds[to].name, self.kinds[from].singular);
                        let none = Refusal::new(404, "OBJECT_NOT_FOUND", sentence)
                            .with("subCategory", json!("crm.associations.NO_ASSOCIATIONS_FOUND"));
                        errors.push(none.row(None, Some(&id)));
                        continue;
                    }
                    let mut result = json!({"from": {"id": id}, "to": page["results"]});
                    if !page["paging"].is_null() {
                        result["paging"] = page["paging"].clone();
                    }
                    results.push(result);
                }
            }
            ["create"] => {
                for input in inputs {
                    let types = types_in(&input["types"])?;
                    let (x, y) = (id_of(&input["from"]), id_of(&input["to"]));
                    let outcome = self.ends((from, &x), (to, &y)).and_then(|(a, b)| {
                        types
                            .iter()
                            .try_for_each(|ty| self.associate((from, a), (to, b), Some(*ty), Hand::Integration))
                            .map(|()| pair(&self.kinds[from], a, &self.kinds[to], b))
                    });
                    sort(outcome, &x, &y, &mut results, &mut errors);
                }
            }
            ["associate", "default"] => {
                for input in inputs {
                    let (x, y) = (id_of(&input["from"]), id_of(&input["to"]));
                    let outcome = self.ends((from, &x), (to, &y)).and_then(|(a, b)| {
                        self.associate((from, a), (to, b), None, Hand::Integration)?;
                        let ty = self.association(from, to).map(|(plain, _)| plain);
                        let spec = json!({"associationCategory": self.category(from, to), "associationTypeId": ty});
                        Ok(json!({"from": {"id": a.to_string()}, "to": {"id": b.to_string()}, "associationSpec": spec}))
                    });
                    sort(outcome, &x, &y, &mut results, &mut errors);
                }
            }
            ["archive"] => {
                for input in inputs {
                    for end in input["to"].as_array().into_iter().flatten() {
                        if let Ok((a, b)) = self.ends((from, &id_of(&input["from"])), (to, &id_of(end))) {
                            self.dissociate((from, a), (to, b), Hand::Integration);
                        }
                    }
                }
                return Ok(if call.dated { Answer::ok(json!({})) } else { Answer::nothing() });
            }
            _ => return Err(Refusal::resource()),
        }
        Ok(call.batch(if rest == ["read"] { 200 } else { 201 }, results, errors))
    }

    /// The batches of v3: `{from, to, type}`, answered in both directions.
    pub(crate) fn old_association_batch(&mut self, call: &Call, from: usize, to: usize, verb: &str) -> Outcome {
        let inputs = call.inputs(if verb == "read" { READ_MAX } else { CREATE_MAX })?;
        let (a, b) = (self.kinds[from].singular, self.kinds[to].singular);
        let mut results = Vec::new();
        for input in inputs {
            if verb == "read" {
                let id = id_of(input);
                let Some(found) = self.find(from, &id, None) else { continue };
                let to_ids: Vec<Value> = self
                    .told_ends((from, found), to)
                    .iter()
                    .map(|(other, _)| json!({"id": other.to_string(), "type": format!("{a}_to_{b}")}))
                    .collect();
                if !to_ids.is_empty() {
                    results.push(json!({"from": {"id": id}, "to": to_ids}));
                }
                continue;
            }
            let (x, y) = self.ends((from, &id_of(&input["from"])), (to, &id_of(&input["to"])))?;
            match verb {
                "create" => {
                    let primary = self.association(from, to).and_then(|(plain, primary)| primary.or(Some(plain)));
                    self.associate((from, x), (to, y), primary, Hand::Integration)?;
                    let (x, y) = (x.to_string(), y.to_string());
                    results.push(json!({"from": {"id": x}, "to": {"id": y}, "type": format!("{a}_to_{b}")}));
                    results.push(json!({"from": {"id": y}, "to": {"id": x}, "type": format!("{b}_to_{a}")}));
                }
                _ => self.dissociate((from, x), (to, y), Hand::Integration),
            }
        }
        match verb {
            "archive" => Ok(Answer::nothing()),
            "create" => Ok(call.batch(201, results, Vec::new())),
            "read" => Ok(call.batch(200, results, Vec::new())),
            _ => Err(Refusal::resource()),
        }
    }

    /// The labels between two kinds.
    pub(crate) fn association_labels(&self, call: &Call, from: usize, to: usize) -> Outcome {
        if call.method != Method::GET {
            return Err(Refusal::scope("crm.schemas.associations.write"));
        }
        let (plain, primary) = self.association(from, to).ok_or_else(Refusal::resource)?;
        let labels: Vec<Value> = primary.into_iter().chain([plain]).map(|ty| self.label(from, to, ty)).collect();
        Ok(Answer::ok(json!({"results": labels})))
    }
}

fn sort(outcome: Result<Value, Refusal>, from: &str, to: &str, results: &mut Vec<Value>, errors: &mut Vec<Value>) {
    match outcome {
        Ok(result) => results.push(result),
        Err(refusal) => {
            let mut row = refusal.row(None, None);
            row["context"] = json!({"fromObjectId": [from], "toObjectId": [to]});
            errors.push(row);
        }
    }
}

fn pair(from: &Kind, a: u64, to: &Kind, b: u64) -> Value {
    json!({
        "fromObjectTypeId": from.type_id, "fromObjectId": a.to_string(), "toObjectTypeId": to.type_id,
        "toObjectId": b.to_string(), "labels": [],
    })
}

/// Type ids of a list of `{associationCategory, associationTypeId}`.
pub(crate) fn types_in(list: &Value) -> Result<Vec<u32>, Refusal> {
    let list = list.as_array().filter(|list| !list.is_empty()).ok_or_else(|| Refusal::validation("Association types are required"))?;
    list.iter()
        .map(|spec| {
            let id = spec["associationTypeId"].as_u64().and_then(|id| u32::try_from(id).ok());
            id.filter(|_| spec["associationCategory"].is_string()).ok_or_else(|| Refusal::validation("Invalid association type"))
        })
        .collect()
}
