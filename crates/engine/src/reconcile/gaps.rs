//! Gaps: records without a counterpart at a connection that should have them, and counterparts that are gone while their record lives.
//! Told from the store alone, after a complete read.

use std::collections::BTreeSet;
use std::sync::Arc;

use entente_model::id::RecordId;
use entente_model::value::Fields;
use entente_store::{EndedLink, PAGE_ROWS_MAX, ReviewState, StoreError, Tx};

use super::cause::Cause;
use super::classify::Finding;
use super::compare::Grounds;
use super::place::{Place, mapped_there};
use crate::catalog::Mapped;
use crate::engine::Engine;
use crate::error::Result;

/// Every gap of an object at a connection.
pub(crate) async fn gaps(engine: &Engine, grounds: &Arc<Grounds>, place: &Arc<Place>) -> Result<Vec<Finding>> {
    let mut findings = missing(engine, grounds, place).await?;
    findings.extend(ended(engine, place).await?);
    Ok(findings)
}

async fn missing(engine: &Engine, grounds: &Arc<Grounds>, place: &Arc<Place>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let objects: Vec<String> = mapped_there(&grounds.catalog, &place.connection, &place.object)
        .filter(|object| place.scope.wants(object))
        .map(str::to_owned)
        .collect();
    for object in objects {
        let mut after: Option<RecordId> = None;
        loop {
            let (grounds, place, object, last) = (Arc::clone(grounds), Arc::clone(place), object.clone(), after.clone());
            let (found, next) = engine
                .store()
                .read(move |tx| {
                    let records = tx.records_without_link(&object, &place.connection, last.as_ref(), PAGE_ROWS_MAX)?;
                    let next = records.last().map(|(id, _)| id.clone()).filter(|_| records.len() == PAGE_ROWS_MAX);
                    Ok((without_counterpart(tx, &grounds, &place, &object, &records)?, next))
                })
                .await?;
            findings.extend(found);
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(findings)
}

/// Of records without a link, those that should have one, with the cause.
pub(crate) fn without_counterpart(
    tx: &mut Tx<'_>,
    grounds: &Grounds,
    place: &Place,
    object: &str,
    records: &[(RecordId, Fields)],
) -> Result<Vec<Finding>, StoreError> {
    let Some(mapped) = grounds.catalog.mapped(&place.connection, object) else { return Ok(Vec::new()) };
    let wanted: Vec<&(RecordId, Fields)> = records.iter().filter(|(_, data)| mapped.lens.creates(data, grounds.now)).collect();
    let names: Vec<String> = wanted.iter().map(|(id, _)| id.to_string()).collect();
    let waiting = tx.reviews_of(&names)?.into_iter().filter(|review| review.state == ReviewState::Waiting);
    let reviewed: BTreeSet<String> = waiting.flat_map(|review| [review.review.record.to_string(), review.review.other]).collect();
    let moving = tx.hinted(&names)?;
    let waits: BTreeSet<String> = tx
        .waits(PAGE_ROWS_MAX)?
        .into_iter()
        .filter(|(_, _, connection, _)| *connection == place.connection)
        .map(|(record, ..)| record.to_string())
        .collect();
    let findings = wanted.into_iter().zip(&names).map(|((id, data), name)| {
        let cause = if moving.contains(name) {
            Cause::InProgress
        } else if reviewed.contains(name) {
            Cause::Review
        } else if grounds.dead.contains_key(name) {
            Cause::Refused
        } else if !lacking(mapped, data).is_empty() {
            Cause::LacksRequired
        } else if waits.contains(name) {
            Cause::Waits
        } else {
            Cause::NoCounterpart
        };
        let detail = match cause {
            Cause::LacksRequired => Some(format!("it needs {}", lacking(mapped, data).join(", "))),
            Cause::Refused => grounds.dead.get(name).cloned(),
            _ => None,
        };
        Finding {
            connection: place.connection.clone(),
            remote_object: place.object.clone(),
            external_id: None,
            record: Some(id.clone()),
            object: object.to_owned(),
            field: None,
            owner: None,
            cause,
            since: None,
            detail,
        }
    });
    Ok(findings.collect())
}

fn lacking(mapped: &Mapped, data: &Fields) -> Vec<String> {
    mapped.lens.missing_required(data)
}

async fn ended(engine: &Engine, place: &Arc<Place>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut after = String::new();
    loop {
        let (of, from) = (Arc::clone(place), after.clone());
        let links: Vec<EndedLink> = engine.store().read(move |tx| tx.ended_links(&of.connection, &of.object, &from, PAGE_ROWS_MAX)).await?;
        let Some(last) = links.last() else { return Ok(findings) };
        after.clone_from(&last.external_id);
        findings.extend(links.into_iter().filter(|link| place.scope.wants(&link.object)).map(|link| Finding {
            connection: place.connection.clone(),
            remote_object: place.object.clone(),
            external_id: Some(link.external_id),
            record: Some(link.record),
            object: link.object,
            field: None,
            owner: None,
            cause: if link.lives_elsewhere { Cause::Orphan } else { Cause::OrphanHere },
            since: link.seen_at,
            detail: None,
        }));
    }
}
