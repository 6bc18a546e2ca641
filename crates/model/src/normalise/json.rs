//! Between our values and the JSON of remote rows.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value as Json;

use super::{Locale, NormaliseError, decimal_of, mismatch, normalise};
use crate::mapping::remote::RemoteKind;
use crate::object::FieldType;
use crate::value::Value;

/// Reads the JSON of a remote row as a value of a field, normalised.
pub fn from_json(kind: &FieldType, json: &Json, locale: &Locale) -> Result<Value, NormaliseError> {
    let value = match (kind, json) {
        (FieldType::Json, Json::Null) => Value::Null,
        (FieldType::Json, json) => Value::Json(json.clone()),
        (_, json) => scalar(json.clone()),
    };
    normalise(kind, value, locale)
}

/// Reads the JSON of a remote row by the platform's own type, as formulas see it. References are external ids, so texts.
pub fn from_remote(kind: RemoteKind, json: &Json, locale: &Locale) -> Result<Value, NormaliseError> {
    // The remote's own digits are kept; our field's scale applies to the result.
    let number = FieldType::Number { scale: 28 };
    match kind {
        RemoteKind::Number => from_json(&number, json, locale),
        RemoteKind::LongText => from_json(&FieldType::LongText, json, locale),
        RemoteKind::Date => from_json(&FieldType::Date, json, locale),
        RemoteKind::Datetime => from_json(&FieldType::Datetime, json, locale),
        RemoteKind::Boolean => from_json(&FieldType::Boolean, json, locale),
        RemoteKind::MultiPicklist => from_json(&FieldType::MultiPicklist { values: Vec::new() }, json, locale),
        RemoteKind::Picklist | RemoteKind::Reference => from_json(&FieldType::Picklist { values: Vec::new() }, json, locale),
        RemoteKind::Text | RemoteKind::Email | RemoteKind::Phone | RemoteKind::Url => from_json(&FieldType::Text, json, locale),
        RemoteKind::Json => Ok(scalar(json.clone())),
    }
}

/// The value inside JSON, as far as it is one: nested objects and mixed lists stay JSON.
pub(super) fn scalar(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(flag),
        Json::String(text) => Value::Text(text),
        Json::Number(number) => decimal_of(&number).map_or(Value::Json(Json::Number(number)), Value::Number),
        Json::Array(items) if items.iter().all(|item| item.is_string() || item.is_number()) => {
            Value::Set(items.into_iter().map(|item| if let Json::String(text) = item { text } else { item.to_string() }).collect())
        }
        other => Value::Json(other),
    }
}

/// Any value as free JSON.
pub(super) fn free(value: Value) -> Value {
    match value {
        Value::Json(Json::Null) => Value::Null,
        Value::Json(Json::String(text)) if text.trim().is_empty() => Value::Null,
        Value::Json(json) => Value::Json(json),
        other if other.is_blank() => Value::Null,
        Value::Text(text) if text.trim().is_empty() => Value::Null,
        other => Value::Json(to_json(&other)),
    }
}

/// A value as the canonical JSON of remote rows: days and instants as texts, numbers as JSON numbers where none of their digits is
/// lost and as texts otherwise, sets as sorted lists, records as their id.
#[must_use]
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Text(text) => Json::String(text.clone()),
        Value::Number(number) | Value::Money { amount: number, .. } => decimal_json(*number),
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Date(date) => Json::String(date.to_string()),
        Value::DateTime(at) => Json::String(at.to_string()),
        Value::Set(items) => Json::Array(items.iter().cloned().map(Json::String).collect()),
        Value::Ref(id) => Json::String(id.to_string()),
        Value::Json(json) => json.clone(),
    }
}

fn decimal_json(number: Decimal) -> Json {
    let number = number.normalize();
    if number.is_integer()
        && let Some(whole) = number.to_i64()
    {
        return Json::from(whole);
    }
    let float = number.to_string().parse::<f64>().ok().and_then(serde_json::Number::from_f64);
    match float {
        Some(float) if decimal_of(&float) == Some(number) => Json::Number(float),
        _ => Json::String(number.to_string()),
    }
}

/// A value as JSON of the type that the platform's field has: a flag as text for a text field, a text as list for tags.
/// Fails when the value has no meaning there.
pub fn to_remote(kind: RemoteKind, value: &Value, locale: &Locale) -> Result<Json, NormaliseError> {
    if value.is_blank() && kind != RemoteKind::MultiPicklist {
        return Ok(if kind == RemoteKind::Boolean { Json::Bool(false) } else { Json::Null });
    }
    Ok(match (kind, value) {
        (RemoteKind::Json, value) => to_json(value),
        (RemoteKind::MultiPicklist, value) if value.is_blank() => Json::Array(Vec::new()),
        (RemoteKind::Number | RemoteKind::Date | RemoteKind::Datetime | RemoteKind::Boolean | RemoteKind::MultiPicklist, value) => {
            to_json(&from_remote(kind, &to_json(value), locale)?)
        }
        (_, Value::Text(text)) => Json::String(text.clone()),
        (_, Value::Set(items)) => Json::String(items.iter().cloned().collect::<Vec<_>>().join(";")),
        (_, Value::Money { amount, .. }) => Json::String(amount.normalize().to_string()),
        (_, Value::Json(json)) if json.is_object() || json.is_array() => return Err(mismatch("a text", value)),
        (_, other) => Json::String(other.display()),
    })
}
