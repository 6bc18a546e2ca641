//! Holds: unusual mass changes that wait for a person, who sees them and lets them go or puts them back.

mod drop;

use std::collections::BTreeSet;

use entente_model::id::RecordId;
use entente_store::{HoldState, NewHint, StoreError, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Display, PAGE, label, titles};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::guard::{Held, words};
use crate::sync::task::LANE_UPDATE;

/// Records of one transaction.
const BATCH: usize = 100;

/// Which holds to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HoldQuery {
    /// `open`, `released` or `dropped`; open ones without it.
    #[param(nullable = false)]
    pub state: Option<String>,
    /// Go on where the last page ended: its `next`.
    #[param(nullable = false)]
    pub before: Option<String>,
    /// Holds per page, 1 to 1,000; 50 without it.
    #[param(nullable = false)]
    pub limit: Option<usize>,
}

/// Which records of a hold to show.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HeldQuery {
    /// Go on where the last page ended: its `next`.
    #[param(nullable = false)]
    pub after: Option<String>,
    /// Records per page, 1 to 1,000; 50 without it.
    #[param(nullable = false)]
    pub limit: Option<usize>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hold {
    /// Hold id.
    pub id: String,
    /// The connection that would be written to.
    pub connection: String,
    /// Object.
    pub object: String,
    /// `delete`, `blank`, `owner` or `overwrite`.
    pub kind: String,
    /// The same in words: `would lose values`.
    pub what: String,
    /// `open`, `released` or `dropped`.
    pub state: String,
    /// Records that wait with it.
    pub records: u64,
    /// Changes within the window when it was opened.
    pub many: u64,
    /// How many of them would have passed.
    pub allowed: u64,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When a person decided.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
    /// Who decided.
    pub closed_by: Option<String>,
}

/// A page of holds, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldPage {
    /// The holds.
    pub items: Vec<Hold>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// A field of a held record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldChange {
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// The value agreed so far, as people read it; none for no value.
    pub before: Option<String>,
    /// The value that would be written.
    pub after: Option<String>,
}

/// A record that waits with a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldRecord {
    /// Record id.
    pub record: String,
    /// What people call the record.
    pub title: String,
    /// Since when it waits.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// What would be written; nothing for a deletion.
    pub changes: Vec<HeldChange>,
    /// For a deletion: the connections at which the row is gone.
    pub gone: Vec<String>,
}

/// A hold with a page of what is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldDetail {
    /// The hold.
    #[serde(flatten)]
    pub hold: Hold,
    /// Records that wait with it.
    pub held: Vec<HeldRecord>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// A record whose change could not be put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotDropped {
    /// Record id.
    pub record: String,
    /// Why not, and what to do.
    pub reason: String,
}

/// What a decision about a hold came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldDecision {
    /// The hold as it is now. Open, when some of it could not be dropped.
    pub hold: Hold,
    /// Records that go on.
    pub records: u64,
    /// The first records that still wait, with the reason.
    pub kept: Vec<NotDropped>,
}

fn parse_number(id: &str) -> Result<i64> {
    id.parse().map_err(|_| EngineError::Invalid {
        field: "id".to_owned(),
        reason: format!("`{id}` is not the id of a hold"),
        remedy: "take it from the list of holds".to_owned(),
    })
}

fn unknown(id: impl ToString) -> EngineError {
    EngineError::Unknown { what: "hold", name: id.to_string(), remedy: "take its id from the list of holds".to_owned() }
}

fn shown(found: entente_store::Hold) -> Hold {
    Hold {
        id: found.id.to_string(),
        what: words(&found.key.kind).to_owned(),
        connection: found.key.connection,
        object: found.key.object,
        kind: found.key.kind,
        state: found.state.to_string(),
        records: found.records,
        many: found.many,
        allowed: found.allowed,
        since: found.opened_at,
        closed_at: found.closed_at,
        closed_by: found.closed_by,
    }
}

/// What was kept of a held record.
fn held(preview: &serde_json::Value) -> entente_store::Result<Held> {
    serde_json::from_value(preview.clone()).map_err(|error| StoreError::Invalid(format!("a held record: {error}")))
}

/// A page of holds.
///
/// # Errors
/// When the state is none, or the store fails.
pub async fn list(engine: &Engine, viewer: &Viewer, query: HoldQuery) -> Result<HoldPage> {
    let state = match query.state.as_deref().filter(|state| !state.is_empty()) {
        None => HoldState::Open,
        Some(text) => text.parse().map_err(|reason| EngineError::Invalid {
            field: "state".to_owned(),
            reason,
            remedy: "use open, released or dropped".to_owned(),
        })?,
    };
    let before = query.before.as_deref().filter(|before| !before.is_empty()).map(parse_number).transpose()?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, entente_store::PAGE_ROWS_MAX);
    let seer = viewer.clone();
    let found = engine.store().read(move |tx| tx.holds(&seer, state, limit, before)).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
    Ok(HoldPage { items: found.into_iter().map(shown).collect(), next })
}

