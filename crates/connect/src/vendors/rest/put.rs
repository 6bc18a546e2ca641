//! From flattened values to the body of a write. The types are the ones that the description names.

use entente_model::mapping::remote::Row;
use serde_json::{Map, Value};

use super::ask::stamp;
use super::description::fields::Kind;
use super::known::{Fields, Known};
use super::look::{instant, number};
use super::refusal::{misfit, unusable};
use crate::error::VendorError;
use crate::html;
use crate::vendors::pipedrive::marker;

/// What a body needs beside the values.
pub(crate) struct Drafting<'a> {
    pub object: &'a str,
    pub fields: &'a Fields,
    /// The row as it stands, where there is one and it matters.
    pub present: &'a Value,
    /// Entente's record id.
    pub key: &'a str,
    /// What clears a value.
    pub clear: &'a Value,
}

/// Whether a write must know the row as it stands: what it changes is a part of something that is written whole.
pub(crate) fn needs_present(object: &str, row: &Row, fields: &Fields) -> bool {
    row.keys().any(|name| {
        fields.line_of(name).is_some()
            || fields.named(object, name).is_ok_and(|known| known.path.is_in_a_list() || known.field.last_line_of.is_some())
    })
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::String(text) if !text.is_empty() => vec![text.as_str()],
        _ => Vec::new(),
    }
}

fn as_number(name: &str, value: &Value) -> Result<Value, VendorError> {
    match value {
        Value::Number(_) => Ok(value.clone()),
        Value::String(text) => {
            number(text).ok_or_else(|| unusable("bad_number", format!("the value for `{name}` is not a number")).about(name))
        }
        _ => Err(unusable("bad_number", format!("the value for `{name}` is not a number")).about(name)),
    }
}

fn id(name: &str, known: &Known, id: &str) -> Result<Value, VendorError> {
    if !known.field.number {
        return Ok(Value::from(id));
    }
    id.trim()
        .parse::<u64>()
        .map(Value::from)
        .map_err(|_| unusable("bad_reference", format!("the value for `{name}` is no id there")).about(name))
}

fn choice(name: &str, known: &Known, label: &str) -> Result<Value, VendorError> {
    match known.choice(label) {
        Some(found) => id(name, known, found),
        None if known.open => Ok(Value::from(label)),
        None => {
            let labels: Vec<&str> = known.options.iter().map(|(_, label)| label.as_str()).collect();
            let message = format!("the value for `{name}` is none of its choices at the platform: {}", labels.join(", "));
            Err(unusable("unknown_choice", message).about(name))
        }
    }
}

/// A value as the platform takes it.
///
/// # Errors
/// When it does not fit the field's type.
pub(crate) fn written(name: &str, known: &Known, value: &Value) -> Result<Value, VendorError> {
    let blank = value.is_null() || value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty);
    if blank {
        return Ok(Value::Null);
    }
    match known.field.kind {
        Kind::Number => as_number(name, value),
        Kind::Boolean => {
            let flag = match value {
                Value::Bool(flag) => *flag,
                other => text(other).is_some_and(|text| matches!(text.to_lowercase().as_str(), "true" | "yes" | "1")),
            };
            match &known.flags {
                Some((yes, no)) => id(name, known, if flag { yes } else { no }),
                None => Ok(Value::Bool(flag)),
            }
        }
        Kind::Date => Ok(match value {
            Value::String(text) => Value::String(text.chars().take("YYYY-MM-DD".len()).collect()),
            other => other.clone(),
        }),
        Kind::Datetime => Ok(match instant(value) {
            Some(at) => {
                let made = stamp(at, known.field.time);
                made.parse::<i64>().map_or(Value::String(made), Value::from)
            }
            None => return Err(unusable("bad_time", format!("the value for `{name}` is no instant")).about(name)),
        }),
        Kind::Reference => match value {
            Value::String(text) => id(name, known, text),
            other => Ok(other.clone()),
        },
        Kind::Picklist => match value {
            Value::String(text) => choice(name, known, text),
            other => choice(name, known, &other.to_string()),
        },
        Kind::MultiPicklist => {
            let listed = texts(value).into_iter().map(|label| choice(name, known, label)).collect::<Result<Vec<_>, _>>()?;
            Ok(match &known.field.separator {
                None => Value::from(listed),
                Some(separator) => {
                    let joined: Vec<String> =
                        listed.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
                    Value::String(joined.join(separator))
                }
            })
        }
        Kind::Json => Ok(value.clone()),
        Kind::Text | Kind::LongText | Kind::Email | Kind::Phone | Kind::Url => Ok(Value::String(match value {
            Value::String(text) if known.field.html => html::of_text(text),
            Value::String(text) => text.clone(),
            Value::Array(_) => texts(value).join(", "),
            other => other.to_string(),
        })),
    }
}

impl Drafting<'_> {
    /// The body of a write.
    ///
    /// # Errors
    /// `unknown_field` and `read_only_field` for fields that take no value; else when a value does not fit its field.
    pub fn body(&self, row: &Row) -> Result<Map<String, Value>, VendorError> {
        let mut body = Value::Object(Map::new());
        for (name, value) in row {
            let known = self.fields.named(self.object, name)?;
            if !known.is_writable() {
                return Err(misfit(
                    "read_only_field",
                    format!("{} do not take a value for `{name}`", self.object),
                    "set the direction of this field's mapping to in",
                )
                .about(name));
            }
            if let Some(text) = self.fields.text_of(name) {
                // The key goes with the text.
                if !row.contains_key(text) {
                    self.text_with_key(text, None, value.as_str().unwrap_or_default(), &mut body)?;
                }
                continue;
            }
            if self.fields.line_of(name).is_some() {
                self.text_with_key(name, Some(value.as_str().unwrap_or_default()), self.key, &mut body)?;
                continue;
            }
            let value = written(name, known, value)?;
            let value = if value.is_null() && !known.path.is_in_a_list() { self.clear.clone() } else { value };
            known.path.put(&mut body, self.present, value, &known.field.add);
        }
        Ok(body.as_object().cloned().unwrap_or_default())
    }

    /// A text with the key as its last line; the text that stands there where no other is given.
    fn text_with_key(&self, name: &str, given: Option<&str>, key: &str, body: &mut Value) -> Result<(), VendorError> {
        let known = self.fields.named(self.object, name)?;
        let held = known.path.first(self.present).and_then(Value::as_str).unwrap_or_default();
        let (held_text, held_key) = marker::split(held);
        let key = if key.is_empty() { held_key.unwrap_or_default() } else { key.to_owned() };
        let whole = Value::String(marker::join(given.unwrap_or(&held_text), &key));
        known.path.put(body, self.present, whole, &known.field.add);
        Ok(())
    }
}
