//! Tables of `[notify]` for receivers beside Slack's webhook and mail, and for quiet hours.

use std::collections::BTreeMap;

use entente_connect::notify::{slack_bot, webhook};
use entente_connect::settings::Secret;
use entente_engine::alerts::quiet::QuietHours;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use utoipa::ToSchema;

use super::secret::{Resolver, SecretSource};

/// A receiver of events.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookTable {
    /// Its name, by which `channels` name it.
    #[schema(value_type = String)]
    pub name: Spanned<String>,
    /// Where events are posted as JSON. Secret, because with many receivers whoever has it can post.
    #[schema(value_type = String)]
    pub url: Spanned<SecretSource>,
    /// What events are signed with, as Standard Webhooks 1.0.0 says: `whsec_` and 24 to 64 bytes in base64. Without it they are not signed.
    /// Secret.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub secret: Option<Spanned<SecretSource>>,
}

/// Quiet hours.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietTable {
    /// When they begin, such as `22:00`.
    #[schema(value_type = String)]
    pub from: Spanned<String>,
    /// When they end, such as `07:00`; what is earlier than `from` is on the next day.
    #[schema(value_type = String)]
    pub until: Spanned<String>,
    /// Time zone (IANA name) of both; that of `[locale]` without it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub timezone: Option<Spanned<String>>,
    /// Whether critical alerts are sent all the same.
    #[serde(default = "passes")]
    pub critical: bool,
}

fn passes() -> bool {
    true
}

/// Where Slack's Web API is, and the token of a bot.
pub fn slack_bot(
    token: Option<&Spanned<SecretSource>>,
    api: Option<&Spanned<String>>,
    resolver: &mut Resolver<'_>,
) -> Option<(String, Secret)> {
    let address = match api {
        Some(api) => resolver.web_address(api, "notify.slack_api")?.to_string(),
        None => slack_bot::API.to_owned(),
    };
    let Some(source) = token else {
        if let Some(api) = api {
            resolver.flaw(
                api.span(),
                "notify.slack_api",
                "there is no bot that would use it",
                "set notify.slack_token, or leave this key out",
            );
        }
        return None;
    };
    let token = resolver.secret(source, "notify.slack_token")?;
    // A token of a person (`xoxp-`) posts in that person's name, one of an app (`xapp-`) posts nothing.
    if !token.reveal().starts_with("xoxb-") {
        let remedy = "copy `Bot User OAuth Token` from the Slack app's page `OAuth & Permissions`";
        resolver.flaw(source.span(), "notify.slack_token", "this is not the token of a bot: those begin with xoxb-", remedy);
        return None;
    }
    Some((address, token))
}

/// The address of a Teams workflow.
pub fn teams(source: Option<&Spanned<SecretSource>>, resolver: &mut Resolver<'_>) -> Option<Secret> {
    let source = source?;
    let remedy = "copy the address that the workflow shows once it is saved; it begins with https://";
    address(source, "notify.teams_webhook", remedy, resolver)
}

/// Receivers by name.
pub fn webhooks(tables: Vec<WebhookTable>, resolver: &mut Resolver<'_>) -> BTreeMap<String, (Secret, Option<Secret>)> {
    let mut known = BTreeMap::new();
    for table in tables {
        let name = table.name.get_ref().trim().to_owned();
        let key = |part: &str| format!("notify.webhook.{part}");
        if name.is_empty() || name.contains(['@', ' ', '#']) || matches!(name.as_str(), "slack" | "teams") {
            let remedy = "use a word of its own, such as pager; `slack`, `teams`, `#channels` and mail addresses mean something else";
            resolver.flaw(table.name.span(), key("name"), format!("`{name}` is no name for a receiver"), remedy);
        }
        if known.contains_key(&name) {
            resolver.flaw(table.name.span(), key("name"), format!("there is a receiver `{name}` already"), "give each a name of its own");
        }
        let url = address(&table.url, &key("url"), "write the address that the receiver gave you; it begins with https://", resolver);
        let secret = table.secret.as_ref().and_then(|source| {
            let secret = resolver.secret(source, &key("secret"))?;
            if let Err(reason) = webhook::key(&secret) {
                let remedy = "make one with `openssl rand -base64 32` and put whsec_ before it";
                resolver.flaw(source.span(), key("secret"), format!("this is no secret of Standard Webhooks: {reason}"), remedy);
            }
            Some(secret)
        });
        if let Some(url) = url {
            known.insert(name, (url, secret));
        }
    }
    known
}

fn address(source: &Spanned<SecretSource>, key: &str, remedy: &str, resolver: &mut Resolver<'_>) -> Option<Secret> {
    let secret = resolver.secret(source, key)?;
    let usable = url::Url::parse(secret.reveal()).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.host_str().is_some());
    if !usable {
        resolver.flaw(source.span(), key, "this is not a web address", remedy);
        return None;
    }
    Some(secret)
}

impl QuietTable {
    /// Checks the clock times and the zone.
    pub fn check(self, timezone: &TimeZone, resolver: &mut Resolver<'_>) -> Option<QuietHours> {
        let mut time = |text: &Spanned<String>, key: &str| {
            let read = Time::strptime("%H:%M", text.get_ref());
            if read.is_err() {
                resolver.flaw(text.span(), format!("notify.quiet_hours.{key}"), "this is no time of a day", "write it like 22:00");
            }
            read.ok()
        };
        let (from, until) = (time(&self.from, "from"), time(&self.until, "until"));
        if from.is_some() && from == until {
            let remedy = "leave [notify.quiet_hours] out, or let them end before they begin again";
            resolver.flaw(self.until.span(), "notify.quiet_hours.until", "they would never end", remedy);
        }
        let zone = match &self.timezone {
            None => Some(timezone.clone()),
            Some(name) => {
                let zone = TimeZone::get(name.get_ref());
                if zone.is_err() {
                    let remedy = "use an IANA name, such as UTC or Europe/Berlin";
                    resolver.flaw(name.span(), "notify.quiet_hours.timezone", "this is not the name of a time zone", remedy);
                }
                zone.ok()
            }
        };
        Some(QuietHours { from: from?, until: until?, zone: zone?, critical_passes: self.critical })
    }
}
