//! `entente plan`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::records;
use entente_engine::sync::preview::{AdoptionPreview, Preview, RecordPreview, Selection, preview};

use super::context::Context;
use super::output::counted;
use super::{BLOCKED, WOULD_WRITE};
use crate::fault::Result;

/// Adoptions that are listed one by one; beyond them only their number is told. `--output json` has all of them.
const ADOPTIONS: usize = 50;

/// Options.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Exit codes: 0 nothing to write, 1 the plan could not be made, 2 something would be written, 3 nothing would be \
                        written but records cannot go on")]
pub struct Args {
    /// Plan what the files of this folder would change, instead of the sync
    #[arg(short = 'f', long = "files", value_name = "DIR", conflicts_with_all = ["object", "record", "limit", "offline"])]
    files: Option<PathBuf>,
    /// Only this object
    #[arg(long, value_name = "OBJECT", conflicts_with = "record")]
    object: Option<String>,
    /// Only this record: its id, a connection and external id (zendesk/123), or words that fit one record
    #[arg(long, value_name = "RECORD")]
    record: Option<String>,
    /// Look at this many records only, last changed first [default: all of them]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    limit: Option<usize>,
    /// Trust what was last seen instead of asking the vendors
    #[arg(long)]
    offline: bool,
}

/// Reads a number of records: of none, a plan would say that there is nothing to write.
fn at_least_one(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|many| *many > 0).ok_or_else(|| "give a whole number, 1 or more".to_owned())
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    if let Some(folder) = &args.files {
        return super::files::plan(folder, context).await;
    }
    let engine = context.engine().await?;
    let record = match &args.record {
        Some(text) => Some(records::find(&engine, &context.viewer(), text).await?),
        None => None,
    };
    let selection = Selection { record, object: args.object, limit: args.limit, fresh: !args.offline };
    let bar = context.output.bar(0, "planning");
    let plan = preview(&engine, &selection, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })
    .await;
    bar.finish_and_clear();
    let plan = plan?;
    context.output.show(&plan, text)?;
    Ok(if plan.would_write() {
        ExitCode::from(WOULD_WRITE)
    } else if plan.blocked().next().is_some() {
        ExitCode::from(BLOCKED)
    } else {
        ExitCode::SUCCESS
    })
}

fn text(plan: &Preview) -> String {
    let mut text: String = plan.records.iter().map(one).collect();
    text.extend(plan.adoptions.iter().take(ADOPTIONS).map(adoption));
    if plan.adoptions.len() > ADOPTIONS {
        text.push_str(&format!("… and {} more rows that no record stands for yet\n", plan.adoptions.len() - ADOPTIONS));
    }
    if !plan.adoptions.is_empty() {
        text.push('\n');
    }
    let writes: usize = plan.records.iter().map(|record| record.writes.len()).sum();
    let blocked = plan.blocked().count();
    if !plan.would_write() {
        text.push_str(&format!("Nothing to write: {} looked at.\n", counted(plan.looked_at as u64, "record")));
    } else {
        let (writes, calls) = (counted(writes as u64, "write"), counted(plan.calls as u64, "call"));
        text.push_str(&format!("{writes} in {calls}; {} looked at. Nothing was written.\n", counted(plan.looked_at as u64, "record")));
    }
    if !plan.adoptions.is_empty() || plan.waiting_rows > 0 {
        let count = |outcome: &str| plan.adoptions.iter().filter(|row| row.outcome == outcome).count();
        text.push_str(&format!(
            "Rows without a record: {} would be linked, {} would make one, {} would ask a person; {} came in already and wait. \
             What follows from them at other connections shows in the plan after that.\n",
            count("link"),
            count("create"),
            count("review"),
            plan.waiting_rows
        ));
    }
    if blocked > 0 {
        text.push_str(&format!("{} cannot go on; see `blocked` above.\n", counted(blocked as u64, "record")));
    }
    text
}

fn adoption(row: &AdoptionPreview) -> String {
    let to = match (&row.title, &row.record) {
        (Some(title), Some(record)) => format!(" to {title} ({record})"),
        (None, Some(record)) => format!(" to {record}"),
        _ => String::new(),
    };
    let what = match row.outcome.as_str() {
        "link" => match &row.with {
            Some(with) => format!("linked with {with}"),
            None => format!("linked{to}"),
        },
        "review" => format!("a record of its own, and a person is asked whether it belongs{to}"),
        _ => "a record of its own".to_owned(),
    };
    format!("{} {} {}: {what}\n", row.connection, row.object, row.external_id)
}

fn one(record: &RecordPreview) -> String {
    let shown = |value: &str| if value.is_empty() { "(blank)".to_owned() } else { value.to_owned() };
    let mut text = format!("{} ({}, {})\n", record.title, record.object, record.record);
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
