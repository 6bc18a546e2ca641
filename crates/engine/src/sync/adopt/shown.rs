//! Rows as a reader has seen them, before the transaction that adopts them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_connect::look::{Existence, Look};
use entente_model::clock::Timestamp;
use entente_model::value::Fields;
use entente_store::{MatchKey, RemoteKey, StoredLook};

use super::match_keys;
use crate::catalog::{Catalog, Mapped};
use crate::sync::look::taken;

/// A look at a row, read by the mapping that wants it.
pub(super) struct RowShown {
    pub(super) stamp: i64,
    pub(super) look: Look,
    /// None: no mapping wants the row, or it is gone.
    pub(super) mapped: Option<Arc<Mapped>>,
    /// Values; references are not resolved.
    pub(super) fields: Fields,
    /// References: field, our object, external id.
    pub(super) references: Vec<(String, String, String)>,
    /// Match keys, as long as no reference is resolved.
    pub(super) keys: BTreeSet<MatchKey>,
}

/// Looks at rows, by row.
pub(super) type Shown = BTreeMap<RemoteKey, Arc<RowShown>>;

impl RowShown {
    pub(super) fn of(catalog: &Catalog, stored: StoredLook, now: Timestamp) -> Self {
        let (stamp, connection) = (stored.stamp, stored.key.connection.clone());
        let look = taken(stored);
        let wants = |mapped: &&Arc<Mapped>| mapped.mapping().remote == look.object && mapped.lens.accepts(&look.row);
        let mapped = catalog.mappings(&connection).iter().find(wants).filter(|_| look.existence == Existence::Present).cloned();
        let got = mapped.as_ref().map(|mapped| mapped.lens.get(&look.row, &Fields::new(), &|_, _| None, now)).unwrap_or_default();
        let keys = mapped.as_ref().map(|mapped| match_keys(&mapped.mapping().object, &got.fields)).unwrap_or_default();
        Self { stamp, look, mapped, fields: got.fields, references: got.unresolved, keys }
    }
}
