//! Values of properties: always text; checked and brought into HubSpot's own form when written.

use serde_json::Value;

use super::moment::{day, instant, iso};
use super::properties::Property;
use super::refusal::Flaw;

/// Longest text of a property.
const TEXT_CHARS_MAX: usize = 65_536;

/// The text that a JSON value stands for; `None` for null, which writes ignore.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The stored form of a value; an empty text clears.
pub(crate) fn checked(property: &Property, given: &str) -> Result<String, Flaw> {
    let flaw = |code: &'static str, message: String| Err(Flaw { name: property.name.clone(), code, message });
    if given.is_empty() {
        return Ok(String::new());
    }
    if given.chars().count() > TEXT_CHARS_MAX {
        return flaw("PROPERTY_VALUE_TOO_LONG", format!("{} was too long", property.name));
    }
    let name = &property.name;
    match property.ty.as_str() {
        "number" => match given.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(given.trim().to_owned()),
            _ => flaw("INVALID_INTEGER", format!("{given} was not a valid number.")),
        },
        "bool" => match given.to_ascii_lowercase().as_str() {
            "true" | "false" => Ok(given.to_ascii_lowercase()),
            _ => flaw("INVALID_OPTION", format!("{given} was not one of the allowed options: [true, false]")),
        },
        "date" => match day(given) {
            Some(day) => Ok(day),
            None => flaw("INVALID_DATE", format!("{given} is at {given}, not midnight!")),
        },
        "datetime" => match instant(given) {
            Some(ms) => Ok(iso(ms)),
            None => flaw("INVALID_LONG", format!("{given} was not a valid long.")),
        },
        "enumeration" if !property.choices.is_empty() => {
            let known = |value: &str| property.choices.iter().any(|choice| choice.value == value);
            let parts: Vec<&str> =
                if property.several() { given.split(';').filter(|part| !part.is_empty()).collect() } else { vec![given] };
            match parts.iter().find(|part| !known(part)) {
                None => Ok(parts.join(";")),
                Some(strange) => {
                    let options: Vec<&str> = property.choices.iter().map(|choice| choice.value.as_str()).collect();
                    flaw("INVALID_OPTION", format!("{strange} was not one of the allowed options: [{}]", options.join(", ")))
                }
            }
        }
        _ if name == "email" => {
            let address = given.trim().to_lowercase();
            let whole =
                address.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'));
            if whole { Ok(address) } else { flaw("INVALID_EMAIL", format!("Email address {given} is invalid")) }
        }
        _ => Ok(given.to_owned()),
    }
}

/// The digits of a phone number, as search knows it.
pub(crate) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
