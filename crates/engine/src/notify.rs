//! Telling people: notices that the engine keeps are sent by Slack, Microsoft Teams, e-mail and webhooks. A notice is sent at least once;
//! a sender that dies in between has it sent once more.

pub mod mail;
pub mod message;
pub mod trial;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use entente_connect::notify::slack::Slack;
use entente_connect::notify::slack_bot::SlackBot;
use entente_connect::notify::teams::Teams;
use entente_connect::notify::webhook::Webhook;
use entente_connect::notify::{Message, Refusal};
use entente_connect::settings::Secret;
use entente_connect::transport::wire::Wire;
use entente_model::clock::Timestamp;
use entente_store::{Alert, Notice, NoticeState};
use serde::{Deserialize, Serialize};

use crate::alerts::kind::OPERATORS;
use crate::alerts::quiet::QuietHours;
use crate::automation::notices::NEW_CUSTOMER;
use crate::engine::Engine;
use crate::error::Result;
use mail::{MailError, MailSettings, Mailer};

/// Notices taken at once.
const BATCH: usize = 50;

/// How long a sender may hold notices, in milliseconds: a batch whose every message times out.
const HOLD_MS: i64 = 20 * 60 * 1000;

/// Waits before the retries of a notice, in milliseconds: a vendor's hiccup, an outage, a long one.
const RETRY_MS: &[i64] = &[30_000, 5 * 60_000, 30 * 60_000, 2 * 60 * 60_000, 12 * 60 * 60_000];

/// Settings with this beginning say where a notice, named by its number, has still to go.
const LEFT: &str = "notice_left/";

/// Counter of notices of support health that reached a customer success manager.
pub const CSM_NOTICES: &str = "csm_notices";

/// Kind of the notices that support health gives rise to.
const HEALTH_CHANGED: &str = "health_changed";

/// The destination that means Slack.
pub const SLACK: &str = "slack";

/// The destination that means Microsoft Teams.
pub const TEAMS: &str = "teams";

/// Settings of the notifier.
#[derive(Default, Clone)]
pub struct NotifierSettings {
    /// Address of Slack's incoming webhook.
    pub slack: Option<Secret>,
    /// Address of Slack's Web API, and the token of a bot.
    pub slack_bot: Option<(String, Secret)>,
    /// Address of a Teams workflow.
    pub teams: Option<Secret>,
    /// Webhooks by name: address, and the secret that events are signed with.
    pub webhooks: BTreeMap<String, (Secret, Option<Secret>)>,
    /// Outgoing mail.
    pub mail: Option<MailSettings>,
    /// Destinations by audience: `slack`, `teams`, channels of Slack such as `#ops`, names of webhooks, or mail addresses.
    pub channels: BTreeMap<String, Vec<String>>,
    /// Hours in which alerts that can wait are not sent.
    pub quiet: Option<QuietHours>,
    /// Where links to records begin.
    pub link_base: Option<String>,
}

/// Sends notices. Cheap to clone.
#[derive(Clone, Default)]
pub struct Notifier {
    slack: Option<Slack>,
    slack_bot: Option<SlackBot>,
    teams: Option<Teams>,
    webhooks: BTreeMap<String, Webhook>,
    mailer: Option<Mailer>,
    channels: BTreeMap<String, Vec<String>>,
    quiet: Option<QuietHours>,
    link_base: Option<String>,
}

/// One place a notice goes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// The channel of Slack's incoming webhook.
    Slack,
    /// A channel of Slack that a bot posts to, with the sign: `#ops`.
    SlackChannel(String),
    /// The Teams channel.
    Teams,
    /// A webhook, by its name.
    Webhook(String),
    /// A mail address.
    Mail(String),
}

impl Destination {
    /// The destination that a name in the configuration means: `slack`, `teams`, a channel of Slack, a mail address, or a webhook.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            SLACK => Self::Slack,
            TEAMS => Self::Teams,
            channel if channel.starts_with('#') => Self::SlackChannel(channel.to_owned()),
            address if address.contains('@') => Self::Mail(address.to_owned()),
            other => Self::Webhook(other.to_owned()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slack => f.write_str(SLACK),
            Self::Teams => f.write_str(TEAMS),
            Self::SlackChannel(name) | Self::Webhook(name) | Self::Mail(name) => f.write_str(name),
        }
    }
}

/// How a message to one destination ended.
enum Ended {
    Sent,
    Again(String, Option<Duration>),
    Never(String),
}

impl From<Result<(), Refusal>> for Ended {
    fn from(outcome: Result<(), Refusal>) -> Self {
        match outcome {
            Ok(()) => Self::Sent,
            Err(Refusal::Retry { who, reason, after }) => Self::Again(format!("{who}: {reason}"), after),
            Err(gone @ Refusal::Gone { .. }) => Self::Never(gone.to_string()),
        }
    }
}

