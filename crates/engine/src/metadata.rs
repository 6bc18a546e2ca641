//! Metadata in the store: objects and mappings, and the catalog built from them.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::mapping::Mapping;
use entente_model::object::Object;
use entente_store::{Store, StoredMapping};

use crate::catalog::{Catalog, shipped_mappings, shipped_objects};
use crate::engine::{Connection, Engine};
use crate::error::{EngineError, Result};
use crate::options::Options;

/// Who saves what is shipped.
const SHIPPED: &str = "shipped";

/// Builds the catalog from the store; what the store does not have yet is taken from the shipped packs and saved.
pub(crate) async fn load(store: &Store, connections: &BTreeMap<String, Connection>, options: &Options, now: Timestamp) -> Result<Catalog> {
    let shipped = shipped_objects()?;
    let mut packs: BTreeMap<String, Vec<Mapping>> = BTreeMap::new();
    for connection in connections.values() {
        packs.insert(connection.name.clone(), shipped_mappings(&connection.settings.platform)?);
    }
    let wanted = packs.clone();
    let (objects, mappings) = store
        .write(move |tx| {
            let mut objects: BTreeMap<String, Object> = tx.objects()?.into_iter().map(|object| (object.key.clone(), object)).collect();
            for object in &shipped {
                let merged = with_custom_fields(object, objects.get(&object.key));
                if objects.get(&object.key) != Some(&merged) {
                    tx.put_object(&merged)?;
                    for field in merged.fields.iter().filter(|field| field.indexed) {
                        tx.index_field(&merged.key, &field.key)?;
                    }
                    objects.insert(merged.key.clone(), merged);
                }
            }
            let saved: Vec<StoredMapping> = tx.mappings()?.into_iter().filter(|saved| saved.active).collect();
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
            Ok((objects.into_values().collect::<Vec<_>>(), mappings))
        })
        .await?;
    Ok(Catalog::build(objects, mappings, &options.locale)?)
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

/// Saves a mapping as a new version and puts it in force. Nothing changes when it does not fit.
///
/// # Errors
/// When it does not compile against its object or contradicts another connection's owners.
pub async fn save_mapping(engine: &Engine, connection: &str, mapping: Mapping, by: &str, note: &str) -> Result<i64> {
    engine.connection(connection)?;
    let catalog = engine.catalog();
    let objects: Vec<Object> = catalog.objects().cloned().collect();
    let mut mappings: BTreeMap<String, Vec<Mapping>> = BTreeMap::new();
    for name in engine.connections().keys() {
        let mut list: Vec<Mapping> = catalog.mappings(name).iter().map(|mapped| mapped.mapping().clone()).collect();
        if name == connection {
            list.retain(|known| known.object != mapping.object);
            list.push(mapping.clone());
        }
        mappings.insert(name.clone(), list);
    }
    let next = Catalog::build(objects, mappings, &engine.options().locale)?;
    let (name, by, note, now) = (connection.to_owned(), by.to_owned(), note.to_owned(), engine.now());
    let version = engine.store().write(move |tx| tx.save_mapping(&name, &mapping, &by, &note, now)).await?;
    engine.put_catalog(next);
    Ok(version)
}

/// What a check of a saved or proposed mapping against the live schema found, as sentences; empty when all is well.
///
/// # Errors
/// When the connection does not exist or its schema cannot be read.
pub async fn check_mapping(engine: &Engine, connection: &str, mapping: &Mapping, seed: u64) -> Result<Vec<String>> {
    let ready = engine.connection(connection)?;
    let catalog = engine.catalog();
    let object = catalog.object(&mapping.object).ok_or_else(|| EngineError::Unknown {
        what: "object",
        name: mapping.object.clone(),
        remedy: "name one of the objects that `entente mapping show` lists".to_owned(),
    })?;
    let described = ready.connector.describe(&mapping.remote).await;
    let remote = described.map_err(|source| EngineError::vendor(connection, source))?;
    let locale = engine.options().locale.clone();
    match entente_model::mapping::convert::Lens::compile(mapping.clone(), object, Some(&remote), locale) {
        Err(errors) => Ok(errors.iter().map(ToString::to_string).collect()),
        Ok(lens) => Ok(entente_model::mapping::laws::check(&lens, &[], &[], seed).iter().map(ToString::to_string).collect()),
    }
}
