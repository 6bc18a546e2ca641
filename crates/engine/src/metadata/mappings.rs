//! Mappings as people work with them: listed with their versions, saved, and rolled back. What is saved is in force at once here, and
//! within seconds in every other process.

use std::collections::BTreeSet;
use std::sync::Arc;

use entente_connect::connector::Connector;
use entente_model::id::RecordId;
use entente_model::mapping::Mapping;
use entente_model::object::{Field, Object};
use entente_store::{NewHint, PAGE_ROWS_MAX, Rollout, Stage, StoreError, StoredMapping, Tx, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::moving::take_along;
use super::new_fields::with_fields;
use super::proposal::{Among, Judgement, judge_among};
use super::{column, refresh, saved_catalog, touch};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::conflicts::declared::RuleChanges;
use crate::records::no_object;
use crate::sync::resync::{Scope, resync};
use crate::sync::task::LANE_BACKFILL;
use crate::words;

/// One version of a mapping.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MappingVersion {
    /// Connection.
    pub connection: String,
    /// Our object.
    pub object: String,
    /// Counts up from 1, for each connection and object. Version 1 is the shipped one.
    pub version: i64,
    /// Whether it is in force.
    pub active: bool,
    /// When it was saved.
    #[schema(value_type = String, format = DateTime)]
    pub saved_at: Timestamp,
    /// By whom.
    pub saved_by: String,
    /// Why, in their words.
    pub note: String,
    /// The mapping, as a mapping file holds it.
    #[schema(value_type = Object)]
    pub mapping: Mapping,
}

impl From<StoredMapping> for MappingVersion {
    fn from(stored: StoredMapping) -> Self {
        Self {
            connection: stored.connection,
            object: stored.mapping.object.clone(),
            version: stored.version,
            active: stored.active,
            saved_at: stored.saved_at,
            saved_by: stored.saved_by,
            note: stored.note,
            mapping: stored.mapping,
        }
    }
}

/// A mapping to be judged or saved.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The mapping, as a mapping file holds it.
    #[schema(value_type = Object)]
    pub mapping: Mapping,
    /// Why, for whoever looks at the versions later.
    #[serde(default)]
    pub note: String,
    /// Whether lines that lose something on the way there and back are wanted all the same.
    #[serde(default)]
    pub accept_loss: bool,
    /// Custom fields that our object does not have yet and gets with the mapping, as an object file holds them.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub new_fields: Vec<Field>,
}

/// A mapping that was saved.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Saved {
    /// The version that is in force now.
    #[serde(flatten)]
    pub saved: MappingVersion,
    /// What was found on the way.
    pub judgement: Judgement,
    /// Records that are looked at again because of it.
    pub records: u64,
}

/// The mappings in force, of one connection or object if named.
///
/// # Errors
/// When the connection or the object does not exist, or the store fails.
pub async fn list(engine: &Engine, connection: Option<&str>, object: Option<&str>) -> Result<Vec<MappingVersion>> {
    if let Some(name) = connection {
        engine.connection(name)?;
    }
    if let Some(name) = object.filter(|name| engine.catalog().object(name).is_none()) {
        return Err(no_object(&engine.catalog(), name));
    }
    let stored = engine.store().read(|tx| tx.mappings()).await?;
    let configured = stored.into_iter().filter(|stored| engine.connections().contains_key(&stored.connection));
    let wanted = configured.filter(|stored| {
        connection.is_none_or(|name| name == stored.connection) && object.is_none_or(|name| name == stored.mapping.object)
    });
    Ok(wanted.map(MappingVersion::from).collect())
}

/// Every version of the mapping of an object at a connection, newest first.
///
/// # Errors
/// When there is no such connection or mapping, or the store fails.
pub async fn versions(engine: &Engine, connection: &str, object: &str) -> Result<Vec<MappingVersion>> {
    engine.connection(connection)?;
    let (name, wanted) = (connection.to_owned(), object.to_owned());
    let found = engine.store().read(move |tx| tx.mapping_versions(&name, &wanted)).await?;
    if found.is_empty() {
        return Err(no_mapping(engine, connection, object));
    }
    Ok(found.into_iter().map(MappingVersion::from).collect())
}

