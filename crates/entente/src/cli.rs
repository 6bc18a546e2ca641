//! The command line. Each command is one file; none has a meaning of its own, they call use-cases of the engine and print the answer.

mod actions;
mod alerts;
mod bench;
mod blame;
mod config;
mod conflicts;
mod conflicts_text;
mod connect;
mod context;
mod dead_letters;
mod demo;
mod doctor;
#[cfg(test)]
mod documented;
mod files;
mod history;
mod holds;
mod keys;
mod ledger;
mod mapping;
mod moments;
mod openapi;
mod output;
mod plan;
mod platforms;
mod privacy;
mod provision;
mod quality;
mod reconcile;
mod reconcile_text;
mod report;
mod rest;
mod resync;
mod reviews;
mod rollout;
mod schema;
mod serve;
mod show;
mod sim;
mod status;
mod status_failures;
mod status_text;
mod token;
mod undo;
mod unmerge;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Environment, LOG_VARIABLE};
use crate::fault::{Fault, Result};
use crate::telemetry::{self, LogFormat};
use context::Context;
use output::{Form, Output};

/// Exit code of a command that failed.
const FAILED: u8 = 1;

/// Exit code of a plan that would write.
const WOULD_WRITE: u8 = 2;

/// Exit code of a plan that would write nothing, because records cannot go on.
const BLOCKED: u8 = 3;

/// Heading of the options that every command has.
const EVERYWHERE: &str = "Options of every command";

/// Entente keeps one customer the same in the CRM and in the support desk.
#[derive(Debug, Parser)]
#[command(name = "entente", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Configuration file [default: the path in ENTENTE_CONFIG, else ./entente.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// Form of the answer: text for people, json for programs
    #[arg(long, global = true, value_enum, default_value_t = Form::Text, value_name = "FORM", hide_possible_values = true, help_heading = EVERYWHERE)]
    output: Form,
    /// Form of log lines on standard error: human or json [default: human on a terminal, json otherwise]
    #[arg(long, global = true, value_enum, value_name = "FORM", hide_possible_values = true, help_heading = EVERYWHERE)]
    log_format: Option<LogFormat>,
    /// Log filter, such as info or entente_engine=debug [default: ENTENTE_LOG, else info for servers and warn for commands]
    #[arg(long, global = true, value_name = "FILTER", help_heading = EVERYWHERE)]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server and, with it, the sync
    Serve(serve::Args),
    /// Run the sync alone, beside other processes (PostgreSQL)
    Worker(worker::Args),
    /// See Entente at work between a simulated CRM and support desk
    Demo(demo::Args),
    /// Measure speed, calls and memory against simulated platforms
    Bench(bench::Args),
    /// Run simulators of platforms, to try Entente without an account
    Sim(sim::Args),
    /// Show the dashboard
    Status(status::Args),
    /// Show a record, as it is or as it was
    Show(show::Args),
    /// Show what happened to a record
    History(history::Args),
    /// Show who set a field of a record, and what it was before
    Blame(blame::Args),
    /// Connect a platform: sign in with a browser or a key, try it, and keep it
    Connect(connect::Args),
    /// Check configuration, key, store and every connection
    Doctor(doctor::Args),
    /// Show what undoing a change, a run or a stretch of time would put back, and do it with --apply; exit code 2 when there is something
    Undo(undo::Args),
    /// Part a record from the one that it was merged into: values, counterparts and what points to it go back
    Unmerge(unmerge::Args),
    /// Show what a sync would write, or what files would change, without writing; exit code 2 when it would, 3 when records cannot go on
    Plan(plan::Args),
    /// Show the platforms, what each can do, and how soon a change is seen
    Platforms(platforms::Args),
    /// Write mappings and custom fields to a folder, as YAML files with their JSON Schemas
    Export(files::ExportArgs),
    /// Put the files of a folder in force, exactly as they were planned
    Apply(files::ApplyArgs),
    /// Show the fields and webhooks that connections lack, and make them with --apply
    Provision(provision::Args),
    /// Approvals, flows and currencies at the CRM: list what there is, submit, approve, reject, recall, run
    #[command(subcommand)]
    Actions(actions::Command),
    /// Look at everything again, or at one object, record or connection
    Resync(resync::Args),
    /// Compare both sides field by field, put right what differs, and certify; or check a certificate
    Reconcile(reconcile::Args),
    /// Check the ledger
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Records whose sync failed for good
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// Conflicts that wait for a person, rules proposed from decisions, and statistics
    #[command(subcommand)]
    Conflicts(conflicts::Command),
    /// Pairs of records that may be one customer
    #[command(subcommand)]
    Reviews(reviews::Command),
    /// Unusual mass changes that wait for a person
    #[command(subcommand)]
    Holds(holds::Command),
    /// Erasures, and everything that is held about a person
    #[command(subcommand)]
    Privacy(privacy::Command),
    /// Show the measures of the sync against its promises, by hour and by day
    Quality(quality::Args),
    /// Make the report of a month, as text, HTML, PDF or JSON
    Report(report::Args),
    /// What operators are told of, and the channels that they are told by
    #[command(subcommand)]
    Alerts(alerts::Command),
    /// Changes of the platforms' schemas: what they break, and what puts it right
    #[command(subcommand)]
    Schema(schema::Command),
    /// The master key
    #[command(subcommand)]
    Keys(keys::Command),
    /// API tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Mappings: show, check, save, and go back to an earlier version
    #[command(subcommand)]
    Mapping(mapping::Command),
    /// Descriptions of platforms of your own: check one, try one, and what one may hold
    #[command(subcommand)]
    Rest(rest::Command),
    /// Print the description of the HTTP API
    Openapi(openapi::Args),
    /// Check, show and explain the configuration
    #[command(subcommand)]
    Config(config::Command),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            if told.use_stderr() && asks_for_json(std::env::args_os().map(|word| word.to_string_lossy().into_owned())) {
                return failed(Output::new(Form::Json), &misused(&told.render().to_string()));
            }
            // There is nobody left to tell when the terminal is closed.
            let _closed = told.print();
            // A mistyped command is a failure: 2 would read as a plan that has something to write.
            return if told.use_stderr() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS };
        }
    };
    let output = Output::new(cli.output);
    let environment = Environment::of_process();
    let serving = matches!(cli.command, Command::Serve(_) | Command::Worker(_));
    let format = cli.log_format.unwrap_or_else(telemetry::usual_format);
    let filter =
        cli.log.clone().or_else(|| environment.get(LOG_VARIABLE)).unwrap_or_else(|| if serving { "info" } else { "warn" }.to_owned());
    if let Some(complaint) = telemetry::start(format, Some(&filter)) {
        output.warn(&Fault::new(complaint, "see --help for --log"));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return failed(output, &Fault::new(format!("the process cannot start its threads: {error}"), "check the limits of this user"));
        }
    };
    let context = Context { environment, file: cli.config, output };
    match runtime.block_on(run(cli.command, &context)) {
        Ok(code) => code,
        Err(fault) => failed(output, &fault),
    }
}

