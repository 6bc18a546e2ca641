//! `entente bench`: measured numbers. Each measure has a fresh store and fresh simulators, in a process of their own; `matching` has
//! records alone.
//!
//! Nothing here passes or fails: the table says what was, beside what is to be reached.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use entente_model::clock::Clock;

use super::context::Context;
use crate::assemble::MachineTime;
use crate::fault::Result;

mod cpu;
mod least;
mod matching;
mod measures;
mod new_field;
mod platforms;
mod reconciling;
mod serving;
mod table;

use table::{Place, Row};

/// What is to be reached with 20 edits a second that may take 3 seconds.
const TWENTY: &str = "P50 ≤ 1.5 s, P95 ≤ 3 s; ≤ 300 calls per 1,000";
/// The same when they may take 9 seconds.
const TWENTY_RELAXED: &str = "P95 ≤ 9 s; ≤ 100 calls per 1,000";
/// What is to be reached with 200 edits a second.
const TWO_HUNDRED: &str = "≤ 60 calls per 1,000";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// First full sync at real latencies and quotas
    FullSync,
    /// 20 edits a second, to land within 3 seconds
    Live20,
    /// 20 edits a second, to land within 9 seconds
    Live20Relaxed,
    /// 200 edits a second
    Live200,
    /// Won deals until the support id is back
    ClosedWon,
    /// Webhooks without any latency of the platforms
    Webhooks,
    /// A new custom field, from the saved mapping to its last value
    NewField,
    /// Comparing both sides field by field
    Reconcile,
    /// Memory at 100,000 linked customers
    Memory,
    /// From the start of `entente serve` to its first answer
    Start,
    /// Each platform by itself: first read, first write, calls, delay
    Platforms,
    /// Contacts of HubSpot a CPU-second
    Cpu,
}

/// What is measured by itself.
#[derive(Debug, Subcommand)]
enum Command {
    /// Measure how well and how fast records of one customer are found
    Matching(matching::Args),
}

/// Options.
#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Measure this alone
    #[arg(long, value_enum, value_name = "NAME")]
    only: Option<Measure>,
    /// Of the platforms by themselves, this one alone
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Customers of the simulated company, memory aside
    #[arg(long, default_value_t = 24_100, value_name = "N")]
    customers: usize,
    /// Customers when memory is measured, and contacts of each platform by itself
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    memory_customers: usize,
    /// Length of each live measure
    #[arg(long, default_value_t = 120, value_name = "N")]
    seconds: u64,
    /// Seed of everybody and everything
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

/// What every measure works with.
#[derive(Debug, Clone, Copy)]
struct Setting {
    customers: usize,
    memory_customers: usize,
    length: Duration,
    seed: u64,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    if let Some(Command::Matching(args)) = &args.command {
        return matching::run(args, context);
    }
    let setting = Setting {
        customers: args.customers,
        memory_customers: args.memory_customers,
        length: Duration::from_secs(args.seconds),
        seed: args.seed,
    };
    let place = Place::here(MachineTime.now());
    let mut rows: Vec<Row> = Vec::new();
    let mut sheets = Vec::new();
    for measure in Measure::value_variants().iter().filter(|measure| args.only.is_none_or(|only| only == **measure)) {
        let name = measure.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let spinner = context.output.spinner(format!("measuring {name}"));
        let measured = match measure {
            Measure::FullSync => measures::full_sync(setting).await?,
            Measure::Live20 => measures::live(setting, 20.0, Duration::from_secs(3), TWENTY).await?,
            Measure::Live20Relaxed => measures::live(setting, 20.0, Duration::from_secs(9), TWENTY_RELAXED).await?,
            Measure::Live200 => measures::live(setting, 200.0, Duration::from_secs(3), TWO_HUNDRED).await?,
            Measure::ClosedWon => measures::closed_won(setting).await?,
            Measure::Webhooks => measures::webhooks(setting).await?,
            Measure::NewField => new_field::new_field(setting).await?,
            Measure::Reconcile => reconciling::reconcile_all(setting).await?,
            Measure::Memory => measures::memory(setting).await?,
            Measure::Start => serving::start().await?,
            Measure::Platforms => {
                sheets.push(platforms::platforms(setting, args.platform.as_deref()).await?);
                Vec::new()
            }
            Measure::Cpu => cpu::hubspot(setting).await?,
        };
        spinner.finish_and_clear();
        rows.extend(measured);
    }
    let report = table::Report { place, rows, sheets };
    context.output.show(&report, table::Report::markdown)?;
    Ok(ExitCode::SUCCESS)
}
