//! `entente dead-letters`.

use std::process::ExitCode;

use clap::Subcommand;
use entente_engine::records::dead_letters::{self, DeadLetter, DeadLetterQuery, Discard};

use super::context::Context;
use super::output::{moment, table};
use crate::fault::Result;

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them, newest first
    List {
        /// Show those in this state: open, retried or discarded
        #[arg(long)]
        state: Option<String>,
        /// Show at most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one with every attempt
    Show {
        /// Its id
        id: String,
    },
    /// Look at the record again, with all attempts anew
    Retry {
        /// Its id
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        /// Retry everything that waits
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Put it away with a reason
    Discard {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let viewer = context.viewer();
    match command {
        Command::List { state, limit } => {
            let page =
                dead_letters::list(&engine, &viewer, DeadLetterQuery { state, limit: Some(limit), ..DeadLetterQuery::default() }).await?;
            context.output.show(&page, |page| {
                if page.items.is_empty() {
                    return "No dead letters.".to_owned();
                }
                let rows = page.items.iter().map(|letter| {
                    [
                        letter.id.clone(),
                        moment(letter.at),
                        letter.object.clone(),
                        letter.title.clone(),
                        letter.attempts.to_string(),
                        letter.error.clone(),
                    ]
                });
                table(["ID", "SINCE", "OBJECT", "RECORD", "ATTEMPTS", "ERROR"], rows)
            })?;
        }
        Command::Show { id } => {
            let letter = dead_letters::show(&engine, &viewer, &id).await?;
            context.output.show(&letter, |letter| {
                let mut text = one(&letter.letter);
                text.push_str(&format!("  class      {}\n  code       {}\n  answer     {}\n", letter.class, letter.code, letter.answer));
                for attempt in &letter.tries {
                    text.push_str(&format!("  attempt    {}  {}\n", attempt.at.map(moment).unwrap_or_default(), attempt.error));
                }
                text
            })?;
        }
        Command::Retry { id: Some(id), .. } => {
            let letter = dead_letters::retry(&engine, &viewer, &id).await?;
            context.output.show(&letter, |letter| format!("Looking at it again.\n{}", one(letter)))?;
        }
        Command::Retry { id: None, .. } => {
            let many = dead_letters::retry_all(&engine, &viewer).await?;
            context.output.show(&serde_json::json!({ "retried": many }), |_| format!("Looking at {many} records again."))?;
        }
        Command::Discard { id, reason } => {
            let letter = dead_letters::discard(&engine, &viewer, &id, Discard { reason: Some(reason) }).await?;
            context.output.show(&letter, |letter| format!("Put away.\n{}", one(letter)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn one(letter: &DeadLetter) -> String {
    let mut text = format!(
        "{}  {} ({})\n  state      {}\n  since      {}\n  attempts   {}\n  error      {}\n",
        letter.id,
        letter.title,
        letter.object,
        letter.state,
        moment(letter.at),
        letter.attempts,
        letter.error
    );
    if let Some(advice) = &letter.advice {
        text.push_str(&format!("  do         {advice}\n"));
    }
    text
}
