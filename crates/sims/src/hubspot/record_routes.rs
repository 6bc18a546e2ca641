//! Records one by one: list, read, create, update, archive, merge, erase.

use http::Method;
use serde_json::Value;

use super::association_routes::types_in;
use super::call::Call;
use super::kinds::CONTACTS;
use super::record::{Hand, View, Wanted};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Most records on a page.
const PAGE_MAX: usize = 100;
/// Most records on a page with history.
const PAGE_MAX_HISTORY: usize = 50;
/// Records on a page that asks for no number.
const PAGE_USUAL: usize = 10;

/// What the query asks to see.
pub(crate) fn wanted(call: &Call) -> Wanted {
    Wanted { properties: call.list("properties"), history: call.list("propertiesWithHistory"), associations: call.list("associations") }
}

fn id_in(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|id| id.to_string()))
}

/// Associations given with a new record: (kind, record, type ids).
pub(crate) type Inline = Vec<((usize, u64), Vec<u32>)>;

impl State {
    /// `/objects/{type}/…`.
    pub(crate) fn record_routes(&mut self, call: &Call, kind: usize, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("GET", []) => self.list(call, kind),
            ("POST", []) => {
                let given = call.object("properties")?;
                let values = self.check(kind, given, None)?;
                let ends = self.inline_ends(&call.body["associations"])?;
                self.bound(kind, &ends)?;
                let id = self.create(kind, values, Hand::Integration);
                self.link(kind, id, ends)?;
                Ok(Answer::created(self.echo(kind, id, given.keys().cloned().collect())))
            }
            ("POST", ["merge"]) => {
                let (Some(primary), Some(loser)) = (id_in(&call.body["primaryObjectId"]), id_in(&call.body["objectIdToMerge"])) else {
                    return Err(Refusal::validation("primaryObjectId and objectIdToMerge are required"));
                };
                let (Some(first), Some(second)) = (self.find(kind, &primary, None), self.find(kind, &loser, None)) else {
                    return Err(Refusal::missing(&[primary, loser]));
                };
                let id = self.merge(kind, first, second, Hand::Integration)?;
                Ok(Answer::ok(self.echo(kind, id, Vec::new())))
            }
            ("POST", ["gdpr-delete"]) if kind == CONTACTS => {
                let text = id_in(&call.body["objectId"]).ok_or_else(|| Refusal::validation("objectId is required"))?;
                if let Some(id) = self.find(kind, &text, call.body["idProperty"].as_str()) {
                    self.erase(kind, id, Hand::Integration);
                }
                Ok(Answer::nothing())
            }
            ("GET", [id]) => {
                let archived = call.query("archived") == Some("true");
                let by = call.query("idProperty");
                self.id_property(kind, by)?;
                let found = if archived {
                    id.parse().ok().filter(|id| self.records[kind].get(id).is_some_and(|record| record.archived_ms.is_some()))
                } else {
                    self.find(kind, id, by)
                };
                let record = found.and_then(|id| self.records[kind].get(&id)).ok_or_else(|| Refusal::missing(&[(*id).to_owned()]))?;
                Ok(Answer::ok(self.shown(&View::now(record), &wanted(call))))
            }
            ("PATCH", [id]) => {
                self.id_property(kind, call.query("idProperty"))?;
                let given = call.object("properties")?;
                let found = self.find(kind, id, call.query("idProperty")).ok_or_else(|| Refusal::missing(&[(*id).to_owned()]))?;
                let values = self.check(kind, given, Some(found))?;
                self.update(kind, found, values, Hand::Integration);
                Ok(Answer::ok(self.echo(kind, found, given.keys().cloned().collect())))
            }
            ("DELETE", [id]) => {
                if let Some(found) = self.find(kind, id, None) {
                    self.archive(kind, found, Hand::Integration);
                }
                Ok(Answer::nothing())
            }
            _ if call.method == Method::POST => Err(Refusal::resource()),
            _ => Err(Refusal::new(405, "VALIDATION_ERROR", "Method not allowed")),
        }
    }

    fn list(&self, call: &Call, kind: usize) -> Outcome {
        let wanted = wanted(call);
        let max = if wanted.history.is_empty() { PAGE_MAX } else { PAGE_MAX_HISTORY };
        let mut limit = call.number("limit", PAGE_USUAL)?;
        if limit == 0 || limit > max {
            return Err(Refusal::validation(format!("Invalid limit {limit}: it must be between 1 and {max}")));
        }
        if call.half_page {
            limit = limit.div_ceil(2);
        }
        let after: u64 =
            call.query("after").map_or(Ok(0), |text| text.parse().map_err(|_| Refusal::validation("Invalid paging offset")))?;
        let archived = call.query("archived") == Some("true");
        let mut all =
            self.records[kind].range(after + 1..).map(|(_, record)| record).filter(|record| record.archived_ms.is_some() == archived);
        let page: Vec<_> = all.by_ref().take(limit).collect();
        let results: Vec<Value> = page.iter().map(|record| self.shown(&View::now(record), &wanted)).collect();
        let mut body = serde_json::json!({"results": results});
        if all.next().is_some()
            && let Some(last) = page.last()
        {
            body["paging"] = call.next(&last.id.to_string());
        }
        Ok(Answer::ok(body))
    }

    /// Makes sure that a property can stand for an id.
    pub(crate) fn id_property(&self, kind: usize, name: Option<&str>) -> Result<(), Refusal> {
        match name {
            Some(name) if name != "hs_object_id" && !self.is_unique(kind, name) => {
                Err(Refusal::validation(format!("Property {name} is not a unique identifier property")))
            }
            _ => Ok(()),
        }
    }

    /// The records and types of `associations` in a create.
    pub(crate) fn inline_ends(&self, list: &Value) -> Result<Inline, Refusal> {
        let mut ends = Inline::new();
        for item in list.as_array().into_iter().flatten() {
            let types = types_in(&item["types"])?;
            let id = id_in(&item["to"]["id"]).ok_or_else(|| Refusal::validation("associations need to.id"))?;
            // The type says of which kind the other end is.
            let number: u64 = id.parse().map_err(|_| Refusal::validation(format!("Invalid id {id}")))?;
            let target = (0..self.records.len()).find(|kind| self.live(*kind, number).is_some()).ok_or_else(|| Refusal::missing(&[id]))?;
            ends.push(((target, number), types));
        }
        Ok(ends)
    }

    pub(crate) fn link(&mut self, kind: usize, id: u64, ends: Inline) -> Result<(), Refusal> {
        for (end, types) in ends {
            for ty in types {
                self.associate((kind, id), end, Some(ty), Hand::Integration)?;
            }
        }
        Ok(())
    }

    /// A record as a write answers it.
    pub(crate) fn echo(&self, kind: usize, id: u64, sent: Vec<String>) -> Value {
        self.records[kind].get(&id).map_or(Value::Null, |record| self.echoed(record, &sent))
    }
}
