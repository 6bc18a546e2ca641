//! Learning how the customers of this store are recognised: once a day the leader learns the weights of every field from the records
//! there are, counts which values many of them share, and goes by both through all records for those that are likely one customer. They
//! are shown to a person: rows that were adopted long ago, and those that share no key.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::id::RecordId;
use entente_model::matching::Profile;
use entente_model::matching::counterpart::{Judgement, Matcher, learn, values};
use entente_model::matching::linkage::TableError;
use entente_model::value::{Value, get};
use entente_store::{LinkState, NewReview, PAGE_ROWS_MAX, Record, RecordState, StoreError, Viewer};

use super::adopt::{DUPLICATE, MATCH, evidence, for_matching};
use super::first_read::over_key;
use super::matchers::{LEARNED, Lesson, OBJECTS};
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Records that weights are learned from at most: more tell nothing new, and take memory.
const RECORDS_MAX: usize = 50_000;

/// Pairs that a person is shown of one day: more would not be looked at.
const SHOWN: usize = 100;

/// One hour, in milliseconds.
const HOUR_MS: i64 = 60 * 60 * 1000;

/// Learns the weights of every object that they are due for, and asks about its likely duplicates. Answers the objects that had enough
/// records to learn from.
///
/// # Errors
/// When the store fails; what was learned before stays in force.
pub async fn due(engine: &Engine, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<Vec<String>> {
    let hours = i64::try_from(engine.options().learn_matching_hours).unwrap_or(i64::MAX);
    let mut done = Vec::new();
    if hours == 0 {
        return Ok(done);
    }
    for object in OBJECTS {
        let (key, now) = (format!("{LEARNED}{object}"), engine.now());
        let name = key.clone();
        let last = engine.store().read(move |tx| tx.setting::<Lesson>(&name)).await?;
        let fresh = last.is_some_and(|last| now.as_millisecond() - last.at.as_millisecond() < hours.saturating_mul(HOUR_MS));
        if fresh || stop() || !is_read(engine, object).await? {
            continue;
        }
        let (ids, records): (Vec<RecordId>, Vec<Vec<String>>) = rows(engine, object, stop).await?.into_iter().unzip();
        if records.is_empty() || stop() {
            continue;
        }
        let count = records.len();
        let (of, threshold) = ((*object).to_owned(), engine.options().auto_link());
        // Seconds of work, which must not hold up what answers webhooks.
        let work = move || {
            let learned = learn(&of, records.iter().map(Vec::as_slice))?;
            let found = Matcher::new(&of, learned.clone(), threshold).duplicates(&records, SHOWN)?;
            Ok::<_, TableError>((learned, found))
        };
        let (learned, found) = tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        if learned.is_some() {
            done.push((*object).to_owned());
        }
        let lesson = Lesson { at: now, records: count, learned };
        engine.store().write(move |tx| tx.put_setting(&key, &lesson)).await?;
        let asked = ask(engine, object, &ids, found).await?;
        tracing::info!(object, records = count, asked, "the weights by which customers are recognised were learned");
    }
    Ok(done)
}

fn failed(error: &dyn std::fmt::Display) -> EngineError {
    EngineError::Store(StoreError::Invalid(format!("how customers are recognised could not be learned: {error}")))
}

/// Asks a person about pairs of records, unless that was asked before. Those that have a counterpart at one connection each are
/// duplicates there; others may be each other's counterparts. Answers how many were asked about.
async fn ask(engine: &Engine, object: &'static str, ids: &[RecordId], found: Vec<(usize, usize, Judgement)>) -> Result<usize> {
    let pairs = found.into_iter().filter_map(|(one, two, judgement)| {
        let (one, two) = (ids.get(one)?.clone(), ids.get(two)?.clone());
        // Ids tell the order in which records were made; the one that came later is asked about.
        Some(if one > two { (one, two, judgement) } else { (two, one, judgement) })
    });
    let pairs: Vec<(RecordId, RecordId, Judgement)> = pairs.collect();
    let now = engine.now();
    let asked = engine.store().write(move |tx| {
        let mut asked = 0;
        for (record, other, judgement) in &pairs {
            let pair = [record.clone(), other.clone()];
            let known = tx.reviews_of(&[record.to_string()])?;
            let before = known.iter().any(|review| review.review.other == other.as_str() || review.review.record == *other);
            let records = tx.records(&Viewer::system(), &pair)?;
            let active = pair.iter().all(|id| records.get(id).is_some_and(|record| record.state == RecordState::Active));
            if before || !active {
                continue;
            }
            let links = tx.links_of(&pair)?;
            let at = |id: &RecordId| -> BTreeSet<&str> {
                let present = links.iter().filter(|link| link.record == *id && link.state == LinkState::Present);
                present.map(|link| link.connection.as_str()).collect()
            };
            let kind = if at(record).is_disjoint(&at(other)) { MATCH } else { DUPLICATE };
            tx.open_review(&NewReview {
                kind: kind.to_owned(),
                record: record.clone(),
                other: other.to_string(),
                object: object.to_owned(),
                score: judgement.probability(),
                evidence: evidence(judgement)?,
                opened_at: now,
            })?;
            asked += 1;
        }
        Ok(asked)
    });
    Ok(asked.await?)
}

/// Whether every connection has shown all rows of an object once: half a store would teach the wrong shares.
async fn is_read(engine: &Engine, object: &str) -> Result<bool> {
    let catalog = engine.catalog();
    let keys = engine.connections().keys().filter_map(|connection| {
        let mapped = catalog.mapped(connection, object)?;
        Some(over_key(connection, &mapped.mapping().remote))
    });
    let keys: Vec<String> = keys.collect();
    let over = engine.store().read(move |tx| {
        let mut over = !keys.is_empty();
        for key in &keys {
            over &= tx.setting::<serde_json::Value>(key)?.is_some();
        }
        Ok(over)
    });
    Ok(over.await?)
}

/// An object's records with the values that are compared.
async fn rows(engine: &Engine, object: &'static str, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<Vec<(RecordId, Vec<String>)>> {
    let mut companies: BTreeMap<RecordId, String> = BTreeMap::new();
    if object != "account" {
        each(engine, "account", stop, |record| {
            companies.insert(record.id.clone(), get(&record.data, "name").display());
        })
        .await?;
    }
    let mut rows = Vec::new();
    each(engine, object, stop, |record| {
        let fields = for_matching(object, &record.data);
        let company = if let Value::Ref(account) = get(&fields, "account") { companies.get(account) } else { None };
        rows.push((record.id.clone(), values(object, &Profile { fields: &fields, company: company.map(String::as_str) }, None)));
    })
    .await?;
    Ok(rows)
}

async fn each(
    engine: &Engine,
    object: &'static str,
    stop: &(dyn Fn() -> bool + Send + Sync),
    mut visit: impl FnMut(&Record) + Send,
) -> Result<()> {
    let (mut after, mut seen): (Option<RecordId>, usize) = (None, 0);
    while seen < RECORDS_MAX && !stop() {
        let from = after.clone();
        let page = engine.store().read(move |tx| tx.records_after(&Viewer::system(), object, from.as_ref(), PAGE_ROWS_MAX)).await?;
        page.iter().for_each(&mut visit);
        seen += page.len();
        match page.last() {
            Some(last) if page.len() == PAGE_ROWS_MAX => after = Some(last.id.clone()),
            _ => break,
        }
    }
    Ok(())
}
