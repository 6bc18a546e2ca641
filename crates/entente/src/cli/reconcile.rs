//! `entente reconcile`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args as ClapArgs;
use entente_engine::reconcile::certificate::Certificate;
use entente_engine::reconcile::cost::{Cost, cost};
use entente_engine::reconcile::report::{Report, last, last_certificate};
use entente_engine::reconcile::verify::{Part, Verdict, calls_to_verify, verify};
use entente_engine::reconcile::{Scope, reconcile};
use entente_engine::sync::{presence, work};
use entente_engine::{Engine, records};
use entente_store::WorkerSeat;
use serde::Serialize;

use super::context::Context;
use super::output::{moment, say};
use super::status_text::number;
use super::{WOULD_WRITE, reconcile_text};
use crate::fault::{Fault, Result};

/// Exit code when both sides are not in agreement, or a certificate does not hold.
const DIFFERS: u8 = WOULD_WRITE;

/// Pause of the work that is done here when nothing is due.
const NAP: Duration = Duration::from_millis(100);

/// Options.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Exit codes: 0 both sides are in agreement, or the certificate holds; 1 it could not be done, or the certificate is \
                        refused; 2 something is not in agreement, or has changed behind Entente's back"
)]
pub struct Args {
    /// Only this object, at every connection
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    /// Only this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Compare only: put nothing right
    #[arg(long)]
    dry_run: bool,
    /// Only say how many API calls it would take
    #[arg(long, conflicts_with_all = ["dry_run", "out", "verify", "last"])]
    cost: bool,
    /// Show the report of the last one instead, whoever started it
    #[arg(long, conflicts_with_all = ["object", "connection", "dry_run", "verify"])]
    last: bool,
    /// Write the certificate to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seconds to wait for the sync to put right what differs; what it has not done by then is listed
    #[arg(long, default_value_t = 600, value_name = "N")]
    wait: u64,
    /// Check this certificate again instead: everything, or a part of it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["object", "connection", "dry_run", "out"])]
    verify: Option<PathBuf>,
    /// Check only this range of the certificate, 0 to 255
    #[arg(long, value_name = "N", requires = "verify", conflicts_with = "record")]
    range: Option<u8>,
    /// Check only this record: its id, a connection and external id (zendesk/123), or words that fit one record
    #[arg(long, value_name = "RECORD", requires = "verify")]
    record: Option<String>,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    if let Some(file) = &args.verify {
        return check(file, &args, context).await;
    }
    if let Some(out) = &args.out {
        // Before anything is read: a certificate that cannot be kept is a reconciliation for nothing.
        can_be_written(out)?;
    }
    let engine = context.engine().await?;
    let scope = Scope { object: args.object, connection: args.connection };
    if args.cost {
        let cost = cost(&engine, &scope).await?;
        context.output.show(&cost, reconcile_text::cost)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.last {
        let report = last(&engine).await?.ok_or_else(|| Fault::new("there was no reconciliation yet", "run `entente reconcile`"))?;
        if let (Some(out), Some(certificate)) = (&args.out, last_certificate(&engine).await?) {
            write(out, &certificate)?;
        }
        return show(context, &Answer { cost: None, report, certificate: args.out });
    }
    let cost = cost(&engine, &scope).await?;
    if !context.output.is_json() {
        say(&reconcile_text::cost(&cost));
    }
    let spinner = context.output.spinner(format!("reconciling {}", scope.words()));
    let on_page = |connection: &str, object: &str, rows: u64| {
        spinner.set_message(format!("{connection} {object}: {} rows compared", number(rows)));
    };
    let patience = Duration::from_secs(args.wait);
    let by = context.viewer().name;
    let done = match seat(&engine).await? {
        // Nobody else does what is to be done, so it is done here, for as long as this takes.
        Some(_seat) => tokio::select! {
            done = reconcile(&engine, &scope, !args.dry_run, &by, patience, &on_page, &|| false) => done,
            fault = work_off(&engine) => return Err(fault),
        },
        None => reconcile(&engine, &scope, !args.dry_run, &by, patience, &on_page, &|| false).await,
    };
    spinner.finish_and_clear();
    let outcome = done?;
    if let Some(out) = &args.out {
        write(out, &outcome.certificate)?;
    }
    show(context, &Answer { cost: Some(cost), report: outcome.report, certificate: args.out })
}

/// What the command answers.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// What it was going to cost.
    pub cost: Option<Cost>,
    /// What it came to.
    pub report: Report,
    /// Where the certificate was written.
    pub certificate: Option<PathBuf>,
}

fn show(context: &Context, answer: &Answer) -> Result<ExitCode> {
    context.output.show(answer, reconcile_text::report)?;
    Ok(if answer.report.exceptions_total == 0 { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// The seat of the one who works, if nobody has it. PostgreSQL has room for many, so there it counts who is alive.
async fn seat(engine: &Engine) -> Result<Option<WorkerSeat>> {
    let store = engine.store();
    if store.is_postgres() && !presence::alive(store, engine.now()).await?.is_empty() {
        return Ok(None);
    }
    Ok(store.worker_seat().ok())
}

/// Works off what is due until this is dropped.
async fn work_off(engine: &Engine) -> Fault {
    loop {
        match work::claim(engine).await {
            Ok(hints) if hints.is_empty() => tokio::time::sleep(NAP).await,
            Ok(hints) => {
                if let Err(error) = work::work(engine, hints).await {
                    return error.into();
                }
            }
            Err(error) => return error.into(),
        }
    }
}

fn unwritable(out: &Path, error: &std::io::Error) -> Fault {
    Fault::new(format!("{} cannot be written: {error}", out.display()), "name a file in a folder that is there")
}

/// Whether a file can be written; what is in it stays, and one that was not there is not there afterwards.
fn can_be_written(out: &Path) -> Result<()> {
    let is_new = !out.exists();
    std::fs::OpenOptions::new().append(true).create(true).open(out).map_err(|error| unwritable(out, &error))?;
    if is_new {
        std::fs::remove_file(out).map_err(|error| unwritable(out, &error))?;
    }
    Ok(())
}

fn write(out: &Path, certificate: &Certificate) -> Result<()> {
    std::fs::write(out, serde_json::to_vec(certificate)?).map_err(|error| unwritable(out, &error))
}

async fn check(file: &Path, args: &Args, context: &Context) -> Result<ExitCode> {
    let text = std::fs::read(file).map_err(|error| {
        Fault::new(format!("{} cannot be read: {error}", file.display()), "name the file that `entente reconcile --out` wrote")
    })?;
    let certificate = Certificate::read(&text)?;
    let engine = context.engine().await?;
    let part = match (&args.record, args.range) {
        (Some(record), _) => Part::Record(records::find(&engine, &context.viewer(), record).await?),
        (None, Some(range)) => Part::Range(range),
        (None, None) => Part::Everything,
    };
    if !context.output.is_json() {
        let calls = calls_to_verify(&engine, &certificate, &part);
        say(&format!("This is going to take about {} API calls.", number(calls)));
    }
    let spinner = context.output.spinner(format!("reading what was certified at {}", moment(certificate.statement.began_at)));
    let answer = verify(&engine, &certificate, &part, &|_, _, _| {}, &|| false).await;
    spinner.finish_and_clear();
    let answer = answer?;
    context.output.show(&answer, |answer| reconcile_text::verification(answer, &certificate))?;
    let is_proven = matches!(answer.verdict, Verdict::Holds | Verdict::MovedOn);
    Ok(if is_proven { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}
