//! `entente token`.

use std::process::ExitCode;

use clap::Subcommand;
use entente_model::clock::Clock;
use serde_json::json;

use super::context::Context;
use super::output::{moment, table};
use crate::assemble::MachineTime;
use crate::fault::{Fault, Result};
use crate::tokens;

/// What to do with API tokens.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a token and print it, once
    Create {
        /// Name to know it by
        name: String,
    },
    /// List tokens, without their texts
    List,
    /// End a token
    Revoke {
        /// Its name
        name: String,
    },
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    let store = context.store().await?;
    match command {
        Command::Create { name } => {
            if name.trim().is_empty() {
                return Err(Fault::new("the name is blank", "name the token after who or what uses it"));
            }
            let token = tokens::create(&store, &name, MachineTime.now()).await?;
            context.output.show(&json!({ "name": name, "token": token }), |_| {
                format!("{token}\n\nThis is the only time it is shown. From now on every request to the API needs a token.")
            })?;
        }
        Command::List => {
            let listed = tokens::list(&store).await?;
            context.output.show(&listed, |listed| {
                if listed.is_empty() {
                    return "No tokens. Requests of this machine need none until there is one.".to_owned();
                }
                table(
                    ["NAME", "CREATED", "FINGERPRINT"],
                    listed.iter().map(|one| [one.token.name.clone(), moment(one.token.created_at), one.fingerprint.clone()]),
                )
            })?;
        }
        Command::Revoke { name } => {
            if !tokens::revoke(&store, &name).await? {
                return Err(Fault::new(format!("there is no token named `{name}`"), "`entente token list` shows them"));
            }
            context.output.show(&json!({ "revoked": name }), |_| format!("Revoked `{name}`."))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
