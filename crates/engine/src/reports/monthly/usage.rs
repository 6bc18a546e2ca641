//! Calls and alerts of a month.

use std::collections::BTreeMap;

use entente_store::{StoreError, Tx};
use serde::Serialize;
use utoipa::ToSchema;

use super::Range;
use super::performance::days_of;
use crate::alerts::AlertKind;
use crate::engine::Engine;
use crate::reports::levels::{DAILY_LIMIT, daily_limit};
use crate::reports::meter::{CALLS, CALLS_FAILED, CALLS_LIMITED, CALLS_MS};
use crate::reports::quality::percent;

/// Calls of a connection.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ApiMonth {
    /// Connection.
    pub connection: String,
    /// Calls.
    pub calls: u64,
    /// Of those, failed.
    pub failed: u64,
    /// Of those, refused for pace.
    pub limited: u64,
    /// Mean time of a call, in milliseconds.
    pub response_ms: Option<u64>,
    /// Calls of the day with most.
    pub peak_day: u64,
    /// Calls that a day has; of a month that is over, as was known last within it.
    pub daily_limit: Option<u64>,
    /// Share of them that the day with most calls used, in percent.
    pub peak_percent: Option<f64>,
    /// Calls per thousand syncs that landed there.
    pub calls_per_1000: Option<f64>,
    /// Complete polls; each is at least one call.
    pub polls: u64,
    /// Webhooks taken in.
    pub webhooks: u64,
}

/// Alerts of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertMonth {
    /// Kind.
    pub kind: String,
    /// What people call it.
    pub label: String,
    /// How many began in the month.
    pub many: u64,
    /// Minutes that they lasted together.
    pub minutes: u64,
}

/// Adds the calls up.
pub(super) fn api(tx: &mut Tx<'_>, engine: &Engine, range: Range, complete: bool) -> Result<Vec<ApiMonth>, StoreError> {
    let sums = |tx: &mut Tx<'_>, name: &str| tx.counted_by_connection(name, range.from, range.to);
    let (calls, failed, limited) = (sums(tx, CALLS)?, sums(tx, CALLS_FAILED)?, sums(tx, CALLS_LIMITED)?);
    let (ms, synced, polls, webhooks) = (sums(tx, CALLS_MS)?, sums(tx, "synced")?, sums(tx, "polls")?, sums(tx, "webhooks")?);
    let mut peaks: BTreeMap<String, u64> = BTreeMap::new();
    for (from, to) in days_of(engine, (range.from, range.to)) {
        for (name, many) in tx.counted_by_connection(CALLS, from, to)? {
            let peak = peaks.entry(name).or_default();
            *peak = (*peak).max(unsigned(many));
        }
    }
    let mut lines = Vec::new();
    for name in engine.connections().keys() {
        let of = |sums: &BTreeMap<String, i64>| unsigned(sums.get(name).copied().unwrap_or(0));
        let daily_limit = if complete {
            tx.levels(&format!("{DAILY_LIMIT}{name}"), range.from, range.to)?.last().map(|level| level.last)
        } else {
            daily_limit(tx, engine, name)?
        };
        let (many, peak_day, landed) = (of(&calls), peaks.get(name).copied().unwrap_or(0), of(&synced));
        lines.push(ApiMonth {
            connection: name.clone(),
            calls: many,
            failed: of(&failed),
            limited: of(&limited),
            response_ms: of(&ms).checked_div(many),
            peak_day,
            daily_limit,
            peak_percent: daily_limit.and_then(|limit| percent(peak_day, limit)),
            calls_per_1000: (landed > 0).then(|| many as f64 * 1_000.0 / landed as f64),
            polls: of(&polls),
            webhooks: of(&webhooks),
        });
    }
    Ok(lines)
}

/// Adds the alerts up.
pub(super) fn alerts(tx: &mut Tx<'_>, range: Range) -> Result<Vec<AlertMonth>, StoreError> {
    let sums = tx.alert_sums(range.from, range.to)?;
    let line = |(kind, many, ms): (String, u64, u64)| AlertMonth {
        label: AlertKind::of(&kind).map_or_else(|| kind.clone(), |kind| kind.label().to_owned()),
        kind,
        many,
        minutes: ms / 60_000,
    };
    Ok(sums.into_iter().map(line).collect())
}

fn unsigned(many: i64) -> u64 {
    u64::try_from(many).unwrap_or(0)
}
