//! Configuration: one file, `entente.toml`, typed, where an unknown key is an error. This is the one place that reads the environment.
//!
//! A text value that is secret may stand in the file, or be `{ env = "NAME" }` or `{ file = "path" }`. Relative paths start at the
//! folder of the configuration file. All mistakes are reported at once, each with its line, its key, the reason and the remedy.

pub mod connection;
pub mod description;
pub mod document;
pub mod flaw;
pub mod hubspot;
pub mod notify;
pub mod salesforce;
pub mod secret;
pub mod tables;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use entente_connect::settings::{ConnectionSettings, Secret};
use entente_engine::options::Options;
use entente_store::{MasterKey, StoreUrl};
use url::Url;

use flaw::{Flaw, Flaws, Place};
use secret::Resolver;
use tables::{ConfigFile, Durability, Encryption};

/// Name of the configuration file when none is given.
pub const FILE: &str = "entente.toml";

/// Names the environment variable that points at the configuration file.
pub const FILE_VARIABLE: &str = "ENTENTE_CONFIG";

/// Names the environment variable with the log filter.
pub const LOG_VARIABLE: &str = "ENTENTE_LOG";

/// The process's environment, as a function, so that tests bring their own.
pub struct Environment(Box<Lookup>);

/// Finds a variable by name.
type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Environment {
    /// The real one.
    pub fn of_process() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
        Self(Box::new(|name| std::env::var(name).ok()))
    }

    /// One made of pairs, for tests.
    #[cfg(test)]
    pub fn of_pairs(pairs: &[(&str, &str)]) -> Self {
        let pairs: std::collections::BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self(Box::new(move |name| pairs.get(name).cloned()))
    }

    /// A variable, when it is set and not blank.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }
}

/// Where the configuration file is: the flag, else the environment, else `entente.toml` here.
pub fn locate(flag: Option<&Path>, environment: &Environment) -> PathBuf {
    flag.map_or_else(|| environment.get(FILE_VARIABLE).map_or_else(|| PathBuf::from(FILE), PathBuf::from), Path::to_path_buf)
}

/// Where the master key comes from.
#[derive(Debug)]
pub enum KeySource {
    /// Given by the configuration.
    Given(MasterKey),
    /// A file that is made at the first start.
    File(PathBuf),
}

/// Settings of notifications, with their secrets.
#[derive(Debug, Clone, Default)]
pub struct NotifySettings {
    /// Slack's incoming webhook. The address is the credential.
    pub slack_webhook: Option<Secret>,
    /// Where Slack's Web API is, and the token of a bot.
    pub slack_bot: Option<(String, Secret)>,
    /// Address of a Teams workflow. It is the credential as well.
    pub teams_webhook: Option<Secret>,
    /// Webhooks by name: address, and the secret that events are signed with.
    pub webhooks: std::collections::BTreeMap<String, (Secret, Option<Secret>)>,
    /// Hours in which alerts that can wait are not sent.
    pub quiet: Option<entente_engine::alerts::quiet::QuietHours>,
    /// Outgoing mail.
    pub smtp: Option<SmtpSettings>,
    /// Sender of mails.
    pub from: Option<String>,
    /// Destinations by audience: `slack`, channels of Slack such as `#ops`, `teams`, names of webhooks, or e-mail addresses.
    pub channels: std::collections::BTreeMap<String, Vec<String>>,
}

/// An outgoing mail server.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Encryption.
    pub encryption: Encryption,
    /// User name and password.
    pub credentials: Option<(String, Secret)>,
}

/// The configuration, checked, with secrets looked up.
#[derive(Debug)]
pub struct Config {
    /// The file it came from.
    pub file: PathBuf,
    /// Where the HTTP server listens.
    pub listen: SocketAddr,
    /// Address under which vendors and people reach it.
    pub public_url: Option<Url>,
    /// The database.
    pub store: StoreUrl,
    /// The master key.
    pub key: KeySource,
    /// SQLite: when a commit counts.
    pub durability: Durability,
    /// PostgreSQL: certificates of the authorities that may vouch for the server, PEM.
    pub postgres_ca: Option<String>,
    /// The engine's settings.
    pub sync: Options,
    /// Connections.
    pub connections: Vec<ConnectionSettings>,
    /// Notifications.
    pub notify: NotifySettings,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// Every flaw that was found.
    pub fn load(file: &Path, environment: &Environment) -> Result<Self, Flaws> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            let place = Place { file: file.to_path_buf(), line: None, column: None, key: String::new() };
            let remedy = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    format!("write one with `entente config example > {FILE}`, or name another with --config or {FILE_VARIABLE}")
                }
                std::io::ErrorKind::IsADirectory => format!("name the file in it, such as {}", file.join(FILE).display()),
                std::io::ErrorKind::InvalidData => "name a text file in TOML, kept as UTF-8".to_owned(),
                _ => "check that the file can be read by this user".to_owned(),
            };
            Flaws(vec![Flaw { place, reason: format!("the configuration file cannot be read: {error}"), remedy }])
        })?;
        Self::parse(file, &text, environment)
    }

    /// Checks the text of a configuration file.
    ///
    /// # Errors
    /// Every flaw that was found.
    pub fn parse(file: &Path, text: &str, environment: &Environment) -> Result<Self, Flaws> {
        let raw: ConfigFile = toml::from_str(text).map_err(|error| Flaws(vec![Flaw::of_toml(file, text, &error)]))?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut resolver = Resolver::new(file, text, folder, environment);
        let config = check(raw, &mut resolver);
        match config {
            Some(config) if resolver.flaws.is_empty() => Ok(config),
            _ => Err(Flaws::in_order(resolver.flaws)),
        }
    }

    /// Folder of the data: where the SQLite file is, or the configuration file's for PostgreSQL.
    pub fn data_folder(&self) -> PathBuf {
        data_folder(&self.store, &self.file)
    }
}

