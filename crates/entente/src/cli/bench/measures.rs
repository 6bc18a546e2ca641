//! The measures that need customers.

use std::time::{Duration, Instant};

use entente_sims::world::{CallCosts, Kind, Seeded, TrafficOptions, TrafficReport, WorldOptions};
use serde_json::json;

use super::super::demo::Memory;
use super::super::demo::hub::{Hub, HubOptions};
use super::super::demo::sims::{Sims, Speed};
use super::super::demo::{first_sync, quiet};
use super::super::output::{Form, Output};
use super::super::status_text::number;
use super::Setting;
use super::least::{least, seconds};
use super::table::Row;
use crate::fault::Result;

/// Time between polls, as configured by default.
const POLL_EVERY: Duration = Duration::from_secs(15 * 60);

/// Time that a process rests before its idle memory is read.
const IDLE: Duration = Duration::from_secs(30);
/// Won deals a second: some hundred a day would be many, this is a campaign.
const WON_PER_SECOND: f64 = 0.5;
/// Edits a second that no sync keeps up with, to see how many it does.
const FLOOD: f64 = 2_000.0;
/// Length of the flood.
const FLOOD_LENGTH: Duration = Duration::from_secs(15);
/// Rest after the flood: the simulators still deliver the echoes of its last writes, and what is edited now would queue behind them.
const AFTER_FLOOD: Duration = Duration::from_secs(20);
/// Share of the flood's throughput at which latency is measured: a queue that is always full only measures itself.
const STEADY: f64 = 0.5;

/// A company in sync.
pub(super) struct Stage {
    pub(super) sims: Sims,
    pub(super) hub: Hub,
    world: Seeded,
    took: Duration,
    calls: CallCosts,
}

impl Stage {
    /// Makes the customers, starts Entente and waits for the end of the first full sync.
    pub(super) async fn set(speed: Speed, customers: usize, seed: u64, latency_target: Duration) -> Result<Self> {
        let sims = Sims::start(speed, seed).await?;
        let world = sims.control.seed(&WorldOptions { customers, seed, ..WorldOptions::default() }).await?;
        let before = sims.control.calls().await?;
        let began = Instant::now();
        let hub = Hub::start(&sims, HubOptions { latency_target, poll_every: POLL_EVERY, ..HubOptions::default() }).await?;
        let (ended, calls) = first_sync::show(&hub, &sims, Output::new(Form::Json)).await?;
        Ok(Self { sims, hub, world, took: ended.duration_since(began), calls: calls.since(before) })
    }

