//! Erasing people: users twice, and the words of their tickets.

use std::sync::{Arc, Mutex};

use entente_connect::connector::{Connector, Priority};
use entente_connect::erase::{Erase, Erased, Manner};
use entente_connect::error::{Class, VendorError};
use entente_connect::look::{Existence, ReadSpec};
use serde_json::{Value, json};

use super::desk::{Said, Seen, desk, ok, said};

async fn erase(
    object: &str,
    manner: Manner,
    blank: Value,
    answer: fn(&Seen) -> Said,
) -> (Result<Erased, VendorError>, Vec<(String, Value)>) {
    let calls: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let log = Arc::clone(&calls);
    let zendesk = desk(move |seen| {
        log.lock().unwrap().push((seen.route(), seen.body.clone()));
        answer(seen)
    });
    let erase = Erase { object: object.to_owned(), id: "7".to_owned(), manner, blank: blank.as_object().cloned().unwrap() };
    let erased = zendesk.zendesk.erase(&erase, Priority::Urgent).await;
    let calls = calls.lock().unwrap().clone();
    (erased, calls)
}

#[tokio::test]
async fn a_user_who_goes_is_deleted_softly_and_then_for_good() {
    let (erased, calls) = erase("user", Manner::Delete, json!({}), |seen| match seen.route().as_str() {
        "DELETE users/7" => ok(json!({"user": {"id": 7, "active": false}})),
        _ => ok(json!({"deleted_user": {"id": 7}})),
    })
    .await;
    assert_eq!(erased.unwrap(), Erased::wholly("deleted for good"));
    assert_eq!(
        calls.iter().map(|(route, _)| route.as_str()).collect::<Vec<_>>(),
        ["GET users/7", "DELETE users/7", "DELETE deleted_users/7"]
    );
    let (erased, _) = erase("user", Manner::Delete, json!({}), |seen| match seen.route().as_str() {
        "GET users/7" | "DELETE users/7" => ok(json!({"user": {"id": 7, "role": "end-user"}})),
        _ => said(403, json!({"error": "Forbidden"})),
    })
    .await;
    assert!(erased.unwrap().left[0].contains("an admin does it"), "what our user may not do is left to one who may");
}

#[tokio::test]
async fn a_user_with_open_tickets_is_a_refusal_and_no_silence() {
    let (erased, _) = erase("user", Manner::Delete, json!({}), |seen| match seen.route().as_str() {
        "GET users/7" => ok(json!({"user": {"id": 7, "role": "end-user"}})),
        _ => said(422, json!({"error": "RecordInvalid", "description": "Record validation errors"})),
    })
    .await;
    assert_eq!(erased.unwrap_err().class, Class::Data);
    let (erased, calls) = erase("user", Manner::Anonymise, json!({}), |_| ok(json!({"user": {"id": 7, "role": "agent"}}))).await;
    assert_eq!((erased.unwrap_err().code.as_str(), calls.len()), ("agent", 1), "whoever works at the desk is not touched");
}

#[tokio::test]
async fn a_user_who_stays_loses_every_address_before_the_name() {
    let blank = json!({"name": "Erased person", "email": null, "phone": null, "tags": [], "user_fields.job_title": null});
    let (erased, calls) = erase("user", Manner::Anonymise, blank, |seen| match seen.route().as_str() {
        "GET users/7/identities" => ok(json!({"identities": [
            {"id": 1, "type": "email", "value": "ada@example.com", "primary": true, "verified": true},
            {"id": 2, "type": "phone_number", "value": "+4930", "primary": true, "verified": true},
        ]})),
        _ => ok(json!({})),
    })
    .await;
    erased.unwrap();
    let routes: Vec<&str> = calls.iter().map(|(route, _)| route.as_str()).collect();
    assert_eq!(
        routes,
        ["GET users/7", "GET users/7/identities", "DELETE users/7/identities/1", "DELETE users/7/identities/2", "PUT users/7"]
    );
    let user = &calls[4].1["user"];
    assert_eq!(
        (&user["name"], &user["phone"], &user["notes"], &user["tags"]),
        (&json!("Erased person"), &Value::Null, &Value::Null, &json!([]))
    );
    assert!(user.get("email").is_none(), "an address is an identity: {user}");
}

#[tokio::test]
async fn every_comment_of_a_ticket_that_stays_is_redacted_and_its_attachments_are_left_to_people() {
    let (erased, calls) =
        erase("ticket", Manner::Anonymise, json!({"subject": "Erased", "description": null}), |seen| match seen.route().as_str() {
            "GET tickets/7/comments" => ok(json!({"comments": [
                {"id": 1, "html_body": "<p>I am Ada</p>", "attachments": []},
                {"id": 2, "html_body": "<p>▇▇▇</p>", "attachments": [{"id": 9}]},
            ], "meta": {"has_more": false}})),
            "PUT tickets/7" => said(422, json!({"error": "RecordInvalid", "description": "Status: closed prevents ticket update"})),
            _ => ok(json!({})),
        })
        .await;
    let left = erased.unwrap().left;
    assert!(left.len() == 2 && left[0].contains("closed") && left[1].contains("attachments"), "{left:?}");
    let redactions: Vec<_> = calls.iter().filter(|(route, _)| route.starts_with("PUT comment_redactions")).collect();
    assert_eq!(redactions.len(), 1, "what is redacted is left alone: {calls:?}");
    assert_eq!(redactions[0].1, json!({"ticket_id": 7, "html_body": "<p><redact>I am Ada</redact></p>"}));
}

#[tokio::test]
async fn a_user_whom_zendesk_erased_is_told_from_one_who_was_deleted() {
    let zendesk = desk(|_| {
        ok(json!({"users": [
            {"id": 7, "active": false, "name": "Permanently Deleted User", "email": null, "updated_at": "2026-01-02T09:00:00Z"},
            {"id": 8, "active": false, "name": "Ada", "email": "ada@example.com", "updated_at": "2026-01-02T09:00:00Z"},
        ]}))
    });
    let read = ReadSpec { object: "user".to_owned(), fields: vec!["name".to_owned()] };
    let looks = zendesk.zendesk.fetch(&read, &["7".to_owned(), "8".to_owned()], Priority::Update).await.unwrap();
    assert_eq!(looks.into_iter().map(|look| look.existence).collect::<Vec<_>>(), [Existence::Erased, Existence::Deleted]);
}
