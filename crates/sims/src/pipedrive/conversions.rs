//! Turning leads into deals and back: a job that takes a moment, after which its source is gone.

use serde_json::{Value, json};

use super::Hand;
use super::call::Call;
use super::check::Values;
use super::kinds::Kind;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Milliseconds that a conversion takes.
const TAKES_MS: i64 = 2_000;

/// A conversion under way or done.
#[derive(Debug, Clone)]
pub(crate) struct Conversion {
    id: String,
    from: (Kind, u64),
    stage: Option<u64>,
    ready_ms: i64,
    made: Option<Value>,
}

impl State {
    /// `/api/v2/{deals,leads}/{id}/convert/…`.
    pub(crate) fn conversion_routes(&mut self, call: &Call, name: &str, id: &str, rest: &[&str]) -> Outcome {
        let (from, to) = if name == "leads" { (Kind::Lead, "deal") } else { (Kind::Deal, "lead") };
        match (call.method.as_str(), rest) {
            ("POST", [wanted]) if *wanted == to => {
                let number = self.find(from, id).filter(|record| record.deleted_ms.is_none()).map(|record| record.number);
                let number = number.ok_or_else(|| Refusal::missing(from.singular()))?;
                let stage = call.body["stage_id"].as_u64();
                let conversion = Conversion { id: self.uuid(), from: (from, number), stage, ready_ms: self.now_ms + TAKES_MS, made: None };
                self.conversions.push(conversion.clone());
                Ok(Answer::data(json!({"conversion_id": conversion.id})))
            }
            ("GET", ["status", conversion]) => {
                let at = self.conversions.iter().position(|known| known.id == *conversion).ok_or_else(|| Refusal::missing("conversion"))?;
                if self.now_ms >= self.conversions[at].ready_ms && self.conversions[at].made.is_none() {
                    let made = self.convert(&self.conversions[at].clone())?;
                    self.conversions[at].made = Some(made);
                }
                let known = &self.conversions[at];
                let mut shown = json!({"conversion_id": known.id, "status": if known.made.is_some() { "completed" } else { "running" }});
                if let Some(made) = &known.made {
                    shown[format!("{to}_id")] = made.clone();
                }
                Ok(Answer::data(shown))
            }
            _ => Err(Refusal::route()),
        }
    }

    fn convert(&mut self, conversion: &Conversion) -> Result<Value, Refusal> {
        let (from, number) = conversion.from;
        let source = self.live(from, number).cloned().ok_or_else(|| Refusal::missing(from.singular()))?;
        let to = if from == Kind::Lead { Kind::Deal } else { Kind::Lead };
        let mut values = Values { custom: source.custom.clone(), ..Values::default() };
        let mut put = |name: &str, value: &Value| {
            if !value.is_null() {
                values.plain.insert(name.to_owned(), value.clone());
            }
        };
        put("title", source.get("title"));
        put("owner_id", source.get("owner_id"));
        put("person_id", source.get("person_id"));
        if to == Kind::Deal {
            put("org_id", source.get("organization_id"));
            put("value", &source.get("value")["amount"]);
            put("currency", &source.get("value")["currency"]);
            put("stage_id", &json!(conversion.stage));
        } else {
            put("organization_id", source.get("org_id"));
            put("value", &json!({"amount": source.get("value"), "currency": source.get("currency")}));
        }
        let made = self.create(to, values, Hand::Integration)?;
        self.delete(from, number, Hand::Integration);
        Ok(self.records[&to].get(&made).map_or(Value::Null, super::record::Record::id))
    }
}
