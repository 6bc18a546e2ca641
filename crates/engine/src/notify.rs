//! Telling people: notices that the engine keeps are sent by Slack and e-mail. A notice is sent at least once; a sender that dies in
//! between has it sent once more.

pub mod mail;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use entente_connect::notify::slack::{Message, Slack, SlackError};
use entente_connect::settings::Secret;
use entente_connect::transport::wire::Wire;
use entente_model::clock::Timestamp;
use entente_store::Notice;
use serde::{Deserialize, Serialize};

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

/// The destination that means Slack.
const SLACK: &str = "slack";

/// Settings of the notifier.
#[derive(Default, Clone)]
pub struct NotifierSettings {
    /// Address of Slack's incoming webhook.
    pub slack: Option<Secret>,
    /// Outgoing mail.
    pub mail: Option<MailSettings>,
    /// Destinations by audience: `slack`, or mail addresses.
    pub channels: BTreeMap<String, Vec<String>>,
    /// Where links to records begin.
    pub link_base: Option<String>,
}

/// Sends notices. Cheap to clone.
#[derive(Clone)]
pub struct Notifier {
    slack: Option<Slack>,
    mailer: Option<Mailer>,
    channels: BTreeMap<String, Vec<String>>,
    link_base: Option<String>,
}

/// One place a notice goes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// The Slack channel.
    Slack,
    /// A mail address.
    Mail(String),
}

/// How a message to one destination ended.
enum Ended {
    Sent,
    Again(String, Option<Duration>),
    Never(String),
}

impl Notifier {
    /// Prepares the channels; makes no connection.
    ///
    /// # Errors
    /// When the mail settings cannot be used.
    pub fn new(settings: NotifierSettings, wire: Arc<dyn Wire>) -> std::result::Result<Self, MailError> {
        Ok(Self {
            slack: settings.slack.map(|address| Slack::new(wire, address)),
            mailer: settings.mail.as_ref().map(Mailer::new).transpose()?,
            channels: settings.channels,
            link_base: settings.link_base,
        })
    }

    /// Whether there is any channel. Without one, notices stay pending and are seen in the web app only.
    #[must_use]
    pub fn is_set_up(&self) -> bool {
        self.slack.is_some() || self.mailer.is_some()
    }

    /// Where a notice to this recipient goes. A person's address goes by mail, or to Slack where there is no mail server; an audience to
    /// its channels, or to Slack when it has none.
    #[must_use]
    pub fn destinations(&self, recipient: &str) -> Vec<Destination> {
        let mut found: Vec<Destination> = match self.channels.get(recipient) {
            Some(names) => {
                names.iter().map(|name| if name == SLACK { Destination::Slack } else { Destination::Mail(name.clone()) }).collect()
            }
            None if recipient.contains('@') && self.mailer.is_some() => vec![Destination::Mail(recipient.to_owned())],
            None if self.slack.is_some() => vec![Destination::Slack],
            None => Vec::new(),
        };
        found.sort();
        found.dedup();
        found
    }

    async fn send(&self, notice: &Notice, destination: &Destination) -> Ended {
        let notice = &notice.notice;
        let link = self.link_base.as_ref().zip(notice.record.as_ref()).map(|(base, id)| format!("{base}/records/{id}"));
        match destination {
            Destination::Slack => {
                let Some(slack) = &self.slack else { return Ended::Never("Slack is not set up; set notify.slack_webhook".to_owned()) };
                // In a channel it is not clear whom a notice to a person is for.
                let text =
                    if notice.recipient.contains('@') { format!("For {}\n{}", notice.recipient, notice.body) } else { notice.body.clone() };
                match slack.post(&Message { title: notice.title.clone(), text, link }).await {
                    Ok(()) => Ended::Sent,
                    Err(SlackError::Retry { reason, after }) => Ended::Again(format!("Slack: {reason}"), after),
                    Err(error) => Ended::Never(error.to_string()),
                }
            }
            Destination::Mail(to) => {
                let Some(mailer) = &self.mailer else { return Ended::Never("mail is not set up; add [notify.smtp]".to_owned()) };
                let text = link.map_or_else(|| notice.body.clone(), |link| format!("{}\n\n{link}", notice.body));
                match mailer.send(to, &notice.title, &text).await {
                    Ok(()) => Ended::Sent,
                    Err(MailError::Retry { reason }) => Ended::Again(format!("mail: {reason}"), None),
                    Err(error) => Ended::Never(error.to_string()),
                }
            }
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
    if engine.store().read(|tx| tx.notices(entente_store::NoticeState::Pending, 1, None)).await?.is_empty() {
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
    let asked = key.clone();
    let left = engine.store().read(move |tx| tx.setting::<Vec<Destination>>(&asked)).await?;
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
        match notifier.send(notice, &destination).await {
            Ended::Sent => reached = true,
            Ended::Again(reason, after) => {
                troubles.push(reason);
                pause = pause.max(after);
                again.push(destination);
            }
            Ended::Never(reason) => troubles.push(reason),
        }
    }
    let (id, now) = (notice.id, engine.now());
    let wait = usize::try_from(notice.attempts).ok().and_then(|attempts| RETRY_MS.get(attempts)).copied();
    let wait = wait.map(|ms| ms.max(pause.map_or(0, |pause| i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))));
    let next = wait.filter(|_| !again.is_empty()).map(|ms| later(now, ms));
    let error = troubles.join("; ");
    if !error.is_empty() {
        tracing::warn!(notice = id, kind = %notice.notice.kind, %error, retry = next.is_some(), "a notice could not be sent");
    }
    let mut counts = Vec::new();
    if reached && !reached_before {
        counts.push(("notices", "", 1));
        if notice.notice.kind == NEW_CUSTOMER {
            counts.push(("onboarding_notices", "", 1));
        }
    }
    engine
        .store()
        .write(move |tx| {
            tx.count(now, &counts)?;
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
