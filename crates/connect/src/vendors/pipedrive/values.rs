//! Values of custom fields: what the vendor holds, flattened, and back. The types are strict on the way in.

use entente_model::mapping::remote::RemoteKind;
use serde_json::{Map, Number, Value, json};

use super::fields::Definition;
use super::refusal::unusable;
use super::wire::id_text;
use crate::error::VendorError;

/// The parts of a value beside the value itself, by type.
pub(crate) fn parts(ty: &str) -> &'static [&'static str] {
    match ty {
        "monetary" => &["currency"],
        "daterange" => &["until"],
        "time" => &["timezone_name"],
        "timerange" => &["until", "timezone_name"],
        _ => &[],
    }
}

/// What the older version calls a part, behind the field's code.
fn old_suffix(part: &str) -> &str {
    if part == "timezone_name" { "timezone_id" } else { part }
}

/// A value that is one, as others see it.
fn scalar(definition: &Definition, value: &Value) -> Value {
    let choice = |value: &Value| -> Option<String> {
        let id = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()).or_else(|| value["id"].as_i64());
        match id.and_then(|id| definition.label(id)) {
            Some(label) => Some(label.to_owned()),
            // A choice that was deleted meanwhile still stands in rows; its number is all there is.
            None => value["label"].as_str().map(str::to_owned).or_else(|| id.map(|id| id.to_string())),
        }
    };
    match definition.ty.as_str() {
        _ if value.is_null() || value.as_str() == Some("") => Value::Null,
        "enum" if definition.is_boolean() => choice(value).map_or(Value::Null, |label| Value::Bool(label.eq_ignore_ascii_case("yes"))),
        "enum" => choice(value).map_or(Value::Null, Value::String),
        "set" => {
            let listed: Vec<Value> = match value {
                Value::Array(items) => items.clone(),
                // The older version joins the numbers.
                Value::String(text) => text.split(',').map(|item| Value::from(item.trim())).collect(),
                other => vec![other.clone()],
            };
            listed.iter().filter_map(choice).map(Value::String).collect()
        }
        "user" | "org" | "people" | "deal" | "lead" => id_text(value).map_or(Value::Null, Value::String),
        "double" | "monetary" | "int" => match value {
            Value::String(text) => number(text).unwrap_or_else(|| value.clone()),
            other => other.clone(),
        },
        _ => value.clone(),
    }
}

/// A custom field's value in a row of the present version: part of an object where its type has parts.
pub(crate) fn read(definition: &Definition, held: &Value, part: &str) -> Value {
    match held {
        Value::Object(inner) if part.is_empty() && !matches!(definition.ty.as_str(), "enum" | "user" | "org" | "people") => {
            scalar(definition, inner.get("value").unwrap_or(&Value::Null))
        }
        Value::Object(inner) if !part.is_empty() => inner.get(part).cloned().unwrap_or(Value::Null),
        other if part.is_empty() => scalar(definition, other),
        _ => Value::Null,
    }
}

/// A custom field's value in a row of the older version: flat, with its parts beside it.
pub(crate) fn read_flat(definition: &Definition, row: &Value, part: &str) -> Value {
    if part.is_empty() {
        return scalar(definition, &row[&definition.code]);
    }
    row[&format!("{}_{}", definition.code, old_suffix(part))].clone()
}

/// A decimal text as JSON number.
pub(crate) fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::from(whole));
    }
    text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
}

/// A value as the vendor wants a number.
///
/// # Errors
/// `bad_number` when it is none.
pub(crate) fn as_number(name: &str, value: &Value) -> Result<Value, VendorError> {
    let given = match value {
        Value::Number(_) | Value::Null => Some(value.clone()),
        Value::String(text) if text.trim().is_empty() => Some(Value::Null),
        Value::String(text) => number(text),
        _ => None,
    };
    given.ok_or_else(|| unusable("bad_number", format!("the value for `{name}` is not a number")).about(name))
}

