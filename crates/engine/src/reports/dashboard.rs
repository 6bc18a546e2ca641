//! The dashboard: the state of the sync in numbers that people and programs read alike. Every number is counted, none estimated;
//! what is not known yet is `null`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::sync::batches::Scheduled;
use crate::sync::resting_objects::RestingObject;

/// The whole dashboard. Rates are percent, latencies milliseconds, days are UTC.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Dashboard {
    /// When it was counted.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Overall health and success rates.
    pub health: SyncHealth,
    /// What was synced today.
    pub volume: SyncVolume,
    /// How much agrees.
    pub consistency: Consistency,
    /// Failures of the last 24 hours, newest first, at most 50.
    pub failures: Vec<Failure>,
    /// Percent by which failures rose (positive) or fell since the week before.
    pub failure_trend_percent: Option<f64>,
    /// Mappings in force.
    pub mappings: MappingStatus,
    /// New customers today.
    pub onboarding: Onboarding,
    /// One entry per connection.
    pub connections: Vec<ConnectionStatus>,
    /// Things that need attention, and promises kept.
    pub alerts: Vec<Alert>,
}

/// State in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overall {
    /// All promises are kept.
    Operational,
    /// Something is late or failing, the rest flows.
    Degraded,
    /// A connection cannot be used.
    Down,
    /// The first full sync is under way.
    Starting,
}

/// Overall health.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SyncHealth {
    /// In one word.
    pub overall: Overall,
    /// End of the last full sync.
    #[schema(value_type = Option<String>)]
    pub last_full_sync_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub last_full_sync_ms: Option<i64>,
    /// When a live change last landed.
    #[schema(value_type = Option<String>)]
    pub last_live_sync_at: Option<Timestamp>,
    /// How long that took, in milliseconds.
    pub last_live_sync_ms: Option<i64>,
    /// CRM → support, last 24 hours.
    pub crm_to_support: Rate,
    /// Support → CRM, last 24 hours.
    pub support_to_crm: Rate,
    /// Records whose converge failed at least once, last 24 hours.
    pub failed: u64,
    /// Of those, how many went through on a retry.
    pub recovered: u64,
    /// Of those, how many went through after a person put something right.
    pub fixed: u64,
    /// Of those, how many need a person.
    pub manual: u64,
    /// Of those, how many a person put away.
    pub discarded: u64,
}

/// A success rate.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema, Default)]
pub struct Rate {
    /// Syncs of a record that landed; a record that changed twice counts twice.
    pub ok: u64,
    /// The same, and the records whose sync has not landed yet because it fails.
    pub total: u64,
}

/// What was synced today.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SyncVolume {
    /// Records created at a connection.
    pub created: u64,
    /// Records updated at a connection.
    pub updated: u64,
    /// Tickets logged as activities in the CRM.
    pub activities: u64,
    /// Health scores written.
    pub health_scores: u64,
    /// Hour of the day (UTC) with most syncs.
    pub peak_hour: Option<u8>,
    /// Syncs in that hour.
    pub peak_hour_syncs: u64,
    /// Edit to landed, median of today.
    pub p50_ms: Option<u64>,
    /// Edit to landed, 95th percentile of today.
    pub p95_ms: Option<u64>,
}

/// How much agrees.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Consistency {
    /// Customers (accounts and contacts) that Entente holds.
    pub records: u64,
    /// Of those, linked at every connection that should have them.
    pub linked: u64,
    /// Of those, without anything in flight, in conflict or failed.
    pub in_agreement: u64,
    /// Records with work in flight.
    pub in_flight: u64,
    /// Fields that differ, with the number of records and the likely cause.
    pub drift: Vec<DriftLine>,
    /// Conflicts that wait for a person.
    pub waiting_conflicts: u64,
    /// Dead letters that wait for a person.
    pub waiting_dead_letters: u64,
    /// What the last reconciliation came to; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reconciliation: Option<LastReconciliation>,
    /// Records that have no counterpart and wait for a match review.
    pub waiting_reviews: u64,
    /// Records that are not written on because they are part of an unusual mass change that waits for a person.
    pub held: u64,
    /// Records that wait for a row or for the counterpart of another record.
    pub waiting_counterparts: u64,
    /// Since when the one that has waited longest does.
    #[schema(value_type = Option<String>)]
    pub waiting_counterparts_since: Option<Timestamp>,
}

/// The last reconciliation in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastReconciliation {
    /// When it ended.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub ms: i64,
    /// What was reconciled, in words.
    pub scope: String,
    /// Whether every object was read completely.
    pub complete: bool,
    /// Rows compared with their record.
    pub compared: u64,
    /// Records and rows that differed.
    pub differing: u64,
    /// Differences found.
    pub differences: u64,
    /// Of those, how many were gone at the second look.
    pub resolved: u64,
    /// What was not in agreement at its end.
    pub exceptions: u64,
}

