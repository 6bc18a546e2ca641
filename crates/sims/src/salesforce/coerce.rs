//! From what a client sends to what a cell holds, with the vendor's refusals.

use serde_json::{Map, Value};

use super::cell::{self, Cell, Val};
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::{Actor, Org};
use super::schema::{FieldSpec, FieldType, Source};

/// A change of one cell.
pub(crate) type Change = (u16, Option<Cell>);

impl Org {
    /// Reads the fields of a create or update of `table`.
    pub fn coerce(&mut self, table: usize, fields: &Map<String, Value>, actor: &Actor, creating: bool) -> Outcome<Vec<Change>> {
        let mut changes = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            if name == "attributes" {
                continue;
            }
            let Some(slot) = self.tables[table].slot(name) else {
                changes.push(self.parent_by_key(table, name, value)?);
                continue;
            };
            let Some(field) = self.tables[table].field(slot).cloned() else { continue };
            if !actor.trusted && !self.permits(actor.user, table, &field, false) {
                return Err(self.no_such_column(table, name));
            }
            let allowed = if creating { field.spec.createable } else { field.spec.updateable };
            let settable =
                if actor.trusted { field.source == Source::Cell } else { allowed && self.permits(actor.user, table, &field, true) };
            if !settable {
                let message = format!(
                    "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
                    field.spec.name
                );
                return Err(Fail::on("INVALID_FIELD_FOR_INSERT_UPDATE", &field.spec.name, message));
            }
            let value = read_cell(&field.spec, value)?;
            if let Some(Cell::Id(id)) = &value {
                self.check_reference(&field.spec, *id)?;
            }
            changes.push((slot, value));
        }
        Ok(changes)
    }

    fn no_such_column(&self, table: usize, name: &str) -> Fail {
        let message = format!("No such column '{name}' on sobject of type {}", self.tables[table].name);
        Fail::bad("INVALID_FIELD", message)
    }

    /// `{"Account": {"Ext__c": "A-1"}}`: a parent named by its external id.
    fn parent_by_key(&self, table: usize, name: &str, value: &Value) -> Outcome<Change> {
        let Some((slot, field)) = self.tables[table].relationship(name) else { return Err(self.no_such_column(table, name)) };
        let key = match value {
            Value::Null => return Ok((slot, None)),
            Value::Object(key) => key,
            _ => return Err(self.no_such_column(table, name)),
        };
        let wanted = key.get("attributes").and_then(|a| a.get("type")).and_then(Value::as_str);
        let targets = field.spec.reference_to.iter().filter(|to| wanted.is_none_or(|w| w.eq_ignore_ascii_case(to)));
        let Some((column, sought)) = key.iter().find(|(column, _)| *column != "attributes") else {
            return Err(self.no_such_column(table, name));
        };
        let text = match sought {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        for target in targets {
            let Some(at) = self.table(target) else { continue };
            let parent = &self.tables[at];
            if column.eq_ignore_ascii_case("Id") {
                if let Some(id) = SfId::parse(&text) {
                    self.live(at, id).map_err(|_| cross_reference())?;
                    return Ok((slot, Some(Cell::Id(id))));
                }
                continue;
            }
            let Some((key_slot, key_field)) = parent.named(column) else { continue };
            if !key_field.spec.external_id && !key_field.spec.id_lookup {
                continue;
            }
            let found: Vec<SfId> = self.keyed(at, key_slot, &text).into_iter().filter_map(|ord| Some(parent.row(ord)?.id)).collect();
            return match found.as_slice() {
                [id] => Ok((slot, Some(Cell::Id(*id)))),
                [] => {
                    let message =
                        format!("Foreign key external ID: {} not found for field {column} in entity {target}", text.to_lowercase());
                    Err(Fail::bad("INVALID_FIELD", message))
                }
                _ => Err(Fail::bad("DUPLICATE_EXTERNAL_ID", format!("{column}: more than one record found for external id field"))),
            };
        }
        Err(self.no_such_column(table, &format!("{name}.{column}")))
    }

    /// Live rows whose key field has this value, given as text.
    pub fn keyed(&self, table: usize, slot: u16, text: &str) -> Vec<u32> {
        let t = &self.tables[table];
        let Some(field) = t.field(slot) else { return Vec::new() };
        let rows = match field.spec.kind {
            kind if kind.is_number() => text.parse().map_or_else(|_| Vec::new(), |n| t.lookup(slot, Val::Num(n))),
            _ => t.lookup(slot, Val::Text(text.trim())),
        };
        let exact = field.spec.case_sensitive;
        rows.into_iter()
            .filter(|ord| t.row(*ord).is_some_and(|row| row.live() && (!exact || row.cell(slot) == Val::Text(text.trim()))))
            .collect()
    }

    fn check_reference(&self, spec: &FieldSpec, id: SfId) -> Outcome<()> {
        let Some(table) = self.table_of(id) else { return Err(cross_reference()) };
        let target = &self.tables[table];
        if !spec.reference_to.iter().any(|to| to == &target.name) {
            let message = format!("{}: id value of incorrect type: {id}", spec.label);
            return Err(Fail::on("FIELD_INTEGRITY_EXCEPTION", &spec.name, message));
        }
        match target.find(id).and_then(|ord| target.row(ord)) {
            Some(row) if row.live() => Ok(()),
            Some(_) => Err(Fail::bad("ENTITY_IS_DELETED", "entity is deleted")),
            None => Err(cross_reference()),
        }
    }
}

fn cross_reference() -> Fail {
    Fail::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
}

