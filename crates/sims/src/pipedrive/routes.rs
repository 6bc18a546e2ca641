//! The routes of the present version.

use http::Method;
use serde_json::{Value, json};

use super::Hand;
use super::call::Call;
use super::kinds::Kind;
use super::lists::{BIN_MS, Which};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

impl State {
    /// `/api/v2/…`.
    pub(crate) fn new_routes(&mut self, call: &Call) -> Outcome {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["personFields", rest @ ..] => self.field_routes(call, Kind::Person, rest),
            ["organizationFields", rest @ ..] => self.field_routes(call, Kind::Organization, rest),
            ["dealFields", rest @ ..] => self.field_routes(call, Kind::Deal, rest),
            ["activityFields", rest @ ..] => self.field_routes(call, Kind::Activity, rest),
            ["pipelines", rest @ ..] => self.pipeline_routes(call, rest),
            ["stages", rest @ ..] => self.stage_routes(call, rest),
            ["itemSearch"] if call.method == Method::GET => self.item_search(call),
            [name @ ("deals" | "leads"), id, "convert", rest @ ..] => self.conversion_routes(call, name, id, rest),
            [name, "search"] if call.method == Method::GET => {
                let kind = Kind::named(name).filter(|kind| !matches!(kind, Kind::Activity | Kind::Note)).ok_or_else(Refusal::route)?;
                self.search(call, kind)
            }
            ["deals", "archived"] if call.method == Method::GET => self.list(call, Kind::Deal, Which::Archived),
            [name, rest @ ..] => {
                let kind = Kind::named(name).filter(|kind| kind.is_new()).ok_or_else(Refusal::route)?;
                self.row_routes(call, kind, rest)
            }
            [] => Err(Refusal::route()),
        }
    }

    fn row_routes(&mut self, call: &Call, kind: Kind, rest: &[&str]) -> Outcome {
        let by = Hand::Integration;
        match (call.method.as_str(), rest) {
            ("GET", []) => self.list(call, kind, Which::Usual),
            ("POST", []) => {
                let values = self.check(kind, &call.body, false)?;
                let number = self.create(kind, values, by)?;
                Ok(Answer::data(self.row(kind, number)))
            }
            ("GET", [id]) => {
                let record = self.reachable(kind, id)?;
                Ok(Answer::data(self.shown(self.records[&kind].get(&record).ok_or_else(|| Refusal::missing(kind.singular()))?)))
            }
            ("PATCH", [id]) => {
                let number = self.reachable(kind, id)?;
                if self.live(kind, number).is_none() {
                    return Err(Refusal::missing(kind.singular()));
                }
                let values = self.check(kind, &call.body, false)?;
                self.update(kind, number, values, by)?;
                Ok(Answer::data(self.row(kind, number)))
            }
            ("DELETE", [id]) => {
                let number = self.reachable(kind, id)?;
                let done = json!({"id": number});
                // One that is gone already is told so with the same words.
                if self.delete(kind, number, by) { Ok(Answer::data(done)) } else { Ok(Answer { status: 410, ..Answer::data(done) }) }
            }
            ("PUT", [_]) => Err(Refusal::new(405, "Method not allowed")),
            _ => Err(Refusal::route()),
        }
    }

    /// The number of a row that its id still leads to: deleted ones for thirty days.
    pub(crate) fn reachable(&self, kind: Kind, id: &str) -> Result<u64, Refusal> {
        if kind.is_new() && id.parse::<u64>().is_err() {
            return Err(Refusal::flaw("id", "must be number"));
        }
        let found = self.find(kind, id).filter(|record| record.deleted_ms.is_none_or(|at| at + BIN_MS > self.now_ms));
        // Merged ones lead nowhere.
        found.filter(|record| record.merged_into.is_none()).map(|record| record.number).ok_or_else(|| Refusal::missing(kind.singular()))
    }

    pub(crate) fn row(&self, kind: Kind, number: u64) -> Value {
        self.records[&kind]
            .get(&number)
            .map_or(Value::Null, |record| if kind.is_new() { self.shown(record) } else { self.shown_old(record) })
    }
}