fn data_folder(store: &StoreUrl, file: &Path) -> PathBuf {
    let beside = match store {
        StoreUrl::Sqlite(path) => path.parent(),
        _ => file.parent(),
    };
    beside.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}

fn check(raw: ConfigFile, resolver: &mut Resolver<'_>) -> Option<Config> {
    let listen = match raw.server.listen.get_ref().parse::<SocketAddr>() {
        Ok(listen) => Some(listen),
        Err(_) => {
            resolver.flaw(
                raw.server.listen.span(),
                "server.listen",
                "this is not an address and port",
                "write it like 127.0.0.1:7171 or [::]:7171",
            );
            None
        }
    };
    let public_url = raw.server.public_url.as_ref().and_then(|text| resolver.web_address(text, "server.public_url"));
    let (store, key, postgres_ca) = check_store(&raw, resolver);
    check_sync(&raw.sync, resolver);
    let mut sync = raw.sync;
    if let Some(locale) = raw.locale.check(resolver) {
        sync.locale = locale;
    }
    let mut connections = connection::check(raw.connection, resolver);
    for connection in &mut connections {
        connection.salesforce.home_currency.clone_from(&sync.locale.currency);
    }
    check_email_checks(&sync, &connections, resolver);
    check_merge_values(&sync, resolver);
    check_erase_policies(&sync, &connections, resolver);
    let timezone = sync.locale.timezone.clone();
    let notify = raw.notify.check(&timezone, resolver);
    Some(Config {
        file: resolver.file.to_path_buf(),
        listen: listen?,
        public_url,
        store: store?,
        key: key?,
        durability: raw.store.durability,
        postgres_ca,
        sync,
        connections,
        notify,
    })
}

fn check_store(raw: &ConfigFile, resolver: &mut Resolver<'_>) -> (Option<StoreUrl>, Option<KeySource>, Option<String>) {
    let span = raw.store.url.as_ref().map_or(0..0, toml::Spanned::span);
    let text = match &raw.store.url {
        Some(source) => resolver.secret(source, "store.url").map(|secret| secret.reveal().to_owned()),
        None => Some("sqlite:entente.db".to_owned()),
    };
    let store = text.and_then(|text| match StoreUrl::parse(&text) {
        Ok(StoreUrl::Sqlite(path)) => Some(StoreUrl::Sqlite(resolver.folder.join(path))),
        Ok(other) => Some(other),
        Err(_) => {
            let remedy = "write sqlite:<path>, or postgres://user:password@host/database";
            resolver.flaw(span, "store.url", "this does not name a database", remedy);
            None
        }
    });
    let key = match &raw.store.key {
        Some(source) => resolver.secret(source, "store.key").and_then(|secret| match MasterKey::parse(secret.reveal()) {
            Ok(key) => Some(KeySource::Given(key)),
            Err(_) => {
                let remedy = "use 32 bytes as 64 hexadecimal digits or as base64; make one with `openssl rand -base64 32`";
                resolver.flaw(source.span(), "store.key", "this is not a master key", remedy);
                None
            }
        }),
        None => store.as_ref().map(|store| KeySource::File(data_folder(store, resolver.file).join("entente.key"))),
    };
    let postgres_ca = raw.store.postgres_ca.as_ref().and_then(|path| {
        let full = resolver.folder.join(path.get_ref());
        match std::fs::read_to_string(&full) {
            Ok(pem) => Some(pem),
            Err(error) => {
                resolver.flaw(
                    path.span(),
                    "store.postgres_ca",
                    format!("{} cannot be read: {error}", full.display()),
                    "name a PEM file that this user can read",
                );
                None
            }
        }
    });
    (store, key, postgres_ca)
}

/// Checks of addresses are of connections that there are.
fn check_email_checks(sync: &Options, connections: &[ConnectionSettings], resolver: &mut Resolver<'_>) {
    for name in sync.email_check.keys().filter(|name| !connections.iter().any(|connection| connection.name == **name)) {
        let reason = format!("there is no connection `{name}`");
        resolver.flaw_at_key("sync", "email_check", reason, "name a connection of this file, as in zendesk = \"hold\"");
    }
}

