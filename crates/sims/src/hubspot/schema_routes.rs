//! The schemas API: object types of a portal's own, and what they go together with.

use serde_json::json;

use super::call::Call;
use super::refusal::{Answer, Outcome, Refusal};
use super::schemas::texts;
use super::state::State;

impl State {
    /// `/schemas/…`.
    pub(crate) fn schema_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        self.may_define(if call.method == http::Method::GET { "crm.schemas.custom.read" } else { "crm.schemas.custom.write" })?;
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let archived = call.query("archived") == Some("true");
                let list =
                    self.schemas.list.iter().filter(|schema| schema.archived == archived && !self.kinds[schema.kind].name.is_empty());
                Ok(Answer::ok(json!({"results": list.map(|schema| self.schema_shown(schema)).collect::<Vec<_>>()})))
            }
            ("POST", []) => {
                let kind = self.define(&call.body)?;
                let made = self.schemas.of(kind).ok_or_else(Refusal::resource)?;
                Ok(Answer::created(self.schema_shown(made)))
            }
            ("POST", ["batch", "read"]) => {
                let mut results = Vec::new();
                for input in call.inputs(100)? {
                    let at = self.schema_at(input["id"].as_str().unwrap_or_default())?;
                    results.push(self.schema_shown(&self.schemas.list[at]));
                }
                Ok(call.batch(200, results, Vec::new()))
            }
            ("GET", [name]) => {
                let at = self.schema_at(name)?;
                Ok(Answer::ok(self.schema_shown(&self.schemas.list[at])))
            }
            ("PATCH", [name]) => {
                let at = self.schema_at(name)?;
                let now = self.now_ms;
                let schema = &mut self.schemas.list[at];
                let (body, text) = (&call.body, |value: &serde_json::Value, held: &mut String| {
                    if let Some(given) = value.as_str() {
                        given.clone_into(held);
                    }
                });
                text(&body["labels"]["singular"], &mut schema.singular);
                text(&body["labels"]["plural"], &mut schema.plural);
                text(&body["description"], &mut schema.description);
                text(&body["primaryDisplayProperty"], &mut schema.primary);
                for (key, held) in [
                    ("requiredProperties", &mut schema.required),
                    ("searchableProperties", &mut schema.searchable),
                    ("secondaryDisplayProperties", &mut schema.secondary),
                ] {
                    if body[key].is_array() {
                        *held = texts(&body[key]);
                    }
                }
                schema.updated_ms = now;
                Ok(Answer::ok(self.schema_shown(&self.schemas.list[at])))
            }
            ("DELETE", [name]) => {
                let at = self.schema_at(name)?;
                let kind = self.schemas.list[at].kind;
                if self.records[kind].values().any(|record| record.archived_ms.is_none()) {
                    return Err(Refusal::validation("An object type definition with records cannot be deleted"));
                }
                self.schemas.list[at].archived = true;
                if call.query("archived") == Some("true") {
                    self.forget_kind(kind);
                    self.schemas.together.retain(|known| known.from != kind && known.to != kind);
                    self.schemas.list[at].name = String::new();
                }
                Ok(Answer::nothing())
            }
            ("POST", [name, "associations"]) => {
                let home = self.schemas.list[self.schema_at(name)?].kind;
                let end = |key: &str| self.partner(call.body[key].as_str().unwrap_or_default());
                let (from, to) = (end("fromObjectTypeId")?, end("toObjectTypeId")?);
                if from != home && to != home {
                    return Err(Refusal::validation("One end of the association must be this object type"));
                }
                let id = self.go_together(from, to, call.body["name"].as_str());
                let known = self.schemas.together.iter().find(|known| known.id == id).cloned().ok_or_else(Refusal::resource)?;
                Ok(Answer::created(self.together_shown(&known)))
            }
            ("DELETE", [name, "associations", id]) => {
                let kind = self.schemas.list[self.schema_at(name)?].kind;
                self.schemas.together.retain(|known| known.id.to_string() != *id || (known.from != kind && known.to != kind));
                Ok(Answer::nothing())
            }
            _ => Err(Refusal::resource()),
        }
    }

    /// Place of a definition by type id, full or short name.
    fn schema_at(&self, name: &str) -> Result<usize, Refusal> {
        let fits = |schema: &super::schemas::Schema| {
            let kind = &self.kinds[schema.kind];
            !kind.name.is_empty() && (schema.name == name || kind.type_id == name || kind.name == name)
        };
        self.schemas.list.iter().position(fits).ok_or_else(Refusal::resource)
    }
}
