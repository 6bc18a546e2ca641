//! `entente mapping draft`, `try`, `advance`, `rollouts`, `back` and `verify`: how a version comes into force.

use std::path::PathBuf;

use clap::Subcommand;
use entente_engine::Engine;
use entente_engine::metadata::mappings::Proposal;
use entente_engine::metadata::rollout::{self, Advance, RolloutState};
use entente_engine::metadata::trial::{self, Trial, TriedRecord};
use entente_engine::sync::shadow::Difference;

use super::context::Context;
use super::mapping::{judgement_text, read};
use super::output::{looked_at_again, moment, table};
use crate::fault::Result;

/// Records of a trial that are shown one by one; `--output json` has all of them.
const SHOWN: usize = 20;

/// How a version comes into force.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge a mapping file and save it as a version that is not in force
    Draft {
        /// Mapping file, YAML, TOML or JSON
        file: PathBuf,
        /// Connection that it is for
        #[arg(long)]
        connection: String,
        /// Why, for whoever looks at the versions later
        #[arg(long, default_value = "")]
        note: String,
        /// Save it although lines lose something on the way there and back
        #[arg(long)]
        accept_loss: bool,
    },
    /// Try a version on real records: what it would write otherwise, field by field, and the calls that it would cost; nothing is written
    Try {
        /// Its number
        #[arg(value_name = "VERSION")]
        number: i64,
        /// Connection
        #[arg(long)]
        connection: String,
        /// Object
        #[arg(long)]
        object: String,
        /// Try it on this many records, last changed first
        #[arg(long, default_value_t = trial::RECORDS)]
        records: usize,
    },
    /// Let a version decide in the shadow of live traffic, or for a share of the records
    Advance {
        /// Its number
        #[arg(value_name = "VERSION")]
        number: i64,
        /// Connection
        #[arg(long)]
        connection: String,
        /// Object
        #[arg(long)]
        object: String,
        /// Share of the records that it decides, 1 to 99 percent [default: none, it decides in the shadow]
        #[arg(long)]
        percent: Option<u64>,
    },
    /// Show versions on their way into force, and those in force that nobody has verified
    Rollouts,
    /// Go back to the version before
    Back {
        /// Connection
        #[arg(long)]
        connection: String,
        /// Object
        #[arg(long)]
        object: String,
    },
    /// Say that the version in force is right
    Verify {
        /// Connection
        #[arg(long)]
        connection: String,
        /// Object
        #[arg(long)]
        object: String,
    },
}

pub async fn run(command: Command, engine: &Engine, context: &Context) -> Result<()> {
    let viewer = context.viewer();
    match command {
        Command::Draft { file, connection, note, accept_loss } => {
            let proposal = Proposal { mapping: read(&file)?, note, accept_loss, new_fields: Vec::new() };
            let drafted = rollout::draft(engine, &viewer, &connection, proposal).await?;
            context.output.show(&drafted, |drafted| {
                let (version, object) = (drafted.saved.version, &drafted.saved.object);
                format!("{}\nVersion {version} of {object} at {connection} is a draft.", judgement_text(&drafted.judgement))
            })
        }
        Command::Try { number, connection, object, records } => {
            let spinner = context.output.spinner("trying");
            let trial = trial::try_version(engine, &connection, &object, number, records).await;
            spinner.finish_and_clear();
            context.output.show(&trial?, trial_text)
        }
        Command::Advance { number, connection, object, percent } => {
            let to = Advance { version: number, percent };
            let state = rollout::advance(engine, &viewer, &connection, &object, to).await?;
            context.output.show(&state, |state| match state.percent {
                0 => format!(
                    "Version {} of {} decides in the shadow; `entente mapping rollouts` shows what differs.",
                    state.version, state.object
                ),
                percent => format!("Version {} of {} decides {percent} % of the records.", state.version, state.object),
            })
        }
        Command::Rollouts => context.output.show(&rollout::list(engine).await?, |states| rollouts_text(states)),
        Command::Back { connection, object } => {
            let back = rollout::back(engine, &viewer, &connection, &object).await?;
            context.output.show(&back, |back| {
                format!(
                    "Version {} of {object} at {connection} is in force for all records; version {} is taken back. {}.",
                    back.version,
                    back.from,
                    looked_at_again(back.records)
                )
            })
        }
        Command::Verify { connection, object } => {
            let verified = rollout::verify(engine, &connection, &object).await?;
            context.output.show(&verified, |verified| format!("Version {} of {object} at {connection} is verified.", verified.version))
        }
    }
}

fn trial_text(trial: &Trial) -> String {
    let mut text = judgement_text(&trial.judgement);
    for record in trial.differing.iter().take(SHOWN) {
        text.push_str(&tried(record));
    }
    if trial.differing.len() > SHOWN {
        text.push_str(&format!("… and {} more records\n", trial.differing.len() - SHOWN));
    }
    let writes: Vec<String> = trial.writes.iter().map(|(place, many)| format!("{many} at {place}")).collect();
    text.push_str(&format!(
        "{} records tried, {} decided otherwise; writes: {}.\n",
        trial.records,
        trial.differing.len(),
        if writes.is_empty() { "none".to_owned() } else { writes.join(", ") }
    ));
    let cost = &trial.cost;
    text.push_str(&format!(
        "For all {} records: about {} calls to read, {} to write. Nothing was written.",
        cost.records, cost.read_calls, cost.write_calls
    ));
    text
}

fn tried(record: &TriedRecord) -> String {
    let mut text = format!("{} ({})\n", record.title, record.record);
    text.extend(record.differences.iter().map(difference));
    if let Some(blocked) = &record.blocked {
        text.push_str(&format!("    blocked: {blocked}\n"));
    }
    text
}

fn difference(one: &Difference) -> String {
    let value = |value: &Option<String>| value.as_ref().map_or_else(|| "nothing".to_owned(), |value| format!("`{value}`"));
    format!("    {} {}: writes {} now, {} then\n", one.place, one.field, value(&one.now), value(&one.then))
}

fn rollouts_text(states: &[RolloutState]) -> String {
    if states.is_empty() {
        return "No version is on its way, and every version in force is verified.".to_owned();
    }
    let rows = states.iter().map(|state| {
        let what = format!("{} at {}", state.object, state.connection);
        let compared = if state.compared > 0 { format!("{} of {} differ", state.differing, state.compared) } else { String::new() };
        let stage = if state.stage == "share" { format!("{} %", state.percent) } else { state.stage.clone() };
        [what, state.version.to_string(), stage, state.previous.to_string(), moment(state.at), state.by.clone(), compared]
    });
    let mut text = table(["MAPPING", "VERSION", "STAGE", "BEFORE", "SINCE", "BY", "SHADOW"], rows);
    for finding in states.iter().flat_map(|state| &state.findings).take(SHOWN) {
        text.push_str(&format!("\n{}\n", finding.record));
        text.extend(finding.differences.iter().map(difference));
    }
    text
}
