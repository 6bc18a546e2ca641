//! Dead letters: records whose converge failed for good, kept until a person retries or discards them, or corrects the record first.

mod edit;

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::error::Class;
use entente_store::{DeadLetterFilter, DeadLetterState, LANE_URGENT, NewHint, StoreError, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{PAGE, titles};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::words;

/// Classes of errors that end in a dead letter. A spent quota never does: it is waited for.
const CLASSES: [Class; 5] = [Class::Data, Class::Configuration, Class::Reauthenticate, Class::Retry, Class::LookAgain];

/// Which dead letters to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeadLetterQuery {
    /// `open`, `retried` or `discarded`; open ones without it.
    #[param(nullable = false)]
    pub state: Option<String>,
    /// Only those of this connection.
    #[param(nullable = false)]
    pub connection: Option<String>,
    /// Only those of this class of error: `data`, `configuration`, `reauthenticate`, `retry` or `look_again`.
    #[param(nullable = false)]
    pub class: Option<String>,
    /// Go on where the last page ended: its `next`.
    #[param(nullable = false)]
    pub before: Option<String>,
    /// Dead letters per page, 1 to 1,000; 50 without it.
    #[param(nullable = false)]
    pub limit: Option<usize>,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetter {
    /// Dead letter id.
    pub id: String,
    /// Record id, or connection/object/external id of a row that has no record yet.
    pub record: String,
    /// Object.
    pub object: String,
    /// What people call the record.
    pub title: String,
    /// `open`, `retried` or `discarded`.
    pub state: String,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The connection that refused.
    pub connection: Option<String>,
    /// Class of the error: what is to be done about it.
    pub class: String,
    /// What went wrong.
    pub error: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// Attempts made.
    pub attempts: u64,
    /// Why it was closed.
    pub reason: Option<String>,
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetterAttempt {
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Why it failed.
    pub error: String,
}

/// A dead letter with everything that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetterDetail {
    /// The dead letter.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// The vendor's code, or ours.
    pub code: String,
    /// The vendor's answer.
    pub answer: String,
    /// When it was first tried.
    #[schema(value_type = String, format = DateTime)]
    pub first_at: Timestamp,
    /// Every attempt.
    pub tries: Vec<DeadLetterAttempt>,
}

/// A page of dead letters, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetterPage {
    /// The dead letters.
    pub items: Vec<DeadLetter>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// Why a dead letter is put away.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Discard {
    /// The reason, for whoever asks later.
    pub reason: String,
}

fn parse_number(id: &str) -> Result<i64> {
    id.parse().map_err(|_| EngineError::Invalid {
        field: "id".to_owned(),
        reason: format!("`{id}` is not the id of a dead letter"),
        remedy: "take it from the list of dead letters".to_owned(),
    })
}

fn unknown(id: &str) -> EngineError {
    EngineError::Unknown { what: "dead letter", name: id.to_owned(), remedy: "take its id from the list of dead letters".to_owned() }
}

/// Refuses a class that is none, and a connection that is not there and of which nothing is kept either.
async fn check(engine: &Engine, connection: Option<&str>, class: Option<&str>) -> Result<()> {
    if let Some(class) = class {
        words::one_of("class", "class of error", class, CLASSES.map(Class::name))?;
    }
    let Some(name) = connection else { return Ok(()) };
    let Err(unknown) = engine.connection(name) else { return Ok(()) };
    let filter = DeadLetterFilter { connection: Some(name.to_owned()), ..DeadLetterFilter::default() };
    let kept = engine.store().read(move |tx| tx.dead_letters(&Viewer::system(), &filter, 1)).await?;
    if kept.is_empty() { Err(unknown) } else { Ok(()) }
}

