//! Merging two rows at a platform, by the platform's own means.

use crate::error::{Class, VendorError};
use crate::spec::Spec;

/// Code of the error that a platform merges no rows of an object over its API.
pub const NO_MERGE: &str = "no_merge";

/// Two rows of one object that are to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The platform's name of the object.
    pub object: String,
    /// External id of the row that ends.
    pub goes: String,
    /// External id of the row that stays.
    pub stays: String,
    /// Entente's id of the record whose row stays, as it stands in the mapping's key field.
    pub key: String,
}

/// What a platform answers that merges no such rows.
pub(crate) fn none(spec: &Spec, object: &str) -> VendorError {
    VendorError::new(
        Class::Configuration,
        NO_MERGE,
        format!("{} merges no two rows of {object} over its API", spec.label),
        "merge the two there as people do; Entente follows",
    )
}

/// An id as a number, where the platform has numbers.
pub(crate) fn number(id: &str) -> Result<u64, VendorError> {
    id.parse().map_err(|_| {
        VendorError::new(Class::Data, "bad_id", format!("`{id}` is no id of the platform"), "report this: it is a mistake in Entente")
    })
}
