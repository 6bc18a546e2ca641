//! `entente rest`: descriptions of platforms of your own.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use entente_connect::settings::ConnectionSettings;
use entente_connect::transport::Surroundings;
use entente_connect::transport::http::HttpWire;
use entente_connect::vendors::rest::description::Description;
use entente_connect::vendors::rest::description::reference::{json_schema, markdown};
use entente_connect::vendors::rest::{Probe, probe};
use serde::Serialize;

use super::FAILED;
use super::context::Context;
use super::output::say;
use crate::assemble::{self, MachineTime, StoreVault};
use crate::config::description;
use crate::config::flaw::Flaws;
use crate::fault::{Fault, Result};

/// What to do with descriptions.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a description and name every mistake with its place; with a connection, try every call that only reads and show what was found
    Check {
        /// The description
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Connection of the configuration whose address and credentials are used
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
    },
    /// Print the JSON Schema of descriptions, for editors
    Schema,
    /// Print what every key means, as Markdown
    Keys,
}

/// What a description has, and how it went.
#[derive(Debug, Serialize)]
struct Checked {
    file: PathBuf,
    platform: String,
    objects: Vec<Able>,
    webhooks: Option<String>,
    probes: Vec<Probe>,
}

/// What can be done with an object. What is not described is null.
#[derive(Debug, Serialize)]
struct Able {
    object: String,
    fields: usize,
    changes: Option<String>,
    removed: Option<String>,
    create: Option<String>,
    update: Option<String>,
    delete: Option<String>,
    find: Vec<String>,
    custom_fields: Option<String>,
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    match command {
        Command::Schema => say(&serde_json::to_string_pretty(&json_schema())?),
        Command::Keys => say(&markdown()),
        Command::Check { file, connection } => return check(file, connection, context).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn check(file: PathBuf, connection: Option<String>, context: &Context) -> Result<ExitCode> {
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Fault::new(format!("{} cannot be read: {error}", file.display()), "name a YAML file, a text in UTF-8, that this user can read")
    })?;
    let described = description::check(&file, &text).map_err(|flaws| Fault::of_flaws(&Flaws(flaws), "entente rest check"))?;
    let probes = match &connection {
        None => Vec::new(),
        Some(name) => try_it(name, &described, context).await?,
    };
    let failed = probes.iter().any(|probe| !probe.good);
    let checked = Checked {
        file,
        platform: described.label.clone(),
        objects: able(&described),
        webhooks: described.webhooks.as_ref().map(|webhooks| {
            let how = if webhooks.subscribe.is_some() { "made over the API" } else { "set up by a person" };
            how.to_owned()
        }),
        probes,
    };
    context.output.show(&checked, |checked| text_of(checked, connection.is_some()))?;
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// The calls of this description with the address and credentials of a connection, whatever description that one names itself.
async fn try_it(name: &str, described: &Description, context: &Context) -> Result<Vec<Probe>> {
    let config = context.config()?;
    let Some(settings) = config.connections.iter().find(|connection| connection.name == name) else {
        let known: Vec<&str> = config.connections.iter().map(|connection| connection.name.as_str()).collect();
        return Err(Fault::new(format!("there is no connection `{name}`"), format!("use one of: {}", known.join(", "))));
    };
    let mut settings = ConnectionSettings { description: Some(Arc::new(described.clone())), ..settings.clone() };
    let store = assemble::store(&config).await?;
    crate::credentials::complete(&store, &mut settings).await?;
    let surroundings = Surroundings {
        wire: Arc::new(HttpWire::new(settings.proxy.as_ref())?),
        time: Arc::new(MachineTime),
        vault: Arc::new(StoreVault::new(store)?),
        latency_target: Duration::from_millis(config.sync.latency_target_ms),
    };
    let spinner = context.output.spinner("trying every call that reads");
    let probes = probe(settings, surroundings).await?;
    spinner.finish_and_clear();
    Ok(probes)
}

fn able(described: &Description) -> Vec<Able> {
    let yes = |there: bool, how: &str| there.then(|| how.to_owned());
    let of = |(name, part): (&String, &entente_connect::vendors::rest::description::object::ObjectPart)| Able {
        object: name.clone(),
        fields: part.fields.len(),
        changes: part.changes.as_ref().map(|changes| format!("since an instant, {} s of overlap", changes.overlap_seconds)),
        removed: part.removed.as_ref().map(|removed| format!("every {} s", removed.every_seconds)),
        create: match (&part.upsert, &part.create) {
            (Some(_), _) => Some("by the platform's upsert".to_owned()),
            (None, Some(_)) if part.find.key.is_some() => Some("after a search by key".to_owned()),
            (None, Some(_)) => Some("after a look through what changed".to_owned()),
            (None, None) => None,
        },
        update: yes(part.update.is_some(), "yes"),
        delete: yes(part.delete.is_some(), "yes"),
        find: [
            ("email", part.find.email.is_some()),
            ("phone", part.find.phone.is_some()),
            ("name", part.find.name.is_some()),
            ("key", part.find.key.is_some()),
        ]
        .into_iter()
        .filter(|(_, there)| *there)
        .map(|(name, _)| name.to_owned())
        .collect(),
        custom_fields: part
            .custom_fields
            .as_ref()
            .map(|custom| if custom.create.is_some() { "found and made".to_owned() } else { "found".to_owned() }),
    };
    described.objects.iter().map(of).collect()
}

fn text_of(checked: &Checked, tried: bool) -> String {
    let mut text = format!("{} is in order: {}.\n", checked.file.display(), checked.platform);
    let or_none = |what: &Option<String>| what.clone().unwrap_or_else(|| "none".to_owned());
    for able in &checked.objects {
        let find = if able.find.is_empty() { "none".to_owned() } else { able.find.join(", ") };
        text.push_str(&format!(
            "\n{} ({} fields)\n  changes        {}\n  deletions      {}\n  create         {}\n  update         {}\n  delete         {}\n  find by        {find}\n  custom fields  {}\n",
            able.object,
            able.fields,
            able.changes.clone().unwrap_or_else(|| "none: every poll reads every row".to_owned()),
            or_none(&able.removed),
            or_none(&able.create),
            or_none(&able.update),
            or_none(&able.delete),
            or_none(&able.custom_fields),
        ));
    }
    text.push_str(&format!("\nwebhooks: {}\n", or_none(&checked.webhooks)));
    if !tried {
        text.push_str("\nTry its calls with `--connection NAME`.\n");
    }
    for probe in &checked.probes {
        text.push_str(&format!("\n{}  {}: {}", if probe.good { "ok  " } else { "FAIL" }, probe.call, probe.found));
        if let Some(remedy) = &probe.remedy {
            text.push_str(&format!("\n      → {remedy}"));
        }
    }
    text
}
