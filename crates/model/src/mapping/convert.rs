//! A mapping made executable: `get` turns a remote row into our values, `put` turns our values into a remote row.
//!
//! A [`Lens`] is compiled once per mapping version; everything that can be wrong with a mapping is found then, so that converting
//! a row only ever fails on the row's own values, field by field.

mod compile;
mod currency;
mod fit;
mod get;
mod put;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::remote::{RemoteKind, Row};
use super::{Direction, FieldMap, Mapping};
use crate::clock::Timestamp;
use crate::formula::{Env, Formula, FormulaError, Fuel, RecordEnv};
use crate::id::RecordId;
use crate::normalise::Locale;
use crate::object::{FieldType, ObjectKey};
use crate::value::{self, FieldKey, Fields, Value};

/// Finds the record that an external id stands for: (our object, external id).
pub type ResolveRecord<'a> = &'a dyn Fn(&str, &str) -> Option<RecordId>;

/// Finds the external id that a record has at the connection.
pub type ResolveExternal<'a> = &'a dyn Fn(&RecordId) -> Option<String>;

/// What is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingError {
    /// The mapping: our object and the platform's.
    pub mapping: String,
    /// The line, counted from 1; `None` when it is the mapping as a whole.
    pub line: Option<usize>,
    /// The field of that line.
    pub field: Option<FieldKey>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl std::error::Error for MappingError {}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mapping {}", self.mapping)?;
        if let (Some(line), Some(field)) = (self.line, &self.field) {
            write!(f, ", line {line} (`{field}`)")?;
        }
        write!(f, ": {}; {}", self.reason, self.remedy)
    }
}

/// What a row says of our fields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Got {
    /// Values of the fields whose inputs the row holds. A field that is absent here is unknown, not blank.
    pub fields: Fields,
    /// References whose target has no record yet: field, our object, external id.
    pub unresolved: Vec<(FieldKey, ObjectKey, String)>,
    /// Fields whose value could not be read, and why.
    pub faults: Vec<(FieldKey, String)>,
}

/// What to write for our fields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Put {
    /// Remote values.
    pub row: Row,
    /// References left out because their target has no counterpart at the connection yet.
    pub pending: Vec<(FieldKey, RecordId)>,
    /// Fields whose value could not be turned into a remote one, and why; left out of the row.
    pub faults: Vec<(FieldKey, String)>,
}

/// One compiled line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) map: FieldMap,
    pub(crate) kind: FieldType,
    /// Whether "no" is an answer here, and no value is none: of a consent.
    pub(crate) tells_no: bool,
    /// The platform's type, where the platform was described.
    pub(crate) remote_kind: Option<RemoteKind>,
    pub(crate) length: Option<u32>,
    pub(crate) scale: Option<u32>,
    pub(crate) restricted: Option<Vec<String>>,
    pub(crate) get: Option<Formula>,
    pub(crate) put: Option<Formula>,
    pub(crate) to_ours: HashMap<String, String>,
    pub(crate) to_theirs: HashMap<String, String>,
}

impl Line {
    /// Whether the connection may be written through this line.
    pub(crate) fn writes(&self) -> bool {
        self.map.direction != Direction::In
    }

    /// Fields of ours that the remote value is made of.
    fn is_touched(&self, changed: &BTreeSet<FieldKey>) -> bool {
        let by_formula = self.put.as_ref().is_some_and(|put| put.reads().iter().any(|name| changed.contains(name)));
        by_formula || changed.contains(&self.map.field)
    }
}

/// A compiled mapping.
#[derive(Debug, Clone)]
pub struct Lens {
    mapping: Mapping,
    locale: Locale,
    lines: Vec<Line>,
    /// Types of our object's fields.
    ours: BTreeMap<FieldKey, FieldType>,
    /// Types of the platform's fields, where it was described.
    kinds: HashMap<String, RemoteKind>,
    filter: Option<Formula>,
    when: Option<Formula>,
    rules: Vec<Formula>,
}