/// Whether a command line asks for JSON; of one that cannot be read whole, that is all there is to go by.
fn asks_for_json(words: impl Iterator<Item = String>) -> bool {
    let words: Vec<String> = words.collect();
    words.iter().any(|word| word == "--output=json") || words.windows(2).any(|two| two == ["--output", "json"])
}

/// What a program is told of a command line that cannot be read: what is wrong, and how it is to be written.
fn misused(text: &str) -> Fault {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let (what, how) = text.split_once("\n\n").unwrap_or((text, "see --help"));
    Fault::new(line(what), line(how))
}

fn failed(output: Output, fault: &Fault) -> ExitCode {
    output.complain(fault);
    ExitCode::from(FAILED)
}

async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(args, context).await,
        Command::Worker(args) => worker::run(args, context).await,
        Command::Demo(args) => demo::run(args, context).await,
        Command::Bench(args) => bench::run(args, context).await,
        Command::Sim(args) => sim::run(args, context).await,
        Command::Status(args) => status::run(args, context).await,
        Command::Show(args) => show::run(args, context).await,
        Command::Undo(args) => undo::run(args, context).await,
        Command::Unmerge(args) => unmerge::run(args, context).await,
        Command::History(args) => history::run(args, context).await,
        Command::Blame(args) => blame::run(args, context).await,
        Command::Connect(args) => connect::run(args, context).await,
        Command::Doctor(args) => doctor::run(args, context).await,
        Command::Plan(args) => plan::run(args, context).await,
        Command::Platforms(args) => platforms::run(args, context).await,
        Command::Export(args) => files::export(args, context).await,
        Command::Apply(args) => files::apply(args, context).await,
        Command::Provision(args) => provision::run(args, context).await,
        Command::Actions(command) => actions::run(command, context).await,
        Command::Resync(args) => resync::run(args, context).await,
        Command::Reconcile(args) => reconcile::run(args, context).await,
        Command::Ledger(command) => ledger::run(command, context).await,
        Command::DeadLetters(command) => dead_letters::run(command, context).await,
        Command::Conflicts(command) => conflicts::run(command, context).await,
        Command::Reviews(command) => reviews::run(command, context).await,
        Command::Holds(command) => holds::run(command, context).await,
        Command::Privacy(command) => privacy::run(command, context).await,
        Command::Quality(args) => quality::run(args, context).await,
        Command::Report(args) => report::run(args, context).await,
        Command::Alerts(command) => alerts::run(command, context).await,
        Command::Schema(command) => schema::run(command, context).await,
        Command::Keys(command) => keys::run(command, context).await,
        Command::Token(command) => token::run(command, context).await,
        Command::Mapping(command) => mapping::run(command, context).await,
        Command::Rest(command) => rest::run(command, context).await,
        Command::Openapi(args) => openapi::run(&args, context),
        Command::Config(command) => config::run(command, context),
    }
}

/// The dashboard as `entente status` prints it, for tests that tell of its numbers.
#[cfg(test)]
pub fn dashboard_text(dashboard: &entente_engine::reports::dashboard::Dashboard) -> String {
    status_text::render(dashboard, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn programs_are_told_in_json_how_a_command_is_written() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>().into_iter();
        assert!(asks_for_json(words("entente show --output json")) && asks_for_json(words("entente --output=json show")));
        assert!(!asks_for_json(words("entente show json --output text")));
        let told = Cli::try_parse_from(["entente", "show", "--output", "json"]).unwrap_err().render().to_string();
        let fault = misused(&told);
        assert_eq!(fault.what, "the following required arguments were not provided: <RECORD>");
        assert!(fault.remedy.starts_with("Usage: entente show") && fault.remedy.ends_with("try '--help'."), "{}", fault.remedy);
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_says_what_it_does() {
        fn look(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands() {
                let path = format!("{path} {}", sub.get_name());
                assert!(sub.get_about().is_some(), "{path} says nothing");
                look(sub, &path);
            }
            for argument in command.get_arguments().filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version")) {
                assert!(argument.get_help().is_some(), "{path} {} says nothing", argument.get_id());
            }
        }
        look(&Cli::command(), "entente");
    }
}
