//! Outbound messages at the door.

use std::collections::BTreeMap;

use entente_connect::connector::Priority;
use entente_connect::webhook::{Blanks, Incoming, WebhookError};
use entente_model::actor::Actor;
use serde_json::json;

use super::org::{contacts, direct, id, said};

fn message(organization: &str) -> Incoming {
    let body = format!(
        r#"<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{organization}</OrganizationId>
<Notification><Id>04l000000000001AAA</Id><sObject xsi:type="sf:Contact" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
<sf:Id>{}</sf:Id><sf:Email>ada@example.com</sf:Email><sf:HasOptedOutOfEmail>true</sf:HasOptedOutOfEmail>
<sf:SystemModstamp>2026-01-01T12:00:05.000Z</sf:SystemModstamp><sf:LastModifiedDate>2026-01-01T12:00:05.000Z</sf:LastModifiedDate>
<sf:LastModifiedById>005000000000009AAA</sf:LastModifiedById></sObject></Notification></notifications></soapenv:Body></soapenv:Envelope>"#,
        id(1)
    );
    Incoming { headers: BTreeMap::new(), body: body.into_bytes() }
}

#[tokio::test]
async fn a_message_shows_what_it_carries() {
    let scene = direct();
    let now = "2026-01-01T12:00:06Z".parse().unwrap();
    let before = scene.crm.open(&message("00D000000000001EAA"), "path-secret", now).unwrap();
    assert_eq!((before.id.as_str(), before.events[0].id.as_str()), ("04l000000000001AAA", id(1).as_str()));
    assert!(before.events[0].look.is_none(), "the types of the fields are not known yet");

    scene.script(|seen| seen.path.ends_with("/query").then(|| said(200, json!({"totalSize": 0, "done": true, "records": []}))).flatten());
    scene.crm.page(&contacts(&["Email"]), None, Priority::Backfill).await.unwrap();
    let delivery = scene.crm.open(&message("00D000000000001EAA"), "path-secret", now).unwrap();
    let look = delivery.events[0].look.as_ref().unwrap();
    assert!(!look.complete);
    assert_eq!(delivery.events[0].blanks, Blanks::LeftOut, "what the message was made to carry is not known");
    assert_eq!((look.row["Email"].as_str(), look.row["HasOptedOutOfEmail"].as_bool()), (Some("ada@example.com"), Some(true)));
    assert_eq!(look.mark.by, Actor::Customer);
    assert_eq!(look.version.as_deref(), Some("2026-01-01T12:00:05Z"));
    assert!(scene.crm.receipt().body.contains("<Ack>true</Ack>"));
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let scene = direct();
    let now = "2026-01-01T12:00:06Z".parse().unwrap();
    let wrong_path = scene.crm.open(&message("00D000000000001EAA"), "path-secreT", now).unwrap_err();
    let wrong_org = scene.crm.open(&message("00D000000000002EAA"), "path-secret", now).unwrap_err();
    for error in [wrong_path, wrong_org] {
        assert!(matches!(error, WebhookError::Unverified { .. }), "{error}");
    }
    let nonsense = Incoming { headers: BTreeMap::new(), body: b"{}".to_vec() };
    assert!(matches!(scene.crm.open(&nonsense, "path-secret", now), Err(WebhookError::Malformed { .. })));
}
