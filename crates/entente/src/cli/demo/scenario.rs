//! `entente demo --scenario`: situations that a sync has to come through. Each is brought about at the simulated platforms as people and
//! programs there would do it, with `entente serve` as a process of its own between them; it is told step by step, and what it has to come to
//! is judged by the platforms' own data.

use std::process::ExitCode;

use clap::ValueEnum;

use super::super::FAILED;
use super::super::context::Context;
use super::super::output::table;
use super::super::serve::stop_signal;
use super::sims::Speed;
use crate::fault::{Fault, Result};

mod burst;
mod cast;
mod conflicts;
mod duplicates;
mod gdpr;
mod opening;
mod orphans;
mod outage;
pub(in crate::cli) mod platforms;
mod schema;
mod script;
mod stage;

use script::{Played, Script, Stop};
use stage::Setting;

/// A situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Hundreds of new customers at once while a mass change is under way and the desk's quota is used up
    Burst,
    /// Two people ask to be erased, at the desk and by command, and come back by every way there is
    Gdpr,
    /// An admin renames, retypes and removes fields and adds a value to a list, under live edits
    Schema,
    /// Twins within a system and across, a race of two creations, typing errors, and a mailbox that people share
    Duplicates,
    /// Rows deleted behind the back, rows at one side alone, links to nowhere, and reads that break off
    Orphans,
    /// A platform fails, answers get lost, sessions end, and the process is killed meanwhile
    Outage,
    /// Both sides change the same fields: the five rules in order, the last of which is a person
    Conflicts,
}

/// How large a scenario is, and in what surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Contacts in the CRM at the beginning; without it, what the scenario needs.
    pub customers: Option<usize>,
    /// Seed of everybody and everything.
    pub seed: u64,
    /// Latency and quotas of the platforms; without it, what the scenario needs.
    pub speed: Option<Speed>,
    /// Port of the server; 0 for a free one.
    pub port: u16,
    /// New customers of the burst.
    pub new_customers: usize,
    /// Changes of the mass change in the burst.
    pub changes: usize,
}

impl Size {
    fn setting(&self, customers: usize, speed: Speed, sync: &'static str) -> Setting {
        let customers = self.customers.unwrap_or(customers);
        Setting { customers, seed: self.seed, speed: self.speed.unwrap_or(speed), port: self.port, sync }
    }
}

impl Scenario {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn about(self) -> String {
        self.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }

    async fn play(self, script: &mut Script, size: &Size) -> Played {
        match self {
            Self::Burst => burst::play(script, size).await,
            Self::Gdpr => gdpr::play(script, size).await,
            Self::Schema => schema::play(script, size).await,
            Self::Duplicates => duplicates::play(script, size).await,
            Self::Orphans => orphans::play(script, size).await,
            Self::Outage => outage::play(script, size).await,
            Self::Conflicts => conflicts::play(script, size).await,
        }
    }
}

/// Every scenario by name, as `--list-scenarios` shows them.
pub fn list(context: &Context) -> Result<ExitCode> {
    let all: Vec<(String, String)> = Scenario::value_variants().iter().map(|one| (one.name(), one.about())).collect();
    let answer: std::collections::BTreeMap<&str, &str> = all.iter().map(|(name, about)| (name.as_str(), about.as_str())).collect();
    context.output.show(&answer, |_| table(["SCENARIO", "WHAT HAPPENS"], all.iter().map(|(name, about)| [name.clone(), about.clone()])))?;
    Ok(ExitCode::SUCCESS)
}

/// Plays a scenario to its end, or until Ctrl-C. The exit code says whether everything held.
pub async fn run(scenario: Scenario, size: Size, context: &Context) -> Result<ExitCode> {
    let mut script = Script::new(context.output, &scenario.name(), &scenario.about(), size.seed);
    let played = tokio::select! {
        played = scenario.play(&mut script, &size) => played,
        () = stop_signal() => Err(Stop::Fault(Fault::new("stopped before the scenario was over", "let it run to its end"))),
    };
    if let Err(Stop::Fault(fault)) = played {
        return Err(fault);
    }
    let outcome = script.end();
    context.output.show(&outcome, script::Outcome::text)?;
    Ok(if outcome.holds() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
