//! Webhooks: verifying their signature and reading what they say.
//!
//! Events come at least once, in any order, and show values as of the change: they are hints only, and every row is fetched.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use ring::{digest, hmac};
use serde_json::Value;
use url::Url;

use super::custom::Customs;
use super::engagements::{ENGAGEMENTS, engagement};
use super::kind::{is_type_id, named, named_in_events};
use super::wire::id_text;
use crate::look::{Existence, Look};
use crate::settings::{ConnectionSettings, Secret};
use crate::webhook::{Blanks, Delivery, Event, Incoming, WebhookError};

/// Farthest a signature's timestamp may be from our present, in milliseconds; HubSpot names five minutes.
const AGE_MS_MAX: u64 = 300_000;

/// Oldest event of a delivery whose signature has no timestamp, in milliseconds: HubSpot repeats deliveries for a day.
const EVENT_AGE_MS_MAX: i64 = 25 * 3_600_000;

/// What to do so that signatures can be verified.
pub(crate) const COPY: &str =
    "set webhooks.signing_secret to the client secret of the HubSpot app that sends the webhooks; service keys send none";

fn refused(reason: &str, remedy: &'static str) -> WebhookError {
    WebhookError::Unverified { reason: reason.to_owned(), remedy }
}

fn malformed(reason: impl Into<String>) -> WebhookError {
    WebhookError::Malformed { reason: reason.into() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The address as it is signed: only these escapes are undone.
fn decoded(uri: &str) -> String {
    const ESCAPES: [(&str, char); 12] = [
        ("3A", ':'),
        ("2F", '/'),
        ("3F", '?'),
        ("40", '@'),
        ("21", '!'),
        ("24", '$'),
        ("27", '\''),
        ("28", '('),
        ("29", ')'),
        ("2A", '*'),
        ("2C", ','),
        ("3B", ';'),
    ];
    let mut parts = uri.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part.get(..2).and_then(|code| ESCAPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)));
        match known {
            Some((_, plain)) => {
                text.push(*plain);
                text.push_str(&part[2..]);
            }
            None => {
                text.push('%');
                text.push_str(part);
            }
        }
    }
    text
}

/// Addresses that the vendor may have called: the configured one, else what the headers and the connection's own path tell. Whoever
/// cannot sign gains nothing by naming another.
fn addresses(incoming: &Incoming, settings: &ConnectionSettings) -> Vec<String> {
    if let Some(address) = &settings.webhooks.address {
        return spellings(address);
    }
    let header = |name: &str| incoming.headers.get(name).map(|value| value.split(',').next().unwrap_or_default().trim());
    let Some(host) = header("x-forwarded-host").or_else(|| header("host")) else { return Vec::new() };
    let secret = settings.webhooks.path_secret.reveal();
    let tail = if secret.is_empty() { String::new() } else { format!("/{secret}") };
    let schemes = match header("x-forwarded-proto") {
        Some(scheme) => vec![scheme],
        None => vec!["https", "http"],
    };
    schemes.into_iter().map(|scheme| format!("{scheme}://{host}/hooks/{}{tail}", settings.name)).collect()
}

/// An address as it was typed may lack the slash that ours has.
fn spellings(address: &Url) -> Vec<String> {
    let text = address.as_str().to_owned();
    let bare = text.strip_suffix('/').filter(|_| address.path() == "/").map(str::to_owned);
    std::iter::once(text).chain(bare).collect()
}

/// Verifies the signature: the newest version that is there counts, and none makes up for its failure.
///
/// # Errors
/// When there is none, it does not match, or it is too old.
pub(crate) fn verify(incoming: &Incoming, settings: &ConnectionSettings, secret: &Secret, now: Timestamp) -> Result<(), WebhookError> {
    if secret.is_empty() {
        return Err(refused("no signing secret is configured", COPY));
    }
    let header = |name: &str| incoming.headers.get(name).map(|value| value.trim());
    if let Some(signature) = header("x-hubspot-signature-v3") {
        let Some(stamp) = header("x-hubspot-request-timestamp") else {
            return Err(refused("the signature's timestamp is missing", "let proxies pass X-HubSpot-* headers on"));
        };
        return verify_v3(incoming, settings, secret, signature, stamp, now);
    }
    let Some(signature) = header("x-hubspot-signature") else {
        return Err(refused(
            "the signature headers are missing",
            "let only HubSpot send to this address, and let proxies pass X-HubSpot-* headers on",
        ));
    };
    let digest = |parts: &[&[u8]]| hex(digest::digest(&digest::SHA256, &parts.concat()).as_ref());
    let key = secret.reveal().as_bytes();
    let matches = match header("x-hubspot-signature-version") {
        Some("v2") => addresses(incoming, settings)
            .iter()
            .any(|uri| Secret::new(digest(&[key, b"POST", uri.as_bytes(), &incoming.body])).is(&signature.to_lowercase())),
        _ => Secret::new(digest(&[key, &incoming.body])).is(&signature.to_lowercase()),
    };
    if !matches {
        return Err(refused("the signature does not match", COPY));
    }
    // These signatures have no timestamp; what they sign has.
    let oldest = events_of(&incoming.body)?.iter().filter_map(|event| event["occurredAt"].as_i64()).min();
    match oldest {
        Some(at) if now.as_millisecond() - at > EVENT_AGE_MS_MAX => Err(refused(
            "its events are older than a day",
            "check this machine's clock; if it is right, somebody repeats recorded webhooks",
        )),
        _ => Ok(()),
    }
}

