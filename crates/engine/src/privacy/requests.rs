//! Requests for erasure as people and programs see them, and what people say to them.

use entente_store::{Erasure, ErasureState, StoreError, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::work::{Flag, RowState, RowWork, Sighting, Work};
use crate::alerts::AlertKind;
use crate::alerts::raise::end;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::PAGE;

/// Which requests to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ErasureQuery {
    /// Only those in this state: `working`, `people` (something is left that only a person can do) or `done`.
    #[param(nullable = false)]
    pub state: Option<String>,
    /// Go on where the last page ended: its `next`.
    #[param(nullable = false)]
    pub before: Option<String>,
    /// Requests per page, 1 to 1,000; 50 without it.
    #[param(nullable = false)]
    pub limit: Option<usize>,
}

/// A request, in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErasureItem {
    /// Id.
    pub id: String,
    /// `working`, `people` or `done`.
    pub state: String,
    /// The person's record, if there was one. It is empty.
    pub record: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// By whom.
    pub asked_by: String,
    /// Where it came from: `cli`, `api`, or the name of a connection.
    pub source: String,
    /// Rows at platforms.
    pub rows: usize,
    /// Those that are erased.
    pub erased: usize,
    /// Things that wait for a person.
    pub waiting: usize,
    /// How often the person turned up again.
    pub sightings: usize,
    /// When every system had answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// When the person's values had left the database's files.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scrubbed_at: Option<Timestamp>,
    /// When it is, or was to be, checked again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recheck_at: Option<Timestamp>,
    /// When it was checked again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub rechecked_at: Option<Timestamp>,
}

/// A page of requests, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErasurePage {
    /// The requests.
    pub items: Vec<ErasureItem>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// A request with everything that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErasureDetail {
    /// The request.
    #[serde(flatten)]
    pub erasure: ErasureItem,
    /// Records that were emptied here.
    pub records: Vec<String>,
    /// What each system answered, row by row.
    pub answers: Vec<RowWork>,
    /// Connections that were searched by the person's addresses.
    pub searched: Vec<String>,
    /// What only a person can do.
    pub flags: Vec<Flag>,
    /// Who turned up again, and was not taken in.
    pub seen_again: Vec<Sighting>,
    /// Hashes by which the person is kept from coming back.
    pub blocked: u64,
}

/// What a person says of their part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Number of the flag that is done.
    pub flag: usize,
}

pub(crate) fn number(id: &str) -> Result<i64> {
    id.trim().parse().map_err(|_| EngineError::Invalid {
        field: "id".to_owned(),
        reason: format!("`{id}` is not the id of an erasure"),
        remedy: "take it from `entente privacy list`".to_owned(),
    })
}

pub(crate) fn missing(id: i64) -> EngineError {
    EngineError::Unknown { what: "erasure", name: id.to_string(), remedy: "take its id from `entente privacy list`".to_owned() }
}

fn item(erasure: &Erasure, work: &Work) -> ErasureItem {
    ErasureItem {
        id: erasure.id.to_string(),
        state: erasure.state.to_string(),
        record: erasure.record.as_ref().map(ToString::to_string),
        asked_at: erasure.asked_at,
        asked_by: erasure.asked_by.clone(),
        source: erasure.source.clone(),
        rows: work.rows.len(),
        erased: work.rows.iter().filter(|row| row.state == RowState::Erased).count(),
        waiting: work.waiting(),
        sightings: work.sightings.len(),
        ended_at: erasure.ended_at,
        scrubbed_at: erasure.scrubbed_at,
        recheck_at: work.recheck_at,
        rechecked_at: work.rechecked_at,
    }
}

/// A page of requests.
///
/// # Errors
/// When the state or the place is none, or the store fails.
pub async fn list(engine: &Engine, viewer: &Viewer, query: ErasureQuery) -> Result<ErasurePage> {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let state = text(&query.state).map(|name| name.parse::<ErasureState>()).transpose().map_err(|reason| EngineError::Invalid {
        field: "state".to_owned(),
        reason,
        remedy: "use one of these, or none for all".to_owned(),
    })?;
    let before = text(&query.before).map(|text| number(&text)).transpose()?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, entente_store::PAGE_ROWS_MAX);
    let seer = viewer.clone();
    let found = engine.store().read(move |tx| tx.erasures(&seer, state, limit, before)).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
    let items = found.iter().map(|erasure| Ok(item(erasure, &Work::of(erasure)?))).collect::<Result<_, StoreError>>()?;
    Ok(ErasurePage { items, next })
}

/// A request with everything that was done.
///
/// # Errors
/// When there is none of this id, or the store fails.
pub async fn show(engine: &Engine, viewer: &Viewer, id: &str) -> Result<ErasureDetail> {
    let (id, seer) = (number(id)?, viewer.clone());
    let found = engine.store().read(move |tx| {
        let Some(erasure) = tx.erasure(&seer, id)? else { return Ok(None) };
        Ok(Some((erasure, tx.blocked_by(id)?)))
    });
    let (erasure, blocked) = found.await?.ok_or_else(|| missing(id))?;
    let work = Work::of(&erasure)?;
    Ok(ErasureDetail {
        erasure: item(&erasure, &work),
        records: work.records,
        answers: work.rows,
        searched: work.searched.into_iter().collect(),
        flags: work.flags,
        seen_again: work.sightings,
        blocked,
    })
}

/// Notes that a person has done their part: a row that its system refuses counts as erased by hand then.
///
/// # Errors
/// When there is no such request or flag, or the store fails.
pub async fn confirm(engine: &Engine, viewer: &Viewer, id: &str, said: &Confirmation) -> Result<ErasureDetail> {
    let (id_, flag, by, now) = (number(id)?, said.flag, viewer.name.clone(), engine.now());
    let done = engine.store().write(move |tx| {
        let Some(mut erasure) = tx.erasure_for_update(id_)? else { return Ok(None) };
        let mut work = Work::of(&erasure)?;
        let Some(found) = work.flags.iter_mut().find(|known| known.number == flag) else { return Ok(Some(false)) };
        if found.done_at.is_none() {
            found.done_by = Some(by.clone());
            found.done_at = Some(now);
        }
        if erasure.state == ErasureState::People && work.waiting() == 0 {
            erasure.state = ErasureState::Done;
            end(tx, AlertKind::Erasure, &id_.to_string(), now)?;
        }
        erasure.work = work.document()?;
        tx.put_erasure(&erasure)?;
        Ok(Some(true))
    });
    match done.await? {
        None => Err(missing(id_)),
        Some(false) => Err(EngineError::Unknown {
            what: "flag",
            name: flag.to_string(),
            remedy: format!("take its number from `entente privacy show {id_}`"),
        }),
        Some(true) => show(engine, viewer, id).await,
    }
}

/// Lets in again whoever a request blocks: a person who has become a customer again, of their own will. Answers how many hashes that were.
///
/// # Errors
/// When there is no such request, or the store fails.
pub async fn unblock(engine: &Engine, viewer: &Viewer, id: &str) -> Result<u64> {
    let (id, seer, now) = (number(id)?, viewer.clone(), engine.now());
    let by = viewer.name.clone();
    let gone = engine.store().write(move |tx| {
        if tx.erasure(&seer, id)?.is_none() {
            return Ok(None);
        }
        let body = format!("{by} lets in again whoever has an address or number of the person of erasure {id}.");
        tx.notify(&super::notice(now, format!("Erasure {id} blocks nobody any more"), body))?;
        tx.unblock(id).map(Some)
    });
    gone.await?.ok_or_else(|| missing(id))
}