fn unreadable(spec: &FieldSpec, value: &Value) -> Fail {
    let token = match value {
        Value::String(_) => "VALUE_STRING",
        Value::Number(n) if n.is_f64() => "VALUE_NUMBER_FLOAT",
        Value::Number(_) => "VALUE_NUMBER_INT",
        Value::Bool(true) => "VALUE_TRUE",
        Value::Bool(false) => "VALUE_FALSE",
        Value::Array(_) => "START_ARRAY",
        _ => "START_OBJECT",
    };
    let shown = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let message = format!(
        "Cannot deserialize instance of {} from {token} value {shown} or request may be missing a required field",
        spec.kind.name()
    );
    Fail::on("JSON_PARSER_ERROR", &spec.name, message)
}

/// Reads one value for a field; `None` is null.
pub(crate) fn read_cell(spec: &FieldSpec, value: &Value) -> Outcome<Option<Cell>> {
    let text = match value {
        Value::Null if spec.kind == FieldType::Boolean => {
            let message = format!("{}: value not of required type: ", spec.label);
            return Err(Fail::on("INVALID_TYPE_ON_FIELD_IN_RECORD", &spec.name, message));
        }
        Value::Null => return Ok(None),
        Value::String(text) if text.trim().is_empty() && spec.kind != FieldType::Boolean => return Ok(None),
        Value::String(text) => Some(text.trim()),
        _ => None,
    };
    let refuse = || unreadable(spec, value);
    let cell = match spec.kind {
        FieldType::Boolean => match (value, text.map(str::to_ascii_lowercase).as_deref()) {
            (Value::Bool(b), _) => Cell::Bool(*b),
            (_, Some("true" | "1")) => Cell::Bool(true),
            (_, Some("false" | "0")) => Cell::Bool(false),
            _ => return Err(refuse()),
        },
        FieldType::Int | FieldType::Double | FieldType::Currency | FieldType::Percent => {
            let number = value.as_f64().or_else(|| text?.parse().ok()).ok_or_else(refuse)?;
            Cell::Num(in_range(spec, number)?)
        }
        FieldType::Date => Cell::Text(read_day(text.ok_or_else(refuse)?).ok_or_else(refuse)?.into_boxed_str()),
        FieldType::Datetime => Cell::Ms(cell::read_datetime(text.ok_or_else(refuse)?).ok_or_else(refuse)?),
        FieldType::Reference | FieldType::Id => {
            let text = text.ok_or_else(refuse)?;
            let malformed = || Fail::on("MALFORMED_ID", &spec.name, format!("{}: id value of incorrect type: {text}", spec.label));
            Cell::Id(SfId::parse(text).ok_or_else(malformed)?)
        }
        FieldType::Address => return Err(refuse()),
        _ => read_text(spec, text.ok_or_else(refuse)?)?,
    };
    Ok(Some(cell))
}

fn read_day(text: &str) -> Option<String> {
    cell::read_date(text).or_else(|| cell::read_datetime(text).map(cell::day_of))
}

fn in_range(spec: &FieldSpec, number: f64) -> Outcome<f64> {
    let whole_digits = spec.precision.saturating_sub(spec.scale).min(18);
    let limit = 10_f64.powi(i32::try_from(whole_digits).unwrap_or(18));
    if !number.is_finite() || number.abs() >= limit {
        let message = format!("{}: value outside of valid range on numeric field: {number}", spec.label);
        return Err(Fail::on("NUMBER_OUTSIDE_VALID_RANGE", &spec.name, message));
    }
    let unit = 10_f64.powi(i32::try_from(spec.scale).unwrap_or(0));
    Ok((number * unit).round() / unit)
}

fn read_text(spec: &FieldSpec, text: &str) -> Outcome<Cell> {
    let count = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    if spec.length > 0 && count > spec.length {
        let head: String = text.chars().take(255).collect();
        let message = format!("{}: data value too large: {head} (max length={})", spec.label, spec.length);
        return Err(Fail::on("STRING_TOO_LONG", &spec.name, message));
    }
    match spec.kind {
        FieldType::Email if !is_email(text) => {
            Err(Fail::on("INVALID_EMAIL_ADDRESS", &spec.name, format!("{}: invalid email address: {text}", spec.label)))
        }
        FieldType::Picklist => {
            let known = spec.values.iter().find(|v| v.eq_ignore_ascii_case(text));
            match known {
                Some(value) => Ok(Cell::text(value)),
                None if spec.restricted => Err(bad_pick(spec, text)),
                None => Ok(Cell::text(text)),
            }
        }
        FieldType::MultiPicklist => {
            let mut picked: Vec<&str> = text.split(';').map(str::trim).filter(|v| !v.is_empty()).collect();
            if let Some(unknown) = picked.iter().find(|v| spec.restricted && !spec.values.iter().any(|known| known == *v)) {
                return Err(bad_pick(spec, unknown));
            }
            // The vendor keeps the order of the definition, not that of the client.
            picked.sort_by_key(|v| spec.values.iter().position(|known| known == v).unwrap_or(usize::MAX));
            picked.dedup();
            Ok(Cell::text(&picked.join(";")))
        }
        FieldType::TextArea => Ok(Cell::text(&text.replace("\r\n", "\n").replace('\n', "\r\n"))),
        _ => Ok(Cell::text(text)),
    }
}

fn bad_pick(spec: &FieldSpec, value: &str) -> Fail {
    let message = format!("{}: bad value for restricted picklist field: {value}", spec.label);
    Fail::on("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", &spec.name, message)
}

/// The vendor's rough idea of a mail address.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !part.contains("..");
    plain(local)
        && plain(host)
        && host.contains('.')
        && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
        && !local.chars().any(|c| c.is_whitespace() || matches!(c, '@' | ',' | ';' | '<' | '>' | '(' | ')' | '"'))
}