    /// Live edits for a while, then rest. Answers what became of them.
    async fn live(&self, rate: f64, kinds: Vec<Kind>, length: Duration, seed: u64) -> Result<TrafficReport> {
        self.sims.control.start_traffic(&TrafficOptions { rate, seed, kinds, ..TrafficOptions::default() }).await?;
        tokio::time::sleep(length).await;
        self.sims.control.stop_traffic().await?;
        let ended = Instant::now();
        loop {
            let report = self.sims.control.report().await?;
            if report.outstanding == 0 || ended.elapsed() > quiet::LANDING_MAX {
                return Ok(report);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) async fn end(self) -> Result<()> {
        self.hub.stop().await
    }
}

/// Calls by kind of endpoint, of each connection, since the start of Entente.
fn calls_by_kind(hub: &Hub) -> serde_json::Value {
    hub.engine.connections().values().map(|connection| (connection.name.clone(), json!(connection.connector.counts().by_kind))).collect()
}

fn ms(ms: u64) -> String {
    format!("{:.1} s", seconds(ms))
}

pub async fn full_sync(setting: Setting) -> Result<Vec<Row>> {
    let stage = Stage::set(Speed::Real, setting.customers, setting.seed, Duration::from_secs(3)).await?;
    let agreement = stage.sims.control.agreement().await?;
    let bound = least(&stage.world);
    let took = u64::try_from(stage.took.as_millis()).unwrap_or(u64::MAX);
    let ratio = took as f64 / bound.ms.max(1) as f64;
    let calls_ratio = stage.calls.sum() as f64 / (bound.salesforce + bound.zendesk).max(1) as f64;
    let row = Row {
        measure: format!("First full sync, {} customers", number(agreement.customers as u64)),
        now: "252 s".to_owned(),
        to_reach: "≤ 120 s and ≤ 1,500 calls; ≤ 1.3 × the least possible".to_owned(),
        measured: format!(
            "{}, {ratio:.1} × the least possible ({}); {} + {} calls, {calls_ratio:.1} × the least ({} + {}); {} in agreement, {} twins",
            ms(took),
            ms(bound.ms),
            number(stage.calls.salesforce),
            number(stage.calls.zendesk),
            bound.salesforce,
            bound.zendesk,
            number(agreement.in_agreement as u64),
            agreement.twins
        ),
        numbers: json!({
            "ms": took, "least_ms": bound.ms, "ratio": ratio, "calls": stage.calls, "calls_ratio": calls_ratio, "calls_by_kind": calls_by_kind(&stage.hub), "least_calls": {"salesforce": bound.salesforce, "zendesk": bound.zendesk},
            "customers": agreement.customers, "linked": agreement.linked, "in_agreement": agreement.in_agreement, "twins": agreement.twins, "by_field": agreement.by_field, "disagreements": agreement.disagreements,
        }),
        explained: Some(bound.explained),
    };
    stage.end().await?;
    Ok(vec![row])
}

/// Kinds of edits for a rate. Those that cost several calls each by the platforms' own rules are left out where they alone would be
/// more than the quota: an e-mail address takes three calls at Zendesk, a new customer about six.
fn kinds(rate: f64) -> Vec<Kind> {
    let all = Kind::all().into_iter().filter(|kind| !matches!(kind, Kind::Conflict | Kind::Burst | Kind::TicketRated));
    all.filter(|kind| rate <= 50.0 || !matches!(kind, Kind::ContactEmail | Kind::ClosedWon)).collect()
}

pub async fn live(setting: Setting, rate: f64, target: Duration, to_reach: &str) -> Result<Vec<Row>> {
    let stage = Stage::set(Speed::Real, setting.customers, setting.seed, target).await?;
    let before = calls_by_kind(&stage.hub);
    let report = stage.live(rate, kinds(rate), setting.length, setting.seed).await?;
    let per_1000 = (report.calls.sum() * 1_000).checked_div(report.edits).unwrap_or(0);
    let row = Row {
        measure: format!("{rate} edits a second, target {} s", target.as_secs()),
        now: "4.7 s (P50), 8.2 s (P95); 1,048 calls per 1,000, at 0.3 edits a second".to_owned(),
        to_reach: to_reach.to_owned(),
        measured: format!(
            "{} (P50), {} (P95), {} (slowest) of {} landed edits, {} outstanding; {per_1000} calls per 1,000",
            ms(report.latency.p50_ms),
            ms(report.latency.p95_ms),
            ms(report.latency.max_ms),
            number(report.landed),
            report.outstanding
        ),
        numbers: json!({
            "calls_per_1000": per_1000, "calls_before": before, "calls_by_kind": calls_by_kind(&stage.hub), "report": report,
        }),
        explained: None,
    };
    stage.end().await?;
    Ok(vec![row])
}

pub async fn closed_won(setting: Setting) -> Result<Vec<Row>> {
    let stage = Stage::set(Speed::Real, setting.customers, setting.seed, Duration::from_secs(3)).await?;
    let report = stage.live(WON_PER_SECOND, vec![Kind::ClosedWon], setting.length, setting.seed).await?;
    let won = report.new_customers;
    let row = Row {
        measure: "Closed Won to support id written back".to_owned(),
        now: "18 s".to_owned(),
        to_reach: "P95 ≤ 5 s".to_owned(),
        measured: format!(
            "{} (P50), {} (P95) of {} of {} deals",
            ms(won.latency.p50_ms),
            ms(won.latency.p95_ms),
            won.latency.count,
            won.won
        ),
        numbers: json!({"report": report}),
        explained: None,
    };
    stage.end().await?;
    Ok(vec![row])
}

pub async fn webhooks(setting: Setting) -> Result<Vec<Row>> {
    let stage = Stage::set(Speed::Instant, setting.customers, setting.seed, Duration::from_millis(500)).await?;
    let flood = stage.live(FLOOD, kinds(FLOOD), FLOOD_LENGTH, setting.seed).await?;
    // An edit that a later one of the same field overtook came to its end with that one.
    let throughput = (flood.landed + flood.superseded) as f64 / seconds(flood.last_landing_ms.max(1));
    let rate = (throughput * STEADY).max(1.0);
    tokio::time::sleep(AFTER_FLOOD).await;
    let steady = stage.live(rate, kinds(FLOOD), FLOOD_LENGTH, setting.seed + 1).await?;
    let row = Row {
        measure: "Webhooks converged a second, platforms without latency".to_owned(),
        now: "n8n: 38 a second; P99 6.7 s at 50 a second".to_owned(),
        to_reach: "≥ 1,000 a second; P99 ≤ 250 ms".to_owned(),
        measured: format!("{throughput:.0} a second; {} (P99) at {rate:.0} a second", ms(steady.latency.p99_ms)),
        numbers: json!({"per_second": throughput, "flood": flood, "steady_rate": rate, "steady": steady}),
        explained: None,
    };
    stage.end().await?;
    Ok(vec![row])
}

pub async fn memory(setting: Setting) -> Result<Vec<Row>> {
    let stage = Stage::set(Speed::Instant, setting.memory_customers, setting.seed, Duration::from_secs(3)).await?;
    tokio::time::sleep(IDLE).await;
    let memory = Memory::now();
    let linked = stage.sims.control.agreement().await?.linked;
    let shown = |mb: Option<f64>| mb.map_or_else(|| "unknown".to_owned(), |mb| format!("{mb:.0} MB"));
    let row = Row {
        measure: format!("Memory at {} linked customers, idle", number(linked as u64)),
        now: "n8n: 360 to 950 MB".to_owned(),
        to_reach: "≤ 150 MB".to_owned(),
        measured: format!(
            "{}, at most {} during the first full sync of {:.0} s",
            shown(memory.rss_mb),
            shown(memory.peak_mb),
            stage.took.as_secs_f64()
        ),
        numbers: json!({"rss_mb": memory.rss_mb, "rss_peak_mb": memory.peak_mb, "linked": linked, "full_sync_s": stage.took.as_secs_f64()}),
        explained: None,
    };
    stage.end().await?;
    Ok(vec![row])
}
