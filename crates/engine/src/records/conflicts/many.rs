//! Decisions about several conflicts at once: the value of one side, each time.

use entente_model::plan::NATIVE;
use entente_model::spelling::nearest;
use entente_store::{StoreError, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ConflictQuery, Resolution, list, resolve};
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Which conflicts are decided, and for which side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ManyResolutions {
    /// Ids of conflicts, 1,000 at most.
    pub conflicts: Vec<String>,
    /// Instead of ids: every conflict that waits, or every one about `field`.
    pub all: bool,
    /// With `all`: only conflicts about this field, by its key or by what people call it.
    pub field: Option<String>,
    /// Take the value of this side: a connection's name, or `entente` for what Entente holds.
    pub side: String,
}

/// What deciding several conflicts came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ResolvedMany {
    /// Conflicts that were decided.
    pub decided: u64,
    /// Those that were not decided, and why.
    pub left: Vec<LeftConflict>,
}

/// A conflict that could not be decided so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeftConflict {
    /// Conflict id.
    pub id: String,
    /// Why, and what to do.
    pub reason: String,
}

/// Decides conflicts for the value of one side. Each is a decision of its own in the ledger; one that cannot be decided so is named, and holds
/// back no other.
///
/// # Errors
/// When nothing is named, both ids and `all` are, too many are, there is no such side or field, or the store fails.
pub async fn resolve_many(engine: &Engine, viewer: &Viewer, which: ManyResolutions) -> Result<ResolvedMany> {
    let invalid = |field: &str, reason: &str, remedy: &str| EngineError::Invalid {
        field: field.to_owned(),
        reason: reason.to_owned(),
        remedy: remedy.to_owned(),
    };
    if which.side.trim().is_empty() {
        return Err(invalid("side", "no side is named", "name a connection, or `entente` for what Entente holds"));
    }
    if which.all != which.conflicts.is_empty() {
        let remedy = "name the ids of conflicts, or say that all of them are meant";
        return Err(invalid("conflicts", "either ids or all are decided, and not both", remedy));
    }
    if which.field.is_some() && !which.all {
        return Err(invalid("field", "a field narrows all conflicts, not ids", "leave it out, or say that all are meant"));
    }
    if which.conflicts.len() > entente_store::PAGE_ROWS_MAX {
        return Err(invalid("conflicts", "1,000 conflicts are decided at once at most", "send them in several requests"));
    }
    if !which.all {
        let mut done = ResolvedMany::default();
        decide(engine, viewer, which.conflicts, &which.side, &mut done).await?;
        return Ok(done);
    }
    let (mut done, mut before) = (ResolvedMany::default(), None);
    loop {
        let query = ConflictQuery { before, limit: Some(entente_store::PAGE_ROWS_MAX), ..ConflictQuery::default() };
        let page = list(engine, viewer, query).await?;
        let about = |field: &str, label: &str| which.field.as_ref().is_none_or(|named| named == field || named.eq_ignore_ascii_case(label));
        let ids = page.items.into_iter().filter(|one| about(&one.field, &one.label)).map(|one| one.id).collect();
        decide(engine, viewer, ids, &which.side, &mut done).await?;
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    if done.decided == 0 && done.left.is_empty() {
        must_exist(engine, &which)?;
    }
    Ok(done)
}

/// Where no conflict fits, a side or a field that there is not must not read as if none waited.
fn must_exist(engine: &Engine, which: &ManyResolutions) -> Result<()> {
    if which.side != NATIVE {
        engine.connection(&which.side)?;
    }
    which.field.as_deref().map_or(Ok(()), |field| must_be_a_field(engine, field))
}

pub(super) fn must_be_a_field(engine: &Engine, named: &str) -> Result<()> {
    let catalog = engine.catalog();
    let mut fields = catalog.objects().flat_map(|object| &object.fields);
    if fields.any(|field| field.key == named || field.label.eq_ignore_ascii_case(named)) {
        return Ok(());
    }
    let keys = catalog.objects().flat_map(|object| object.fields.iter().map(|field| field.key.as_str()));
    let remedy =
        nearest(named, keys).map_or_else(|| "take it from the list of conflicts".to_owned(), |near| format!("did you mean `{near}`?"));
    Err(EngineError::Unknown { what: "field", name: named.to_owned(), remedy })
}

async fn decide(engine: &Engine, viewer: &Viewer, ids: Vec<String>, side: &str, done: &mut ResolvedMany) -> Result<()> {
    for id in ids {
        match resolve(engine, viewer, &id, Resolution { side: Some(side.to_owned()), value: None }).await {
            Ok(_) => done.decided += 1,
            // These are about the conflict; everything else is about the store, and holds for the others too.
            Err(error @ (EngineError::Invalid { .. } | EngineError::Unknown { .. } | EngineError::Store(StoreError::Conflict { .. }))) => {
                done.left.push(LeftConflict { id, reason: error.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
