//! What became of the mappings in a month: the versions that were in force, compared one by one.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::mapping::{FieldMap, Mapping};
use entente_store::{InForce, StoreError, StoredMapping, Tx};
use serde::Serialize;
use utoipa::ToSchema;

use super::Range;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::reports::mapped;

/// What became of the mappings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MappingMonth {
    /// Fields mapped at the end of the month.
    pub active: u64,
    /// Of those, CRM → support.
    pub crm_to_support: u64,
    /// Of those, support → CRM.
    pub support_to_crm: u64,
    /// Fields that came, as people call them.
    pub added: Vec<String>,
    /// Fields that went.
    pub deprecated: Vec<Deprecated>,
    /// Changes of lines, and of what a mapping says of all of them.
    pub changes: u64,
    /// What was changed (`transform`, `owner`, `validation rules`), each once.
    pub changed: Vec<String>,
}

/// A field that is mapped no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Deprecated {
    /// As people call it.
    pub label: String,
    /// The field that took over its remote field, if one did.
    pub replaced_by: Option<String>,
}

/// When the versions of the mapping of one object at one connection were in force. What was saved and not taken into use is none of them.
pub(super) struct History {
    connection: String,
    /// The oldest first.
    reigns: Vec<(InForce, Mapping)>,
}

impl History {
    /// The version in force just before an instant.
    fn before(&self, at: jiff::Timestamp) -> Option<&Mapping> {
        let reigns = self.reigns.iter().rev();
        let mut found = reigns.filter(|(reign, _)| reign.from < at && reign.until.is_none_or(|until| until >= at));
        found.next().map(|(_, mapping)| mapping)
    }

    /// Versions that came into force within the range, each with the one before it. The first one of all is the default, and no news.
    fn steps(&self, range: Range) -> impl Iterator<Item = (&Mapping, &Mapping)> {
        let pairs = self.reigns.iter().zip(self.reigns.iter().skip(1));
        pairs
            .filter(move |(_, (after, _))| after.from >= range.from && after.from < range.to)
            .map(|((_, before), (_, after))| (before, after))
    }
}

/// Reads when versions of mappings were in force, also of those that are in use no more.
pub(super) fn histories(tx: &mut Tx<'_>, now: jiff::Timestamp) -> Result<Vec<History>, StoreError> {
    let mut histories: Vec<History> = Vec::new();
    let mut versions: Vec<StoredMapping> = Vec::new();
    for reign in tx.in_force(now)? {
        let known = histories.last().and_then(|last| last.reigns.last()).map(|(last, _)| (&last.connection, &last.object));
        if known != Some((&reign.connection, &reign.object)) {
            versions = tx.mapping_versions(&reign.connection, &reign.object)?;
            histories.push(History { connection: reign.connection.clone(), reigns: Vec::new() });
        }
        let version = versions.iter().find(|version| version.version == reign.version);
        if let (Some(history), Some(version)) = (histories.last_mut(), version) {
            history.reigns.push((reign, version.mapping.clone()));
        }
    }
    histories.retain(|history| !history.reigns.is_empty());
    Ok(histories)
}

/// The mappings in force just before an instant, with their connections.
pub(super) fn in_force(histories: &[History], at: jiff::Timestamp) -> impl Iterator<Item = (&str, &Mapping)> {
    histories.iter().filter_map(move |history| Some((history.connection.as_str(), history.before(at)?)))
}

/// Compares the month's versions.
pub(super) fn mappings(histories: &[History], engine: &Engine, range: Range) -> MappingMonth {
    let counted = in_force(histories, range.to).filter_map(|(connection, mapping)| {
        let role = engine.connections().get(connection)?.role;
        Some(mapped::Counted { role, mapping, stuck: false, still: None })
    });
    let status = mapped::count_of(counted);
    MappingMonth {
        active: status.active,
        crm_to_support: status.crm_to_support,
        support_to_crm: status.support_to_crm,
        ..differences(&engine.catalog(), histories, range)
    }
}

/// The lines that are synced: an archived one is kept for people alone.
fn synced(mapping: &Mapping) -> impl Iterator<Item = &FieldMap> {
    mapping.fields.iter().filter(|line| !line.archived)
}

fn differences(catalog: &Catalog, histories: &[History], range: Range) -> MappingMonth {
    let mut at_start: BTreeSet<(String, String)> = BTreeSet::new();
    let mut at_end: BTreeSet<(String, String)> = BTreeSet::new();
    for history in histories {
        // What came first within the month is where that mapping began; what began after it was in nobody's way.
        let first =
            || history.reigns.first().filter(|(reign, _)| reign.from < range.to && reign.from >= range.from).map(|(_, first)| first);
        let start = history.before(range.from).or_else(first);
        at_start.extend(start.into_iter().flat_map(keys));
        at_end.extend(history.before(range.to).into_iter().flat_map(keys));
    }
    let label = |(object, field): &(String, String)| mapped::label(catalog, object, field);
    let added: BTreeSet<&(String, String)> = at_end.difference(&at_start).collect();
    let (mut changes, mut changed, mut replaced) = (0, BTreeSet::new(), BTreeMap::new());
    for (before, after) in histories.iter().flat_map(|history| history.steps(range)) {
        let whole = parts_of_all(before, after);
        changes += whole.len() as u64;
        changed.extend(whole);
        for line in synced(before) {
            match synced(after).find(|other| other.field == line.field) {
                Some(other) => {
                    let parts = parts(line, other);
                    changes += u64::from(!parts.is_empty());
                    changed.extend(parts);
                }
                None => {
                    let heir =
                        synced(after).find(|other| other.remote == line.remote && !synced(before).any(|old| old.field == other.field));
                    let key = (before.object.clone(), line.field.clone());
                    if let Some(heir) = heir {
                        replaced.insert(key, mapped::label(catalog, &after.object, &heir.field));
                    }
                }
            }
        }
    }
    let gone = at_start.difference(&at_end);
    let deprecated = gone.map(|key| Deprecated { label: label(key), replaced_by: replaced.get(key).cloned() }).collect();
    MappingMonth {
        active: 0,
        crm_to_support: 0,
        support_to_crm: 0,
        added: added.into_iter().map(label).collect(),
        deprecated,
        changes,
        changed: changed.into_iter().map(str::to_owned).collect(),
    }
}

fn keys(mapping: &Mapping) -> impl Iterator<Item = (String, String)> {
    synced(mapping).map(|line| (mapping.object.clone(), line.field.clone()))
}

/// What of a line was changed.
fn parts(before: &FieldMap, after: &FieldMap) -> Vec<&'static str> {
    let differs = [
        ("remote field", before.remote != after.remote),
        ("transform", before.get != after.get || before.put != after.put),
        ("picklist values", before.values != after.values),
        ("direction", before.direction != after.direction),
        ("owner", before.owner != after.owner),
        ("required", before.required != after.required),
        ("currency", before.currency != after.currency),
        ("rules of conflicts", before.conflicts != after.conflicts),
    ];
    named(&differs)
}

/// What was changed of what a mapping says of all its lines.
fn parts_of_all(before: &Mapping, after: &Mapping) -> Vec<&'static str> {
    let differs = [
        ("object at the platform", before.remote != after.remote),
        ("key", before.key != after.key),
        ("filter", before.filter != after.filter),
        ("creation", before.create != after.create),
        ("deletion", before.on_delete != after.on_delete),
        ("validation rules", before.rules != after.rules),
        ("rules of conflicts", before.conflicts != after.conflicts),
    ];
    named(&differs)
}

fn named(differs: &[(&'static str, bool)]) -> Vec<&'static str> {
    differs.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
}