/// A value as the vendor wants an id.
///
/// # Errors
/// `bad_reference` when it is none.
pub(crate) fn as_id(name: &str, value: &Value) -> Result<Value, VendorError> {
    let given = match value {
        Value::Null => Some(Value::Null),
        Value::Number(number) if number.as_u64().is_some() => Some(value.clone()),
        Value::String(text) if text.is_empty() => Some(Value::Null),
        Value::String(text) => text.trim().parse::<u64>().ok().map(Value::from),
        _ => None,
    };
    given.ok_or_else(|| unusable("bad_reference", format!("the value for `{name}` is no id of Pipedrive's")).about(name))
}

/// The choice of a list that a label stands for.
///
/// # Errors
/// `unknown_choice`, with the labels there are.
pub(crate) fn choice(name: &str, definition: &Definition, label: &str) -> Result<i64, VendorError> {
    definition.choice(label).ok_or_else(|| {
        let known: Vec<&str> = definition.options.iter().map(|(_, label)| label.as_str()).collect();
        unusable("unknown_choice", format!("the value for `{name}` is none of its choices at Pipedrive: {}", known.join(", "))).about(name)
    })
}

/// The texts of a value that is a list or stands for one.
pub(crate) fn items(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::String(text) if !text.is_empty() => vec![text.as_str()],
        _ => Vec::new(),
    }
}

fn as_text(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::String(text) if text.is_empty() => Value::Null,
        Value::String(_) => value.clone(),
        Value::Array(_) => Value::String(items(value).join(", ")),
        other => Value::String(other.to_string()),
    }
}

/// What the vendor takes for a custom field's value, parts aside.
///
/// # Errors
/// When the value does not fit the field's type.
pub(crate) fn write(name: &str, definition: &Definition, value: &Value) -> Result<Value, VendorError> {
    match definition.ty.as_str() {
        "double" | "monetary" | "int" => as_number(name, value),
        "user" | "org" | "people" => as_id(name, value),
        "enum" => {
            let label = match value {
                Value::Null => return Ok(Value::Null),
                Value::Bool(true) => "Yes",
                Value::Bool(false) => "No",
                Value::String(text) if text.is_empty() => return Ok(Value::Null),
                Value::String(text) => text.as_str(),
                _ => return Err(unusable("bad_choice", format!("the value for `{name}` is no text")).about(name)),
            };
            choice(name, definition, label).map(Value::from)
        }
        "set" => {
            let listed = items(value);
            // An empty list is refused: nothing is null.
            if listed.is_empty() {
                return Ok(Value::Null);
            }
            listed.into_iter().map(|label| choice(name, definition, label).map(Value::from)).collect::<Result<Vec<_>, _>>().map(Value::from)
        }
        "date" | "daterange" => Ok(match as_text(value) {
            Value::String(text) => Value::String(text.chars().take("YYYY-MM-DD".len()).collect()),
            other => other,
        }),
        _ => Ok(as_text(value)),
    }
}

/// The value of a field with parts, from what changes and what stands there. Without a value there are no parts.
pub(crate) fn compound(definition: &Definition, changed: &Map<String, Value>, present: &Value, currency: &str) -> Value {
    let known = parts(&definition.ty);
    let mut whole = Map::new();
    for part in std::iter::once("value").chain(known.iter().copied()) {
        let given = changed.get(part).cloned().or_else(|| present.get(part).cloned()).unwrap_or(Value::Null);
        let usual = match part {
            "currency" if given.is_null() => json!(currency),
            "until" if given.is_null() => whole.get("value").cloned().unwrap_or(Value::Null),
            _ => given,
        };
        if !usual.is_null() {
            whole.insert(part.to_owned(), usual);
        }
    }
    if whole.contains_key("value") { Value::Object(whole) } else { Value::Null }
}

