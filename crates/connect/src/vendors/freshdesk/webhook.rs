//! Webhooks: proof that they come from a rule of ours, and reading which ticket they are about.
//!
//! Freshdesk signs nothing. Our rules send a secret in a header of their own; a rule that a person made carries one in its address.
//! Messages show labels instead of codes, and texts that a person may have cut: they are hints, and every ticket is fetched.

use entente_model::clock::Timestamp;
use ring::{digest, hmac};
use serde_json::Value;

use super::kind::{Kind, is_number};
use crate::settings::{Auth, ConnectionSettings, Secret};
use crate::webhook::{Blanks, Delivery, Event, Incoming, WebhookError};

/// Header with the secret.
pub(crate) const HEADER: &str = "X-Entente-Token";

/// What to do so that messages can be verified.
const REPAIR: &str =
    "run `entente provision --apply`, which makes the automation rules with their secret, and let proxies pass X-Entente-Token on";

fn malformed(reason: impl Into<String>) -> WebhookError {
    WebhookError::Malformed { reason: reason.into() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The secret that our rules send: the configured one, or one that follows from the API key and does not give it away.
pub(crate) fn secret(settings: &ConnectionSettings) -> Secret {
    if !settings.webhooks.signing_secret.is_empty() {
        return settings.webhooks.signing_secret.clone();
    }
    let Auth::AccessToken { token } = &settings.auth else { return Secret::default() };
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.reveal().as_bytes());
    Secret::new(hex(hmac::sign(&key, format!("webhooks of {}", settings.name).as_bytes()).as_ref()))
}

/// Verifies where a message comes from.
///
/// # Errors
/// When neither the address nor the header holds the secret.
pub(crate) fn verify(incoming: &Incoming, settings: &ConnectionSettings, path_secret: &str) -> Result<(), WebhookError> {
    let refused = |reason: &str, remedy| WebhookError::Unverified { reason: reason.to_owned(), remedy };
    let in_path = &settings.webhooks.path_secret;
    if !in_path.is_empty() {
        let remedy = "give Freshdesk the address that `entente provision --address` shows for this connection";
        return if in_path.is(path_secret) { Ok(()) } else { Err(refused("the secret in the address does not match", remedy)) };
    }
    match incoming.headers.get(&HEADER.to_lowercase()) {
        None => Err(refused("the header X-Entente-Token is missing", REPAIR)),
        Some(given) if secret(settings).is(given) => Ok(()),
        Some(_) => Err(refused("the header X-Entente-Token does not hold the right secret", REPAIR)),
    }
}

/// Takes a verified message apart. Freshdesk gives its messages no ids, and two of them may look the same and tell of two changes: each
/// arrival is one of its own, and a repeat costs a look.
///
/// # Errors
/// When the body is not JSON, or names no ticket.
pub(crate) fn read(incoming: &Incoming, now: Timestamp) -> Result<Delivery, WebhookError> {
    let mut content = incoming.body.clone();
    content.extend(now.as_nanosecond().to_be_bytes());
    let id = hex(digest::digest(&digest::SHA256, &content).as_ref());
    if incoming.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Delivery { id, events: Vec::new() });
    }
    let body: Value = serde_json::from_slice(&incoming.body).map_err(|error| malformed(format!("the body is not JSON: {error}")))?;
    let told = if body["freshdesk_webhook"].is_object() { &body["freshdesk_webhook"] } else { &body };
    let ticket =
        number(&told["ticket_id"]).or_else(|| number(&told["id"])).ok_or_else(|| malformed("`freshdesk_webhook` names no `ticket_id`"))?;
    let kind = told["triggered_event"].as_str().map_or_else(|| "ticket".to_owned(), |text| text.trim_matches(['{', '}']).to_owned());
    let event = Event { object: Kind::Ticket.singular().to_owned(), id: ticket, look: None, blanks: Blanks::Shown, created: false, kind };
    Ok(Delivery { id, events: vec![event] })
}

/// The number of a ticket: `42`, `"42"`, or with the prefix that accounts may put before it (`INC-42`).
fn number(value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.rsplit(['-', '#']).next().unwrap_or_default().trim().to_owned(),
        _ => return None,
    };
    is_number(&text).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(body: &str) -> Incoming {
        Incoming { headers: [].into(), body: body.as_bytes().to_vec() }
    }

    fn now(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    #[test]
    fn tickets_are_known_by_number_whatever_stands_before_it() {
        for id in ["42", "\"42\"", "\"INC-42\""] {
            let body = format!(
                r#"{{"freshdesk_webhook":{{"ticket_id":{id},"ticket_status":"Open","triggered_event":"{{status:from:2,to:4}}"}}}}"#
            );
            let delivery = read(&incoming(&body), now("2026-01-02T10:00:00Z")).expect("delivery");
            let event = &delivery.events[0];
            assert_eq!((event.object.as_str(), event.id.as_str(), event.kind.as_str()), ("ticket", "42", "status:from:2,to:4"));
            assert!(event.look.is_none());
        }
    }

    #[test]
    fn two_messages_that_look_the_same_are_two() {
        let body = r#"{"freshdesk_webhook":{"ticket_id":42}}"#;
        let first = read(&incoming(body), now("2026-01-02T10:00:00Z")).expect("delivery");
        let second = read(&incoming(body), now("2026-01-02T10:00:01Z")).expect("delivery");
        assert_ne!(first.id, second.id);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let at = now("2026-01-02T10:00:00Z");
        assert!(read(&incoming("<xml/>"), at).expect_err("refused").to_string().contains("not JSON"));
        assert!(read(&incoming("{}"), at).expect_err("refused").to_string().contains("ticket_id"));
        assert!(read(&incoming(" "), at).expect("a test call").events.is_empty());
    }
}
