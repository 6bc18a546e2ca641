//! `entente doctor`: every part checked, each with what to do about it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_connect::settings::Auth;
use entente_engine::{Connection, Engine};
use entente_model::mapping::Direction;
use serde::Serialize;

use super::FAILED;
use super::context::Context;
use crate::assemble;
use crate::config::{Config, KeySource};
use crate::fault::{Fault, Result};

/// Clock offsets beyond this make "within five seconds of each other" a guess, in milliseconds.
const CLOCK_MS: i64 = 2_000;

/// Share of the API budget that should be left, in percent.
const BUDGET_PERCENT: u64 = 10;

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Check what is here only; make no call to a vendor
    #[arg(long)]
    offline: bool,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    area: String,
    state: State,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// All checks.
#[derive(Default)]
struct Report(Vec<Check>);

impl Report {
    fn ok(&mut self, area: &str, text: impl Into<String>) {
        self.0.push(Check { area: area.to_owned(), state: State::Ok, text: text.into(), remedy: None });
    }

    fn warn(&mut self, area: &str, text: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Check { area: area.to_owned(), state: State::Warn, text: text.into(), remedy: Some(remedy.into()) });
    }

    fn fail(&mut self, area: &str, text: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Check { area: area.to_owned(), state: State::Fail, text: text.into(), remedy: Some(remedy.into()) });
    }

    fn fault(&mut self, area: &str, fault: &Fault) {
        self.fail(area, fault.what.clone(), fault.remedy.clone());
    }
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let mut report = Report::default();
    let spinner = context.output.spinner("checking");
    examine(&args, context, &mut report).await;
    spinner.finish_and_clear();
    let failed = report.0.iter().any(|check| check.state == State::Fail);
    context.output.show(&report.0, |checks| text(checks))?;
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// Checks in the order in which later ones need earlier ones.
async fn examine(args: &Args, context: &Context, report: &mut Report) {
    let config = match context.config() {
        Ok(config) => config,
        Err(fault) => return report.fault("config", &fault),
    };
    report.ok("config", format!("{} is in order", config.file.display()));
    key(&config, report);
    let store = match assemble::store(&config).await {
        Ok(store) => store,
        Err(fault) => return report.fault("store", &fault),
    };
    let written = store.write(|tx| tx.put_setting("doctor", &1)).await;
    match written {
        Ok(()) => report.ok("store", format!("{:?} can be read and written, its schema is current", config.store)),
        Err(error) => report.fault("store", &Fault::of(&error)),
    }
    let engine = match assemble::engine(&config, store).await {
        Ok(engine) => engine,
        Err(fault) => return report.fault("mappings", &fault),
    };
    let lines: usize = engine
        .connections()
        .keys()
        .flat_map(|name| engine.catalog().mappings(name).to_vec())
        .map(|mapped| mapped.mapping().fields.len())
        .sum();
    report.ok("mappings", format!("{lines} field mappings compile"));
    server(&config, &engine, report).await;
    if !args.offline && !engine.options().tier_groups.is_empty() {
        match entente_engine::automation::routing::check(&engine).await {
            Ok(()) => report.ok("routing", "every group of sync.tier_groups is there"),
            Err(error) => report.fault("routing", &Fault::of(&error)),
        }
    }
    if engine.connections().is_empty() {
        report.warn("connections", "there is none", "add [[connection]] tables; `entente config example` shows how");
    }
    for connection in engine.connections().values() {
        webhooks(&config, connection, report);
        if !args.offline {
            examine_connection(&engine, connection, report).await;
        }
    }
}

fn key(config: &Config, report: &mut Report) {
    let made = matches!(&config.key, KeySource::File(path) if !path.exists());
    match assemble::master_key(&config.key) {
        Ok(key) if made => report.warn(
            "key",
            format!("a master key was made ({})", key.id()),
            "keep a copy of it elsewhere; without it the history cannot be read",
        ),
        Ok(key) => report.ok("key", format!("master key {}", key.id())),
        Err(fault) => report.fault("key", &fault),
    }
    #[cfg(unix)]
    if let KeySource::File(path) = &config.key {
        use std::os::unix::fs::PermissionsExt;
        if let Ok(metadata) = std::fs::metadata(path)
            && metadata.permissions().mode() & 0o077 != 0
        {
            report.warn("key", format!("{} can be read by other users", path.display()), format!("chmod 600 {}", path.display()));
        }
    }
}

async fn server(config: &Config, engine: &Engine, report: &mut Report) {
    let open = crate::http::App::new(engine.clone(), config.listen, config.public_url.clone()).open_access;
    match crate::tokens::any(engine.store()).await {
        Ok(true) => report.ok("server", format!("{}; the API needs a token", config.listen)),
        Ok(false) if open => report.ok("server", format!("{}; requests of this machine need no token", config.listen)),
        Ok(false) => report.fail(
            "server",
            format!("{} can be reached from elsewhere and there is no API token", config.listen),
            "make one with `entente token create NAME`",
        ),
        Err(error) => report.fault("server", &Fault::of(&error)),
    }
}

