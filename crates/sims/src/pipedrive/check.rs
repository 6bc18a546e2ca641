//! Checking what writes carry. The present version takes every value in its own type or not at all, and refuses a whole request for one
//! key that it does not know; the older one turns texts into numbers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fields::Field;
use super::kinds::{CONTACT_SYNC, Kind, Ty, attributes};
use super::moment::{instant, is_clock, is_day};
use super::refusal::Refusal;
use super::state::State;

/// Checked values of a write.
#[derive(Debug, Default, Clone)]
pub(crate) struct Values {
    pub(crate) plain: Map<String, Value>,
    pub(crate) custom: BTreeMap<String, Value>,
}

fn text(name: &str, value: &Value, most: usize) -> Result<Value, Refusal> {
    let text = value.as_str().ok_or_else(|| Refusal::flaw(name, "must be string"))?;
    if text.chars().count() > most {
        return Err(Refusal::flaw(name, format!("must NOT have more than {most} characters")));
    }
    Ok(value.clone())
}

/// Addresses or numbers: exactly one of several is the primary one.
fn contacts(name: &str, value: &Value) -> Result<Value, Refusal> {
    let listed = value.as_array().ok_or_else(|| Refusal::flaw(name, "must be array"))?;
    let mut kept = Vec::new();
    for entry in listed {
        let held = entry["value"].as_str().ok_or_else(|| Refusal::flaw(&format!("{name}.value"), "must be string"))?;
        if name == "emails" && !held.contains('@') {
            return Err(Refusal::flaw(name, format!("\"{held}\" is not a valid email")));
        }
        let label = entry["label"].as_str().unwrap_or("work");
        kept.push(json!({"value": held, "primary": entry["primary"] == true, "label": label}));
    }
    if !kept.is_empty() && !kept.iter().any(|entry| entry["primary"] == true) {
        kept[0]["primary"] = json!(true);
    }
    Ok(Value::from(kept))
}

/// A custom field's value.
fn custom(state: &State, field: &Field, value: &Value) -> Result<Value, Refusal> {
    let name = format!("custom_fields.{}", field.code);
    let flaw = |reason: &str| Refusal::flaw(&name, reason);
    if value.is_null() {
        return Ok(Value::Null);
    }
    let object = || value.as_object().ok_or_else(|| flaw("must be object"));
    let inner = |part: &str, fits: fn(&Value) -> bool| -> Result<Value, Refusal> {
        let found = object()?.get(part).cloned().unwrap_or(Value::Null);
        if fits(&found) { Ok(found) } else { Err(Refusal::flaw(&format!("{name}.{part}"), "is not valid")) }
    };
    let day: fn(&Value) -> bool = |value| value.as_str().is_some_and(is_day);
    let clock: fn(&Value) -> bool = |value| value.as_str().is_some_and(is_clock);
    let zone: fn(&Value) -> bool = |value| value.is_null() || value.as_str().is_some_and(|text| text.contains('/') || text == "UTC");
    Ok(match field.ty.as_str() {
        "varchar" | "varchar_auto" | "phone" => text(&name, value, 255)?,
        "text" => text(&name, value, 65_000)?,
        "double" if value.is_number() => value.clone(),
        "double" => return Err(flaw("must be number")),
        "monetary" => json!({
            "value": inner("value", Value::is_number)?,
            "currency": inner("currency", |held| held.as_str().is_some_and(|code| code.len() == 3))?,
        }),
        "enum" => match value.as_u64() {
            Some(id) if field.has(id) => value.clone(),
            Some(_) => return Err(flaw("must be equal to one of the allowed values")),
            None => return Err(flaw("must be number")),
        },
        "set" => {
            let ids = value.as_array().ok_or_else(|| flaw("must be array"))?;
            if ids.is_empty() {
                return Err(flaw("must NOT have fewer than 1 items"));
            }
            match ids.iter().all(|id| id.as_u64().is_some_and(|id| field.has(id))) {
                true => value.clone(),
                false => return Err(flaw("must be equal to one of the allowed values")),
            }
        }
        "date" if day(value) => value.clone(),
        "date" => return Err(flaw("must match format \"date\"")),
        "daterange" => json!({"value": inner("value", day)?, "until": inner("until", day)?}),
        "time" => json!({"value": inner("value", clock)?, "timezone_name": inner("timezone_name", zone)?}),
        "timerange" => {
            json!({"value": inner("value", clock)?, "until": inner("until", clock)?, "timezone_name": inner("timezone_name", zone)?})
        }
        "address" => {
            inner("value", Value::is_string)?;
            value.clone()
        }
        "user" if state.is_user(value) => value.clone(),
        "org" if value.as_u64().is_some_and(|id| state.live(Kind::Organization, id).is_some()) => value.clone(),
        "people" if value.as_u64().is_some_and(|id| state.live(Kind::Person, id).is_some()) => value.clone(),
        "user" | "org" | "people" => return Err(flaw("must be an existing id")),
        _ => return Err(flaw("is not allowed")),
    })
}

