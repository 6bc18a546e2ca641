//! `entente conflicts`.

use std::process::ExitCode;

use clap::Subcommand;
use entente_engine::records::conflicts::proposals::{self, Reason};
use entente_engine::records::conflicts::statistics::{StatisticsQuery, statistics};
use entente_engine::records::conflicts::{self, Conflict, ConflictQuery, Resolution};

use super::conflicts_text as text;
use super::context::Context;
use super::output::moment;
use crate::fault::Result;

/// What to do with conflicts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them, newest first
    List {
        /// Show those in this state: waiting or resolved
        #[arg(long)]
        state: Option<String>,
        /// Show at most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Decide one for the value of a side, or for another value; it is then written everywhere
    #[command(override_usage = "entente conflicts resolve ID --side SIDE\n       entente conflicts resolve ID --value VALUE")]
    Resolve {
        /// Its id
        id: String,
        /// Take the value of this side (a connection's name, or entente)
        #[arg(long, required_unless_present = "value")]
        side: Option<String>,
        /// Take this value
        #[arg(long, conflicts_with = "side")]
        value: Option<String>,
    },
    /// Show rules that people's decisions speak for, with the evidence and what they would have done to last month's conflicts
    Proposals,
    /// Adopt a proposed rule: it decides what would go to a person, and what waits for one now
    Adopt {
        /// Its id
        id: String,
    },
    /// Decline a proposed rule; it is proposed again only when as many decisions speak for it anew
    Decline {
        /// Its id
        id: String,
        /// Say why
        #[arg(long)]
        reason: String,
    },
    /// Show rules that were adopted, declined or withdrawn
    Rules,
    /// Withdraw an adopted rule: what it would decide goes to a person again
    Withdraw {
        /// Its id
        id: String,
        /// Say why
        #[arg(long)]
        reason: String,
    },
    /// Show how many there were, who decided them by which rule, about which field, and how long it took
    Stats {
        /// Look at this many days
        #[arg(long, default_value_t = 30)]
        days: u64,
    },
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let viewer = context.viewer();
    match command {
        Command::List { state, limit } => {
            let page = conflicts::list(&engine, &viewer, ConflictQuery { state, limit: Some(limit), ..ConflictQuery::default() }).await?;
            context.output.show(&page, |page| {
                if page.items.is_empty() { "No conflicts.".to_owned() } else { page.items.iter().map(one).collect::<Vec<_>>().join("\n") }
            })?;
        }
        Command::Resolve { id, side, value } => {
            let conflict =
                conflicts::resolve(&engine, &viewer, &id, Resolution { side, value: value.map(serde_json::Value::String) }).await?;
            context
                .output
                .show(&conflict, |conflict| format!("Decided; every side gets the value at the next look.\n{}", one(conflict)))?;
        }
        Command::Proposals => context.output.show(&proposals::proposals(&engine, &viewer).await?, |found| text::proposals(found))?,
        Command::Adopt { id } => context.output.show(&proposals::adopt(&engine, &viewer, &id).await?, text::adopted)?,
        Command::Decline { id, reason } => {
            context.output.show(&proposals::decline(&engine, &viewer, &id, Reason { reason }).await?, text::rule)?;
        }
        Command::Rules => context.output.show(&proposals::rules(&engine, &viewer).await?, |found| text::rules(found))?,
        Command::Withdraw { id, reason } => {
            context.output.show(&proposals::withdraw(&engine, &viewer, &id, Reason { reason }).await?, text::rule)?;
        }
        Command::Stats { days } => {
            let found = statistics(&engine, &viewer, StatisticsQuery { days: Some(days) }).await?;
            context.output.show(&found, text::statistics)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn one(conflict: &Conflict) -> String {
    let blank = || "(blank)".to_owned();
    let mut text = format!(
        "{}  {} of {} ({}), {} since {}\n",
        conflict.id,
        conflict.label,
        conflict.title,
        conflict.record,
        conflict.state,
        moment(conflict.since)
    );
    for side in &conflict.sides {
        let value = side.value.clone().unwrap_or_else(blank);
        let when = side.at.map(|at| format!(", {}", moment(at))).unwrap_or_default();
        let who = side.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
        text.push_str(&format!("    {:<14} {value}{when}{who}\n", side.side));
    }
    if let Some(resolved) = &conflict.resolved {
        text.push_str(&format!(
            "    decided for    {}{}\n",
            resolved.value.clone().unwrap_or_else(blank),
            resolved.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default()
        ));
    }
    text
}
