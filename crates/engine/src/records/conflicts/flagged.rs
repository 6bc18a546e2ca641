//! Flagged values: where the latest change won, the older value is flagged, and people look at it when they find the time. They acknowledge it, or
//! take the older value after all.

use std::collections::BTreeSet;

use entente_model::value::{Value, get};
use entente_store::{StoreError, Tx, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::many::{LeftConflict, must_be_a_field};
use super::ruling::Ruling;
use super::{ConflictQuery, FLAGGED, carry_out, list, parse_number};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::label;

/// Which flagged values have been looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Acknowledgement {
    /// Ids of conflicts, 1,000 at most.
    pub conflicts: Vec<String>,
    /// Instead of ids: every flagged value, or every one of `field`.
    pub all: bool,
    /// With `all`: only values of this field, by its key or by what people call it.
    pub field: Option<String>,
}

/// What acknowledging came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Acknowledged {
    /// Values that are flagged no more.
    pub acknowledged: u64,
    /// Those that were not flagged, and why.
    pub left: Vec<LeftConflict>,
}

/// How somebody looked at a flagged value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReviewedConflict)]
pub struct Reviewed {
    /// Who.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether they took another value than the rule had.
    pub overruled: bool,
}

/// Notes that flagged values have been looked at: what the rule decided stays.
///
/// # Errors
/// When nothing is named, both ids and `all` are, too many are, there is no such field, or the store fails.
pub async fn acknowledge(engine: &Engine, viewer: &Viewer, which: Acknowledgement) -> Result<Acknowledged> {
    let invalid = |field: &str, reason: &str, remedy: &str| EngineError::Invalid {
        field: field.to_owned(),
        reason: reason.to_owned(),
        remedy: remedy.to_owned(),
    };
    if which.all != which.conflicts.is_empty() {
        let remedy = "name the ids of conflicts, or say that all of them are meant";
        return Err(invalid("conflicts", "either ids or all are acknowledged, and not both", remedy));
    }
    if which.field.is_some() && !which.all {
        return Err(invalid("field", "a field narrows all conflicts, not ids", "leave it out, or say that all are meant"));
    }
    if which.conflicts.len() > entente_store::PAGE_ROWS_MAX {
        return Err(invalid("conflicts", "1,000 conflicts are acknowledged at once at most", "send them in several requests"));
    }
    let mut done = Acknowledged::default();
    if !which.all {
        note(engine, viewer, which.conflicts, &mut done).await?;
        return Ok(done);
    }
    if let Some(field) = &which.field {
        must_be_a_field(engine, field)?;
    }
    let mut before = None;
    loop {
        let query = ConflictQuery { state: Some(FLAGGED.to_owned()), before, limit: Some(entente_store::PAGE_ROWS_MAX) };
        let page = list(engine, viewer, query).await?;
        let about = |field: &str, label: &str| which.field.as_ref().is_none_or(|named| named == field || named.eq_ignore_ascii_case(label));
        let ids = page.items.into_iter().filter(|one| about(&one.field, &one.label)).map(|one| one.id).collect();
        note(engine, viewer, ids, &mut done).await?;
        before = page.next;
        if before.is_none() {
            return Ok(done);
        }
    }
}

async fn note(engine: &Engine, viewer: &Viewer, ids: Vec<String>, done: &mut Acknowledged) -> Result<()> {
    let mut numbers = Vec::new();
    for id in ids {
        match parse_number(&id) {
            Ok(number) => numbers.push(number),
            Err(error) => done.left.push(LeftConflict { id, reason: error.to_string() }),
        }
    }
    let (seer, now) = (viewer.clone(), engine.now());
    let outcomes = engine.store().write(move |tx| {
        let mut outcomes = Vec::new();
        for number in &numbers {
            let reason = match tx.conflict(&seer, *number)? {
                Some(found) if found.is_flagged() => {
                    tx.review_conflict(*number, &seer.name, now, None)?;
                    None
                }
                Some(found) if found.was_latest() => Some("somebody has looked at it already"),
                Some(_) => Some("nothing is flagged in it: the latest change did not decide it"),
                None => Some("there is no such conflict; take its id from the list of conflicts"),
            };
            outcomes.push((*number, reason));
        }
        Ok(outcomes)
    });
    for (number, reason) in outcomes.await? {
        match reason {
            None => done.acknowledged += 1,
            Some(reason) => done.left.push(LeftConflict { id: number.to_string(), reason: reason.to_owned() }),
        }
    }
    Ok(())
}

/// Takes a value in place of the one that the latest change had, by an entry of the ledger like every decision. The one that won stands where it
/// is named again.
///
/// # Errors
/// [`StoreError::Conflict`] when the field has moved on since: what is there now is somebody's later word.
pub(super) fn overrule(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    viewer: &Viewer,
    found: &entente_store::Conflict,
    value: &Value,
    connections: &BTreeSet<String>,
    now: Timestamp,
) -> entente_store::Result<()> {
    let of = &found.conflict;
    let Some(record) = tx.record(viewer, &of.record)? else { return Err(StoreError::Missing(format!("record {}", of.record))) };
    let won = found.resolution.clone().unwrap_or_default();
    let mut entry = None;
    if !value.agrees(&won) {
        let waits = tx.conflicts_of(std::slice::from_ref(&of.record))?.iter().any(|other| other.conflict.field == of.field);
        if waits || !get(&record.data, &of.field).agrees(&won) {
            let what = format!("the field has changed since conflict {} was decided; edit the record instead, or acknowledge it", found.id);
            return Err(StoreError::Conflict { what });
        }
        let field = label(catalog.object(&of.object), &of.field);
        let detail = format!("conflict {} about {field}: a person took another value than the latest", found.id);
        entry = carry_out(tx, catalog, viewer, of, value, (&detail, Ruling::Person.reason()), connections, now)?;
    }
    tx.review_conflict(found.id, &viewer.name, now, entry).map(drop)
}
