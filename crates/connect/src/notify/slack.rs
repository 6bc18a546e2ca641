//! Slack's incoming webhook: one address, one channel. The address is the credential, so it is in no log and no error.
//!
//! Source: Slack's documentation "Sending messages using incoming webhooks". Success is status 200 with the body `ok`; errors are plain words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};

use super::Message;
use crate::settings::Secret;
use crate::transport::wire::{Wire, WireError};

/// Time an answer may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Characters of one section at most (Slack's limit is 3,000; escaping may lengthen a text by five for each character it replaces).
const SECTION_CHARS: usize = 3_000;

/// Characters of a header at most.
const HEADER_CHARS: usize = 150;

/// Facts of one section at most.
const FACTS: usize = 10;

/// Characters of a fact at most.
const FACT_CHARS: usize = 2_000;

/// Wait when Slack refuses for pace and names none: its rate is one message a second.
const PAUSE: Duration = Duration::from_secs(2);

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlackError {
    /// It may be taken later.
    #[error("Slack did not take the message ({reason}); it is tried again")]
    Retry {
        /// Slack's word, or what happened on the way.
        reason: String,
        /// How long Slack asks to wait.
        after: Option<Duration>,
    },
    /// The address no longer works: the app or the channel is gone, or posting is forbidden.
    #[error("Slack refused the message for good ({reason}); set notify.slack_webhook to a webhook that works")]
    Gone {
        /// Slack's word.
        reason: String,
    },
    /// The message itself was refused.
    #[error("Slack cannot read the message ({reason}); report this, it is a defect")]
    Message {
        /// Slack's word.
        reason: String,
    },
}

/// One incoming webhook.
#[derive(Clone)]
pub struct Slack {
    wire: Arc<dyn Wire>,
    address: Secret,
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slack([secret])")
    }
}

impl Slack {
    /// A webhook at this address.
    #[must_use]
    pub fn new(wire: Arc<dyn Wire>, address: Secret) -> Self {
        Self { wire, address }
    }

