//! CreateMultiple, UpdateMultiple and UpsertMultiple: all rows or none, and nobody says which one was at fault.

use serde_json::{Map, Value, json};

use super::Hand;
use super::call::{Call, Key, address_of};
use super::refusal::{Answer, Outcome, Refusal};
use super::schema::Table;
use super::state::State;

impl State {
    /// `set/Microsoft.Dynamics.CRM.…Multiple`.
    pub(crate) fn bulk_routes(&mut self, call: &Call, table: &Table, message: &str) -> Outcome {
        if message == "DeleteMultiple" {
            return Err(Refusal::new(400, "0x80040203", "DeleteMultiple has not yet been implemented."));
        }
        let wanted = format!("Microsoft.Dynamics.CRM.{}", table.name);
        let targets: Vec<Map<String, Value>> =
            call.body["Targets"].as_array().into_iter().flatten().filter_map(|target| target.as_object().cloned()).collect();
        if targets.is_empty() || targets.iter().any(|target| target.get("@odata.type") != Some(&json!(wanted))) {
            return Err(Refusal::new(
                400,
                "0x80048d19",
                "A type name was not found for an item of 'Targets', and no type could be derived.",
            ));
        }
        let by = Hand::Integration;
        match message {
            "CreateMultiple" => {
                let ids = self.atomically(|state| {
                    targets.iter().map(|target| state.create(&table.set, target, &by)).collect::<Result<Vec<_>, _>>()
                })?;
                let context = format!("{}$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse", call.root);
                Ok(Answer::ok(json!({"@odata.context": context, "Ids": ids})))
            }
            "UpdateMultiple" => {
                self.atomically(|state| {
                    targets.iter().try_for_each(|target| {
                        let id = target
                            .get(&table.id)
                            .and_then(Value::as_str)
                            .ok_or_else(|| Refusal::bad(format!("'{}' is missing.", table.id)))?;
                        state.update(&table.name, &id.to_lowercase(), target, &by)
                    })
                })?;
                Ok(Answer::nothing())
            }
            "UpsertMultiple" => {
                self.atomically(|state| targets.iter().try_for_each(|target| state.upsert(table, target, &by)))?;
                Ok(Answer::nothing())
            }
            _ => Err(Refusal::segment(message)),
        }
    }

    fn upsert(&mut self, table: &Table, target: &Map<String, Value>, by: &Hand) -> Result<(), Refusal> {
        let named = target.get("@odata.id").and_then(Value::as_str).and_then(|text| address_of(text).key);
        let key = named.or_else(|| target.get(&table.id).and_then(Value::as_str).map(|id| Key::Id(id.to_lowercase())));
        let (found, values) = match key {
            Some(Key::Id(id)) => (self.row(&table.name, &id).map(|row| row.id.clone()), Vec::new()),
            Some(Key::Values(values)) => (self.find_by_key(table, &values)?, values),
            None => (None, Vec::new()),
        };
        match found {
            Some(id) => self.update(&table.name, &id, target, by),
            None => {
                let mut whole = target.clone();
                self.add_key(table, &values, &mut whole)?;
                self.create(&table.set, &whole, by).map(drop)
            }
        }
    }
}
