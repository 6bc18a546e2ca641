//! Webhooks: both versions, and tries that are counted.

use entente_sims::pipedrive::Kind;
use serde_json::{Value, json};

use crate::company::Company;

fn hook(version: &str) -> Option<Value> {
    Some(
        json!({"subscription_url": "https://hub.example/x", "event_action": "*", "event_object": "deal", "name": "Hook", "version": version}),
    )
}

#[tokio::test]
async fn the_older_version_of_messages_has_its_own_words() {
    let company = Company::open();
    assert_eq!(company.send("POST", "/v1/webhooks", hook("1.0")).await.status, 201);
    let deal = company.plant(Kind::Deal, json!({"title": "Deal"}));
    company.sim.update(Kind::Deal, &deal, &json!({"value": 5}), company.person()).unwrap();
    let told: Vec<Value> = company.mail.take_due().iter().map(|letter| serde_json::from_slice(&letter.body).unwrap()).collect();
    let words: Vec<(&Value, &Value)> = told.iter().map(|body| (&body["event"], &body["meta"]["id"])).collect();
    assert_eq!(words, [(&json!("added.deal"), &json!(1)), (&json!("updated.deal"), &json!(1))]);
}

#[tokio::test]
async fn a_message_says_how_often_it_was_tried_and_for_what_hand() {
    let company = Company::open();
    company.send("POST", "/v1/webhooks", hook("2.0")).await;
    company.plant(Kind::Deal, json!({"title": "Deal"}));
    let letter = company.mail.take_due().remove(0);
    let again = entente_sims::mailroom::Delivery { attempt: 1, ..letter.clone() };
    company.mail.retry(again, 3_000);
    company.pass(3);
    let again = company.mail.take_due().remove(0);
    let read = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["meta"].clone();
    let (first, second) = (read(&letter.body), read(&again.body));
    assert_eq!((&first["attempt"], &second["attempt"], &first["id"]), (&json!(1), &json!(2), &second["id"]));
    assert_eq!((&first["change_source"], &first["entity_id"]), (&json!("app"), &json!("1")));
}

#[tokio::test]
async fn whoever_removes_the_app_ends_its_tokens_and_has_its_callback_told() {
    let company = Company::open();
    company.sim.register_callback("https://hub.example/callback");
    // Only that one is taken for signing in.
    let page = |back: &str| format!("/oauth/authorize?client_id=pipedrive-client&redirect_uri={back}&state=s");
    assert_eq!(company.get(&page("https://other.example/callback")).await.status, 400);
    assert_eq!(company.get(&page("https://hub.example/callback")).await.status, 302);

    let session = company.sim.session();
    assert_eq!(company.as_app(&session).await, 200);
    company.sim.uninstall();
    assert_eq!(company.as_app(&session).await, 401);
    let letter = company.mail.take_due().remove(0);
    assert_eq!((letter.method.as_str(), letter.url.as_str()), ("DELETE", "https://hub.example/callback"));
    // `pipedrive-client:pipedrive-secret`
    let proof = ("authorization".to_owned(), "Basic cGlwZWRyaXZlLWNsaWVudDpwaXBlZHJpdmUtc2VjcmV0".to_owned());
    assert!(letter.headers.contains(&proof), "{:?}", letter.headers);
    let body: Value = serde_json::from_slice(&letter.body).unwrap();
    assert_eq!((&body["client_id"], &body["company_id"]), (&json!("pipedrive-client"), &json!(15_043_420)), "{body}");
    // Sent again, it says the same.
    company.mail.retry(entente_sims::mailroom::Delivery { attempt: 1, ..letter.clone() }, 0);
    assert_eq!(company.mail.take_due().remove(0).body, letter.body);
}