impl Lens {
    /// The remote field that carries Entente's record id.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.mapping.key
    }

    /// The mapping this was compiled from.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The locale values are normalised in.
    #[must_use]
    pub fn locale(&self) -> &Locale {
        &self.locale
    }

    pub(crate) fn ours(&self) -> &BTreeMap<FieldKey, FieldType> {
        &self.ours
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Remote fields to fetch with each row: the key, every mapped field, and what formulas and the filter read. Sorted, each once.
    #[must_use]
    pub fn reads(&self) -> Vec<String> {
        let mut names = BTreeSet::from([self.mapping.key.clone()]);
        names.extend(self.mapping.also_read.iter().cloned());
        for line in &self.lines {
            names.insert(line.map.remote.clone());
            names.extend(line.map.currency.clone());
            if let Some(get) = &line.get {
                names.extend(get.reads().iter().cloned());
            }
        }
        if let Some(filter) = &self.filter {
            names.extend(filter.reads().iter().cloned());
        }
        names.into_iter().collect()
    }

    /// Remote fields that a field of ours is read from.
    pub fn inputs<'a>(&'a self, field: &str) -> impl Iterator<Item = &'a str> {
        let lines = self.lines.iter().filter(move |line| line.map.field == field && line.map.direction != Direction::Out);
        lines.flat_map(|line| {
            let read = line.get.iter().flat_map(|get| get.reads().iter().map(String::as_str));
            let shown = line.get.is_none().then_some(line.map.remote.as_str());
            shown.into_iter().chain(line.map.currency.as_deref()).chain(read)
        })
    }

    /// Has "no" told from no value in these fields: of others, a blank flag is false.
    pub fn tell_no_from_none(&mut self, fields: &BTreeSet<FieldKey>) {
        for line in &mut self.lines {
            line.tells_no = line.kind == FieldType::Boolean && fields.contains(&line.map.field);
        }
    }

    /// Whether the row is ours to sync. A row that lacks what the filter reads is accepted: a partial row is no evidence that the
    /// record left. So is a row on which the filter fails; [`Self::filter`] tells why.
    #[must_use]
    pub fn accepts(&self, row: &Row) -> bool {
        self.filter(row).unwrap_or(true)
    }

    /// [`Self::accepts`], with the error of a filter that fails on this row.
    pub fn filter(&self, row: &Row) -> Result<bool, FormulaError> {
        let Some(filter) = &self.filter else { return Ok(true) };
        if !filter.reads().iter().all(|name| row.contains_key(name)) {
            return Ok(true);
        }
        // The filter does not depend on time: that is checked when the mapping is compiled.
        let env = get::RowEnv::new(self, row, None, Timestamp::UNIX_EPOCH);
        filter.holds(&env, &mut Fuel::default())
    }

    /// Whether a record that has no counterpart here gets one. A rule that fails on these values counts as not fulfilled;
    /// [`Self::create_rule`] tells why.
    #[must_use]
    pub fn creates(&self, fields: &Fields, now: Timestamp) -> bool {
        self.create_rule(fields, now).unwrap_or(false)
    }

    /// [`Self::creates`], with the error of a rule that fails on these values.
    pub fn create_rule(&self, fields: &Fields, now: Timestamp) -> Result<bool, FormulaError> {
        let Some(when) = &self.when else { return Ok(false) };
        when.holds(&self.record_env(fields, now), &mut Fuel::default())
    }

    /// What is told of the rules that these values break. A rule that fails on them is broken, and its error is told with it.
    #[must_use]
    pub fn broken_rules(&self, fields: &Fields, now: Timestamp) -> Vec<String> {
        let mut broken = Vec::new();
        for (rule, formula) in self.mapping.rules.iter().zip(&self.rules) {
            match formula.holds(&self.record_env(fields, now), &mut Fuel::default()) {
                Ok(true) => {}
                Ok(false) => broken.push(rule.message.clone()),
                Err(error) => broken.push(format!("{} ({})", rule.message, error.message)),
            }
        }
        broken
    }

    /// Required fields without a value: a record with any is not created here.
    #[must_use]
    pub fn missing_required(&self, fields: &Fields) -> Vec<FieldKey> {
        let required = self.mapping.fields.iter().filter(|line| line.required);
        required.filter(|line| value::get(fields, &line.field).is_blank()).map(|line| line.field.clone()).collect()
    }

    fn record_env<'a>(&self, fields: &'a Fields, now: Timestamp) -> RecordEnv<'a> {
        RecordEnv { fields, prior: fields, now, zone: self.locale.timezone.clone() }
    }
}

/// Evaluates one formula of a line; the message of a failure is one line, as it stands beside the field's name.
fn evaluate(formula: &Formula, env: &dyn Env) -> Result<Value, String> {
    formula.eval(env, &mut Fuel::default()).map_err(|error| match error.remedy.as_str() {
        "" => error.message.clone(),
        remedy => format!("{}; {remedy}", error.message),
    })
}

/// Translates a picklist value or each item of a set; what is not listed passes unchanged.
fn translate(value: Value, table: &HashMap<String, String>) -> Value {
    if table.is_empty() {
        return value;
    }
    match value {
        Value::Text(text) => Value::Text(table.get(text.trim()).cloned().unwrap_or(text)),
        Value::Set(items) => Value::Set(items.into_iter().map(|item| table.get(&item).cloned().unwrap_or(item)).collect()),
        Value::Bool(_) | Value::Number(_) => table.get(&value.display()).cloned().map_or(value, Value::Text),
        other => other,
    }
}
