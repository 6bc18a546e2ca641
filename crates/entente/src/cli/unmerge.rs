//! `entente unmerge`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::records::unmerge::{UnmergeReport, unmerge};

use super::WOULD_WRITE;
use super::context::Context;
use super::output::{moment, table};
use crate::fault::Result;

/// Options.
#[derive(Debug, ClapArgs)]
#[command(after_help = "With --plan nothing is written. Exit codes: 0 they are two now, or were already; 1 it could not be done; \
                  2 with --plan, they would be parted")]
pub struct Args {
    /// Record that ended in another one: its id. Or the one that stayed, where only one ended in it, in any form that finds it
    record: String,
    /// Only show what would come back, what goes where, and what cannot be undone
    #[arg(long)]
    plan: bool,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let report = unmerge(&engine, &context.viewer(), &args.record, !args.plan).await?;
    context.output.show(&report, text)?;
    Ok(if args.plan && !report.applied { ExitCode::from(WOULD_WRITE) } else { ExitCode::SUCCESS })
}

fn text(report: &UnmergeReport) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(blank)".to_owned());
    let (back, stays) = (&report.comes_back, &report.stays);
    let whose = |record: &str| if record == back.record { back.title.clone() } else { stays.title.clone() };
    let mut text = format!(
        "{} ({})\n    was merged into {} ({}) on {} by {}\n",
        back.title,
        back.record,
        stays.title,
        stays.record,
        moment(report.merge.at),
        report.merge.by
    );
    if report.already {
        text.push_str("They are two already.\n");
        return text;
    }
    for link in &report.links {
        text.push_str(&format!("    {}/{} belongs to {}\n", link.connection, link.external_id, whose(&link.goes_to)));
    }
    for connection in &report.creates_at {
        text.push_str(&format!("    {connection} gets a new row for {}\n", back.title));
    }
    if !report.fields.is_empty() {
        let rows = report.fields.iter().map(|field| {
            let since = if field.since { "entered since" } else { "" };
            [field.label.clone(), value(&field.now), whose(&field.record), value(&field.then), since.to_owned()]
        });
        text.push('\n');
        text.push_str(&table(["FIELD", "NOW", "RECORD", "THEN", ""], rows));
    }
    if report.reference_count > 0 {
        text.push_str(&format!("\n{} records point to {} again:\n", report.reference_count, back.title));
        for reference in &report.references {
            let since = if reference.since { ", since then" } else { "" };
            text.push_str(&format!("    {} {} ({}{since})\n", reference.object, reference.title, reference.record));
        }
    }
    if !report.since.is_empty() {
        text.push_str("\nSince then:\n");
        for since in &report.since {
            text.push_str(&format!(
                "    {}  {} = {} by {}, goes to {}\n",
                moment(since.at),
                since.field,
                value(&since.value),
                since.by,
                whose(&since.goes_to)
            ));
        }
    }
    for no in &report.impossible {
        text.push_str(&format!("\nCannot be undone: {}; {}.\n", no.reason, no.remedy));
    }
    text.push_str(if report.applied {
        "\nThey are two again, and are not merged by a rule any more. Both platforms are written to now.\n"
    } else {
        "\nNothing was written.\n"
    });
    text
}
