//! Events as they travel: a bare Avro datum, every field of the schema in it, and bitmaps that say which of them mean something.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::super::cell::datetime;
use super::super::schema::FieldType;
use super::log::Logged;
use super::schema::{Carried, Kind};

/// Characters from which on a changed text area is told as a difference.
const DIFF_CHARS: usize = 1_000;

/// Writes an event.
pub(super) fn payload(schema: &Schema, fields: &[Carried], logged: &Logged) -> Result<Vec<u8>, String> {
    let mut values = logged.changed.clone();
    if matches!(logged.change, "CREATE" | "UPDATE" | "UNDELETE") {
        let at = Value::from(datetime(logged.at_ms.div_euclid(1_000) * 1_000));
        values.insert("LastModifiedDate".to_owned(), at.clone());
        values.insert("LastModifiedById".to_owned(), Value::from(logged.by.as_str()));
        if logged.change == "CREATE" {
            values.insert("CreatedDate".to_owned(), at);
            values.insert("CreatedById".to_owned(), Value::from(logged.by.as_str()));
        }
    }
    if !matches!(logged.change, "CREATE" | "UPDATE") {
        // Deletions, restored rows and gaps have a header only.
        values.clear();
    }
    let update = logged.change == "UPDATE";
    let (mut changed, mut nulled, mut diffs) = (Bits::default(), Bits::default(), Bits::default());
    let mut body = Vec::with_capacity(fields.len() + 1);
    for (field, at) in fields.iter().zip(1..) {
        let avro = match &field.kind {
            Kind::Plain(kind) => {
                let value = values.get(&field.name);
                let long = value.and_then(Value::as_str).is_some_and(|text| *kind == FieldType::TextArea && text.len() > DIFF_CHARS);
                match value {
                    Some(value) if update && long => {
                        diffs.set(at);
                        Avro::String(format!("--- \n+++ \n@@ -1,1 @@\n+{}", value.as_str().unwrap_or_default()))
                    }
                    Some(value) => {
                        changed.set(at);
                        if value.is_null() {
                            nulled.set(at);
                        }
                        plain(value, *kind)
                    }
                    None => Avro::Null,
                }
            }
            Kind::Compound(parts) => compound(parts, at, &values, &mut changed, &mut nulled),
        };
        let avro = if avro == Avro::Null { Avro::Union(0, Box::new(Avro::Null)) } else { Avro::Union(1, Box::new(avro)) };
        body.push((field.name.clone(), avro));
    }
    let bits = |bits: &Bits| if update { bits.texts() } else { Avro::Array(Vec::new()) };
    let text = |text: &str| Avro::String(text.to_owned());
    let symbols =
        ["CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT"];
    let symbol = symbols.iter().zip(0..).find(|(symbol, _)| **symbol == logged.change).map_or(1, |(_, at)| at);
    let named = |name: &str, value: Avro| (name.to_owned(), value);
    let header = Avro::Record(vec![
        named("entityName", text(&logged.object)),
        named("recordIds", Avro::Array(logged.ids.iter().map(|id| text(id)).collect())),
        named("changeType", Avro::Enum(symbol, logged.change.to_owned())),
        named("changeOrigin", text(&logged.origin)),
        named("transactionKey", text(&logged.transaction)),
        named("sequenceNumber", Avro::Int(logged.sequence)),
        named("commitTimestamp", Avro::Long(logged.at_ms)),
        named("commitNumber", Avro::Long(i64::try_from(logged.place).unwrap_or(i64::MAX))),
        named("commitUser", text(&logged.by)),
        named("nulledFields", bits(&nulled)),
        named("diffFields", bits(&diffs)),
        named("changedFields", bits(&changed)),
    ]);
    let mut record = vec![named("ChangeEventHeader", header)];
    record.extend(body);
    let writer = GenericDatumWriter::builder(schema).build().map_err(|error| error.to_string())?;
    writer.write_value_to_vec(Avro::Record(record)).map_err(|error| error.to_string())
}

fn compound(parts: &[(String, String)], at: usize, values: &BTreeMap<String, Value>, changed: &mut Bits, nulled: &mut Bits) -> Avro {
    let mut record = Vec::with_capacity(parts.len());
    let mut any = false;
    for ((part, field), within) in parts.iter().zip(0..) {
        let value = values.get(field);
        if let Some(value) = value {
            changed.set_within(at, within);
            if value.is_null() {
                nulled.set_within(at, within);
            }
            any |= !value.is_null();
        }
        let avro = value
            .and_then(Value::as_str)
            .map_or_else(|| Avro::Union(0, Box::new(Avro::Null)), |text| Avro::Union(1, Box::new(Avro::String(text.to_owned()))));
        record.push((part.clone(), avro));
    }
    if any { Avro::Record(record) } else { Avro::Null }
}

fn plain(value: &Value, kind: FieldType) -> Avro {
    match (value, kind) {
        (Value::Null, _) => Avro::Null,
        (Value::Bool(on), _) => Avro::Boolean(*on),
        (Value::Number(number), FieldType::Int) => {
            number.as_f64().map_or(Avro::Null, |number| Avro::Int(number.clamp(f64::from(i32::MIN), f64::from(i32::MAX)).round() as i32))
        }
        (Value::Number(number), _) => number.as_f64().map_or(Avro::Null, Avro::Double),
        (Value::String(text), FieldType::Datetime) => text.parse::<Timestamp>().map_or(Avro::Null, |at| Avro::Long(at.as_millisecond())),
        (Value::String(text), FieldType::Date) => days(text).map_or(Avro::Null, Avro::Date),
        (Value::String(text), _) => Avro::String(text.clone()),
        (other, _) => Avro::String(other.to_string()),
    }
}

/// Days since 1970.
fn days(text: &str) -> Option<i32> {
    let day: Date = text.parse().ok()?;
    let since = day.since(Date::constant(1970, 1, 1)).ok()?;
    Some(since.get_days())
}

/// Fields by place.
#[derive(Default)]
struct Bits {
    top: Vec<usize>,
    within: BTreeMap<usize, Vec<usize>>,
}

impl Bits {
    fn set(&mut self, at: usize) {
        self.top.push(at);
    }

    fn set_within(&mut self, at: usize, within: usize) {
        self.within.entry(at).or_default().push(within);
    }

    fn texts(&self) -> Avro {
        let mut texts = Vec::new();
        if !self.top.is_empty() {
            texts.push(hex(&self.top));
        }
        texts.extend(self.within.iter().map(|(at, places)| format!("{at}-{}", hex(places))));
        Avro::Array(texts.into_iter().map(Avro::String).collect())
    }
}

/// `[1]` is `0x02`: the lowest bit is the first place.
fn hex(places: &[usize]) -> String {
    let bytes = places.iter().max().map_or(1, |last| last / 8 + 1);
    let mut bits = vec![0_u8; bytes];
    for place in places {
        bits[bytes - 1 - place / 8] |= 1 << (place % 8);
    }
    let digits: String = bits.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("0x{digits}")
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn places_become_bitmaps() {
        assert_eq!(hex(&[1]), "0x02");
        assert_eq!(hex(&[5, 6, 7, 10, 24, 26, 29, 30]), "0x650004E0");
    }
}
