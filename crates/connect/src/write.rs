//! Writes: what should become of one remote row.

use entente_model::mapping::remote::Row;

use crate::error::{Class, VendorError};
use crate::look::Look;
use crate::spec::Spec;

/// What kind of write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteKind {
    /// Create the row, keyed by Entente's record id, so that a repeat finds the first one instead of making a twin.
    Create,
    /// Change fields of a row that is linked.
    Update,
    /// Delete it.
    Delete,
}

/// One write to one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// What kind.
    pub kind: WriteKind,
    /// Entente's record id, as it goes into the key field.
    pub key: String,
    /// External id; `None` for creations.
    pub id: Option<String>,
    /// Flattened values to set; JSON null clears.
    pub row: Row,
    /// The version the decision was made on; the platform refuses the write if the row has moved on, where it can.
    pub expect: Option<String>,
}

/// What a batch of writes goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteTarget {
    /// The platform's name of the object.
    pub object: String,
    /// The remote field that carries Entente's record id.
    pub key_field: String,
}

/// A write that landed.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// External id.
    pub id: String,
    /// Whether the row is new. `Some(false)` for a creation means that an existing row was found and changed instead.
    pub created: Option<bool>,
    /// The version after the write, if the vendor says.
    pub version: Option<String>,
    /// The whole row after the write, if the vendor returns it.
    pub look: Option<Look>,
}

/// Outcome of one write of a batch; positions match the writes.
pub type WriteOutcome = Result<Written, VendorError>;

/// Refuses writes that lean on a version where the platform has nothing that would mind it.
pub(crate) fn refuse_preconditions(spec: &Spec, target: &WriteTarget, writes: &[Write]) -> Result<(), VendorError> {
    let minded = spec.capabilities(&target.object).is_some_and(|known| known.concurrency.is_some());
    if minded || writes.iter().all(|write| write.expect.is_none()) {
        return Ok(());
    }
    Err(VendorError::new(
        Class::Configuration,
        "no_precondition",
        format!("{} cannot refuse an update of {} whose row has moved on", spec.label, target.object),
        "write without an expected version; a change that crosses is seen by the next look",
    ))
}
