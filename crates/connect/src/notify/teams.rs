//! Microsoft Teams, by a workflow "Post to a channel when a webhook request is received". The address is the credential, with a signature
//! in its query, so it is in no log and no error, and it is sent byte for byte as it was given.
//!
//! Source: Microsoft's documentation "Create incoming webhooks with Workflows for Microsoft Teams" and the schema of Adaptive Cards. The
//! answer is 202 before the flow runs: that a card was shown, nobody tells, so a test message asks people to look.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use serde_json::{Value, json};

use super::slack::{cut, on_the_way};
use super::{Message, Refusal, retry_after};
use crate::settings::Secret;
use crate::transport::wire::Wire;

/// Time an answer may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Characters of a text at most: a message may have 28 KB, of which a good 20 are left beside the card.
const TEXT_CHARS: usize = 4_000;

/// Characters of a title or a fact at most.
const LINE_CHARS: usize = 300;

/// Facts of a card at most.
const FACTS: usize = 20;

/// Wait when Teams refuses for pace and names none: it takes four messages a second.
const PAUSE: Duration = Duration::from_secs(2);

/// What Teams is called in errors.
const WHO: &str = "Microsoft Teams";

/// Beginnings of what the retired connectors answer with status 200 when the message was not delivered.
const NOT_DELIVERED: &str = "Webhook message delivery failed";

/// One workflow's address.
#[derive(Clone)]
pub struct Teams {
    wire: Arc<dyn Wire>,
    address: Secret,
}

impl fmt::Debug for Teams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Teams([secret])")
    }
}

impl Teams {
    /// A workflow at this address.
    #[must_use]
    pub fn new(wire: Arc<dyn Wire>, address: Secret) -> Self {
        Self { wire, address }
    }

    /// Posts a message as an Adaptive Card.
    ///
    /// # Errors
    /// By what is to be done: try again, or mend the address.
    pub async fn post(&self, message: &Message) -> Result<(), Refusal> {
        let mut request = Request::new(Bytes::from(payload(message).to_string()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.address.reveal().parse().map_err(|_| gone("the address cannot be used".to_owned()))?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let retry = |reason: String, after| Refusal::Retry { who: WHO.to_owned(), reason, after };
        let answer = self.wire.send(request, TIMEOUT).await.map_err(|error| retry(on_the_way(&error), None))?;
        let status = answer.status().as_u16();
        let said = word(answer.body(), status);
        match status {
            200..=299 if said.contains(NOT_DELIVERED) => Err(retry(said, Some(PAUSE))),
            200..=299 => Ok(()),
            429 => Err(retry(said, Some(retry_after(answer.headers()).unwrap_or(PAUSE)))),
            408 | 500..=599 => Err(retry(said, None)),
            _ => Err(gone(said)),
        }
    }
}

fn gone(reason: String) -> Refusal {
    let remedy = "copy the address of a workflow that is switched on into notify.teams_webhook".to_owned();
    Refusal::Gone { who: WHO.to_owned(), reason, remedy }
}

/// The code of a refusal (`WorkflowNotFound`), or the beginning of what was said.
fn word(body: &[u8], status: u16) -> String {
    let text = String::from_utf8_lossy(body);
    let code = serde_json::from_str::<Value>(&text).ok().and_then(|json| json["error"]["code"].as_str().map(str::to_owned));
    let said = code.unwrap_or_else(|| text.trim().chars().take(120).collect());
    if said.is_empty() { format!("status {status}") } else { said }
}

/// The message as Teams takes it: one Adaptive Card, in the version that Teams shows.
fn payload(message: &Message) -> Value {
    let block = |text: &str| json!({ "type": "TextBlock", "text": text, "wrap": true });
    let mut title = block(&plain(&cut(&message.title, LINE_CHARS)));
    title["size"] = "Medium".into();
    title["weight"] = "Bolder".into();
    let mut body = vec![title];
    body.extend(message.text.lines().filter(|line| !line.trim().is_empty()).map(|line| block(&plain(&cut(line, TEXT_CHARS)))));
    if !message.facts.is_empty() {
        let facts = message.facts.iter().take(FACTS);
        let facts = facts.map(|(name, value)| json!({ "title": plain(name), "value": plain(&cut(value, LINE_CHARS)) }));
        body.push(json!({ "type": "FactSet", "facts": facts.collect::<Vec<_>>() }));
    }
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "body": body,
    });
    if let Some(link) = &message.link {
        card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "Open in Entente", "url": link }]);
    }
    json!({
        "type": "message",
        "attachments": [{ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card }],
    })
}

/// Takes the meaning out of what cards read as markdown or as a mention, so that a customer's name cannot format a message or ping anybody.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => plain.push('‹'),
            '>' => plain.push('›'),
            '*' | '_' | '[' | ']' | '\\' => {
                plain.push('\\');
                plain.push(letter);
            }
            _ => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_has_a_title_a_text_facts_and_a_link() {
        let message = Message {
            title: "desk fails".into(),
            text: "One.\n\nTwo.".into(),
            link: Some("https://e.example/alerts".into()),
            facts: vec![("Since".into(), "now".into())],
        };
        let card = &payload(&message)["attachments"][0]["content"];
        let kinds: Vec<&str> = card["body"].as_array().unwrap().iter().map(|part| part["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["TextBlock", "TextBlock", "TextBlock", "FactSet"]);
        assert_eq!(card["actions"][0]["url"], "https://e.example/alerts");
    }

    #[test]
    fn a_name_neither_formats_nor_pings() {
        assert_eq!(plain("<at>Ada</at> *b* [x](y)"), "‹at›Ada‹/at› \\*b\\* \\[x\\](y)");
    }

    #[test]
    fn a_refusal_is_told_by_its_code() {
        assert_eq!(word(br#"{"error":{"code":"WorkflowNotFound","message":"long"}}"#, 404), "WorkflowNotFound");
        assert_eq!(word(b"", 503), "status 503");
    }
}
