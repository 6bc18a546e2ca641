//! What people ask a platform to do with a record beside writing it: approvals and flows. Each is an entry of the record's history, and the
//! row is looked at right away, because a decision locks it, unlocks it or changes it.

use std::collections::BTreeSet;

use entente_connect::action::{Action, CurrencyRate, Offer, Target, Waiting};
use entente_model::actor::Actor;
use entente_model::id::RecordId;
use entente_model::mapping::Role;
use entente_store::{Link, NewEntry, NewHint, Record, Viewer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::task::LANE_URGENT;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// The record; flows may do without.
    pub record: Option<RecordId>,
    /// The connection; without it the CRM that the record is at.
    pub connection: Option<String>,
    /// What to do.
    pub action: Action,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Acted {
    /// The connection.
    pub connection: String,
    /// How it stands now, in the platform's word.
    pub status: String,
    /// Ids of the platform's users that it waits for.
    pub waits_for: Vec<String>,
    /// What a flow gave back.
    pub outputs: serde_json::Map<String, serde_json::Value>,
}

/// What a connection offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Offered {
    /// The connection.
    pub connection: String,
    /// `approval` or `flow`.
    pub kind: &'static str,
    /// The platform's object whose rows it is for; none where any will do.
    pub object: Option<String>,
    /// Name to ask for it by.
    pub name: String,
    /// Name that people read.
    pub label: String,
}

/// Has a platform do something, and notes it.
///
/// # Errors
/// When the record has no counterpart there, the platform has nothing of this kind, or it refuses.
pub async fn act(engine: &Engine, viewer: &Viewer, wish: &Wish) -> Result<Acted> {
    let about = match &wish.record {
        Some(id) => Some(counterpart(engine, viewer, id, wish.connection.as_deref()).await?),
        None => None,
    };
    let connection = match (&about, &wish.connection) {
        (Some((_, link)), _) => link.connection.clone(),
        (None, Some(name)) => name.clone(),
        (None, None) => only_crm(engine)?,
    };
    let target = about.as_ref().map(|(_, link)| target(link));
    let connector = &engine.connection(&connection)?.connector;
    let done = connector.act(target.as_ref(), &wish.action).await.map_err(|error| EngineError::vendor(&connection, error))?;
    if let Some((record, _)) = about {
        note(engine, viewer, &record, &connection, &detail(&wish.action, &done.status)).await?;
    }
    Ok(Acted { connection, status: done.status, waits_for: done.waits_for, outputs: done.outputs })
}

/// The approvals of a record that wait for somebody, with the connection that they wait at.
///
/// # Errors
/// As for [`act`].
pub async fn waiting(engine: &Engine, viewer: &Viewer, record: &RecordId, connection: Option<&str>) -> Result<(String, Vec<Waiting>)> {
    let (_, link) = counterpart(engine, viewer, record, connection).await?;
    let connector = &engine.connection(&link.connection)?.connector;
    let found = connector.waiting(&target(&link)).await.map_err(|error| EngineError::vendor(&link.connection, error))?;
    Ok((link.connection, found))
}

/// What can be asked for, at one connection or at every CRM that offers something.
///
/// # Errors
/// When a connection that was named offers nothing or cannot be asked.
pub async fn offers(engine: &Engine, connection: Option<&str>) -> Result<Vec<Offered>> {
    let mut offered = Vec::new();
    for (name, known) in engine.connections() {
        if connection.map_or(known.role != Role::Crm, |wanted| wanted != name) {
            continue;
        }
        match known.connector.offers().await {
            Ok(offers) => offered.extend(offers.into_iter().map(|offer| of(name, offer))),
            Err(error) if connection.is_none() && error.code == "no_actions" => {}
            Err(error) => return Err(EngineError::vendor(name, error)),
        }
    }
    if let Some(name) = connection {
        engine.connection(name)?;
    }
    Ok(offered)
}

/// The currencies of a connection's account with their rates.
///
/// # Errors
/// When there is no such connection, or it tells none.
pub async fn rates(engine: &Engine, connection: Option<&str>) -> Result<(String, Vec<CurrencyRate>)> {
    let name = match connection {
        Some(name) => name.to_owned(),
        None => only_crm(engine)?,
    };
    let rates = engine.connection(&name)?.connector.rates().await.map_err(|error| EngineError::vendor(&name, error))?;
    Ok((name, rates))
}

