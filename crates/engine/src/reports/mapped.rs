//! Mappings in force, counted.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::mapping::{Direction, Mapping, Owner, Role};
use entente_model::value::FieldKey;
use entente_store::{StoreError, Tx};

use super::dashboard::{MappingStatus, RecentMapping};
use crate::catalog::Catalog;
use crate::engine::Engine;

/// How far back a saved mapping counts as recent, in milliseconds: 30 days.
const RECENT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Recent mappings shown.
const RECENT: usize = 10;

/// Which ways a field flows.
#[derive(Default)]
struct Flow {
    from_crm: bool,
    to_crm: bool,
    from_support: bool,
    to_support: bool,
    custom: bool,
    broken: bool,
    owner: Option<Owner>,
}

impl Flow {
    fn to_the_support(&self) -> bool {
        self.from_crm && self.to_support && self.owner != Some(Owner::Support)
    }

    fn to_the_crm(&self) -> bool {
        self.to_crm && (self.from_support || self.owner == Some(Owner::Native)) && self.owner != Some(Owner::Crm)
    }
}

/// A mapping to count.
pub(super) struct Counted<'a> {
    /// The part its connection plays.
    pub(super) role: Role,
    /// The mapping as it is saved.
    pub(super) mapping: &'a Mapping,
    /// Whether it cannot be synced now.
    pub(super) stuck: bool,
    /// Our fields whose lines stand still.
    pub(super) still: Option<&'a BTreeSet<FieldKey>>,
}

/// Counts fields by the way they flow. `broken` names the objects at connections that cannot be synced now: (connection, object).
pub(super) fn count(engine: &Engine, broken: &BTreeSet<(String, String)>) -> MappingStatus {
    let catalog = engine.catalog();
    let all = engine.connections().iter().flat_map(|(name, connection)| {
        catalog.mappings(name).iter().map(move |mapped| {
            let mapping = &mapped.saved;
            let stuck = broken.contains(&(name.clone(), mapping.object.clone()));
            Counted { role: connection.role, mapping, stuck, still: Some(&mapped.still.fields) }
        })
    });
    count_of(all)
}

/// Counts fields of mappings by the way they flow. Archived lines do not count.
pub(super) fn count_of<'a>(mappings: impl Iterator<Item = Counted<'a>>) -> MappingStatus {
    let mut flows: BTreeMap<(String, String), Flow> = BTreeMap::new();
    for Counted { role, mapping, stuck, still } in mappings {
        for line in mapping.fields.iter().filter(|line| !line.archived) {
            let flow = flows.entry((mapping.object.clone(), line.field.clone())).or_default();
            let (reads, writes) = (line.direction != Direction::Out, line.direction != Direction::In);
            match role {
                Role::Crm => {
                    flow.from_crm |= reads;
                    flow.to_crm |= writes;
                }
                Role::Support => {
                    flow.from_support |= reads;
                    flow.to_support |= writes;
                }
            }
            flow.custom |= is_custom(&line.remote);
            flow.broken |= stuck || still.is_some_and(|still| still.contains(&line.field));
            flow.owner = Some(line.owner);
        }
    }
    let many = |pick: &dyn Fn(&Flow) -> bool| flows.values().filter(|flow| pick(flow)).count() as u64;
    MappingStatus {
        active: flows.len() as u64,
        crm_to_support: many(&Flow::to_the_support),
        support_to_crm: many(&Flow::to_the_crm),
        crm_to_support_operational: many(&|flow| flow.to_the_support() && !flow.broken),
        support_to_crm_operational: many(&|flow| flow.to_the_crm() && !flow.broken),
        custom: many(&|flow| flow.custom),
        custom_crm_to_support: many(&|flow| flow.custom && flow.to_the_support()),
        custom_support_to_crm: many(&|flow| flow.custom && flow.to_the_crm()),
        recent: Vec::new(),
    }
}

/// Whether a remote field is one that an admin added, or Entente on an admin's behalf.
fn is_custom(remote: &str) -> bool {
    const PREFIXES: [&str; 8] = [
        "user_fields.",
        "organization_fields.",
        "entente_",
        "contact_fields.",
        "company_fields.",
        "ticket_fields.",
        "custom_attributes.",
        "ticket_attributes.",
    ];
    remote.ends_with("__c") || PREFIXES.iter().any(|prefix| remote.starts_with(prefix))
}

/// Fields that came with mappings saved lately, newest first. The first version of a mapping is the shipped one and no news.
pub(super) fn recent(tx: &mut Tx<'_>, catalog: &Catalog, now: Timestamp) -> Result<Vec<RecentMapping>, StoreError> {
    let mut recent = Vec::new();
    let links = tx.link_counts()?;
    for stored in tx.mappings()? {
        if !stored.active || stored.version <= 1 || now.as_millisecond() - stored.saved_at.as_millisecond() > RECENT_MS {
            continue;
        }
        let versions = tx.mapping_versions(&stored.connection, &stored.mapping.object)?;
        let before = versions.iter().filter(|other| other.version < stored.version).max_by_key(|other| other.version);
        let known: BTreeSet<&str> = before.map(|before| fields(&before.mapping)).unwrap_or_default();
        for field in fields(&stored.mapping).difference(&known) {
            recent.push(RecentMapping {
                field: format!("{}.{field}", stored.mapping.object),
                label: label(catalog, &stored.mapping.object, field),
                connection: stored.connection.clone(),
                records: links.get(&(stored.connection.clone(), stored.mapping.remote.clone())).copied().unwrap_or_default(),
                at: stored.saved_at,
                by: stored.saved_by.clone(),
            });
        }
    }
    recent.sort_by_key(|mapping| std::cmp::Reverse(mapping.at));
    recent.truncate(RECENT);
    Ok(recent)
}

/// A field as people call it, with its object.
pub(super) fn label(catalog: &Catalog, object: &str, field: &str) -> String {
    let known = catalog.object(object);
    let name = known.map_or(object, |object| object.label.as_str());
    format!("{name}: {}", known.and_then(|object| object.field(field)).map_or(field, |field| field.label.as_str()))
}

fn fields(mapping: &Mapping) -> BTreeSet<&str> {
    mapping.fields.iter().map(|line| line.field.as_str()).collect()
}
