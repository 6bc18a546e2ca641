//! Mappings in force, counted.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::mapping::{Direction, Mapping, Owner, Role};
use entente_store::{StoreError, Tx};

use super::dashboard::{MappingStatus, RecentMapping};
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
    owner: Option<Owner>,
}

/// Counts fields by the way they flow.
pub(super) fn count(engine: &Engine) -> MappingStatus {
    let catalog = engine.catalog();
    let mut flows: BTreeMap<(String, String), Flow> = BTreeMap::new();
    for (name, connection) in engine.connections() {
        for mapped in catalog.mappings(name) {
            let mapping = mapped.mapping();
            for line in &mapping.fields {
                let flow = flows.entry((mapping.object.clone(), line.field.clone())).or_default();
                let (reads, writes) = (line.direction != Direction::Out, line.direction != Direction::In);
                match connection.role {
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
                flow.owner = Some(line.owner);
            }
        }
    }
    let many = |pick: &dyn Fn(&Flow) -> bool| flows.values().filter(|flow| pick(flow)).count() as u64;
    MappingStatus {
        active: flows.len() as u64,
        crm_to_support: many(&|flow| flow.from_crm && flow.to_support && !matches!(flow.owner, Some(Owner::Support))),
        support_to_crm: many(&|flow| {
            flow.to_crm && (flow.from_support || flow.owner == Some(Owner::Native)) && !matches!(flow.owner, Some(Owner::Crm))
        }),
        custom: many(&|flow| flow.custom),
        recent: Vec::new(),
    }
}

/// Whether a remote field is one that an admin added.
fn is_custom(remote: &str) -> bool {
    remote.ends_with("__c") || remote.starts_with("user_fields.") || remote.starts_with("organization_fields.")
}

/// Fields that came with mappings saved lately, newest first. The first version of a mapping is the shipped one and no news.
pub(super) fn recent(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<RecentMapping>, StoreError> {
    let mut recent = Vec::new();
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
                at: stored.saved_at,
                by: stored.saved_by.clone(),
            });
        }
    }
    recent.sort_by_key(|mapping| std::cmp::Reverse(mapping.at));
    recent.truncate(RECENT);
    Ok(recent)
}

fn fields(mapping: &Mapping) -> BTreeSet<&str> {
    mapping.fields.iter().map(|line| line.field.as_str()).collect()
}
