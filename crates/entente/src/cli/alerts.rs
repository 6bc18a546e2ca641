//! `entente alerts`.

use std::process::ExitCode;

use clap::Subcommand;
use entente_engine::alerts::list::{self, AlertQuery, AlertView};
use entente_engine::notify::trial;

use super::context::Context;
use super::output::{moment, table};
use super::serve::notifier;
use crate::fault::Result;

/// Exit code of a test that a channel did not pass.
const REFUSED: u8 = 2;

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them, newest first: the open ones, or all with --all
    List {
        /// Show those that are over as well
        #[arg(long)]
        all: bool,
        /// Show at most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Show alerts before this one
        #[arg(long, value_name = "ID")]
        before: Option<String>,
    },
    /// List the channels and who is told there
    Channels,
    /// Send a test message to a channel, or to every one; exit code 2 when one does not take it
    Test {
        /// `slack`, `teams`, a channel of Slack such as `#ops`, the name of a webhook or an e-mail address
        channel: Option<String>,
    },
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    match command {
        Command::List { all, limit, before } => {
            let engine = context.engine().await?;
            let state = all.then(|| "all".to_owned());
            let page = list::list(&engine, AlertQuery { state, before, limit: Some(limit) }).await?;
            context.output.show(&page, |page| {
                if page.items.is_empty() {
                    return if all { "No alerts yet." } else { "No open alerts." }.to_owned();
                }
                let rows = page.items.iter().map(|alert| {
                    [alert.id.clone(), moment(alert.since), alert.severity.clone(), state_of(alert), told(alert), alert.title.clone()]
                });
                let mut text = table(["ID", "SINCE", "SEVERITY", "STATE", "TOLD", "WHAT"], rows);
                if let [one] = page.items.as_slice() {
                    text.push_str(&format!("\n\n{}", one.body));
                }
                if let Some(next) = &page.next {
                    text.push_str(&format!("\nMore: --before {next}"));
                }
                text
            })?;
        }
        Command::Channels => {
            let channels = trial::channels(&notifier(&context.config()?)?);
            context.output.show(channels.as_slice(), |channels| {
                if channels.is_empty() {
                    return "No channels: alerts are seen in the web app only. Set one up under [notify].".to_owned();
                }
                table(
                    ["CHANNEL", "KIND", "WHOSE"],
                    channels.iter().map(|one| [one.name.clone(), one.kind.clone(), one.audiences.join(", ")]),
                )
            })?;
        }
        Command::Test { channel } => {
            let notifier = notifier(&context.config()?)?;
            let engine = context.engine().await?;
            let trials = trial::test(&engine, &notifier, channel.as_deref()).await?;
            context.output.show(trials.as_slice(), |trials| {
                if trials.is_empty() {
                    return "There is no channel; set one up under [notify].".to_owned();
                }
                let lines =
                    trials.iter().map(|trial| format!("{} {}: {}", if trial.taken { "✅" } else { "❌" }, trial.channel, trial.words));
                lines.collect::<Vec<_>>().join("\n")
            })?;
            if trials.is_empty() || trials.iter().any(|trial| !trial.taken) {
                return Ok(ExitCode::from(REFUSED));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn state_of(alert: &AlertView) -> String {
    match alert.ended_at {
        Some(at) => format!("over {}", moment(at)),
        None => alert.state.clone(),
    }
}

/// What became of the latest message.
fn told(alert: &AlertView) -> String {
    match alert.messages.last() {
        None => "-".to_owned(),
        Some(message) => match &message.error {
            Some(error) => format!("{} ({error})", message.state),
            None => message.state.clone(),
        },
    }
}
