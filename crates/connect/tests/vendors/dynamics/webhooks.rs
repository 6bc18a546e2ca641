//! Webhooks: registered steps, their proof, and echoes that say nothing.

use std::collections::BTreeMap;

use entente_connect::webhook::{Incoming, Subscribed, WebhookError};
use entente_model::clock::Clock;
use entente_sims::mailroom::Delivery;
use serde_json::json;

use crate::dynamics::company::Company;
use crate::stage::rows::{create, update};

const HUB: &str = "https://hub.example/webhooks/dynamics";

fn objects() -> Vec<String> {
    ["accounts", "contacts", "activities"].map(str::to_owned).to_vec()
}

fn incoming(delivery: &Delivery) -> Incoming {
    let headers: BTreeMap<String, String> = delivery.headers.iter().cloned().collect();
    Incoming { headers, body: delivery.body.clone() }
}

#[tokio::test]
async fn steps_are_made_once_and_messages_are_hints() {
    let company = Company::open();
    assert_eq!(company.crm.subscribed(HUB, &objects()).await.unwrap(), Subscribed::No);
    company.crm.subscribe(HUB, &objects()).await.unwrap().unwrap();
    assert_eq!(company.crm.subscribed(HUB, &objects()).await.unwrap(), Subscribed::Yes);
    let steps = company.sim.count("sdkmessageprocessingsteps");
    assert_eq!(steps, 2 * 4 + 5 * 3);
    company.crm.subscribe(HUB, &objects()).await.unwrap();
    assert_eq!((company.sim.count("sdkmessageprocessingsteps"), company.sim.count("serviceendpoints")), (steps, 1));
    let first = company.plant("contacts", json!({"lastname": "Berg"}));
    let second = company.plant("contacts", json!({"lastname": "Berg"}));
    company.plant("phonecalls", json!({"subject": "Call"}));
    company.plant("leads", json!({"subject": "Nobody watches"}));
    company.sim.merge("contacts", &second, &first, &company.person()).unwrap();
    company.sim.delete("contacts", &first, &company.person()).unwrap();
    let letters = company.mail.take_due();
    let mut told = Vec::new();
    for letter in &letters {
        let delivery = company.crm.open(&incoming(letter), "", company.hands.now()).unwrap();
        told.extend(delivery.events.into_iter().map(|event| (event.kind, event.object, event.id)));
    }
    let has = |kind: &str, object: &str, id: &str| told.iter().any(|event| event.0 == kind && event.1 == object && event.2 == id);
    assert!(has("Create", "contacts", &first) && has("Delete", "contacts", &first), "{told:?}");
    assert!(has("Merge", "contacts", &first) && has("Merge", "contacts", &second), "{told:?}");
    assert!(told.iter().any(|event| event.1 == "activities" && event.2.starts_with("phonecall-")));
    assert!(!told.iter().any(|event| event.1 == "leads"));
}

#[tokio::test]
async fn our_own_writes_are_known_by_their_tag() {
    let company = Company::open();
    company.crm.subscribe(HUB, &objects()).await.unwrap();
    let made = company.write("accounts", &[create("acc_1", json!({"name": "Acme"}))]).await.remove(0).unwrap();
    company.write("accounts", &[update(&made.id, json!({"telephone1": "1"}))]).await.remove(0).unwrap();
    let many: Vec<_> = (2..30).map(|n| create(&format!("acc_{n}"), json!({"name": "Company"}))).collect();
    company.write("accounts", &many).await;
    let ours = company.mail.take_due();
    assert_eq!(ours.len(), 2 + 28);
    for letter in &ours {
        assert!(company.crm.open(&incoming(letter), "", company.hands.now()).unwrap().events.is_empty());
    }
    company.edit("accounts", &made.id, json!({"name": "Acme Ltd"}));
    let theirs = company.mail.take_due().remove(0);
    assert_eq!(company.crm.open(&incoming(&theirs), "", company.hands.now()).unwrap().events.len(), 1);
}

#[tokio::test]
async fn a_message_without_the_secret_is_refused_and_a_large_one_is_still_a_hint() {
    let company = Company::open();
    company.crm.subscribe(HUB, &objects()).await.unwrap();
    let id = company.plant("annotations", json!({"notetext": "x".repeat(90_000), "documentbody": "y".repeat(200_000)}));
    let letter = company.mail.take_due().remove(0);
    assert!(letter.headers.iter().any(|(name, _)| name == "x-ms-dynamics-msg-size-exceeded"));
    let known = incoming(&letter);
    let delivery = company.crm.open(&known, "", company.hands.now()).unwrap();
    assert!(delivery.events.iter().any(|event| event.object == "activities" && event.id == format!("annotation-{id}")));
    for header in [None, Some("0".repeat(64))] {
        let mut forged = known.clone();
        forged.headers.remove("x-entente-token");
        forged.headers.extend(header.map(|value| ("x-entente-token".to_owned(), value)));
        let refused = company.crm.open(&forged, "", company.hands.now()).unwrap_err();
        assert!(matches!(&refused, WebhookError::Unverified { remedy, .. } if remedy.contains("provision")), "{refused}");
    }
}
