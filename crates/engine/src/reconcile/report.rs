//! The report of a reconciliation: what was read, what differed and why, what became of it, and what is left for people.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::id::RecordId;
use entente_store::{StoreError, Tx};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cause::{Cause, Names, side_name};
use super::classify::Finding;
use super::cost::Cost;
use super::fingerprint::range_of;
use super::object_read::ObjectRead;
use crate::engine::Engine;

/// Setting that keeps the last report.
pub(crate) const LAST: &str = "reconcile/last";

/// Setting that keeps the last certificate.
pub(crate) const CERTIFICATE: &str = "reconcile/certificate";

/// Exceptions that a kept report lists; the certificate has all of them.
pub(crate) const EXCEPTIONS_KEPT: usize = 1_000;

/// What a reconciliation came to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// When reading began.
    #[schema(value_type = String)]
    pub began_at: Timestamp,
    /// When everything was looked at.
    #[schema(value_type = String)]
    pub ended_at: Timestamp,
    /// What was reconciled, in words.
    pub scope: String,
    /// On whose behalf.
    pub by: String,
    /// Whether nothing was to be put right.
    pub dry_run: bool,
    /// Whether every object was read completely.
    pub complete: bool,
    /// Rows read.
    pub rows: u64,
    /// Rows compared with their record.
    pub compared: u64,
    /// Fields compared.
    pub fields: u64,
    /// Milliseconds of comparing, of all connections together; the rest was waiting for platforms.
    pub compare_ms: u64,
    /// API calls, by connection.
    pub calls: Vec<Calls>,
    /// What was read, by object.
    pub objects: Vec<ObjectLine>,
    /// Records and rows that differed.
    pub differing: u64,
    /// Differences found.
    pub differences: u64,
    /// Of those, how many were gone at the second look.
    pub resolved: u64,
    /// What differed, by field and cause.
    pub drift: Vec<FieldDrift>,
    /// Rows of platforms that no record stands for, of the exceptions.
    pub unmatched: u64,
    /// Records that lack a counterpart, of the exceptions.
    pub orphans: u64,
    /// Everything that is not in agreement now; at most 1,000 of them.
    pub exceptions: Vec<Exception>,
    /// How many there are.
    pub exceptions_total: u64,
    /// Name of the key that signed the certificate.
    pub key: String,
}

/// API calls of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Calls {
    /// Connection.
    pub connection: String,
    /// Expected before it began.
    pub expected: u64,
    /// Made.
    pub made: u64,
}

/// One object of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectLine {
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub object: String,
    /// Rows read.
    pub rows: u64,
    /// Rows compared with their record.
    pub compared: u64,
    /// Pages read.
    pub pages: u64,
    /// Why it was not read completely, if it was not. Then nothing is said of rows that were not shown.
    pub incomplete: Option<String>,
}

/// One field, or whole rows, that differed for one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldDrift {
    /// Object and field (`account.industry`), or the object alone when it is whole rows.
    pub field: String,
    /// What people call it (`Account: Industry`).
    pub label: String,
    /// The side that differed.
    pub connection: String,
    /// Why.
    pub cause: Cause,
    /// Why, in words.
    pub words: String,
    /// Records or rows.
    pub records: u64,
    /// Of those, how many agreed at the second look.
    pub resolved: u64,
    /// The oldest change behind it, as far as the platform tells.
    #[schema(value_type = Option<String>)]
    pub since: Option<Timestamp>,
}

/// Something that is not in agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The side.
    pub connection: String,
    /// The platform's name of the object.
    pub object: String,
    /// The row, if there is one.
    pub external_id: Option<String>,
    /// The record, if there is one.
    pub record: Option<String>,
    /// The field, `None` when it is the row as a whole.
    pub field: Option<String>,
    /// Why.
    pub cause: Cause,
    /// Why, in words.
    pub words: String,
    /// What else is to be said.
    pub detail: Option<String>,
    /// The range of the certificate that it lies in.
    pub range: Option<u8>,
}

/// Findings as exceptions.
pub(crate) fn exceptions(engine: &Engine, findings: &[Finding]) -> Vec<Exception> {
    let one = |finding: &Finding| Exception {
        connection: finding.connection.clone(),
        object: finding.remote_object.clone(),
        external_id: finding.external_id.clone(),
        record: finding.record.as_ref().map(ToString::to_string),
        field: finding.field.clone(),
        cause: finding.cause,
        words: words(engine, finding),
        detail: finding.detail.clone(),
        range: finding.subject().map(|subject| range_of(&subject)),
    };
    findings.iter().map(one).collect()
}

fn words(engine: &Engine, finding: &Finding) -> String {
    finding.cause.words(Names { side: &side_name(engine, &finding.connection), owner: finding.owner })
}

/// The key under which drift is added up.
type Line<'a> = (&'a str, &'a str, &'a str, Cause);