/// A page of dead letters.
///
/// # Errors
/// When the state, the class or the connection is none, or the store fails.
pub async fn list(engine: &Engine, viewer: &Viewer, query: DeadLetterQuery) -> Result<DeadLetterPage> {
    let state = match query.state.as_deref().filter(|state| !state.is_empty()) {
        None => DeadLetterState::Open,
        Some(text) => text.parse().map_err(|reason| EngineError::Invalid {
            field: "state".to_owned(),
            reason,
            remedy: "use open, retried or discarded".to_owned(),
        })?,
    };
    let before = query.before.as_deref().filter(|before| !before.is_empty()).map(parse_number).transpose()?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, entente_store::PAGE_ROWS_MAX);
    let connection = query.connection.filter(|name| !name.is_empty());
    let error_class = query.class.filter(|class| !class.is_empty());
    check(engine, connection.as_deref(), error_class.as_deref()).await?;
    let filter = DeadLetterFilter { state: Some(state), connection, error_class, before, ..DeadLetterFilter::default() };
    let seer = viewer.clone();
    let found = engine.store().read(move |tx| tx.dead_letters(&seer, &filter, limit)).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
    Ok(DeadLetterPage { items: shown(engine, viewer, found).await?, next })
}

/// One dead letter with every attempt.
///
/// # Errors
/// When there is none, or the store fails.
pub async fn show(engine: &Engine, viewer: &Viewer, id: &str) -> Result<DeadLetterDetail> {
    let number = parse_number(id)?;
    let seer = viewer.clone();
    let found = engine.store().read(move |tx| tx.dead_letter(&seer, number)).await?.ok_or_else(|| unknown(id))?;
    let kept = found.letter.clone();
    let letter = shown(engine, viewer, vec![found]).await?.pop().ok_or_else(|| unknown(id))?;
    Ok(DeadLetterDetail {
        letter,
        code: kept.error_code,
        answer: kept.vendor_answer,
        first_at: kept.first_at,
        tries: kept.attempts.into_iter().map(|attempt| DeadLetterAttempt { at: Some(attempt.at), error: attempt.error }).collect(),
    })
}

/// Looks at the record again, with all attempts anew.
///
/// # Errors
/// When there is no such dead letter, it is closed already, or the store fails.
pub async fn retry(engine: &Engine, viewer: &Viewer, id: &str) -> Result<DeadLetter> {
    let number = parse_number(id)?;
    let reason = format!("retried by {}", viewer.name);
    match close(engine, viewer, vec![number], DeadLetterState::Retried, reason).await?.pop() {
        Some(letter) => Ok(letter),
        None => Err(closed_or_unknown(engine, viewer, number).await),
    }
}

/// Which dead letters to retry together; with nothing given, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryMany {
    /// Only those of this class of error.
    pub class: Option<String>,
    /// Only those of this connection.
    pub connection: Option<String>,
}

/// Looks at every record again that has such an open dead letter. Answers how many.
///
/// # Errors
/// When the class or the connection is none, or the store fails.
pub async fn retry_many(engine: &Engine, viewer: &Viewer, which: &RetryMany) -> Result<u64> {
    check(engine, which.connection.as_deref(), which.class.as_deref()).await?;
    let mut filter = DeadLetterFilter {
        state: Some(DeadLetterState::Open),
        connection: which.connection.clone(),
        error_class: which.class.clone(),
        ..DeadLetterFilter::default()
    };
    let mut many = 0;
    loop {
        let (seer, wanted) = (viewer.clone(), filter.clone());
        let open = engine.store().read(move |tx| tx.dead_letters(&seer, &wanted, entente_store::PAGE_ROWS_MAX)).await?;
        let Some(last) = open.last().map(|letter| letter.id) else { return Ok(many) };
        // Those that fail again meanwhile get new numbers: they are not retried for ever.
        filter.before = Some(last);
        let ids = open.iter().map(|letter| letter.id).collect();
        many += close(engine, viewer, ids, DeadLetterState::Retried, format!("retried by {}", viewer.name)).await?.len() as u64;
    }
}

/// New values of the record, which are tried at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterEdit {
    /// Values by field: a text as people write it, or the typed form (`{"text": "Ada"}`); null clears the field.
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// Corrects the record of a dead letter by an edit of the viewer, and looks at it again, with all attempts anew.
///
/// # Errors
/// When there is no such dead letter, it is closed already, no record stands for it yet, or a value cannot be given.
pub async fn edit(engine: &Engine, viewer: &Viewer, id: &str, edit: DeadLetterEdit) -> Result<DeadLetter> {
    let number = parse_number(id)?;
    let seer = viewer.clone();
    let found = engine.store().read(move |tx| tx.dead_letter(&seer, number)).await?.ok_or_else(|| unknown(id))?;
    let closed_now = edit::edit(engine, viewer, found, &edit).await?.ok_or_else(|| closed(id))?;
    shown(engine, viewer, vec![closed_now]).await?.pop().ok_or_else(|| unknown(id))
}

