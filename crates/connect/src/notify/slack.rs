//! Slack's incoming webhook: one address, one channel. The address is the credential, so it is in no log and no error.
//!
//! Source: Slack's documentation "Sending messages using incoming webhooks". Success is status 200 with the body `ok`; errors are plain words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};

use super::{Message, Refusal, retry_after};
use crate::settings::Secret;
use crate::transport::wire::{Wire, WireError};

/// Time an answer may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(15);

/// Characters of one section at most (Slack's limit is 3,000; escaping may lengthen a text by five for each character it replaces).
const SECTION_CHARS: usize = 3_000;

/// Characters of a header at most.
const HEADER_CHARS: usize = 150;

/// Facts of one section at most.
const FACTS: usize = 10;

/// Characters of a fact at most.
const FACT_CHARS: usize = 2_000;

/// Wait when Slack refuses for pace and names none: its rate is one message a second.
pub(super) const PAUSE: Duration = Duration::from_secs(2);

/// What Slack is called in errors.
pub(super) const WHO: &str = "Slack";

/// What to do about a message that Slack cannot read: what it takes is written into this file.
pub(super) const DEFECT: &str = "report this, it is a defect";

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
    /// By what is to be done: try again, or mend what the refusal names.
    pub async fn post(&self, message: &Message) -> Result<(), Refusal> {
        let mut request = Request::new(Bytes::from(payload(message).to_string()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.address.reveal().parse().map_err(|_| gone("the address cannot be used".to_owned(), ADDRESS))?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.wire.send(request, TIMEOUT).await.map_err(|error| retry(on_the_way(&error), None))?;
        let status = answer.status().as_u16();
        // The body is one word; anything longer is some proxy's page.
        let word: String = String::from_utf8_lossy(answer.body()).chars().take(80).collect();
        let reason = if word.trim().is_empty() { format!("status {status}") } else { word.trim().to_owned() };
        match status {
            200..=299 => Ok(()),
            429 => Err(retry(reason, Some(retry_after(answer.headers()).unwrap_or(PAUSE)))),
            403 | 404 | 410 => Err(gone(reason, ADDRESS)),
            400..=499 => Err(gone(reason, DEFECT)),
            _ => Err(retry(reason, None)),
        }
    }
}

/// What to do when the address no longer works: the app or the channel is gone, or posting is forbidden.
const ADDRESS: &str = "set notify.slack_webhook to a webhook that works";

pub(super) fn retry(reason: String, after: Option<Duration>) -> Refusal {
    Refusal::Retry { who: WHO.to_owned(), reason, after }
}

pub(super) fn gone(reason: String, remedy: &str) -> Refusal {
    Refusal::Gone { who: WHO.to_owned(), reason, remedy: remedy.to_owned() }
}

/// What happened on the way, without the address.
pub(super) fn on_the_way(error: &WireError) -> String {
    match error {
        WireError::Unreachable { .. } => "it cannot be reached".to_owned(),
        WireError::TimedOut { seconds, .. } => format!("no answer within {seconds} s"),
        WireError::Broken { .. } => "the answer broke off".to_owned(),
    }
}

/// The message as Slack shows it, by a webhook or in a channel.
pub(super) fn payload(message: &Message) -> serde_json::Value {
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

    async fn post(status: u16, body: &'static str, retry: Option<&'static str>) -> (Result<(), Refusal>, serde_json::Value) {
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
        let again = |reason: &str, seconds: Option<u64>| Err(retry(reason.to_owned(), seconds.map(Duration::from_secs)));
        let never = |reason: &str, remedy| Err(gone(reason.to_owned(), remedy));
        assert_eq!(post(429, "rate_limited", Some("7")).await.0, again("rate_limited", Some(7)));
        assert_eq!(post(404, "no_service", None).await.0, never("no_service", ADDRESS));
        assert_eq!(post(410, "channel_is_archived", None).await.0, never("channel_is_archived", ADDRESS));
        assert_eq!(post(400, "invalid_blocks", None).await.0, never("invalid_blocks", DEFECT));
        assert_eq!(post(500, "rollup_error", None).await.0, again("rollup_error", None));
        assert!(matches!(post(0, "", None).await.0, Err(Refusal::Retry { .. })));
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
