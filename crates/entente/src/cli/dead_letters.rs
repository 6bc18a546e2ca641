//! `entente dead-letters`.

use std::process::ExitCode;

use clap::Subcommand;
use entente_engine::records::dead_letters::{self, DeadLetter, DeadLetterEdit, DeadLetterQuery, Discard, RetryMany};

use super::context::Context;
use super::output::{moment, more, table};
use crate::fault::{Fault, Result};

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them, newest first
    List {
        /// Show those in this state: open, retried or discarded
        #[arg(long)]
        state: Option<String>,
        /// Show those of this class of error only: data, configuration, reauthenticate, retry or look_again
        #[arg(long)]
        class: Option<String>,
        /// Show those of this connection only
        #[arg(long)]
        connection: Option<String>,
        /// Show at most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Show those before this one
        #[arg(long, value_name = "ID")]
        before: Option<String>,
    },
    /// Show one with every attempt
    Show {
        /// Its id
        id: String,
    },
    /// Look at the record again, with all attempts anew
    #[command(override_usage = "entente dead-letters retry ID\n       \
                                entente dead-letters retry [--class CLASS] [--connection CONNECTION]\n       \
                                entente dead-letters retry --all")]
    Retry {
        /// Its id
        id: Option<String>,
        /// Retry everything that waits
        #[arg(long, conflicts_with_all = ["id", "class", "connection"])]
        all: bool,
        /// Retry everything of this class of error
        #[arg(long, conflicts_with = "id")]
        class: Option<String>,
        /// Retry everything of this connection
        #[arg(long, conflicts_with = "id")]
        connection: Option<String>,
    },
    /// Correct the record, and look at it again with all attempts anew
    Edit {
        /// Its id
        id: String,
        /// A field and its new value, such as email=ada@example.com; without a value it is cleared. May be given more than once
        #[arg(long = "set", value_name = "FIELD=VALUE", required = true, value_parser = setting)]
        set: Vec<(String, String)>,
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
        Command::List { state, class, connection, limit, before } => {
            let query = DeadLetterQuery { state, class, connection, before, limit: Some(limit) };
            let page = dead_letters::list(&engine, &viewer, query).await?;
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
                        letter.class.clone(),
                        letter.attempts.to_string(),
                        letter.error.clone(),
                    ]
                });
                table(["ID", "SINCE", "OBJECT", "RECORD", "CLASS", "ATTEMPTS", "ERROR"], rows) + &more(page.next.as_deref())
            })?;
        }
        Command::Show { id } => {
            let letter = dead_letters::show(&engine, &viewer, &id).await?;
            context.output.show(&letter, |letter| {
                let mut text = one(&letter.letter);
                text.push_str(&format!(
                    "  class      {}\n  code       {}\n  answer     {}\n",
                    letter.letter.class, letter.code, letter.answer
                ));
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
        Command::Retry { id: None, all: false, class: None, connection: None } => {
            return Err(Fault::new(
                "nothing is named that could be retried",
                "name the ID of a dead letter, --class CLASS, --connection CONNECTION, or --all",
            ));
        }
        Command::Retry { id: None, class, connection, .. } => {
            let many = dead_letters::retry_many(&engine, &viewer, &RetryMany { class, connection }).await?;
            context.output.show(&serde_json::json!({ "retried": many }), |_| match many {
                0 => "No open dead letter fits; nothing is looked at.".to_owned(),
                1 => "Looking at 1 record again.".to_owned(),
                many => format!("Looking at {many} records again."),
            })?;
        }
        Command::Edit { id, set } => {
            let fields = set.into_iter().map(|(field, value)| (field, serde_json::Value::String(value))).collect();
            let letter = dead_letters::edit(&engine, &viewer, &id, DeadLetterEdit { fields }).await?;
            context.output.show(&letter, |letter| format!("Corrected, and looking at it again.\n{}", one(letter)))?;
        }
        Command::Discard { id, reason } => {
            let letter = dead_letters::discard(&engine, &viewer, &id, Discard { reason }).await?;
            context.output.show(&letter, |letter| format!("Put away.\n{}", one(letter)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads `FIELD=VALUE`.
fn setting(text: &str) -> std::result::Result<(String, String), String> {
    let (field, value) = text.split_once('=').ok_or("write FIELD=VALUE, such as email=ada@example.com")?;
    Ok((field.trim().to_owned(), value.trim().to_owned()))
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
