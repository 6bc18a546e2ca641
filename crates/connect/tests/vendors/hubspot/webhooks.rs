//! Webhooks as the portal sends them.

use std::collections::BTreeMap;

use entente_connect::settings::Secret;
use entente_connect::webhook::{Incoming, WebhookError};
use entente_sims::hubspot::{v1, v2, v3};
use entente_sims::mailroom::Delivery;
use serde_json::json;

use super::portal::{Portal, oauth, settings};

const URL: &str = "https://hub.example/hooks/hubspot";

/// A delivery as it arrives behind a proxy that ends TLS.
fn arrived(letter: &Delivery) -> Incoming {
    let mut headers: BTreeMap<String, String> = letter.headers.iter().cloned().collect();
    headers.insert("host".to_owned(), "127.0.0.1:8080".to_owned());
    headers.insert("x-forwarded-host".to_owned(), "hub.example".to_owned());
    headers.insert("x-forwarded-proto".to_owned(), "https".to_owned());
    Incoming { headers, body: letter.body.clone() }
}

fn told(portal: &Portal) -> Vec<Incoming> {
    portal.mail.take_due().iter().map(arrived).collect()
}

fn refusal(portal: &Portal, incoming: &Incoming) -> String {
    match portal.crm.open(incoming, "", portal.time()) {
        Err(WebhookError::Unverified { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn events_are_hints_about_rows() {
    let portal = Portal::open();
    let names = ["contact.creation", "contact.propertyChange:email", "contact.deletion", "contact.merge", "contact.associationChange"];
    portal.sim.subscribe(URL, &names).unwrap();
    let [a, b] = ["a", "b"].map(|name| portal.plant("contacts", json!({"email": format!("{name}@example.com")})));
    let company = portal.plant("companies", json!({"name": "One"}));
    portal.sim.associate(("contacts", &a), ("companies", &company), true, portal.person()).unwrap();
    portal.sim.merge("contacts", &a, &b, portal.person()).unwrap();
    portal.sim.archive("contacts", &a, portal.person()).unwrap();
    let mut rows = Vec::new();
    for incoming in told(&portal) {
        let delivery = portal.crm.open(&incoming, "", portal.time()).unwrap();
        assert!(delivery.events.iter().all(|event| event.look.is_none()));
        rows.extend(delivery.events.into_iter().map(|event| (event.object, event.id)));
    }
    for expected in [("contacts", &a), ("contacts", &b), ("companies", &company)] {
        assert!(rows.contains(&(expected.0.to_owned(), expected.1.clone())), "{expected:?} in {rows:?}");
    }
}

#[tokio::test]
async fn what_is_not_signed_by_the_app_is_refused() {
    let portal = Portal::open();
    portal.sim.subscribe(URL, &["contact.creation"]).unwrap();
    portal.plant("contacts", json!({"email": "a@example.com"}));
    let good = told(&portal).remove(0);
    portal.crm.open(&good, "", portal.time()).unwrap();

    let mut tampered = good.clone();
    tampered.body[10] ^= 1;
    assert_eq!(refusal(&portal, &tampered), "the signature does not match");
    let mut elsewhere = good.clone();
    elsewhere.headers.insert("x-forwarded-host".to_owned(), "other.example".to_owned());
    assert_eq!(refusal(&portal, &elsewhere), "the signature does not match", "it was signed for another address");
    let mut downgraded = good.clone();
    downgraded.headers.insert("x-hubspot-signature-v3".to_owned(), "AAAA".to_owned());
    assert_eq!(refusal(&portal, &downgraded), "the signature does not match", "a good v1 does not make up for a bad v3");
    let bare = Incoming { headers: BTreeMap::new(), body: good.body.clone() };
    assert_eq!(refusal(&portal, &bare), "the signature headers are missing");
    portal.pass(301);
    assert_eq!(refusal(&portal, &good), "the signature is older than 5 minutes");
}

#[tokio::test]
async fn older_signatures_hold_as_well_but_not_for_ever() {
    let portal = Portal::open();
    let now = portal.time().as_millisecond();
    let body = json!([{"eventId": 1, "portalId": 62515, "occurredAt": now, "subscriptionType": "deal.creation", "objectId": 5}])
        .to_string()
        .into_bytes();
    let sent = |version: &str, signature: String| {
        let headers = [("host", "hub.example"), ("x-hubspot-signature-version", version), ("x-hubspot-signature", signature.as_str())];
        Incoming { headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(), body: body.clone() }
    };
    let first = sent("v1", v1("hubspot-secret", &body));
    let second = sent("v2", v2("hubspot-secret", "POST", URL, &body));
    for incoming in [&first, &second] {
        assert_eq!(portal.crm.open(incoming, "", portal.time()).unwrap().events[0].object, "deals");
    }
    assert_eq!(refusal(&portal, &sent("v1", v1("wrong", &body))), "the signature does not match");
    assert_eq!(
        refusal(&portal, &sent("v2", v2("hubspot-secret", "POST", "https://hub.example/other", &body))),
        "the signature does not match"
    );
    portal.pass(26 * 3_600);
    assert_eq!(refusal(&portal, &first), "its events are older than a day");
}

#[tokio::test]
async fn an_address_that_a_proxy_changes_is_taken_from_the_settings() {
    let mut settings = settings(oauth());
    settings.webhooks.address = Some("https://crm.example.com/in/hubspot?tenant=1".parse().unwrap());
    settings.webhooks.signing_secret = Secret::new("another-app");
    settings.webhooks.path_secret = Secret::new("a-secret-path");
    let portal = Portal::with(settings, |_| {});
    let stamp = portal.time().as_millisecond();
    let signature = v3("another-app", "POST", "https://crm.example.com/in/hubspot?tenant=1", b"[]", stamp);
    let headers = [("x-hubspot-signature-v3", signature), ("x-hubspot-request-timestamp", stamp.to_string())];
    let incoming = Incoming { headers: headers.map(|(name, value)| (name.to_owned(), value)).into(), body: b"[]".to_vec() };
    assert!(portal.crm.open(&incoming, "a-secret-path", portal.time()).unwrap().events.is_empty());
    let error = portal.crm.open(&incoming, "guess", portal.time()).unwrap_err();
    assert!(matches!(error, WebhookError::Unverified { .. }));
}

#[tokio::test]
async fn a_repeated_delivery_has_its_first_id_and_events_of_others_are_passed_over() {
    let portal = Portal::open();
    portal.sim.subscribe(URL, &["contact.creation"]).unwrap();
    portal.plant("contacts", json!({"email": "a@example.com"}));
    let mut letter = portal.mail.take_due().remove(0);
    let first = portal.crm.open(&arrived(&letter), "", portal.time()).unwrap();
    letter.attempt = 1;
    portal.mail.retry(letter, 60_000);
    portal.pass(60);
    let again = portal.crm.open(&told(&portal)[0], "", portal.time()).unwrap();
    assert_eq!(first.id, again.id);

    let mut settings = settings(oauth());
    settings.webhooks.organization = Some("7".to_owned());
    let other = Portal::with(settings, |_| {});
    other.sim.subscribe(URL, &["contact.creation"]).unwrap();
    other.plant("contacts", json!({"email": "a@example.com"}));
    assert!(other.crm.open(&told(&other)[0], "", other.time()).unwrap().events.is_empty());
}

#[tokio::test]
async fn subscribing_says_what_to_set_and_no_secret() {
    let mut settings = settings(oauth());
    settings.webhooks.path_secret = Secret::new("a-secret-path");
    let portal = Portal::with(settings, |_| {});
    let error = portal.crm.subscribe("https://hub.example/hooks/hubspot/a-secret-path", &["contacts".to_owned()]).await.unwrap_err();
    assert!(error.message.contains("target URL") && !error.message.contains("a-secret-path"), "{error}");
}
