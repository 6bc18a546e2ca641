//! Webhooks: proof that they come from a service endpoint of ours, and reading which rows they are about.
//!
//! Dataverse signs nothing; it sends the header that an endpoint was made with. Messages come in any order, may lack what is large, and are
//! never sent twice on purpose: they are hints, and every row is fetched. Those that our own writes caused carry our tag and say nothing.

use entente_model::clock::Timestamp;
use ring::{digest, hmac};
use serde_json::Value;

use super::kind::{Kind, Object, is_id};
use super::wire::TAG;
use crate::settings::{Auth, ConnectionSettings, Secret};
use crate::webhook::{Blanks, Delivery, Event, Incoming, WebhookError};

/// The header that carries the secret.
pub(crate) const HEADER: &str = "x-entente-token";
/// What to do so that messages can be verified.
const REPAIR: &str =
    "run `entente provision --apply`, which gives the service endpoint its secret, and let proxies pass the header x-entente-token on";
/// Digits of a secret's fingerprint in the name of the endpoint that sends it.
const FINGERPRINT_DIGITS: usize = 8;

fn malformed(reason: impl Into<String>) -> WebhookError {
    WebhookError::Malformed { reason: reason.into() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The secret of our endpoint: the configured one, or one that follows from the credentials and does not give them away.
pub(crate) fn secret(settings: &ConnectionSettings) -> Secret {
    if !settings.webhooks.signing_secret.is_empty() {
        return settings.webhooks.signing_secret.clone();
    }
    let Auth::ClientCredentials { client_secret, .. } = &settings.auth else { return Secret::default() };
    let key = hmac::Key::new(hmac::HMAC_SHA256, client_secret.reveal().as_bytes());
    Secret::new(hex(hmac::sign(&key, format!("webhooks of {}", settings.name).as_bytes()).as_ref()))
}

/// The name of the endpoint that sends a secret, which is never shown again: the name tells whether it is still ours.
pub(crate) fn endpoint_name(secret: &Secret) -> String {
    let print = hex(digest::digest(&digest::SHA256, secret.reveal().as_bytes()).as_ref());
    format!("Entente {}", &print[..FINGERPRINT_DIGITS])
}

/// Verifies where a message comes from.
///
/// # Errors
/// When the address lacks its secret part, or the header is not that of our endpoint.
pub(crate) fn verify(incoming: &Incoming, settings: &ConnectionSettings, path_secret: &str) -> Result<(), WebhookError> {
    let refused = |reason: &str, remedy| WebhookError::Unverified { reason: reason.to_owned(), remedy };
    let in_path = &settings.webhooks.path_secret;
    if !in_path.is_empty() && !in_path.is(path_secret) {
        return Err(refused(
            "the secret in the address does not match",
            "run `entente provision --apply`: the webhooks get the present address",
        ));
    }
    let Some(given) = incoming.headers.get(HEADER) else { return Err(refused("the header x-entente-token is missing", REPAIR)) };
    let held = secret(settings);
    if !held.is_empty() && held.is(given) {
        Ok(())
    } else {
        Err(refused("the header x-entente-token is not the one of our endpoint", REPAIR))
    }
}

/// The value of a list of keys and values.
fn keyed<'a>(list: &'a Value, key: &str) -> &'a Value {
    list.as_array().into_iter().flatten().find(|entry| entry["key"] == key).map_or(&Value::Null, |entry| &entry["value"])
}

/// Whether a write of ours caused a message: only the operation itself counts, not what others did because of it.
fn is_ours(body: &Value) -> bool {
    let tagged = |context: &Value| keyed(&context["SharedVariables"], "tag") == TAG;
    body["Depth"].as_u64().unwrap_or(1) <= 1 && (tagged(body) || tagged(&body["ParentContext"]))
}

