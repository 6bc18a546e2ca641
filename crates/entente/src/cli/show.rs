//! `entente show`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::records;
use entente_engine::records::as_of::{RecordAsOf, record_as_of};
use entente_engine::records::detail::{RecordDetail, get_record};

use super::context::Context;
use super::moments::past_instant;
use super::output::{moment, table};
use crate::fault::Result;

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Record: its id, a connection and external id (zendesk/123), or words that fit one record
    record: String,
    /// Show it as it was: an instant (2026-03-31T18:00:00Z), a day, or how long ago (2h)
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let viewer = context.viewer();
    let id = records::find(&engine, &viewer, &args.record).await?;
    match args.as_of {
        Some(text) => {
            let at = past_instant("--as-of", &text, engine.now())?;
            context.output.show(&record_as_of(&engine, &viewer, id.as_str(), at).await?, then)?;
        }
        None => context.output.show(&get_record(&engine, &viewer, id.as_str()).await?, now)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn blank(value: Option<&String>) -> String {
    value.cloned().unwrap_or_else(|| "(blank)".to_owned())
}

fn now(record: &RecordDetail) -> String {
    let wide = record.links.iter().map(|link| link.connection.chars().count()).chain(["state".len()]).max().unwrap_or_default();
    let mut text = format!("{} ({}, {})\n  {:<wide$}  {}\n", record.title, record.object, record.id, "state", record.state);
    for link in &record.links {
        text.push_str(&format!("  {:<wide$}  {} {} ({})\n", link.connection, link.remote_object, link.external_id, link.state));
    }
    let valued = record.fields.iter().filter(|field| field.value.is_some());
    let rows = valued.map(|field| {
        let since = field.set_at.map(moment).unwrap_or_default();
        [field.label.clone(), blank(field.value.as_ref()), field.from.clone().unwrap_or_default(), since]
    });
    format!("{text}\n{}", table(["FIELD", "VALUE", "FROM", "SINCE"], rows))
}

fn then(record: &RecordAsOf) -> String {
    let id = if record.title == record.id { String::new() } else { format!(", {}", record.id) };
    let head = format!("{} ({}{id}) as of {}\n", record.title, record.object, moment(record.at));
    if record.state == "unknown" {
        return format!("{head}  Entente did not know it yet.\n");
    }
    if record.state == "erased" {
        return format!("{head}  state      erased: its values of then were destroyed, and nothing can bring them back.\n");
    }
    let rows = record.fields.iter().map(|field| {
        let since = match (&field.changed_by, field.changed_at) {
            (Some(entry), Some(at)) => format!("{} since {} [{entry}]", blank(field.now.as_ref()), moment(at)),
            _ => String::new(),
        };
        [field.label.clone(), blank(field.value.as_ref()), since]
    });
    format!(
        "{head}  state      {}\n  since then {} entries\n\n{}",
        record.state,
        record.entries_since,
        table(["FIELD", "THEN", "NOW"], rows)
    )
}
