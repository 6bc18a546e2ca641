//! `entente ledger`.

use std::process::ExitCode;

use clap::Subcommand;
use entente_store::Verdict;
use serde_json::json;

use super::FAILED;
use super::context::Context;
use crate::fault::Result;

/// What to do with the ledger.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check every entry and block; exit code 1 when something was changed after the fact
    Verify,
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    let Command::Verify = command;
    let store = context.store().await?;
    let viewer = context.viewer();
    let total = store.read(move |tx| tx.entry_count(&viewer)).await?;
    let bar = context.output.bar(total, "verifying");
    let verdict = store.verify(|progress| bar.set_position(progress.entries)).await?;
    bar.finish_and_clear();
    match verdict {
        Verdict::Intact(verified) => {
            let answer = json!({ "whole": true, "entries": verified.entries, "blocks": verified.blocks, "unsealed": verified.unsealed, "chain": verified.chain });
            context.output.show(&answer, |_| {
                format!(
                    "The ledger is whole: {} entries in {} blocks, {} not sealed yet.\nNewest block: {}\nKeep this hash elsewhere; it vouches for everything before it.",
                    verified.entries, verified.blocks, verified.unsealed, verified.chain
                )
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Verdict::Broken(broken) => {
            let answer = json!({ "whole": false, "block": broken.block, "entry": broken.entry, "what": broken.what });
            context.output.show(&answer, |_| {
                let place = [broken.block.map(|no| format!("block {no}")), broken.entry.map(|id| format!("entry {id}"))].into_iter().flatten().collect::<Vec<_>>().join(", ");
                format!("The ledger was changed after the fact: {} ({place}).\nRestore from a backup and find out who had access to the database.", broken.what)
            })?;
            Ok(ExitCode::from(FAILED))
        }
    }
}
