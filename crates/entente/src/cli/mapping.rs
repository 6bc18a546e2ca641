//! `entente mapping`.

use std::process::ExitCode;

use clap::Subcommand;
use entente_model::mapping::{Direction, Mapping};
use serde::Serialize;

use super::context::Context;
use super::output::table;
use crate::fault::{Fault, Result};

/// What to do with mappings.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check that every mapping compiles and fits the others
    Check,
    /// Show mappings in force
    Show {
        /// Of this connection only
        #[arg(long)]
        connection: Option<String>,
        /// Of this object only
        #[arg(long)]
        object: Option<String>,
    },
}

/// A mapping with its connection.
#[derive(Debug, Serialize)]
struct Shown {
    connection: String,
    #[serde(flatten)]
    mapping: Mapping,
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    // Building the engine compiles every mapping; one that does not fit is the error.
    let engine = context.engine().await?;
    let catalog = engine.catalog();
    let all: Vec<Shown> = engine
        .connections()
        .keys()
        .flat_map(|connection| {
            catalog.mappings(connection).iter().map(|mapped| Shown { connection: connection.clone(), mapping: mapped.mapping().clone() })
        })
        .collect();
    match command {
        Command::Check => {
            let lines: usize = all.iter().map(|shown| shown.mapping.fields.len()).sum();
            context.output.show(&serde_json::json!({ "ok": true, "mappings": all.len(), "fields": lines }), |_| {
                format!("{} mappings with {lines} fields are in order. `entente doctor` checks them against the platforms.", all.len())
            })?;
        }
        Command::Show { connection, object } => {
            if let Some(name) = &connection {
                engine.connection(name)?;
            }
            let chosen: Vec<&Shown> = all
                .iter()
                .filter(|shown| {
                    connection.as_ref().is_none_or(|name| *name == shown.connection)
                        && object.as_ref().is_none_or(|name| *name == shown.mapping.object)
                })
                .collect();
            if chosen.is_empty() {
                return Err(Fault::new("no mapping fits", "leave --connection and --object out to see all of them"));
            }
            context.output.show(&chosen, |chosen| chosen.iter().map(|shown| text(shown)).collect::<Vec<_>>().join("\n\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(shown: &Shown) -> String {
    let Shown { connection, mapping } = shown;
    let rows = mapping.fields.iter().map(|line| {
        let arrow = match line.direction {
            Direction::Both => "↔",
            Direction::In => "←",
            Direction::Out => "→",
        };
        let owner = format!("{:?}", line.owner).to_lowercase();
        let formula = [line.get.as_ref().map(|get| format!("get: {get}")), line.put.as_ref().map(|put| format!("put: {put}"))]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("  ");
        [line.field.clone(), arrow.to_owned(), line.remote.clone(), owner, formula]
    });
    format!(
        "{} at {connection}: {} (key {})\n{}",
        mapping.object,
        mapping.remote,
        mapping.key,
        table(["FIELD", "", "REMOTE", "OWNER", "FORMULA"], rows)
    )
}
