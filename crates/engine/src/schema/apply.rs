//! What a person does about a schema change: the proposed patch is applied, or the change is accepted as it is.

use entente_store::{SchemaChange, SchemaState, StoreError, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::detail::{Detail, ObjectPatch};
use super::equivalence::REWRITTEN;
use super::list::{Change, show, stored};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::metadata::mappings::{self, Proposal, Saved};
use crate::metadata::{refresh, touch};

/// How a patch is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = ApplySchemaPatch)]
pub struct Apply {
    /// Whether lines that lose something on the way there and back are wanted all the same.
    pub accept_loss: bool,
}

/// A patch that was applied.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = AppliedSchemaPatch)]
pub struct Applied {
    /// The change.
    pub change: Change,
    /// The versions of mappings that were saved, which are in force now.
    pub saved: Vec<Saved>,
}

fn invalid(id: &str, reason: impl Into<String>, remedy: impl Into<String>) -> EngineError {
    EngineError::Invalid { field: format!("schema change {id}"), reason: reason.into(), remedy: remedy.into() }
}

/// Applies the patch that is proposed for a change: each mapping is judged and saved as a new version, and its records catch up.
///
/// # Errors
/// When there is no such change, it has no patch or is over, the mapping was changed since, or it is not saved for a reason of
/// [`mappings::save`].
pub async fn apply(engine: &Engine, viewer: &Viewer, id: &str, options: Apply) -> Result<Applied> {
    refresh(engine).await?;
    let change = stored(engine, viewer, id).await?;
    let rewritten = change.change.kind == REWRITTEN && change.change.state == SchemaState::Noted;
    if change.change.state != SchemaState::Open && !rewritten {
        return Err(invalid(id, format!("it is {}", change.change.state), "nothing is left to be put right"));
    }
    let detail = Detail::of(&change)?;
    if detail.patches.is_empty() {
        return Err(invalid(
            id,
            "no patch is proposed for it",
            "change the mapping with `entente mapping save`, or put the field right there",
        ));
    }
    let connection = change.change.connection.clone();
    let catalog = engine.catalog();
    let mut proposals = Vec::new();
    // All of them fit, or none is saved.
    for ObjectPatch { object, patch } in &detail.patches {
        let Some(mapped) = catalog.mapped(&connection, object) else {
            return Err(invalid(id, format!("`{object}` is no longer mapped at {connection}"), "look at `entente mapping show`"));
        };
        let mapping = patch.apply(&mapped.saved).map_err(|field| {
            let reason = format!("the line of `{field}` in the mapping of {object} was changed since");
            invalid(id, reason, "look at `entente mapping show`, and change the mapping with `entente mapping save`")
        })?;
        proposals.push(mapping);
    }
    let mut saved = Vec::new();
    for mapping in proposals {
        let note = format!("schema change {id}: {}", super::alerts::title(&change.change, &detail));
        saved.push(
            mappings::save(
                engine,
                viewer,
                &connection,
                Proposal { mapping, note, accept_loss: options.accept_loss, new_fields: Vec::new() },
            )
            .await?,
        );
    }
    if rewritten {
        take_for_one(engine, viewer, &change, &detail).await?;
    }
    Ok(Applied { change: show(engine, viewer, id).await?, saved })
}

/// The mapping knows by now what the platform makes of our values: nothing needs to be remembered record by record.
async fn take_for_one(engine: &Engine, viewer: &Viewer, change: &SchemaChange, detail: &Detail) -> Result<()> {
    let (number, by, now, connection) = (change.id, viewer.name.clone(), engine.now(), change.change.connection.clone());
    let hits = detail.hits.clone();
    engine
        .store()
        .write(move |tx| {
            for hit in &hits {
                for field in &hit.fields {
                    tx.forget_rewrites(&connection, &hit.object, field)?;
                }
            }
            tx.move_schema_change(number, SchemaState::Noted, SchemaState::Closed, "the mapping takes the two for one", &by, now).map(drop)
        })
        .await?;
    Ok(())
}

/// Accepts a change as it is: lines that it broke are used again, whatever the platform says to them.
///
/// # Errors
/// When there is no such change, it is not open, or the store fails.
pub async fn accept(engine: &Engine, viewer: &Viewer, id: &str) -> Result<Change> {
    let change = stored(engine, viewer, id).await?;
    let (number, by, now) = (change.id, viewer.name.clone(), engine.now());
    engine
        .store()
        .write(move |tx| {
            if !tx.move_schema_change(number, SchemaState::Open, SchemaState::Closed, "accepted as it is", &by, now)? {
                return Err(StoreError::Conflict { what: format!("schema change {number} is not open any more, or never was") });
            }
            touch(tx).map(drop)
        })
        .await?;
    refresh(engine).await?;
    for hit in Detail::of(&change)?.hits {
        mappings::hint_all(engine, &change.change.connection, &hit.object).await?;
    }
    show(engine, viewer, id).await
}
