//! Texts with gaps (`/persons/{id}`) and formulas, as a description has them.

use std::collections::BTreeMap;
use std::fmt;

use entente_model::clock::Timestamp;
use entente_model::formula::{Env, Formula, Fuel, Schema, Type};
use entente_model::mapping::remote::RemoteKind;
use entente_model::normalise::{Locale, from_remote};
use entente_model::value::Value as Known;
use schemars::{JsonSchema, Schema as JsonSchemaOf, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::path::Path;

/// A text with gaps in braces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template(String);

impl Template {
    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The names of its gaps.
    pub fn gaps(&self) -> Vec<&str> {
        self.0.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
    }

    /// The text with its gaps filled; a gap that is not known stays as it is.
    pub fn filled(&self, values: &BTreeMap<&str, String>) -> String {
        let mut text = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, behind)) = rest.split_once('{') {
            text.push_str(before);
            match behind.split_once('}') {
                Some((name, after)) if values.contains_key(name) => {
                    text.push_str(&values[name]);
                    rest = after;
                }
                _ => {
                    text.push('{');
                    rest = behind;
                }
            }
        }
        text + rest
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => return Err(de::Error::custom("expected a text, a number, true or false")),
        };
        if text.matches('{').count() == text.matches('}').count() {
            return Ok(Self(text));
        }
        Err(de::Error::custom(format!("`{text}` has a brace that is not closed")))
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A formula over a row as the platform sends it: the names in it are paths (`status`, `[meta.state]`).
#[derive(Debug, Clone, PartialEq)]
pub struct Expression(Formula);

/// Any name may stand in the formula of a description: what the platform sends is not known before it is there.
struct Anything;

impl Schema for Anything {
    fn type_of(&self, _: &str) -> Option<Type> {
        Some(Type::Any)
    }
}

struct Raw<'a> {
    row: &'a Value,
    now: Timestamp,
}

impl Env for Raw<'_> {
    fn get(&self, name: &str) -> Known {
        let found = Path::parse(name).ok().and_then(|path| path.first(self.row)).unwrap_or(&Value::Null);
        from_remote(RemoteKind::Json, found, &Locale::default()).unwrap_or_default()
    }

    fn prior(&self, _: &str) -> Known {
        Known::Null
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Expression {
    /// The formula as it was written.
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// Whether it is true of a row. One that cannot be computed is not.
    pub fn holds(&self, row: &Value, now: Timestamp) -> bool {
        self.0.holds(&Raw { row, now }, &mut Fuel::default()).unwrap_or(false)
    }

    /// Its value over a row, as JSON; null where it cannot be computed.
    pub fn value(&self, row: &Value, now: Timestamp) -> Value {
        match self.0.eval(&Raw { row, now }, &mut Fuel::default()).unwrap_or_default() {
            Known::Null => Value::Null,
            Known::Bool(flag) => Value::Bool(flag),
            Known::Number(number) => serde_json::from_str(&number.normalize().to_string()).unwrap_or(Value::Null),
            Known::Set(items) => items.into_iter().map(Value::String).collect(),
            Known::Json(json) => json,
            Known::Text(text) if text.is_empty() => Value::Null,
            other => Value::String(other.display()),
        }
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let formula = Formula::parse(&text).map_err(de::Error::custom)?;
        formula.check(&Anything).map_err(de::Error::custom)?;
        Ok(Self(formula))
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.text())
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.text())
    }
}

/// What stands in a file as a text.
macro_rules! stands_as_text {
    ($($type:ty => $name:literal),+) => {$(
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> JsonSchemaOf {
                json_schema!({"type": "string", "format": $name})
            }
        }
    )+};
}

stands_as_text!(Path => "path", Template => "template", Expression => "formula");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn gaps_are_filled_and_what_is_unknown_stays() {
        let template = Template("/persons/{id}?x={y}".to_owned());
        assert_eq!(template.gaps(), ["id", "y"]);
        assert_eq!(template.filled(&BTreeMap::from([("id", "7".to_owned())])), "/persons/7?x={y}");
    }

    #[test]
    fn a_formula_reads_a_row_by_path() {
        let formula: Expression = serde_json::from_value(json!("[meta.state] = \"won\" || is_deleted")).expect("formula");
        let now = Timestamp::UNIX_EPOCH;
        assert!(formula.holds(&json!({"meta": {"state": "won"}}), now) && formula.holds(&json!({"is_deleted": true}), now));
        assert!(!formula.holds(&json!({"meta": {"state": "lost"}, "is_deleted": false}), now));
        let formula: Expression = serde_json::from_value(json!("UPPER(type)")).expect("formula");
        assert_eq!(formula.value(&json!({"type": "call"}), now), json!("CALL"));
        assert!(serde_json::from_value::<Expression>(json!("UPPER(")).is_err());
    }
}
