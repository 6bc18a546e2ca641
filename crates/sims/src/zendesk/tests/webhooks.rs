use std::sync::Mutex;

use serde_json::{Value, json};

use super::*;
use crate::mailroom::Heard;
use crate::zendesk::{FieldSpec, Kind, sign};

fn body(delivery: &Delivery) -> Value {
    serde_json::from_slice(&delivery.body).unwrap()
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> &'a str {
    &delivery.headers.iter().find(|(held, _)| held == name).unwrap().1
}

fn types(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| body(delivery)["type"].as_str().unwrap().trim_start_matches("zen:event-type:").to_owned()).collect()
}

#[tokio::test]
async fn a_change_is_told_signed_and_pretty() {
    let world = World::new(Profile::instant());
    let (id, secret) =
        world.sim.subscribe("http://there/in", &["zen:event-type:user.created", "zen:event-type:user.name_changed"]).unwrap();
    let eve = world.sim.create_user(&fields(json!({"name": "Eve", "external_id": "E1"})), world.person()).unwrap();
    world.sim.update_user(eve, &fields(json!({"name": "Eva", "phone": "+1 555 0100"})), world.person()).unwrap();
    let sent = world.webhooks();
    assert_eq!(types(&sent), ["user.created", "user.name_changed"]);
    let told = &sent[1];
    let stamp = header(told, "X-Zendesk-Webhook-Signature-Timestamp");
    assert_eq!(header(told, "X-Zendesk-Webhook-Signature"), sign(&secret, stamp, &told.body));
    assert_eq!(header(told, "X-Zendesk-Webhook-Id"), id);
    assert_eq!(header(told, "X-Zendesk-Webhook-Invocation-Id").len(), 26);
    let text = String::from_utf8(told.body.clone()).unwrap();
    assert!(text.starts_with("{\n   \"account_id\": 18525119,\n   \"detail\": {\n      \"created_at\"") && text.ends_with("}\n"), "{text}");
    let event = body(told);
    assert_eq!(event["event"], json!({"current": "Eva", "previous": "Eve"}));
    assert_eq!(event["subject"], format!("zen:user:{eve}"));
    assert_eq!(
        event["detail"],
        json!({
            "created_at": "2026-01-05T10:00:00Z", "default_group_id": "0", "email": "", "external_id": "E1", "id": eve.to_string(),
            "organization_id": "0", "role": "end-user", "updated_at": "2026-01-05T10:00:00Z",
        })
    );
}

#[tokio::test]
async fn every_kind_of_change_has_its_event_or_none() {
    let world = World::new(Profile::instant());
    let names = [
        "custom_field_changed",
        "identity_created",
        "identity_changed",
        "tags_changed",
        "deleted",
        "merged",
        "organization_membership_created",
    ];
    let mut wanted: Vec<String> = names.iter().map(|name| format!("zen:event-type:user.{name}")).collect();
    wanted
        .extend(["organization.created", "organization.name_changed", "organization.deleted"].map(|name| format!("zen:event-type:{name}")));
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    world.sim.subscribe("http://there/in", &wanted).unwrap();
    world.sim.add_field(Kind::User, FieldSpec::new("plan", "text")).unwrap();
    let by = world.person();
    let acme = world.sim.create_organization(&fields(json!({"name": "Acme"})), by).unwrap();
    let eve = world.sim.create_user(&fields(json!({"name": "Eve", "email": "eve@x.example"})), by).unwrap();
    let eva = world.sim.create_user(&fields(json!({"name": "Eva"})), by).unwrap();
    world.webhooks();
    world
        .sim
        .update_user(eve, &fields(json!({"user_fields": {"plan": "gold"}, "phone": "1", "organization_id": acme, "tags": ["vip"]})), by)
        .unwrap();
    let sent = world.webhooks();
    assert_eq!(types(&sent), ["user.tags_changed", "user.custom_field_changed", "user.organization_membership_created"]);
    let field = &body(&sent[1])["event"];
    assert_eq!((&field["field"]["key"], &field["current"], &field["previous"]), (&json!("plan"), &json!("gold"), &Value::Null));
    world.sim.set_primary_email(eve, "eve2@x.example", by).unwrap();
    assert_eq!(types(&world.webhooks()), ["user.identity_created", "user.identity_changed"]);
    world.sim.update_organization(acme, &fields(json!({"name": "Acme Ltd", "notes": "n"})), by).unwrap();
    world.sim.merge_users(eve, eva, by).unwrap();
    world.sim.delete_user(eva, by).unwrap();
    world.sim.delete_organization(acme, by).unwrap();
    let told = types(&world.webhooks());
    assert_eq!(
        told.iter()
            .filter(|ty| ["organization.name_changed", "user.merged", "user.deleted", "organization.deleted"].contains(&ty.as_str()))
            .count(),
        4,
        "{told:?}"
    );
}

