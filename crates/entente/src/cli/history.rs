//! `entente history`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::records;
use entente_engine::records::history::{FieldChange, HistoryEntry, HistoryQuery};

use super::context::Context;
use super::output::moment;
use crate::fault::Result;

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Record: its id, a connection and external id (zendesk/123), or words that fit one record
    record: String,
    /// Only entries that tell of this field, by its name in the API or as people call it
    #[arg(long, value_name = "FIELD")]
    field: Option<String>,
    /// Entries to show at most
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Show entries before this one
    #[arg(long, value_name = "ENTRY")]
    before: Option<String>,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let viewer = context.viewer();
    let id = records::find(&engine, &viewer, &args.record).await?;
    let query = HistoryQuery { before: args.before, limit: Some(args.limit), field: args.field };
    let page = records::history::history(&engine, &viewer, id.as_str(), query).await?;
    context.output.show(&page, |page| {
        let mut text = format!("{id}\n\n{}", page.items.iter().map(entry_text).collect::<Vec<_>>().join("\n"));
        if let Some(next) = &page.next {
            text.push_str(&format!("\nMore: --before {next}"));
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

/// One entry as people read it.
pub fn entry_text(entry: &HistoryEntry) -> String {
    // `us` is Entente in the API; a person who reads it is not of us.
    let actor = if entry.actor == "us" { "Entente" } else { entry.actor.as_str() };
    let who = match &entry.actor_name {
        Some(name) if *name != entry.actor => format!("{actor} ({name})"),
        _ => actor.to_owned(),
    };
    let mut text = format!("{}  {who}, {}  [{}]\n", moment(entry.at), entry.cause, entry.entry);
    if let Some(detail) = &entry.detail {
        text.push_str(&format!("    {detail}\n"));
    }
    if entry.erased {
        text.push_str("    (the values were erased)\n");
    }
    for change in &entry.changes {
        text.push_str(&change_text(change));
    }
    text
}

fn change_text(change: &FieldChange) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(blank)".to_owned());
    let mut text = if change.before == change.after {
        format!("    {}: kept {}", change.label, value(&change.after))
    } else {
        format!("    {}: {} → {}", change.label, value(&change.before), value(&change.after))
    };
    let why: Vec<String> =
        [change.reason.as_ref().map(|reason| reason.replace('_', " ")), change.from.clone().map(|from| format!("from {from}"))]
            .into_iter()
            .flatten()
            .collect();
    if !why.is_empty() {
        text.push_str(&format!("  ({})", why.join(", ")));
    }
    text.push('\n');
    for lost in &change.lost {
        text.push_str(&format!("        instead of {} at {}\n", value(&lost.value), lost.side));
    }
    text
}
