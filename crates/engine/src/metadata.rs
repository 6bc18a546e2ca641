//! Metadata in the store: objects and mappings, and the catalog built from them.

pub mod column;
mod contradictions;
pub mod mappable;
pub mod mappings;
mod moving;
pub(crate) mod new_fields;
pub mod proposal;
pub mod rollout;
pub mod trial;

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::registry;
use entente_model::clock::Timestamp;
use entente_model::mapping::{Mapping, Role};
use entente_model::object::Object;
use entente_model::plan::policy::Adopted;
use entente_store::{RuleState, Stage, Store, StoredMapping, Tx};

use crate::catalog::{Candidate, Catalog, Needs, shipped_mappings, shipped_objects};
use crate::engine::{Connection, Engine};
use crate::error::Result;
use crate::options::Options;
use crate::schema::Standstill;

/// The object whose default mappings are in force only where `leads` is set.
const LEAD: &str = "lead";

/// The object whose default mappings are in force at a support desk only where `ticket_activities` is set.
const ACTIVITY: &str = "activity";

/// Default mappings that are in force only where a setting says so.
#[derive(Debug, Clone)]
struct Optional {
    leads: bool,
    ticket_activities: bool,
    /// Connections of support desks whose default mappings are Entente's own.
    desks: BTreeSet<String>,
}

impl Optional {
    fn of(connections: &BTreeMap<String, Connection>, options: &Options) -> Self {
        // What a description says of a desk of its own is asked for by whoever wrote it.
        // It is what the platform is, whatever part it plays here: a CRM that is somebody's desk keeps the activities that it has.
        let desks_known: BTreeSet<&str> =
            registry::ALL.iter().filter(|known| known.spec.role == Role::Support).map(|known| known.spec.key).collect();
        let is_desk = |connection: &&Connection| {
            desks_known.contains(connection.settings.platform.as_str()) && connection.settings.description.is_none()
        };
        let desks = connections.values().filter(is_desk).map(|connection| connection.name.clone()).collect();
        Self { leads: options.leads, ticket_activities: options.ticket_activities, desks }
    }

    /// Whether the default mapping of an object at a connection is in force.
    fn wants(&self, connection: &str, object: &str) -> bool {
        match object {
            LEAD => self.leads,
            ACTIVITY => self.ticket_activities || !self.desks.contains(connection),
            _ => true,
        }
    }
}

/// Who saves what is shipped.
const SHIPPED: &str = "shipped";

/// Builds the catalog from the store; what the store does not have yet is taken from the shipped packs and saved.
pub(crate) async fn load(store: &Store, connections: &BTreeMap<String, Connection>, options: &Options, now: Timestamp) -> Result<Catalog> {
    let shipped = shipped_objects()?;
    let optional = Optional::of(connections, options);
    let mut packs: BTreeMap<String, Vec<Mapping>> = BTreeMap::new();
    for connection in connections.values() {
        let shipped = match &connection.settings.description {
            Some(description) => description.mappings.clone(),
            None => shipped_mappings(&connection.settings.platform)?,
        };
        let wanted = shipped.into_iter().filter(|mapping| optional.wants(&connection.name, &mapping.object));
        packs.insert(connection.name.clone(), wanted.collect());
    }
    let wanted = packs.clone();
    let (objects, mappings, changes, candidates, schemas, adopted, stamp) = store
        .write(move |tx| {
            let mut objects: BTreeMap<String, Object> = tx.objects()?.into_iter().map(|object| (object.key.clone(), object)).collect();
            for object in &shipped {
                let merged = with_custom_fields(object, objects.get(&object.key));
                // There already, unless the field is new or a later version makes it otherwise.
                for field in merged.fields.iter().filter(|field| field.indexed) {
                    tx.index_field(&merged.key, &field.key)?;
                }
                if objects.get(&object.key) != Some(&merged) {
                    tx.put_object(&merged)?;
                    objects.insert(merged.key.clone(), merged);
                }
            }
            let saved: Vec<StoredMapping> = tx
                .mappings()?
                .into_iter()
                .filter(|saved| saved.active)
                // What was shipped goes with the setting; what somebody saved stays theirs.
                .filter(|saved| saved.saved_by != SHIPPED || optional.wants(&saved.connection, &saved.mapping.object))
                .collect();
            let mut mappings: BTreeMap<String, Vec<Mapping>> = BTreeMap::new();
            for (connection, pack) in &wanted {
                let mut list: Vec<Mapping> =
                    saved.iter().filter(|saved| saved.connection == *connection).map(|saved| saved.mapping.clone()).collect();
                for mapping in pack {
                    if !list.iter().any(|known| known.object == mapping.object) {
                        tx.save_mapping(connection, mapping, SHIPPED, "default mapping", now)?;
                        list.push(mapping.clone());
                    }
                }
                mappings.insert(connection.clone(), list);
            }
            Ok((
                objects.into_values().collect::<Vec<_>>(),
                mappings,
                tx.open_schema_changes()?,
                candidates(tx)?,
                tx.remote_schemas()?,
                adopted(tx)?,
                stamp(tx)?,
            ))
        })
        .await?;
    let catalog = Catalog::build_around(objects, mappings, Standstill::of(changes)?, &options.locale)?.stamped(stamp);
    let documented =
        |connection: &str, remote: &str| connections.get(connection).and_then(|ready| ready.connector.spec().capabilities(remote));
    let needs = Needs { schemas: &schemas, documented: &documented };
    Ok(catalog.requiring(&needs).windowed(options.conflict_window()).ruled(&adopted).with_candidates(candidates, &needs, &options.locale))
}

