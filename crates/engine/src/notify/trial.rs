//! Trying channels: a test message to a destination, and what it said.

use entente_store::{NewNotice, Notice, NoticeState};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Destination, Ended, Notifier};
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// A destination that is named or set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Channel {
    /// Name: `slack`, `teams`, a channel of Slack (`#ops`), a webhook's name or a mail address.
    pub name: String,
    /// `slack`, `teams`, `webhook` or `mail`.
    pub kind: String,
    /// Audiences whose notices go there.
    pub audiences: Vec<String>,
}

/// What came of a test message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ChannelTrial)]
pub struct Trial {
    /// Name of the destination.
    pub channel: String,
    /// Whether the destination took the message.
    pub taken: bool,
    /// What it said, or what people should look at.
    pub words: String,
}

/// Destinations that are named or set up.
#[must_use]
pub fn channels(notifier: &Notifier) -> Vec<Channel> {
    let audiences: Vec<&str> = {
        let mut known = vec![crate::alerts::kind::OPERATORS, crate::alerts::kind::COMPLIANCE];
        known.extend(notifier.channels.keys().map(String::as_str).filter(|name| name.contains('@')));
        known
    };
    let all = notifier.all_destinations().into_iter();
    all.map(|destination| Channel {
        kind: match &destination {
            Destination::Slack | Destination::SlackChannel(_) => "slack",
            Destination::Teams => "teams",
            Destination::Webhook(_) => "webhook",
            Destination::Mail(_) => "mail",
        }
        .to_owned(),
        audiences: audiences.iter().filter(|of| notifier.destinations(of).contains(&destination)).map(|of| (*of).to_owned()).collect(),
        name: destination.to_string(),
    })
    .collect()
}

/// Sends a test message to a destination by its name, or to every one.
///
/// # Errors
/// When there is no such destination. A destination that refuses is told in the answer.
pub async fn test(engine: &Engine, notifier: &Notifier, name: Option<&str>) -> Result<Vec<Trial>> {
    let all = notifier.all_destinations();
    let wanted: Vec<Destination> = match name {
        None => all,
        Some(name) => {
            let wanted = Destination::named(name);
            if !all.contains(&wanted) && !matches!(wanted, Destination::Mail(_)) {
                let known = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let remedy = if known.is_empty() { "set one up under [notify]".to_owned() } else { format!("there are: {known}") };
                return Err(EngineError::Unknown { what: "channel", name: name.to_owned(), remedy });
            }
            vec![wanted]
        }
    };
    let now = engine.now();
    let mut trials = Vec::with_capacity(wanted.len());
    for destination in wanted {
        let notice = Notice {
            id: 0,
            notice: NewNotice {
                at: now,
                kind: "test".to_owned(),
                recipient: crate::alerts::kind::OPERATORS.to_owned(),
                title: "Test message of Entente".to_owned(),
                body: "If you can read this, alerts reach this channel.".to_owned(),
                record: None,
            },
            state: NoticeState::Pending,
            attempts: 0,
            error: None,
            alert: None,
        };
        let (taken, words) = match notifier.send(&notice, None, &destination, now).await {
            Ended::Sent if destination == Destination::Teams => {
                (true, "taken; Teams says so before its workflow runs, so look whether the message is in the channel".to_owned())
            }
            Ended::Sent => (true, "taken".to_owned()),
            Ended::Again(words, _) | Ended::Never(words) => (false, words),
        };
        trials.push(Trial { channel: destination.to_string(), taken, words });
    }
    Ok(trials)
}
