//! `entente mapping`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use entente_engine::Engine;
use entente_engine::files::{FileText, parse_mapping};
use entente_engine::metadata::mappings::{self, MappingVersion, Proposal};
use entente_engine::metadata::proposal::{Judgement, judge};
use entente_model::mapping::{Direction, Mapping};

use super::FAILED;
use super::context::Context;
use super::output::{looked_at_again, moment, say, table};
use crate::fault::{Fault, Result};

/// What to do with mappings.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check that every mapping in force compiles and fits the others; with a file, judge that mapping before it is saved
    Check {
        /// Mapping file, YAML, TOML or JSON, as `mapping show --toml` prints it
        #[arg(requires = "connection")]
        file: Option<PathBuf>,
        /// Connection that the file is for
        #[arg(long)]
        connection: Option<String>,
    },
    /// Show mappings in force
    Show {
        /// Of this connection only
        #[arg(long)]
        connection: Option<String>,
        /// Of this object only
        #[arg(long)]
        object: Option<String>,
        /// As a mapping file to edit and save; needs --connection and --object
        #[arg(long, requires_all = ["connection", "object"])]
        toml: bool,
    },
    /// Judge a mapping file and, when nothing stands against it, save it as a new version and put it in force
    Save {
        /// Mapping file, YAML, TOML or JSON, as `mapping show --toml` prints it
        file: PathBuf,
        /// Connection that it is for
        #[arg(long)]
        connection: String,
        /// Why, for whoever looks at the versions later
        #[arg(long, default_value = "")]
        note: String,
        /// Save it although lines lose something on the way there and back
        #[arg(long)]
        accept_loss: bool,
    },
    /// Show every version of a mapping, newest first
    Versions {
        /// Connection
        #[arg(long)]
        connection: String,
        /// Object
        #[arg(long)]
        object: String,
    },
    /// How a version comes into force step by step
    #[command(flatten)]
    Rollout(super::rollout::Command),
    /// Put a version in force for all records
    Activate {
        /// Its number
        #[arg(value_name = "VERSION")]
        number: i64,
        /// Connection
        #[arg(long)]
        connection: String,
        /// Object
        #[arg(long)]
        object: String,
    },
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    // Building the engine compiles every mapping; one that does not fit is the error.
    let engine = context.engine().await?;
    match command {
        Command::Check { file: Some(file), connection: Some(connection) } => return check_file(&engine, context, &file, &connection).await,
        Command::Check { .. } => check_all(&engine, context).await?,
        Command::Show { connection, object, toml } => show(&engine, context, connection.as_deref(), object.as_deref(), toml).await?,
        Command::Save { file, connection, note, accept_loss } => {
            let proposal = Proposal { mapping: read(&file)?, note, accept_loss, new_fields: Vec::new() };
            let spinner = context.output.spinner("judging");
            let saved = mappings::save(&engine, &context.viewer(), &connection, proposal).await;
            spinner.finish_and_clear();
            context.output.show(&saved?, |saved| {
                format!(
                    "{}\nVersion {} of {} at {connection} is in force; running processes take it up within seconds. {}.",
                    judgement_text(&saved.judgement),
                    saved.saved.version,
                    saved.saved.object,
                    looked_at_again(saved.records)
                )
            })?;
        }
        Command::Versions { connection, object } => {
            let versions = mappings::versions(&engine, &connection, &object).await?;
            context.output.show(&versions, |versions| {
                let rows = versions.iter().map(|version| {
                    let active = if version.active { "in force" } else { "" };
                    let (fields, saved) = (version.mapping.fields.len().to_string(), moment(version.saved_at));
                    [version.version.to_string(), active.to_owned(), fields, saved, version.saved_by.clone(), version.note.clone()]
                });
                table(["VERSION", "", "FIELDS", "SAVED", "BY", "NOTE"], rows)
            })?;
        }
        Command::Rollout(command) => super::rollout::run(command, &engine, context).await?,
        Command::Activate { number, connection, object } => {
            let active = mappings::activate(&engine, &context.viewer(), &connection, &object, number).await?;
            context
                .output
                .show(&active, |active| format!("Version {} of {} at {} is in force.", active.version, active.object, active.connection))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a mapping file; what is wrong with it is named with its place.
pub(super) fn read(file: &Path) -> Result<Mapping> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Fault::new(format!("{} cannot be read: {error}", file.display()), "name a mapping file, a text in UTF-8, that this user can read")
    })?;
    let has =
        |endings: &[&str]| file.extension().is_some_and(|extension| endings.iter().any(|ending| extension.eq_ignore_ascii_case(ending)));
    if has(&["yaml", "yml"]) {
        let yaml = FileText { path: file.display().to_string(), text };
        return parse_mapping(&yaml)
            .map_err(|fault| Fault::new(format!("{}:{}:{}: {}", fault.path, fault.line, fault.column, fault.reason), fault.remedy));
    }
    let parsed = if has(&["json"]) {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    } else {
        toml::from_str(&text).map_err(|error| error.to_string())
    };
    parsed.map_err(|error| {
        let remedy = "correct it; `entente mapping show --toml --connection NAME --object OBJECT` prints one that is right";
        Fault::new(format!("{} is not a mapping: {}", file.display(), error.trim_end()), remedy)
    })
}

