//! One form for each value, so that two values that mean the same compare equal: `Ada@Example.com ` and `ada@example.com`,
//! `+1 (415) 555-0100` and `+14155550100`, `1.50` and `1.5`. Everything that is compared, merged or stored went through here.
//!
//! Normalising twice is normalising once; property tests hold that for every type.

pub mod html;
mod json;
mod phone;
mod scalar;
mod text;

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::id::RecordId;
use crate::object::FieldType;
use crate::value::Value;

pub use json::{from_json, from_remote, to_json, to_remote};
pub use scalar::{decimal_of, parse_date, parse_decimal, parse_instant};
pub use text::fold;

/// Where an organisation is at home: what a phone number without country, an instant without day and an amount without currency mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locale {
    /// ISO 3166 code of the country that phone numbers without a country code belong to.
    pub region: String,
    /// Time zone of the organisation's days, as an IANA name.
    #[serde(with = "jiff::fmt::serde::tz::required")]
    pub timezone: TimeZone,
    /// ISO 4217 code of amounts whose field names none.
    pub currency: String,
}

impl Default for Locale {
    /// United States, UTC, US dollar.
    fn default() -> Self {
        Self { region: "US".to_owned(), timezone: TimeZone::UTC, currency: "USD".to_owned() }
    }
}

impl Locale {
    /// Whether phone numbers can be read by the rules of this country (ISO 3166, two capital letters).
    #[must_use]
    pub fn is_region(region: &str) -> bool {
        phone::is_region(region)
    }
}

/// A value that does not fit its field's type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}; correct the value where it was entered, or map the field through a formula")]
pub struct NormaliseError {
    /// What the field takes.
    pub expected: &'static str,
    /// What kind of value was given. The value itself is left out, as it may be personal.
    pub found: &'static str,
}

fn mismatch(expected: &'static str, value: &Value) -> NormaliseError {
    let found = match value {
        Value::Null => "nothing",
        Value::Text(_) => "another text",
        Value::Number(_) => "a number",
        Value::Money { .. } => "an amount of money",
        Value::Bool(_) => "true or false",
        Value::Date(_) => "a date",
        Value::DateTime(_) => "a date with time",
        Value::Set(_) => "several texts",
        Value::Ref(_) => "a record",
        Value::Json(_) => "a nested value",
    };
    NormaliseError { expected, found }
}

/// Brings a value into the one form of its field's type. Blank text becomes `Null`; a blank boolean is false.
///
/// Fails when the value cannot be read as the type; phone numbers, e-mail addresses and web addresses never fail, they are kept as
/// tidied text.
pub fn normalise(kind: &FieldType, value: Value, locale: &Locale) -> Result<Value, NormaliseError> {
    // A scalar inside free JSON is the scalar, except where free JSON is what the field takes.
    let value = match value {
        Value::Json(json) if *kind != FieldType::Json => json::scalar(json),
        other => other,
    };
    if value == Value::Null {
        return Ok(if *kind == FieldType::Boolean { Value::Bool(false) } else { Value::Null });
    }
    match kind {
        FieldType::Text => Ok(blank(text::line(printed(value, "a text")?))),
        FieldType::LongText => Ok(blank(text::long(printed(value, "a text")?))),
        FieldType::Email => Ok(blank(text::email(&printed(value, "an e-mail address")?))),
        FieldType::Phone => Ok(blank(phone::phone(&printed(value, "a phone number")?, &locale.region))),
        FieldType::Url => Ok(blank(text::url(&printed(value, "a web address")?))),
        FieldType::Picklist { .. } => Ok(blank(text::item(&printed(value, "one value of a list")?))),
        FieldType::MultiPicklist { .. } => set(value),
        FieldType::Number { scale } => scalar::number(value, *scale),
        FieldType::Money { currency } => scalar::money(value, if currency.is_empty() { &locale.currency } else { currency }),
        FieldType::Date => scalar::date(value, locale),
        FieldType::Datetime => scalar::datetime(value, locale),
        FieldType::Boolean => scalar::boolean(value),
        FieldType::Reference { .. } => reference(value),
        FieldType::Json => Ok(json::free(value)),
    }
}

fn blank(text: String) -> Value {
    if text.is_empty() { Value::Null } else { Value::Text(text) }
}

/// The text of a scalar; platforms deliver numbers and flags where our field is text.
fn printed(value: Value, expected: &'static str) -> Result<String, NormaliseError> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Set(items) => Ok(items.into_iter().collect::<Vec<_>>().join(";")),
        Value::Json(_) => Err(mismatch(expected, &value)),
        Value::Money { amount, .. } => Ok(amount.normalize().to_string()),
        other => Ok(other.display()),
    }
}

fn set(value: Value) -> Result<Value, NormaliseError> {
    let items: Vec<String> = match value {
        Value::Set(items) => items.into_iter().collect(),
        // Salesforce writes a multi-picklist as one text with semicolons.
        Value::Text(text) => text.split(';').map(str::to_owned).collect(),
        Value::Number(_) | Value::Bool(_) => vec![value.display()],
        other => return Err(mismatch("several values of a list", &other)),
    };
    let items: BTreeSet<String> = items.iter().map(|item| text::item(item)).filter(|item| !item.is_empty()).collect();
    Ok(if items.is_empty() { Value::Null } else { Value::Set(items) })
}

fn reference(value: Value) -> Result<Value, NormaliseError> {
    match value {
        Value::Ref(id) => Ok(Value::Ref(id)),
        Value::Text(text) if text.trim().is_empty() => Ok(Value::Null),
        Value::Text(text) => match text.trim().parse::<RecordId>() {
            Ok(id) => Ok(Value::Ref(id)),
            Err(_) => Err(mismatch("the id of a record", &Value::Text(text))),
        },
        other => Err(mismatch("the id of a record", &other)),
    }
}