/// Rules of conflicts that people adopted, by object and field.
fn adopted(tx: &mut Tx<'_>) -> entente_store::Result<Vec<(String, String, Adopted)>> {
    let in_force = tx.conflict_rules()?.into_iter().filter(|rule| rule.state == RuleState::Adopted);
    Ok(in_force.map(|rule| (rule.object, rule.field, rule.rule)).collect())
}

/// Versions on their way into force.
fn candidates(tx: &mut Tx<'_>) -> entente_store::Result<Vec<Candidate>> {
    let mut found = Vec::new();
    for rollout in tx.rollouts()?.into_iter().filter(|rollout| rollout.stage != Stage::All) {
        let versions = tx.mapping_versions(&rollout.connection, &rollout.object)?;
        let version = versions.into_iter().find(|version| version.version == rollout.version);
        found.extend(version.map(|version| Candidate {
            connection: rollout.connection,
            version: rollout.version,
            percent: rollout.percent,
            mapping: version.mapping,
        }));
    }
    Ok(found)
}

/// The shipped object with the custom fields that an admin added.
fn with_custom_fields(shipped: &Object, stored: Option<&Object>) -> Object {
    let mut object = shipped.clone();
    if let Some(stored) = stored {
        let custom = stored.fields.iter().filter(|field| field.custom && object.field(&field.key).is_none());
        let custom: Vec<_> = custom.cloned().collect();
        object.fields.extend(custom);
    }
    object
}

/// Counts up with every change of what is saved, so that running processes notice.
const STAMP: &str = "catalog_stamp";

/// The stamp of what is saved.
pub(crate) fn stamp(tx: &mut Tx<'_>) -> entente_store::Result<i64> {
    Ok(tx.setting::<i64>(STAMP)?.unwrap_or_default())
}

/// Notes in the same transaction that what is saved has changed.
pub(crate) fn touch(tx: &mut Tx<'_>) -> entente_store::Result<i64> {
    let next = stamp(tx)? + 1;
    tx.put_setting(STAMP, &next)?;
    Ok(next)
}

/// Puts in force what other processes saved since. Answers whether anything changed. What does not fit is refused before it is saved; if
/// it does not fit all the same, the catalog stays as it is.
///
/// # Errors
/// When the store fails, or what is saved does not compile.
pub async fn refresh(engine: &Engine) -> Result<bool> {
    let known = engine.catalog().stamp();
    if engine.store().read(stamp).await? == known {
        return Ok(false);
    }
    engine.put_catalog(saved_catalog(engine).await?);
    Ok(true)
}

/// The catalog of what is saved now.
pub(crate) async fn saved_catalog(engine: &Engine) -> Result<Catalog> {
    load(engine.store(), engine.connections(), engine.options(), engine.now()).await
}