fn verify_v3(
    incoming: &Incoming,
    settings: &ConnectionSettings,
    secret: &Secret,
    signature: &str,
    stamp: &str,
    now: Timestamp,
) -> Result<(), WebhookError> {
    let at: i64 = stamp.parse().map_err(|_| refused("the signature's timestamp is not readable", COPY))?;
    if now.as_millisecond().abs_diff(at) > AGE_MS_MAX {
        return Err(refused(
            "the signature is older than 5 minutes",
            "check this machine's clock; if it is right, somebody repeats recorded webhooks",
        ));
    }
    let wrong = || {
        refused(
            "the signature does not match",
            "set webhooks.signing_secret to the app's client secret; behind a proxy that changes the address, set webhooks.address to the one that HubSpot calls",
        )
    };
    let signature = STANDARD.decode(signature).map_err(|_| wrong())?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    let matches = addresses(incoming, settings).iter().any(|uri| {
        let message = [b"POST", decoded(uri).as_bytes(), &incoming.body, stamp.as_bytes()].concat();
        hmac::verify(&key, &message, &signature).is_ok()
    });
    if matches { Ok(()) } else { Err(wrong()) }
}

fn events_of(body: &[u8]) -> Result<Vec<Value>, WebhookError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    match serde_json::from_slice(body).map_err(|error| malformed(format!("the body is not JSON: {error}")))? {
        Value::Array(events) => Ok(events),
        one @ Value::Object(_) => Ok(vec![one]),
        _ => Err(malformed("the body is no list of events")),
    }
}

/// Takes a verified webhook apart. Events of other accounts are passed over.
///
/// # Errors
/// When the body is no list of events.
pub(crate) fn read(incoming: &Incoming, portal: Option<&str>, customs: &Customs, now: Timestamp) -> Result<Delivery, WebhookError> {
    let all = events_of(&incoming.body)?;
    let ours = all.iter().filter(|event| portal.is_none_or(|portal| id_text(&event["portalId"]).as_deref() == Some(portal)));
    let mut events = Vec::new();
    let mut seen = BTreeSet::new();
    for event in ours {
        let rows = rows_of(event, customs).into_iter();
        // Mappings may know a task, call, note or meeting by itself or as an engagement; an object that none names is passed over.
        let rows = rows.flat_map(|(object, id, kind)| {
            let among = engagement(&object, &id).map(|id| (ENGAGEMENTS.to_owned(), id, kind.clone()));
            std::iter::once((object, id, kind)).chain(among)
        });
        for (object, id, kind) in rows {
            let erased = kind.ends_with(".privacyDeletion");
            if seen.insert((object.clone(), id.clone(), erased)) {
                let look = erased.then(|| erased_row(&object, &id, event, now));
                events.push(Event { object, id, look, blanks: Blanks::Shown, created: false, kind: kind.clone() });
            }
        }
    }
    Ok(Delivery { id: delivery_id(&all), events })
}

/// A row that was erased at HubSpot: nothing else tells of it, and it looks as if it had never been.
pub(super) fn erased_row(object: &str, id: &str, event: &Value, now: Timestamp) -> Look {
    let at = event["occurredAt"].as_i64().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let mark = ChangeMark { at, by: Actor::Unknown, who: None };
    let (object, id) = (object.to_owned(), id.to_owned());
    Look { object, id, existence: Existence::Erased, row: Row::new(), complete: true, version: None, mark, seen_at: now }
}

/// The rows that an event is about: object, id, and the event's type.
fn rows_of(event: &Value, customs: &Customs) -> Vec<(String, String, String)> {
    let Some(ty) = event["subscriptionType"].as_str().or_else(|| event["eventType"].as_str()) else { return Vec::new() };
    let Some((subject, what)) = ty.split_once('.') else { return Vec::new() };
    if what == "associationChange" {
        let typed = [("fromObjectTypeId", "fromObjectId"), ("toObjectTypeId", "toObjectId")].into_iter().filter_map(|(of, end)| {
            let (of, id) = (event[of].as_str()?, id_text(&event[end])?);
            Some(objects_of(of, customs).into_iter().map(move |object| (object, id.clone(), ty.to_owned())))
        });
        let typed: Vec<_> = typed.flatten().collect();
        if !typed.is_empty() {
            return typed;
        }
        let ends = event["associationType"].as_str().and_then(|name| name.split_once("_TO_"));
        let Some((from, to)) = ends else { return Vec::new() };
        let ends = [(from, &event["fromObjectId"]), (to, &event["toObjectId"])];
        let rows = ends.into_iter().filter_map(|(name, id)| Some((named_in_events(name)?.name.to_owned(), id_text(id)?, ty.to_owned())));
        return rows.collect();
    }
    let called = if subject == "object" { event["objectTypeId"].as_str().unwrap_or_default() } else { subject };
    let objects = match named_in_events(called) {
        Some(kind) => vec![kind.name.to_owned()],
        None => objects_of(called, customs),
    };
    let mut ids: Vec<Option<String>> = vec![id_text(&event["objectId"])];
    if what == "merge" {
        ids.push(id_text(&event["primaryObjectId"]));
        ids.push(id_text(&event["newObjectId"]));
        ids.extend(event["mergedObjectIds"].as_array().into_iter().flatten().map(id_text));
    }
    let ids = ids.into_iter().flatten();
    ids.flat_map(|id| objects.iter().map(move |object| (object.clone(), id.clone(), ty.to_owned()))).collect()
}

