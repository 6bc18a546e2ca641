//! Any webhook: a JSON event, signed as Standard Webhooks 1.0.0 says when there is a secret.
//!
//! Source: the specification at standardwebhooks.com. The id is the same for every attempt, so that a receiver drops what it has; the time
//! is that of the attempt; what is signed is `{id}.{time}.{body}` with HMAC-SHA256 under the secret's bytes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use entente_model::clock::Timestamp;
use http::{HeaderValue, Method, Request, header};
use ring::hmac;
use serde_json::Value;

use super::slack::on_the_way;
use super::{Refusal, retry_after};
use crate::settings::Secret;
use crate::transport::wire::Wire;

/// Time an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What a secret of Standard Webhooks begins with.
const PREFIX: &str = "whsec_";

/// Bytes that a secret's key has at least and at most.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Wait when a receiver refuses for pace and names none.
const PAUSE: Duration = Duration::from_secs(30);

/// One receiver.
#[derive(Clone)]
pub struct Webhook {
    wire: Arc<dyn Wire>,
    name: String,
    address: Secret,
    key: Option<hmac::Key>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The key of a secret: `whsec_` and 24 to 64 bytes in base64.
///
/// # Errors
/// Why it cannot be used; never quotes it.
pub fn key(secret: &Secret) -> Result<Vec<u8>, String> {
    let text = secret.reveal().trim();
    let Some(text) = text.strip_prefix(PREFIX) else { return Err(format!("it does not begin with {PREFIX}")) };
    let bytes = STANDARD.decode(text).map_err(|_| "what follows whsec_ is no base64".to_owned())?;
    if KEY_BYTES.contains(&bytes.len()) { Ok(bytes) } else { Err(format!("it has {} bytes; 24 to 64 are allowed", bytes.len())) }
}

impl Webhook {
    /// A receiver at this address, under the name that the configuration gives it.
    ///
    /// # Errors
    /// When the secret cannot be used.
    pub fn new(wire: Arc<dyn Wire>, name: impl Into<String>, address: Secret, secret: Option<&Secret>) -> Result<Self, String> {
        let key = secret.map(key).transpose()?.map(|bytes| hmac::Key::new(hmac::HMAC_SHA256, &bytes));
        Ok(Self { wire, name: name.into(), address, key })
    }

    /// Sends an event. `id` is the same for every attempt at the same one.
    ///
    /// # Errors
    /// By what is to be done: try again, or mend the address.
    pub async fn post(&self, id: &str, event: &Value, now: Timestamp) -> Result<(), Refusal> {
        let gone = |reason: String| Refusal::Gone {
            who: self.name.clone(),
            reason,
            remedy: format!("correct notify.webhook `{}`, or switch its receiver on", self.name),
        };
        let retry = |reason: String, after| Refusal::Retry { who: self.name.clone(), reason, after };
        let body = event.to_string();
        let time = now.as_second().to_string();
        let mut request = Request::new(Bytes::from(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.address.reveal().parse().map_err(|_| gone("the address cannot be used".to_owned()))?;
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| gone("the message's id is no header".to_owned()));
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("webhook-id", value(id)?);
        headers.insert("webhook-timestamp", value(&time)?);
        if let Some(key) = &self.key {
            headers.insert("webhook-signature", value(&sign(key, id, &time, &body))?);
        }
        let answer = self.wire.send(request, TIMEOUT).await.map_err(|error| retry(on_the_way(&error), None))?;
        let status = answer.status().as_u16();
        match status {
            200..=299 => Ok(()),
            429 => Err(retry("too many".to_owned(), Some(retry_after(answer.headers()).unwrap_or(PAUSE)))),
            408 | 409 | 425 | 500..=599 => Err(retry(format!("status {status}"), retry_after(answer.headers()))),
            // A redirect is refused: it would carry the event to somebody nobody named.
            _ => Err(gone(format!("status {status}"))),
        }
    }
}

fn sign(key: &hmac::Key, id: &str, time: &str, body: &str) -> String {
    let tag = hmac::sign(key, format!("{id}.{time}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(secret: &str, id: &str, time: &str, body: &str) -> String {
        sign(&hmac::Key::new(hmac::HMAC_SHA256, &key(&Secret::new(secret)).unwrap()), id, time, body)
    }

    #[test]
    fn signatures_are_those_of_the_reference_library() {
        let body = r#"{"test": 2432232314}"#;
        assert_eq!(
            signed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        let body = r#"{"type":"contact.updated","timestamp":"2024-05-06T08:47:46Z","data":{"id":"c_1"}}"#;
        assert_eq!(
            signed("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "msg_1", "1714985266", body),
            "v1,1bYMU8QHkFa+8///O2O+puDC6Q+se+a+E9fM0csavAk="
        );
    }

    #[test]
    fn a_secret_that_cannot_be_used_is_not_quoted() {
        for secret in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%", "whsec_c2hvcnQ="] {
            let error = key(&Secret::new(secret)).unwrap_err();
            assert!(!error.contains("MfKQ") && !error.contains("c2hvcnQ"), "{error}");
        }
    }
}
