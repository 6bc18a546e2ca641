//! Custom fields that come with a mapping: the object gets them when the mapping is saved.

use entente_model::object::{Field, Object};

use crate::catalog::Catalog;
use crate::error::{EngineError, Result};
use crate::records::no_object;

/// Whether a text can be the name of a field.
pub(crate) fn is_key(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

/// The object with new custom fields; none when there are no new ones.
pub(crate) fn with_fields(catalog: &Catalog, key: &str, fields: &[Field]) -> Result<Option<Object>> {
    if fields.is_empty() {
        return Ok(None);
    }
    let mut object = catalog.object(key).cloned().ok_or_else(|| no_object(catalog, key))?;
    for field in fields {
        let invalid = |reason: String, remedy: &str| EngineError::Invalid {
            field: "new_fields".to_owned(),
            reason,
            remedy: format!("nothing was saved: {remedy}"),
        };
        if !is_key(&field.key) {
            return Err(invalid(format!("`{}` is no name of a field", field.key), "use small letters, digits and underscores"));
        }
        if field.label.trim().is_empty() {
            return Err(invalid(format!("`{}` has no label", field.key), "give the name that people are to read"));
        }
        if object.field(&field.key).is_some() {
            return Err(invalid(format!("`{key}` has a field `{}` already", field.key), "map that one, or take another name"));
        }
        object.fields.push(Field { custom: true, ..field.clone() });
    }
    Ok(Some(object))
}