async fn check_file(engine: &Engine, context: &Context, file: &Path, connection: &str) -> Result<ExitCode> {
    let mapping = read(file)?;
    let spinner = context.output.spinner("judging");
    let judgement = judge(engine, connection, &mapping).await;
    spinner.finish_and_clear();
    let judgement = judgement?;
    context.output.show(&judgement, judgement_text)?;
    Ok(if judgement.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

async fn check_all(engine: &Engine, context: &Context) -> Result<()> {
    let all = mappings::list(engine, None, None).await?;
    let lines: usize = all.iter().map(|version| version.mapping.fields.len()).sum();
    context.output.show(&serde_json::json!({ "ok": true, "mappings": all.len(), "fields": lines }), |_| {
        format!("{} mappings with {lines} fields are in order. `entente doctor` checks them against the platforms.", all.len())
    })
}

async fn show(engine: &Engine, context: &Context, connection: Option<&str>, object: Option<&str>, toml: bool) -> Result<()> {
    let chosen = mappings::list(engine, connection, object).await?;
    if chosen.is_empty() {
        return Err(Fault::new("no mapping fits", "leave --connection and --object out to see all of them"));
    }
    if toml {
        for version in &chosen {
            let text = toml::to_string(&version.mapping)
                .map_err(|error| Fault::new(format!("the mapping cannot be written as TOML: {error}"), "use --output json"))?;
            say(&text);
        }
        return Ok(());
    }
    context.output.show(&chosen, |chosen| chosen.iter().map(text).collect::<Vec<_>>().join("\n\n"))
}

pub(super) fn judgement_text(judgement: &Judgement) -> String {
    let mut text =
        format!("{} at {}: tried on {} rows and {} records.\n", judgement.object, judgement.connection, judgement.rows, judgement.records);
    for (what, fields) in [("new", &judgement.added), ("changed", &judgement.changed), ("removed", &judgement.removed)] {
        if !fields.is_empty() {
            text.push_str(&format!("    {what:<8} {}\n", fields.join(", ")));
        }
    }
    if !judgement.to_provision.is_empty() {
        text.push_str(&format!("    to make  {}: `entente provision --apply` makes them\n", judgement.to_provision.join(", ")));
    }
    for error in &judgement.errors {
        text.push_str(&format!("    {}    {error}\n", if error.known { "known" } else { "ERROR" }));
    }
    for loss in &judgement.losses {
        text.push_str(&format!("    {}    {}\n", if loss.known { "known" } else { "LOSS " }, loss.text));
    }
    if judgement.is_clean() {
        text.push_str("    Nothing stands against it.\n");
    }
    text
}

fn text(version: &MappingVersion) -> String {
    let MappingVersion { connection, mapping, .. } = version;
    let rows = mapping.fields.iter().map(|line| {
        let arrow = match line.direction {
            Direction::Both => "↔",
            Direction::In => "←",
            Direction::Out => "→",
        };
        let owner = format!("{:?}", line.owner).to_lowercase();
        let formula = [line.get.as_ref().map(|get| format!("get: {get}")), line.put.as_ref().map(|put| format!("put: {put}"))]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("  ");
        [line.field.clone(), arrow.to_owned(), line.remote.clone(), owner, formula]
    });
    format!(
        "{} at {connection}: {} (key {}), version {} by {}\n{}",
        mapping.object,
        mapping.remote,
        mapping.key,
        version.version,
        version.saved_by,
        table(["FIELD", "", "REMOTE", "OWNER", "FORMULA"], rows)
    )
}