pub(super) fn no_mapping(engine: &Engine, connection: &str, object: &str) -> EngineError {
    let catalog = engine.catalog();
    let known = catalog.mappings(connection).iter().map(|mapped| mapped.mapping().object.as_str());
    EngineError::Missing { what: format!("mapping of {object} at {connection}"), remedy: words::remedy(object, known) }
}

/// Judges a mapping and, when nothing stands against it, saves it as a new version, puts it in force and has its records looked at
/// again. Nothing changes otherwise.
///
/// # Errors
/// When the connection does not exist, the platform cannot be asked, the mapping does not fit or loses something that was not accepted,
/// or the store fails.
pub async fn save(engine: &Engine, viewer: &Viewer, connection: &str, proposal: Proposal) -> Result<Saved> {
    refresh(engine).await?;
    let (judgement, objects) = judge_proposal(engine, connection, &proposal).await?;
    let Proposal { mapping, note, accept_loss, .. } = proposal;
    refuse(&judgement, accept_loss)?;
    let object = mapping.object.clone();
    let mappings = vec![(connection.to_owned(), mapping)];
    let saved = save_all(engine, viewer, &engine.catalog(), mappings, objects, RuleChanges::default(), &note).await?;
    let (saved, records) = saved.into_iter().next().ok_or_else(|| no_mapping(engine, connection, &object))?;
    Ok(Saved { saved, judgement, records })
}

/// Judges a proposal, and answers the object with the fields that come with it, if any do.
///
/// # Errors
/// When the connection does not exist, its platform cannot be asked, a new field is none, or the store fails.
pub async fn judge_proposal(engine: &Engine, connection: &str, proposal: &Proposal) -> Result<(Judgement, Vec<Object>)> {
    let objects: Vec<Object> = with_fields(&engine.catalog(), &proposal.mapping.object, &proposal.new_fields)?.into_iter().collect();
    let among = Among { objects: objects.clone(), mappings: Vec::new() };
    Ok((judge_among(engine, connection, &proposal.mapping, &among).await?, objects))
}

/// Saves mappings, objects with new fields and adopted rules of conflicts, together as new versions, puts them in force and has their records looked at again. They were
/// judged before, against this catalog: when another is in force by now, nothing is saved. Answers each with the number of its records.
pub(crate) async fn save_all(
    engine: &Engine,
    viewer: &Viewer,
    before: &Catalog,
    mappings: Vec<(String, Mapping)>,
    objects: Vec<Object>,
    rules: RuleChanges,
    note: &str,
) -> Result<Vec<(MappingVersion, u64)>> {
    // Compiled with all the others, as they will be in force.
    let will_be = with(engine, before, &mappings, &objects)?;
    let (by, note, now, stamp) = (viewer.name.clone(), note.to_owned(), engine.now(), before.stamp());
    let wanted = mappings.clone();
    let connectors =
        mappings.iter().map(|(connection, _)| Ok(Arc::clone(&engine.connection(connection)?.connector))).collect::<Result<Vec<_>>>()?;
    let saved = engine
        .store()
        .write(move |tx| {
            if super::stamp(tx)? != stamp {
                return Err(entente_store::StoreError::Conflict { what: "the mappings".to_owned() });
            }
            objects.iter().try_for_each(|object| tx.put_object(object))?;
            let mut saved = Vec::new();
            for ((connection, mapping), connector) in wanted.iter().zip(&connectors) {
                let used = in_use(tx, connection, &mapping.object)?;
                let before = used.as_ref().map(|used| used.version);
                let version = tx.save_mapping(connection, mapping, &by, &note, now)?;
                moved(tx, connector.as_ref(), used.as_ref(), mapping)?;
                unverified(tx, connection, &mapping.object, before, version, &by, now)?;
                saved.extend(tx.mapping_versions(connection, &mapping.object)?.into_iter().find(|version| version.active));
            }
            rules.keep(tx, &will_be, &by, &note, now)?;
            touch(tx)?;
            Ok(saved)
        })
        .await?;
    refresh(engine).await?;
    for (connection, mapping) in &mappings {
        crate::schema::reconsider(engine, connection, &mapping.remote).await?;
    }
    let mut all = Vec::new();
    for version in saved {
        let records = look_again(engine, before, &version.connection, &version.mapping.object).await?;
        all.push((version.into(), records));
    }
    Ok(all)
}

