//! `entente worker`: the sync without the HTTP server, beside other processes.

use std::process::ExitCode;

use clap::Args as ClapArgs;

use super::context::Context;
use super::serve::{Work, stop_signal};
use crate::assemble;
use crate::fault::{Fault, Result};

/// No options.
#[derive(Debug, ClapArgs)]
pub struct Args {}

pub async fn run(_: Args, context: &Context) -> Result<ExitCode> {
    let config = context.config()?;
    let store = assemble::store(&config).await?;
    if !store.is_postgres() {
        return Err(Fault::new(
            "an SQLite database is served by one process alone",
            "run `entente serve`, or set store.url to a PostgreSQL database",
        ));
    }
    let engine = assemble::engine(&config, store).await?;
    let work = Work::start(&config, &engine)?;
    tracing::info!("the worker is at work");
    stop_signal().await;
    work.stop().await?;
    Ok(ExitCode::SUCCESS)
}