/// Adds findings up by field and cause; `left` are those that remain.
pub(crate) fn drift(engine: &Engine, found: &[Finding], left: &[Finding]) -> Vec<FieldDrift> {
    let left: BTreeSet<_> = left.iter().map(Finding::place).collect();
    let mut lines: BTreeMap<Line<'_>, (FieldDrift, BTreeSet<_>, BTreeSet<_>)> = BTreeMap::new();
    for finding in found {
        let field = finding.field.as_deref().unwrap_or_default();
        let key = (finding.object.as_str(), field, finding.connection.as_str(), finding.cause);
        let (line, all, resolved) = lines.entry(key).or_insert_with(|| {
            let name = if field.is_empty() { finding.object.clone() } else { format!("{}.{field}", finding.object) };
            let line = FieldDrift {
                label: label(engine, &finding.object, field),
                field: name,
                connection: finding.connection.clone(),
                cause: finding.cause,
                words: words(engine, finding),
                records: 0,
                resolved: 0,
                since: None,
            };
            (line, BTreeSet::new(), BTreeSet::new())
        });
        line.since = [line.since, finding.since].into_iter().flatten().min();
        let about = finding.subject();
        if !left.contains(&finding.place()) {
            resolved.insert(about.clone());
        }
        all.insert(about);
    }
    let mut lines: Vec<FieldDrift> = lines
        .into_values()
        .map(|(line, all, resolved)| FieldDrift { records: all.len() as u64, resolved: resolved.len() as u64, ..line })
        .collect();
    lines.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.field.cmp(&b.field)));
    lines
}

fn label(engine: &Engine, object: &str, field: &str) -> String {
    let catalog = engine.catalog();
    let known = catalog.object(object);
    let name = known.map_or(object, |object| object.label.as_str());
    if field.is_empty() { name.to_owned() } else { format!("{name}: {}", crate::records::label(known, field)) }
}

/// What a report is made of.
pub(crate) struct Parts<'a> {
    pub(crate) began_at: Timestamp,
    pub(crate) scope: String,
    pub(crate) by: &'a str,
    pub(crate) dry_run: bool,
    pub(crate) cost: &'a Cost,
    pub(crate) reads: &'a [ObjectRead],
    pub(crate) found: &'a [Finding],
    pub(crate) left: &'a [Finding],
    pub(crate) exceptions: &'a [Exception],
    pub(crate) key: String,
}

/// Adds everything up.
pub(crate) fn report(engine: &Engine, parts: &Parts<'_>) -> Report {
    let sum = |of: fn(&ObjectRead) -> u64| parts.reads.iter().map(of).sum::<u64>();
    let left: BTreeSet<_> = parts.left.iter().map(Finding::place).collect();
    let subjects: BTreeSet<Option<String>> = parts.found.iter().map(Finding::subject).collect();
    let mut calls: BTreeMap<&str, Calls> = BTreeMap::new();
    for line in &parts.cost.lines {
        let known = calls.entry(&line.connection).or_insert_with(|| Calls { connection: line.connection.clone(), expected: 0, made: 0 });
        known.expected += line.calls;
    }
    for read in parts.reads {
        if let Some(known) = calls.get_mut(read.place.connection.as_str()) {
            known.made += super::cost::made(engine, read);
        }
    }
    let many =
        |pick: fn(Cause) -> bool| parts.left.iter().filter(|finding| pick(finding.cause)).map(about).collect::<BTreeSet<_>>().len() as u64;
    Report {
        began_at: parts.began_at,
        ended_at: engine.now(),
        scope: parts.scope.clone(),
        by: parts.by.to_owned(),
        dry_run: parts.dry_run,
        complete: parts.reads.iter().all(|read| read.incomplete.is_none()),
        rows: sum(|read| read.rows),
        compared: sum(|read| read.compared),
        fields: sum(|read| read.fields),
        compare_ms: sum(|read| read.us) / 1_000,
        calls: calls.into_values().collect(),
        objects: parts
            .reads
            .iter()
            .map(|read| ObjectLine {
                connection: read.place.connection.clone(),
                object: read.place.object.clone(),
                rows: read.rows,
                compared: read.compared,
                pages: read.pages,
                incomplete: read.incomplete.clone(),
            })
            .collect(),
        differing: subjects.len() as u64,
        differences: parts.found.len() as u64,
        resolved: parts.found.iter().filter(|finding| !left.contains(&finding.place())).count() as u64,
        drift: drift(engine, parts.found, parts.left),
        unmatched: many(Cause::is_unmatched),
        orphans: many(Cause::is_orphan),
        exceptions: parts.exceptions.iter().take(EXCEPTIONS_KEPT).cloned().collect(),
        exceptions_total: parts.exceptions.len() as u64,
        key: parts.key.clone(),
    }
}

fn about(finding: &Finding) -> (Option<&RecordId>, &str, Option<&str>) {
    (finding.record.as_ref(), &finding.connection, finding.external_id.as_deref())
}

/// The last report, read in the caller's transaction.
///
/// # Errors
/// When the store fails.
pub fn read_last(tx: &mut Tx<'_>) -> Result<Option<Report>, StoreError> {
    tx.setting(LAST)
}

/// The last report, if there was a reconciliation.
///
/// # Errors
/// When the store fails.
pub async fn last(engine: &Engine) -> crate::error::Result<Option<Report>> {
    Ok(engine.store().read(read_last).await?)
}

/// The last certificate, if there was a reconciliation.
///
/// # Errors
/// When the store fails.
pub async fn last_certificate(engine: &Engine) -> crate::error::Result<Option<super::certificate::Certificate>> {
    Ok(engine.store().read(|tx| tx.setting(CERTIFICATE)).await?)
}
