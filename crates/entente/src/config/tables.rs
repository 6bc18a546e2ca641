//! The tables of `entente.toml` as they are written. The documentation of every key is its comment here.

use std::collections::BTreeMap;

use entente_engine::options::Options;
use entente_model::normalise::Locale;
use entente_model::spelling::nearest;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use utoipa::ToSchema;

use super::connection::ConnectionTable;
use super::notify::{QuietTable, WebhookTable};
use super::secret::{Resolver, SecretSource};
use super::{NotifySettings, SmtpSettings};

/// Audiences that notices are written to.
const AUDIENCES: &[&str] = &["ops", "compliance"];

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    #[serde(default)]
    pub server: ServerTable,
    #[serde(default)]
    pub store: StoreTable,
    #[serde(default)]
    pub locale: LocaleTable,
    #[serde(default)]
    pub sync: Options,
    #[serde(default)]
    pub connection: Vec<Spanned<ConnectionTable>>,
    #[serde(default)]
    pub notify: NotifyTable,
}

/// The HTTP server: web app, API, webhooks in, metrics.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerTable {
    /// Address and port to listen on. Anything but a loopback address needs an API token (`entente token create`).
    #[schema(value_type = String)]
    pub listen: Spanned<String>,
    /// Address under which people and vendors reach this server, through a proxy or a tunnel. `entente provision --apply` has the platforms
    /// send their webhooks there, and links in notices begin with it.
    #[schema(value_type = Option<String>)]
    pub public_url: Option<Spanned<String>>,
}

impl Default for ServerTable {
    fn default() -> Self {
        Self { listen: Spanned::new(0..0, "127.0.0.1:7171".to_owned()), public_url: None }
    }
}

/// When a commit counts as done on SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On the disk: survives a power cut.
    #[default]
    Full,
    /// Handed to the operating system: a power cut may lose the last moments.
    Normal,
}

/// Where everything is kept.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreTable {
    /// The database: `sqlite:<path>` (the default is `sqlite:entente.db` beside this file) or `postgres://user:password@host/database`. May be secret.
    #[schema(value_type = Option<String>)]
    pub url: Option<Spanned<SecretSource>>,
    /// The master key, 32 bytes as hex or base64. Without it the key is in `entente.key` beside the database, made at the first start. Secret.
    #[schema(value_type = Option<String>)]
    pub key: Option<Spanned<SecretSource>>,
    /// SQLite: when a commit counts. `full` survives a power cut, `normal` may lose the last moments in one.
    pub durability: Durability,
    /// PostgreSQL over TLS: a PEM file with the certificates of the authorities that may vouch for the server.
    #[schema(value_type = Option<String>)]
    pub postgres_ca: Option<Spanned<String>>,
}

/// How values without a country, a time zone or a currency are read.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocaleTable {
    /// Country (ISO 3166) of phone numbers that have no country code.
    #[schema(value_type = String)]
    pub region: Spanned<String>,
    /// Time zone (IANA name) of the organisation's days.
    #[schema(value_type = String)]
    pub timezone: Spanned<String>,
    /// Currency (ISO 4217) of amounts that name none.
    #[schema(value_type = String)]
    pub currency: Spanned<String>,
}

impl Default for LocaleTable {
    fn default() -> Self {
        let plain = |text: &str| Spanned::new(0..0, text.to_owned());
        Self { region: plain("US"), timezone: plain("UTC"), currency: plain("USD") }
    }
}

impl LocaleTable {
    /// Checks the three names.
    pub fn check(self, resolver: &mut Resolver<'_>) -> Option<Locale> {
        let capitals = |text: &str, many: usize| text.len() == many && text.bytes().all(|byte| byte.is_ascii_uppercase());
        if !capitals(self.region.get_ref(), 2) || !Locale::is_region(self.region.get_ref()) {
            resolver.flaw(self.region.span(), "locale.region", "this is not a country code", "use two capital letters, such as US or DE");
        }
        if !capitals(self.currency.get_ref(), 3) {
            resolver.flaw(
                self.currency.span(),
                "locale.currency",
                "this is not a currency code",
                "use three capital letters, such as USD or EUR",
            );
        }
        match jiff::tz::TimeZone::get(self.timezone.get_ref()) {
            Ok(timezone) => Some(Locale { region: self.region.into_inner(), timezone, currency: self.currency.into_inner() }),
            Err(_) => {
                resolver.flaw(
                    self.timezone.span(),
                    "locale.timezone",
                    "this is not the name of a time zone",
                    "use an IANA name, such as UTC or Europe/Berlin",
                );
                None
            }
        }
    }
}

