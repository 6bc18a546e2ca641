//! From rows as the platform sends them to flattened ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use serde_json::{Number, Value};

use super::Rest;
use super::description::fields::Kind;
use super::description::object::ObjectPart;
use super::description::path::id_text;
use super::known::{Fields, Known};
use super::lists::Entries;
use crate::actors::Actors;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::html;
use crate::look::{Existence, Look};
use crate::vendors::pipedrive::marker;

/// Numbers from here on are milliseconds since 1970 rather than seconds: as seconds they would be the year 5138.
const MILLIS_FROM: i64 = 100_000_000_000;

/// What a look needs beside the row.
pub(crate) struct Seeing<'a> {
    pub object: &'a str,
    pub part: &'a ObjectPart,
    pub fields: Arc<Fields>,
    pub lists: BTreeMap<String, Entries>,
    pub actors: &'a Actors,
    pub ours: String,
    /// The platform's clock minus ours, in milliseconds.
    pub offset_ms: i64,
    pub seen_at: Timestamp,
}

/// An instant in any form that platforms write: RFC 3339, with a blank between day and time, seconds or milliseconds since 1970.
pub(crate) fn instant(value: &Value) -> Option<Timestamp> {
    let counted = |number: i64| {
        if number.abs() >= MILLIS_FROM { Timestamp::from_millisecond(number).ok() } else { Timestamp::from_second(number).ok() }
    };
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)).and_then(counted),
        Value::String(text) => {
            let text = text.trim();
            let spaced = || format!("{}Z", text.replacen(' ', "T", 1)).parse().ok();
            text.parse().ok().or_else(spaced).or_else(|| text.parse().ok().and_then(counted))
        }
        _ => None,
    }
}

/// A decimal text as JSON number.
pub(crate) fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::from(whole));
    }
    text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
}

fn truth(value: &Value) -> Value {
    match value {
        Value::Bool(_) | Value::Null => value.clone(),
        Value::Number(number) => Value::Bool(number.as_i64() != Some(0)),
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "" => Value::Null,
            text => Value::Bool(matches!(text, "true" | "yes" | "1" | "y")),
        },
        _ => Value::Null,
    }
}

fn label(known: &Known, value: &Value) -> Option<Value> {
    let id = id_text(value).or_else(|| id_text(&value["id"]))?;
    Some(Value::from(known.label(&id).map_or_else(|| id.clone(), str::to_owned)))
}

fn several(known: &Known, value: &Value) -> Value {
    let items: Vec<Value> = match (value, &known.field.separator) {
        (Value::Array(items), _) => items.clone(),
        (Value::String(text), Some(separator)) => text.split(separator.as_str()).map(|item| Value::from(item.trim())).collect(),
        (Value::Null, _) => Vec::new(),
        (other, _) => vec![other.clone()],
    };
    items.iter().filter_map(|item| label(known, item)).collect()
}

/// A value in flattened form.
fn flat(known: &Known, value: &Value) -> Value {
    match known.field.kind {
        Kind::MultiPicklist => several(known, value),
        Kind::Json => value.clone(),
        _ if value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()) => Value::Null,
        Kind::Reference => id_text(value).or_else(|| id_text(&value["id"])).map_or(Value::Null, Value::String),
        Kind::Picklist => label(known, value).unwrap_or(Value::Null),
        Kind::Boolean => match &known.flags {
            Some((yes, _)) => id_text(value).or_else(|| id_text(&value["id"])).map_or(Value::Null, |id| Value::Bool(id == *yes)),
            None => truth(value),
        },
        Kind::Number => value.as_str().and_then(number).unwrap_or_else(|| value.clone()),
        Kind::Date => match value {
            Value::String(text) => Value::String(text.chars().take("YYYY-MM-DD".len()).collect()),
            other => instant(other).map_or(Value::Null, |at| Value::String(at.strftime("%Y-%m-%d").to_string())),
        },
        Kind::Datetime => instant(value).map_or_else(|| value.clone(), |at| Value::String(at.to_string())),
        _ => match value {
            Value::String(text) if known.field.html => Value::String(html::to_text(text)),
            Value::String(_) => value.clone(),
            Value::Number(_) | Value::Bool(_) => Value::String(value.to_string()),
            Value::Array(items) => Value::String(items.iter().filter_map(id_text).collect::<Vec<_>>().join(", ")),
            other => other.clone(),
        },
    }
}