#[tokio::test]
async fn ticket_events_name_the_actor() {
    let world = World::new(Profile::instant());
    let names = ["ticket.created", "ticket.status_changed", "ticket.comment_added", "ticket.tags_changed", "ticket.soft_deleted"];
    let wanted: Vec<String> = names.iter().map(|name| format!("zen:event-type:{name}")).collect();
    world.sim.subscribe("http://there/in", &wanted.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let by = world.person();
    let ticket = world.sim.create_ticket(&fields(json!({"subject": "s", "comment": {"body": "b"}, "type": "incident"})), by).unwrap();
    world.webhooks();
    let change = fields(json!({"status": "solved", "additional_tags": ["x"], "comment": {"body": "done", "public": true}}));
    world.sim.update_ticket(ticket, &change, by).unwrap();
    let sent = world.webhooks();
    assert_eq!(types(&sent), ["ticket.status_changed", "ticket.tags_changed", "ticket.comment_added"]);
    let told = body(&sent[0]);
    assert_eq!((&told["event"]["current"], &told["event"]["previous"]), (&json!("SOLVED"), &json!("NEW")));
    assert_eq!((&told["detail"]["actor_id"], &told["detail"]["type"]), (&json!(by.to_string()), &json!("INCIDENT")));
    assert_eq!(body(&sent[1])["event"]["tags_added"], json!(["x"]));
    assert_eq!(body(&sent[2])["event"]["comment"]["author"]["is_staff"], true);
    world.sim.delete_ticket(ticket, by).unwrap();
    assert_eq!(types(&world.webhooks()), ["ticket.soft_deleted"]);
}

#[tokio::test]
async fn webhooks_are_made_changed_tested_and_looked_into() {
    let world = World::new(Profile::instant());
    let mixed = json!({"webhook": {"name": "w", "endpoint": "http://there/in", "http_method": "POST", "request_format": "json",
        "subscriptions": ["conditional_ticket_events", "zen:event-type:user.created"]}});
    assert_eq!(world.ask("POST", "webhooks", mixed).await.status, 400);
    let made = json!({"webhook": {"name": "w", "endpoint": "http://there/in", "http_method": "POST", "request_format": "json", "status": "active",
        "subscriptions": ["conditional_ticket_events"], "authentication": {"type": "basic_auth", "data": {"username": "u", "password": "p"}, "add_position": "header"}}});
    let made = world.ask("POST", "webhooks", made).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body["webhook"]["authentication"]["data"], json!({"username": "u"}));
    let id = made.body["webhook"]["id"].as_str().unwrap().to_owned();
    let secret = world.get(&format!("webhooks/{id}/signing_secret")).await;
    assert_eq!(secret.body["signing_secret"]["algorithm"], "SHA256");
    let template = json!({"trigger": {"title": "t", "actions": [{"field": "notification_webhook", "value": [id, "{\"t\":{{ticket.id}},\"s\":\"{{ticket.status}}\"}"]}]}});
    assert_eq!(world.ask("POST", "triggers", template).await.status, 201);
    world.sim.create_ticket(&fields(json!({"comment": {"body": "b"}})), world.person()).unwrap();
    let sent = world.webhooks();
    assert_eq!((sent.len(), String::from_utf8_lossy(&sent[0].body).as_ref()), (1, r#"{"t":1,"s":"new"}"#));
    assert_eq!(header(&sent[0], "Authorization"), "Basic dTpw");
    let invocation = header(&sent[0], "X-Zendesk-Webhook-Invocation-Id");
    world.options.mailroom.tell_answer(&sent[0], &Heard { status: Some(200), body: "ok".to_owned(), settled: true });
    let list = world.get(&format!("webhooks/{id}/invocations")).await;
    assert_eq!((&list.body["invocations"][0]["status"], &list.body["invocations"][0]["status_code"]), (&json!("success"), &json!(200)));
    let attempts = world.get(&format!("webhooks/{id}/invocations/{invocation}/attempts")).await;
    assert_eq!(attempts.body["attempts"][0]["response"]["payload"], "ok");
    let rotated = world.ask("POST", &format!("webhooks/{id}/signing_secret"), Value::Null).await;
    assert!(rotated.status == 201 && rotated.body != secret.body);
    world.ask("POST", &format!("webhooks/test?webhook_id={id}"), json!({"request": {"payload": "{}"}})).await;
    assert_eq!(world.webhooks().len(), 1);
    assert_eq!(world.ask("PATCH", &format!("webhooks/{id}"), json!({"webhook": {"status": "inactive"}})).await.status, 204);
    world.sim.create_ticket(&fields(json!({"comment": {"body": "b"}})), world.person()).unwrap();
    assert_eq!(world.webhooks().len(), 0);
    assert_eq!(world.ask("DELETE", &format!("webhooks/{id}"), Value::Null).await.status, 204);
    assert_eq!(world.get("webhooks").await.body["webhooks"], json!([]));
}

#[tokio::test]
async fn listeners_hear_of_every_committed_write_and_who_made_it() {
    let world = World::new(Profile::instant());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (ear, sim) = (heard.clone(), world.sim.clone());
    world.sim.on_write(Box::new(move |notice| {
        // The account may be asked from within a listener.
        assert!(sim.user(notice.id).is_some());
        ear.lock().unwrap().push((notice.changed.clone(), notice.by, notice.at_ms));
    }));
    let by = world.person();
    let eve = world.sim.create_user(&fields(json!({"name": "Eve"})), by).unwrap();
    world.ask("PUT", &format!("users/{eve}"), json!({"user": {"name": "Eve", "notes": "n"}})).await;
    world.ask("PUT", &format!("users/{eve}"), json!({"user": {"notes": "n"}})).await;
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 2);
    assert_eq!((Value::Object(heard[0].0.clone()), heard[0].1), (json!({"name": "Eve"}), by));
    assert_eq!((Value::Object(heard[1].0.clone()), heard[1].1, heard[1].2), (json!({"notes": "n"}), world.sim.agents()[0].id, START_MS));
}
