//! Alerts and channels over the API.

use std::sync::Arc;

use entente_connect::transport::http::HttpWire;
use entente_engine::alerts::raise::{end, raise};
use entente_engine::alerts::{AlertKind, Signal};
use entente_engine::notify::{Notifier, NotifierSettings};
use entente_sims::receivers::SlackWorkspace;
use entente_store::Severity;

use super::*;

fn signal() -> Signal {
    Signal {
        kind: AlertKind::SchemaChange,
        subject: "salesforce/Account".to_owned(),
        severity: Severity::Warning,
        title: "A field was removed".to_owned(),
        body: "Industry__c is gone; its mapping is paused.".to_owned(),
    }
}

#[tokio::test]
async fn alerts_are_listed_while_they_are_open_and_afterwards_when_all_are_asked_for() {
    let server = server().await;
    let now = server.app.engine.now();
    let store = server.app.engine.store();
    store.write(move |tx| raise(tx, &signal(), now)).await.unwrap();
    let (status, page) = server.get("/api/v1/alerts").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let alert = &page["items"][0];
    assert_eq!((&alert["kind"], &alert["severity"], &alert["state"]), (&json!("schema_change"), &json!("warning"), &json!("open")));
    assert_eq!(alert["messages"], json!([{ "kind": "alert", "state": "pending", "attempts": 0, "error": null }]));
    let request = http::Request::get("/metrics").header("host", LISTEN).body(Body::empty()).unwrap();
    let (_, _, metrics) = server.send(request).await;
    assert!(metrics.contains("sync_alerts_open{kind=\"schema_change\",severity=\"warning\"} 1"), "{metrics}");

    store.write(move |tx| end(tx, AlertKind::SchemaChange, "salesforce/Account", now)).await.unwrap();
    assert_eq!(server.get("/api/v1/alerts").await.1["items"], json!([]));
    let (_, all) = server.get("/api/v1/alerts?state=all&limit=1").await;
    assert_eq!((&all["items"][0]["state"], &all["next"]), (&json!("over"), &all["items"][0]["id"]), "{all}");
    let (status, refused) = server.get("/api/v1/alerts?state=shut").await;
    assert_eq!((status, &refused["error"]["remedy"]), (StatusCode::BAD_REQUEST, &json!("use open or all")), "{refused}");
}

#[tokio::test]
async fn a_channel_is_tried_and_its_address_is_never_shown() {
    let mut server = server().await;
    let slack = SlackWorkspace::start().await.unwrap();
    let settings = NotifierSettings { slack: Some(Secret::new(slack.address.clone())), ..NotifierSettings::default() };
    let notifier = Notifier::new(settings, Arc::new(HttpWire::new(None).unwrap())).unwrap();
    server.app = server.app.with_notifier(notifier);
    server.router = router(server.app.clone());
    let (_, channels) = server.get("/api/v1/alerts/channels").await;
    assert_eq!(channels, json!([{ "name": "slack", "kind": "slack", "audiences": ["ops", "compliance"] }]));
    let (status, tried) = server.post("/api/v1/alerts/channels/slack/test", json!({})).await;
    assert_eq!((status, &tried[0]["taken"]), (StatusCode::OK, &json!(true)), "{tried}");
    assert_eq!((slack.texts(), slack.wrong()), (vec!["Test message of Entente".to_owned()], Vec::new()));
    slack.refuse(404, "no_service");
    let (_, refused) = server.post("/api/v1/alerts/channels/slack/test", json!({})).await;
    assert_eq!(refused[0]["taken"], false);
    assert!(refused[0]["words"].as_str().unwrap().contains("no_service") && !refused.to_string().contains("XXXX"), "{refused}");
    for stranger in ["pager", "somebody@elsewhere.example"] {
        assert_eq!(server.post(&format!("/api/v1/alerts/channels/{stranger}/test"), json!({})).await.0, StatusCode::NOT_FOUND);
    }
}