pub(crate) fn refuse(judgement: &Judgement, accept_loss: bool) -> Result<()> {
    let invalid = |reason: String, remedy: &str| EngineError::Invalid { field: "mapping".to_owned(), reason, remedy: remedy.to_owned() };
    if judgement.new_errors().next().is_some() {
        let errors = judgement.new_errors().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        return Err(invalid(errors, "nothing was saved: correct this and save again"));
    }
    let losses: Vec<&str> = judgement.new_losses().map(|loss| loss.text.as_str()).collect();
    if !accept_loss && !losses.is_empty() {
        return Err(invalid(losses.join("\n"), "nothing was saved: change these lines, or accept the loss (--accept-loss, `accept_loss`)"));
    }
    Ok(())
}

/// Puts an earlier version in force.
///
/// # Errors
/// When there is no such version, it does not fit what is there now, or the store fails. The version in force stays then.
pub async fn activate(engine: &Engine, viewer: &Viewer, connection: &str, object: &str, version: i64) -> Result<MappingVersion> {
    refresh(engine).await?;
    let chosen = version_of(engine, connection, object, version).await?;
    let before = engine.catalog();
    with(engine, &before, &[(connection.to_owned(), chosen.mapping.clone())], &[])?;
    let (name, wanted, by, now) = (connection.to_owned(), object.to_owned(), viewer.name.clone(), engine.now());
    let (connector, goes_to) = (Arc::clone(&engine.connection(connection)?.connector), chosen.mapping.clone());
    engine
        .store()
        .write(move |tx| {
            let used = in_use(tx, &name, &wanted)?;
            let before = used.as_ref().map(|used| used.version);
            tx.activate_mapping(&name, &wanted, version, now)?;
            moved(tx, connector.as_ref(), used.as_ref(), &goes_to)?;
            if before != Some(version) {
                unverified(tx, &name, &wanted, before, version, &by, now)?;
            }
            touch(tx).map(drop)
        })
        .await?;
    engine.put_catalog(saved_catalog(engine).await?);
    crate::schema::reconsider(engine, connection, &chosen.mapping.remote).await?;
    look_again(engine, &before, connection, object).await?;
    Ok(MappingVersion { active: true, ..chosen })
}

/// One version.
pub(crate) async fn version_of(engine: &Engine, connection: &str, object: &str, version: i64) -> Result<MappingVersion> {
    let known = versions(engine, connection, object).await?;
    let numbers = known.iter().map(|known| known.version.to_string()).collect::<Vec<_>>().join(", ");
    known.into_iter().find(|known| known.version == version).ok_or_else(|| EngineError::Missing {
        what: format!("version {version} of the mapping of {object} at {connection}"),
        remedy: format!("there are: {numbers}"),
    })
}

/// The version in use.
fn in_use(tx: &mut Tx<'_>, connection: &str, object: &str) -> Result<Option<StoredMapping>, StoreError> {
    let versions = tx.mapping_versions(connection, object)?;
    Ok(versions.into_iter().find(|version| version.active))
}

/// Has what is known of the platform's rows go along with a mapping that moves to another of its objects.
fn moved(tx: &mut Tx<'_>, connector: &dyn Connector, used: Option<&StoredMapping>, mapping: &Mapping) -> Result<(), StoreError> {
    let Some(used) = used else { return Ok(()) };
    let remotes = (used.mapping.remote.as_str(), mapping.remote.as_str());
    let many = take_along(tx, connector, &used.connection, &mapping.object, remotes)?;
    if many > 0 {
        tracing::info!(
            connection = used.connection,
            object = mapping.object,
            many,
            "the mapping moved to `{}`, and its rows with it",
            mapping.remote
        );
    }
    Ok(())
}

/// Notes the version that one step goes back to, until somebody has verified the new one.
fn unverified(
    tx: &mut Tx<'_>,
    connection: &str,
    object: &str,
    previous: Option<i64>,
    version: i64,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(previous) = previous else { return Ok(()) };
    tx.put_rollout(&Rollout {
        connection: connection.to_owned(),
        object: object.to_owned(),
        version,
        previous,
        stage: Stage::All,
        percent: 100,
        at: now,
        by: by.to_owned(),
        compared: 0,
        differing: 0,
    })
}

