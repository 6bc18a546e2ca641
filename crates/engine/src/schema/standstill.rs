//! What is not used of the mappings meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::mapping::Mapping;
use entente_model::mapping::patch::touches;
use entente_model::mapping::schema::ChangeKind;
use entente_model::value::FieldKey;
use entente_store::{SchemaChange, SchemaState, StoreError};

use super::detail::Detail;

/// What is not used of one mapping.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Still {
    /// Our fields whose lines are not used.
    pub fields: BTreeSet<FieldKey>,
    /// Remote fields that are not there.
    pub gone: BTreeSet<String>,
    /// Values that a remote list takes, for lists that came to refuse others: these are not sent.
    pub allowed: BTreeMap<String, BTreeSet<String>>,
    /// Our fields whose remote field was gone and is back: where it is blank there, what is known of it is put back.
    pub restored: BTreeSet<FieldKey>,
}

impl Still {
    /// Whether the whole mapping is used as it is saved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is not used, of the mappings of all connections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standstill(Vec<(SchemaChange, Detail)>);

impl Standstill {
    /// Of changes that are open, or whose records catch up.
    pub fn of(changes: Vec<SchemaChange>) -> Result<Self, StoreError> {
        let pairs = changes.into_iter().map(|change| Detail::of(&change).map(|detail| (change, detail)));
        Ok(Self(pairs.collect::<Result<_, _>>()?))
    }

    /// What of a mapping, as it is saved, is not used.
    #[must_use]
    pub fn at(&self, connection: &str, mapping: &Mapping) -> Still {
        let mut still = Still::default();
        let here = |change: &SchemaChange| change.change.connection == connection && change.change.remote_object == mapping.remote;
        for (change, detail) in self.0.iter().filter(|(change, _)| here(change)) {
            let (remote, kind) = (&change.change.field, change.change.kind.as_str());
            let touching = mapping.fields.iter().filter(|line| touches(line, remote)).map(|line| line.field.clone());
            let is_gone = [ChangeKind::Removed.name(), ChangeKind::Renamed.name()].contains(&kind);
            if change.change.state == SchemaState::Returning {
                // A type that is changed, and changed back, has lost its values as well.
                if is_gone || kind == ChangeKind::Retyped.name() {
                    still.restored.extend(touching);
                }
                continue;
            }
            if is_gone {
                still.fields.extend(touching);
                still.gone.insert(remote.clone());
            } else if let Some(allowed) = &detail.allowed {
                still.allowed.insert(remote.clone(), allowed.iter().cloned().collect());
            } else {
                let named: BTreeSet<&String> =
                    detail.hits.iter().filter(|hit| hit.object == mapping.object).flat_map(|hit| &hit.fields).collect();
                still.fields.extend(touching.filter(|field| named.contains(field)));
            }
        }
        still
    }
}
