//! The values of a platform's lists, whole and by what decides on a part of them: record types, and controlling lists.

use serde::Serialize;

use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// The values of a list, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListValues {
    /// The list's field.
    pub field: String,
    /// The field that decides on this part; none for the whole list.
    pub when: Option<String>,
    /// The value of it that this is about.
    pub is: Option<String>,
    /// Its values.
    pub values: Vec<String>,
    /// Whether the platform refuses others.
    pub restricted: bool,
}

/// The lists of an object, as the platform describes them now; of one field if named.
///
/// # Errors
/// When there is no such connection, object or list.
pub async fn values(engine: &Engine, connection: &str, object: &str, field: Option<&str>) -> Result<Vec<ListValues>> {
    let connector = &engine.connection(connection)?.connector;
    let described = connector.describe(object).await.map_err(|error| EngineError::vendor(connection, error))?;
    let wanted = |name: &str| field.is_none_or(|wanted| wanted == name);
    let mut lists = Vec::new();
    for known in described.fields.iter().filter(|known| !known.values.is_empty() && wanted(&known.name)) {
        let restricted = known.restricted;
        lists.push(ListValues { field: known.name.clone(), when: None, is: None, values: known.values.clone(), restricted });
        let parts = described.lists.iter().filter(|part| part.field == known.name);
        lists.extend(parts.map(|part| ListValues {
            field: part.field.clone(),
            when: Some(part.when.clone()),
            is: Some(part.is.clone()),
            values: part.values.clone(),
            restricted,
        }));
    }
    match field {
        Some(name) if lists.is_empty() => Err(EngineError::Unknown {
            what: "list",
            name: format!("{object}.{name}"),
            remedy: "name a field of the object that has a list of values".to_owned(),
        }),
        _ => Ok(lists),
    }
}