fn of(connection: &str, offer: Offer) -> Offered {
    Offered { connection: connection.to_owned(), kind: offer.kind, object: offer.object, name: offer.name, label: offer.label }
}

fn target(link: &Link) -> Target {
    Target { object: link.remote_object.clone(), id: link.external_id.clone() }
}

fn only_crm(engine: &Engine) -> Result<String> {
    let crms: Vec<&String> = engine.connections().iter().filter(|(_, known)| known.role == Role::Crm).map(|(name, _)| name).collect();
    match crms.as_slice() {
        [only] => Ok((*only).clone()),
        _ => Err(EngineError::Invalid {
            field: "connection".to_owned(),
            reason: format!("there are {} CRMs", crms.len()),
            remedy: "name the connection".to_owned(),
        }),
    }
}

/// The record and its counterpart at a connection, or at the CRM.
async fn counterpart(engine: &Engine, viewer: &Viewer, id: &RecordId, connection: Option<&str>) -> Result<(Record, Link)> {
    let (wanted, seen_by) = (id.clone(), viewer.clone());
    let (record, links) =
        engine.store().read(move |tx| Ok((tx.record(&seen_by, &wanted)?, tx.links_of(std::slice::from_ref(&wanted))?))).await?;
    let unknown = |what, remedy: &str| EngineError::Unknown { what, name: id.to_string(), remedy: remedy.to_owned() };
    let record = record.ok_or_else(|| unknown("record", "check the id, or search for the record"))?;
    if let Some(name) = connection {
        engine.connection(name)?;
    }
    let is_crm = |link: &Link| engine.connection(&link.connection).is_ok_and(|known| known.role == Role::Crm);
    let mut there: Vec<Link> =
        links.into_iter().filter(|link| connection.map_or_else(|| is_crm(link), |name| link.connection == name)).collect();
    match there.len() {
        1 => Ok((record, there.remove(0))),
        0 => Err(unknown("counterpart of", "the record has no row there: name another connection, or wait until it has")),
        many => Err(EngineError::Invalid {
            field: "connection".to_owned(),
            reason: format!("the record has rows at {many} CRMs"),
            remedy: "name the connection".to_owned(),
        }),
    }
}

/// What is kept of it: no comment and no value, since they may tell of people.
fn detail(action: &Action, status: &str) -> String {
    let what = match action {
        Action::Submit { process: Some(process), .. } => format!("submitted for approval `{process}`"),
        Action::Submit { process: None, .. } => "submitted for approval".to_owned(),
        Action::Approve { .. } => "approved".to_owned(),
        Action::Reject { .. } => "rejected".to_owned(),
        Action::Recall { .. } => "taken out of approval".to_owned(),
        Action::Run { flow, .. } => format!("flow `{flow}` run"),
    };
    if status.is_empty() { what } else { format!("{what}: {status}") }
}

async fn note(engine: &Engine, viewer: &Viewer, record: &Record, connection: &str, detail: &str) -> Result<()> {
    let now = engine.now();
    let entry = NewEntry {
        record: record.id.clone(),
        object: record.object.clone(),
        subject: record.subject.clone(),
        at: now,
        actor: Actor::Sales,
        actor_name: viewer.name.clone(),
        cause: "user".to_owned(),
        detail: detail.to_owned(),
        connection: Some(connection.to_owned()),
        changes: Default::default(),
    };
    let hint = NewHint {
        subject: record.id.to_string(),
        object: record.object.clone(),
        lane: LANE_URGENT,
        due_at: now,
        cause: "user".to_owned(),
        fetch: BTreeSet::from([connection.to_owned()]),
        origin_at: None,
        is_news: true,
        at: now,
    };
    engine
        .store()
        .write(move |tx| {
            tx.append(std::slice::from_ref(&entry))?;
            tx.hint(std::slice::from_ref(&hint))
        })
        .await?;
    Ok(())
}
