//! What became of the mappings in a month: compared version by version.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::mapping::{FieldMap, Mapping};
use entente_store::{StoreError, StoredMapping, Tx};
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
    /// Lines that were changed.
    pub changes: u64,
    /// What was changed of them (`transform`, `owner`), each once.
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

/// The versions of the mapping of one object at one connection.
struct History {
    connection: String,
    /// The oldest first.
    versions: Vec<StoredMapping>,
}

impl History {
    /// The version in force just before an instant, going by when they were saved.
    fn before(&self, at: jiff::Timestamp) -> Option<&Mapping> {
        self.versions.iter().rev().find(|version| version.saved_at < at).map(|version| &version.mapping)
    }

    /// The version at the end of the range: the one that is in use when that is now.
    fn at_end(&self, range: Range, now: jiff::Timestamp) -> Option<&Mapping> {
        let active = self.versions.iter().find(|version| version.active).filter(|_| range.to >= now);
        active.map(|version| &version.mapping).or_else(|| self.before(range.to))
    }

    /// Versions saved within the range, each with the one before it. The first one of all is the default, and no news.
    fn steps(&self, range: Range) -> impl Iterator<Item = (&Mapping, &Mapping)> {
        let pairs = self.versions.iter().zip(self.versions.iter().skip(1));
        pairs
            .filter(move |(_, after)| after.saved_at >= range.from && after.saved_at < range.to)
            .map(|(before, after)| (&before.mapping, &after.mapping))
    }
}

/// Compares the month's versions.
pub(super) fn mappings(tx: &mut Tx<'_>, engine: &Engine, range: Range) -> Result<MappingMonth, StoreError> {
    let catalog = engine.catalog();
    let mut histories = Vec::new();
    for stored in tx.mappings()? {
        let mut versions = tx.mapping_versions(&stored.connection, &stored.mapping.object)?;
        versions.reverse();
        histories.push(History { connection: stored.connection, versions });
    }
    let now = engine.now();
    let in_force = histories.iter().filter_map(|history| {
        let role = engine.connections().get(&history.connection)?.role;
        Some(mapped::Counted { role, mapping: history.at_end(range, now)?, stuck: false, still: None })
    });
    let status = mapped::count_of(in_force);
    Ok(MappingMonth {
        active: status.active,
        crm_to_support: status.crm_to_support,
        support_to_crm: status.support_to_crm,
        ..differences(&catalog, &histories, range, now)
    })
}

fn differences(catalog: &Catalog, histories: &[History], range: Range, now: jiff::Timestamp) -> MappingMonth {
    let mut at_start: BTreeSet<(String, String)> = BTreeSet::new();
    let mut at_end: BTreeMap<(String, String), &FieldMap> = BTreeMap::new();
    for history in histories {
        // What was saved first within the month is where that mapping began; what began after it was in nobody's way.
        let first = || history.versions.first().filter(|version| version.saved_at < range.to).map(|version| &version.mapping);
        let start = history.before(range.from).or_else(first);
        at_start.extend(start.into_iter().flat_map(keys));
        if let Some(mapping) = history.at_end(range, now) {
            at_end.extend(mapping.fields.iter().map(|line| ((mapping.object.clone(), line.field.clone()), line)));
        }
    }
    let label = |(object, field): &(String, String)| mapped::label(catalog, object, field);
    let added: BTreeSet<&(String, String)> = at_end.keys().filter(|key| !at_start.contains(*key)).collect();
    let (mut changes, mut changed, mut replaced) = (0, BTreeSet::new(), BTreeMap::new());
    for (before, after) in histories.iter().flat_map(|history| history.steps(range)) {
        for line in &before.fields {
            match after.fields.iter().find(|other| other.field == line.field) {
                Some(other) if other != line => {
                    changes += 1;
                    changed.extend(parts(line, other));
                }
                Some(_) => {}
                None => {
                    let heir = after
                        .fields
                        .iter()
                        .find(|other| other.remote == line.remote && !before.fields.iter().any(|old| old.field == other.field));
                    let key = (before.object.clone(), line.field.clone());
                    if let Some(heir) = heir {
                        replaced.insert(key, mapped::label(catalog, &after.object, &heir.field));
                    }
                }
            }
        }
    }
    let gone = at_start.iter().filter(|key| !at_end.contains_key(*key));
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
    mapping.fields.iter().map(|line| (mapping.object.clone(), line.field.clone()))
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
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
