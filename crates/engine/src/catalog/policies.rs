//! Policies of fields, made of what the mappings of all connections say: who owns a field, how its changes merge, and how its conflicts are decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_model::mapping::conflicts::Conflicts;
use entente_model::mapping::{Direction, Owner};
use entente_model::object::{FieldType, Object};
use entente_model::plan::policy::{FieldPolicy, Kind, Merge, Rule};

use super::{CatalogError, Mapped};

/// Policies by object, and the fields of which no mapping says what is simultaneous.
#[derive(Default)]
pub(super) struct Policies {
    pub(super) by_object: BTreeMap<String, Vec<FieldPolicy>>,
    pub(super) without_window: BTreeSet<(String, String)>,
}

/// What one connection says of a field: on its line, and of its object.
#[derive(Clone, Copy)]
struct Said<'a> {
    connection: &'a str,
    owner: Owner,
    /// Whether the connection takes nothing of the object.
    is_read_only: bool,
    line: Option<&'a Conflicts>,
    object: Option<&'a Conflicts>,
}

impl Policies {
    pub(super) fn of(objects: &BTreeMap<String, Object>, by_connection: &BTreeMap<String, Vec<Arc<Mapped>>>) -> Result<Self, CatalogError> {
        let mut fields: BTreeMap<(&str, &str), Vec<Said<'_>>> = BTreeMap::new();
        for (connection, mapped) in by_connection {
            for mapping in mapped.iter().map(|mapped| mapped.mapping()) {
                let is_read_only = mapping.fields.iter().all(|line| line.direction == Direction::In);
                for line in &mapping.fields {
                    let said = Said {
                        connection,
                        owner: line.owner,
                        is_read_only,
                        line: line.conflicts.as_ref(),
                        object: mapping.conflicts.as_ref(),
                    };
                    fields.entry((&mapping.object, &line.field)).or_default().push(said);
                }
            }
        }
        let mut policies = Self::default();
        for ((object, field), said) in fields {
            let definition = objects.get(object).and_then(|object| object.field(field));
            let merge = if matches!(definition.map(|field| &field.kind), Some(FieldType::MultiPicklist { .. })) {
                Merge::Set
            } else {
                Merge::Scalar
            };
            let mut policy = FieldPolicy { merge, ..FieldPolicy::new(field, owner(object, field, &said)?) };
            policy.kind = definition.map_or(Kind::Other, |field| field.data);
            if let Some(kind) = told(object, field, "kind", &said, |said| said.kind.as_ref())? {
                policy.kind = *kind;
            }
            if let Some(rules) = told(object, field, "rules", &said, |said| said.rules.as_ref())? {
                policy.rules.clone_from(rules);
            }
            match told(object, field, "window", &said, |said| said.window.as_ref())? {
                Some(window) => policy.simultaneous_ms = window.ms(),
                None => drop(policies.without_window.insert((object.to_owned(), field.to_owned()))),
            }
            let left_out = said.iter().filter_map(|said| Some((said.connection.to_owned(), left_out(said)?.clone())));
            policy.without = left_out.filter(|(_, rules)| !rules.is_empty()).collect();
            policies.by_object.entry(object.to_owned()).or_default().push(policy);
        }
        Ok(policies)
    }

    /// Sets what is simultaneous where no mapping says it.
    pub(super) fn windowed(&mut self, window_ms: i64) {
        for (object, policies) in &mut self.by_object {
            for policy in policies {
                if self.without_window.contains(&(object.clone(), policy.field.clone())) {
                    policy.simultaneous_ms = window_ms;
                }
            }
        }
    }

    /// The fields of an object that hold what people have agreed to.
    pub(super) fn consents(&self, object: &str) -> BTreeSet<String> {
        let policies = self.by_object.get(object).into_iter().flatten();
        policies.filter(|policy| policy.kind == Kind::Consent).map(|policy| policy.field.clone()).collect()
    }
}

/// The owner of a field, which is one for all connections. Only where every one of them just reads the object, each may be the source of truth for its own
/// rows (activities of sales come from the CRM, those of tickets from the desk): then nobody's value is written over another's, and none goes
/// before another.
fn owner(object: &str, field: &str, said: &[Said<'_>]) -> Result<Owner, CatalogError> {
    let first = said[0];
    if said.iter().all(|said| said.is_read_only) && said.iter().any(|other| other.owner != first.owner) {
        return Ok(Owner::Shared);
    }
    match said.iter().find(|other| other.owner != first.owner) {
        None => Ok(first.owner),
        Some(second) => Err(CatalogError::Owners {
            object: object.to_owned(),
            field: field.to_owned(),
            first: first.connection.to_owned(),
            first_owner: first.owner,
            second: second.connection.to_owned(),
            second_owner: second.owner,
        }),
    }
}

/// What the connections say of one part of how a field's conflicts are decided: lines before mappings, and all that say something the same.
fn told<'a, T: PartialEq>(
    object: &str,
    field: &str,
    part: &'static str,
    said: &[Said<'a>],
    of: impl Fn(&'a Conflicts) -> Option<&'a T>,
) -> Result<Option<&'a T>, CatalogError> {
    let level = |of_line: bool| said.iter().filter_map(move |said| Some((said.connection, if of_line { said.line } else { said.object }?)));
    for of_line in [true, false] {
        let mut parts = level(of_line).filter_map(|(connection, said)| Some((connection, of(said)?)));
        let Some((first, value)) = parts.next() else { continue };
        return match parts.find(|(_, other)| *other != value) {
            None => Ok(Some(value)),
            Some((second, _)) => Err(CatalogError::Conflicts {
                object: object.to_owned(),
                field: field.to_owned(),
                part,
                first: first.to_owned(),
                second: second.to_owned(),
            }),
        };
    }
    Ok(None)
}

/// The rules by which a change at a connection never wins: its own affair, on the line before the mapping.
fn left_out<'a>(said: &Said<'a>) -> Option<&'a Vec<Rule>> {
    said.line.and_then(|line| line.without.as_ref()).or_else(|| said.object.and_then(|object| object.without.as_ref()))
}