/// The same, as the older version takes it: flat.
pub(crate) fn flatten(definition: &Definition, value: &Value, into: &mut Map<String, Value>) {
    let code = &definition.code;
    match value {
        Value::Object(inner) => {
            for (part, value) in inner {
                let key = if part == "value" { code.clone() } else { format!("{code}_{}", old_suffix(part)) };
                into.insert(key, value.clone());
            }
        }
        Value::Array(ids) => {
            let joined: Vec<String> = ids.iter().map(Value::to_string).collect();
            into.insert(code.clone(), Value::String(joined.join(",")));
        }
        Value::Number(id) if definition.kind() == RemoteKind::Picklist => drop(into.insert(code.clone(), Value::String(id.to_string()))),
        other => drop(into.insert(code.clone(), other.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(ty: &str, options: &[(i64, &str)]) -> Definition {
        let options = options.iter().map(|(id, label)| (*id, (*label).to_owned())).collect();
        Definition { code: "ab".to_owned(), name: "Field".to_owned(), ty: ty.to_owned(), custom: true, options }
    }

    #[test]
    fn every_type_is_read_in_both_shapes() {
        let size = field("enum", &[(1, "Small"), (2, "Large")]);
        let both = |definition: &Definition, new: Value, old: Value| (read(definition, &new, ""), read_flat(definition, &old, ""));
        assert_eq!(both(&size, json!(2), json!({"ab": "2"})), (json!("Large"), json!("Large")));
        assert_eq!(read(&size, &json!({"id": 1, "label": "Small"}), ""), "Small");
        assert_eq!(read(&size, &json!(9), ""), "9", "a choice that was deleted");
        let tags = field("set", &[(1, "Red"), (2, "Blue")]);
        assert_eq!(both(&tags, json!([1, 2]), json!({"ab": "1,2"})), (json!(["Red", "Blue"]), json!(["Red", "Blue"])));
        let money = field("monetary", &[]);
        assert_eq!(both(&money, json!({"value": 10.5, "currency": "EUR"}), json!({"ab": 10.5})), (json!(10.5), json!(10.5)));
        assert_eq!(read(&money, &json!({"value": 10.5, "currency": "EUR"}), "currency"), "EUR");
        assert_eq!(read_flat(&field("time", &[]), &json!({"ab_timezone_id": "Europe/Berlin"}), "timezone_name"), "Europe/Berlin");
        assert_eq!(both(&field("user", &[]), json!(7), json!({"ab": {"id": 7, "name": "Dana"}})), (json!("7"), json!("7")));
        let vip = field("enum", &[(1, "Yes"), (2, "No")]);
        assert_eq!(
            (read(&vip, &json!(1), ""), read(&vip, &json!(2), ""), read(&vip, &Value::Null, "")),
            (json!(true), json!(false), Value::Null)
        );
    }

    #[test]
    fn what_is_written_has_the_type_that_the_field_has() {
        let made = |ty: &str, options: &[(i64, &str)], value: Value| write("custom.ab", &field(ty, options), &value);
        assert_eq!(made("double", &[], json!("12.50")), Ok(json!(12.5)));
        assert_eq!(made("double", &[], json!("many")).unwrap_err().code, "bad_number");
        assert_eq!(made("enum", &[(3, "Large")], json!("large")), Ok(json!(3)));
        assert_eq!(
            made("enum", &[(3, "Large")], json!("Huge")).unwrap_err().message,
            "the value for `custom.ab` is none of its choices at Pipedrive: Large"
        );
        assert_eq!(made("set", &[(1, "Red")], json!([])), Ok(Value::Null), "an empty list is refused there");
        assert_eq!(made("set", &[(1, "Red")], json!(["Red"])), Ok(json!([1])));
        assert_eq!(made("enum", &[(1, "Yes"), (2, "No")], json!(false)), Ok(json!(2)));
        assert_eq!(made("varchar", &[], json!(5)), Ok(json!("5")));
        assert_eq!(made("date", &[], json!("2026-01-31T10:00:00Z")), Ok(json!("2026-01-31")));
    }

    #[test]
    fn a_part_that_changes_leaves_the_others() {
        let money = field("monetary", &[]);
        let changed = |value: Value| value.as_object().cloned().unwrap_or_default();
        let there = json!({"value": 10, "currency": "EUR"});
        assert_eq!(compound(&money, &changed(json!({"value": 12})), &there, "USD"), json!({"value": 12, "currency": "EUR"}));
        assert_eq!(compound(&money, &changed(json!({"value": 12})), &Value::Null, "USD"), json!({"value": 12, "currency": "USD"}));
        assert_eq!(compound(&money, &changed(json!({"value": null})), &there, "USD"), Value::Null);
        let mut flat = Map::new();
        flatten(&money, &json!({"value": 12, "currency": "EUR"}), &mut flat);
        assert_eq!(Value::Object(flat), json!({"ab": 12, "ab_currency": "EUR"}));
    }
}
