//! How fast and how generous a simulated vendor is.

use serde::{Deserialize, Serialize};

/// Latency and quotas of one simulator. Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Server-side time of one call.
    pub latency_ms: u64,
    /// Network time of one call, there and back together, and of one webhook.
    pub network_ms: u64,
    /// Calls per minute (Zendesk, Freshdesk), per rolling 24 h (Salesforce), in ten seconds (HubSpot, Intercom) or of a token in two seconds
    /// (Pipedrive) or of a user in five minutes (Dynamics 365); 0 means no limit.
    pub quota: u64,
    /// Whether the vendor's other limits hold (export buckets, per-record update limits, job queue, concurrent calls).
    pub limits: bool,
    /// Time that a background job (Zendesk `*_many`) of 100 records takes; jobs run side by side. See [`Profile::job_of`].
    pub job_ms: u64,
    /// Server-side time of each row that a bulk call makes, beside that of the call (Dynamics 365).
    #[serde(default)]
    pub row_ms: u64,
    /// Milliseconds of newest changes that incremental exports withhold (Zendesk: 60,000).
    pub export_lag_ms: u64,
    /// Milliseconds until search and list indexes see a change.
    pub index_lag_ms: u64,
}

impl Profile {
    /// Milliseconds that a job of so many records takes: a fifth of [`Profile::job_ms`] in the queue, the rest as the records go.
    #[must_use]
    pub fn job_of(&self, records: usize) -> u64 {
        self.job_ms / 5 + self.job_ms * 4 / 5 * records.min(100) as u64 / 100
    }

    /// Salesforce as measured in production: 230 ms a call, 45 ms of network, 100,000 calls a day.
    #[must_use]
    pub fn salesforce_real() -> Self {
        Self { latency_ms: 230, network_ms: 45, quota: 100_000, limits: true, job_ms: 0, row_ms: 0, export_lag_ms: 0, index_lag_ms: 0 }
    }

    /// Zendesk as measured in production: 180 ms a call, 45 ms of network, 700 calls a minute (Enterprise).
    #[must_use]
    pub fn zendesk_real() -> Self {
        Self {
            latency_ms: 180,
            network_ms: 45,
            quota: 700,
            limits: true,
            job_ms: 1_000,
            row_ms: 0,
            export_lag_ms: 60_000,
            index_lag_ms: 60_000,
        }
    }

    /// HubSpot: 110 calls in ten seconds (an OAuth app), 5 searches a second, an index a few seconds behind. The latency is an estimate.
    #[must_use]
    pub fn hubspot_real() -> Self {
        Self { latency_ms: 160, network_ms: 45, quota: 110, limits: true, job_ms: 0, row_ms: 0, export_lag_ms: 0, index_lag_ms: 3_000 }
    }

    /// Freshdesk's plan Pro: 400 calls a minute, and a search index a minute behind. The latency is an estimate.
    #[must_use]
    pub fn freshdesk_real() -> Self {
        Self { latency_ms: 200, network_ms: 45, quota: 400, limits: true, job_ms: 0, row_ms: 0, export_lag_ms: 0, index_lag_ms: 60_000 }
    }

    /// Intercom: a small private app's 167 calls in ten seconds, and a search index a minute behind. The latency is an estimate.
    #[must_use]
    pub fn intercom_real() -> Self {
        Self { latency_ms: 200, network_ms: 45, quota: 167, limits: true, job_ms: 0, row_ms: 0, export_lag_ms: 0, index_lag_ms: 60_000 }
    }

    /// Pipedrive's plan Growth with a user's own token: 40 calls in two seconds, and an index a few seconds behind. The latency is an
    /// estimate.
    #[must_use]
    pub fn pipedrive_real() -> Self {
        Self { latency_ms: 180, network_ms: 45, quota: 40, limits: true, job_ms: 0, row_ms: 0, export_lag_ms: 0, index_lag_ms: 3_000 }
    }

    /// Dynamics 365: 6,000 requests of a user in five minutes; the index of a new key takes seconds. The latency is an estimate. What rows take is
    /// as Microsoft's sample of bulk operations shows it: a hundred made by one message in a second.
    #[must_use]
    pub fn dynamics_real() -> Self {
        Self { latency_ms: 200, network_ms: 45, quota: 6_000, limits: true, job_ms: 0, row_ms: 10, export_lag_ms: 0, index_lag_ms: 5_000 }
    }

    /// No latency and no quota: for tests and for measuring ourselves.
    #[must_use]
    pub fn instant() -> Self {
        Self { latency_ms: 0, network_ms: 0, quota: 0, limits: false, job_ms: 0, row_ms: 0, export_lag_ms: 0, index_lag_ms: 0 }
    }
}
