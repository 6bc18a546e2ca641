//! Coming back: once what a change broke is whole again, every record of the object is looked at, with its row read afresh, so that what was
//! edited at either side meanwhile is caught up with. Only then is the change over.

use entente_model::mapping::patch::touches;
use entente_store::{SchemaChange, SchemaState, Viewer};
use jiff::Timestamp;

use super::detail::Detail;
use super::look::{US, search};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::metadata::mappings::hint_all;
use crate::metadata::{refresh, touch};

/// Name under which is kept that the records of a change that returns were hinted at.
fn hinted_key(id: i64) -> String {
    format!("schema/hinted/{id}")
}

/// Brings on whatever is not finished: searches for what has become of fields, and catching up. Safe to repeat at any moment.
pub(super) async fn carry_on(engine: &Engine) -> Result<()> {
    let changes = engine.store().read(|tx| tx.open_schema_changes()).await?;
    if changes.is_empty() {
        return Ok(());
    }
    if let Err(error) = search(engine, &changes).await {
        if matches!(error, EngineError::Store(_)) {
            return Err(error);
        }
        tracing::warn!(%error, "what has become of a field could not be looked for; it is looked for again");
    }
    for change in changes.iter().filter(|change| change.change.state == SchemaState::Open) {
        catch_up(engine, change).await?;
    }
    for change in changes.iter().filter(|change| change.change.state == SchemaState::Returning) {
        bring_back(engine, change).await?;
    }
    Ok(())
}

/// A list takes more values than it did: what was not sent before may go now.
async fn catch_up(engine: &Engine, change: &SchemaChange) -> Result<()> {
    let (id, seer) = (change.id, Viewer::system());
    // As it is by now: what was found meanwhile is in it.
    let Some(change) = engine.store().read(move |tx| tx.schema_change(&seer, id)).await? else { return Ok(()) };
    let mut detail = Detail::of(&change)?;
    if !std::mem::take(&mut detail.catch_up) {
        return Ok(());
    }
    refresh(engine).await?;
    for object in objects(engine, &change)? {
        hint_all(engine, &change.change.connection, &object).await?;
    }
    let detail = detail.to_json()?;
    engine.store().write(move |tx| tx.put_schema_detail(id, None, &detail)).await?;
    Ok(())
}

async fn bring_back(engine: &Engine, change: &SchemaChange) -> Result<()> {
    let (id, key, objects) = (change.id, hinted_key(change.id), objects(engine, change)?);
    let known = key.clone();
    let Some(hinted) = engine.store().read(move |tx| tx.setting::<Timestamp>(&known)).await? else {
        refresh(engine).await?;
        for object in &objects {
            hint_all(engine, &change.change.connection, object).await?;
        }
        let now = engine.now();
        engine.store().write(move |tx| tx.put_setting(&key, &now)).await?;
        return Ok(());
    };
    let (outcome, now) = (change.outcome.clone().unwrap_or_default(), engine.now());
    let over = engine
        .store()
        .write(move |tx| {
            for object in &objects {
                if tx.hinted_since_before(object, hinted)? > 0 {
                    return Ok(false);
                }
            }
            tx.delete_setting(&key)?;
            let over = tx.move_schema_change(id, SchemaState::Returning, SchemaState::Closed, &outcome, US, now)?;
            if over {
                touch(tx)?;
            }
            Ok(over)
        })
        .await?;
    if over {
        refresh(engine).await?;
    }
    Ok(())
}

/// Our objects whose records catch up: those that the change hit, where their mapping still touches the field.
fn objects(engine: &Engine, change: &SchemaChange) -> Result<Vec<String>> {
    let detail = Detail::of(change)?;
    let catalog = engine.catalog();
    let mapped = catalog.mappings(&change.change.connection).iter().map(|mapped| &mapped.saved);
    let touched = mapped.filter(|mapping| {
        let hit = detail.hits.iter().find(|hit| hit.object == mapping.object);
        let uses = mapping.fields.iter().any(|line| !line.archived && touches(line, &change.change.field));
        mapping.remote == change.change.remote_object && hit.is_some_and(|hit| hit.whole || uses)
    });
    Ok(touched.map(|mapping| mapping.object.clone()).collect())
}