impl Seeing<'_> {
    /// The value of one flattened field.
    pub fn value(&self, row: &Value, name: &str) -> Value {
        let Ok(known) = self.fields.named(self.object, name) else { return Value::Null };
        let text_of = |text: &str| {
            let known = self.fields.named(self.object, text).ok();
            let held = known.and_then(|known| known.path.first(row)).and_then(Value::as_str);
            marker::split(held.unwrap_or_default())
        };
        if let Some(text) = &known.field.last_line_of {
            return text_of(text).1.map_or(Value::Null, Value::String);
        }
        if self.fields.line_of(name).is_some() {
            let (text, _) = text_of(name);
            return if text.is_empty() { Value::Null } else { Value::String(text) };
        }
        if let Some(formula) = &known.field.value {
            return flat(known, &formula.value(row, self.seen_at));
        }
        if let Some(look_up) = &known.field.look_up {
            let entry = known.path.text_in(row).and_then(|id| self.lists.get(&look_up.list)?.get(&id));
            return entry.and_then(|entry| look_up.show.first(entry)).map_or(Value::Null, |value| flat(known, value));
        }
        if known.field.kind == Kind::MultiPicklist && known.path.is_in_a_list() {
            let all: Vec<Value> = known.path.all(row).into_iter().cloned().collect();
            return flat(known, &Value::Array(all));
        }
        let found = known.path.first(row).or_else(|| known.field.fallback.as_ref().and_then(|path| path.first(row)));
        flat(known, found.unwrap_or(&Value::Null))
    }

    /// The row's id.
    pub fn id(&self, row: &Value) -> Option<String> {
        self.part.row.id.text_in(row)
    }

    /// Whether the row says of itself that it is gone.
    pub fn is_gone(&self, row: &Value) -> bool {
        self.part.row.gone.as_ref().is_some_and(|gone| gone.holds(row, self.seen_at))
    }

    fn mark(&self, row: &Value) -> ChangeMark {
        let ours = |theirs: Timestamp| theirs.checked_sub(jiff::SignedDuration::from_millis(self.offset_ms)).ok();
        let user = self.part.row.changed_by.as_ref().and_then(|path| path.text_in(row));
        self.actors.mark(self.part.row.changed_at.first(row).and_then(instant).and_then(ours), user.as_deref(), &self.ours)
    }

    /// A whole look at a row. Nothing for something without an id.
    pub fn look(&self, row: &Value, fields: &[String]) -> Option<Look> {
        let id = self.id(row)?;
        let version = version(self.part, row);
        if let Some(into) = self.part.row.merged_into.as_ref().and_then(|path| path.text_in(row)) {
            return Some(Look { existence: Existence::MergedInto(into), ..self.gone(id, version) });
        }
        if self.is_gone(row) {
            return Some(self.gone(id, version));
        }
        Some(Look {
            object: self.object.to_owned(),
            id,
            existence: Existence::Present,
            row: fields.iter().map(|name| (name.clone(), self.value(row, name))).collect(),
            complete: true,
            version,
            mark: self.mark(row),
            seen_at: self.seen_at,
        })
    }

    /// What the answer to a write of ours, or a webhook, shows: everything but what only lists tell.
    pub fn partial(&self, row: &Value) -> Option<Look> {
        let names = self.fields.all().filter(|(_, known)| known.field.look_up.is_none()).map(|(name, _)| name.clone());
        let mut look = self.look(row, &names.collect::<Vec<_>>())?;
        look.complete = false;
        Some(look)
    }

    /// A look at a row that is gone.
    pub fn gone(&self, id: String, version: Option<String>) -> Look {
        Look {
            object: self.object.to_owned(),
            id,
            existence: Existence::Deleted,
            row: Row::new(),
            complete: true,
            version,
            mark: ChangeMark { at: None, by: Actor::Unknown, who: None },
            seen_at: self.seen_at,
        }
    }

    /// Whether a row shows that its fields have changed: it holds a choice that nobody told of, or lacks a custom field that it should hold,
    /// be it as null.
    fn surprises(&self, row: &Value, names: &[String]) -> bool {
        names.iter().filter_map(|name| self.fields.named(self.object, name).ok()).any(|known| {
            let lacks = known.code.is_some() && known.path.lacks(row);
            let listed = !known.options.is_empty() && !known.open;
            let strange = |value: &&Value| id_text(value).is_some_and(|id| known.label(&id).is_none());
            let values = known.path.all(row);
            let values = values.into_iter().flat_map(|value| value.as_array().map_or_else(|| vec![value], |items| items.iter().collect()));
            lacks || (listed && known.field.separator.is_none() && values.collect::<Vec<_>>().iter().any(strange))
        })
    }
}

/// A row's version: its own, or its stamp in one spelling.
pub(crate) fn version(part: &ObjectPart, row: &Value) -> Option<String> {
    match &part.row.version {
        Some(path) => path.text_in(row),
        None => part.row.changed_at.first(row).and_then(instant).map(|at| at.to_string()),
    }
}

impl Rest {
    /// What rows are seen with: fields and lists.
    pub(super) async fn seeing<'a>(
        &'a self,
        object: &'a str,
        names: &[String],
        rows: &[Value],
        priority: Priority,
    ) -> Result<Seeing<'a>, VendorError> {
        let fields = self.fields(object, names, priority).await?;
        Ok(Seeing {
            object,
            part: self.object(object)?,
            lists: self.lists_for(object, &fields, names, rows, priority).await?,
            fields,
            actors: &self.actors,
            ours: self.ours(),
            offset_ms: self.client.offset().ms().unwrap_or(0),
            seen_at: self.client.now(),
        })
    }

    /// Flattens rows. A field that a row does not even hold as null does not exist any more: it must not be taken for one that somebody
    /// cleared.
    pub(super) async fn looks(&self, object: &str, rows: &[Value], names: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let mut seeing = self.seeing(object, names, rows, priority).await?;
        if rows.iter().any(|row| seeing.surprises(row, names)) && self.doubt(object).await {
            seeing = self.seeing(object, names, rows, priority).await?;
        }
        Ok(rows.iter().filter_map(|row| seeing.look(row, names)).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_instant_is_read_in_every_form() {
        let expected: Timestamp = "2026-01-31T10:00:00Z".parse().expect("instant");
        for form in [
            json!("2026-01-31T10:00:00Z"),
            json!("2026-01-31 10:00:00"),
            json!(1_769_853_600),
            json!(1_769_853_600_000_i64),
            json!("1769853600"),
        ] {
            assert_eq!(instant(&form), Some(expected), "{form}");
        }
        assert_eq!(instant(&json!("soon")), None);
    }
}