    /// Posts a message.
    ///
    /// # Errors
    /// By what is to be done: try again, mend the address, or report a defect.
    pub async fn post(&self, message: &Message) -> Result<(), SlackError> {
        let mut request = Request::new(Bytes::from(payload(message).to_string()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() =
            self.address.reveal().parse().map_err(|_| SlackError::Gone { reason: "the address cannot be used".to_owned() })?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer =
            self.wire.send(request, TIMEOUT).await.map_err(|error| SlackError::Retry { reason: on_the_way(&error), after: None })?;
        let status = answer.status().as_u16();
        // The body is one word; anything longer is some proxy's page.
        let word: String = String::from_utf8_lossy(answer.body()).chars().take(80).collect();
        let reason = if word.trim().is_empty() { format!("status {status}") } else { word.trim().to_owned() };
        match status {
            200..=299 => Ok(()),
            429 => {
                let seconds = answer
                    .headers()
                    .get(header::RETRY_AFTER)
                    .and_then(|value| value.to_str().ok())
                    .and_then(|text| text.trim().parse().ok());
                Err(SlackError::Retry { reason, after: Some(seconds.map_or(PAUSE, Duration::from_secs)) })
            }
            403 | 404 | 410 => Err(SlackError::Gone { reason }),
            400..=499 => Err(SlackError::Message { reason }),
            _ => Err(SlackError::Retry { reason, after: None }),
        }
    }
}

/// What happened on the way, without the address.
pub(super) fn on_the_way(error: &WireError) -> String {
    match error {
        WireError::Unreachable { .. } => "it cannot be reached".to_owned(),
        WireError::TimedOut { seconds, .. } => format!("no answer within {seconds} s"),
        WireError::Broken { .. } => "the answer broke off".to_owned(),
    }
}

fn payload(message: &Message) -> serde_json::Value {
    let title = cut(&message.title, HEADER_CHARS);
    let mut text = escape(&message.text);
    if let Some(link) = &message.link {
        text = format!("{text}\n<{}|Open in Entente>", escape(link).replace('|', "%7C"));
    }
    let mut blocks = vec![serde_json::json!({ "type": "header", "text": { "type": "plain_text", "text": title, "emoji": false } })];
    if !text.trim().is_empty() {
        blocks.push(serde_json::json!({ "type": "section", "text": { "type": "mrkdwn", "text": cut(&text, SECTION_CHARS) } }));
    }
    if !message.facts.is_empty() {
        let facts = message.facts.iter().take(FACTS).map(|(name, value)| {
            serde_json::json!({ "type": "mrkdwn", "text": cut(&format!("*{}*\n{}", escape(name), escape(value)), FACT_CHARS) })
        });
        blocks.push(serde_json::json!({ "type": "section", "fields": facts.collect::<Vec<_>>() }));
    }
    // `text` is what notifications and screen readers show.
    serde_json::json!({ "text": escape(&message.title), "blocks": blocks, "unfurl_links": false, "unfurl_media": false })
}

/// Takes the meaning out of the three characters that have one, so that a customer's name cannot ping a channel.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(super) fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars { text.to_owned() } else { text.chars().take(chars - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Answers(Mutex<Vec<(u16, &'static str, Option<&'static str>)>>, Mutex<Vec<serde_json::Value>>);

    #[async_trait::async_trait]
    impl Wire for Answers {
        async fn send(&self, request: Request<Bytes>, _: Duration) -> Result<http::Response<Bytes>, WireError> {
            self.1.lock().unwrap().push(serde_json::from_slice(request.body()).unwrap());
            let (status, body, retry) = self.0.lock().unwrap().remove(0);
            if status == 0 {
                return Err(WireError::TimedOut { host: "hooks.slack.com".into(), seconds: 15 });
            }
            let mut response = http::Response::builder().status(status);
            if let Some(retry) = retry {
                response = response.header("retry-after", retry);
            }
            Ok(response.body(Bytes::from_static(body.as_bytes())).unwrap())
        }
    }

    fn message() -> Message {
        Message {
            title: "Sync failed".into(),
            text: "<!channel> Ada & Co".into(),
            link: Some("https://e.example/records/con_1".into()),
            facts: Vec::new(),
        }
    }

    async fn post(status: u16, body: &'static str, retry: Option<&'static str>) -> (Result<(), SlackError>, serde_json::Value) {
        let wire = Arc::new(Answers(Mutex::new(vec![(status, body, retry)]), Mutex::default()));
        let slack = Slack::new(Arc::clone(&wire) as Arc<dyn Wire>, Secret::new("https://hooks.slack.com/services/T0/B0/secret"));
        let outcome = slack.post(&message()).await;
        let sent = wire.1.lock().unwrap().remove(0);
        (outcome, sent)
    }

    #[tokio::test]
    async fn a_customers_name_cannot_ping_a_channel() {
        let (outcome, sent) = post(200, "ok", None).await;
        assert_eq!(outcome, Ok(()));
        let text = sent["blocks"][1]["text"]["text"].as_str().unwrap();
        assert_eq!(text, "&lt;!channel&gt; Ada &amp; Co\n<https://e.example/records/con_1|Open in Entente>");
    }

    #[tokio::test]
    async fn each_refusal_says_what_is_to_be_done() {
        assert_eq!(
            post(429, "rate_limited", Some("7")).await.0,
            Err(SlackError::Retry { reason: "rate_limited".into(), after: Some(Duration::from_secs(7)) })
        );
        assert_eq!(post(404, "no_service", None).await.0, Err(SlackError::Gone { reason: "no_service".into() }));
        assert_eq!(post(410, "channel_is_archived", None).await.0, Err(SlackError::Gone { reason: "channel_is_archived".into() }));
        assert_eq!(post(400, "invalid_blocks", None).await.0, Err(SlackError::Message { reason: "invalid_blocks".into() }));
        assert_eq!(post(500, "rollup_error", None).await.0, Err(SlackError::Retry { reason: "rollup_error".into(), after: None }));
        assert!(matches!(post(0, "", None).await.0, Err(SlackError::Retry { .. })));
    }

    #[test]
    fn long_texts_are_cut_to_what_slack_takes() {
        let payload = payload(&Message { title: "x".repeat(400), text: "é".repeat(9_000), link: None, facts: Vec::new() });
        assert_eq!(payload["blocks"][0]["text"]["text"].as_str().unwrap().chars().count(), 150);
        assert_eq!(payload["blocks"][1]["text"]["text"].as_str().unwrap().chars().count(), 3_000);
    }

    #[test]
    fn facts_stand_in_fields_of_their_own() {
        let facts = (0..12).map(|number| (format!("Fact {number}"), "<b>".to_owned())).collect();
        let payload = payload(&Message { title: "x".into(), text: String::new(), link: None, facts });
        assert_eq!(payload["blocks"][1]["fields"].as_array().unwrap().len(), 10);
        assert_eq!(payload["blocks"][1]["fields"][0]["text"], "*Fact 0*\n&lt;b&gt;");
    }

    #[test]
    fn the_address_is_never_shown() {
        let wire = Arc::new(Answers(Mutex::default(), Mutex::default()));
        assert!(!format!("{:?}", Slack::new(wire, Secret::new("https://hooks.slack.com/services/T0/B0/secret"))).contains("T0"));
    }
}