/// How connections to the mail server are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// Plain first, then TLS; usual on port 587.
    #[default]
    Starttls,
    /// TLS from the first byte; usual on port 465.
    Tls,
    /// None: only for a mail server on this machine.
    None,
}

/// An outgoing mail server.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpTable {
    /// Host name.
    #[schema(value_type = String)]
    pub host: Spanned<String>,
    /// Port. Without it 587 for `starttls`, 465 for `tls`, 25 for `none`.
    #[serde(default)]
    pub port: Option<u16>,
    /// Encryption: `starttls` (the default), `tls` or `none`.
    #[serde(default)]
    pub encryption: Encryption,
    /// User name, if the server wants one.
    #[serde(default)]
    pub username: Option<String>,
    /// Password. Secret.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub password: Option<Spanned<SecretSource>>,
}

/// Who is told what, and how.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyTable {
    /// Address of a Slack incoming webhook. Secret, because whoever has it can post.
    #[schema(value_type = Option<String>)]
    pub slack_webhook: Option<Spanned<SecretSource>>,
    /// Token of a Slack bot (`xoxb-…`), which posts to the channels that are named under `channels`: `ops = ["#ops"]`. Its app needs the scope
    /// `chat:write` and an invitation into each channel. Secret.
    #[schema(value_type = Option<String>)]
    pub slack_token: Option<Spanned<SecretSource>>,
    /// Where Slack's Web API is, when it is reached through a gateway; `https://slack.com/api/` without.
    #[schema(value_type = Option<String>)]
    pub slack_api: Option<Spanned<String>>,
    /// Address of a Microsoft Teams workflow "Post to a channel when a webhook request is received". Secret, because whoever has it can post.
    #[schema(value_type = Option<String>)]
    pub teams_webhook: Option<Spanned<SecretSource>>,
    /// Any other receivers of events, a table for each.
    #[schema(value_type = Vec<Object>)]
    pub webhook: Vec<WebhookTable>,
    /// Hours of the day in which alerts that can wait are held back, a table of its own.
    #[schema(value_type = Option<Object>)]
    pub quiet_hours: Option<QuietTable>,
    /// Outgoing mail server, a table of its own.
    #[schema(value_type = Option<Object>)]
    pub smtp: Option<SmtpTable>,
    /// Sender of mails, such as `Entente <entente@example.com>`. Needed with `smtp`.
    #[schema(value_type = Option<String>)]
    pub from: Option<Spanned<String>>,
    /// Destinations by audience: `ops = ["slack", "#incidents", "teams", "pager", "ops@example.com"]`, where `slack` is the channel of the
    /// incoming webhook, `#incidents` one that the bot posts to, and `pager` the name of a webhook. The audience
    /// `ops` is told of everything that needs an operator; without an entry it gets Slack, Teams and every webhook there is. The audience
    /// `compliance` is told of every erasure; without an entry those go where the operators' do. Account executives and customer success managers are told at their own addresses, and need no
    /// entry; one with such an address (`"ada@example.com" = ["slack"]`) sends their notices elsewhere.
    #[schema(value_type = Object)]
    pub channels: BTreeMap<String, Spanned<Vec<String>>>,
}

