//! Schema, fields and subscriptions.

use entente_connect::connector::{Connector, NewField};
use entente_connect::error::Class;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use serde_json::{Value, json};

use super::desk::{SECRET, desk, ok, said, texts};

fn field(name: &str, kind: RemoteKind, values: &[&str]) -> NewField {
    NewField {
        object: "user".to_owned(),
        field: RemoteField { writable: true, values: texts(values), restricted: true, ..RemoteField::new(name, "Plan tier", kind) },
    }
}

#[tokio::test]
async fn an_object_is_described_with_its_custom_fields() {
    let desk = desk(|call| match (call.route().as_str(), call.q("page[after]")) {
        ("GET ticket_fields", "") => ok(json!({
            "ticket_fields": [
                {"id": 1, "type": "subject", "title": "Subject", "active": true, "removable": false},
                {"id": 26_155_630_658_963_u64, "type": "tagger", "title": "Area", "active": true, "custom_field_options": [{"id": 1, "name": "Bill", "value": "bill"}]},
            ],
            "meta": {"has_more": true, "after_cursor": "N"}, "links": {"next": "x"},
        })),
        ("GET ticket_fields", "N") => ok(
            json!({"ticket_fields": [{"id": 8, "type": "date", "title": "Old", "active": false}], "meta": {"has_more": false, "after_cursor": "O"}}),
        ),
        other => panic!("{other:?}"),
    });
    let object = desk.zendesk.describe("ticket").await.unwrap();
    let area = object.field("custom_fields.26155630658963").unwrap();
    assert_eq!((area.label.as_str(), area.kind, area.values.as_slice()), ("Area", RemoteKind::Picklist, texts(&["bill"]).as_slice()));
    assert!(!object.field("metric_set.solved_at").unwrap().writable);
    assert!(object.field("custom_fields.1").is_none() && object.field("custom_fields.8").is_none());
}

#[tokio::test]
async fn a_field_is_created_once_and_then_only_extended() {
    let mut fields: Vec<Value> = Vec::new();
    let desk = desk(move |call| match call.route().as_str() {
        "GET user_fields" => ok(json!({"user_fields": fields, "meta": {"has_more": false}})),
        "POST user_fields" => {
            let mut made = call.body["user_field"].clone();
            assert_eq!((&made["key"], &made["type"]), (&json!("plan_tier"), &json!("dropdown")));
            made["id"] = json!(5);
            fields.push(made.clone());
            said(201, json!({"user_field": made}))
        }
        "PUT user_fields/5" => {
            let options = call.body["user_field"]["custom_field_options"].clone();
            let values: Vec<&str> = options.as_array().unwrap().iter().map(|option| option["value"].as_str().unwrap()).collect();
            assert_eq!(values, ["free", "gold"], "the old choice stays");
            fields[0]["custom_field_options"] = options;
            ok(json!({"user_field": fields[0]}))
        }
        other => panic!("{other}"),
    });
    let name = "user_fields.plan_tier";
    desk.zendesk.create_field(&field(name, RemoteKind::Picklist, &["free"])).await.unwrap();
    desk.zendesk.create_field(&field(name, RemoteKind::Picklist, &["free"])).await.unwrap();
    desk.zendesk.create_field(&field(name, RemoteKind::Picklist, &["gold"])).await.unwrap();
    assert_eq!((desk.count("POST user_fields"), desk.count("PUT user_fields/5")), (1, 1));
    let error = desk.zendesk.create_field(&field(name, RemoteKind::Boolean, &[])).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Configuration, "field_type"));
    desk.zendesk.create_field(&field("external_id", RemoteKind::Text, &[])).await.unwrap();
}

#[tokio::test]
async fn one_webhook_serves_an_address_however_often_it_is_asked_for() {
    let mut webhooks: Vec<Value> =
        vec![json!({"id": "01H0", "endpoint": "https://elsewhere.example", "status": "active", "subscriptions": []})];
    let desk = desk(move |call| match call.route().as_str() {
        "GET webhooks" => ok(json!({"webhooks": webhooks, "meta": {"has_more": false}})),
        "POST webhooks" => {
            let mut made = call.body["webhook"].clone();
            assert_eq!((&made["http_method"], &made["request_format"]), (&json!("POST"), &json!("json")));
            made["id"] = json!("01H1");
            webhooks.push(made.clone());
            said(201, json!({"webhook": made}))
        }
        "PATCH webhooks/01H1" => {
            webhooks[1]["subscriptions"] = call.body["webhook"]["subscriptions"].clone();
            said(204, Value::Null)
        }
        "GET webhooks/01H1/signing_secret" => ok(json!({"signing_secret": {"secret": SECRET, "algorithm": "SHA256"}})),
        other => panic!("{other}"),
    });
    let url = "https://entente.example/hooks/zendesk";
    let secret = desk.zendesk.subscribe(url, &texts(&["user"])).await.unwrap().unwrap();
    assert_eq!(secret.reveal(), SECRET);
    desk.zendesk.subscribe(url, &texts(&["user"])).await.unwrap();
    assert_eq!((desk.count("POST webhooks"), desk.count("PATCH webhooks/01H1")), (1, 0));
    desk.zendesk.subscribe(url, &texts(&["user", "ticket"])).await.unwrap();
    desk.zendesk.subscribe(url, &texts(&["organization"])).await.unwrap();
    desk.zendesk.subscribe(url, &texts(&["ticket"])).await.unwrap();
    assert_eq!((desk.count("POST webhooks"), desk.count("PATCH webhooks/01H1")), (1, 2));
}
