//! Destinations of notices that are reached over HTTP. They use the same wire as the connectors, so that tests and proxies see them.

pub mod slack;
pub mod slack_bot;
pub mod teams;
pub mod webhook;

use std::time::Duration;

/// A message: a title, a text below it, and facts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// One line.
    pub title: String,
    /// Any length; what the destination would not show is cut.
    pub text: String,
    /// A link to what it is about.
    pub link: Option<String>,
    /// Names and values, such as since when it is so.
    pub facts: Vec<(String, String)>,
}

/// Why a destination did not take a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It may be taken later.
    #[error("{who} did not take the message ({reason}); it is tried again")]
    Retry {
        /// The destination.
        who: String,
        /// What it said, or what happened on the way.
        reason: String,
        /// How long it asks to wait.
        after: Option<Duration>,
    },
    /// The address no longer works.
    #[error("{who} refused the message for good ({reason}); {remedy}")]
    Gone {
        /// The destination.
        who: String,
        /// What it said.
        reason: String,
        /// What to do.
        remedy: String,
    },
}

/// Seconds of a `Retry-After` header.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
