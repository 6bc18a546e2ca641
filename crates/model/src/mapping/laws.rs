//! The two laws that make a mapping safe to run in both directions, checked when a mapping is saved.
//!
//! - GetPut: reading a row and writing back what was read changes nothing there.
//! - PutGet: writing a record and reading it back gives the record.
//!
//! A mapping that breaks a law rewrites values that nobody edited, on every sync, for ever. The check runs both laws on sample rows,
//! sample records and generated values, against a stand-in of the platform that cuts texts and rounds numbers as the platform says
//! it does, and names a counterexample for each field.

mod generate;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value as Json;

use super::Direction;
use super::convert::{Lens, Line};
use super::remote::{RemoteKind, Row};
use crate::clock::Timestamp;
use crate::formula::person_name::collapse;
use crate::id::RecordId;
use crate::normalise::{self, normalise};
use crate::object::FieldType;
use crate::value::{self, FieldKey, Fields, Value};
use generate::Generator;

/// Generated rows and records per check: enough that each field meets every kind of value, done in some milliseconds.
const ROUNDS: u64 = 96;

/// A remote text field this short, or shorter, is no home for long text: most long texts would be cut.
const SHORT_TEXT_MAX_CHARS: u32 = 255;

/// What a mapping line does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// Reading and writing back changes the remote value.
    GetPut,
    /// Writing and reading back changes our value.
    PutGet,
    /// The line goes both ways and has a formula for one of them only.
    OneWay,
    /// Two values of a list become one.
    LossyPicklist,
    /// The remote field is too short for the value.
    Truncation,
}

/// A broken law with its counterexample.
#[derive(Debug, Clone, PartialEq)]
pub struct LawViolation {
    /// The mapped field.
    pub field: FieldKey,
    /// Which law.
    pub law: Law,
    /// The value before the round trip.
    pub before: Value,
    /// The value after it.
    pub after: Value,
    /// The example in words: the row or record it was found with, and what to do.
    pub example: String,
}

impl fmt::Display for LawViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.law {
            Law::GetPut => "reading and writing back changes the remote value",
            Law::PutGet => "writing and reading back changes our value",
            Law::OneWay => "only one of two directions has a formula",
            Law::LossyPicklist => "two list values become one",
            Law::Truncation => "the remote field is too short",
        };
        write!(f, "`{}`: {what}", self.field)?;
        if self.law != Law::OneWay {
            write!(f, ": `{}` becomes `{}`", self.before.display(), self.after.display())?;
        }
        write!(f, "; {}", self.example)
    }
}

/// Checks a mapping. `rows` are sample rows of the platform and `records` sample records of ours (both may be empty); `seed` picks
/// the generated values, the same for the same seed. At most one violation per field and law is reported, the first found.
#[must_use]
pub fn check(lens: &Lens, rows: &[Row], records: &[Fields], seed: u64) -> Vec<LawViolation> {
    let mut check = Check { lens, found: BTreeMap::new() };
    check.one_way();
    check.picklists();
    check.lengths();
    let mut generator = Generator::new(seed);
    for record in records {
        check.put_get(record, rows.first());
    }
    for round in 0..ROUNDS {
        let record = generator.record(lens);
        let sample = if rows.is_empty() { None } else { rows.get((round % rows.len() as u64) as usize) };
        check.put_get(&record, sample);
    }
    for row in rows {
        check.get_put(row);
    }
    for _ in 0..ROUNDS {
        let row = generator.row(lens);
        check.get_put(&row);
    }
    check.found.into_values().collect()
}

/// An instant for formulas that ask for one; the laws must hold at any.
const NOW_S: i64 = 1_780_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW_S).unwrap_or_default()
}

struct Check<'a> {
    lens: &'a Lens,
    found: BTreeMap<(FieldKey, Law), LawViolation>,
}

