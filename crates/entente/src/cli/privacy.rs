//! `entente privacy`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Subcommand;
use entente_engine::Engine;
use entente_engine::error::EngineError;
use entente_engine::privacy::ask::{ErasureRequest, ask};
use entente_engine::privacy::certificate::{ErasureCertificate, Keeper, certify};
use entente_engine::privacy::export::export;
use entente_engine::privacy::requests::{self, Confirmation, ErasureDetail, ErasureQuery};
use entente_engine::privacy::schedule;
use entente_engine::privacy::work::RowState;
use entente_engine::sync::presence;
use entente_store::WorkerSeat;

use super::WOULD_WRITE;
use super::context::Context;
use super::output::{counted, moment, more, say, table};
use crate::fault::{Fault, Result};

/// Where a request of this command came from.
const SOURCE: &str = "cli";

/// Exit code when something is left to do.
const LEFT: u8 = WOULD_WRITE;

/// Pause between looks at what is under way.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What to do for people's privacy.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Erase a person here and at every platform; it cannot be taken back. Exit code 2 when something is left to do
    Erase {
        /// The person: a record, a connection and external id (zendesk/123), the whole name, an e-mail address or a phone number
        who: String,
        /// Do it; without this, only say what would be erased
        #[arg(long)]
        yes: bool,
        /// Seconds to wait for the platforms; what they have not done by then goes on
        #[arg(long, default_value_t = 120, value_name = "N")]
        wait: u64,
    },
    /// List requests for erasure, newest first
    List {
        /// Show those in this state: working, people or done
        #[arg(long)]
        state: Option<String>,
        /// Show at most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Show requests before this one
        #[arg(long, value_name = "ID")]
        before: Option<String>,
    },
    /// Show a request, with what each system answered and what is left to people
    Show {
        /// Its id
        id: String,
    },
    /// Say that a person has done what only a person can do
    Confirm {
        /// The request's id
        id: String,
        /// Number of what was done
        number: usize,
    },
    /// Let in again whoever a request keeps from coming back
    Unblock {
        /// The request's id
        id: String,
    },
    /// Print the signed certificate of a request, or write it to a file
    Certificate {
        /// The request's id
        id: String,
        /// Write it to this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Check the signature of a certificate
    Verify {
        /// The file
        file: PathBuf,
    },
    /// Export everything that is held about a person as JSON: every value with its source and history
    Export {
        /// The person, as for erase
        who: String,
        /// Write it to this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Have what was erased leave the database's files now, whatever their size
    Scrub,
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    if let Command::Verify { file } = &command {
        return verify(file, context);
    }
    let engine = context.engine().await?;
    let viewer = context.viewer();
    match command {
        Command::Erase { who, yes, wait } => return erase(&engine, context, who, yes, Duration::from_secs(wait)).await,
        Command::List { state, limit, before } => {
            let page = requests::list(&engine, &viewer, ErasureQuery { state, before, limit: Some(limit) }).await?;
            context.output.show(&page, |page| {
                if page.items.is_empty() {
                    return "No erasures.".to_owned();
                }
                let rows = page.items.iter().map(|one| {
                    let person = one.record.clone().unwrap_or_else(|| "(no record)".to_owned());
                    let done = format!("{} of {}", one.erased, one.rows);
                    [one.id.clone(), moment(one.asked_at), one.state.clone(), person, done, one.waiting.to_string(), one.source.clone()]
                });
                table(["ID", "ASKED", "STATE", "PERSON", "ROWS ERASED", "FOR PEOPLE", "FROM"], rows) + &more(page.next.as_deref())
            })?;
        }
        Command::Show { id } => context.output.show(&requests::show(&engine, &viewer, &id).await?, detail)?,
        Command::Confirm { id, number } => {
            let said = Confirmation { flag: number };
            context.output.show(&requests::confirm(&engine, &viewer, &id, &said).await?, detail)?;
        }
        Command::Unblock { id } => {
            let hashes = requests::unblock(&engine, &viewer, &id).await?;
            context.output.show(&serde_json::json!({ "hashes": hashes }), |_| {
                format!("{hashes} hashes are let in again: whoever has what they stand for is taken in like anybody else.")
            })?;
        }
        Command::Certificate { id, out } => {
            let certificate = certify(&engine, &viewer, &id).await?;
            let text = serde_json::to_string_pretty(&certificate)?;
            match out {
                Some(file) => write(&file, &text)?,
                None => say(&text),
            }
        }
        Command::Export { who, out } => {
            let text = serde_json::to_string_pretty(&export(&engine, &viewer, &who).await?)?;
            match out {
                Some(file) => write(&file, &text)?,
                None => say(&text),
            }
        }
        Command::Scrub => {
            let scrub = schedule::scrub(&engine, true).await?;
            context.output.show(&serde_json::json!({ "erasures": scrub.done, "waiting": scrub.waiting }), |_| scrubbed(scrub))?;
        }
        Command::Verify { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn erase(engine: &Engine, context: &Context, who: String, yes: bool, wait: Duration) -> Result<ExitCode> {
    let viewer = context.viewer();
    if !yes {
        let held = match export(engine, &viewer, &who).await {
            Ok(held) => held,
            Err(EngineError::Unknown { what: "person", name, .. }) => {
                let nobody = serde_json::json!({ "person": name, "records": [] });
                context.output.show(&nobody, |_| {
                    format!(
                        "No record here is of {name}. The platforms would be searched, what they hold erased, and whoever is known by it not \
                         taken in again.\n\nDo it with --yes."
                    )
                })?;
                return Ok(ExitCode::from(LEFT));
            }
            Err(error) => return Err(error.into()),
        };
        context.output.show(&held, |held| {
            let name = held.records.first().map_or_else(|| held.person.clone(), |record| format!("{} ({})", record.title, held.person));
            let mut text = format!("{name} would be erased, and cannot be brought back:\n");
            for record in &held.records {
                text.push_str(&format!("  {} {} ({} values)\n", record.object, record.id, record.values.len()));
                for row in &record.counterparts {
                    text.push_str(&format!("    {}  {} {} ({})\n", row.connection, row.object, row.id, row.state));
                }
            }
            text.extend(held.named_elsewhere.iter().map(|what| format!("  for a person: {what}\n")));
            text.push_str("\nDo it with --yes.");
            text
        })?;
        return Ok(ExitCode::from(LEFT));
    }
    let mut found = ask(engine, &viewer, &ErasureRequest { who }, SOURCE).await?;
    let began = Instant::now();
    let seat = seat(engine).await?;
    while (found.erasure.state == "working" || found.erasure.scrubbed_at.is_none()) && began.elapsed() < wait {
        // Nobody else does what is to be done, so it is done here.
        if seat.is_some() {
            schedule::tick(engine, &|| false).await?;
        }
        found = requests::show(engine, &viewer, &found.erasure.id).await?;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    context.output.show(&found, detail)?;
    Ok(if found.erasure.state == "done" { ExitCode::SUCCESS } else { ExitCode::from(LEFT) })
}

/// The seat of the one who works, if nobody has it. PostgreSQL has room for many, so there it counts who is alive.
async fn seat(engine: &Engine) -> Result<Option<WorkerSeat>> {
    let store = engine.store();
    if store.is_postgres() && !presence::alive(store, engine.now()).await?.is_empty() {
        return Ok(None);
    }
    Ok(store.worker_seat().ok())
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text)
        .map_err(|error| Fault::new(format!("{} cannot be written: {error}", file.display()), "name a file in a folder that is there"))
}

fn verify(file: &Path, context: &Context) -> Result<ExitCode> {
    let text = std::fs::read(file).map_err(|error| {
        Fault::new(format!("{} cannot be read: {error}", file.display()), "name the file that `entente privacy certificate --out` wrote")
    })?;
    let certificate = ErasureCertificate::read(&text)?;
    context.output.show(&certificate, |certificate| {
        let of = &certificate.statement;
        let state = if of.complete { "complete" } else { "not complete yet" };
        let mut text =
            format!("The signature fits: erasure {}, {state}, certified {} by the instance {}.", of.erasure, moment(of.at), of.key);
        for place in &of.places {
            let name = format!("{:?}", place.place);
            let when = match (place.done_at, place.by) {
                (Some(at), _) => moment(at),
                (None, Keeper::Entente) => "not yet".to_owned(),
                (None, Keeper::Operator) => "the operator's".to_owned(),
            };
            text.push_str(&format!("\n  {name:<18} {when}: {}", place.what));
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn scrubbed(scrub: schedule::Scrub) -> String {
    let mut text = match scrub.done {
        0 if scrub.waiting == 0 => "Nothing waits to leave the database's files.".to_owned(),
        0 => String::new(),
        done => format!("What {} removed has left the database's files. ", counted(done as u64, "erasure")),
    };
    if scrub.waiting > 0 {
        let waiting = counted(scrub.waiting as u64, "erasure");
        text.push_str(&format!(
            "{waiting} cannot yet: webhooks that came in before are still to be read, or something came in meanwhile. Try again."
        ));
    }
    text.trim_end().to_owned()
}

fn detail(found: &ErasureDetail) -> String {
    let head = &found.erasure;
    let person = head.record.clone().unwrap_or_else(|| "a person without a record here".to_owned());
    let mut text = format!(
        "Erasure {} of {person}\n  state      {}\n  asked      {} by {} ({})\n",
        head.id,
        head.state,
        moment(head.asked_at),
        head.asked_by,
        head.source
    );
    let time = |label: &str, at: Option<jiff::Timestamp>| at.map_or_else(String::new, |at| format!("  {label:<10} {}\n", moment(at)));
    text.push_str(&format!("  here       {} emptied\n", counted(found.records.len() as u64, "record")));
    text.push_str(&time("ended", head.ended_at));
    text.push_str(&time("files", head.scrubbed_at));
    text.push_str(&match head.rechecked_at {
        Some(at) => time("checked", Some(at)),
        None => time("check due", head.recheck_at),
    });
    let rows = found.answers.iter().map(|row| {
        let state = match row.state {
            RowState::Open => "open",
            RowState::Erased => "erased",
            RowState::Refused => "refused",
        };
        [row.connection.clone(), row.object.clone(), row.id.clone(), state.to_owned(), row.answer.clone().unwrap_or_default()]
    });
    if !found.answers.is_empty() {
        text.push_str(&format!("\n{}\n", table(["SYSTEM", "OBJECT", "ID", "STATE", "ANSWER"], rows)));
    }
    for flag in &found.flags {
        let place = flag.connection.as_ref().map_or_else(String::new, |connection| format!("{connection}: "));
        let done = match (&flag.done_by, flag.done_at) {
            (Some(by), Some(at)) => format!("done by {by}, {}", moment(at)),
            _ => format!("`entente privacy confirm {} {}` once it is done", head.id, flag.number),
        };
        text.push_str(&format!("\n[{}] {place}{}\n    {done}\n", flag.number, flag.what));
    }
    for seen in &found.seen_again {
        text.push_str(&format!("\n{}  {} {} at {}: {}\n", moment(seen.at), seen.object, seen.id, seen.connection, seen.what));
    }
    text
}
