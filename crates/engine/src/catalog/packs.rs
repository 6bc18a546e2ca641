//! What Entente ships with: objects, and the default mappings of each platform.

use entente_model::mapping::Mapping;
use entente_model::object::Object;
use serde::Deserialize;

use super::CatalogError;

const OBJECTS: &str = include_str!("../../packs/objects.toml");

/// Default mappings by platform.
const PACKS: &[(&str, &str)] = &[
    ("salesforce", include_str!("../../packs/salesforce.toml")),
    ("hubspot", include_str!("../../packs/hubspot.toml")),
    ("pipedrive", include_str!("../../packs/pipedrive.toml")),
    ("dynamics", include_str!("../../packs/dynamics.toml")),
    ("zendesk", include_str!("../../packs/zendesk.toml")),
    ("freshdesk", include_str!("../../packs/freshdesk.toml")),
    ("intercom", include_str!("../../packs/intercom.toml")),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectsPack {
    object: Vec<Object>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingPack {
    mapping: Vec<Mapping>,
}

/// Objects that Entente ships with.
///
/// # Errors
/// Never for the shipped pack; the signature is honest about parsing.
pub fn shipped_objects() -> Result<Vec<Object>, CatalogError> {
    let pack: ObjectsPack = toml::from_str(OBJECTS)
        .map_err(|error| CatalogError::Unreadable { what: "packs/objects.toml".to_owned(), reason: error.to_string() })?;
    Ok(pack.object)
}

/// Default mappings of a platform; empty when none are shipped.
///
/// # Errors
/// Never for shipped packs; the signature is honest about parsing.
pub fn shipped_mappings(platform: &str) -> Result<Vec<Mapping>, CatalogError> {
    let Some((_, text)) = PACKS.iter().find(|(key, _)| *key == platform) else { return Ok(Vec::new()) };
    let pack: MappingPack = toml::from_str(text)
        .map_err(|error| CatalogError::Unreadable { what: format!("packs/{platform}.toml"), reason: error.to_string() })?;
    Ok(pack.mapping)
}
