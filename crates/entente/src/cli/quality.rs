//! `entente quality`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::reports::quality::{self, Quality, QualityQuery, Slice};
use jiff::Timestamp;

use super::context::Context;
use super::output::{moment, table};
use crate::fault::Result;
use crate::report::words::number;

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Hours back
    #[arg(long)]
    hours: Option<u32>,
    /// Days back
    #[arg(long)]
    days: Option<u32>,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let quality = quality::quality(&engine, QualityQuery { hours: args.hours, days: args.days }).await?;
    context.output.show(&quality, text)?;
    Ok(ExitCode::SUCCESS)
}

fn text(quality: &Quality) -> String {
    let promises = &quality.promises;
    let mut text =
        format!("Promises: {}% of syncs land, 95% of live changes within {} s.\n\n", promises.success_percent, promises.p95_ms / 1_000);
    text.push_str(&slices("HOUR (UTC)", &quality.hours, |from| from.strftime("%Y-%m-%d %H:%M").to_string()));
    text.push_str("\n\n");
    text.push_str(&slices("DAY FROM", &quality.days, moment));
    let now = &quality.now;
    let since = |at: Option<Timestamp>| at.map(|at| format!(", the oldest since {}", moment(at))).unwrap_or_default();
    let counted = |text: Option<String>| text.unwrap_or_else(|| "not counted yet".to_owned());
    let agreement = match (now.in_agreement, now.records) {
        (_, Some(0)) => "no records yet".to_owned(),
        (agree, records) => counted(agree.zip(records).map(|(agree, records)| format!("{agree} of {records}"))),
    };
    let orphans = now.orphans.map_or_else(|| "not known before the first reconciliation".to_owned(), |orphans| orphans.to_string());
    text.push_str(&format!(
        "\n\nRecords in agreement    {agreement}{}\nDrift                   {}\nComplete                {}\nDuplicates waiting      {}\n\
         Orphans                 {orphans}\nQueue                   {}{}\nConflicts               {}{} ({} later than {} h)\nDead letters            {}\n",
        counting(quality),
        counted(now.drift.map(|drift| drift.to_string())),
        counted(now.complete_percent.map(|percent| format!("{percent:.1}%"))),
        now.duplicates,
        now.queue,
        since(now.queue_since),
        now.conflicts,
        since(now.conflicts_since),
        now.conflicts_late,
        promises.conflict_hours,
        now.dead_letters
    ));
    let burns = quality.burn.iter().map(|burn| {
        [burn.promise.clone(), format!("{:.2}", burn.hour), format!("{:.2}", burn.six_hours), format!("{:.2}", burn.three_days)]
    });
    text.push_str(&format!("\n{}\n", table(["ERROR BUDGET (1 lasts a month)", "HOUR", "6 HOURS", "3 DAYS"], burns)));
    let api = quality.api.iter().map(|api| {
        let of = match (api.daily_limit, api.percent) {
            (Some(limit), Some(percent)) => format!("{} ({percent:.1}%)", number(limit)),
            _ => "not known".to_owned(),
        };
        [api.connection.clone(), number(api.calls), of, api.limited.to_string()]
    });
    text.push_str(&format!("\n{}", table(["CALLS TODAY (UTC)", "CALLS", "OF", "REFUSED FOR PACE"], api)));
    text
}

/// When records were counted, and when they are next.
fn counting(quality: &Quality) -> String {
    match (quality.now.counted_at, quality.now.count_due_at) {
        (Some(at), Some(due)) if due > quality.at => format!(" (counted {}, next at {})", moment(at), due.strftime("%H:%M")),
        (Some(at), _) => format!(" (counted {}; counted anew when a server runs)", moment(at)),
        (None, _) => "; a server counts within a minute of its start, and then every 15 minutes".to_owned(),
    }
}

/// Hours or days in which something happened, and the latest; how many others there were is said.
fn slices(head: &'static str, slices: &[Slice], from: fn(Timestamp) -> String) -> String {
    let quiet = |slice: &Slice| slice.landed + slice.failed + slice.calls == 0;
    let (last, before) = slices.split_last().map_or((None, slices), |(last, before)| (Some(last), before));
    let shown: Vec<&Slice> = before.iter().filter(|slice| !quiet(slice)).chain(last).collect();
    let left_out = slices.len() - shown.len();
    let time = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1_000.0));
    let rows = shown.into_iter().map(|slice| {
        [
            from(slice.from),
            slice.landed.to_string(),
            slice.failed.to_string(),
            // Rounded down, so that it never reads as the promise that it misses.
            slice.success_percent.map_or_else(|| "-".to_owned(), |percent| format!("{:.2}%", (percent * 100.0).floor() / 100.0)),
            time(slice.p50_ms),
            time(slice.p95_ms),
            slice.calls.to_string(),
            match (slice.landed + slice.failed, slice.kept) {
                (0, _) => "-",
                (_, true) => "kept",
                (_, false) => "MISSED",
            }
            .to_owned(),
        ]
    });
    let mut text = table([head, "LANDED", "FAILED", "SUCCESS", "P50", "P95", "CALLS", "PROMISES"], rows);
    if left_out > 0 {
        text.push_str(&format!("\n {left_out} more in which nothing happened"));
    }
    text
}
