//! `entente provision`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::sync::provision::{Need, provision};

use super::WOULD_WRITE;
use super::context::Context;
use super::output::table;
use crate::fault::Result;

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Create what is missing; without it, missing fields are shown and the exit code is 2
    #[arg(long)]
    apply: bool,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let spinner = context.output.spinner(if args.apply { "creating fields" } else { "reading schemas" });
    let needs = provision(&engine, args.apply).await?;
    spinner.finish_and_clear();
    let missing = needs.iter().filter(|need| need.state == "missing").count();
    context.output.show(&needs, |needs| text(needs, missing))?;
    Ok(if missing > 0 { ExitCode::from(WOULD_WRITE) } else { ExitCode::SUCCESS })
}

fn text(needs: &[Need], missing: usize) -> String {
    let rows: Vec<[String; 5]> = needs
        .iter()
        .filter(|need| need.state != "present")
        .map(|need| {
            [
                need.connection.clone(),
                format!("{}.{}", need.object, need.field),
                need.kind.clone(),
                need.state.clone(),
                need.note.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let present = needs.iter().filter(|need| need.state == "present").count();
    let summary = if missing > 0 {
        format!("{present} fields are there, {missing} are missing. Create them with `entente provision --apply`.")
    } else {
        format!("{present} fields were there already; nothing is missing.")
    };
    if rows.is_empty() { summary } else { format!("{}\n\n{summary}", table(["CONNECTION", "FIELD", "TYPE", "STATE", "NOTE"], rows)) }
}
