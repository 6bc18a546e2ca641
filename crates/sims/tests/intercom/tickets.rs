//! Tickets: their two numbers, their states, and the conversation that each one is as well.

use entente_sims::intercom::Kind;
use serde_json::{Value, json};

use super::workspace::Workspace;

#[tokio::test]
async fn a_ticket_has_an_id_for_the_api_and_a_number_for_people() {
    let workspace = Workspace::open();
    let ann = workspace.contact("ann@acme.example").await;
    let ty = workspace.sim.ticket_types()[0].0.clone();
    let body = json!({"ticket_type_id": ty, "contacts": [{"id": ann}], "ticket_attributes": {"_default_title_": "No ink & paper"}});
    let made = workspace.post("/tickets", body).await.ok();
    assert_eq!((&made["ticket_id"], &made["category"]), (&json!("1"), &json!("Customer")));
    assert_eq!(made["ticket_attributes"]["_default_title_"], "No ink &amp; paper");
    let id = made["id"].as_str().unwrap();
    assert_eq!(workspace.get("/tickets/1").await.refusal(), (404, "ticket_not_found".to_owned()), "the number is no id");
    assert_eq!(workspace.get(&format!("/conversations/{id}")).await.ok()["ticket"]["id"], json!(id));
    let moved = workspace.put(&format!("/tickets/{id}"), json!({"ticket_state_id": "8484"})).await.ok();
    assert_eq!(
        (&moved["ticket_state"]["category"], &moved["open"], &moved["previous_ticket_state_id"]),
        (&json!("resolved"), &json!(false), &json!("8481"))
    );
    let part = &moved["ticket_parts"]["ticket_parts"][1];
    assert_eq!((&part["previous_ticket_state"], &part["ticket_state"]), (&json!("submitted"), &json!("resolved")));
    let old = workspace.call_as("intercom-token", "2.11", "GET", &format!("/tickets/{id}"), Value::Null).await.ok();
    assert_eq!(old["ticket_state"], "resolved", "a text with labels beside it");
    let part = workspace
        .post(&format!("/tickets/{id}/reply"), json!({"message_type": "note", "type": "admin", "admin_id": workspace.us(), "body": "x"}))
        .await
        .ok();
    assert_eq!((&part["type"], &part["part_type"]), (&json!("ticket_part"), &json!("note")));
}

#[tokio::test]
async fn what_a_ticket_needs_is_named_and_an_address_makes_its_contact() {
    let workspace = Workspace::open();
    let ty = workspace.sim.ticket_types()[1].0.clone();
    for (body, status, code) in [
        (json!({"contacts": [{"id": "x"}]}), 400, "parameter_not_found"),
        (json!({"ticket_type_id": ty}), 400, "parameter_not_found"),
        (json!({"ticket_type_id": ty, "contacts": [{"id": "x"}]}), 404, "not_found"),
        (
            json!({"ticket_type_id": ty, "contacts": [{"email": "new@acme.example"}], "ticket_attributes": {"mood": 1}}),
            400,
            "parameter_invalid",
        ),
        (json!({"ticket_type_id": ty, "contacts": [{"email": "new@acme.example"}], "company_id": "x"}), 404, "company_not_found"),
    ] {
        assert_eq!(workspace.post("/tickets", body).await.refusal(), (status, code.to_owned()));
    }
    assert!(workspace.sim.rows(Kind::Contact).is_empty(), "nothing was made before all was checked");
    let made = workspace.post("/tickets", json!({"ticket_type_id": ty, "contacts": [{"email": "new@acme.example"}]})).await.ok();
    assert_eq!((workspace.sim.rows(Kind::Contact).len(), &made["category"]), (1, &json!("Back-office")));
    let id = made["id"].as_str().unwrap();
    let wrong = workspace.put(&format!("/tickets/{id}"), json!({"ticket_state_id": "1"})).await;
    assert_eq!(wrong.refusal(), (400, "ticket_state_id_invalid".to_owned()));
    assert_eq!(workspace.delete(&format!("/tickets/{id}")).await.ok(), json!({"id": id, "object": "ticket", "deleted": true}));
}

#[tokio::test]
async fn a_queued_ticket_is_told_of_by_a_job_and_a_conversation_becomes_one() {
    let workspace = Workspace::open();
    let ann = workspace.contact("ann@acme.example").await;
    let ty = workspace.sim.ticket_types()[0].0.clone();
    let job = workspace.post("/tickets/enqueue", json!({"ticket_type_id": ty, "contacts": [{"id": ann}]})).await.ok();
    assert_eq!((&job["status"], &job["resource_type"]), (&json!("pending"), &json!("ticket")));
    let done = workspace.get(&format!("/jobs/status/{}", job["id"].as_str().unwrap())).await.ok();
    assert_eq!((&done["status"], &done["resource_id"]), (&json!("success"), &job["resource_id"]));
    assert_eq!(workspace.get("/jobs/status/1").await.refusal(), (404, "job_not_found".to_owned()));
    let id = workspace.conversation(&ann, "Help").await;
    let ticket = workspace.post(&format!("/conversations/{id}/convert"), json!({"ticket_type_id": ty})).await.ok();
    assert_eq!((&ticket["id"], &ticket["ticket_id"]), (&json!(id), &json!("2")));
    let ty = workspace.post("/ticket_types", json!({"name": "Own", "category": "Tracker"})).await.ok();
    let path = format!("/ticket_types/{}/attributes", ty["id"].as_str().unwrap());
    let attribute = json!({"name": "size", "description": "", "data_type": "integer"});
    assert_eq!(workspace.post(&path, attribute.clone()).await.ok()["default"], false);
    assert_eq!(workspace.post(&path, attribute).await.status, 400, "twice");
}
