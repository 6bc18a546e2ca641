//! Events as Avro writes them, read by their schemas.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::RemoteKind;
use serde_json::{Number, Value};

use crate::error::{Class, VendorError};

/// Milliseconds of a day, for dates that travel as instants.
const DAY_MS: i64 = 86_400_000;

fn unreadable(what: &str, error: impl std::fmt::Display) -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        format!("{what} of a change event is not readable: {error}"),
        "if this repeats, set `salesforce.changes` to `poll` for this connection",
    )
}

/// Reads a schema.
pub(super) fn schema(json: &str) -> Result<Schema, VendorError> {
    Schema::parse_str(json).map_err(|error| unreadable("the schema", error))
}

/// Reads an event: its fields in the order of the schema.
pub(super) fn read(schema: &Schema, mut payload: &[u8]) -> Result<Vec<(String, Avro)>, VendorError> {
    let reader = GenericDatumReader::builder(schema).build().map_err(|error| unreadable("the schema", error))?;
    match reader.read_value(&mut payload).map_err(|error| unreadable("the body", error))? {
        Avro::Record(fields) => Ok(fields),
        _ => Err(unreadable("the body", "it is no record")),
    }
}

/// What a union holds.
pub(super) fn inner(value: &Avro) -> &Avro {
    match value {
        Avro::Union(_, value) => inner(value),
        value => value,
    }
}

/// A field's value as the REST API would give it.
pub(super) fn value(avro: &Avro, kind: Option<RemoteKind>) -> Value {
    match (inner(avro), kind) {
        (Avro::Long(ms) | Avro::TimestampMillis(ms), Some(RemoteKind::Datetime)) => instant(*ms),
        (Avro::TimestampMicros(us), _) => instant(us / 1_000),
        (Avro::Long(ms) | Avro::TimestampMillis(ms), Some(RemoteKind::Date)) => day(ms.div_euclid(DAY_MS)),
        (Avro::Int(days) | Avro::Date(days), Some(RemoteKind::Date)) => day(i64::from(*days)),
        (Avro::Date(days), _) => day(i64::from(*days)),
        (Avro::TimestampMillis(ms), _) => instant(*ms),
        (Avro::Boolean(on), _) => Value::from(*on),
        (Avro::Int(number), _) => Value::from(*number),
        (Avro::Long(number), _) => Value::from(*number),
        (Avro::Float(number), _) => Number::from_f64(f64::from(*number)).map_or(Value::Null, Value::Number),
        (Avro::Double(number), _) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        (Avro::String(text) | Avro::Enum(_, text), kind) => super::super::map::convert(Value::from(text.as_str()), kind),
        _ => Value::Null,
    }
}

fn instant(ms: i64) -> Value {
    Timestamp::from_millisecond(ms).map_or(Value::Null, |at| Value::from(at.to_string()))
}

fn day(days: i64) -> Value {
    let at = days.checked_mul(DAY_MS).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or(Value::Null, |at| Value::from(at.to_string().chars().take(10).collect::<String>()))
}

/// A text within an event.
pub(super) fn text(avro: &Avro) -> Option<&str> {
    match inner(avro) {
        Avro::String(text) | Avro::Enum(_, text) => Some(text),
        _ => None,
    }
}

/// The texts of a list within an event.
pub(super) fn texts(avro: &Avro) -> Vec<&str> {
    match inner(avro) {
        Avro::Array(items) => items.iter().filter_map(text).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_instants_come_out_as_the_rest_api_gives_them() {
        let some = |value| Avro::Union(1, Box::new(value));
        assert_eq!(value(&some(Avro::Long(1_392_339_206_000)), Some(RemoteKind::Datetime)), "2014-02-14T00:53:26Z");
        assert_eq!(value(&some(Avro::Int(-56_270)), Some(RemoteKind::Date)), "1815-12-10");
        assert_eq!(value(&some(Avro::Long(1_392_336_000_000)), Some(RemoteKind::Date)), "2014-02-14");
        assert_eq!(value(&some(Avro::String("a;b".to_owned())), Some(RemoteKind::MultiPicklist)), serde_json::json!(["a", "b"]));
        assert_eq!(value(&Avro::Union(0, Box::new(Avro::Null)), None), Value::Null);
    }
}
