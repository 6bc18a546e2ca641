//! Fetching: rows that hints ask for, of records and of rows that nobody has adopted yet, in as few calls as the vendors allow. All calls
//! of a batch leave side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_connect::connector::Priority;
use entente_connect::error::VendorError;
use entente_connect::look::{Look, ReadSpec};
use entente_store::RemoteKey;
use futures::future::join_all;

use crate::catalog::Catalog;
use crate::engine::Engine;

/// Rows to fetch.
#[derive(Default)]
pub(crate) struct Order(BTreeMap<(String, String), (Priority, BTreeSet<String>)>);

/// What the vendors answered.
#[derive(Default)]
pub(crate) struct Fetched {
    /// Looks at rows.
    pub(crate) looks: BTreeMap<RemoteKey, Look>,
    /// Rows whose call failed, with why.
    pub(crate) failed: BTreeMap<RemoteKey, VendorError>,
}

impl Order {
    /// Asks for a row. The most urgent of those who ask for rows of one object says how urgent their calls are.
    pub(crate) fn add(&mut self, row: RemoteKey, urgency: Priority) {
        let (most_urgent, ids) = self.0.entry((row.connection, row.object)).or_insert_with(|| (urgency, BTreeSet::new()));
        *most_urgent = (*most_urgent).min(urgency);
        ids.insert(row.id);
    }

    /// Whether nobody asks for anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a platform that rows are asked of is under pressure or rests: its answer may be long in coming.
    pub(crate) fn is_held_up(&self, engine: &Engine) -> bool {
        self.0.keys().any(|(connection, _)| {
            engine.connection(connection).is_ok_and(|ready| ready.pressure.presses() || ready.pressure.paused(engine.now()).is_some())
        })
    }

    /// Makes the calls.
    pub(crate) async fn send(self, engine: &Engine, catalog: &Catalog) -> Fetched {
        let mut calls = Vec::new();
        for ((connection, object), (urgency, ids)) in self.0 {
            let Ok(ready) = engine.connection(&connection) else { continue };
            tracing::debug!(connection, object, rows = ids.len(), "fetching rows");
            let read = ReadSpec { object: object.clone(), fields: read_fields(catalog, &connection, &object) };
            let ids: Vec<String> = ids.into_iter().collect();
            for chunk in ids.chunks(ready.connector.spec().fetch_max) {
                let (connector, read, chunk, connection) = (Arc::clone(&ready.connector), read.clone(), chunk.to_vec(), connection.clone());
                calls.push(async move {
                    let answer = connector.fetch(&read, &chunk, urgency).await;
                    (connection, read.object, chunk, answer)
                });
            }
        }
        let mut fetched = Fetched::default();
        for (connection, object, ids, answer) in join_all(calls).await {
            match answer {
                Ok(looks) => {
                    fetched.looks.extend(looks.into_iter().map(|look| (RemoteKey::new(&connection, &object, &look.id), look)));
                }
                Err(error) => {
                    fetched.failed.extend(ids.iter().map(|id| (RemoteKey::new(&connection, &object, id), error.clone())));
                }
            }
        }
        fetched
    }
}

/// Remote fields that a fetch of an object asks for.
pub(crate) fn read_fields(catalog: &Catalog, connection: &str, remote: &str) -> Vec<String> {
    catalog.reads(connection).into_iter().find(|(name, _)| name == remote).map(|(_, fields)| fields).unwrap_or_default()
}
