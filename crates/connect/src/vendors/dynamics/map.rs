//! From rows of Dataverse to flattened ones.

use std::sync::Arc;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteKind, Row};
use serde_json::Value;

use super::kind::{Kind, Object};
use super::names::Names;
use super::schema::{Column, Part, Schema, Shape};
use super::special::{Special, word_of};
use super::wire::{changed_at, version};
use crate::actors::Actors;
use crate::html;
use crate::look::{Existence, Look};

const FORMATTED: &str = "@OData.Community.Display.V1.FormattedValue";
const LOGICAL: &str = "@Microsoft.Dynamics.CRM.lookuplogicalname";

/// What a look needs beside the row.
pub(crate) struct Seeing<'a> {
    pub object: Object,
    pub schema: Arc<Schema>,
    pub names: Arc<Names>,
    pub actors: &'a Actors,
    /// Id of our own user.
    pub ours: String,
    /// Dataverse's clock minus ours, in milliseconds.
    pub offset_ms: i64,
    pub seen_at: Timestamp,
}

fn text(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if !text.is_empty() => Value::from(text),
        _ => Value::Null,
    }
}

/// The number that a choice is.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

impl Seeing<'_> {
    fn kind(&self) -> Kind {
        self.schema.kind
    }

    /// A column's value as others see it.
    fn plain(&self, row: &Value, column: &Column) -> Value {
        let name = column.read_name();
        let held = &row[&name];
        let label = |code: i64| -> Value {
            // A choice that was added since the metadata were read is named in the row itself.
            let named = || row[&format!("{name}{FORMATTED}")].as_str();
            column.label(code).or_else(named).map_or_else(|| Value::from(code.to_string()), Value::from)
        };
        match (column.shape, held) {
            (_, Value::Null) => Value::Null,
            (Shape::Choice, _) => number(held).map_or(Value::Null, label),
            (Shape::Choices, _) => {
                let codes = held.as_str().unwrap_or_default().split(',').filter_map(|code| code.trim().parse().ok());
                codes.map(|code: i64| column.label(code).map_or_else(|| Value::from(code.to_string()), Value::from)).collect()
            }
            (Shape::Zoneless, Value::String(text)) => Value::from(text.trim_end_matches('Z')),
            (Shape::Lookup, Value::String(id)) => Value::from(id.to_lowercase()),
            (Shape::Plain, Value::String(held)) if column.kind == RemoteKind::LongText && self.kind() == Kind::Email => {
                text(&Value::from(html::to_text(held)))
            }
            (Shape::Plain, Value::String(held)) if column.kind == RemoteKind::Date => {
                Value::from(held.chars().take(10).collect::<String>())
            }
            (_, Value::String(_)) => text(held),
            (_, other) => other.clone(),
        }
    }

    /// The value of one flattened field; null for one that only other tables of the object have.
    fn value(&self, row: &Value, name: &str) -> Value {
        let Some(part) = self.schema.part(name) else { return Value::Null };
        let of = |column: &Column, tail: &str| row[&format!("{}{tail}", column.read_name())].clone();
        match part {
            Part::Id => self.id(row).map_or(Value::Null, Value::from),
            Part::Value(column) => self.plain(row, column),
            Part::Code(column) => number(&of(column, "")).map_or(Value::Null, Value::from),
            Part::Name(column) => text(&of(column, FORMATTED)),
            Part::Type(column) => self.table(row, column).map_or(Value::Null, Value::from),
            Part::To(column, table) => {
                if self.table(row, column).is_some_and(|held| held == table) {
                    self.plain(row, column)
                } else {
                    Value::Null
                }
            }
            Part::Special(special) => self.special(row, special),
        }
    }

    /// The table that a lookup leads to: the row says it where there are several.
    fn table(&self, row: &Value, column: &Column) -> Option<String> {
        let name = column.read_name();
        if row[&name].is_null() {
            return None;
        }
        let said = row[&format!("{name}{LOGICAL}")].as_str().map(str::to_owned);
        said.or_else(|| column.navigation.keys().next().filter(|_| column.navigation.len() == 1).cloned())
    }

    fn special(&self, row: &Value, special: Special) -> Value {
        let state = number(&row["statecode"]);
        match special {
            Special::Status => {
                let word = state.and_then(|state| word_of(self.kind(), state, number(&row["statuscode"]).unwrap_or(0)));
                word.map_or(Value::Null, Value::from)
            }
            Special::IsWon => Value::Bool(state == Some(1)),
            Special::IsClosed => Value::Bool(state.is_some_and(|state| state != 0)),
            Special::OwnerEmail => {
                let id = row["_ownerid_value"].as_str().unwrap_or_default().to_lowercase();
                self.names.emails.get(&id).map_or(Value::Null, |email| text(&Value::from(email.as_str())))
            }
            Special::Currency => {
                let id = row["_transactioncurrencyid_value"].as_str().unwrap_or_default().to_lowercase();
                self.names.currencies.get(&id).map_or(Value::Null, |code| text(&Value::from(code.as_str())))
            }
            Special::ActivityKind => Value::from(self.kind().word()),
        }
    }

    fn id(&self, row: &Value) -> Option<String> {
        let id = row[self.kind().id_column()].as_str()?.to_lowercase();
        Some(self.object.id(self.kind(), &id))
    }

    fn mark(&self, row: &Value) -> ChangeMark {
        let ours = |theirs: Timestamp| theirs.checked_sub(jiff::SignedDuration::from_millis(self.offset_ms)).ok();
        self.actors.mark(changed_at(row).and_then(ours), row["_modifiedby_value"].as_str(), &self.ours)
    }

    /// A whole look at a row, or at the entry of a deleted one. Nothing for something without an id, which Dataverse never sends.
    pub fn look(&self, row: &Value, fields: &[String]) -> Option<Look> {
        if row["@odata.context"].as_str().is_some_and(|context| context.ends_with("/$deletedEntity")) {
            let id = row["id"].as_str()?.to_lowercase();
            return Some(self.gone(self.object.id(self.kind(), &id)));
        }
        let id = self.id(row)?;
        let merged = row["_masterid_value"].as_str().filter(|_| row["merged"] == true).map(str::to_lowercase);
        let existence = match merged {
            Some(winner) => Existence::MergedInto(self.object.id(self.kind(), &winner)),
            None => Existence::Present,
        };
        let present = existence == Existence::Present;
        Some(Look {
            object: self.object.name().to_owned(),
            id,
            row: if present { fields.iter().map(|name| (name.clone(), self.value(row, name))).collect() } else { Row::new() },
            existence,
            complete: true,
            version: version(row),
            mark: self.mark(row),
            seen_at: self.seen_at,
        })
    }

    /// What the answer to a write of ours shows of these fields.
    pub fn written(&self, row: &Value, fields: &[String]) -> Option<Look> {
        let mut look = self.look(row, fields)?;
        look.complete = false;
        look.mark.by = Actor::Us;
        Some(look)
    }

    /// A look at a row that is gone; `id` is that among the rows of the object.
    pub fn gone(&self, id: String) -> Look {
        Look {
            object: self.object.name().to_owned(),
            id,
            existence: Existence::Deleted,
            row: Row::new(),
            complete: true,
            version: None,
            mark: ChangeMark::default(),
            seen_at: self.seen_at,
        }
    }
}