/// Takes a verified message apart. Messages about other organisations or tables say nothing.
///
/// # Errors
/// When the body is not JSON, or names no row.
pub(crate) fn read(incoming: &Incoming, organization: Option<&str>, now: Timestamp) -> Result<Delivery, WebhookError> {
    if incoming.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Delivery { id: hex(digest::digest(&digest::SHA256, now.to_string().as_bytes()).as_ref()), events: Vec::new() });
    }
    let body: Value = serde_json::from_slice(&incoming.body).map_err(|error| malformed(format!("the body is not JSON: {error}")))?;
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let table = text("PrimaryEntityName");
    if table.is_empty() {
        return Err(malformed("there is no `PrimaryEntityName` in it"));
    }
    let step = body["OwningExtension"]["Id"].as_str().unwrap_or_default();
    let id = match text("OperationId") {
        "" => hex(digest::digest(&digest::SHA256, &incoming.body).as_ref()),
        operation => format!("{operation}-{step}"),
    };
    let foreign = organization.is_some_and(|organization| !text("OrganizationId").eq_ignore_ascii_case(organization));
    let Some(kind) = Kind::of_table(table).filter(|_| !foreign && !is_ours(&body)) else {
        return Ok(Delivery { id, events: Vec::new() });
    };
    let row = text("PrimaryEntityId").to_lowercase();
    if !is_id(&row) {
        return Err(malformed(format!("`PrimaryEntityId` names no {table}")));
    }
    // Of a merge, the row that went into this one stands beside it.
    let other = keyed(&body["InputParameters"], "SubordinateId").as_str().map(str::to_lowercase).filter(|other| is_id(other));
    // Mappings may know a task by itself or among activities; an object that none names is passed over.
    let objects = std::iter::once(Object::Table(kind)).chain(kind.is_activity().then_some(Object::Activities));
    let rows: Vec<String> = std::iter::once(row).chain(other).collect();
    let events = objects.flat_map(|object| {
        rows.iter().map(move |row| Event {
            object: object.name().to_owned(),
            id: object.id(kind, row),
            look: None,
            blanks: Blanks::Shown,
            created: false,
            kind: text("MessageName").to_owned(),
        })
    });
    Ok(Delivery { id, events: events.collect() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    const ROW: &str = "5e3a1c02-0a9d-ef11-8a6a-000d3a2f1b01";
    const OTHER: &str = "5e3a1c02-0a9d-ef11-8a6a-000d3a2f1b02";

    fn rows(body: &Value) -> Vec<(String, String)> {
        let incoming = Incoming { headers: BTreeMap::new(), body: body.to_string().into_bytes() };
        let delivery = read(&incoming, Some("org"), Timestamp::UNIX_EPOCH).expect("delivery");
        delivery.events.into_iter().map(|event| (event.object, event.id)).collect()
    }

    fn context(table: &str, more: Value) -> Value {
        let mut body = json!({"PrimaryEntityName": table, "PrimaryEntityId": ROW, "OrganizationId": "ORG", "MessageName": "Update", "Depth": 1, "OperationId": "o"});
        body.as_object_mut().expect("object").extend(more.as_object().cloned().unwrap_or_default());
        body
    }

    #[test]
    fn a_message_names_its_row_and_a_merge_both() {
        assert_eq!(rows(&context("account", json!({}))), [("accounts".to_owned(), ROW.to_owned())]);
        let merge = context("contact", json!({"InputParameters": [{"key": "SubordinateId", "value": OTHER}]}));
        assert_eq!(rows(&merge), [("contacts".to_owned(), ROW.to_owned()), ("contacts".to_owned(), OTHER.to_owned())]);
        let call = rows(&context("phonecall", json!({})));
        assert_eq!(call, [("phonecalls".to_owned(), ROW.to_owned()), ("activities".to_owned(), format!("phonecall-{ROW}"))]);
    }

    #[test]
    fn our_own_writes_say_nothing_but_what_others_did_because_of_them_does() {
        let tag = json!([{"key": "tag", "value": "entente"}]);
        assert!(rows(&context("account", json!({"SharedVariables": tag}))).is_empty());
        assert!(rows(&context("account", json!({"ParentContext": {"SharedVariables": tag}}))).is_empty());
        assert_eq!(rows(&context("account", json!({"Depth": 2, "ParentContext": {"SharedVariables": tag}}))).len(), 1);
    }

    #[test]
    fn what_is_not_ours_says_nothing_and_what_is_broken_says_so() {
        assert!(rows(&context("account", json!({"OrganizationId": "another"}))).is_empty());
        assert!(rows(&context("new_ticket", json!({}))).is_empty());
        for broken in ["{}", "x", r#"{"PrimaryEntityName":"account","PrimaryEntityId":"1"}"#] {
            let incoming = Incoming { headers: BTreeMap::new(), body: broken.as_bytes().to_vec() };
            assert!(matches!(read(&incoming, None, Timestamp::UNIX_EPOCH), Err(WebhookError::Malformed { .. })), "{broken}");
        }
    }
}
