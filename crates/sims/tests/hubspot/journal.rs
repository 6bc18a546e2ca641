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

#[tokio::test]
async fn whoever_comes_into_a_list_or_leaves_it_is_written_down_for_those_who_asked_for_the_list() {
    let portal = Portal::open();
    let token = app(&portal).await;
    let list = |name: &str, more: Value| {
        let mut body = json!({"name": name, "objectTypeId": "0-1"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let filter = json!({"filterType": "PROPERTY", "property": "city", "operation": {"operator": "IS_EQUAL_TO", "values": ["Berlin"]}});
    let branch = json!({"filterBranchType": "AND", "filters": [filter]});
    let mut ids = Vec::new();
    for body in [
        list("Partners", json!({"processingType": "MANUAL"})),
        list("Berliners", json!({"processingType": "DYNAMIC", "filterBranch": branch})),
        list("Press", json!({"processingType": "MANUAL"})),
    ] {
        let made = portal.call("POST", "/crm/v3/lists", body).await.ok();
        ids.push(made["list"]["listId"].as_str().unwrap().to_owned());
    }
    let named: Vec<u64> = ids[..2].iter().map(|id| id.parse().unwrap()).collect();
    let wanted = json!({"subscriptionType": "LIST_MEMBERSHIP", "portalId": 62515, "actions": ["ADDED_TO_LIST", "REMOVED_FROM_LIST"], "listIds": named});
    let shown = subscribe(&portal, &token, wanted).await.ok();
    assert_eq!(shown["listIds"], json!(named));
    let id = portal.make("contacts", json!({"email": "a@example.com", "city": "Berlin"})).await;
    for list in [&ids[0], &ids[2]] {
        portal.call("PUT", &format!("/crm/v3/lists/{list}/memberships/add"), json!([id])).await.ok();
    }
    portal.call("PATCH", &format!("/crm/v3/objects/contacts/{id}"), json!({"properties": {"city": "Bonn"}})).await.ok();
    portal.pass(1_000);
    let entry = next(&portal, &token, "latest").await.ok();
    let events = file(&portal, &entry).await["journalEvents"].clone();
    let told: Vec<(Value, Value)> =
        events.as_array().unwrap().iter().map(|event| (event["action"].clone(), event["listId"].clone())).collect();
    let [partners, berliners] = [named[0], named[1]];
    assert_eq!(
        told,
        [
            (json!("ADDED_TO_LIST"), json!(berliners)),
            (json!("ADDED_TO_LIST"), json!(partners)),
            (json!("REMOVED_FROM_LIST"), json!(berliners))
        ]
    );
}

#[tokio::test]
async fn a_snapshot_comes_into_the_journal_whatever_was_subscribed_to() {
    let portal = Portal::open();
    let token = app(&portal).await;
    let id = portal.make("contacts", json!({"email": "a@example.com", "firstname": "Ada"})).await;
    let of = |id: u64| json!({"portalId": 62515, "objectTypeId": "0-1", "objectId": id, "properties": ["firstname", "lastname"]});
    let wanted = json!({"snapshotRequests": [of(id.parse().unwrap()), of(7)]});
    let asked = portal.call_as(&token, "POST", "/webhooks-journal/snapshots/2026-03/crm", wanted).await.ok();
    let mut states = Vec::new();
    for one in asked["snapshotResponses"].as_array().unwrap() {
        let path = format!("/webhooks-journal/snapshots/2026-03/crm/status/{}", one["snapshotStatusId"].as_str().unwrap());
        states.push(portal.call_as(&token, "GET", &path, Value::Null).await.ok()["status"].clone());
    }
    assert_eq!(states, [json!("SUCCESS"), json!("FAILED")]);
    portal.pass(1_000);
    let entry = next(&portal, &token, "latest").await.ok();
    let event = file(&portal, &entry).await["journalEvents"][0].clone();
    assert_eq!((&event["action"], &event["propertyChanges"]), (&json!("SNAPSHOT"), &json!({"firstname": "Ada", "lastname": null})));
    let elsewhere = json!({"snapshotRequests": [{"portalId": 7, "objectTypeId": "0-1", "objectId": 1, "properties": []}]});
    assert_eq!(portal.call_as(&token, "POST", "/webhooks-journal/snapshots/2026-03/crm", elsewhere).await.status, 403);
}
