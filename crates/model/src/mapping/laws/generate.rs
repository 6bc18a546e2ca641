//! Values to try the laws on: the same for the same seed, and rich in what breaks mappings (names of three words, particles,
//! accents, negative numbers, blanks).

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{Span, Timestamp};
use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::id::RecordId;
use crate::mapping::convert::{Lens, Line};
use crate::mapping::remote::{RemoteKind, Row};
use crate::normalise::{normalise, to_json};
use crate::object::FieldType;
use crate::value::{Fields, Value};

const GIVEN: &[&str] = &["Ada", "Zoë", "Jean-Luc", "Mary Ann", "José María", "Bo", "D'Arcy", "Ng"];
const FAMILY: &[&str] = &["Lovelace", "van der Berg", "de la Cruz", "O'Brien", "Smith Jones", "Šimůnek", "King Jr.", "Li"];
const WORDS: &[&str] = &["Acme", "north & south", "Größe", "R&D", "alpha", "Beta 2", "x", "semi-annual", "100%", "日本"];
/// One generated value in so many is blank.
const BLANK_ONE_IN: u64 = 8;
/// Days from 1970 within which generated days lie: to 2050.
const DAYS: u64 = 29_000;

/// A small deterministic generator (SplitMix64).
pub(super) struct Generator {
    state: u64,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn pick<'a>(&mut self, list: &'a [&'a str]) -> &'a str {
        let at = self.below(list.len() as u64) as usize;
        list.get(at).copied().unwrap_or_default()
    }

    /// A record of ours with a value for most fields.
    pub(super) fn record(&mut self, lens: &Lens) -> Fields {
        let mut record = Fields::new();
        for (field, kind) in lens.ours() {
            let line = lens.lines().iter().find(|line| line.map.field == *field);
            let value = match line.and_then(|line| self.restricted(line)) {
                Some(value) => value,
                None => self.value(field, kind),
            };
            let value = match (value, line.and_then(|line| line.length)) {
                (Value::Text(text), Some(length)) => Value::Text(text.chars().take(length as usize).collect()),
                (value, _) => value,
            };
            record.insert(field.clone(), normalise(kind, value, lens.locale()).unwrap_or_default());
        }
        record
    }

    /// A remote row with a value for every mapped field that the platform's type, or else our own, gives an idea of.
    pub(super) fn row(&mut self, lens: &Lens) -> Row {
        let mut row = Row::new();
        for line in lens.lines() {
            let json = match (self.restricted_remote(line), line.remote_kind) {
                (Some(theirs), _) => Json::String(theirs),
                (None, Some(kind)) => self.remote(line, kind),
                (None, None) if line.get.is_none() => to_json(&self.value(&line.map.field, &line.kind)),
                (None, None) => continue,
            };
            row.insert(line.map.remote.clone(), json);
        }
        row
    }

    /// A value of ours that a restricted list at the platform can hold.
    fn restricted(&mut self, line: &Line) -> Option<Value> {
        if line.put.is_some() {
            return None;
        }
        let theirs = self.restricted_remote(line)?;
        Some(Value::Text(line.to_ours.get(&theirs).cloned().unwrap_or(theirs)))
    }

    fn restricted_remote(&mut self, line: &Line) -> Option<String> {
        let list = line.restricted.as_ref()?;
        // Only values that exist on both sides; others are drift, which the merge handles.
        let known: Vec<&String> = match &line.kind {
            FieldType::Picklist { values } | FieldType::MultiPicklist { values } if !values.is_empty() => {
                list.iter().filter(|theirs| values.contains(line.to_ours.get(*theirs).unwrap_or(theirs))).collect()
            }
            _ => list.iter().collect(),
        };
        let at = self.below(known.len() as u64) as usize;
        known.get(at).map(|theirs| (*theirs).clone())
    }

    fn remote(&mut self, line: &Line, kind: RemoteKind) -> Json {
        // Without a formula the remote holds what our field can; with one, whatever its own type can.
        let identity = line.get.is_none() && line.put.is_none();
        let own = match kind {
            _ if identity => line.kind.clone(),
            RemoteKind::Text => FieldType::Text,
            RemoteKind::LongText => FieldType::LongText,
            RemoteKind::Email => FieldType::Email,
            RemoteKind::Phone => FieldType::Phone,
            RemoteKind::Url => FieldType::Url,
            RemoteKind::Number => FieldType::Number { scale: line.scale.unwrap_or(0) },
            RemoteKind::Date => FieldType::Date,
            RemoteKind::Datetime => FieldType::Datetime,
            RemoteKind::Boolean => FieldType::Boolean,
            RemoteKind::Picklist => FieldType::Picklist { values: line.map.values.iter().map(|(theirs, _)| theirs.clone()).collect() },
            RemoteKind::MultiPicklist => {
                FieldType::MultiPicklist { values: line.map.values.iter().map(|(theirs, _)| theirs.clone()).collect() }
            }
            RemoteKind::Reference => FieldType::Reference { object: String::new() },
            RemoteKind::Json => FieldType::Json,
        };
        let value = self.value(&line.map.remote.to_lowercase(), &own);
        let value = match value {
            Value::Text(text) => {
                let theirs = line.to_theirs.get(&text).cloned().unwrap_or(text);
                let length = line.length.map_or(usize::MAX, |length| length as usize);
                Value::Text(theirs.chars().take(length).collect::<String>().trim().to_owned())
            }
            other => other,
        };
        to_json(&value)
    }

    fn value(&mut self, name: &str, kind: &FieldType) -> Value {
        if self.below(BLANK_ONE_IN) == 0 {
            return Value::Null;
        }
        match kind {
            FieldType::Text if name.contains("name") => Value::text(self.name(name)),
            FieldType::Text => Value::text(self.words(3)),
            FieldType::LongText => Value::text(format!("{}\n{}", self.words(4), self.words(6))),
            FieldType::Email => Value::text(format!("p{}@example{}.com", self.below(1_000), self.below(9))),
            FieldType::Phone => Value::text(format!("+1415555{:04}", self.below(10_000))),
            FieldType::Url => Value::text(format!("https://example{}.com/A{}", self.below(9), self.below(9))),
            FieldType::Number { scale } => Value::Number(self.decimal(*scale)),
            FieldType::Money { currency } => Value::Money { amount: self.decimal(2), currency: currency.clone() },
            FieldType::Date => Value::Date(self.date()),
            FieldType::Datetime => {
                let second = i64::try_from(self.below(DAYS * 86_400)).unwrap_or_default();
                Timestamp::from_second(second).map_or(Value::Null, Value::DateTime)
            }
            FieldType::Boolean => Value::Bool(self.below(2) == 0),
            FieldType::Picklist { values } => Value::Text(self.option(values)),
            FieldType::MultiPicklist { values } => {
                let count = self.below(3) + 1;
                Value::Set((0..count).map(|_| self.option(values)).collect::<BTreeSet<_>>())
            }
            FieldType::Reference { .. } => Value::Ref(RecordId::new("rec", u128::from(self.next()))),
            FieldType::Json => Value::Json(serde_json::json!({ "n": self.below(100) })),
        }
    }

    fn name(&mut self, field: &str) -> String {
        if field.contains("first") || field.contains("given") {
            self.pick(GIVEN).to_owned()
        } else if field.contains("last") || field.contains("family") {
            self.pick(FAMILY).to_owned()
        } else {
            format!("{} {}", self.pick(GIVEN), self.pick(FAMILY))
        }
    }

    fn words(&mut self, most: u64) -> String {
        let count = self.below(most) + 1;
        (0..count).map(|_| self.pick(WORDS)).collect::<Vec<_>>().join(" ")
    }

    fn option(&mut self, values: &[String]) -> String {
        let at = self.below(values.len() as u64) as usize;
        values.get(at).cloned().unwrap_or_else(|| self.pick(&["alpha", "Beta 2", "semi-annual"]).to_owned())
    }

    fn decimal(&mut self, scale: u32) -> Decimal {
        let digits = i64::try_from(self.below(10_000_000)).unwrap_or_default();
        let signed = if self.below(4) == 0 { -digits } else { digits };
        Decimal::new(signed, scale.min(6))
    }

    fn date(&mut self) -> Date {
        let epoch = Date::constant(1970, 1, 1);
        let days = i64::try_from(self.below(DAYS)).unwrap_or_default();
        Span::new().try_days(days).ok().and_then(|days| epoch.checked_add(days).ok()).unwrap_or(epoch)
    }
}
