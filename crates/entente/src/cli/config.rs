//! `entente config`.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use super::output::say;
use crate::assemble;
use crate::config::{KeySource, document};
use crate::credentials;
use crate::fault::Result;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the configuration file and name every mistake
    Check,
    /// Print a commented example to start from
    Example,
    /// Print the documentation of every key, as Markdown
    Docs,
}

pub fn run(command: Command, context: &Context) -> Result<ExitCode> {
    match command {
        Command::Check => check(context)?,
        Command::Example => say(document::EXAMPLE),
        Command::Docs => say(&document::markdown()?),
    }
    Ok(ExitCode::SUCCESS)
}

fn check(context: &Context) -> Result<()> {
    let config = context.config()?;
    // What is kept in the database is not at hand here; it is tried where it was asked for, by `entente connect`.
    for connection in config.connections.iter().filter(|connection| !credentials::are_stored(connection)) {
        assemble::try_out(connection, &config)?;
    }
    let connections: Vec<_> =
        config.connections.iter().map(|connection| json!({ "name": connection.name, "platform": connection.platform, "role": connection.role, "base_url": connection.base_url.as_str() })).collect();
    let key = match &config.key {
        KeySource::Given(_) => "given".to_owned(),
        KeySource::File(path) => path.display().to_string(),
    };
    let answer = json!({ "ok": true, "file": config.file, "store": format!("{:?}", config.store), "key": key, "listen": config.listen, "connections": connections });
    context.output.show(&answer, |_| {
        let names = config
            .connections
            .iter()
            .map(|connection| format!("{} ({})", connection.name, connection.platform))
            .collect::<Vec<_>>()
            .join(", ");
        let connections = if names.is_empty() { "none yet".to_owned() } else { names };
        format!(
            "{} is in order.\n  store        {:?}\n  master key   {key}\n  listen       {}\n  connections  {connections}",
            config.file.display(),
            config.store,
            config.listen
        )
    })
}
