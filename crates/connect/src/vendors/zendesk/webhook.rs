//! Webhooks: verifying their signature and reading what they say.
//!
//! Events are hints first. They carry the changed attribute and a few others as of the moment of the event, ids as texts, and `""` or
//! `"0"` for none; what is certain goes into a partial look, everything else is fetched. Tickets are always fetched, because their
//! events lack the metrics, and because long texts come cut.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_model::actor::{Actor, ChangeMark, UserId};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use ring::{digest, hmac};
use serde_json::Value;

use crate::capability::Happening;
use crate::look::{Existence, Look};
use crate::settings::Secret;
use crate::webhook::{Blanks, Delivery, Event, Incoming, WebhookError};

use super::kind::Kind;
use super::map::{Seen, gone, id_text};

/// Farthest a signature's timestamp may be from our present, in seconds: long enough for slow queues between, short enough that a
/// recorded delivery soon is worthless.
const AGE_S_MAX: i64 = 300;

/// Prefix of event types.
const TYPE: &str = "zen:event-type:";

/// What the connector knows without asking, to read events with.
#[derive(Debug, Default)]
pub struct Reader<'a> {
    /// Actors by the vendor's user id, our own included.
    pub actors: BTreeMap<&'a str, Actor>,
    /// Zendesk's clock minus ours, in milliseconds.
    pub offset_ms: i64,
}

fn refused(reason: &str, remedy: &'static str) -> WebhookError {
    WebhookError::Unverified { reason: reason.to_owned(), remedy }
}

fn malformed(reason: impl Into<String>) -> WebhookError {
    WebhookError::Malformed { reason: reason.into() }
}

/// Verifies the signature: base64 of HMAC-SHA256 over the timestamp header and the raw body, keyed with the secret's text as it is.
///
/// # Errors
/// When a header is missing, the signature does not match, or its timestamp is too far from `now`.
pub fn verify(incoming: &Incoming, secret: &Secret, now: Timestamp) -> Result<(), WebhookError> {
    const COPY: &str = "run `entente provision --apply`, which sets webhooks up and keeps their secret, or copy it from Zendesk (Admin \
                        Center, Webhooks, Reveal secret) into webhooks.signing_secret";
    if secret.is_empty() {
        return Err(refused("no signing secret is configured", COPY));
    }
    let header = |name: &str| incoming.headers.get(name).map(String::as_str);
    let (Some(signature), Some(stamp)) = (header("x-zendesk-webhook-signature"), header("x-zendesk-webhook-signature-timestamp")) else {
        return Err(refused(
            "the signature headers are missing",
            "let only Zendesk send to this address, and let proxies pass X-Zendesk-* headers on",
        ));
    };
    let wrong = || refused("the signature does not match", COPY);
    let signature = STANDARD.decode(signature.trim()).map_err(|_| wrong())?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    let message = [stamp.as_bytes(), &incoming.body].concat();
    hmac::verify(&key, &message, &signature).map_err(|_| wrong())?;
    let stamp: Timestamp = stamp.parse().map_err(|_| refused("the signature's timestamp is not readable", COPY))?;
    if now.as_second().abs_diff(stamp.as_second()) > AGE_S_MAX.unsigned_abs() {
        return Err(refused(
            "the signature is older than 5 minutes",
            "check this machine's clock; if it is right, somebody repeats recorded webhooks",
        ));
    }
    Ok(())
}

