//! Webhooks: proof that they come from a subscription of ours, and reading which rows they are about.
//!
//! Pipedrive signs nothing; it sends the name and password that a subscription was made with. Messages may come twice, late and in any
//! order, and write custom fields otherwise than the API does: they are hints, and every row is fetched. Only of a merge is believed where
//! the row went, because nothing else tells.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_model::actor::{Actor, ChangeMark, UserId};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use ring::{digest, hmac};
use serde_json::Value;

use super::hands::Hands;
use super::kind::{Kind, id_among};
use super::wire::{changed_at, id_text};
use crate::actors::Actors;
use crate::look::{Existence, Look};
use crate::settings::{Auth, ConnectionSettings, Secret};
use crate::webhook::{Blanks, Delivery, Event, Incoming, WebhookError};

/// What to do so that messages can be verified.
const REPAIR: &str =
    "run `entente provision --apply`, which makes the webhooks with their password, and let proxies pass the Authorization header on";

/// Digits of a password's fingerprint in the user name that goes with it.
const FINGERPRINT_DIGITS: usize = 8;

fn malformed(reason: impl Into<String>) -> WebhookError {
    WebhookError::Malformed { reason: reason.into() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The password of our subscriptions: the configured one, or one that follows from the credentials and does not give them away.
pub(crate) fn password(settings: &ConnectionSettings) -> Secret {
    if !settings.webhooks.signing_secret.is_empty() {
        return settings.webhooks.signing_secret.clone();
    }
    let root = match &settings.auth {
        Auth::AccessToken { token } => token,
        Auth::RefreshToken { client_secret, .. } => client_secret,
        _ => return Secret::default(),
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, root.reveal().as_bytes());
    Secret::new(hex(hmac::sign(&key, format!("webhooks of {}", settings.name).as_bytes()).as_ref()))
}

/// The user name that goes with a password: it tells whether the password of a subscription is still ours, where its list hides it.
pub(crate) fn user_name(password: &Secret) -> String {
    let print = hex(digest::digest(&digest::SHA256, password.reveal().as_bytes()).as_ref());
    format!("entente-{}", &print[..FINGERPRINT_DIGITS])
}

/// Verifies where a message comes from.
///
/// # Errors
/// When the address lacks its secret part, or the credentials are not those of our subscriptions.
pub(crate) fn verify(incoming: &Incoming, settings: &ConnectionSettings, path_secret: &str) -> Result<(), WebhookError> {
    let refused = |reason: &str, remedy| WebhookError::Unverified { reason: reason.to_owned(), remedy };
    let in_path = &settings.webhooks.path_secret;
    if !in_path.is_empty() && !in_path.is(path_secret) {
        return Err(refused(
            "the secret in the address does not match",
            "run `entente provision --apply`: the webhooks get the present address",
        ));
    }
    let Some(given) = incoming.headers.get("authorization") else { return Err(refused("the credentials are missing", REPAIR)) };
    let decoded = given.strip_prefix("Basic ").and_then(|text| STANDARD.decode(text.trim()).ok());
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let held = password(settings);
    let matches = decoded.split_once(':').is_some_and(|(_, given)| !held.is_empty() && held.is(given));
    if matches { Ok(()) } else { Err(refused("the password is not the one of our webhooks", REPAIR)) }
}

/// A text or number of a message.
fn text(value: &Value) -> Option<String> {
    id_text(value)
}

/// Takes a verified message apart, and remembers whose hand it was. Messages about other companies or objects say nothing.
///
/// # Errors
/// When the body is not JSON, or names no row.
pub(crate) fn read(
    incoming: &Incoming,
    company: Option<&str>,
    hands: &Hands,
    actors: &Actors,
    ours: &str,
    now: Timestamp,
) -> Result<Delivery, WebhookError> {
    if incoming.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Delivery { id: hex(digest::digest(&digest::SHA256, now.to_string().as_bytes()).as_ref()), events: Vec::new() });
    }
    let body: Value = serde_json::from_slice(&incoming.body).map_err(|error| malformed(format!("the body is not JSON: {error}")))?;
    let meta = &body["meta"];
    if !meta.is_object() {
        return Err(malformed("there is no `meta` in it"));
    }
    let id = delivery_id(&body);
    let foreign = company.is_some_and(|company| text(&meta["company_id"]).is_some_and(|told| told != company));
    let name = meta["entity"].as_str().or_else(|| meta["object"].as_str()).unwrap_or_default();
    let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.singular() == name).filter(|_| !foreign) else {
        return Ok(Delivery { id, events: Vec::new() });
    };
    // The present version writes ids as texts and calls the key `entity_id`, the older one `id`.
    let key = if meta["entity"].is_string() { "entity_id" } else { "id" };
    let row = text(&meta[key]).filter(|id| kind.is_id(id)).ok_or_else(|| malformed(format!("`meta.{key}` names no {name}")))?;
    let action = meta["action"].as_str().unwrap_or("change").to_owned();
    let user = text(&meta["user_id"]);
    let known = actors.mark(None, user.as_deref(), ours);
    let mark = match known.by {
        // Another program may act for the same user as we do.
        Actor::Us | Actor::Unknown if meta["change_source"] == "app" => {
            ChangeMark { by: Actor::Sales, who: user.as_deref().and_then(UserId::new), ..known }
        }
        _ => known,
    };
    let shown = if body["data"].is_object() { &body["data"] } else { &body["current"] };
    if let Some(at) = changed_at(shown) {
        hands.note(kind, &row, ChangeMark { at: Some(at), ..mark });
    }
    let mut events = Events { kind, action, by: mark.by, now, all: Vec::new() };
    match (text(&meta["merged_to_id"]), text(&meta["merged_from_id"])) {
        (Some(survivor), _) if survivor != row => {
            events.merged(&row, &survivor);
            events.look_at(&survivor);
        }
        (_, Some(loser)) if loser != row => {
            events.merged(&loser, &row);
            events.look_at(&row);
        }
        _ => events.look_at(&row),
    }
    Ok(Delivery { id, events: events.all })
}

