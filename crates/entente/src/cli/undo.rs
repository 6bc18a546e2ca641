//! `entente undo`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::records::undo::{RecordUndo, UndoReport, UndoRequest, undo};

use super::WOULD_WRITE;
use super::context::Context;
use super::moments::instant;
use crate::fault::{Fault, Result};

/// Options.
#[derive(Debug, ClapArgs)]
#[command(
    disable_version_flag = true,
    override_usage = "entente undo RECORD [--field FIELD]... [--again] [--apply]\n       \
                      entente undo --entry ENTRY | --run ENTRY [--apply]\n       \
                      entente undo --mapping CONNECTION/OBJECT --version VERSION [--apply]\n       \
                      entente undo --since TIME [--until TIME] [--connection C] [--object O] [--cause C] [--by NAME] [--field FIELD]... [--apply]",
    after_help = "Without --apply nothing is written. Exit codes: 0 nothing to put back, or it was put back; 1 it could not be done; \
                        2 something would be put back"
)]
pub struct Args {
    /// Record: its id, a connection and external id (zendesk/123), or words that fit one record. Alone, its latest change is undone
    record: Option<String>,
    /// Only this field, by its name in the API or as people call it; may be given more than once
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,
    /// Undo this entry of the ledger
    #[arg(long, value_name = "ENTRY", conflicts_with_all = ["run", "since"])]
    entry: Option<String>,
    /// Undo the run that this entry is part of: all that the same hand did for the same cause without a pause of a minute
    #[arg(long, value_name = "ENTRY", conflicts_with = "since")]
    run: Option<String>,
    /// Undo everything from this instant on: 2026-03-31T18:00:00Z, a day, or how long ago (2h)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Up to this instant [default: now]
    #[arg(long, value_name = "TIME", requires = "since")]
    until: Option<String>,
    /// Undo what a version of this mapping took from the connection's rows while it decided them
    #[arg(long, value_name = "CONNECTION/OBJECT", requires = "version", conflicts_with_all = ["entry", "run", "since", "connection", "object"])]
    mapping: Option<String>,
    /// That version
    #[arg(long, value_name = "VERSION", requires = "mapping")]
    version: Option<i64>,
    /// Only what came from this connection
    #[arg(long, value_name = "CONNECTION")]
    connection: Option<String>,
    /// Only records of this object
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    /// Only entries with this cause, such as webhook, poll, resync, import, user, flow or undo
    #[arg(long, value_name = "CAUSE")]
    cause: Option<String>,
    /// Only entries by this user, connection or flow
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// With a record alone: take its latest change back also where that is an undo itself
    #[arg(long, requires = "record", conflicts_with_all = ["entry", "run", "since", "mapping"])]
    again: bool,
    /// Put it back; otherwise only the plan is shown
    #[arg(long)]
    apply: bool,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    if args.record.is_none() && args.entry.is_none() && args.run.is_none() && args.since.is_none() && args.mapping.is_none() {
        return Err(Fault::new(
            "nothing is named that could be undone",
            "name a RECORD (its latest change), --entry ENTRY, --run ENTRY, --since TIME, or --mapping CONNECTION/OBJECT --version VERSION; see `entente undo --help`",
        ));
    }
    let engine = context.engine().await?;
    let now = engine.now();
    let request = UndoRequest {
        record: args.record,
        fields: args.fields,
        entry: args.entry,
        run: args.run,
        since: args.since.map(|text| instant("--since", &text, now)).transpose()?,
        until: args.until.map(|text| instant("--until", &text, now)).transpose()?,
        mapping: args.mapping,
        version: args.version,
        connection: args.connection,
        object: args.object,
        cause: args.cause,
        by: args.by,
        again: args.again,
    };
    let spinner = context.output.spinner("reading the ledger");
    let report = undo(&engine, &context.viewer(), &request, args.apply, &|done| spinner.set_message(format!("{done} records"))).await;
    spinner.finish_and_clear();
    let report = report?;
    context.output.show(&report, text)?;
    Ok(if report.restored > 0 && !report.applied { ExitCode::from(WOULD_WRITE) } else { ExitCode::SUCCESS })
}