/// Rules of merges name an object and a field.
fn check_merge_values(sync: &Options, resolver: &mut Resolver<'_>) {
    let names_both = |name: &str| name.split_once('.').is_some_and(|(object, field)| !object.is_empty() && !field.is_empty());
    for name in sync.merge_values.keys().filter(|name| !names_both(name)) {
        let reason = format!("`{name}` names no field of an object");
        resolver.flaw_at_key("sync", "merge_values", reason, "name both, as in \"contact.phone\" = \"latest\"");
    }
}

/// Policies of erasure are of connections that there are.
fn check_erase_policies(sync: &Options, connections: &[ConnectionSettings], resolver: &mut Resolver<'_>) {
    for name in sync.erase.keys().filter(|name| !connections.iter().any(|connection| connection.name == **name)) {
        let reason = format!("there is no connection `{name}`");
        resolver.flaw_at_key("sync", "erase", reason, "name a connection of this file, as in salesforce = \"anonymise\"");
    }
}

/// Bounds that keep the engine's promises; each with its reason.
fn check_sync(sync: &Options, resolver: &mut Resolver<'_>) {
    let mut wrong = |key: &str, reason: String, remedy: &str| resolver.flaw_at_key("sync", key, reason, remedy);
    if !(500..=60_000).contains(&sync.latency_target_ms) {
        wrong(
            "latency_target_ms",
            format!("{} is out of bounds", sync.latency_target_ms),
            "use 500 to 60000: two vendor calls take half a second, and a minute is a poll",
        );
    }
    if sync.poll_interval_ms < 10_000 {
        wrong(
            "poll_interval_ms",
            format!("{} would spend the vendors' quotas on polls", sync.poll_interval_ms),
            "use 10000 (ten seconds) or more; 900000 is usual",
        );
    }
    if sync.retry_after_ms.is_empty() {
        wrong(
            "retry_after_ms",
            "there must be at least one retry".to_owned(),
            "list the waits before each retry, such as [60000, 300000, 900000]",
        );
    }
    if sync.retry_jitter_percent > 100 {
        wrong("retry_jitter_percent", format!("{} is more than the wait itself", sync.retry_jitter_percent), "use 0 to 100");
    }
    if !(1_000..=3_600_000).contains(&sync.batch_mode_interval_ms) {
        wrong(
            "batch_mode_interval_ms",
            format!("{} is out of bounds", sync.batch_mode_interval_ms),
            "use 1000 to 3600000: a second is no batch, and the promise is to have caught up within two hours",
        );
    }
    if sync.lease_ms < 10_000 {
        wrong("lease_ms", format!("{} is shorter than a slow vendor call", sync.lease_ms), "use 10000 (ten seconds) or more");
    }
    if sync.conflict_window_ms > 3_600_000 {
        wrong(
            "conflict_window_ms",
            format!("{} is longer than an hour", sync.conflict_window_ms),
            "use 0 to 3600000; 5000 is usual: whoever changes a field an hour later knows of no rival",
        );
    }
    if sync.reconcile_hour > 23 {
        wrong("reconcile_hour", format!("{} is no hour of a day", sync.reconcile_hour), "use 0 to 23");
    }
    if sync.alert_failure_percent > 100 {
        wrong("alert_failure_percent", format!("{} is no share in percent", sync.alert_failure_percent), "use 0 to 100; 1 is usual");
    }
    if !(1..=100).contains(&sync.alert_quota_percent) {
        wrong("alert_quota_percent", format!("{} is no share of a day's calls", sync.alert_quota_percent), "use 1 to 100; 80 is usual");
    }
    for (key, value) in [
        ("alert_dead_letters", sync.alert_dead_letters),
        ("alert_conflict_hours", sync.alert_conflict_hours),
        ("alert_queue_minutes", sync.alert_queue_minutes),
    ] {
        if value == 0 {
            wrong(key, "0 would tell of what is nothing unusual".to_owned(), "use 1 or more, or leave the key out");
        }
    }
    for (tier, group) in &sync.tier_groups {
        if tier.trim().is_empty() || group.trim().is_empty() {
            wrong(
                "tier_groups",
                format!("`{tier}` = `{group}` names no tier or no group"),
                "write the tier and the group, as in Enterprise = \"VIP\"",
            );
        }
    }
    if sync.onboarding_steps.iter().any(|step| step.trim().is_empty()) {
        wrong("onboarding_steps", "a step is blank".to_owned(), "write what is to be done, or take the step out; [] makes no checklist");
    }
    if !(1..=100).contains(&sync.health_notice_points) {
        let reason = format!("{} is no number of points that a score of 0 to 100 moves by", sync.health_notice_points);
        wrong("health_notice_points", reason, "use 1 to 100");
    }
    if !(80..=99).contains(&sync.auto_link_percent) {
        let reason = format!("{} percent is out of bounds", sync.auto_link_percent);
        wrong("auto_link_percent", reason, "use 80 to 99: below, strangers are linked, and nothing is ever quite certain");
    }
    for (key, value) in [
        ("batch_records", sync.batch_records),
        ("workers", sync.workers),
        ("write_batch", sync.write_batch),
        ("write_batch_under_pressure", sync.write_batch_under_pressure),
    ] {
        if value == 0 {
            wrong(key, "0 would stop all work".to_owned(), "use 1 or more, or leave the key out");
        }
    }
}

#[cfg(test)]
mod tests;
