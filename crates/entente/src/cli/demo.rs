//! `entente demo`: a company's CRM and support desk, simulated, and Entente between them: the first full sync, then a live day.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use entente_sims::world::{FaultPhases, TrafficOptions, TrafficReport, WorldOptions};
use tokio::sync::watch;

use super::context::Context;
use super::output::{Output, columns, say};
use super::serve::stop_signal;
use super::status_text;
use crate::fault::Result;

pub(super) mod control;
pub(super) mod first_sync;
pub(super) mod hub;
mod memory;
mod outcome;
pub(super) mod quiet;
pub(super) mod scenario;
pub(super) mod sims;

use hub::{Hub, HubOptions};
pub(super) use memory::Memory;
use outcome::{Outcome, api_calls};
use scenario::{Scenario, Size};
use sims::{Sims, Speed};

/// Time between two drawings of the dashboard.
const DRAW_EVERY: Duration = Duration::from_secs(2);

/// Seconds of the live part without faults, in turn with those with them.
const CALM_S: u32 = 15;
/// Seconds with faults.
const BAD_S: u32 = 5;

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Play a situation that a sync has to come through instead, and judge what it came to; exit code 1 when something did not hold
    #[arg(long, value_enum, value_name = "NAME")]
    scenario: Option<Scenario>,
    /// List the scenarios
    #[arg(long, conflicts_with = "scenario")]
    list_scenarios: bool,
    /// Customers in the simulated CRM; 95 of 100 are known to the support desk already [default: 24100; of a scenario, a few]
    #[arg(long, value_name = "N", value_parser = customers)]
    customers: Option<usize>,
    /// Customers that are won at once in the scenario `burst`
    #[arg(long, default_value_t = 500, requires = "scenario", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    new_customers: u32,
    /// Changes of the mass change in the scenario `burst`
    #[arg(long, default_value_t = 2_000, requires = "scenario", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    changes: u32,
    /// Seed of everybody and everything
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Latency and quotas of the simulated platforms [default: real; of scenarios other than `burst`, instant]
    #[arg(long, value_enum)]
    profile: Option<Speed>,
    /// Live edits a second, both sides together
    #[arg(long, default_value_t = 2.0, conflicts_with = "scenario", value_name = "N", value_parser = rate)]
    rate: f64,
    /// Of a thousand calls, and of a thousand webhooks, how many suffer each kind of fault in the bad times of the live part, a quarter of
    /// it: refused, failed, answered too late, collided; lost, doubled, late. 0 for none
    #[arg(long, default_value_t = 20, conflicts_with = "scenario", value_name = "N", value_parser = clap::value_parser!(u32).range(0..=500))]
    faults: u32,
    /// Length of the live part; without it, until Ctrl-C
    #[arg(long, conflicts_with = "scenario", value_name = "N")]
    seconds: Option<u64>,
    /// Port of the web app and API; 0 takes a free one [default: 7171; of a scenario, a free one]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

/// Customers of the demo without a scenario: the company of the requirements.
const CUSTOMERS: usize = 24_100;
/// Customers that the simulators hold in the memory of a usual machine.
const CUSTOMERS_MAX: usize = 1_000_000;
/// Port of the demo without a scenario: that of `entente serve`.
const PORT: u16 = 7171;

/// Reads a number of customers.
fn customers(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(many) if (1..=CUSTOMERS_MAX).contains(&many) => Ok(many),
        _ => Err(format!("give 1 to {CUSTOMERS_MAX} customers")),
    }
}