/// Every name that mappings may know a type id by.
pub(super) fn objects_of(type_id: &str, customs: &Customs) -> Vec<String> {
    match named(type_id) {
        Some(name) => vec![name.to_owned()],
        None if is_type_id(type_id) => customs.names(type_id),
        None => Vec::new(),
    }
}

/// An id that repeats with repeated deliveries: attempts are counted in the body, and event ids are not unique.
fn delivery_id(events: &[Value]) -> String {
    const SAME: [&str; 8] =
        ["portalId", "subscriptionId", "objectId", "fromObjectId", "toObjectId", "propertyName", "occurredAt", "eventId"];
    let mut lines: Vec<String> = events.iter().map(|event| SAME.map(|name| event[name].to_string()).join(" ")).collect();
    lines.sort_unstable();
    hex(digest::digest(&digest::SHA256, lines.join("\n").as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(event: Value) -> Vec<(String, String)> {
        let body = Value::from(vec![event]).to_string().into_bytes();
        let delivery =
            read(&Incoming { headers: Default::default(), body }, Some("7"), &Customs::default(), Timestamp::UNIX_EPOCH).expect("delivery");
        delivery.events.into_iter().map(|event| (event.object, event.id)).collect()
    }

    fn row(object: &str, id: &str) -> (String, String) {
        (object.to_owned(), id.to_owned())
    }

    #[test]
    fn every_event_names_the_rows_to_look_at() {
        assert_eq!(
            rows(json!({"portalId": 7, "subscriptionType": "contact.propertyChange", "objectId": 12, "propertyName": "email"})),
            [row("contacts", "12")]
        );
        assert_eq!(
            rows(json!({"portalId": 7, "eventType": "object.creation", "objectTypeId": "0-27", "objectId": "5"})),
            [row("tasks", "5"), row("engagements", "tasks-5")]
        );
        let merge = json!({"portalId": 7, "subscriptionType": "company.merge", "objectId": 1, "primaryObjectId": 1, "mergedObjectIds": [2, 3], "newObjectId": 4});
        assert_eq!(rows(merge), [row("companies", "1"), row("companies", "4"), row("companies", "2"), row("companies", "3")]);
        let association = json!({"portalId": 7, "subscriptionType": "contact.associationChange", "associationType": "CONTACT_TO_COMPANY", "fromObjectId": 1, "toObjectId": 2});
        assert_eq!(rows(association), [row("contacts", "1"), row("companies", "2")]);
        assert!(rows(json!({"portalId": 8, "subscriptionType": "contact.creation", "objectId": 12})).is_empty(), "another account's");
        assert!(rows(json!({"portalId": 7, "subscriptionType": "conversation.creation", "objectId": 12})).is_empty());
    }

    #[test]
    fn a_privacy_deletion_is_told_apart_from_the_deletion_that_comes_with_it() {
        let event = |kind: &str| json!({"portalId": 7, "subscriptionType": kind, "objectId": 12, "occurredAt": 5});
        let body = Value::from(vec![event("contact.deletion"), event("contact.privacyDeletion")]).to_string().into_bytes();
        let incoming = Incoming { headers: Default::default(), body };
        let events = read(&incoming, Some("7"), &Customs::default(), Timestamp::UNIX_EPOCH).expect("delivery").events;
        let shown: Vec<Option<Existence>> = events.into_iter().map(|event| event.look.map(|look| look.existence)).collect();
        assert_eq!(shown, [None, Some(Existence::Erased)]);
    }

    #[test]
    fn a_repeated_delivery_has_the_same_id() {
        let event = |attempt: u32| json!({"eventId": 1, "portalId": 7, "occurredAt": 5, "objectId": 2, "attemptNumber": attempt});
        assert_eq!(delivery_id(&[event(0)]), delivery_id(&[event(3)]));
        assert_ne!(delivery_id(&[event(0)]), delivery_id(&[event(0), event(1)]));
    }

    #[test]
    fn only_some_escapes_are_undone() {
        assert_eq!(decoded("https://x.example/a%3Fb%2f%25%20"), "https://x.example/a?b/%25%20");
        assert_eq!(decoded("https://x.example/%"), "https://x.example/%");
    }
}
