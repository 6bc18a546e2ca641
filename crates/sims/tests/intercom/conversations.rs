//! Conversations: what is said, what is done, and what their moments tell.

use serde_json::{Value, json};

use super::workspace::Workspace;

#[tokio::test]
async fn a_conversation_goes_from_its_first_word_to_its_end_and_on() {
    let workspace = Workspace::open();
    let ann = workspace.contact("ann@acme.example").await;
    let id = workspace.conversation(&ann, "Help & hurry").await;
    let (path, us) = (format!("/conversations/{id}"), workspace.us());
    let seen = workspace.get(&path).await.ok();
    assert_eq!(
        (&seen["source"]["body"], &seen["state"], &seen["priority"]),
        (&json!("<p>Help &amp; hurry</p>"), &json!("open"), &json!("none"))
    );
    assert_eq!(workspace.get(&format!("{path}?display_as=plaintext")).await.ok()["source"]["body"], "Help & hurry");
    workspace.pass(120_000);
    let reply = json!({"message_type": "comment", "type": "admin", "admin_id": us, "body": "On my way"});
    let replied = workspace.post(&format!("{path}/reply"), reply).await.ok();
    assert_eq!(replied["statistics"]["time_to_admin_reply"], 120);
    let note = json!({"message_type": "note", "type": "admin", "admin_id": us, "body": "Old customer"});
    workspace.post(&format!("{path}/reply"), note).await.ok();
    let close = json!({"message_type": "close", "type": "admin", "admin_id": us});
    let closed = workspace.post(&format!("{path}/parts"), close).await.ok();
    assert_eq!(
        (&closed["state"], &closed["open"], &closed["statistics"]["time_to_first_close"]),
        (&json!("closed"), &json!(false), &json!(120))
    );
    let again = json!({"message_type": "comment", "type": "user", "email": "ann@acme.example", "body": "Still smoking"});
    let again = workspace.post(&format!("{path}/reply"), again).await.ok();
    let parts: Vec<&str> = again["conversation_parts"]["conversation_parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["part_type"].as_str().unwrap())
        .collect();
    assert_eq!((parts, &again["state"]), (vec!["comment", "note", "close", "open"], &json!("open")));
    let listed = workspace.get("/conversations").await.ok();
    assert!(listed["type"] == "conversation.list" && listed["conversations"][0]["conversation_parts"].is_null());
    for wrong in
        [json!({"message_type": "assignment", "admin_id": us, "assignee_id": "77"}), json!({"message_type": "close", "admin_id": "77"})]
    {
        assert_eq!(workspace.post(&format!("{path}/parts"), wrong).await.status, 404);
    }
}

#[tokio::test]
async fn a_view_shows_the_newest_five_hundred_parts() {
    let workspace = Workspace::open();
    let ann = workspace.contact("ann@acme.example").await;
    let id = workspace.conversation(&ann, "Help").await;
    for at in 0..501 {
        workspace.sim.say(&id, &format!("word {at}"), &ann, false).unwrap();
    }
    let parts = workspace.get(&format!("/conversations/{id}")).await.ok()["conversation_parts"].clone();
    assert_eq!((parts["conversation_parts"].as_array().unwrap().len(), &parts["total_count"]), (500, &json!(501)));
    assert_eq!(parts["conversation_parts"][0]["body"], "<p>word 1</p>");
}

#[tokio::test]
async fn priorities_depend_on_the_version_and_deletions_are_listed_by_the_newest() {
    let workspace = Workspace::open();
    let ann = workspace.contact("ann@acme.example").await;
    let id = workspace.conversation(&ann, "Help").await;
    workspace.put(&format!("/conversations/{id}"), json!({"priority": "high"})).await.ok();
    for (version, priority) in [("2.15", "priority"), ("2.16", "high")] {
        let seen = workspace.call_as("intercom-token", version, "GET", &format!("/conversations/{id}"), Value::Null).await.ok();
        assert_eq!(seen["priority"], priority);
    }
    assert_eq!(workspace.delete(&format!("/conversations/{id}")).await.ok(), json!({"id": id, "object": "conversation", "deleted": true}));
    let deleted = workspace.get("/conversations/deleted").await.ok();
    assert_eq!((&deleted["conversations"][0]["id"], &deleted["conversations"][0]["metrics_retained"]), (&json!(id), &json!(false)));
    assert_eq!(workspace.get(&format!("/conversations/{id}")).await.refusal(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn opinions_merges_and_redactions_are_kept() {
    let workspace = Workspace::open();
    let ann = workspace.contact("ann@acme.example").await;
    let (first, second) = (workspace.conversation(&ann, "One").await, workspace.conversation(&ann, "Two").await);
    workspace.sim.rate(&first, 4, "Fine").unwrap();
    let rating = workspace.get(&format!("/conversations/{first}")).await.ok()["conversation_rating"].clone();
    assert_eq!((&rating["rating"], &rating["remark"], &rating["contact"]["id"]), (&json!(4), &json!("Fine"), &json!(ann)));
    let redacted =
        workspace.post("/conversations/redact", json!({"type": "source", "conversation_id": first, "source_id": "x"})).await.ok();
    assert!(redacted["source"]["redacted"] == true && !redacted["source"]["body"].to_string().contains("One"));
    let into = json!({"merge_into_conversation_id": first});
    let merged = workspace.post(&format!("/conversations/{second}/merge"), into.clone()).await.ok();
    assert_eq!(merged["conversation_parts"]["conversation_parts"][0]["part_type"], "merged_primary_conversation");
    assert_eq!(workspace.post(&format!("/conversations/{first}/merge"), into).await.refusal(), (422, "merge_failed".to_owned()));
    let sent =
        json!({"message_type": "inapp", "body": "Hi", "from": {"type": "admin", "id": workspace.us()}, "to": {"type": "user", "id": ann}});
    assert_eq!(workspace.post("/messages", sent).await.ok()["type"], "admin_message");
    assert_eq!(workspace.get("/conversations").await.ok()["total_count"], 1, "a message makes no conversation by itself");
}

#[tokio::test]
async fn attributes_of_conversations_are_where_their_version_has_them() {
    let workspace = Workspace::open();
    let call =
        async |version: &str, method: &str, path: &str, body: Value| workspace.call_as("intercom-token", version, method, path, body).await;
    let list = json!({"name": "mood", "data_type": "list", "options": [{"label": "good"}]});
    assert_eq!(call("2.14", "POST", "/conversations/attributes", list.clone()).await.status, 404, "a conversation of that id, as it seems");
    let made = call("2.16", "POST", "/conversations/attributes", list).await.ok();
    assert_eq!((&made["type"], &made["data_type"]), (&json!("conversation_attribute"), &json!("list")));
    let options = format!("/conversations/attributes/{}/options", made["id"]);
    let grown = call("2.16", "POST", &options, json!({"label": "bad"})).await.ok();
    assert_eq!(grown["options"].as_array().unwrap().len(), 2);
    assert_eq!(call("2.16", "POST", &options, json!({"label": "bad"})).await.status, 400, "there already");
    let poem = json!({"name": "x", "data_type": "float"});
    assert_eq!(call("2.16", "POST", "/conversations/attributes", poem).await.refusal(), (422, "parameter_invalid".to_owned()));
    let renamed = format!("{options}/{}", grown["options"][1]["id"].as_str().unwrap());
    assert_eq!(call("2.16", "PUT", &renamed, json!({"label": "grim"})).await.ok()["options"][1]["label"], "grim");
    // The older version has them among the others, the newer one does not.
    let older = call("2.14", "GET", "/data_attributes?model=conversation", Value::Null).await.ok();
    assert_eq!((&older["data"][0]["name"], &older["data"][0]["options"][1]["value"]), (&json!("mood"), &json!("grim")));
    assert_eq!(call("2.16", "GET", "/data_attributes?model=conversation", Value::Null).await.status, 422);
    // What is archived is shown no more.
    call("2.16", "DELETE", &format!("/conversations/attributes/{}", made["id"]), Value::Null).await.ok();
    assert_eq!(call("2.16", "GET", "/conversations/attributes", Value::Null).await.ok()["data"], json!([]));
}
