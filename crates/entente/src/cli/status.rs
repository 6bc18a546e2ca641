//! `entente status`.

use std::process::ExitCode;

use clap::Args as ClapArgs;

use super::context::Context;
use super::output::columns;
use super::status_text;
use crate::fault::Result;

/// No options.
#[derive(Debug, ClapArgs)]
pub struct Args {}

pub async fn run(_: Args, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let spinner = context.output.spinner("counting");
    let dashboard = entente_engine::reports::dashboard(&engine).await?;
    spinner.finish_and_clear();
    context.output.show(&dashboard, |dashboard| status_text::render(dashboard, columns()))?;
    Ok(ExitCode::SUCCESS)
}