fn webhooks(config: &Config, connection: &Connection, report: &mut Report) {
    let area = connection.name.as_str();
    let hooks = &connection.settings.webhooks;
    if hooks.signing_secret.is_empty() && hooks.path_secret.is_empty() {
        let remedy = "set webhooks.signing_secret or webhooks.path_secret of this connection; until then only polls bring changes";
        report.warn(area, "webhooks cannot be verified: there is no secret", remedy);
    } else if config.public_url.is_none() {
        report.warn(
            area,
            "the vendor does not know where to send webhooks",
            "set server.public_url to the address under which this server is reached",
        );
    } else if config
        .public_url
        .as_ref()
        .is_some_and(|url| url.scheme() != "https" && !url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127.")))
    {
        report.warn(area, "webhooks come in without TLS", "put a proxy with TLS in front, and its https address into server.public_url");
    } else {
        report.ok(area, "webhooks can be verified");
    }
}

async fn examine_connection(engine: &Engine, connection: &Connection, report: &mut Report) {
    let area = connection.name.as_str();
    match connection.connector.check().await {
        Ok(identity) => report.ok(area, format!("signed in as {} at {}", identity.user, identity.organization)),
        Err(error) => return report.fail(area, format!("signing in failed: {error}"), error.advice),
    }
    if matches!(connection.settings.auth, Auth::ApiToken { .. }) {
        report.warn(area, "API tokens end on 2027-04-30 at Zendesk", "move to kind = \"client_credentials\"");
    }
    match connection.connector.clock_offset_ms() {
        Some(ms) if ms.abs() > CLOCK_MS => report.warn(
            area,
            format!("its clock differs by {:.1} s; times of changes are corrected by that", ms as f64 / 1_000.0),
            "check the clock of this machine (NTP)",
        ),
        Some(ms) => report.ok(area, format!("its clock differs by {ms} ms")),
        None => {}
    }
    let budget = connection.connector.budget();
    match (budget.remaining, budget.limit) {
        (Some(left), Some(limit)) if left.saturating_mul(100) < limit.saturating_mul(BUDGET_PERCENT) => {
            report.warn(area, format!("{left} of {limit} API calls are left"), "find out what else uses the quota, or set daily_calls");
        }
        (Some(left), Some(limit)) => report.ok(area, format!("{left} of {limit} API calls are left")),
        _ => report.ok(area, "the vendor names no API budget"),
    }
    schema(engine, connection, report).await;
}

/// Every remote field that a mapping names exists, and is writable where it is written.
async fn schema(engine: &Engine, connection: &Connection, report: &mut Report) {
    let area = connection.name.as_str();
    let catalog = engine.catalog();
    let mut wanted: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    for mapped in catalog.mappings(&connection.name) {
        let mapping = mapped.mapping();
        let fields = wanted.entry(mapping.remote.clone()).or_default();
        *fields.entry(mapping.key.clone()).or_default() |= mapping.create.when.is_some();
        for line in &mapping.fields {
            *fields.entry(line.remote.clone()).or_default() |= line.direction != Direction::In;
        }
    }
    for (object, fields) in wanted {
        let found = match connection.connector.describe(&object).await {
            Ok(found) => found,
            Err(error) => {
                report.fail(area, format!("the schema of {object} cannot be read: {error}"), error.advice);
                continue;
            }
        };
        let missing: Vec<&str> =
            fields.keys().filter(|name| found.field(name).is_none() && !follows_a_reference(name)).map(String::as_str).collect();
        let locked: Vec<&str> = fields
            .iter()
            .filter(|(name, written)| **written && found.field(name).is_some_and(|field| !field.writable))
            .map(|(name, _)| name.as_str())
            .collect();
        if !missing.is_empty() {
            report.fail(
                area,
                format!("{object} lacks {}", missing.join(", ")),
                "create them with `entente provision --apply`, or take them out of the mapping",
            );
        }
        if !locked.is_empty() {
            report.fail(
                area,
                format!("our user may not write {} of {object}", locked.join(", ")),
                "grant the permission at the platform, or map these fields with direction = \"in\"",
            );
        }
        if missing.is_empty() && locked.is_empty() {
            report.ok(area, format!("{object}: {} mapped fields are there", fields.len()));
        }
    }
}

/// Whether a name reads through a reference to another row (`Owner.Name`, `metric_set.solved_at`): schemas do not list those.
fn follows_a_reference(name: &str) -> bool {
    name.contains('.') && !name.starts_with("user_fields.") && !name.starts_with("organization_fields.")
}

fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.area.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let mark = match check.state {
            State::Ok => "ok  ",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        text.push_str(&format!("{mark}  {:<width$}  {}\n", check.area, check.text));
        if let Some(remedy) = &check.remedy {
            text.push_str(&format!("      {:<width$}  → {remedy}\n", ""));
        }
    }
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    text.push_str(&format!("\n{} ok, {} warnings, {} failures\n", count(State::Ok), count(State::Warn), count(State::Fail)));
    text
}