/// One line of the drift breakdown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DriftLine {
    /// Object and field (`account.industry`).
    pub field: String,
    /// What people call it (`Account: Industry`).
    pub label: String,
    /// Records.
    pub records: u64,
    /// The connection whose counterparts differ from the record; blank where a person has to act, whichever differ.
    pub behind: String,
    /// Why, in words.
    pub cause: String,
}

/// One failure.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// `CRM→Support` or `Support→CRM`.
    pub direction: String,
    /// Record id.
    pub record: String,
    /// What happened.
    pub error: String,
    /// `retrying`, `recovered`, `fixed` (after a person put something right), `manual`, `discarded`.
    pub status: String,
}

/// Mappings in force.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MappingStatus {
    /// Field mappings in all.
    pub active: u64,
    /// CRM → support.
    pub crm_to_support: u64,
    /// Support → CRM.
    pub support_to_crm: u64,
    /// Of those CRM → support, how many can be synced now: no connection paused, no record of the object failing for the mapping's sake.
    pub crm_to_support_operational: u64,
    /// The same, support → CRM.
    pub support_to_crm_operational: u64,
    /// Of all, mapped to custom fields.
    pub custom: u64,
    /// Of those CRM → support, mapped to custom fields.
    pub custom_crm_to_support: u64,
    /// Of those support → CRM, mapped to custom fields.
    pub custom_support_to_crm: u64,
    /// Fields that came with mappings saved lately.
    pub recent: Vec<RecentMapping>,
}

/// A mapping saved lately.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RecentMapping {
    /// Object and field.
    pub field: String,
    /// What people call it (`Account: Industry`).
    pub label: String,
    /// The connection that it is mapped at.
    pub connection: String,
    /// Counterparts there that it is synced with.
    pub records: u64,
    /// When it was saved.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Who saved it.
    pub by: String,
}

/// New customers today.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Onboarding {
    /// Customers won today.
    pub new_customers: u64,
    /// From won to the support profile made: the mean, in milliseconds.
    pub mean_ms: Option<u64>,
    /// The same: the median.
    pub median_ms: Option<u64>,
    /// From won to the support id written back to the CRM: the median, in milliseconds.
    pub written_back_ms: Option<u64>,
    /// Onboarding checklists made.
    pub checklists: u64,
    /// Initial health scores set.
    pub health_scores: u64,
    /// CSM notices made.
    pub notices: u64,
}

/// One connection.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConnectionStatus {
    /// Name.
    pub name: String,
    /// Platform.
    pub platform: String,
    /// `crm` or `support`.
    pub role: String,
    /// `ok`, `limited`, `paused` (needs a person), `broken` (the platform fails, and is tried now and then), `unchecked`.
    pub state: String,
    /// Why it is not ok, and what to do.
    pub note: Option<String>,
    /// The mode of scheduled batches, while a burst is more than the quota allows: changes of ordinary priority wait for the next one.
    #[serde(default)]
    pub scheduled: Option<Scheduled>,
    /// Objects that are left alone by themselves, because the platform refuses them to us; the connection's others are synced.
    pub resting: Vec<RestingObject>,
    /// API calls today.
    pub calls_today: u64,
    /// Daily limit, if known.
    pub daily_limit: Option<u64>,
    /// Mean response time today, in milliseconds.
    pub response_ms: Option<u64>,
    /// Mean time of a round trip through the network today, in milliseconds.
    pub network_ms: Option<f64>,
    /// Milliseconds that the platform's clock is ahead of ours, as its answers prove; times that it gives are corrected by them.
    pub clock_offset_ms: Option<i64>,
    /// Webhooks received and verified today; repetitions of one count once.
    pub webhooks: u64,
    /// Of those, how many could not be taken up.
    pub webhooks_failed: u64,
    /// Requests refused today because they could not be verified. They are no deliveries: strangers can send them.
    pub webhooks_refused: u64,
    /// Polls that were completed today.
    pub polls: u64,
    /// Polls that failed today; the next one goes on where they ended.
    pub polls_failed: u64,
    /// Calls by kind since start.
    pub calls_by_kind: BTreeMap<String, u64>,
    /// Records linked here, by object.
    pub links: BTreeMap<String, u64>,
    /// Calls per thousand synced changes today.
    pub calls_per_1000: Option<f64>,
}

/// One alert line.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// `ok`, `warning`, `critical`.
    pub level: String,
    /// What.
    pub text: String,
}
