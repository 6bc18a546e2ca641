use std::sync::{Arc, Mutex};

use entente_sims::hubspot::{Action, v1, v3};
use serde_json::{Value, json};

use crate::portal::{Portal, map};

const URL: &str = "https://hub.example/hooks/hubspot";

fn events(body: &[u8]) -> Vec<Value> {
    serde_json::from_slice::<Value>(body).unwrap().as_array().unwrap().clone()
}

#[tokio::test]
async fn events_come_in_batches_signed_when_they_leave() {
    let portal = Portal::open();
    portal.sim.subscribe(URL, &["contact.creation", "contact.propertyChange:email", "object.creation:0-46"]).unwrap();
    let rows: Vec<Value> = (0..60).map(|n| json!({"properties": {"email": format!("{n}@example.com"), "firstname": "A"}})).collect();
    portal.post("/crm/v3/objects/contacts/batch/create", json!({"inputs": rows})).await.ok();
    portal.pass(9_000);
    let mail = portal.mail.take_due();
    let sizes: Vec<usize> = mail.iter().map(|letter| events(&letter.body).len()).collect();
    assert_eq!(sizes, [99, 21], "sixty creations and sixty addresses");
    let header = |name: &str| mail[0].headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
    assert_eq!(header("x-hubspot-signature"), v1("hubspot-secret", &mail[0].body));
    let stamp: i64 = header("x-hubspot-request-timestamp").parse().unwrap();
    assert_eq!(stamp, crate::portal::START_MS + 9_000);
    assert_eq!(header("x-hubspot-signature-v3"), v3("hubspot-secret", "POST", URL, &mail[0].body, stamp));
    let first = &events(&mail[0].body)[0];
    assert_eq!((first["subscriptionType"].as_str(), first["changeSource"].as_str()), (Some("contact.creation"), Some("INTEGRATION")));

    let mut again = mail[1].clone();
    again.attempt = 1;
    portal.mail.retry(again, 60_000);
    portal.pass(60_000);
    let repeated = &portal.mail.take_due()[0];
    assert!(events(&repeated.body).iter().all(|event| event["attemptNumber"] == 1));
    assert!(repeated.headers.iter().any(|(_, value)| *value == v1("hubspot-secret", &repeated.body)));
}

#[tokio::test]
async fn merges_deletions_and_associations_are_told() {
    let portal = Portal::open();
    let names = ["contact.merge", "contact.deletion", "contact.privacyDeletion", "contact.associationChange", "company.associationChange"];
    portal.sim.subscribe(URL, &names).unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| portal.plant("contacts", json!({"email": format!("{name}@example.com")})));
    let company = portal.plant("companies", json!({"name": "One"}));
    portal.sim.associate(("contacts", &a), ("companies", &company), true, portal.person()).unwrap();
    portal.sim.merge("contacts", &a, &b, portal.person()).unwrap();
    portal.sim.archive("contacts", &a, portal.person()).unwrap();
    portal.sim.erase(&c, portal.person()).unwrap();
    let told: Vec<Value> = portal.mail.take_due().iter().flat_map(|letter| events(&letter.body)).collect();
    let kinds: Vec<&str> = told.iter().map(|event| event["subscriptionType"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "contact.associationChange",
            "company.associationChange",
            "contact.merge",
            "contact.deletion",
            "contact.privacyDeletion",
            "contact.deletion"
        ]
    );
    assert_eq!(told[0]["associationType"], "CONTACT_TO_COMPANY");
    assert_eq!(told[2]["mergedObjectIds"], json!([b.parse::<u64>().unwrap()]));
    assert_eq!(told[2]["newObjectId"], json!(a.parse::<u64>().unwrap()));
}

#[tokio::test]
async fn the_developers_key_opens_the_settings_only() {
    let portal = Portal::open();
    let with_key = |path: &str| format!("/webhooks/v3/1160452/{path}?hapikey=hubspot-developer");
    let bare = async |method: &str, path: &str, body: Value| portal.call_as("none", method, &with_key(path), body).await;
    assert_eq!(bare("PUT", "settings", json!({"targetUrl": URL})).await.ok()["targetUrl"], URL);
    let made = bare("POST", "subscriptions", json!({"eventType": "deal.creation", "active": true})).await;
    assert_eq!(made.status, 201);
    let nameless = bare("POST", "subscriptions", json!({"eventType": "deal.propertyChange", "active": true})).await;
    assert_eq!(nameless.status, 400);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(bare("PATCH", &format!("subscriptions/{id}"), json!({"active": false})).await.ok()["active"], false);
    assert_eq!(portal.get("/webhooks/v3/1160452/settings").await.status, 404, "tokens do not");
    let elsewhere = portal.call_as("none", "GET", "/crm/v3/objects/contacts?hapikey=hubspot-developer", Value::Null).await;
    assert_eq!(elsewhere.status, 403);
}

#[tokio::test]
async fn listeners_hear_what_was_committed() {
    let portal = Portal::open();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    portal.sim.on_write(Box::new(move |notice| ear.lock().unwrap().push((notice.action, notice.changed.clone()))));
    let id = portal.make("contacts", json!({"email": "a@example.com"})).await;
    portal.sim.update("contacts", &id, &map(json!({"firstname": "Ada"})), portal.person()).unwrap();
    portal.sim.update("contacts", &id, &map(json!({"firstname": "Ada"})), portal.person()).unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 2, "what changes nothing is no write");
    assert_eq!(heard[1], (Action::Updated, map(json!({"firstname": "Ada"}))));
}