/// Reads a number of edits a second.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1_000.0 => Ok(rate),
        _ => Err("give edits a second, above 0 and at most 1000".to_owned()),
    }
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    if args.list_scenarios {
        return scenario::list(context);
    }
    if let Some(scenario) = args.scenario {
        let size = Size {
            customers: args.customers,
            seed: args.seed,
            speed: args.profile,
            port: args.port.unwrap_or(0),
            new_customers: args.new_customers as usize,
            changes: args.changes as usize,
        };
        return scenario::run(scenario, size, context).await;
    }
    let output = context.output;
    let customers = args.customers.unwrap_or(CUSTOMERS);
    // Whatever ends this function, a fault, a panic or its end, ends the child and removes the store with it.
    let told = |text: String| {
        if !output.is_json() {
            say(&text)
        }
    };
    let sims = Sims::start(args.profile.unwrap_or(Speed::Real), args.seed).await?;
    let spinner = output.spinner(format!("making {} customers", status_text::number(customers as u64)));
    let seeded = sims.control.seed(&WorldOptions { customers, seed: args.seed, ..WorldOptions::default() }).await?;
    spinner.finish_and_clear();
    told(format!(
        "A CRM with {} contacts in {} accounts, and a support desk that knows {} of them.",
        status_text::number(seeded.contacts as u64),
        status_text::number(seeded.accounts as u64),
        status_text::number(seeded.users as u64)
    ));
    let calls = sims.control.calls().await?;
    let began = Instant::now();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port.unwrap_or(PORT)));
    let hub = Hub::start(&sims, HubOptions { listen, ..HubOptions::default() }).await?;
    told(format!("Dashboard: {}\n\nFirst full sync:", hub.url));
    let stops = Stops::listen();
    let stop = stops.at(1);
    tokio::pin!(stop);
    let (ended, full_calls) = tokio::select! {
        done = first_sync::show(&hub, &sims, output) => done?,
        () = &mut stop => {
            told("Stopped before the first full sync was done.".to_owned());
            let so_far = sims.control.calls().await?.since(calls);
            let outcome = Outcome::count(&hub, &sims, began.elapsed().as_secs_f64(), api_calls(so_far), false).await?;
            hub.stop().await?;
            output.show(&outcome, Outcome::text)?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let full_sync_s = ended.duration_since(began).as_secs_f64();
    let full_calls = full_calls.since(calls);
    told(format!(
        "In agreement after {full_sync_s:.1} seconds and {} + {} API calls. Live edits follow.",
        status_text::number(full_calls.salesforce),
        status_text::number(full_calls.zendesk)
    ));
    let faults = (args.faults > 0).then_some(FaultPhases { calm_s: CALM_S, bad_s: BAD_S, per_mille: args.faults });
    sims.control.start_traffic(&TrafficOptions { rate: args.rate, seed: args.seed, faults, ..TrafficOptions::default() }).await?;
    let length = args.seconds.map_or(Duration::MAX, Duration::from_secs);
    tokio::select! {
        () = tokio::time::sleep(length) => {}
        () = &mut stop => {}
        drawn = draw(&hub, &sims, output) => drawn?,
    }
    sims.control.stop_traffic().await?;
    told("Edits ended. Counting when everything has landed; Ctrl-C counts now.".to_owned());
    let spinner = output.spinner("waiting until everything has landed");
    let still = tokio::select! {
        still = quiet::wait(&hub, &sims, quiet::LANDING_MAX) => still?,
        () = stops.at(2) => false,
    };
    spinner.finish_and_clear();
    let outcome = Outcome::count(&hub, &sims, full_sync_s, api_calls(full_calls), still).await?;
    hub.stop().await?;
    output.show(&outcome, Outcome::text)?;
    Ok(ExitCode::SUCCESS)
}

/// How often the process was told to stop, whatever it was at then.
struct Stops(watch::Receiver<u32>);

impl Stops {
    /// Listens for as long as the process lives.
    fn listen() -> Self {
        let (told, times) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                stop_signal().await;
                told.send_modify(|times| *times += 1);
            }
        });
        Self(times)
    }

    /// Completes when it was told so often.
    async fn at(&self, times: u32) {
        let mut so_far = self.0.clone();
        // The sender lives as long as this process.
        let _told = so_far.wait_for(|told| *told >= times).await;
    }
}

/// Draws the dashboard over and over, for ever.
async fn draw(hub: &Hub, sims: &Sims, output: Output) -> Result<()> {
    use std::io::IsTerminal;
    if output.is_json() || !std::io::stdout().is_terminal() {
        return std::future::pending().await;
    }
    loop {
        let dashboard = entente_engine::reports::dashboard(&hub.engine).await?;
        let report = sims.control.report().await?;
        // Clears the screen and goes to its top, as terminals have understood since the seventies.
        say(&format!("\x1b[2J\x1b[H{}\n\n{}", status_text::render(&dashboard, columns()), live(&report, hub.url.as_str())));
        tokio::time::sleep(DRAW_EVERY).await;
    }
}

/// The live edits as the simulators saw them land.
fn live(report: &TrafficReport, url: &str) -> String {
    format!(
        "LIVE EDITS, as measured at the platforms:\n  Made: {}, landed: {}, on their way: {}, superseded: {}, changed on both sides: {}\n  \
         Edit to landed: {} ms (P50), {} ms (P95), {} ms (slowest)\n  New customers: {} of {}, won to support id: {} ms (P50)\n\n  {url}   Ctrl-C ends",
        status_text::number(report.edits),
        status_text::number(report.landed),
        report.outstanding,
        report.superseded,
        report.conflicting,
        report.latency.p50_ms,
        report.latency.p95_ms,
        report.latency.max_ms,
        report.new_customers.latency.count,
        report.new_customers.won,
        report.new_customers.latency.p50_ms,
    )
}
