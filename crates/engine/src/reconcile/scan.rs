//! The scan: every object of both sides is read and compared, connections side by side, and what can be put right is handed to the sync.

use std::collections::BTreeMap;
use std::sync::Arc;

use entente_model::clock::Timestamp;
use futures::future::join_all;

use super::cause::Cause;
use super::classify::{Finding, dead};
use super::compare::Grounds;
use super::cost::{Cost, cost};
use super::gaps::gaps;
use super::object_read::ObjectRead;
use super::place::{Scope, mapped_there, places};
use super::signing::InstanceKey;
use super::{OnPage, Stop, repair};
use crate::engine::Engine;
use crate::error::Result;
use crate::privacy::blocked::Blocked;

/// What a scan found, to be [finished](super::finish) once the sync has worked off what was handed to it.
pub struct Scan {
    pub(crate) scope: Scope,
    pub(crate) by: String,
    pub(crate) repairs: bool,
    pub(crate) began_at: Timestamp,
    pub(crate) cost: Cost,
    pub(crate) reads: Vec<ObjectRead>,
    pub(crate) found: Vec<Finding>,
    pub(crate) key: InstanceKey,
}

impl Scan {
    /// What the sync has to work off before the second look.
    pub(crate) fn moving(&self) -> impl Iterator<Item = &Finding> {
        self.found.iter().filter(|finding| finding.cause == Cause::InProgress || (self.repairs && finding.cause.is_repairable()))
    }

    /// What was found.
    #[must_use]
    pub fn found(&self) -> &[Finding] {
        &self.found
    }
}

/// What comparisons go by, as it is now.
pub(crate) async fn grounds(engine: &Engine, key: &InstanceKey) -> Result<Arc<Grounds>> {
    let engine_ = engine.clone();
    let (dead, blocked) = engine.store().read(move |tx| Ok((dead(tx)?, Blocked::of(tx, &engine_)?))).await?;
    Ok(Arc::new(Grounds { catalog: engine.catalog(), printer: key.printer.clone(), dead, blocked, now: engine.now() }))
}

/// Reads and compares everything in scope. With `repairs`, what differs is handed to the sync on the way; without, nothing changes.
///
/// # Errors
/// When the object or connection does not exist, or the store fails. What a platform refuses makes the read of its object incomplete.
pub async fn scan(engine: &Engine, scope: &Scope, repairs: bool, by: &str, on_page: OnPage<'_>, stop: Stop<'_>) -> Result<Scan> {
    let cost = cost(engine, scope).await?;
    let began_at = engine.now();
    let key = InstanceKey::of(engine).await?;
    let grounds = grounds(engine, &key).await?;
    let mut by_connection: BTreeMap<String, Vec<ObjectRead>> = BTreeMap::new();
    for place in places(engine, scope) {
        by_connection.entry(place.connection.clone()).or_default().push(ObjectRead::new(place));
    }
    forget_names(engine, by_connection.keys()).await;
    let sides = by_connection.into_values().map(|mut reads| {
        let grounds = &grounds;
        async move {
            // A platform that was waited for in vain is not waited for object by object: one call of each shows whether it is back.
            let mut patient = true;
            for read in &mut reads {
                read.read(engine, grounds, repairs, began_at, patient, on_page, stop).await?;
                patient = !read.silent;
            }
            Ok::<_, crate::error::EngineError>(reads)
        }
    });
    let mut reads = Vec::new();
    for side in join_all(sides).await {
        reads.extend(side?);
    }
    let mut found = Vec::new();
    for read in &mut reads {
        found.append(&mut read.findings);
    }
    found.extend(gaps_of(engine, &grounds, &reads, repairs).await?);
    Ok(Scan { scope: scope.clone(), by: by.to_owned(), repairs, began_at, cost, reads, found, key })
}

/// What is read from now on shows the names of now, which connectors keep for a while otherwise.
pub(super) async fn forget_names(engine: &Engine, connections: impl Iterator<Item = &String>) {
    for ready in connections.filter_map(|name| engine.connection(name).ok()) {
        ready.connector.forget_names().await;
    }
}

/// Gaps of everything that was read completely, and a finding for each object that was not.
pub(crate) async fn gaps_of(engine: &Engine, grounds: &Arc<Grounds>, reads: &[ObjectRead], repairs: bool) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for read in reads {
        if let Some(why) = &read.incomplete {
            found.push(not_read(grounds, read, why));
            continue;
        }
        let gaps = gaps(engine, grounds, &read.place).await?;
        if repairs {
            let lacking: Vec<Finding> = gaps.iter().filter(|finding| finding.cause == Cause::NoCounterpart).cloned().collect();
            repair::hint(engine, &lacking).await?;
        }
        found.extend(gaps);
    }
    Ok(found)
}

fn not_read(grounds: &Grounds, read: &ObjectRead, why: &str) -> Finding {
    let place = &read.place;
    Finding {
        connection: place.connection.clone(),
        remote_object: place.object.clone(),
        external_id: None,
        record: None,
        object: mapped_there(&grounds.catalog, &place.connection, &place.object).next().unwrap_or_default().to_owned(),
        field: None,
        owner: None,
        cause: Cause::NotRead,
        since: None,
        detail: Some(why.to_owned()),
    }
}