/// The catalog with mappings and objects in place of those there are.
pub(crate) fn with(engine: &Engine, catalog: &Catalog, changed: &[(String, Mapping)], changed_objects: &[Object]) -> Result<Catalog> {
    let mut objects: Vec<Object> = catalog.objects().cloned().collect();
    objects.retain(|object| !changed_objects.iter().any(|changed| changed.key == object.key));
    objects.extend(changed_objects.iter().cloned());
    let mappings = engine.connections().keys().map(|name| {
        let mut list: Vec<Mapping> = catalog.mappings(name).iter().map(|mapped| mapped.saved.clone()).collect();
        for (_, mapping) in changed.iter().filter(|(connection, _)| connection == name) {
            list.retain(|known| known.object != mapping.object);
            list.push(mapping.clone());
        }
        (name.clone(), list)
    });
    let options = engine.options();
    let built = Catalog::build_around(objects, mappings.collect(), catalog.standstill().clone(), &options.locale)?;
    Ok(built.windowed(options.conflict_window()))
}

/// Has every record of the object looked at again, with its row at the connection read afresh: fields that are mapped anew were never
/// read. Where fields only come in, their columns alone are read. An object that was not read there before is read completely. Answers how
/// many records there are.
async fn look_again(engine: &Engine, before: &Catalog, connection: &str, object: &str) -> Result<u64> {
    let catalog = engine.catalog();
    let pair = before.mapped(connection, object).zip(catalog.mapped(connection, object));
    if pair.is_some_and(|(old, new)| old.saved != new.saved && old.saved.without_conflicts() == new.saved.without_conflicts()) {
        // How conflicts are decided changes no value that anybody holds: what waits is for a person, what comes is decided by it.
        return Ok(0);
    }
    let remote = |catalog: &Catalog| catalog.mapped(connection, object).map(|mapped| mapped.mapping().remote.clone());
    if remote(before) != remote(&catalog) {
        resync(engine, &Scope::Object(object.to_owned())).await?;
    }
    let added = before.mapped(connection, object).zip(catalog.mapped(connection, object)).and_then(|(old, new)| {
        let columns = column::added(&old.saved, &new.saved, catalog.object(object)?)?;
        Some((new.saved.clone(), columns))
    });
    let Some((mapping, columns)) = added else { return hint_all(engine, connection, object).await };
    let (name, of, now) = (connection.to_owned(), object.to_owned(), engine.now());
    let counts = engine
        .store()
        .write(move |tx| {
            column::start(tx, &name, &mapping, columns.clone(), now)?;
            tx.record_counts(&Viewer::system())
        })
        .await?;
    Ok(counts.get(&of).copied().unwrap_or_default())
}

/// Has every record of an object looked at, with its row at the connection read afresh. Answers how many records there are.
pub(crate) async fn hint_all(engine: &Engine, connection: &str, object: &str) -> Result<u64> {
    let (mut after, mut many): (Option<RecordId>, u64) = (None, 0);
    loop {
        let (object, fetch, now) = (object.to_owned(), BTreeSet::from([connection.to_owned()]), engine.now());
        let last = after.clone();
        let ids = engine
            .store()
            .write(move |tx| {
                let records = tx.records_after(&Viewer::system(), &object, last.as_ref(), PAGE_ROWS_MAX)?;
                let hints: Vec<NewHint> = records
                    .iter()
                    .map(|record| NewHint {
                        subject: record.id.to_string(),
                        object: object.clone(),
                        lane: LANE_BACKFILL,
                        due_at: now,
                        cause: "resync".to_owned(),
                        fetch: fetch.clone(),
                        origin_at: None,
                        is_news: true,
                        at: now,
                    })
                    .collect();
                tx.hint(&hints)?;
                Ok(records.into_iter().map(|record| record.id).collect::<Vec<_>>())
            })
            .await?;
        many += ids.len() as u64;
        if ids.len() < PAGE_ROWS_MAX {
            return Ok(many);
        }
        after = ids.last().cloned();
    }
}
