//! The monthly report: what the sync did in a month, against its promises and the month before, and what its numbers recommend. Read from
//! sums by hour; only what is small is gone through.

pub(crate) mod changes;
mod consistency;
mod impact;
pub mod month;
mod performance;
mod recommend;
mod usage;

use entente_store::{StoreError, Tx};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

pub use changes::{Deprecated, MappingMonth};
pub use consistency::{ConflictMonth, ConsistencyMonth, PeakDrift};
pub use impact::ImpactMonth;
pub use month::Month;
pub use performance::PerformanceMonth;
pub use recommend::Recommendation;
pub use usage::{AlertMonth, ApiMonth};

use crate::engine::Engine;
use crate::error::Result;
use crate::sync::retention;

/// The report of a month. Rates are percent, times milliseconds; what is not known is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MonthlyReport {
    /// The month (`2026-01`).
    pub month: String,
    /// What people call it (`January 2026`).
    pub label: String,
    /// What the month before is called (`December`).
    pub before: String,
    /// The time zone of its days.
    pub timezone: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// When it ended, or until when it is counted.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Whether it is over. Otherwise it is compared with the same part of the month before.
    pub complete: bool,
    /// When the report was made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// How much was synced, how well and how fast.
    pub performance: PerformanceMonth,
    /// How much agreed.
    pub consistency: ConsistencyMonth,
    /// What it was good for.
    pub impact: ImpactMonth,
    /// What became of the mappings.
    pub mappings: MappingMonth,
    /// Calls, by connection.
    pub api: Vec<ApiMonth>,
    /// Alerts, by kind.
    pub alerts: Vec<AlertMonth>,
    /// Since when alerts are kept, where that is later than the beginning of the month: those that were over before are not among `alerts`.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub alerts_kept_since: Option<Timestamp>,
    /// What the numbers recommend, the most urgent first.
    pub recommendations: Vec<Recommendation>,
}

/// The range that is counted, and the one that it is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) before_from: Timestamp,
    pub(crate) before_to: Timestamp,
}

/// Makes the report of a month.
///
/// # Errors
/// When the month has not begun, or the store fails.
pub async fn report(engine: &Engine, month: Month) -> Result<MonthlyReport> {
    let now = engine.now();
    let zone = engine.options().locale.timezone.clone();
    let (from, end) = month.bounds(&zone)?;
    month.must_have_begun(from, now)?;
    let (before_from, before_end) = month.previous().bounds(&zone)?;
    let complete = end <= now;
    // What happened this very moment counts.
    let to = if complete { end } else { Timestamp::from_millisecond(now.as_millisecond() + 1).unwrap_or(now) };
    let elapsed = to.as_millisecond() - from.as_millisecond();
    let same_part = Timestamp::from_millisecond(before_from.as_millisecond() + elapsed).unwrap_or(before_end).min(before_end);
    let range = Range { from, to, before_from, before_to: if complete { before_end } else { same_part } };
    let engine_ = engine.clone();
    let read = engine.store().read(move |tx| gather(tx, &engine_, month, range, complete, now));
    Ok(read.await?)
}

fn gather(
    tx: &mut Tx<'_>,
    engine: &Engine,
    month: Month,
    range: Range,
    complete: bool,
    now: Timestamp,
) -> std::result::Result<MonthlyReport, StoreError> {
    let performance = performance::performance(tx, engine, range)?;
    let consistency = consistency::consistency(tx, range, complete)?;
    let impact = impact::impact(tx, engine, range)?;
    let histories = changes::histories(tx, now)?;
    let mappings = changes::mappings(&histories, engine, range);
    let api = usage::api(tx, engine, range, complete)?;
    let alerts = usage::alerts(tx, range)?;
    let grounds = recommend::Grounds {
        engine,
        month,
        range,
        complete,
        histories: &histories,
        performance: &performance,
        consistency: &consistency,
        api: &api,
    };
    let recommendations = grounds.recommend(tx)?;
    Ok(MonthlyReport {
        month: month.to_string(),
        label: month.label(),
        before: month.previous().name().to_owned(),
        timezone: engine.options().locale.timezone.iana_name().unwrap_or("UTC").to_owned(),
        from: range.from,
        to: range.to,
        complete,
        made_at: now,
        performance,
        consistency,
        impact,
        mappings,
        api,
        alerts,
        alerts_kept_since: retention::alerts_kept_since(tx)?.filter(|since| *since > range.from),
        recommendations,
    })
}

/// Sum of a counter over a range, of all connections.
fn sum(tx: &mut Tx<'_>, name: &str, range: (Timestamp, Timestamp)) -> std::result::Result<u64, StoreError> {
    Ok(u64::try_from(tx.counted(name, None, range.0, range.1)?).unwrap_or(0))
}
