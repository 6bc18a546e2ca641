//! What a body may hold: values in their types, and lookups by the names that they are written with.

use serde_json::{Map, Value};

use super::call::{Address, address_of};
use super::moment::{instant, is_day, iso};
use super::refusal::Refusal;
use super::schema::{Column, Table, Ty};
use super::state::{State, link};

fn misfit(column: &Column, wanted: &str) -> Refusal {
    Refusal::new(
        400,
        "0x80048d19",
        format!(
            "Error identified in Payload provided by the user for Entity :'', ---->  InnerException : Microsoft.OData.ODataException: Cannot convert the value of property '{}' to the expected type '{wanted}'.",
            column.name
        ),
    )
}

fn too_long(table: &Table, column: &Column, most: u32) -> Refusal {
    Refusal::new(
        400,
        "0x80044331",
        format!(
            "A validation error occurred. The length of the '{}' attribute of the '{}' entity exceeded the maximum allowed length of '{most}'.",
            column.name, table.name
        ),
    )
}

fn out_of_range(table: &Table, column: &Column, value: i64) -> Refusal {
    let known: Vec<String> = column.choices().iter().map(|choice| choice.value.to_string()).collect();
    Refusal::new(
        400,
        "0x8004431a",
        format!(
            "A validation error occurred. The value {value} of '{}' on record of type '{}' is outside the valid range. Accepted Values: {}",
            column.name,
            table.name,
            known.join(",")
        ),
    )
}

/// A value in its column's type.
pub(crate) fn fitting(table: &Table, column: &Column, value: &Value) -> Result<Value, Refusal> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let text = |wanted: &str| value.as_str().ok_or_else(|| misfit(column, wanted));
    Ok(match &column.ty {
        Ty::Text(most) | Ty::Memo(most) => {
            let text = text("Edm.String")?;
            if text.chars().count() > *most as usize {
                return Err(too_long(table, column, *most));
            }
            // An empty text is nothing, as most clients save it.
            if text.is_empty() { Value::Null } else { value.clone() }
        }
        Ty::Whole | Ty::Big if value.is_i64() || value.is_u64() => value.clone(),
        Ty::Whole | Ty::Big => return Err(misfit(column, "Edm.Int32")),
        Ty::Decimal | Ty::Money if value.is_number() => value.clone(),
        Ty::Decimal | Ty::Money => return Err(misfit(column, "Edm.Decimal")),
        Ty::YesNo if value.is_boolean() => value.clone(),
        Ty::YesNo => return Err(misfit(column, "Edm.Boolean")),
        Ty::Instant | Ty::Zoneless => {
            let at = instant(text("Edm.DateTimeOffset")?).ok_or_else(|| misfit(column, "Edm.DateTimeOffset"))?;
            Value::from(iso(at))
        }
        Ty::Day if is_day(text("Edm.Date")?) => value.clone(),
        Ty::Day => return Err(misfit(column, "Edm.Date")),
        Ty::Choice(all) | Ty::State(all) | Ty::Status(all) => {
            let chosen = value.as_i64().ok_or_else(|| misfit(column, "Edm.Int32"))?;
            if !all.iter().any(|choice| choice.value == chosen) {
                return Err(out_of_range(table, column, chosen));
            }
            value.clone()
        }
        Ty::Choices(all) => {
            for part in text("Edm.String")?.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                let chosen: i64 = part.parse().map_err(|_| misfit(column, "Edm.Int32"))?;
                if !all.iter().any(|choice| choice.value == chosen) {
                    return Err(out_of_range(table, column, chosen));
                }
            }
            value.clone()
        }
        Ty::Key => Value::from(text("Edm.Guid")?.to_lowercase()),
        Ty::Lookup(_) => return Err(Refusal::bad(format!("'{}' is a navigation property; use @odata.bind", column.name))),
    })
}

