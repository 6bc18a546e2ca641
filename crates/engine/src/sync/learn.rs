//! Learning how the customers of this store are recognised: once a day the leader learns the weights of every field from the records
//! there are, and counts which values many of them share.

use std::collections::BTreeMap;

use entente_model::id::RecordId;
use entente_model::matching::Profile;
use entente_model::matching::counterpart::{LEARN_FROM, learn, values};
use entente_model::value::{Value, get};
use entente_store::{PAGE_ROWS_MAX, Record, Viewer};

use super::adopt::for_matching;
use super::first_read::over_key;
use super::matchers::{LEARNED, Lesson, OBJECTS};
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Records that weights are learned from at most: more tell nothing new, and take memory.
const RECORDS_MAX: usize = 50_000;

/// One hour, in milliseconds.
const HOUR_MS: i64 = 60 * 60 * 1000;

/// Learns the weights of every object that they are due for. Answers the objects that were learned.
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
        let records = rows(engine, object, stop).await?;
        if records.len() < LEARN_FROM || stop() {
            continue;
        }
        let count = records.len();
        let of = (*object).to_owned();
        // Seconds of work, which must not hold up what answers webhooks.
        let learned = tokio::task::spawn_blocking(move || learn(&of, records.iter().map(Vec::as_slice))).await;
        let learned = learned.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        let lesson = Lesson { at: now, records: count, learned };
        engine.store().write(move |tx| tx.put_setting(&key, &lesson)).await?;
        tracing::info!(object, records = count, "the weights by which customers are recognised were learned");
        done.push((*object).to_owned());
    }
    Ok(done)
}

fn failed(error: &dyn std::fmt::Display) -> EngineError {
    EngineError::Store(entente_store::StoreError::Invalid(format!("how customers are recognised could not be learned: {error}")))
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

/// The compared values of an object's records.
async fn rows(engine: &Engine, object: &'static str, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<Vec<Vec<String>>> {
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
        rows.push(values(object, &Profile { fields: &fields, company: company.map(String::as_str) }, None));
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