/// The events of one message. Mappings may know a note by itself or among activities; an object that none names is passed over.
struct Events {
    kind: Kind,
    action: String,
    by: Actor,
    now: Timestamp,
    all: Vec<Event>,
}

impl Events {
    fn objects(&self) -> impl Iterator<Item = Kind> + use<> {
        let kind = self.kind;
        std::iter::once(kind).chain((kind == Kind::Note).then_some(Kind::Activity))
    }

    fn add(&mut self, object: Kind, id: String, look: Option<Look>) {
        self.all.push(Event {
            object: object.plural().to_owned(),
            id,
            look,
            blanks: Blanks::Shown,
            created: false,
            kind: self.action.clone(),
        });
    }

    fn look_at(&mut self, id: &str) {
        for object in self.objects() {
            self.add(object, id_among(object, self.kind, id), None);
        }
    }

    fn merged(&mut self, loser: &str, survivor: &str) {
        for object in self.objects() {
            let (id, survivor) = (id_among(object, self.kind, loser), id_among(object, self.kind, survivor));
            let look = Look {
                object: object.plural().to_owned(),
                id: id.clone(),
                existence: Existence::MergedInto(survivor),
                row: Row::new(),
                complete: true,
                version: None,
                mark: ChangeMark { at: None, by: self.by, who: None },
                seen_at: self.now,
            };
            self.add(object, id, Some(look));
        }
    }
}

/// An id that repeats with repeated deliveries: attempts are counted in the body.
fn delivery_id(body: &Value) -> String {
    if let Some(id) = text(&body["meta"]["id"]).filter(|_| body["meta"]["entity"].is_string()) {
        return id;
    }
    let mut same = body.clone();
    if let Some(all) = same.as_object_mut() {
        all.remove("retry");
    }
    if let Some(meta) = same["meta"].as_object_mut() {
        meta.remove("attempt");
    }
    hex(digest::digest(&digest::SHA256, same.to_string().as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn told(body: &Value) -> Delivery {
        let incoming = Incoming { headers: BTreeMap::new(), body: body.to_string().into_bytes() };
        let actors = Actors::new(&BTreeMap::new(), |id| id.trim().to_owned());
        read(&incoming, Some("15"), &Hands::default(), &actors, "9", Timestamp::UNIX_EPOCH).expect("delivery")
    }

    fn rows(body: &Value) -> Vec<(String, String, Option<Existence>)> {
        told(body).events.into_iter().map(|event| (event.object, event.id, event.look.map(|look| look.existence))).collect()
    }

    fn row(object: &str, id: &str) -> (String, String, Option<Existence>) {
        (object.to_owned(), id.to_owned(), None)
    }

    #[test]
    fn both_versions_of_messages_name_the_row() {
        let new = json!({"meta": {"action": "change", "entity": "deal", "entity_id": "1", "company_id": "15", "id": "7f3c", "version": "2.0"}, "data": {}});
        assert_eq!((rows(&new), told(&new).id), (vec![row("deals", "1")], "7f3c".to_owned()));
        let old = json!({"v": 1, "meta": {"action": "updated", "object": "person", "id": 2, "company_id": 15}, "retry": 0, "current": {}});
        assert_eq!(rows(&old), [row("persons", "2")]);
        let again =
            json!({"v": 1, "meta": {"action": "updated", "object": "person", "id": 2, "company_id": 15}, "retry": 2, "current": {}});
        assert_eq!(told(&old).id, told(&again).id, "a repeated delivery is the same one");
    }

    #[test]
    fn a_note_is_told_of_by_itself_and_among_activities() {
        let note = json!({"meta": {"action": "create", "entity": "note", "entity_id": "5", "company_id": "15", "id": "a"}, "data": {}});
        assert_eq!(rows(&note), [row("notes", "5"), row("activities", "note-5")]);
    }

    #[test]
    fn a_merge_says_where_the_row_went() {
        let lost = json!({"meta": {"action": "delete", "entity": "person", "entity_id": "1", "merged_to_id": "2", "company_id": "15", "id": "a"}, "data": null});
        let merged = ("persons".to_owned(), "1".to_owned(), Some(Existence::MergedInto("2".to_owned())));
        assert_eq!(rows(&lost), [merged.clone(), row("persons", "2")]);
        let won = json!({"meta": {"action": "change", "entity": "person", "entity_id": "2", "merged_from_id": "1", "company_id": "15", "id": "b"}, "data": {}});
        assert_eq!(rows(&won), [merged, row("persons", "2")]);
    }

    #[test]
    fn what_is_not_ours_says_nothing_and_what_is_broken_says_so() {
        let foreign = json!({"meta": {"action": "change", "entity": "deal", "entity_id": "1", "company_id": "16", "id": "a"}, "data": {}});
        let unmapped =
            json!({"meta": {"action": "change", "entity": "product", "entity_id": "1", "company_id": "15", "id": "a"}, "data": {}});
        assert!(rows(&foreign).is_empty() && rows(&unmapped).is_empty());
        let incoming = Incoming { headers: BTreeMap::new(), body: br#"{"meta":{"entity":"deal","entity_id":"x"}}"#.to_vec() };
        let actors = Actors::new(&BTreeMap::new(), |id| id.to_owned());
        let error = read(&incoming, None, &Hands::default(), &actors, "", Timestamp::UNIX_EPOCH).expect_err("refused");
        assert!(matches!(error, WebhookError::Malformed { .. }), "{error}");
    }
}