/// Puts a dead letter away. The record is looked at again when it next changes.
///
/// # Errors
/// When no reason is given, there is no such dead letter, it is closed already, or the store fails.
pub async fn discard(engine: &Engine, viewer: &Viewer, id: &str, discard: Discard) -> Result<DeadLetter> {
    let number = parse_number(id)?;
    let reason = match discard.reason.trim() {
        "" => {
            return Err(EngineError::Invalid {
                field: "reason".to_owned(),
                reason: "a reason is needed: whoever sees the dead letter later wants to know".to_owned(),
                remedy: "say why in a few words".to_owned(),
            });
        }
        reason => format!("{}: {reason}", viewer.name),
    };
    match close(engine, viewer, vec![number], DeadLetterState::Discarded, reason).await?.pop() {
        Some(letter) => Ok(letter),
        None => Err(closed_or_unknown(engine, viewer, number).await),
    }
}

fn closed(id: &str) -> EngineError {
    StoreError::Conflict { what: format!("dead letter {id} is not open any more") }.into()
}

/// Why there is nothing to close.
async fn closed_or_unknown(engine: &Engine, viewer: &Viewer, number: i64) -> EngineError {
    let seer = viewer.clone();
    match engine.store().read(move |tx| tx.dead_letter(&seer, number)).await {
        Ok(Some(_)) => closed(&number.to_string()),
        Ok(None) => unknown(&number.to_string()),
        Err(error) => error.into(),
    }
}

async fn close(engine: &Engine, viewer: &Viewer, ids: Vec<i64>, state: DeadLetterState, reason: String) -> Result<Vec<DeadLetter>> {
    let now = engine.now();
    let connections: BTreeSet<String> = engine.connections().keys().cloned().collect();
    let closed = engine
        .store()
        .write(move |tx| {
            let closed = tx.close_dead_letters(&ids, state, &reason, now)?;
            if state == DeadLetterState::Retried {
                tx.hint(&closed.iter().map(|letter| again(letter, &connections, now)).collect::<Vec<_>>())?;
            }
            Ok(closed)
        })
        .await?;
    shown(engine, viewer, closed).await
}

/// The hint that tries the record of a dead letter again, with every side read anew.
fn again(letter: &entente_store::DeadLetter, connections: &BTreeSet<String>, now: Timestamp) -> NewHint {
    NewHint {
        subject: letter.letter.subject.clone(),
        object: letter.letter.object.clone(),
        lane: LANE_URGENT,
        due_at: now,
        cause: "user".to_owned(),
        fetch: connections.clone(),
        origin_at: None,
        is_news: true,
        at: now,
    }
}

async fn shown(engine: &Engine, viewer: &Viewer, found: Vec<entente_store::DeadLetter>) -> Result<Vec<DeadLetter>> {
    let (seer, catalog) = (viewer.clone(), engine.catalog());
    let ids: Vec<_> = found.iter().filter_map(|letter| letter.letter.record.clone()).collect();
    let titles = engine.store().read(move |tx| Ok(titles(&catalog, &tx.records(&seer, &ids)?))).await?;
    let letters = found.into_iter().map(|found| {
        let kept = found.letter;
        DeadLetter {
            id: found.id.to_string(),
            title: kept.record.as_ref().and_then(|id| titles.get(id).cloned()).unwrap_or_else(|| kept.subject.clone()),
            record: kept.record.map_or(kept.subject, |id| id.to_string()),
            object: kept.object,
            state: found.state.to_string(),
            at: kept.died_at,
            connection: kept.connection,
            class: kept.error_class,
            error: format!("{}: {}", kept.error_code, kept.message),
            advice: Some(kept.advice).filter(|advice| !advice.is_empty()),
            attempts: kept.attempts.len() as u64,
            reason: found.reason,
        }
    });
    Ok(letters.collect())
}