/// The id that repeats with repeated deliveries.
#[must_use]
pub fn delivery_id(incoming: &Incoming) -> String {
    match incoming.headers.get("x-zendesk-webhook-invocation-id").filter(|id| !id.is_empty()) {
        Some(id) => id.clone(),
        None => digest::digest(&digest::SHA256, &incoming.body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Takes a verified webhook apart.
///
/// # Errors
/// When the body is not JSON, or an event does not say which row it is about.
pub fn read(incoming: &Incoming, reader: &Reader<'_>, now: Timestamp) -> Result<Delivery, WebhookError> {
    let id = delivery_id(incoming);
    if incoming.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Delivery { id, events: Vec::new() });
    }
    let body: Value = serde_json::from_slice(&incoming.body).map_err(|error| malformed(format!("the body is not JSON: {error}")))?;
    let events = match body["type"].as_str().and_then(|ty| ty.strip_prefix(TYPE)) {
        Some(ty) => event(ty, &body, reader, now)?.into_iter().collect(),
        None => conditional(&body),
    };
    Ok(Delivery { id, events })
}

/// A body written by an admin for a trigger: any of `{"ticket": {"id": ..}}`, `{"user": ..}`, `{"organization": ..}`.
fn conditional(body: &Value) -> Vec<Event> {
    let mut events = Vec::new();
    for kind in Kind::ALL {
        if let Some(id) = id_text(&body[kind.singular()]["id"]).filter(|id| is_number(id)) {
            events.push(Event {
                object: kind.singular().to_owned(),
                id,
                look: None,
                blanks: Blanks::Shown,
                created: false,
                kind: "conditional".to_owned(),
            });
        }
    }
    events
}

fn is_number(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads one event. `None` for those that tell of nothing we read.
fn event(ty: &str, body: &Value, reader: &Reader<'_>, now: Timestamp) -> Result<Option<Event>, WebhookError> {
    let Some((object, name)) = ty.split_once('.') else { return Ok(None) };
    let Ok(kind) = Kind::named(object) else { return Ok(None) };
    if UNREAD.contains(&name) || is_secondary_address(name, &body["event"]["identity"]) {
        return Ok(None);
    }
    // Some ids inside events are internal ones; the subject is the public id.
    let subject = body["subject"].as_str().and_then(|subject| subject.rsplit(':').next()).map(str::to_owned);
    let id = subject.filter(|id| !id.is_empty() && is_number(id)).or_else(|| id_text(&body["detail"]["id"]).filter(|id| is_number(id)));
    let Some(id) = id else { return Err(malformed(format!("the event {ty} names no row"))) };
    let look = match kind {
        Kind::Ticket => None,
        Kind::User | Kind::Organization => shown(kind, name, &id, body, reader, now),
    };
    Ok(Some(Event {
        object: object.to_owned(),
        id,
        look,
        blanks: Blanks::Shown,
        created: kind.tells(Happening::Created, name),
        kind: ty.to_owned(),
    }))
}

/// Whether an event is about an address of a user that is not the primary one, which is no field that we read. When one becomes primary
/// or ceases to be, the event of the one that is primary from then on tells.
fn is_secondary_address(name: &str, identity: &Value) -> bool {
    name.starts_with("identity_") && identity["type"] == "email" && identity["primary"] == false
}

/// Whether a text begins with a day, as dates of custom fields do: `2026-12-31` or `2026-12-31T00:00:00+00:00`.
fn is_day(text: &str) -> bool {
    text.get(..10).is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok())
}

/// Events of users about things that are no fields.
const UNREAD: &[&str] =
    &["password_changed", "photo_changed", "last_login_changed", "group_membership_created", "group_membership_deleted"];

/// What an event itself shows of its row.
fn shown(kind: Kind, name: &str, id: &str, body: &Value, reader: &Reader<'_>, now: Timestamp) -> Option<Look> {
    let detail = &body["detail"];
    let version = detail["updated_at"].as_str().map(str::to_owned);
    let mut seen = Seen { at: now, offset_ms: reader.offset_ms };
    // Deliveries come minutes late, and show the row as it was at their event.
    if let Some(at) = body["time"].as_str().and_then(|time| seen.ours(time)) {
        seen.at = seen.at.min(at);
    }
    let by = hand(kind, id, body, reader);
    if kind.tells(Happening::Deleted, name) {
        let mut look = gone(kind, id.to_owned(), Existence::Deleted, version, seen);
        look.mark.by = by;
        return Some(look);
    }
    if kind.tells(Happening::Merged, name) {
        let winner = id_text(&body["event"]["user"]["id"]).filter(|winner| winner != id)?;
        let mut look = gone(kind, id.to_owned(), Existence::MergedInto(winner), version, seen);
        look.mark.by = by;
        return Some(look);
    }
    // What else a new row holds has no events of its own: whoever does not know the row fetches it, and whoever made it was shown it whole.
    // A new membership is news of the organization that a user belongs to by default, which every event shows where there is one.
    let told = match name {
        "organization_membership_created" => None,
        _ if kind.tells(Happening::Created, name) => None,
        _ => Some(changed(kind, name, &body["event"])?),
    };
    let mut row: Row = told.into_iter().collect();
    for (name, value) in certain(kind, detail) {
        row.entry(name).or_insert(value);
    }
    let is_told = name != "organization_membership_created" || row.contains_key("organization_id");
    if row.is_empty() || !is_told {
        return None;
    }
    let user = named(body).filter(|_| !matches!(by, Actor::Customer | Actor::Us));
    let mark = ChangeMark { who: user.as_deref().and_then(UserId::new), ..seen.mark(version.as_deref(), by) };
    Some(Look {
        object: kind.singular().to_owned(),
        id: id.to_owned(),
        existence: Existence::Present,
        row,
        complete: false,
        version,
        mark,
        seen_at: seen.at,
    })
}

/// The user whom an event names as the one who did it.
fn named(body: &Value) -> Option<String> {
    [&body["detail"]["actor_id"], &body["event"]["actor_id"]].into_iter().find_map(id_text)
}

/// Whose change an event tells of. Users and organizations name nobody in most events. A user who is named as the actor of their own event
/// served themselves. Customers cannot change organizations, so an event of one that names nobody is the work of the desk's people or
/// of its rules.
fn hand(kind: Kind, id: &str, body: &Value, reader: &Reader<'_>) -> Actor {
    match named(body) {
        Some(actor) => match reader.actors.get(actor.as_str()) {
            Some(known) => *known,
            None if kind == Kind::User && actor == id => Actor::Customer,
            None => Actor::Unknown,
        },
        None if kind == Kind::Organization => Actor::Support,
        None => Actor::Unknown,
    }
}

/// The field that a `*_changed` event is about and its new value, where the event shows it as the row would.
fn changed(kind: Kind, name: &str, event: &Value) -> Option<(String, Value)> {
    if kind == Kind::User && matches!(name, "identity_created" | "identity_changed") {
        let identity = &event["identity"];
        let primary = identity["type"] == "email" && identity["primary"] == true;
        return identity["value"].as_str().filter(|_| primary).map(|address| ("email".to_owned(), Value::String(address.to_owned())));
    }
    let attribute = name.strip_suffix("_changed")?;
    let current = event.get("current").filter(|_| event["is_truncated"].as_bool() != Some(true))?;
    let text = || current.as_str().map(|text| if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) });
    match (kind, attribute) {
        (Kind::User, "name" | "alias" | "external_id" | "time_zone" | "role") | (Kind::Organization, "name" | "external_id") => {
            Some((attribute.to_owned(), text()?))
        }
        (Kind::User, "suspended" | "only_private_comments") => current.as_bool().map(|flag| (attribute.to_owned(), Value::Bool(flag))),
        (Kind::User, "default_group") => Some(("default_group_id".to_owned(), id_text(current).map_or(Value::Null, Value::String))),
        (_, "custom_field") => {
            let key = event["field"]["key"].as_str()?;
            let value = match (event["field"]["type"].as_str()?, current) {
                ("text" | "textarea" | "regexp" | "tagger" | "dropdown", Value::String(_)) => text()?,
                ("text" | "textarea" | "regexp" | "tagger" | "dropdown" | "integer" | "decimal" | "date", Value::Null) => Value::Null,
                ("checkbox", Value::Bool(flag)) => Value::Bool(*flag),
                ("integer" | "decimal", Value::Number(number)) => Value::Number(number.clone()),
                ("date", Value::String(day)) if is_day(day) => Value::String(day.clone()),
                // Lists, and numbers written as texts, are not in events as they are in rows.
                _ => return None,
            };
            Some((format!("{}.{key}", kind.custom()), value))
        }
        // Details and notes may come cut; tags come as differences; addresses come as identities.
        _ => None,
    }
}

/// Attributes beside the changed one that an event shows for certain. An empty text is no proof of an empty attribute: events of
/// deleted rows leave attributes out that way.
fn certain(kind: Kind, detail: &Value) -> Vec<(String, Value)> {
    let names: &[&str] = match kind {
        Kind::User => &["role", "external_id", "organization_id"],
        Kind::Organization => &["name", "external_id"],
        Kind::Ticket => &[],
    };
    let filled = |name: &&str| {
        let value = detail[*name].as_str().filter(|text| !text.is_empty() && (*text != "0" || !name.ends_with("_id")))?;
        Some(((*name).to_owned(), Value::String(value.to_owned())))
    };
    names.iter().filter_map(filled).collect()
}