/// A hold with a page of what is held.
///
/// # Errors
/// When there is none, or the store fails.
pub async fn show(engine: &Engine, viewer: &Viewer, id: &str, query: HeldQuery) -> Result<HoldDetail> {
    let number = parse_number(id)?;
    let after = query.after.as_deref().filter(|after| !after.is_empty()).map(super::parse_id).transpose()?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, entente_store::PAGE_ROWS_MAX);
    let (seer, catalog) = (viewer.clone(), engine.catalog());
    let detail = engine.store().read(move |tx| {
        let Some(found) = tx.hold_of(&seer, number)? else { return Ok(None) };
        let rows = tx.held_by(number, after.as_ref(), limit)?;
        let ids: Vec<RecordId> = rows.iter().map(|row| row.record.clone()).collect();
        let titles = titles(&catalog, &tx.records(&seer, &ids)?);
        let mut kept = Vec::with_capacity(rows.len());
        for row in &rows {
            kept.push(held(&row.preview)?);
        }
        let display =
            Display::of(tx, &seer, &catalog, kept.iter().flat_map(|held| &held.fields).flat_map(|field| [&field.before, &field.after]))?;
        let object = catalog.object(&found.key.object);
        let next = rows.last().filter(|_| rows.len() == limit).map(|last| last.record.to_string());
        // A record that the viewer may not see has no title here, and is not shown.
        let seen = rows.into_iter().zip(kept).filter_map(|(row, held)| {
            let changes = held.fields.into_iter().map(|field| HeldChange {
                label: label(object, &field.field),
                before: display.show(&field.before),
                after: display.show(&field.after),
                field: field.field,
            });
            let title = titles.get(&row.record)?.clone();
            Some(HeldRecord { record: row.record.to_string(), title, since: row.since, changes: changes.collect(), gone: held.gone })
        });
        Ok(Some(HoldDetail { held: seen.collect(), hold: shown(found), next }))
    });
    detail.await?.ok_or_else(|| unknown(id))
}

/// Lets a hold go: its records converge as if nothing had held them, and so does what follows of its kind within the window. Asked for again,
/// it goes on where it broke off.
///
/// # Errors
/// When there is no such hold, it was dropped, or the store fails.
pub async fn release(engine: &Engine, viewer: &Viewer, id: &str) -> Result<HoldDecision> {
    let (number, seer, now) = (parse_number(id)?, viewer.clone(), engine.now());
    let found = engine.store().write(move |tx| {
        tx.close_hold(number, HoldState::Released, &seer.name, now)?;
        tx.hold_of(&seer, number)
    });
    let found = found.await?.ok_or_else(|| unknown(id))?;
    if found.state != HoldState::Released {
        return Err(StoreError::Conflict { what: format!("hold {id} was dropped already") }.into());
    }
    let connections: BTreeSet<String> = engine.connections().keys().cloned().collect();
    let (mut after, mut records): (Option<RecordId>, u64) = (None, 0);
    loop {
        let (from, object, fetch) = (after.clone(), found.key.object.clone(), connections.clone());
        let woken = engine.store().write(move |tx| {
            let rows = tx.held_by(number, from.as_ref(), BATCH)?;
            tx.hint(&rows.iter().map(|row| again(&row.record, &object, &fetch, now)).collect::<Vec<_>>())?;
            Ok(rows.into_iter().map(|row| row.record).collect::<Vec<_>>())
        });
        let woken = woken.await?;
        records += woken.len() as u64;
        after = woken.last().cloned().or(after);
        if woken.len() < BATCH {
            return Ok(HoldDecision { hold: shown(found), records, kept: Vec::new() });
        }
    }
}

/// Decides against a hold: what was changed where it came from is put back there, and the values that go are in the ledger. What cannot be put
/// back still waits, and the hold stays open for it.
///
/// # Errors
/// When there is no such hold, it is closed already, or the store fails.
pub async fn drop(engine: &Engine, viewer: &Viewer, id: &str) -> Result<HoldDecision> {
    let (number, seer) = (parse_number(id)?, viewer.clone());
    let found = engine.store().read(move |tx| tx.hold_of(&seer, number)).await?.ok_or_else(|| unknown(id))?;
    if found.state != HoldState::Open {
        return Err(StoreError::Conflict { what: format!("hold {id} is closed already") }.into());
    }
    let (records, kept) = drop::put_back(engine, viewer, &found).await?;
    let (seer, now, all) = (viewer.clone(), engine.now(), kept.is_empty());
    let found = engine.store().write(move |tx| {
        // What joined meanwhile was not decided about: the hold stays open for it.
        if all && tx.held_by(number, None, 1)?.is_empty() {
            tx.close_hold(number, HoldState::Dropped, &seer.name, now)?;
        }
        tx.hold_of(&seer, number)
    });
    Ok(HoldDecision { hold: shown(found.await?.ok_or_else(|| unknown(id))?), records, kept })
}

fn again(record: &RecordId, object: &str, fetch: &BTreeSet<String>, now: Timestamp) -> NewHint {
    NewHint {
        subject: record.to_string(),
        object: object.to_owned(),
        lane: LANE_UPDATE,
        due_at: now,
        cause: "user".to_owned(),
        fetch: fetch.clone(),
        origin_at: None,
        is_news: true,
        at: now,
    }
}
