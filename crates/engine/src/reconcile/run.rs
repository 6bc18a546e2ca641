//! A whole reconciliation: the scan, the wait for the sync, the second look, the report and the certificate.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use entente_model::clock::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::certificate::{Certificate, Side, Statement, VERSION};
use super::classify::Finding;
use super::place::Scope;
use super::report::{CERTIFICATE, LAST, Parts, Report, exceptions, report};
use super::scan::{Scan, scan};
use super::second_look::{records_of, second_look};
use super::signing::key_id;
use super::{OnPage, Stop, cost};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::settle::ORPHANS_RESOLVED;

/// Name of the lease: of all processes, one reconciles.
const LEASE: &str = "reconcile";

/// How long the lease lasts without a sign of life, in milliseconds.
const LEASE_MS: i64 = 15_000;

/// Time between signs of life.
const BEAT: Duration = Duration::from_secs(2);

/// Time between looks whether the sync has worked everything off.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Setting that tells of the reconciliation under way.
const RUNNING: &str = "reconcile/running";

/// What a reconciliation comes to.
pub struct Outcome {
    /// For people.
    pub report: Report,
    /// For whoever wants to check it.
    pub certificate: Certificate,
}

/// A reconciliation under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Running {
    /// When it began.
    #[schema(value_type = String)]
    pub began_at: Timestamp,
    /// Its last sign of life.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// What is reconciled, in words.
    pub scope: String,
    /// On whose behalf.
    pub by: String,
    /// Pages read so far.
    pub pages: u64,
}

/// The reconciliation under way, if there is one.
///
/// # Errors
/// When the store fails.
pub async fn running(engine: &Engine) -> Result<Option<Running>> {
    let now = engine.now().as_millisecond();
    let found = engine.store().read(|tx| tx.setting::<Running>(RUNNING)).await?;
    Ok(found.filter(|running| now - running.at.as_millisecond() < LEASE_MS))
}

/// Reconciles: scans, waits for the sync to work off what was handed to it, at most for `patience`, looks again and certifies.
///
/// # Errors
/// When another reconciliation is under way, the object or connection does not exist, or the store fails.
pub async fn reconcile(
    engine: &Engine,
    scope: &Scope,
    repairs: bool,
    by: &str,
    patience: Duration,
    on_page: OnPage<'_>,
    stop: Stop<'_>,
) -> Result<Outcome> {
    scope.check(engine)?;
    let pages = AtomicU64::new(0);
    let state = Running { began_at: engine.now(), at: engine.now(), scope: scope.words(), by: by.to_owned(), pages: 0 };
    if !beat(engine, &state, 0).await? {
        return Err(refused("another reconciliation is under way", "wait for its end; `entente reconcile --last` shows its report"));
    }
    let counting = |connection: &str, object: &str, read: u64| {
        pages.fetch_add(1, Ordering::Relaxed);
        on_page(connection, object, read);
    };
    let done = tokio::select! {
        done = all(engine, scope, repairs, by, patience, &counting, stop) => done,
        error = keep(engine, &state, &pages) => Err(error),
    };
    let owner = lease_owner(engine);
    engine
        .store()
        .write(move |tx| {
            tx.delete_setting(RUNNING)?;
            tx.resign(LEASE, &owner).map(drop)
        })
        .await?;
    done
}

async fn all(
    engine: &Engine,
    scope: &Scope,
    repairs: bool,
    by: &str,
    patience: Duration,
    on_page: OnPage<'_>,
    stop: Stop<'_>,
) -> Result<Outcome> {
    let scan = scan(engine, scope, repairs, by, on_page, stop).await?;
    settle(engine, &scan, patience, stop).await?;
    if stop() {
        return Err(refused("the reconciliation was stopped", "start it again; what it found so far is being put right"));
    }
    finish(engine, scan).await
}

fn refused(reason: &str, remedy: &str) -> EngineError {
    EngineError::Invalid { field: "reconcile".to_owned(), reason: reason.to_owned(), remedy: remedy.to_owned() }
}

fn lease_owner(engine: &Engine) -> String {
    engine.owner().to_owned()
}

async fn beat(engine: &Engine, state: &Running, pages: u64) -> Result<bool> {
    let (now, owner) = (engine.now(), lease_owner(engine));
    let until = Timestamp::from_millisecond(now.as_millisecond() + LEASE_MS).unwrap_or(now);
    let state = Running { at: now, pages, ..state.clone() };
    Ok(engine
        .store()
        .write(move |tx| {
            let held = tx.lead(LEASE, &owner, now, until)?.is_some();
            if held {
                tx.put_setting(RUNNING, &state)?;
            }
            Ok(held)
        })
        .await?)
}

/// Keeps the lease; ends only when it is lost.
async fn keep(engine: &Engine, state: &Running, pages: &AtomicU64) -> EngineError {
    loop {
        tokio::time::sleep(BEAT).await;
        match beat(engine, state, pages.load(Ordering::Relaxed)).await {
            Ok(true) => {}
            Ok(false) => return refused("this process stalled, and another one took over", "look at the report of the other one"),
            Err(error) => tracing::warn!(%error, "the lease of the reconciliation could not be prolonged; trying again"),
        }
    }
}

