//! When schemas are looked at without a refusal: once a day by the settings, and more often where something stands still, so that it goes on
//! soon after somebody has put it right.

use std::collections::BTreeSet;
use std::time::Duration;

use entente_store::SchemaState;
use jiff::Timestamp;

use super::look::{look, objects};
use super::returning;
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Time between looks whether anything is due.
pub const EVERY: Duration = Duration::from_secs(30);

/// Time between looks at an object of which something stands still, in milliseconds: one call each, as often as it is polled.
const OPEN_MS: i64 = 15 * 60 * 1000;

/// Setting that keeps when the schemas of a connection were looked at last.
fn checked_key(connection: &str) -> String {
    format!("schema/checked/{connection}")
}

/// Setting that keeps when those were looked at of which something stands still.
fn open_key(connection: &str) -> String {
    format!("schema/open_checked/{connection}")
}

fn is_due(at: Option<Timestamp>, now: Timestamp, every_ms: i64) -> bool {
    at.is_none_or(|at| now.as_millisecond() - at.as_millisecond() >= every_ms)
}

/// Notes that all schemas of a connection were looked at.
pub(super) async fn note_checked(engine: &Engine, connection: &str) -> Result<()> {
    let (key, now) = (checked_key(connection), engine.now());
    Ok(engine.store().write(move |tx| tx.put_setting(&key, &now)).await?)
}

/// Looks at what is due, and brings on what is not finished. What a platform does not answer is asked for again the next time.
///
/// # Errors
/// When the store fails.
pub async fn tick(engine: &Engine) -> Result<()> {
    let now = engine.now();
    let hours = i64::try_from(engine.options().schema_check_hours).unwrap_or(i64::MAX);
    let open = engine.store().read(|tx| tx.open_schema_changes()).await?;
    for name in engine.connections().keys() {
        let (daily, often) = (checked_key(name), open_key(name));
        let (checked, reopened) =
            engine.store().read(move |tx| Ok((tx.setting::<Timestamp>(&daily)?, tx.setting::<Timestamp>(&often)?))).await?;
        let standing = open.iter().filter(|change| change.change.connection == *name && change.change.state == SchemaState::Open);
        let standing: BTreeSet<String> = standing.map(|change| change.change.remote_object.clone()).collect();
        if hours > 0 && is_due(checked, now, hours.saturating_mul(3_600_000)) {
            if look_at(engine, name, objects(engine, name)).await? {
                note_checked(engine, name).await?;
            }
        } else if !standing.is_empty() && is_due(reopened, now, OPEN_MS) {
            look_at(engine, name, standing.into_iter().collect()).await?;
            let key = open_key(name);
            engine.store().write(move |tx| tx.put_setting(&key, &now)).await?;
        }
    }
    returning::carry_on(engine).await
}

/// Answers whether all of them were looked at.
async fn look_at(engine: &Engine, connection: &str, objects: Vec<String>) -> Result<bool> {
    let mut all = true;
    for object in objects {
        match look(engine, connection, &object).await {
            Ok(_) => {}
            Err(error @ EngineError::Store(_)) => return Err(error),
            Err(error) => {
                all = false;
                tracing::warn!(connection, object, %error, "a schema could not be looked at; it is looked at again");
            }
        }
    }
    Ok(all)
}
