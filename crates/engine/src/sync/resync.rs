//! Resync on demand: all of a connection, one object of it, or one record.

use std::collections::BTreeSet;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_store::{NewHint, Viewer};
use serde::{Deserialize, Serialize};

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

/// A wish for a complete read of one object at one connection. It waits in the store until the poller takes it up, in the transaction
/// that begins the read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// When it was made.
    pub(crate) at: Timestamp,
    /// Whether everything of the connection is to be read, not this object alone.
    pub(crate) whole: bool,
}

/// Name of the setting that keeps the request for an object.
pub(crate) fn setting(connection: &str, object: &str) -> String {
    format!("resync/{connection}/{object}")
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
    let request = Request { at: engine.now(), whole: remote.is_none() };
    let keys: Vec<String> = engine
        .catalog()
        .reads(connection)
        .into_iter()
        .filter(|(object, _)| remote.is_none_or(|wanted| wanted == object))
        .map(|(object, _)| setting(connection, &object))
        .collect();
    engine
        .store()
        .write(move |tx| {
            for key in &keys {
                // A read of everything that waits already is not made a smaller one.
                let waiting = tx.setting::<Request>(key)?.is_some_and(|waiting| waiting.whole);
                tx.put_setting(key, &Request { whole: request.whole || waiting, ..request.clone() })?;
            }
            Ok(())
        })
        .await?;
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
                is_news: true,
                at: now,
            }])
        })
        .await?;
    Ok(())
}

/// The objects of a connection for which a resync was asked that is not taken up yet.
///
/// # Errors
/// When the store fails.
pub(crate) async fn asked(engine: &Engine, connection: &str) -> Result<Vec<String>> {
    let prefix = setting(connection, "");
    let waiting = engine.store().read(move |tx| tx.settings(&prefix)).await?;
    let objects = engine.catalog().reads(connection).into_iter().map(|(object, _)| object);
    Ok(objects.filter(|object| waiting.contains_key(&setting(connection, object))).collect())
}