/// Waits until the sync has worked off what differs, at most for `patience`: what fails is tried again for longer than anybody waits. A row
/// without a record is worked off once the record that it became is: what is written for that one belongs to what is certified.
async fn settle(engine: &Engine, scan: &Scan, patience: Duration, stop: Stop<'_>) -> Result<()> {
    let moving: Arc<Vec<Finding>> = Arc::new(scan.moving().cloned().collect());
    let until = engine.now().as_millisecond().saturating_add(i64::try_from(patience.as_millis()).unwrap_or(i64::MAX));
    while !moving.is_empty() && !stop() && engine.now().as_millisecond() < until {
        let found = Arc::clone(&moving);
        let is_done = engine.store().read(move |tx| {
            // What was found before what it has become: a row of which no hint is left has its record by then.
            let subjects: BTreeSet<String> = found.iter().filter_map(Finding::subject).collect();
            if !tx.hinted(&subjects.into_iter().collect::<Vec<_>>())?.is_empty() {
                return Ok(false);
            }
            let records = records_of(tx, &found)?;
            Ok(tx.hinted(&records.iter().map(ToString::to_string).collect::<Vec<_>>())?.is_empty())
        });
        if is_done.await? {
            return Ok(());
        }
        engine.time().sleep(ASK_EVERY).await;
    }
    Ok(())
}

/// Ends a scan: looks again at what differed, reports, certifies, and keeps both.
///
/// # Errors
/// When the store fails.
pub async fn finish(engine: &Engine, mut scan: Scan) -> Result<Outcome> {
    let left = if scan.moving().next().is_none() { scan.found.clone() } else { second_look(engine, &mut scan).await? };
    let exceptions = exceptions(engine, &left);
    let report = report(
        engine,
        &Parts {
            began_at: scan.began_at,
            scope: scan.scope.words(),
            by: &scan.by,
            dry_run: !scan.repairs,
            cost: &scan.cost,
            reads: &scan.reads,
            found: &scan.found,
            left: &left,
            exceptions: &exceptions,
            key: key_id(&scan.key.public()),
        },
    );
    let sides = scan.reads.iter().map(|read| Side {
        connection: read.place.connection.clone(),
        object: read.place.object.clone(),
        fields: read.place.vouched.clone(),
        outside: read.place.outside.clone(),
        rows: read.leaves.len() as u64,
        incomplete: read.incomplete.clone(),
        ranges: read.leaves.ranges(&scan.key.printer),
    });
    let statement = Statement {
        version: VERSION,
        key: report.key.clone(),
        public_key: scan.key.public(),
        began_at: report.began_at,
        ended_at: report.ended_at,
        scope: report.scope.clone(),
        complete: report.complete,
        sides: sides.collect(),
        exceptions,
    };
    let certificate = Certificate::sign(statement, &scan.key)?;
    let orphans = orphans_resolved(&scan, &left);
    keep_outcome(engine, &scan, &report, &certificate, orphans).await?;
    tracing::info!(
        rows = report.rows,
        compared = report.compared,
        differences = report.differences,
        resolved = report.resolved,
        exceptions = report.exceptions_total,
        complete = report.complete,
        "reconciled {}",
        report.scope
    );
    Ok(Outcome { report, certificate })
}

/// Records and rows that were found at one side alone, and have their counterpart at the second look.
fn orphans_resolved(scan: &Scan, left: &[Finding]) -> u64 {
    let is_alone = |finding: &&Finding| finding.cause.is_orphan() || finding.cause.is_unmatched();
    let left: BTreeSet<_> = left.iter().filter(is_alone).map(Finding::subject).collect();
    let found: BTreeSet<_> = scan.found.iter().filter(is_alone).map(Finding::subject).collect();
    found.difference(&left).count() as u64
}

async fn keep_outcome(engine: &Engine, scan: &Scan, report: &Report, certificate: &Certificate, orphans: u64) -> Result<()> {
    let (report, certificate, measured) = (report.clone(), certificate.clone(), cost::measured(&scan.reads));
    let number = |many: u64| i64::try_from(many).unwrap_or(i64::MAX);
    let mut adds: Vec<(&'static str, String, i64)> =
        scan.reads.iter().map(|read| (COMPARED, read.place.connection.clone(), number(read.compared))).collect();
    adds.push((FOUND, String::new(), number(report.differences)));
    adds.push((RESOLVED, String::new(), number(report.resolved)));
    adds.push((ORPHANS_RESOLVED, String::new(), number(orphans)));
    let now = engine.now();
    engine
        .store()
        .write(move |tx| {
            for (key, measured) in &measured {
                tx.put_setting(key, measured)?;
            }
            let adds: Vec<(&str, &str, i64)> = adds.iter().map(|(name, connection, many)| (*name, connection.as_str(), *many)).collect();
            tx.count(now, &adds)?;
            tx.put_setting(LAST, &report)?;
            tx.put_setting(CERTIFICATE, &certificate)
        })
        .await?;
    Ok(())
}

/// Counter of rows compared, by connection.
pub const COMPARED: &str = "reconcile_compared";
/// Counter of differences found.
pub const FOUND: &str = "reconcile_found";
/// Counter of differences that were gone at the second look.
pub const RESOLVED: &str = "reconcile_resolved";
