//! `entente doctor`: every part checked, each with what to do about it.

mod platform;
mod work;

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::Engine;
use serde::Serialize;

use super::FAILED;
use super::context::Context;
use super::output::counted;
use crate::assemble;
use crate::config::{Config, KeySource};
use crate::fault::{Fault, Result};

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
        platform::verification(&config, connection, engine.now(), report);
        if !args.offline {
            platform::examine(&config, &engine, connection, report).await;
        }
    }
    notices(&config, report);
    work::examine(&engine, report).await;
}

fn notices(config: &Config, report: &mut Report) {
    let of = &config.notify;
    if of.slack_webhook.is_none() && of.slack_bot.is_none() && of.teams_webhook.is_none() && of.webhooks.is_empty() && of.smtp.is_none() {
        let remedy = "set notify.slack_webhook, notify.slack_token or notify.teams_webhook, or add [[notify.webhook]] or [notify.smtp]";
        report.warn("notices", "nobody is told when something goes wrong", remedy);
    } else {
        report.ok("notices", "there is a channel for them");
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
    let count = |state| checks.iter().filter(|check| check.state == state).count() as u64;
    let (warnings, failures) = (counted(count(State::Warn), "warning"), counted(count(State::Fail), "failure"));
    text.push_str(&format!("\n{} ok, {warnings}, {failures}\n", count(State::Ok)));
    text
}
