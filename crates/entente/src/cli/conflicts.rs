//! `entente conflicts`.

use std::process::ExitCode;

use clap::Subcommand;
use entente_engine::records::conflicts::flagged::{Acknowledgement, acknowledge};
use entente_engine::records::conflicts::many::{ManyResolutions, resolve_many};
use entente_engine::records::conflicts::proposals::{self, Reason};
use entente_engine::records::conflicts::statistics::{StatisticsQuery, statistics};
use entente_engine::records::conflicts::{self, ConflictQuery, Resolution};

use super::FAILED;
use super::conflicts_text as text;
use super::context::Context;
use super::output::more;
use crate::fault::{Fault, Result};

/// What to do with conflicts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them: what waits longest first, so that what is overdue is on top; decided ones newest first
    List {
        /// Show those in this state: waiting, resolved or flagged
        #[arg(long)]
        state: Option<String>,
        /// Show those that the latest change decided and whose older value nobody has looked at yet
        #[arg(long, conflicts_with = "state")]
        flagged: bool,
        /// Show at most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Go on behind this one
        #[arg(long, value_name = "ID")]
        before: Option<String>,
    },
    /// Decide one or many for the value of a side, or one for another value; it is then written everywhere. Of a flagged one, take the older
    /// value after all
    #[command(override_usage = "entente conflicts resolve ID... --side SIDE\n       \
                                entente conflicts resolve ID --value VALUE\n       \
                                entente conflicts resolve --all [--field FIELD] --side SIDE")]
    Resolve {
        /// Its id; several may be given with --side
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<String>,
        /// Decide every conflict that waits
        #[arg(long, conflicts_with_all = ["ids", "value"])]
        all: bool,
        /// With --all: only conflicts about this field
        #[arg(long, requires = "all")]
        field: Option<String>,
        /// Take the value of this side (a connection's name, or entente)
        #[arg(long, required_unless_present = "value")]
        side: Option<String>,
        /// Take this value
        #[arg(long, conflicts_with = "side")]
        value: Option<String>,
    },
    /// Say that flagged values have been looked at: the latest change stays
    #[command(override_usage = "entente conflicts acknowledge ID...\n       entente conflicts acknowledge --all [--field FIELD]")]
    Acknowledge {
        /// Its id; several may be given
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<String>,
        /// Every flagged value
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// With --all: only values of this field
        #[arg(long, requires = "all")]
        field: Option<String>,
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
        Command::List { state, flagged, limit, before } => {
            let state = if flagged { Some("flagged".to_owned()) } else { state };
            let page = conflicts::list(&engine, &viewer, ConflictQuery { state, before, limit: Some(limit) }).await?;
            context.output.show(&page, |page| {
                if page.items.is_empty() {
                    return "No conflicts.".to_owned();
                }
                let shown = page.items.iter().map(|conflict| text::conflict(conflict, engine.now())).collect::<Vec<_>>();
                shown.join("\n") + &more(page.next.as_deref())
            })?;
        }
        Command::Resolve { ids, all, field, side: Some(side), .. } if all || ids.len() > 1 => {
            let done = resolve_many(&engine, &viewer, ManyResolutions { conflicts: ids, all, field, side }).await?;
            context.output.show(&done, text::resolved_many)?;
            if !done.left.is_empty() {
                return Ok(ExitCode::from(FAILED));
            }
        }
        Command::Resolve { ids, side, value, .. } => {
            let [id] = ids.as_slice() else {
                return Err(Fault::new("a value is given to one conflict at a time", "name one ID, or --side SIDE for several"));
            };
            let conflict =
                conflicts::resolve(&engine, &viewer, id, Resolution { side, value: value.map(serde_json::Value::String) }).await?;
            context.output.show(&conflict, |conflict| {
                format!("Decided; every side gets the value at the next look.\n{}", text::conflict(conflict, engine.now()))
            })?;
        }
        Command::Acknowledge { ids, all, field } => {
            let done = acknowledge(&engine, &viewer, Acknowledgement { conflicts: ids, all, field }).await?;
            context.output.show(&done, text::acknowledged)?;
            if !done.left.is_empty() {
                return Ok(ExitCode::from(FAILED));
            }
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