impl Check<'_> {
    fn report(&mut self, line: &Line, law: Law, before: Value, after: Value, example: String) {
        let field = line.map.field.clone();
        // A loss that was found by looking at the line explains every counterexample of it.
        let explained =
            [Law::OneWay, Law::LossyPicklist, Law::Truncation].iter().any(|law| self.found.contains_key(&(field.clone(), *law)));
        if explained && matches!(law, Law::GetPut | Law::PutGet) {
            return;
        }
        self.found.entry((field.clone(), law)).or_insert(LawViolation { field, law, before, after, example });
    }

    fn one_way(&mut self) {
        let lens = self.lens;
        for line in both_ways(lens) {
            let example = match (&line.get, &line.put) {
                (Some(_), None) => "add the formula that undoes `get` as `put`, or set the direction to in",
                (None, Some(_)) => "add the formula that undoes `put` as `get`, or set the direction to out",
                _ => continue,
            };
            self.report(line, Law::OneWay, Value::Null, Value::Null, example.to_owned());
        }
    }

    fn picklists(&mut self) {
        let lens = self.lens;
        for line in both_ways(lens) {
            let remote: BTreeSet<&str> = line
                .map
                .values
                .iter()
                .map(|(theirs, _)| theirs.trim())
                .chain(line.restricted.iter().flatten().map(String::as_str))
                .collect();
            let listed = match &line.kind {
                FieldType::Picklist { values } | FieldType::MultiPicklist { values } => values.as_slice(),
                _ => &[],
            };
            let ours: BTreeSet<&str> =
                line.map.values.iter().map(|(_, ours)| ours.trim()).chain(listed.iter().map(String::as_str)).collect();
            let there = |theirs: &str| line.to_ours.get(theirs).cloned().unwrap_or_else(|| theirs.to_owned());
            let here = |ours: &str| line.to_theirs.get(ours).cloned().unwrap_or_else(|| ours.to_owned());
            for theirs in if line.map.values.is_empty() { BTreeSet::new() } else { remote } {
                let back = here(&there(theirs));
                if back != theirs {
                    let example = format!("both stand for our `{}`; give each remote value a value of its own here", there(theirs));
                    self.report(line, Law::LossyPicklist, Value::text(theirs), Value::text(back), example);
                }
            }
            for own in if line.map.values.is_empty() { BTreeSet::new() } else { ours } {
                let back = there(&here(own));
                if back != own {
                    let example = format!("both are written as `{}`; give each value of ours a remote value of its own", here(own));
                    self.report(line, Law::LossyPicklist, Value::text(own), Value::text(back), example);
                }
            }
        }
    }

    fn lengths(&mut self) {
        let lens = self.lens;
        for line in lens.lines().iter().filter(|line| line.writes() && line.put.is_none()) {
            let Some(length) = line.length else { continue };
            if line.kind == FieldType::LongText && length <= SHORT_TEXT_MAX_CHARS {
                let example = format!("`{}` holds {length} characters; map a long text field, or set the direction to in", line.map.remote);
                self.report(line, Law::Truncation, Value::text("a long text"), Value::text("its beginning"), example);
            }
            if let FieldType::Picklist { values } = &line.kind {
                for own in values {
                    let theirs = line.to_theirs.get(own).unwrap_or(own);
                    if theirs.chars().count() > length as usize {
                        let example = format!("`{}` holds {length} characters; translate the value in `values`", line.map.remote);
                        let cut: String = theirs.chars().take(length as usize).collect();
                        self.report(line, Law::Truncation, Value::text(own), Value::text(cut), example);
                    }
                }
            }
        }
    }

    fn put_get(&mut self, record: &Fields, sample: Option<&Row>) {
        let lens = self.lens;
        let record = tidy(lens, record);
        let changed: BTreeSet<FieldKey> = lens.ours().keys().cloned().collect();
        let put = lens.put(&record, &changed, &|id| Some(id.to_string()), now());
        for (field, reason) in &put.faults {
            if let Some(line) = both_ways(lens).find(|line| line.map.field == *field) {
                let before = value::get(&record, field).clone();
                self.report(line, Law::PutGet, before, Value::Null, format!("it cannot be written: {reason}"));
            }
        }
        let mut row = sample.cloned().unwrap_or_default();
        for (remote, json) in put.row {
            let line = lens.lines().iter().find(|line| line.writes() && line.map.remote == remote);
            let (held, cut) = line.map_or((json.clone(), false), |line| stored(line, &json));
            if let (true, Some(line)) = (cut, line) {
                let example = format!("`{remote}` holds {} characters; map a longer field", line.length.unwrap_or_default());
                self.report(line, Law::Truncation, lossless(&json), lossless(&held), example);
            }
            row.insert(remote, held);
        }
        let got = lens.get(&row, &record, &|_, external| external.parse::<RecordId>().ok(), now());
        let broken: Vec<_> = both_ways(lens)
            .filter_map(|line| {
                let before = value::get(&record, &line.map.field);
                let fault = got.faults.iter().find(|(field, _)| *field == line.map.field);
                let after = got.fields.get(&line.map.field);
                match (after, fault) {
                    (Some(after), _) if !after.agrees(before) => {
                        Some((line, before.clone(), after.clone(), format!("found with {}", shown(line, &record, &row))))
                    }
                    (None, Some((_, reason))) => Some((line, before.clone(), Value::Null, format!("it cannot be read back: {reason}"))),
                    _ => None,
                }
            })
            .collect();
        for (line, before, after, example) in broken {
            self.report(line, Law::PutGet, before, after, example);
        }
    }

    fn get_put(&mut self, row: &Row) {
        let lens = self.lens;
        let got = lens.get(row, &Fields::new(), &|_, external| Some(stand_in(external)), now());
        let changed: BTreeSet<FieldKey> = got.fields.keys().cloned().collect();
        let externals: BTreeMap<RecordId, String> = row
            .values()
            .filter_map(|json| match json {
                Json::String(text) => Some((stand_in(text), text.clone())),
                Json::Number(number) => Some((stand_in(&number.to_string()), number.to_string())),
                _ => None,
            })
            .collect();
        let put = lens.put(&got.fields, &changed, &|id| externals.get(id).cloned(), now());
        let broken: Vec<_> = both_ways(lens)
            .filter_map(|line| {
                let before = row.get(&line.map.remote)?;
                if let Some((_, reason)) = got.faults.iter().find(|(field, _)| *field == line.map.field) {
                    return Some((line, lossless(before), Value::Null, format!("it cannot be read: {reason}")));
                }
                // Fields that the formula needs and the row did not give were not read, so nothing is written to compare.
                let needs = line.put.as_ref().map(|put| put.reads().iter().all(|name| got.fields.contains_key(name)));
                if needs == Some(false) {
                    return None;
                }
                let after = put.row.get(&line.map.remote)?;
                let (one, two) = (meant(lens, line, before), meant(lens, line, after));
                (!one.agrees(&two)).then(|| {
                    let example =
                        format!("the remote value is rewritten although nobody changed it; `{}` must undo the reading", line.map.remote);
                    (line, one, two, example)
                })
            })
            .collect();
        for (line, before, after, example) in broken {
            self.report(line, Law::GetPut, before, after, example);
        }
    }
}

