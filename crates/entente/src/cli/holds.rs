//! `entente holds`.

use std::process::ExitCode;

use clap::Subcommand;
use entente_engine::records::holds::{self, HeldQuery, HeldRecord, Hold, HoldDecision, HoldQuery};

use super::context::Context;
use super::output::{counted, moment, more, table};
use crate::fault::Result;

/// What to do with holds.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them, newest first
    List {
        /// Show those in this state: open, released or dropped
        #[arg(long)]
        state: Option<String>,
        /// Show at most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Show those before this one
        #[arg(long, value_name = "ID")]
        before: Option<String>,
    },
    /// Show what is held, record by record
    Show {
        /// Its id
        id: String,
        /// Show at most this many records
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Show records after this one
        #[arg(long, value_name = "RECORD")]
        after: Option<String>,
    },
    /// Let it go: its records converge as if nothing had held them
    Release {
        /// Its id
        id: String,
    },
    /// Decide against it: what was changed is put back where it came from
    Drop {
        /// Its id
        id: String,
    },
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let viewer = context.viewer();
    match command {
        Command::List { state, limit, before } => {
            let page = holds::list(&engine, &viewer, HoldQuery { state, before, limit: Some(limit) }).await?;
            context.output.show(&page, |page| {
                if page.items.is_empty() {
                    return "No holds.".to_owned();
                }
                let rows = page.items.iter().map(|hold| {
                    let what = format!("{} {} at {}", hold.object, hold.what, hold.connection);
                    [hold.id.clone(), moment(hold.since), hold.state.clone(), hold.records.to_string(), what]
                });
                table(["ID", "SINCE", "STATE", "RECORDS", "WHAT"], rows) + &more(page.next.as_deref())
            })?;
        }
        Command::Show { id, limit, after } => {
            let detail = holds::show(&engine, &viewer, &id, HeldQuery { after, limit: Some(limit) }).await?;
            context.output.show(&detail, |detail| {
                let mut text = format!("{}\n", head(&detail.hold));
                text.extend(detail.held.iter().map(one));
                if let Some(next) = &detail.next {
                    text.push_str(&format!("\nMore: --after {next}"));
                }
                text
            })?;
        }
        Command::Release { id } => {
            let decision = holds::release(&engine, &viewer, &id).await?;
            context
                .output
                .show(&decision, |decision| format!("Let go: {}.\n{}", counted(decision.records, "record"), head(&decision.hold)))?;
        }
        Command::Drop { id } => {
            let decision = holds::drop(&engine, &viewer, &id).await?;
            context.output.show(&decision, dropped)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn head(hold: &Hold) -> String {
    let mut text = format!(
        "{}  {}: {} {} at {}\n  state      {}\n  since      {}\n  unusual    {} within the window, {} pass\n",
        hold.id,
        counted(hold.records, "record"),
        hold.object,
        hold.what,
        hold.connection,
        hold.state,
        moment(hold.since),
        hold.many,
        hold.allowed
    );
    if let (Some(by), Some(at)) = (&hold.closed_by, hold.closed_at) {
        text.push_str(&format!("  decided    {} by {by}\n", moment(at)));
    }
    text
}

fn one(held: &HeldRecord) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(blank)".to_owned());
    let mut text = format!("{} ({})\n", held.title, held.record);
    for change in &held.changes {
        text.push_str(&format!("    {}: {} → {}\n", change.label, value(&change.before), value(&change.after)));
    }
    if !held.gone.is_empty() {
        text.push_str(&format!("    deleted, because it is gone at {}\n", held.gone.join(" and ")));
    }
    text
}

fn dropped(decision: &HoldDecision) -> String {
    let mut text = format!("Put back: {}.\n", counted(decision.records, "record"));
    for kept in &decision.kept {
        text.push_str(&format!("  {} still waits: {}\n", kept.record, kept.reason));
    }
    text.push_str(&head(&decision.hold));
    text
}
