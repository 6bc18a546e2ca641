//! Remote row to our values.

use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::{Got, Lens, Line, ResolveRecord, evaluate, translate};
use crate::clock::Timestamp;
use crate::formula::Env;
use crate::mapping::Direction;
use crate::mapping::remote::{RemoteKind, Row};
use crate::normalise::{self, normalise};
use crate::object::FieldType;
use crate::plan::consent;
use crate::value::{self, Fields, Value};

/// Formulas over a remote row; `PRIORVALUE` is our record.
pub(super) struct RowEnv<'a> {
    lens: &'a Lens,
    row: &'a Row,
    prior: Option<&'a Fields>,
    now: Timestamp,
}

impl<'a> RowEnv<'a> {
    pub(super) fn new(lens: &'a Lens, row: &'a Row, prior: Option<&'a Fields>, now: Timestamp) -> Self {
        Self { lens, row, prior, now }
    }
}

impl Env for RowEnv<'_> {
    fn get(&self, name: &str) -> Value {
        let json = self.row.get(name).unwrap_or(&Json::Null);
        // What cannot be read by the platform's own type is handed to the formula as it is; the formula then says what it expected.
        self.lens.read(name, json).unwrap_or_else(|_| Value::Json(json.clone()))
    }

    fn prior(&self, name: &str) -> Value {
        self.prior.map_or(Value::Null, |prior| value::get(prior, name).clone())
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn zone(&self) -> TimeZone {
        self.lens.locale.timezone.clone()
    }
}

impl Lens {
    /// Reads a remote row. Only fields whose inputs the row holds are returned, so partial rows are fine; a value that cannot be
    /// read is a fault of its field alone. Lines of every direction are read.
    ///
    /// A line that only writes by formula (`put` without `get`) reads as our present value when the row holds what would be written
    /// for it, and as the raw remote value otherwise, so that drift is seen.
    #[must_use]
    pub fn get(&self, row: &Row, prior: &Fields, resolve: ResolveRecord<'_>, now: Timestamp) -> Got {
        self.get_by(|_| true, row, prior, resolve, now)
    }

    /// Reads no more of a remote row than what it refers to: all of it unresolved, but for records that the row names by their own id.
    #[must_use]
    pub fn references(&self, row: &Row, prior: &Fields, now: Timestamp) -> Got {
        self.get_by(|line| matches!(line.kind, FieldType::Reference { .. }), row, prior, &|_, _| None, now)
    }

    fn get_by(&self, wanted: impl Fn(&Line) -> bool, row: &Row, prior: &Fields, resolve: ResolveRecord<'_>, now: Timestamp) -> Got {
        let mut got = Got::default();
        let env = RowEnv::new(self, row, Some(prior), now);
        for line in self.lines.iter().filter(|line| wanted(line)) {
            let field = &line.map.field;
            let value = match &line.get {
                Some(get) if get.reads().iter().all(|name| row.contains_key(name)) => evaluate(get, &env),
                Some(_) => continue,
                None => match row.get(&line.map.remote) {
                    Some(json) if line.put.is_some() && line.map.direction == Direction::Out => {
                        if self.holds_ours(line, json, prior, now) {
                            got.fields.insert(field.clone(), value::get(prior, field).clone());
                            continue;
                        }
                        self.raw(line, json)
                    }
                    Some(json) if line.tells_no && (json.is_null() || json == "") => Ok(Value::Null),
                    Some(json) => self.raw(line, json),
                    None => {
                        got.fields.extend(Self::recounted(line, row, prior).map(|value| (field.clone(), value)));
                        continue;
                    }
                },
            };
            let value = value.map(|value| translate(value, &line.to_ours));
            match (value, &line.kind) {
                (Ok(value), _) if line.tells_no && consent::answer(&value).is_none() => {
                    got.fields.insert(field.clone(), Value::Null);
                }
                (Ok(value), FieldType::Reference { object }) => self.refer(line, value, object, resolve, &mut got),
                (Ok(value), kind) => match normalise(kind, value, &self.locale) {
                    Ok(value) => {
                        got.fields.insert(field.clone(), Self::in_currency(line, value, row, prior));
                    }
                    Err(error) => got.faults.push((field.clone(), error.to_string())),
                },
                (Err(reason), _) => got.faults.push((field.clone(), reason)),
            }
        }
        got
    }

    /// Reads one remote value by the platform's type of it.
    pub(super) fn read(&self, name: &str, json: &Json) -> Result<Value, normalise::NormaliseError> {
        normalise::from_remote(self.kinds.get(name).copied().unwrap_or(RemoteKind::Json), json, &self.locale)
    }

    /// The remote value before it is brought into our field's type. A translated value needs its platform's reading first (`true`
    /// is a flag there and `Active` here); any other goes to our type directly, which reads more forms.
    fn raw(&self, line: &Line, json: &Json) -> Result<Value, String> {
        if !line.to_ours.is_empty() || matches!(line.kind, FieldType::Reference { .. }) {
            return match json {
                Json::Object(_) => Err("expected one value, found a nested one; pick a part of it with a formula".to_owned()),
                json => self.read(&line.map.remote, json).map_err(|error| error.to_string()),
            };
        }
        normalise::from_json(&line.kind, json, &self.locale).map_err(|error| error.to_string())
    }

    fn refer(&self, line: &Line, value: Value, object: &str, resolve: ResolveRecord<'_>, got: &mut Got) {
        let field = line.map.field.clone();
        let external = match value {
            value if value.is_blank() => {
                got.fields.insert(field, Value::Null);
                return;
            }
            Value::Ref(id) => {
                got.fields.insert(field, Value::Ref(id));
                return;
            }
            Value::Text(text) => text.trim().to_owned(),
            Value::Number(number) => number.normalize().to_string(),
            _ => {
                got.faults.push((field, "expected the id of a row, found something else; map the field that holds the id".to_owned()));
                return;
            }
        };
        match resolve(object, &external) {
            Some(id) => {
                got.fields.insert(field, Value::Ref(id));
            }
            None => got.unresolved.push((field, object.to_owned(), external)),
        }
    }

    /// Whether the remote holds what we would write for the record as it is.
    fn holds_ours(&self, line: &Line, json: &Json, prior: &Fields, now: Timestamp) -> bool {
        let Some(put) = &line.put else { return false };
        let Ok(ours) = evaluate(put, &self.record_env(prior, now)) else { return false };
        let ours = translate(ours, &line.to_theirs);
        let kind = line.remote_kind.unwrap_or(RemoteKind::Json);
        let theirs = self.read(&line.map.remote, json);
        let ours = normalise::from_remote(kind, &normalise::to_json(&ours), &self.locale);
        matches!((theirs, ours), (Ok(theirs), Ok(ours)) if theirs.agrees(&ours))
    }
}