fn both_ways(lens: &Lens) -> impl Iterator<Item = &Line> {
    lens.lines().iter().filter(|line| line.map.direction == Direction::Both)
}

/// A record as it would be held: each value in the one form of its type.
fn tidy(lens: &Lens, record: &Fields) -> Fields {
    let normalised = |(field, kind): (&FieldKey, &FieldType)| {
        let value = value::get(record, field).clone();
        let value = normalise(kind, value, lens.locale()).unwrap_or_default();
        (field.clone(), value)
    };
    lens.ours().iter().map(normalised).collect()
}

/// What the platform holds after such a write, and whether it had to cut.
fn stored(line: &Line, json: &Json) -> (Json, bool) {
    match (json, line.length, line.scale) {
        (Json::String(text), Some(length), _) if text.chars().count() > length as usize => {
            (Json::String(text.chars().take(length as usize).collect()), true)
        }
        (Json::Number(_) | Json::String(_), _, Some(scale)) if line.remote_kind == Some(RemoteKind::Number) => {
            let number = match json {
                Json::Number(number) => normalise::decimal_of(number),
                other => other.as_str().and_then(normalise::parse_decimal),
            };
            let round = |number: Decimal| number.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero);
            (number.map_or_else(|| json.clone(), |number| normalise::to_json(&Value::Number(round(number)))), false)
        }
        _ => (json.clone(), false),
    }
}

/// The meaning of a remote value: what must be the same before and after.
fn meant(lens: &Lens, line: &Line, json: &Json) -> Value {
    let by_kind = match (line.get.is_none() && line.put.is_none() && line.map.values.is_empty(), &line.kind, line.remote_kind) {
        (_, FieldType::Reference { .. }, _) => normalise::from_remote(RemoteKind::Reference, json, lens.locale()),
        (true, kind, _) => normalise::from_json(kind, json, lens.locale()),
        (false, _, Some(RemoteKind::Email)) => normalise::from_json(&FieldType::Email, json, lens.locale()),
        (false, _, Some(RemoteKind::Phone)) => normalise::from_json(&FieldType::Phone, json, lens.locale()),
        (false, _, Some(RemoteKind::Url)) => normalise::from_json(&FieldType::Url, json, lens.locale()),
        (false, _, kind) => normalise::from_remote(kind.unwrap_or(RemoteKind::Json), json, lens.locale()),
    };
    match by_kind.unwrap_or_else(|_| lossless(json)) {
        Value::Text(text) => Value::Text(collapse(&text)),
        other => other,
    }
}

fn lossless(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::String(text) => Value::Text(text.clone()),
        other => Value::Json(other.clone()),
    }
}

/// A record for any external id, the same for the same id.
fn stand_in(external: &str) -> RecordId {
    external.parse().unwrap_or_else(|_| {
        let bits = external.bytes().fold(0xcbf2_9ce4_8422_2325_u128, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_01b3));
        RecordId::new("rec", bits)
    })
}

/// The values that a line's round trip went through, in words.
fn shown(line: &Line, record: &Fields, row: &Row) -> String {
    let mut names = BTreeSet::from([line.map.field.clone()]);
    names.extend(line.put.iter().flat_map(|put| put.reads().iter().cloned()));
    let ours = names.iter().map(|name| format!("{name} `{}`", value::get(record, name).display())).collect::<Vec<_>>().join(", ");
    let theirs = row.get(&line.map.remote).map_or_else(String::new, |json| lossless(json).display());
    format!("{ours}, written to `{}` as `{theirs}`", line.map.remote)
}
