//! What a line of a mapping may name: our fields of an object, and the platform's fields of its counterpart as they are there now.

use std::collections::BTreeMap;

use entente_model::mapping::remote::RemoteField;
use entente_model::object::Field;
use serde::Serialize;
use utoipa::ToSchema;

use super::mappings::no_mapping;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::detail::owner_name;

/// Fields of both sides of a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MappableFields)]
pub struct Mappable {
    /// Connection.
    pub connection: String,
    /// Our object.
    pub object: String,
    /// The platform's name of the object.
    pub remote: String,
    /// Our fields, in the order people see them.
    pub ours: Vec<OurField>,
    /// The platform's fields, by the name that people read there.
    pub theirs: Vec<TheirField>,
    /// Our fields whose lines stand still because the platform's schema has changed.
    pub paused: Vec<String>,
}

/// One of our fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OurField {
    /// Name in mappings and in the API.
    pub key: String,
    /// Name that people read.
    pub label: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether an admin added it.
    pub custom: bool,
    /// Connections that map it, with the side that is its source of truth.
    pub owners: BTreeMap<String, String>,
}

/// One of the platform's fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TheirField {
    /// Name in mappings.
    pub name: String,
    /// Name that people read there.
    pub label: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether our user may write it.
    pub writable: bool,
    /// Whether a row cannot be made without it.
    pub required: bool,
    /// Digits after the point, for numbers.
    pub scale: Option<u32>,
    /// Values of a list.
    pub values: Vec<String>,
}

/// Fields that lines of a mapping may name. Asks the platform.
///
/// # Errors
/// When there is no such connection or mapping, or the platform cannot be asked.
pub async fn mappable(engine: &Engine, connection: &str, object: &str) -> Result<Mappable> {
    super::refresh(engine).await?;
    let ready = engine.connection(connection)?;
    let catalog = engine.catalog();
    let (Some(mapped), Some(known)) = (catalog.mapped(connection, object), catalog.object(object)) else {
        return Err(no_mapping(engine, connection, object));
    };
    let remote = mapped.mapping().remote.clone();
    let described = ready.connector.describe(&remote).await.map_err(|source| EngineError::vendor(connection, source))?;
    let mut theirs: Vec<TheirField> = described.fields.iter().map(their_field).collect();
    theirs.sort_by(|one, other| (one.label.to_lowercase(), &one.name).cmp(&(other.label.to_lowercase(), &other.name)));
    let owners = |field: &Field| {
        let lines = engine.connections().keys().filter_map(|name| {
            let lines = &catalog.mapped(name, object)?.saved.fields;
            let line = lines.iter().find(|line| line.field == field.key && !line.archived)?;
            Some((name.clone(), owner_name(line.owner)))
        });
        lines.collect()
    };
    let ours = known.fields.iter().map(|field| OurField {
        key: field.key.clone(),
        label: field.label.clone(),
        kind: kind_name(&field.kind, "type"),
        custom: field.custom,
        owners: owners(field),
    });
    Ok(Mappable {
        connection: connection.to_owned(),
        object: object.to_owned(),
        remote,
        ours: ours.collect(),
        theirs,
        paused: mapped.still.fields.iter().cloned().collect(),
    })
}

fn their_field(field: &RemoteField) -> TheirField {
    TheirField {
        name: field.name.clone(),
        label: field.label.clone(),
        kind: kind_name(&field.kind, ""),
        writable: field.writable,
        required: field.required,
        scale: field.scale,
        values: field.values.clone(),
    }
}

/// Name of a type as files and the API have it: the text itself, or the tag of a type with parts.
fn kind_name(kind: &impl Serialize, tag: &str) -> String {
    let told = serde_json::to_value(kind).unwrap_or_default();
    told.as_str().or_else(|| told[tag].as_str()).unwrap_or_default().to_owned()
}
