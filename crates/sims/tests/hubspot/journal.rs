use serde_json::{Value, json};

use crate::portal::{Portal, Reply};

const SCOPES: &str =
    "developer.webhooks_journal.read developer.webhooks_journal.subscriptions.read developer.webhooks_journal.subscriptions.write";

/// A token of the app itself.
async fn app(portal: &Portal) -> String {
    let fields =
        [("grant_type", "client_credentials"), ("client_id", "hubspot-client"), ("client_secret", "hubspot-secret"), ("scope", SCOPES)];
    let token = portal.form("/oauth/2026-03/token", &fields).await.ok();
    assert!(token.get("refresh_token").is_none() && token["token_use"] == "client_credentials");
    token["access_token"].as_str().unwrap().to_owned()
}

async fn subscribe(portal: &Portal, token: &str, body: Value) -> Reply {
    portal.call_as(token, "POST", "/webhooks-journal/subscriptions/2026-03", body).await
}

async fn next(portal: &Portal, token: &str, tail: &str) -> Reply {
    portal.call_as(token, "GET", &format!("/webhooks-journal/journal/2026-03/{tail}"), Value::Null).await
}

/// What the file behind a link says.
async fn file(portal: &Portal, entry: &Value) -> Value {
    let url = entry["url"].as_str().unwrap();
    let path = url.strip_prefix("http://api.sim").unwrap_or(url);
    let request = http::Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
    portal.send(request).await.ok()
}

fn contacts(actions: Value) -> Value {
    json!({"subscriptionType": "OBJECT", "portalId": 62515, "objectTypeId": "0-1", "actions": actions, "properties": ["firstname"]})
}

#[tokio::test]
async fn what_was_asked_for_stands_in_files_that_follow_each_other() {
    let portal = Portal::open();
    let token = app(&portal).await;
    assert_eq!(next(&portal, &token, "earliest").await.status, 204, "nothing was written yet");
    subscribe(&portal, &token, contacts(json!(["CREATE", "UPDATE"]))).await.ok();
    let id = portal.make("contacts", json!({"email": "a@example.com", "firstname": "Ada"})).await;
    assert_eq!(next(&portal, &token, "latest").await.status, 204, "it takes a moment until it is published");
    portal.pass(1_000);
    let first = next(&portal, &token, "earliest").await.ok();
    let written = file(&portal, &first).await;
    assert_eq!(
        (written["offset"].clone(), written["journalEvents"][0]["action"].clone()),
        (first["currentOffset"].clone(), json!("CREATE"))
    );
    assert_eq!(written["journalEvents"][0]["objectId"].to_string(), id);
    portal.call("PATCH", &format!("/crm/v3/objects/contacts/{id}"), json!({"properties": {"lastname": "L"}})).await.ok();
    portal.call("PATCH", &format!("/crm/v3/objects/contacts/{id}"), json!({"properties": {"firstname": "Eve"}})).await.ok();
    portal.call("DELETE", &format!("/crm/v3/objects/contacts/{id}"), Value::Null).await.ok();
    portal.pass(1_000);
    let offset = first["currentOffset"].as_str().unwrap();
    let second = next(&portal, &token, &format!("offset/{offset}/next")).await.ok();
    let events = file(&portal, &second).await["journalEvents"].clone();
    assert_eq!(
        (events.as_array().unwrap().len(), events[0]["propertyChanges"].clone()),
        (1, json!({"firstname": "Eve"})),
        "others were not asked for"
    );
    let tip = second["currentOffset"].as_str().unwrap();
    assert_eq!(next(&portal, &token, &format!("offset/{tip}/next")).await.status, 204);
    let batch = next(&portal, &token, "batch/earliest/10").await.ok();
    assert_eq!(batch["results"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn offsets_last_three_days_and_links_five_minutes() {
    let portal = Portal::open();
    let token = app(&portal).await;
    subscribe(&portal, &token, contacts(json!(["CREATE"]))).await.ok();
    portal.make("contacts", json!({"email": "a@example.com"})).await;
    portal.pass(1_000);
    let entry = next(&portal, &token, "latest").await.ok();
    portal.pass(5 * 60 * 1_000 + 1);
    let url = entry["url"].as_str().unwrap().strip_prefix("http://api.sim").unwrap().to_owned();
    assert_eq!(portal.send(http::Request::builder().uri(&url).body(axum::body::Body::empty()).unwrap()).await.status, 403);
    portal.pass(3 * 24 * 3_600 * 1_000);
    let token = app(&portal).await;
    let offset = entry["currentOffset"].as_str().unwrap();
    assert_eq!(next(&portal, &token, &format!("offset/{offset}/next")).await.status, 404);
}

#[tokio::test]
async fn the_journal_is_the_app_s_and_not_the_account_s() {
    let portal = Portal::open();
    let token = app(&portal).await;
    assert_eq!(portal.call_as(&token, "GET", "/crm/v3/objects/contacts", Value::Null).await.status, 401);
    assert_eq!(next(&portal, &portal.token, "latest").await.status, 403);
    let strange = [
        ("grant_type", "client_credentials"),
        ("client_id", "hubspot-client"),
        ("client_secret", "hubspot-secret"),
        ("scope", "crm.magic"),
    ];
    assert_eq!(portal.form("/oauth/v3/token", &strange).await.status, 400);
    let other = json!({"subscriptionType": "OBJECT", "portalId": 7, "objectTypeId": "0-1", "actions": ["CREATE"]});
    assert_eq!(subscribe(&portal, &token, other).await.status, 403);
}

#[tokio::test]
async fn a_subscription_that_is_asked_for_again_is_changed() {
    let portal = Portal::open();
    let token = app(&portal).await;
    let first = subscribe(&portal, &token, contacts(json!(["CREATE"]))).await.ok();
    let again = subscribe(&portal, &token, contacts(json!(["CREATE", "DELETE"]))).await.ok();
    assert_eq!(first["id"], again["id"]);
    let listed = portal.call_as(&token, "GET", "/webhooks-journal/subscriptions/2026-03", Value::Null).await.ok();
    assert_eq!((listed["results"].as_array().unwrap().len(), listed["results"][0]["actions"].clone()), (1, json!(["CREATE", "DELETE"])));
    let id = first["id"].to_string();
    portal.call_as(&token, "DELETE", &format!("/webhooks-journal/subscriptions/2026-03/{id}"), Value::Null).await.ok();
    portal.make("contacts", json!({"email": "a@example.com"})).await;
    portal.pass(1_000);
    assert_eq!(next(&portal, &token, "latest").await.status, 204);
}