/// Records that are told of one by one although nothing of them can be undone for the same reason.
const ALIKE: usize = 3;

/// Why nothing of a record can be undone, where that has one reason.
fn standing(record: &RecordUndo) -> Option<(&str, &str)> {
    let first = record.impossible.first().filter(|_| record.fields.is_empty() && record.kept.is_empty())?;
    let same = record.impossible.iter().all(|no| no.reason == first.reason && no.remedy == first.remedy);
    same.then_some((first.reason.as_str(), first.remedy.as_str()))
}

/// Many records of which nothing can be undone for one reason, in one paragraph.
fn alike(records: &[&RecordUndo], (reason, remedy): (&str, &str)) -> String {
    let some: Vec<&str> = records.iter().take(ALIKE).map(|record| record.title.as_str()).collect();
    let more = records.len() - some.len();
    format!("{} and {more} more records (--output json lists them) cannot be undone: {reason}; {remedy}\n\n", some.join(", "))
}

fn text(report: &UndoReport) -> String {
    let mut alone: BTreeMap<(&str, &str), Vec<&RecordUndo>> = BTreeMap::new();
    for record in &report.items {
        if let Some(why) = standing(record) {
            alone.entry(why).or_default().push(record);
        }
    }
    alone.retain(|_, records| records.len() > ALIKE);
    let listed = report.items.iter().filter(|record| standing(record).is_none_or(|why| !alone.contains_key(&why)));
    let mut text: String = listed.map(one).chain(alone.iter().map(|(why, records)| alike(records, *why))).collect();
    if report.left_out > 0 {
        text.push_str(&format!("… and {} more records\n\n", report.left_out));
    }
    let done = match (report.restored, report.applied) {
        (0, _) => "Nothing to put back".to_owned(),
        (1, true) => "1 field was put back, and goes to the platforms now".to_owned(),
        (1, false) => "1 field would be put back; --apply does it".to_owned(),
        (many, true) => format!("{many} fields were put back, and go to the platforms now"),
        (many, false) => format!("{many} fields would be put back; --apply does it"),
    };
    text.push_str(&format!(
        "{done}. Changed since, so kept: {}. Cannot be undone: {}. Records looked at: {} ({}).\n",
        report.kept, report.impossible, report.records, report.what
    ));
    text
}

fn one(record: &RecordUndo) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(blank)".to_owned());
    let mut text = format!("{} ({}, {})\n", record.title, record.object, record.record);
    for field in &record.fields {
        let to = if field.writes.is_empty() { String::new() } else { format!(", at {}", field.writes.join(" and ")) };
        let undos = match field.takes_back_undos.as_slice() {
            [] => String::new(),
            [_] if field.takes_back.len() == 1 => ", which is an undo".to_owned(),
            undos => format!(", of which {} undid something", undos.join(", ")),
        };
        text.push_str(&format!(
            "    {}: {} → {}  (takes back entry {}{undos}{to})\n",
            field.label,
            value(&field.now),
            value(&field.then),
            field.takes_back.join(", ")
        ));
    }
    for field in &record.kept {
        let by = if field.edited_by.is_empty() { String::new() } else { format!(" by entry {}", field.edited_by.join(", ")) };
        text.push_str(&format!("    {}: {} stays, it was changed since{by}\n", field.label, value(&field.now)));
    }
    for no in &record.impossible {
        let what = match (&no.field, &no.entry) {
            (Some(field), _) => field.clone(),
            (None, Some(entry)) => format!("entry {entry}"),
            (None, None) => "all of it".to_owned(),
        };
        text.push_str(&format!("    {what} cannot be undone: {}; {}\n", no.reason, no.remedy));
    }
    if let Some(entry) = &record.entry {
        text.push_str(&format!("    undone by entry {entry}\n"));
    }
    text.push('\n');
    text
}
