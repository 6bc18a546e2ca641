//! `entente plan`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::records;
use entente_engine::sync::preview::{Preview, RecordPreview, Selection, preview};

use super::WOULD_WRITE;
use super::context::Context;
use crate::fault::Result;

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Only this object
    #[arg(long, value_name = "OBJECT", conflicts_with = "record")]
    object: Option<String>,
    /// Only this record: its id, a connection and external id (zendesk/123), or words that fit one record
    #[arg(long, value_name = "RECORD")]
    record: Option<String>,
    /// Records to look at, last changed first
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Trust what was last seen instead of asking the vendors
    #[arg(long)]
    offline: bool,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let record = match &args.record {
        Some(text) => Some(records::find(&engine, &context.viewer(), text).await?),
        None => None,
    };
    let selection = Selection { record, object: args.object, limit: args.limit, fresh: !args.offline };
    let spinner = context.output.spinner("planning");
    let plan = preview(&engine, &selection).await?;
    spinner.finish_and_clear();
    context.output.show(&plan, text)?;
    Ok(if plan.would_write() { ExitCode::from(WOULD_WRITE) } else { ExitCode::SUCCESS })
}

fn text(plan: &Preview) -> String {
    let mut text: String = plan.records.iter().map(one).collect();
    let writes: usize = plan.records.iter().map(|record| record.writes.len()).sum();
    if writes == 0 {
        text.push_str(&format!("Nothing to write: {} records looked at.\n", plan.looked_at));
    } else {
        text.push_str(&format!("{writes} writes in {} calls; {} records looked at. Nothing was written.\n", plan.calls, plan.looked_at));
    }
    text
}

fn one(record: &RecordPreview) -> String {
    let shown = |value: &str| if value.is_empty() { "(blank)".to_owned() } else { value.to_owned() };
    let mut text = format!("{} ({})\n", record.record, record.object);
    for change in &record.changes {
        text.push_str(&format!(
            "    entente   {}: {} → {}  ({})\n",
            change.field,
            shown(&change.before),
            shown(&change.after),
            change.reason
        ));
    }
    for write in &record.writes {
        let id = write.external_id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
        text.push_str(&format!("    {} {} {}{id}\n", write.connection, write.kind, write.object));
        for field in &write.fields {
            text.push_str(&format!("        {}: {} → {}\n", field.field, shown(&field.before), shown(&field.after)));
        }
    }
    if !record.waiting.is_empty() {
        text.push_str(&format!("    waits for a person: {}\n", record.waiting.join(", ")));
    }
    if let Some(blocked) = &record.blocked {
        text.push_str(&format!("    blocked: {blocked}\n"));
    }
    text.push('\n');
    text
}