impl State {
    /// The row that a reference names: `/accounts(…)`, absolute or not, by id or by an alternate key.
    pub(crate) fn referred(&self, text: &str) -> Result<(String, String), Refusal> {
        let path = text.split_once("/api/data/").map_or(text, |(_, rest)| rest.split_once('/').map_or(rest, |(_, rest)| rest));
        let Address { set, key, .. } = address_of(path.trim_start_matches('/'));
        let table = self.table_of_set(&set)?;
        let key = key.ok_or_else(|| Refusal::bad(format!("'{text}' names no row")))?;
        let id = self.resolve(table, &key)?;
        if self.row(&table.name, &id).is_none() {
            return Err(Refusal::absent(&table.name, &id));
        }
        Ok((table.name.clone(), id))
    }

    /// Checked values of a body, and the id that a creation asks for.
    pub(crate) fn check(&self, table: &Table, body: &Map<String, Value>) -> Result<(Map<String, Value>, Option<String>), Refusal> {
        let (mut values, mut id) = (Map::new(), None);
        for (name, value) in body {
            if let Some(property) = name.strip_suffix("@odata.bind") {
                let (column, target) = table.bound(property).ok_or_else(|| Refusal::undeclared(property))?;
                let held = match value {
                    Value::Null => Value::Null,
                    Value::String(text) => {
                        let (found, id) = self.referred(text)?;
                        if found != target {
                            return Err(Refusal::bad(format!("'{property}' takes a {target}, not a {found}")));
                        }
                        link(&found, &id)
                    }
                    _ => return Err(Refusal::bad(format!("'{property}@odata.bind' must be a text"))),
                };
                values.insert(column.name.clone(), held);
                continue;
            }
            if name.contains('@') {
                continue;
            }
            let column = table.column(name).ok_or_else(|| {
                Refusal::new(400, "0x80048d19", format!("Error identified in Payload provided by the user for Entity :'{}', ---->  InnerException : Microsoft.OData.ODataException: The property '{name}' does not exist on type 'Microsoft.Dynamics.CRM.{}'. Make sure to only use property names that are defined by the type.", table.set, table.name))
            })?;
            if column.ty == Ty::Key {
                id = value.as_str().map(str::to_lowercase);
                continue;
            }
            let held = fitting(table, column, value)?;
            // What only the platform sets is passed over without a word.
            if column.writable {
                values.insert(name.clone(), held);
            }
        }
        Ok((values, id))
    }

    /// State and status as they go together; what is asked for against what stands there.
    pub(crate) fn check_state(
        &self,
        table: &Table,
        values: &mut Map<String, Value>,
        present: Option<&Value>,
        by_action: bool,
    ) -> Result<(), Refusal> {
        let Some((states, statuses)) = table.column("statecode").zip(table.column("statuscode")) else { return Ok(()) };
        let (asked_state, asked_status) =
            (values.get("statecode").and_then(Value::as_i64), values.get("statuscode").and_then(Value::as_i64));
        let standing = present.and_then(Value::as_i64).unwrap_or(0);
        if asked_state.is_none() && asked_status.is_none() {
            if present.is_none() {
                let usual = states.choices().first().and_then(|state| state.of).unwrap_or(1);
                values.insert("statecode".to_owned(), Value::from(0));
                values.insert("statuscode".to_owned(), Value::from(usual));
            }
            return Ok(());
        }
        let state = asked_state.unwrap_or(standing);
        let usual = states.choices().iter().find(|choice| choice.value == state).and_then(|choice| choice.of).unwrap_or(1);
        let status = asked_status.unwrap_or(usual);
        if !statuses.choices().iter().any(|choice| choice.value == status && choice.of == Some(state)) {
            return Err(Refusal::new(
                400,
                "0x80048408",
                format!("{status} is not a valid status code for state code {state} on {}", table.name),
            ));
        }
        let closes = matches!((table.name.as_str(), state), ("incident", 1) | ("opportunity", 1 | 2));
        if closes && !by_action && state != standing {
            let (what, message) =
                if table.name == "incident" { ("Case", "CloseIncident") } else { ("Opportunity", "WinOpportunity or LoseOpportunity") };
            return Err(Refusal::new(
                400,
                "0x80040203",
                format!(
                    "This message can not be used to set the state of {what}. In order to set the state of {what}, use the {message} message instead."
                ),
            ));
        }
        values.insert("statecode".to_owned(), Value::from(state));
        values.insert("statuscode".to_owned(), Value::from(status));
        Ok(())
    }
}
