//! `entente openapi`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use utoipa::OpenApi;

use super::context::Context;
use super::output::say;
use crate::fault::Result;
use crate::http::openapi::Description;

/// No options.
#[derive(Debug, ClapArgs)]
pub struct Args {}

pub fn run(_: &Args, _: &Context) -> Result<ExitCode> {
    say(&serde_json::to_string_pretty(&Description::openapi())?);
    Ok(ExitCode::SUCCESS)
}
