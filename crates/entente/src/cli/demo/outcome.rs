//! What a demo came to, in numbers: judged by the platforms' own data, not by what Entente believes.

use entente_engine::reports::headline::headline;
use entente_sims::world::CallCosts;
use entente_store::{Verdict, Viewer};
use serde::Serialize;

use super::super::status_text::number;
use super::hub::Hub;
use super::memory::Memory;
use super::sims::Sims;
use crate::fault::Result;

/// The numbers.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Contacts of customers in the CRM.
    customers: usize,
    /// Of those, linked to a user, and their account to an organization.
    linked: usize,
    /// Of those, equal on both sides in every field.
    in_agreement: usize,
    /// Conflicts that wait for a person.
    waiting_conflicts: u64,
    /// Records whose sync failed for good.
    dead_letters: u64,
    /// Records that exist twice for one customer.
    twins: usize,
    full_sync: FullSync,
    live: Live,
    new_customer: NewCustomer,
    ledger: Ledger,
    /// Memory of this process.
    rss_mb: Option<f64>,
    rss_peak_mb: Option<f64>,
    /// Whether everything had come to rest before it was counted.
    quiet: bool,
    /// What differs, at most a few lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    disagreements: Vec<String>,
    /// Edits that have not landed, at most a few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FullSync {
    seconds: f64,
    api_calls: ApiCalls,
}

/// Calls to each platform.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ApiCalls {
    salesforce: u64,
    zendesk: u64,
}

/// Calls to each platform.
pub fn api_calls(costs: CallCosts) -> ApiCalls {
    ApiCalls { salesforce: costs.salesforce, zendesk: costs.zendesk }
}

#[derive(Debug, Serialize)]
struct Live {
    edits: u64,
    p50_ms: u64,
    p95_ms: u64,
    max_ms: u64,
    api_calls_per_1000: u64,
}

#[derive(Debug, Serialize)]
struct NewCustomer {
    count: u64,
    p50_ms: u64,
    p95_ms: u64,
}

#[derive(Debug, Serialize)]
struct Ledger {
    entries: u64,
    /// `intact`, or what does not hold.
    chain: String,
}

/// Disagreements and waiting edits shown.
const SHOWN: usize = 10;

impl Outcome {
    /// Counts everything, once it has come to rest.
    pub async fn count(hub: &Hub, sims: &Sims, full_sync_s: f64, full_calls: ApiCalls, quiet: bool) -> Result<Self> {
        let agreement = sims.control.agreement().await?;
        let report = sims.control.report().await?;
        let counted = headline(&hub.engine, &Viewer::system()).await?;
        let ledger = match hub.engine.store().verify(|_| {}).await? {
            Verdict::Intact(verified) => Ledger { entries: verified.entries + verified.unsealed, chain: "intact".to_owned() },
            Verdict::Broken(broken) => Ledger { entries: 0, chain: broken.what },
        };
        let memory = Memory::now();
        Ok(Self {
            customers: agreement.customers,
            linked: agreement.linked,
            in_agreement: agreement.in_agreement,
            waiting_conflicts: counted.waiting_conflicts,
            dead_letters: counted.dead_letters,
            twins: agreement.twins,
            full_sync: FullSync { seconds: (full_sync_s * 10.0).round() / 10.0, api_calls: full_calls },
            live: Live {
                edits: report.edits,
                p50_ms: report.latency.p50_ms,
                p95_ms: report.latency.p95_ms,
                max_ms: report.latency.max_ms,
                api_calls_per_1000: (report.calls.sum() * 1_000).checked_div(report.edits).unwrap_or(0),
            },
            new_customer: NewCustomer {
                count: report.new_customers.latency.count,
                p50_ms: report.new_customers.latency.p50_ms,
                p95_ms: report.new_customers.latency.p95_ms,
            },
            ledger,
            rss_mb: memory.rss_mb,
            rss_peak_mb: memory.peak_mb,
            quiet,
            disagreements: agreement.disagreements.into_iter().chain(agreement.twin_list).take(SHOWN).collect(),
            waiting: report.waiting,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let calls = self.full_sync.api_calls;
        let mut lines = vec![
            format!(
                "Customers: {}, linked: {}, in agreement: {}",
                number(self.customers as u64),
                number(self.linked as u64),
                number(self.in_agreement as u64)
            ),
            format!(
                "Waiting for a person: {} conflicts, {} dead letters. Twins: {}",
                self.waiting_conflicts, self.dead_letters, self.twins
            ),
            format!(
                "First full sync: {:.1} s, {} + {} API calls (CRM + support)",
                self.full_sync.seconds,
                number(calls.salesforce),
                number(calls.zendesk)
            ),
            format!(
                "Live: {} edits, {} ms (P50), {} ms (P95), {} ms (slowest), {} API calls per 1,000",
                number(self.live.edits),
                self.live.p50_ms,
                self.live.p95_ms,
                self.live.max_ms,
                self.live.api_calls_per_1000
            ),
            format!(
                "New customers: {}, {} ms (P50), {} ms (P95)",
                self.new_customer.count, self.new_customer.p50_ms, self.new_customer.p95_ms
            ),
            format!("Ledger: {} entries, {}", number(self.ledger.entries), self.ledger.chain),
        ];
        if let (Some(rss), Some(peak)) = (self.rss_mb, self.rss_peak_mb) {
            lines.push(format!("Memory: {rss:.0} MB, at most {peak:.0} MB"));
        }
        if !self.quiet {
            lines.push("Something was still on its way when this was counted:".to_owned());
            lines.extend(self.waiting.iter().map(|waiting| format!("  {waiting}")));
        }
        lines.extend(self.disagreements.iter().map(|line| format!("  {line}")));
        lines.join("\n")
    }
}
