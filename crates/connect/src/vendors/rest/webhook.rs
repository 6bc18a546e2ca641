//! Webhooks of a described platform: proof that they are the platform's, and reading which rows they are about.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_model::actor::ChangeMark;
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use ring::{digest, hmac};
use serde_json::Value;

use super::Rest;
use super::description::platform::{Digest, SignaturePart, WebhookPart};
use super::look::Seeing;
use crate::look::{Existence, Look};
use crate::settings::Secret;
use crate::webhook::{Blanks, Delivery, Event, Incoming, WebhookError};

/// What to do so that messages can be verified.
const REPAIR: &str =
    "run `entente provision --apply`, or set webhooks.signing_secret of the connection to the secret that the platform shows";
/// Numbers from here on are milliseconds rather than seconds since 1970.
const MILLIS_FROM: i64 = 100_000_000_000;

fn refused(reason: impl Into<String>, remedy: &'static str) -> WebhookError {
    WebhookError::Unverified { reason: reason.into(), remedy }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() % 2 == 1 {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

fn verify_basic(incoming: &Incoming, secret: &Secret) -> Result<(), WebhookError> {
    let Some(given) = incoming.headers.get("authorization") else { return Err(refused("the credentials are missing", REPAIR)) };
    let decoded = given.strip_prefix("Basic ").and_then(|text| STANDARD.decode(text.trim()).ok());
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let matches = decoded.split_once(':').is_some_and(|(_, given)| !secret.is_empty() && secret.is(given));
    if matches { Ok(()) } else { Err(refused("the password is not the one of our webhooks", REPAIR)) }
}

fn verify_signature(part: &SignaturePart, incoming: &Incoming, secret: &Secret, now: Timestamp) -> Result<(), WebhookError> {
    if secret.is_empty() {
        return Err(refused("no signing secret is configured", REPAIR));
    }
    let given = incoming.headers.get(&part.header).ok_or_else(|| refused(format!("the header `{}` is missing", part.header), REPAIR))?;
    let text = given.trim().strip_prefix(part.prefix.as_str()).unwrap_or_default();
    let bytes = if part.base64 { STANDARD.decode(text).ok() } else { unhex(text) };
    let bytes = bytes.ok_or_else(|| refused("the signature is not one of the form that the description names", REPAIR))?;
    let stamp = part.timestamp_header.as_ref().and_then(|name| incoming.headers.get(name)).cloned().unwrap_or_default();
    let signed: Vec<u8> = match &part.signs {
        None => incoming.body.clone(),
        Some(template) => {
            // The body goes in byte for byte, whatever it holds.
            let with_stamp = template.filled(&BTreeMap::from([("timestamp", stamp.clone())]));
            match with_stamp.split_once("{body}") {
                Some((before, behind)) => [before.as_bytes(), &incoming.body, behind.as_bytes()].concat(),
                None => with_stamp.into_bytes(),
            }
        }
    };
    let algorithm = match part.digest {
        Digest::Sha256 => hmac::HMAC_SHA256,
        Digest::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Digest::Sha512 => hmac::HMAC_SHA512,
    };
    if hmac::verify(&hmac::Key::new(algorithm, secret.reveal().as_bytes()), &signed, &bytes).is_err() {
        return Err(refused("the signature does not match", REPAIR));
    }
    if let Some(max) = part.max_age_seconds {
        let at = stamp.trim().parse::<i64>().ok().map(|at| if at >= MILLIS_FROM { at / 1_000 } else { at });
        let fresh = at.is_some_and(|at| now.as_second().abs_diff(at) <= max);
        if !fresh {
            return Err(refused("the message is older than the description allows", "check the clock of this machine (NTP)"));
        }
    }
    Ok(())
}

impl Rest {
    /// See [`Connector::open`](crate::connector::Connector::open).
    pub(super) fn open_webhook(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError> {
        let Some(webhooks) = &self.description.webhooks else {
            return Err(refused("the description has no webhooks", "describe `webhooks`; until then polls bring every change"));
        };
        let settings = self.client.settings();
        let in_path = &settings.webhooks.path_secret;
        if webhooks.proof.secret_in_path && in_path.is_empty() {
            return Err(refused("no secret part of the address is configured", "run `entente provision --apply`, which makes it"));
        }
        if !in_path.is_empty() && !in_path.is(path_secret) {
            return Err(refused("the secret in the address does not match", "compare it with `entente provision --address`"));
        }
        if webhooks.proof.basic {
            verify_basic(incoming, &self.webhook_secret())?;
        }
        if let Some(part) = &webhooks.proof.signature {
            verify_signature(part, incoming, &self.webhook_secret(), now)?;
        }
        self.read_webhook(webhooks, incoming, now)
    }

    fn read_webhook(&self, webhooks: &WebhookPart, incoming: &Incoming, now: Timestamp) -> Result<Delivery, WebhookError> {
        let malformed = |reason: String| WebhookError::Malformed { reason };
        let body: Value = serde_json::from_slice(&incoming.body).map_err(|error| malformed(format!("the body is not JSON: {error}")))?;
        let digest = || {
            let digest = digest::digest(&digest::SHA256, &incoming.body);
            digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let id = webhooks.id.as_ref().and_then(|path| path.text_in(&body)).unwrap_or_else(digest);
        let events: Vec<&Value> = webhooks.events.as_ref().map_or_else(|| vec![&body], |path| path.rows(&body));
        let mut all = Vec::new();
        for event in events {
            let theirs = webhooks.organization.as_ref().and_then(|path| path.text_in(event));
            if let (Some(wanted), Some(theirs)) = (&self.client.settings().webhooks.organization, theirs)
                && *wanted != theirs
            {
                continue;
            }
            let Some(word) = webhooks.object.text_in(event) else {
                return Err(malformed(format!("nothing at `{}`, where the object's name should be", webhooks.object)));
            };
            let object = webhooks.objects.get(&word).cloned().unwrap_or(word);
            if !self.description.objects.contains_key(&object) {
                continue;
            }
            let row_id = webhooks.row_id.iter().find_map(|path| path.text_in(event));
            let Some(row_id) = row_id else { return Err(malformed("no id of the row where the description says".to_owned())) };
            let kind = webhooks.action.as_ref().and_then(|path| path.text_in(event)).unwrap_or_else(|| "change".to_owned());
            let merged = |path: &Option<super::description::path::Path>| path.as_ref().and_then(|path| path.text_in(event));
            let gone = |id: String, into: String| Look {
                object: object.clone(),
                id,
                existence: Existence::MergedInto(into),
                row: Row::new(),
                complete: true,
                version: None,
                mark: ChangeMark::default(),
                seen_at: now,
            };
            let mut told = |id: String, look: Option<Look>| {
                all.push(Event { object: object.clone(), id, look, blanks: Blanks::Shown, created: false, kind: kind.clone() });
            };
            match (merged(&webhooks.merged_into), merged(&webhooks.merged_from)) {
                (Some(into), _) if into != row_id => {
                    told(row_id.clone(), Some(gone(row_id, into.clone())));
                    told(into, None);
                }
                (_, Some(from)) if from != row_id => {
                    told(from.clone(), Some(gone(from, row_id.clone())));
                    told(row_id, None);
                }
                _ => {
                    let look = self.shown_row(webhooks, &object, event, now).filter(|look| look.id == row_id);
                    told(row_id, look);
                }
            }
        }
        Ok(Delivery { id, events: all })
    }

    /// The row that an event shows, where it is written as in reads: without fields that only an account tells of, which are fetched.
    fn shown_row(&self, webhooks: &WebhookPart, object: &str, event: &Value, now: Timestamp) -> Option<Look> {
        let row = webhooks.row.as_ref()?.first(event)?;
        let (name, part) = self.description.objects.get_key_value(object)?;
        let fields = self.known_fields(name)?;
        let seeing = Seeing {
            object: name,
            part,
            fields,
            lists: BTreeMap::new(),
            actors: &self.actors,
            ours: self.ours(),
            offset_ms: self.client.offset().ms().unwrap_or(0),
            seen_at: now,
        };
        seeing.partial(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(headers: &[(&str, &str)], body: &str) -> Incoming {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Incoming { headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_signature_covers_body_and_time_and_ends() {
        let part: SignaturePart = serde_json::from_value(serde_json::json!({
            "header": "x-sig", "prefix": "v0=", "signs": "v0:{timestamp}:{body}", "timestamp_header": "x-time", "max_age_seconds": 300,
        }))
        .expect("description");
        let secret = Secret::new("s3cret");
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"s3cret");
        let tag = hmac::sign(&key, b"v0:1000:{\"a\":1}");
        let sign: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let sign = format!("v0={sign}");
        let at = |second| Timestamp::from_second(second).expect("instant");
        let check = |body: &str, now| verify_signature(&part, &incoming(&[("x-sig", &sign), ("x-time", "1000")], body), &secret, at(now));
        assert_eq!(check("{\"a\":1}", 1_100), Ok(()));
        assert!(check("{\"a\":2}", 1_100).is_err(), "another body");
        assert!(check("{\"a\":1}", 2_000).is_err(), "too old");
        assert!(verify_signature(&part, &incoming(&[], "{}"), &secret, at(1_000)).is_err(), "no signature");
        assert!(verify_signature(&part, &incoming(&[("x-sig", "v0=zz")], "{}"), &secret, at(1_000)).is_err());
    }
}
