//! Rows by themselves: made, read, changed, upserted, deleted, one property at a time if need be.

use http::Method;
use serde_json::{Map, Value, json};

use super::Hand;
use super::call::{Call, Key};
use super::refusal::{Answer, Outcome, Refusal};
use super::schema::Table;
use super::state::State;

impl State {
    fn entity(&self, call: &Call, table: &Table, id: &str, status: u16) -> Outcome {
        let record = self.row(&table.name, id).ok_or_else(|| Refusal::absent(&table.name, id))?;
        let shape = self.shape(table, call)?;
        let mut row = self.shown(table, record, &shape);
        let selected = if shape.select.is_empty() { String::new() } else { format!("({})", shape.select.join(",")) };
        row.insert("@odata.context".to_owned(), json!(format!("{}$metadata#{}{selected}/$entity", call.root, table.set)));
        Ok(Answer::json(status, Value::Object(row)))
    }

    /// What a write answers: nothing but the row's address, or the row if that is preferred.
    fn wrote(&self, call: &Call, table: &Table, id: &str, created: bool) -> Outcome {
        if call.wants_representation() {
            let answer = self.entity(call, table, id, if created { 201 } else { 200 })?;
            return Ok(answer.with("preference-applied", "return=representation"));
        }
        let address = format!("{}{}({id})", call.root, table.set);
        Ok(Answer::nothing().with("odata-entityid", &address).with("location", address))
    }

    /// Whether a precondition of a write holds.
    fn precondition(&self, call: &Call, table: &Table, id: &str) -> Result<(), Refusal> {
        let Some(wanted) = call.if_match.as_deref().filter(|wanted| *wanted != "*") else { return Ok(()) };
        let record = self.row(&table.name, id).ok_or_else(|| Refusal::absent(&table.name, id))?;
        let found = format!("W/\"{}\"", record.version);
        if wanted == found { Ok(()) } else { Err(Refusal::version()) }
    }

    /// `POST set`.
    pub(crate) fn post_row(&mut self, call: &Call, table: &Table) -> Outcome {
        let body = call.object()?.clone();
        let id = self.atomically(|state| state.create(&table.set, &body, &Hand::Integration))?;
        self.wrote(call, table, &id, true)
    }

    /// `set(key)`.
    pub(crate) fn row_routes(&mut self, call: &Call, table: &Table, key: &Key) -> Outcome {
        match call.method {
            Method::GET => {
                let id = self.resolve(table, key)?;
                let version = self.row(&table.name, &id).map(|row| format!("W/\"{}\"", row.version));
                if call.if_none_match.is_some() && call.if_none_match == version && call.query("$expand").is_none() {
                    return Ok(Answer { status: 304, ..Answer::default() });
                }
                self.entity(call, table, &id, 200)
            }
            Method::PATCH => self.patch_row(call, table, key),
            Method::DELETE => {
                let id = self.resolve(table, key)?;
                self.precondition(call, table, &id)?;
                self.atomically(|state| state.delete(&table.name, &id, &Hand::Integration))?;
                Ok(Answer::nothing())
            }
            _ => Err(Refusal::new(405, "0x80060888", "The requested resource does not support this http method.")),
        }
    }

    fn patch_row(&mut self, call: &Call, table: &Table, key: &Key) -> Outcome {
        let body = call.object()?.clone();
        let found = match key {
            Key::Id(_) => Some(self.resolve(table, key)?).filter(|id| self.row(&table.name, id).is_some()),
            Key::Values(values) => self.find_by_key(table, values)?,
        };
        match found {
            Some(id) => {
                if call.if_none_match.as_deref() == Some("*") {
                    return Err(Refusal::exists());
                }
                self.precondition(call, table, &id)?;
                self.atomically(|state| state.update(&table.name, &id, &body, &Hand::Integration))?;
                self.wrote(call, table, &id, false)
            }
            None => {
                if call.if_match.is_some() {
                    return Err(match key {
                        Key::Id(id) => Refusal::absent(&table.name, id),
                        Key::Values(_) => Refusal::no_key_value(&table.name),
                    });
                }
                let mut whole = body;
                match key {
                    Key::Id(id) => drop(whole.insert(table.id.clone(), json!(id))),
                    Key::Values(values) => self.add_key(table, values, &mut whole)?,
                }
                let id = self.atomically(|state| state.create(&table.set, &whole, &Hand::Integration))?;
                self.wrote(call, table, &id, true)
            }
        }
    }

    /// Adds the values of a key to a body that creates a row.
    pub(crate) fn add_key(&self, table: &Table, values: &[(String, Value)], body: &mut Map<String, Value>) -> Result<(), Refusal> {
        for (name, value) in values {
            let column = table.readable(name).ok_or_else(|| Refusal::not_a_key(&table.name))?;
            if column.is_lookup() {
                let navigation = column.navigation(&table.name);
                if let Some((property, target)) = navigation.first() {
                    let set = &self.table(target)?.set;
                    let id = value.as_str().unwrap_or_default();
                    body.entry(format!("{property}@odata.bind")).or_insert_with(|| json!(format!("/{set}({id})")));
                }
            } else {
                body.entry(column.name.clone()).or_insert_with(|| value.clone());
            }
        }
        Ok(())
    }

    /// `set(key)/property` and `set(key)/navigation/$ref`.
    pub(crate) fn property_routes(&mut self, call: &Call, table: &Table, key: &Key, rest: &[&str]) -> Outcome {
        let id = self.resolve(table, key)?;
        let change = |state: &mut Self, name: String, value: Value| {
            let mut body = Map::new();
            body.insert(name, value);
            state.atomically(|state| state.update(&table.name, &id, &body, &Hand::Integration))?;
            Ok(Answer::nothing())
        };
        match (&call.method, rest) {
            (&Method::GET, [name]) if table.column(name).is_some_and(|column| !column.is_lookup()) => {
                let record = self.row(&table.name, &id).ok_or_else(|| Refusal::absent(&table.name, &id))?;
                let value = self.value_by_name(table, record, name);
                if value.is_null() {
                    return Ok(Answer::nothing());
                }
                let context = format!("{}$metadata#{}({id})/{name}", call.root, table.set);
                Ok(Answer::ok(json!({"@odata.context": context, "value": value})))
            }
            (&Method::PUT, [name]) => change(self, (*name).to_owned(), call.body["value"].clone()),
            (&Method::DELETE, [name]) => change(self, (*name).to_owned(), Value::Null),
            (&Method::PUT, [name, "$ref"]) => change(self, format!("{name}@odata.bind"), call.body["@odata.id"].clone()),
            (&Method::DELETE, [name, "$ref"]) => change(self, format!("{name}@odata.bind"), Value::Null),
            _ => Err(Refusal::segment(rest.first().copied().unwrap_or_default())),
        }
    }
}
