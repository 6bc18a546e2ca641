//! `entente keys`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use entente_engine::sync::presence;
use entente_model::clock::Clock;
use entente_store::{MasterKey, Store};
use serde_json::json;

use super::context::Context;
use crate::assemble::{self, MachineTime};
use crate::config::KeySource;
use crate::fault::{Fault, Result};

/// What to do with the master key.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Wrap everything that is encrypted under a new master key; stop the server first
    Rotate {
        /// File with the new key: 32 bytes as hex or base64
        #[arg(long, value_name = "FILE")]
        new_key_file: PathBuf,
    },
}

/// On PostgreSQL there is no seat: processes that run would go on with the old key, and fail at their next secret.
async fn refuse_while_others_run(store: &Store) -> Result<()> {
    let alive = presence::alive(store, MachineTime.now()).await?;
    if alive.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = alive.iter().map(|worker| format!("{} (since {})", worker.place, worker.started_at)).collect();
    Err(Fault::new(
        format!("the master key cannot change while Entente runs on this database: {}", named.join("; ")),
        "stop them, wait 15 seconds if one was killed, and rotate again",
    ))
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    let Command::Rotate { new_key_file } = command;
    let text = std::fs::read_to_string(&new_key_file).map_err(|error| {
        Fault::new(format!("{} cannot be read: {error}", new_key_file.display()), "make a key with `openssl rand -base64 32 > new.key`")
    })?;
    let new = MasterKey::parse(&text).map_err(|error| {
        Fault::new(format!("{}: {error}", new_key_file.display()), "make a key with `openssl rand -base64 32 > new.key`")
    })?;
    let config = context.config()?;
    let store = assemble::store(&config).await?;
    // The seat is held while keys change, so that no worker of ours writes a secret under the old one.
    let _seat = store.worker_seat()?;
    refuse_while_others_run(&store).await?;
    let spinner = context.output.spinner("rotating the master key");
    store.rotate_master_key(new.clone()).await?;
    spinner.finish_and_clear();
    let (kept, next) = match &config.key {
        KeySource::File(path) => {
            (Some(path.clone()), format!("Put the new key into {} now: cp {} {}", path.display(), new_key_file.display(), path.display()))
        }
        KeySource::Given(_) => (None, "Set store.key to the new key now.".to_owned()),
    };
    context.output.show(&json!({ "key_id": new.id(), "key_file": kept, "next": next }), |_| {
        format!(
            "Everything is under the new master key ({}).\n{next}\nThe old key is of no more use; keep a copy of the new one elsewhere.",
            new.id()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use entente_store::{StoreOptions, StoreUrl};

    use super::*;

    #[tokio::test]
    async fn the_key_does_not_change_under_processes_that_run() {
        let store = Store::open(&StoreUrl::Temporary, StoreOptions::new(MasterKey::generate().unwrap())).await.unwrap();
        assert!(refuse_while_others_run(&store).await.is_ok());
        let now = MachineTime.now();
        store.write(move |tx| tx.worker_seen("worker-1", "process 7 on web-1", now, now)).await.unwrap();
        let refused = refuse_while_others_run(&store).await.unwrap_err();
        assert!(refused.to_string().contains("process 7 on web-1"), "{refused}");
        store.write(|tx| tx.worker_gone("worker-1")).await.unwrap();
        assert!(refuse_while_others_run(&store).await.is_ok());
    }
}
