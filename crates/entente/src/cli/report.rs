//! `entente report`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::reports::monthly::{self, Month};

use super::context::Context;
use crate::fault::{Fault, Result};
use crate::report::{Format, render};

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The month, such as 2026-01 [default: the last one that is over]
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<String>,
    /// Form of the report [default: text, or json with --output json]
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Format>,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let month = match &args.month {
        Some(text) => text.parse()?,
        None => Month::of(engine.now(), &engine.options().locale.timezone).previous(),
    };
    let format = args.format.unwrap_or(if context.output.is_json() { Format::Json } else { Format::Text });
    let report = monthly::report(&engine, month).await?;
    let bytes = render(&report, format)?;
    match &args.out {
        Some(path) => {
            std::fs::write(path, &bytes).map_err(|error| {
                Fault::new(format!("{} cannot be written: {error}", path.display()), "name a file in a folder that this user may write to")
            })?;
        }
        None => {
            let mut out = std::io::stdout().lock();
            // A reader that has gone ends the talk, not the process.
            let _closed = out.write_all(&bytes).and_then(|()| out.flush());
        }
    }
    Ok(ExitCode::SUCCESS)
}
