//! What a formula is checked against and what it is evaluated in.

use jiff::tz::TimeZone;

use super::kind::Type;
use crate::clock::Timestamp;
use crate::object::Object;
use crate::value::{self, Fields, Value};

/// The fields a formula may read, with their types.
pub trait Schema {
    /// Type of a field, `None` when there is no such field.
    fn type_of(&self, name: &str) -> Option<Type>;

    /// Type of a field inside `PRIORVALUE`. As a rule the same fields; mappings differ (our fields, while the rest is remote).
    fn prior_type_of(&self, name: &str) -> Option<Type> {
        self.type_of(name)
    }

    /// All names, to suggest the right one for a misspelt one.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    /// All names allowed inside `PRIORVALUE`.
    fn prior_names(&self) -> Vec<String> {
        self.names()
    }
}

impl Schema for Object {
    fn type_of(&self, name: &str) -> Option<Type> {
        self.field(name).map(|field| Type::of_field(&field.kind))
    }

    fn names(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.key.clone()).collect()
    }
}

/// The values a formula is evaluated on.
pub trait Env {
    /// Value of a field; `Null` when it has none.
    fn get(&self, name: &str) -> Value;

    /// Value of a field before the change at hand; `Null` when there was none.
    fn prior(&self, name: &str) -> Value;

    /// The present instant, for `NOW()` and `TODAY()`.
    fn now(&self) -> Timestamp;

    /// The time zone in which instants have a calendar day.
    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}

/// The environment of formulas over one record: validation rules, conditions, scores.
#[derive(Debug, Clone)]
pub struct RecordEnv<'a> {
    /// Present values.
    pub fields: &'a Fields,
    /// Values before the change.
    pub prior: &'a Fields,
    /// Present instant.
    pub now: Timestamp,
    /// Time zone of the organisation.
    pub zone: TimeZone,
}

impl Env for RecordEnv<'_> {
    fn get(&self, name: &str) -> Value {
        value::get(self.fields, name).clone()
    }

    fn prior(&self, name: &str) -> Value {
        value::get(self.prior, name).clone()
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn zone(&self) -> TimeZone {
        self.zone.clone()
    }
}