/// Why the notifier cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetUpError {
    /// Mail.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// A webhook.
    #[error(
        "the secret of notify.webhook `{name}` cannot be used: {reason}; make one with `openssl rand -base64 32` and put whsec_ before it"
    )]
    Webhook {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
}

impl Notifier {
    /// Prepares the channels; makes no connection.
    ///
    /// # Errors
    /// When the mail settings or a webhook's secret cannot be used.
    pub fn new(settings: NotifierSettings, wire: Arc<dyn Wire>) -> std::result::Result<Self, SetUpError> {
        let webhook = |(name, (address, secret)): (String, (Secret, Option<Secret>))| {
            Webhook::new(Arc::clone(&wire), name.clone(), address, secret.as_ref())
                .map(|webhook| (name.clone(), webhook))
                .map_err(|reason| SetUpError::Webhook { name, reason })
        };
        Ok(Self {
            webhooks: settings.webhooks.into_iter().map(webhook).collect::<std::result::Result<_, _>>()?,
            slack: settings.slack.map(|address| Slack::new(Arc::clone(&wire), address)),
            slack_bot: settings.slack_bot.map(|(api, token)| SlackBot::new(Arc::clone(&wire), api, token)),
            teams: settings.teams.map(|address| Teams::new(Arc::clone(&wire), address)),
            mailer: settings.mail.as_ref().map(Mailer::new).transpose()?,
            channels: settings.channels,
            quiet: settings.quiet,
            link_base: settings.link_base,
        })
    }

    /// Whether there is any channel. Without one, notices stay pending and are seen in the web app only.
    #[must_use]
    pub fn is_set_up(&self) -> bool {
        self.slack.is_some() || self.slack_bot.is_some() || self.teams.is_some() || self.mailer.is_some() || !self.webhooks.is_empty()
    }

    /// Every destination that is named or set up, once.
    #[must_use]
    pub fn all_destinations(&self) -> Vec<Destination> {
        let mut all: Vec<Destination> = self.channels.values().flatten().map(|name| Destination::named(name)).collect();
        all.extend(self.shared());
        all.sort();
        all.dedup();
        all
    }

    /// Destinations that are no person's.
    fn shared(&self) -> Vec<Destination> {
        let slack = self.slack.iter().map(|_| Destination::Slack);
        let teams = self.teams.iter().map(|_| Destination::Teams);
        slack.chain(teams).chain(self.webhooks.keys().cloned().map(Destination::Webhook)).collect()
    }

    /// Where a notice to this recipient goes. A person's address goes by mail, or to the shared channels where there is no mail server; an
    /// audience to its channels, those of the operators when it has none, or the shared ones when they have none either.
    #[must_use]
    pub fn destinations(&self, recipient: &str) -> Vec<Destination> {
        let is_person = recipient.contains('@');
        let named = self.channels.get(recipient).or_else(|| self.channels.get(OPERATORS).filter(|_| !is_person));
        let mut found: Vec<Destination> = match named {
            Some(names) => names.iter().map(|name| Destination::named(name)).collect(),
            None if is_person && self.mailer.is_some() => vec![Destination::Mail(recipient.to_owned())],
            // A person's notice is for people: programs that take webhooks are not asked to pass it on.
            None if is_person => self.shared().into_iter().filter(|to| !matches!(to, Destination::Webhook(_))).collect(),
            None => self.shared(),
        };
        found.sort();
        found.dedup();
        found
    }

    /// Until when a notice is put off, if it is: alerts that can wait are not sent in quiet hours.
    fn quiet_until(&self, alert: Option<&Alert>, now: Timestamp) -> Option<Timestamp> {
        self.quiet.as_ref()?.holds_until(now, alert?.alert.severity)
    }

    async fn send(&self, notice: &Notice, alert: Option<&Alert>, destination: &Destination, now: Timestamp) -> Ended {
        let message = message::of(notice, alert, self.link_base.as_deref(), destination);
        match destination {
            Destination::Slack => {
                let Some(slack) = &self.slack else { return Ended::Never("Slack is not set up; set notify.slack_webhook".to_owned()) };
                slack.post(&message).await.into()
            }
            Destination::SlackChannel(channel) => match &self.slack_bot {
                Some(bot) => bot.post(channel, &message).await.into(),
                None => Ended::Never(format!("the channel {channel} of Slack needs a bot; set notify.slack_token")),
            },
            Destination::Teams => match &self.teams {
                Some(teams) => teams.post(&message).await.into(),
                None => Ended::Never("Microsoft Teams is not set up; set notify.teams_webhook".to_owned()),
            },
            Destination::Webhook(name) => match self.webhooks.get(name) {
                Some(webhook) => webhook.post(&message::id(notice), &message::event(notice, alert, &message), now).await.into(),
                None => Ended::Never(format!("there is no webhook `{name}`; add [[notify.webhook]]")),
            },
            Destination::Mail(to) => self.mail(to, &message).await,
        }
    }

