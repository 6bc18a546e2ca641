//! Between HubSpot's texts and flat rows.

use entente_model::actor::ChangeMark;
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteKind, Row};
use serde_json::{Map, Value};

use super::kind::{ASSOCIATION, is_property};
use super::schema::Schema;
use super::wire::Record;
use crate::actors::Actors;
use crate::look::{Existence, Look};
use crate::transport::offset::Offset;

/// Property that holds the user who last changed a record.
pub(crate) const CHANGED_BY: &str = "hs_updated_by_user_id";

/// Properties that hold the ids that a record absorbed: `1;2`, and for contacts also `1:1700000000000;2:…`.
pub(crate) const ABSORBED: [&str; 2] = ["hs_merged_object_ids", "hs_calculated_merged_vids"];

/// What a look needs beside the record.
pub(crate) struct Seeing<'a> {
    pub object: &'a str,
    pub schema: &'a Schema,
    pub actors: &'a Actors,
    pub ours: &'a str,
    pub offset: &'a Offset,
    pub seen_at: Timestamp,
}

impl Seeing<'_> {
    /// A whole look at a record; `beside` answers for the fields that are no properties.
    pub fn look(&self, record: &Record, fields: &[String], beside: impl Fn(&str) -> Value) -> Look {
        let value = |name: &String| {
            if is_property(name) { read(record.text(name), self.schema.kind(name)) } else { beside(name) }
        };
        let at = record.updated_at.as_deref().and_then(instant).map(|at| self.offset.correct(at));
        // An index that shows a change has caught up with it, however far it is behind.
        let indexed_to = record.indexed_to.map(|surely| at.map_or(surely, |at| at.max(surely)));
        Look {
            object: self.object.to_owned(),
            id: record.id.clone(),
            existence: Existence::Present,
            row: fields.iter().map(|name| (name.clone(), value(name))).collect(),
            complete: true,
            version: record.updated_at.as_deref().map(version),
            mark: self.actors.mark(at, record.text(CHANGED_BY), self.ours),
            seen_at: indexed_to.map_or(self.seen_at, |at| at.min(self.seen_at)),
        }
    }

    /// The look at a row that is gone.
    pub fn gone(&self, id: &str, existence: Existence) -> Look {
        Look {
            object: self.object.to_owned(),
            id: id.to_owned(),
            existence,
            row: Row::new(),
            complete: true,
            version: None,
            mark: ChangeMark::default(),
            seen_at: self.seen_at,
        }
    }
}

/// Ids that were merged into a record.
pub(crate) fn absorbed(record: &Record) -> Vec<String> {
    let mut ids = Vec::new();
    for list in ABSORBED.iter().filter_map(|name| record.text(name)) {
        for id in list.split(';').filter_map(|item| item.split(':').next()).map(str::trim).filter(|id| !id.is_empty() && *id != record.id) {
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
    }
    ids
}

/// An instant in either of HubSpot's spellings.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    match text.trim().parse::<i64>() {
        Ok(ms) => Timestamp::from_millisecond(ms).ok(),
        Err(_) => text.trim().parse().ok(),
    }
}

/// The version of a record: its stamp, in our spelling.
pub(crate) fn version(stamp: &str) -> String {
    instant(stamp).map_or_else(|| stamp.to_owned(), |at| at.to_string())
}

/// One value, from the vendor's text to ours.
pub(super) fn read(text: Option<&str>, kind: Option<RemoteKind>) -> Value {
    let Some(text) = text else { return Value::Null };
    match kind {
        Some(RemoteKind::Boolean) => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            other => Value::from(other),
        },
        Some(RemoteKind::MultiPicklist) => text.split(';').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect(),
        Some(RemoteKind::Datetime) => instant(text).map_or_else(|| Value::from(text), |at| Value::from(at.to_string())),
        Some(RemoteKind::Date) => match instant(text).filter(|_| !text.contains('-')) {
            Some(at) => Value::from(at.to_string().chars().take("YYYY-MM-DD".len()).collect::<String>()),
            None => Value::from(text),
        },
        Some(RemoteKind::LongText) if text.contains('\r') => Value::from(text.replace("\r\n", "\n")),
        _ => Value::from(text),
    }
}

/// Properties to send, from flat values; associations are left to the caller, and what HubSpot computes is left out.
pub(crate) fn properties(row: &Row, schema: &Schema) -> Map<String, Value> {
    row.iter()
        .filter(|(name, _)| is_property(name) && *name != "hs_object_id")
        .map(|(name, value)| (name.clone(), Value::from(write(value, schema.kind(name)))))
        .collect()
}

/// One value, from ours to the vendor's text; an empty one clears.
fn write(value: &Value, kind: Option<RemoteKind>) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if kind == Some(RemoteKind::Datetime) => instant(text).map_or_else(|| text.clone(), |at| format!("{at:.3}")),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    }
}

/// The associations in a row: object and id, or none to end them.
pub(crate) fn associations(row: &Row) -> Vec<(&str, Option<&str>)> {
    row.iter().filter_map(|(name, value)| Some((name.strip_prefix(ASSOCIATION)?, value.as_str().filter(|id| !id.is_empty())))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_survive_the_way_there_and_back() {
        for (kind, ours, theirs) in [
            (RemoteKind::Boolean, json!(true), "true"),
            (RemoteKind::MultiPicklist, json!(["a", "b"]), "a;b"),
            (RemoteKind::Datetime, json!("2026-03-12T10:04:17.96Z"), "2026-03-12T10:04:17.960Z"),
            (RemoteKind::Date, json!("2026-03-12"), "2026-03-12"),
            (RemoteKind::Number, json!("5000.00"), "5000.00"),
            (RemoteKind::Text, json!("x"), "x"),
        ] {
            assert_eq!(write(&ours, Some(kind)), theirs);
            assert_eq!(read(Some(theirs), Some(kind)), ours);
        }
        assert_eq!(write(&Value::Null, None), "", "an empty text clears");
        assert_eq!(write(&json!(12.5), Some(RemoteKind::Number)), "12.5");
        assert_eq!(read(Some("1773300826615"), Some(RemoteKind::Datetime)), "2026-03-12T07:33:46.615Z");
        assert_eq!(read(Some("1773273600000"), Some(RemoteKind::Date)), "2026-03-12");
        assert_eq!(read(None, Some(RemoteKind::Boolean)), Value::Null);
    }

    #[test]
    fn absorbed_ids_are_read_from_both_lists() {
        let record: Record = serde_json::from_value(json!({"id": "3", "properties": {
            "hs_merged_object_ids": "1;2", "hs_calculated_merged_vids": "2:1773300826615;4:1773300826616;3:1",
        }}))
        .expect("record");
        assert_eq!(absorbed(&record), ["1", "2", "4"]);
    }
}
