//! The routes of the older version that remain: notes, leads, users, merges, recent changes, webhooks.

use http::Method;
use serde_json::{Value, json};

use super::Hand;
use super::call::Call;
use super::kinds::Kind;
use super::lists::Which;
use super::moment::{DAY_MS, old, old_instant};
use super::record::Record;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// How far recent changes reach back: a month.
const RECENTS_REACH_MS: i64 = 31 * DAY_MS;

impl State {
    /// `/v1/…` and `/api/v1/…`.
    pub(crate) fn old_routes(&mut self, call: &Call) -> Outcome {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["users", rest @ ..] => self.user_routes(call, rest),
            ["notes", rest @ ..] => self.note_routes(call, rest),
            ["leads", rest @ ..] => self.lead_routes(call, rest),
            ["leadLabels"] if call.method == Method::GET => self.lead_labels(),
            ["activityTypes"] if call.method == Method::GET => self.activity_types(),
            ["webhooks", rest @ ..] => self.hook_routes(call, rest),
            ["recents"] if call.method == Method::GET => self.recents(call),
            [name, id, "merge"] if call.method == Method::PUT => self.merge_route(call, name, id),
            // What has a twin in the present version is gone.
            [name, ..] if Kind::named(name).is_some_and(Kind::is_new) || matches!(*name, "pipelines" | "stages" | "itemSearch") => {
                Err(Refusal::retired())
            }
            _ => Err(Refusal::route()),
        }
    }

    fn merge_route(&mut self, call: &Call, name: &str, id: &str) -> Outcome {
        let kind = Kind::named(name).ok_or_else(Refusal::route)?;
        let loser = self.reachable(kind, id)?;
        let winner = call.body["merge_with_id"].as_u64().or_else(|| call.body["merge_with_id"].as_str()?.parse().ok());
        let winner = winner.ok_or_else(|| Refusal::new(400, "merge_with_id is required"))?;
        self.merge(kind, loser, winner, Hand::Integration)?;
        let mut survivor = self.records[&kind].get(&winner).map(|record| self.shown_old(record)).unwrap_or_default();
        for name in ["owner_id", "org_id", "person_id", "user_id"] {
            if survivor[name].is_object() {
                survivor[name] = survivor[name]["value"].clone();
            }
        }
        survivor["merge_what_id"] = json!(loser);
        Ok(Answer::data(survivor))
    }

    fn note_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let by = Hand::Integration;
        match (call.method.as_str(), rest) {
            ("GET", []) => self.old_list(call, Kind::Note, Which::Usual),
            ("POST", []) => {
                let values = self.check(Kind::Note, &call.body, true)?;
                let number = self.create(Kind::Note, values, by)?;
                Ok(Answer::created(self.row(Kind::Note, number)))
            }
            ("GET", [id]) => {
                let number = self.reachable(Kind::Note, id)?;
                Ok(Answer::data(self.row(Kind::Note, number)))
            }
            // A deleted note can still be changed.
            ("PUT", [id]) => {
                let number = self.reachable(Kind::Note, id)?;
                let values = self.check(Kind::Note, &call.body, true)?;
                self.update(Kind::Note, number, values, by)?;
                Ok(Answer::data(self.row(Kind::Note, number)))
            }
            ("DELETE", [id]) => {
                let number = self.reachable(Kind::Note, id)?;
                self.delete(Kind::Note, number, by);
                Ok(Answer::data(json!(true)))
            }
            _ => Err(Refusal::route()),
        }
    }

    fn lead_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let by = Hand::Integration;
        let kind = Kind::Lead;
        match (call.method.as_str(), rest) {
            ("GET", []) => self.old_list(call, kind, Which::Usual),
            ("GET", ["archived"]) => self.old_list(call, kind, Which::Archived),
            ("POST", []) => {
                self.check_lead(&call.body)?;
                let values = self.check(kind, &call.body, true)?;
                let number = self.create(kind, values, by)?;
                // Unlike the other creations of its version.
                Ok(Answer::data(self.row(kind, number)))
            }
            (verb, [id]) => {
                let number = self.find(kind, id).filter(|record| record.deleted_ms.is_none()).map(|record| record.number);
                let number = number.ok_or_else(|| Refusal::missing("lead"))?;
                match verb {
                    "GET" => Ok(Answer::data(self.row(kind, number))),
                    "PATCH" => {
                        self.check_lead(&call.body)?;
                        let values = self.check(kind, &call.body, true)?;
                        self.update(kind, number, values, by)?;
                        Ok(Answer::data(self.row(kind, number)))
                    }
                    "DELETE" => {
                        self.delete(kind, number, by);
                        Ok(Answer::data(json!({"id": id})))
                    }
                    _ => Err(Refusal::route()),
                }
            }
            _ => Err(Refusal::route()),
        }
    }

    fn check_lead(&self, body: &Value) -> Result<(), Refusal> {
        let value = &body["value"];
        let whole = value["amount"].is_number() && value["currency"].is_string();
        if !value.is_null() && !whole {
            return Err(Refusal::new(400, "value.amount and value.currency are both required"));
        }
        if !body["visible_to"].is_null() && !body["visible_to"].is_string() {
            return Err(Refusal::new(400, "visible_to must be a string"));
        }
        Ok(())
    }

    /// Recent changes of a month at most. Deleted rows come as nothing, or with the word that they are no longer active.
    fn recents(&self, call: &Call) -> Outcome {
        let since = call.query("since_timestamp").and_then(old_instant).ok_or_else(|| Refusal::new(400, "since_timestamp is not valid"))?;
        let since = since.max(self.now_ms - RECENTS_REACH_MS);
        let wanted: Vec<&str> = call.query("items").unwrap_or("activity,deal,note,organization,person").split(',').collect();
        let (start, limit) = (call.number("start")?.unwrap_or(0) as usize, call.limit(100, 500)?);
        let moment = |record: &Record| record.deleted_ms.unwrap_or(record.updated_ms).max(record.updated_ms);
        let kinds = [Kind::Activity, Kind::Deal, Kind::Note, Kind::Organization, Kind::Person];
        let mut found: Vec<&Record> = kinds
            .iter()
            .filter(|kind| wanted.contains(&kind.singular()))
            .flat_map(|kind| self.records[kind].values())
            .filter(|record| moment(record) >= since)
            .collect();
        found.sort_by_key(|record| (moment(record), record.number));
        let page: Vec<&&Record> = found.iter().skip(start).take(limit).collect();
        let rows: Vec<Value> = page
            .iter()
            .map(|record| {
                let empty = record.deleted_ms.is_some() && record.number.is_multiple_of(2);
                json!({"item": record.kind.singular(), "id": record.number, "data": if empty { Value::Null } else { self.shown_old(record) }})
            })
            .collect();
        let more = start + page.len() < found.len();
        let mut paging = json!({"start": start, "limit": limit, "more_items_in_collection": more});
        if more {
            paging["next_start"] = json!(start + limit);
        }
        let beside = json!({"since_timestamp": old(since), "last_timestamp_on_page": page.last().map(|record| old(moment(record))), "pagination": paging});
        Ok(Answer::list(Value::from(rows), beside))
    }
}
