//! Resync on demand: all of a connection, one object of it, or one record.

use std::collections::BTreeSet;

use entente_model::id::RecordId;
use entente_store::{NewHint, Viewer};

use super::poll::rewind;
use super::task::LANE_URGENT;
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// What to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything, at every connection.
    Everything,
    /// Everything of one connection.
    Connection(String),
    /// One of our objects, at every connection.
    Object(String),
    /// One record: every side is fetched now.
    Record(RecordId),
}

fn setting(connection: &str) -> String {
    format!("resync/{connection}")
}

/// Asks for a resync. The running engine takes it up within a second.
///
/// # Errors
/// When the connection, object or record does not exist, or the store fails.
pub async fn resync(engine: &Engine, scope: &Scope) -> Result<()> {
    match scope {
        Scope::Record(id) => resync_record(engine, id).await,
        Scope::Everything => {
            for connection in engine.connections().keys() {
                ask(engine, connection, None).await?;
            }
            Ok(())
        }
        Scope::Connection(connection) => {
            engine.connection(connection)?;
            ask(engine, connection, None).await
        }
        Scope::Object(object) => {
            let catalog = engine.catalog();
            if catalog.object(object).is_none() {
                return Err(EngineError::Unknown {
                    what: "object",
                    name: object.clone(),
                    remedy: format!("use one of: {}", catalog.objects().map(|object| object.key.as_str()).collect::<Vec<_>>().join(", ")),
                });
            }
            for connection in engine.connections().keys() {
                if let Some(mapped) = catalog.mapped(connection, object) {
                    let remote = mapped.mapping().remote.clone();
                    ask(engine, connection, Some(&remote)).await?;
                }
            }
            Ok(())
        }
    }
}

async fn ask(engine: &Engine, connection: &str, remote: Option<&str>) -> Result<()> {
    rewind(engine, connection, remote).await?;
    let (key, now) = (setting(connection), engine.now());
    engine.store().write(move |tx| tx.put_setting(&key, &now)).await?;
    Ok(())
}

async fn resync_record(engine: &Engine, id: &RecordId) -> Result<()> {
    let now = engine.now();
    let wanted = id.clone();
    let found = engine.store().read(move |tx| tx.record(&Viewer::system(), &wanted)).await?;
    let Some(record) = found else {
        return Err(EngineError::Unknown {
            what: "record",
            name: id.to_string(),
            remedy: "check the id, or search for the record".to_owned(),
        });
    };
    let fetch: BTreeSet<String> = engine.connections().keys().cloned().collect();
    engine
        .store()
        .write(move |tx| {
            tx.hint(&[NewHint {
                subject: record.id.to_string(),
                object: record.object.clone(),
                lane: LANE_URGENT,
                due_at: now,
                cause: "resync".to_owned(),
                fetch: fetch.clone(),
                origin_at: None,
                at: now,
            }])
        })
        .await?;
    Ok(())
}

/// Whether a resync of the connection was asked for and is not under way yet.
pub(crate) async fn asked(engine: &Engine, connection: &str) -> bool {
    let key = setting(connection);
    let asked = engine.store().read(move |tx| tx.setting::<serde_json::Value>(&key)).await;
    matches!(asked, Ok(Some(_)))
}

/// Takes a request for a resync up.
pub(crate) async fn answered(engine: &Engine, connection: &str) {
    let key = setting(connection);
    if let Err(error) = engine.store().write(move |tx| tx.delete_setting(&key).map(drop)).await {
        tracing::warn!(%error, "a resync could not be marked as taken up; it may run twice");
    }
}