    async fn mail(&self, to: &str, message: &Message) -> Ended {
        let Some(mailer) = &self.mailer else { return Ended::Never("mail is not set up; add [notify.smtp]".to_owned()) };
        match mailer.send(to, &message.title, &message::text(message)).await {
            Ok(()) => Ended::Sent,
            Err(MailError::Retry { reason }) => Ended::Again(format!("mail: {reason}"), None),
            Err(error) => Ended::Never(error.to_string()),
        }
    }
}

/// Sends what is due. Answers how many notices were taken up.
///
/// # Errors
/// When the store fails. Failures of destinations are kept with the notice and tried again.
pub async fn drain(engine: &Engine, notifier: &Notifier) -> Result<usize> {
    if !notifier.is_set_up() {
        return Ok(0);
    }
    let now = engine.now();
    let until = later(now, HOLD_MS);
    // The usual answer is "nothing": asked without a write.
    if engine.store().read(|tx| tx.notices(NoticeState::Pending, 1, None)).await?.is_empty() {
        return Ok(0);
    }
    let notices = engine.store().write(move |tx| tx.take_notices(now, until, BATCH)).await?;
    for notice in &notices {
        send_one(engine, notifier, notice).await?;
    }
    Ok(notices.len())
}

async fn send_one(engine: &Engine, notifier: &Notifier, notice: &Notice) -> Result<()> {
    let key = format!("{LEFT}{}", notice.id);
    let (asked, about) = (key.clone(), notice.alert);
    let (left, alert) = engine
        .store()
        .read(move |tx| {
            let alert = about.map(|id| tx.alert(id)).transpose()?.flatten();
            Ok((tx.setting::<Vec<Destination>>(&asked)?, alert))
        })
        .await?;
    let (id, now) = (notice.id, engine.now());
    if let Some(until) = notifier.quiet_until(alert.as_ref(), now) {
        tracing::debug!(notice = id, %until, "put off to the end of the quiet hours");
        engine.store().write(move |tx| tx.put_off_notice(id, until)).await?;
        return Ok(());
    }
    let all = notifier.destinations(&notice.notice.recipient);
    // A notice that reached somebody before was counted then.
    let reached_before = left.as_ref().is_some_and(|left| left.len() < all.len());
    let destinations = left.unwrap_or(all);
    let mut reached = false;
    let mut again = Vec::new();
    let mut troubles = Vec::new();
    let mut pause: Option<Duration> = None;
    if destinations.is_empty() {
        troubles.push(format!("no channel for `{}`; add it to notify.channels", notice.notice.recipient));
    }
    for destination in destinations {
        match notifier.send(notice, alert.as_ref(), &destination, now).await {
            Ended::Sent => reached = true,
            Ended::Again(reason, after) => {
                troubles.push(reason);
                pause = pause.max(after);
                again.push(destination);
            }
            Ended::Never(reason) => troubles.push(reason),
        }
    }
    let now = engine.now();
    let wait = usize::try_from(notice.attempts).ok().and_then(|attempts| RETRY_MS.get(attempts)).copied();
    let wait = wait.map(|ms| ms.max(pause.map_or(0, |pause| i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))));
    let next = wait.filter(|_| !again.is_empty()).map(|ms| later(now, ms));
    let error = troubles.join("; ");
    if !error.is_empty() {
        tracing::warn!(notice = id, kind = %notice.notice.kind, %error, retry = next.is_some(), "a notice could not be sent");
    }
    let told = notice.notice.clone();
    engine
        .store()
        .write(move |tx| {
            if reached && !reached_before {
                tx.count(now, &[("notices", "", 1)])?;
                if told.kind == NEW_CUSTOMER {
                    tx.count(now, &[("onboarding_notices", "", 1)])?;
                }
                if told.kind == HEALTH_CHANGED && message::is_to_csm(tx, &told)? {
                    tx.count(now, &[(CSM_NOTICES, "", 1)])?;
                }
            }
            if next.is_some() {
                tx.put_setting(&key, &again)?;
            } else {
                tx.delete_setting(&key)?;
            }
            if error.is_empty() { tx.notice_sent(id) } else { tx.notice_failed(id, &error, next) }
        })
        .await?;
    Ok(())
}

fn later(now: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond().saturating_add(ms)).unwrap_or(now)
}
