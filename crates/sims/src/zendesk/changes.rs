//! What differs between two versions of a record.

use serde_json::{Map, Value, json};

use super::attributes::{ORGANIZATION, TICKET, USER};
use super::record::{Attr, Kind, Record, Shape};
use super::state::State;
use super::users::User;

/// What changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Name {
    Attribute(&'static str),
    Field { kind: Kind, id: u64, key: String, title: String, ty: String },
}

/// One changed attribute.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) name: Name,
    pub(crate) current: Value,
    pub(crate) previous: Value,
}

impl Change {
    pub(crate) fn of(name: &'static str, current: Value, previous: Value) -> Self {
        Self { name: Name::Attribute(name), current, previous }
    }
}

/// The new values by attribute name: `user_fields.plan`, `organization_fields.plan` and `custom_fields.<id>` for custom fields.
pub(crate) fn named(changes: &[Change]) -> Map<String, Value> {
    changes
        .iter()
        .map(|change| {
            let name = match &change.name {
                Name::Attribute(name) => (*name).to_owned(),
                Name::Field { kind: Kind::Ticket, id, .. } => format!("custom_fields.{id}"),
                Name::Field { kind, key, .. } => format!("{}_fields.{key}", kind.singular()),
            };
            (name, change.current.clone())
        })
        .collect()
}

impl State {
    fn record_changes(&self, kind: Kind, table: &'static [Attr], before: Option<&Record>, after: &Record) -> Vec<Change> {
        let blank = Record::default();
        let before = before.unwrap_or(&blank);
        let mut changes = Vec::new();
        for attr in table.iter().filter(|attr| attr.shape != Shape::Computed) {
            if before.get(attr.name) != after.get(attr.name) {
                changes.push(Change::of(attr.name, after.shown(attr), before.shown(attr)));
            }
        }
        if before.tags != after.tags {
            changes.push(Change::of("tags", after.tags_json(), before.tags_json()));
        }
        for field in self.fields_of(kind).iter().filter(|field| !field.system) {
            let (old, new) = (before.field(field.id), after.field(field.id));
            if old != new {
                changes.push(Change {
                    name: Name::Field { kind, id: field.id, key: field.key.clone(), title: field.title.clone(), ty: field.ty.clone() },
                    current: field.shown(kind, new),
                    previous: field.shown(kind, old),
                });
            }
        }
        changes
    }

    pub(crate) fn user_changes(&self, before: Option<&User>, after: &User) -> Vec<Change> {
        let mut changes = self.record_changes(Kind::User, USER, before.map(|user| &user.rec), &after.rec);
        let old = before.and_then(User::email);
        if old != after.email() {
            changes.push(Change::of("email", json!(after.email()), json!(old)));
        }
        if let Some(before) = before {
            if before.rec.deleted.is_some() != after.rec.deleted.is_some() {
                changes.push(Change::of("active", json!(after.rec.deleted.is_none()), json!(before.rec.deleted.is_none())));
            }
            if before.merged_into != after.merged_into {
                changes.push(Change::of("merged_into", json!(after.merged_into), json!(before.merged_into)));
            }
        }
        changes
    }

    pub(crate) fn organization_changes(&self, before: Option<&Record>, after: &Record) -> Vec<Change> {
        self.record_changes(Kind::Organization, ORGANIZATION, before, after)
    }

    pub(crate) fn ticket_changes(&self, before: Option<&Record>, after: &Record) -> Vec<Change> {
        self.record_changes(Kind::Ticket, TICKET, before, after)
    }
}
