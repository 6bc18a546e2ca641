//! `entente blame`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::records;

use super::context::Context;
use super::history::entry_text;
use crate::fault::Result;

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Record: its id, a connection and external id (zendesk/123), or words that fit one record
    record: String,
    /// Field, by its name in the API or as people call it
    field: String,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let viewer = context.viewer();
    let id = records::find(&engine, &viewer, &args.record).await?;
    let blame = records::history::blame(&engine, &viewer, id.as_str(), &args.field).await?;
    context.output.show(&blame, |blame| {
        let value = blame.value.clone().unwrap_or_else(|| "(blank)".to_owned());
        let mut text = format!("{} of {}: {value}\n\n", blame.label, blame.record);
        match &blame.set_by {
            Some(entry) => text.push_str(&format!("set by\n{}", entry_text(entry))),
            None => text.push_str("never set\n"),
        }
        if !blame.earlier.is_empty() {
            text.push_str(&format!("\nearlier\n{}", blame.earlier.iter().map(entry_text).collect::<String>()));
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}
