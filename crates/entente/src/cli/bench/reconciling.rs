//! How fast both sides are compared, and what that costs in calls.

use std::time::{Duration, Instant};

use entente_engine::reconcile::report::ObjectLine;
use entente_engine::reconcile::verify::{Part, verify};
use entente_engine::reconcile::{Scope, reconcile};
use serde_json::json;

use super::super::demo::sims::Speed;
use super::super::status_text::number;
use super::Setting;
use super::measures::Stage;
use super::table::Row;
use crate::fault::Result;

/// Rows of one page, by connection: the most that the platform gives.
const PAGE_ROWS: &[(&str, u64)] = &[("salesforce", 2_000), ("zendesk", 1_000)];

/// Time that the sync may take for what is found.
const PATIENCE: Duration = Duration::from_secs(60);

fn least(objects: &[ObjectLine]) -> u64 {
    let pages = |line: &ObjectLine| {
        let rows = PAGE_ROWS.iter().find(|(name, _)| *name == line.connection).map_or(1, |(_, rows)| *rows);
        line.rows.div_ceil(rows).max(1)
    };
    objects.iter().map(pages).sum()
}

pub async fn reconcile_all(setting: Setting) -> Result<Vec<Row>> {
    let stage = Stage::set(Speed::Instant, setting.customers, setting.seed, Duration::from_secs(3)).await?;
    let engine = &stage.hub.engine;
    let before = stage.sims.control.calls().await?;
    let began = Instant::now();
    let outcome = reconcile(engine, &Scope::default(), true, "bench", PATIENCE, &|_, _, _| {}, &|| false).await?;
    let took = began.elapsed();
    let calls = stage.sims.control.calls().await?.since(before);
    let began = Instant::now();
    let checked = verify(engine, &outcome.certificate, &Part::Everything, &|_, _, _| {}, &|| false).await?;
    let verified = began.elapsed();
    let report = &outcome.report;
    let per_second = report.compared as f64 * 1_000.0 / report.compare_ms.max(1) as f64;
    let (least, expected) = (least(&report.objects), report.calls.iter().map(|calls| calls.expected).sum::<u64>());
    let row = Row {
        measure: format!("Reconciliation of {} rows, platforms without latency", number(report.compared)),
        now: "not published".to_owned(),
        to_reach: "≥ 20,000 records/s compared on our side; calls against the least".to_owned(),
        measured: format!(
            "{} records/s compared, {} fields; {:.1} s with reading; {} calls of {} foretold, {} at the least; {} exceptions",
            number(per_second as u64),
            number(report.fields),
            took.as_secs_f64(),
            number(calls.sum()),
            number(expected),
            number(least),
            number(report.exceptions_total)
        ),
        numbers: json!({
            "rows": report.rows, "compared": report.compared, "fields": report.fields, "compare_ms": report.compare_ms, "ms": took.as_millis(),
            "calls": calls, "expected_calls": expected, "least_calls": least, "differences": report.differences,
            "resolved": report.resolved, "drift": report.drift, "exceptions": report.exceptions_total,
            "verify_ms": verified.as_millis(), "verdict": checked.verdict, "certificate_bytes": serde_json::to_vec(&outcome.certificate)?.len(),
        }),
        explained: None,
    };
    stage.end().await?;
    Ok(vec![row])
}