impl State {
    /// Checks a body. `lenient` is the older version's way with types.
    ///
    /// # Errors
    /// The first flaw.
    pub(crate) fn check(&self, kind: Kind, body: &Value, lenient: bool) -> Result<Values, Refusal> {
        let body = body.as_object().ok_or_else(|| Refusal::flaw("body", "must be object"))?;
        let mut values = Values::default();
        for (name, value) in body {
            if name == "custom_fields" && kind.is_new() && kind.schema().is_some() {
                let given = value.as_object().ok_or_else(|| Refusal::flaw(name, "must be object"))?;
                for (code, value) in given {
                    let field = self.field(kind, code).filter(|field| field.custom);
                    let field = field.ok_or_else(|| Refusal::flaw(&format!("custom_fields.{code}"), "is not allowed, unknown field"))?;
                    values.custom.insert(code.clone(), custom(self, field, value)?);
                }
                continue;
            }
            match attributes(kind).iter().find(|attribute| attribute.name == name) {
                Some(attribute) => {
                    if kind == Kind::Person && CONTACT_SYNC.contains(&name.as_str()) && !self.options.contact_sync {
                        return Err(Refusal::new(403, "Contact sync is not enabled for this company"));
                    }
                    values.plain.insert(name.clone(), self.checked(name, attribute.ty, value, lenient)?);
                }
                None if lenient => self.old_custom(kind, name, value, &mut values)?,
                None => return Err(Refusal::flaw(name, "is not allowed, unknown field")),
            }
        }
        Ok(values)
    }

    fn checked(&self, name: &str, ty: Ty, value: &Value, lenient: bool) -> Result<Value, Refusal> {
        let turned;
        let value = match value {
            Value::String(text) if lenient && matches!(ty, Ty::Ref(_) | Ty::User | Ty::Number) => {
                turned = text.trim().parse::<u64>().map_or_else(|_| value.clone(), Value::from);
                &turned
            }
            other => other,
        };
        if value.is_null() {
            return match ty {
                Ty::Boolean | Ty::Visibility => Err(Refusal::flaw(name, "must not be null")),
                _ => Ok(Value::Null),
            };
        }
        let flaw = |reason: &str| Err(Refusal::flaw(name, reason));
        let id = value.as_u64();
        match ty {
            Ty::Text(most) => text(name, value, most),
            Ty::Number if value.is_number() => Ok(value.clone()),
            Ty::Number => flaw("must be number"),
            Ty::Boolean if value.is_boolean() => Ok(value.clone()),
            Ty::Boolean => flaw("must be boolean"),
            Ty::Day if value.as_str().is_some_and(is_day) => Ok(value.clone()),
            Ty::Day => flaw("must match format \"date\""),
            Ty::Clock if value.as_str().is_some_and(is_clock) => Ok(value.clone()),
            Ty::Clock => flaw("must match format \"time\""),
            Ty::Instant if value.as_str().is_some_and(|text| instant(text).is_some()) => Ok(value.clone()),
            Ty::Instant => flaw("must match format \"date-time\""),
            Ty::OneOf(known) if value.as_str().is_some_and(|text| known.contains(&text)) => Ok(value.clone()),
            Ty::OneOf(_) => flaw("must be equal to one of the allowed values"),
            Ty::Visibility if matches!(id, Some(1 | 3 | 5 | 7)) => Ok(value.clone()),
            Ty::Visibility => flaw("must be equal to one of the allowed values"),
            Ty::Ref(kind) => match id {
                Some(id) if self.live(kind, id).is_some() => Ok(value.clone()),
                Some(_) => flaw(&format!("{} not found", kind.singular())),
                None => flaw("must be number"),
            },
            Ty::User if self.is_user(value) => Ok(value.clone()),
            Ty::User => flaw("user not found"),
            Ty::Stage if self.stages.iter().any(|stage| Some(stage.id) == id) => Ok(value.clone()),
            Ty::Stage => flaw("stage not found"),
            Ty::Pipeline if self.pipelines.iter().any(|pipeline| Some(pipeline.id) == id) => Ok(value.clone()),
            Ty::Pipeline => flaw("pipeline not found"),
            Ty::Labels if value.as_array().is_some_and(|ids| ids.iter().all(Value::is_u64)) => Ok(value.clone()),
            Ty::Labels => flaw("must be array of numbers"),
            Ty::Contacts => contacts(name, value),
            Ty::Place if value["value"].is_string() => Ok(value.clone()),
            Ty::Place => flaw("must be object"),
            Ty::Participants => {
                for each in value.as_array().into_iter().flatten() {
                    if each["person_id"].as_u64().and_then(|id| self.live(Kind::Person, id)).is_none() {
                        return Err(Refusal::flaw("participants.person_id", "person not found"));
                    }
                }
                if value.is_array() { Ok(value.clone()) } else { flaw("must be array") }
            }
            Ty::Option if value.is_u64() => Ok(value.clone()),
            Ty::Option => flaw("must be number"),
            Ty::Any => Ok(value.clone()),
        }
    }

    /// A custom field of a lead: flat, with its parts beside it. What is unknown is passed over, as the older version does.
    fn old_custom(&self, kind: Kind, key: &str, value: &Value, values: &mut Values) -> Result<(), Refusal> {
        let (code, part) = key.split_once('_').unwrap_or((key, ""));
        let Some(field) = self.field(kind, code).filter(|field| field.custom) else { return Ok(()) };
        let part = match part {
            "" => "value",
            "timezone_id" => "timezone_name",
            other => other,
        };
        let compound = matches!(field.ty.as_str(), "monetary" | "daterange" | "time" | "timerange" | "address");
        let number =
            |value: &Value| value.as_str().and_then(|text| text.trim().parse::<u64>().ok()).map_or_else(|| value.clone(), Value::from);
        if compound && !value.is_null() {
            let held = values.custom.entry(code.to_owned()).or_insert_with(|| json!({}));
            held[part] = value.clone();
            return Ok(());
        }
        let turned = match (field.ty.as_str(), value) {
            ("enum", value) => number(value),
            ("set", Value::String(ids)) => ids.split(',').map(|id| number(&json!(id))).collect(),
            (_, value) => value.clone(),
        };
        values.custom.insert(code.to_owned(), custom(self, field, &turned)?);
        Ok(())
    }
}