impl NotifyTable {
    /// Checks destinations and looks secrets up.
    pub fn check(self, timezone: &jiff::tz::TimeZone, resolver: &mut Resolver<'_>) -> NotifySettings {
        let slack_webhook = self.slack_webhook.as_ref().and_then(|source| {
            let secret = resolver.secret(source, "notify.slack_webhook")?;
            let usable =
                url::Url::parse(secret.reveal()).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.host_str().is_some());
            if !usable {
                resolver.flaw(
                    source.span(),
                    "notify.slack_webhook",
                    "this is not a web address",
                    "copy it from the Slack app's page `Incoming Webhooks`; it begins with https://hooks.slack.com/services/",
                );
                return None;
            }
            Some(secret)
        });
        let slack_bot = super::notify::slack_bot(self.slack_token.as_ref(), self.slack_api.as_ref(), resolver);
        let teams_webhook = super::notify::teams(self.teams_webhook.as_ref(), resolver);
        let names: Vec<String> = self.webhook.iter().map(|table| table.name.get_ref().clone()).collect();
        let webhooks = super::notify::webhooks(self.webhook, resolver);
        let quiet = self.quiet_hours.and_then(|table| table.check(timezone, resolver));
        let had_teams = self.teams_webhook.is_some();
        let had_slack = self.slack_webhook.is_some();
        let had_bot = self.slack_token.is_some();
        if let Some(token) =
            self.slack_token.as_ref().filter(|_| !self.channels.values().any(|of| of.get_ref().iter().any(|to| to.starts_with('#'))))
        {
            let remedy = "name those it posts to: channels = { ops = [\"#ops\"] }";
            resolver.flaw(token.span(), "notify.slack_token", "the bot has no channel", remedy);
        }
        let had_smtp = self.smtp.is_some();
        let smtp = self.smtp.and_then(|table| table.check(resolver));
        if had_smtp && self.from.is_none() {
            resolver.flaw_at_key("notify", "from", "mail needs a sender", "add `from = \"Entente <entente@example.com>\"` under [notify]");
        }
        if let Some(from) = self.from.as_ref().filter(|from| !from.get_ref().contains('@')) {
            resolver.flaw(from.span(), "notify.from", "this is not an e-mail address", "write `Entente <entente@example.com>`");
        }
        for (audience, destinations) in &self.channels {
            let key = format!("notify.channels.{audience}");
            if !AUDIENCES.contains(&audience.as_str()) && !audience.contains('@') {
                let remedy = nearest(audience, AUDIENCES.iter().copied()).map_or_else(
                    || format!("use `{}`, or a person's e-mail address", AUDIENCES.join("`, `")),
                    |near| format!("did you mean `{near}`?"),
                );
                resolver.flaw(destinations.span(), &key, format!("there is no audience `{audience}`"), remedy);
            }
            for destination in destinations.get_ref() {
                if destination == "slack" && !had_slack {
                    let remedy = "set notify.slack_webhook; with notify.slack_token, name a channel such as `#ops`";
                    resolver.flaw(destinations.span(), &key, "the webhook of Slack is named here but not set up", remedy);
                } else if destination.starts_with('#') {
                    if destination.trim() == "#" {
                        resolver.flaw(
                            destinations.span(),
                            &key,
                            "`#` names no channel of Slack",
                            "write its name behind it, such as `#ops`",
                        );
                    } else if !had_bot {
                        let words = format!("the channel `{destination}` of Slack is named here but there is no bot to post to it");
                        resolver.flaw(destinations.span(), &key, words, "set notify.slack_token");
                    }
                } else if destination == "teams" && !had_teams {
                    resolver.flaw(destinations.span(), &key, "Teams is named here but not set up", "set notify.teams_webhook");
                } else if destination.contains('@') && !had_smtp {
                    resolver.flaw(
                        destinations.span(),
                        &key,
                        "a mail address is named here but no mail server is set up",
                        "add [notify.smtp]",
                    );
                } else if !matches!(destination.as_str(), "slack" | "teams") && !destination.contains('@') && !names.contains(destination) {
                    resolver.flaw(
                        destinations.span(),
                        &key,
                        format!("`{destination}` is no destination"),
                        "use `slack`, a channel of Slack such as `#ops`, `teams`, the name of a [[notify.webhook]], or an e-mail address",
                    );
                }
            }
        }
        let channels = self.channels.into_iter().map(|(audience, destinations)| (audience, destinations.into_inner())).collect();
        NotifySettings {
            slack_webhook,
            slack_bot,
            teams_webhook,
            webhooks,
            quiet,
            smtp,
            from: self.from.map(Spanned::into_inner),
            channels,
        }
    }
}

impl SmtpTable {
    fn check(self, resolver: &mut Resolver<'_>) -> Option<SmtpSettings> {
        if self.host.get_ref().is_empty() {
            resolver.flaw(self.host.span(), "notify.smtp.host", "the host is blank", "name the mail server");
        }
        let port = self.port.unwrap_or(match self.encryption {
            Encryption::Starttls => 587,
            Encryption::Tls => 465,
            Encryption::None => 25,
        });
        let password = match &self.password {
            Some(source) => Some(resolver.secret(source, "notify.smtp.password")?),
            None => None,
        };
        let credentials = match (self.username, password) {
            (Some(username), Some(password)) => Some((username, password)),
            (None, None) => None,
            _ => {
                resolver.flaw(self.host.span(), "notify.smtp", "a user name and a password go together", "set both or neither");
                None
            }
        };
        Some(SmtpSettings { host: self.host.into_inner(), port, encryption: self.encryption, credentials })
    }
}
