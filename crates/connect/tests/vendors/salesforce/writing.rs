//! Writes, row by row.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::write::{Write, WriteKind, WriteTarget};
use serde_json::{Value, json};

use super::org::{direct, id, refused, said};

fn target() -> WriteTarget {
    WriteTarget { object: "Contact".to_owned(), key_field: "Entente_Id__c".to_owned() }
}

fn write(kind: WriteKind, n: u32, row: Value) -> Write {
    let id = (kind != WriteKind::Create).then(|| id(n));
    Write { kind, key: format!("con_{n}"), id, row: row.as_object().unwrap().clone(), expect: None }
}

fn failed(code: &str, message: &str) -> Value {
    json!({"success": false, "errors": [{"statusCode": code, "message": message, "fields": []}]})
}

#[tokio::test]
async fn creations_are_upserts_by_our_key_and_fail_one_by_one() {
    let scene = direct();
    scene.script(|seen| {
        if !seen.is("PATCH", "/composite/sobjects/Contact/Entente_Id__c") {
            return None;
        }
        let body = seen.json();
        assert_eq!(body["allOrNone"], false);
        assert_eq!(
            body["records"][0],
            json!({"attributes": {"type": "Contact"}, "LastName": "Lovelace", "HasOptedOutOfEmail": false, "Entente_Id__c": "con_1"})
        );
        said(
            200,
            json!([
                {"id": id(1), "success": true, "errors": [], "created": true},
                {"id": id(2), "success": true, "errors": [], "created": false},
                failed("DUPLICATE_VALUE", &format!("duplicate value found: Email duplicates value on record with id: {}", &id(9)[..15])),
                {"success": false, "errors": [{"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [LastName]", "fields": ["LastName"]}]},
                {"success": false, "errors": [{"statusCode": "DUPLICATES_DETECTED", "message": "Use one of these records?", "fields": [],
                    "duplicateResut": {"allowSave": true, "matchResults": [{"matchRecords": [{"record": {"Id": id(8)}}]}]}}]}
            ]),
        )
    });
    let writes: Vec<Write> =
        (1..=5).map(|n| write(WriteKind::Create, n, json!({"LastName": "Lovelace", "HasOptedOutOfEmail": null}))).collect();
    let outcomes = scene.crm.write(&target(), &writes, Priority::Urgent).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().created, Some(true));
    assert_eq!(outcomes[1].as_ref().unwrap().created, Some(false));
    let taken = outcomes[2].as_ref().unwrap_err();
    assert_eq!(taken.class, Class::LookAgain);
    assert!(taken.message.contains(&id(9)), "{}", taken.message);
    let missing = outcomes[3].as_ref().unwrap_err();
    assert_eq!((missing.class, missing.field.as_deref()), (Class::Data, Some("LastName")));
    let similar = outcomes[4].as_ref().unwrap_err();
    assert_eq!(similar.class, Class::LookAgain);
    assert!(similar.message.contains(&id(8)), "{}", similar.message);
}

#[tokio::test]
async fn a_locked_row_is_tried_once_more_alone() {
    let scene = direct();
    let mut attempt = 0;
    scene.script(move |seen| {
        if !seen.is("PATCH", "/composite/sobjects") {
            return None;
        }
        attempt += 1;
        let records = seen.json()["records"].as_array().unwrap().len();
        if attempt == 1 {
            assert_eq!(records, 3);
            let locked = failed("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record");
            return said(200, json!([{"id": id(1), "success": true, "errors": []}, locked, failed("STRING_TOO_LONG", "too long")]));
        }
        assert_eq!((attempt, records), (2, 1));
        said(200, json!([{"id": id(2), "success": true, "errors": []}]))
    });
    let writes: Vec<Write> = (1..=3).map(|n| write(WriteKind::Update, n, json!({"LastName": "Lovelace"}))).collect();
    let outcomes = scene.crm.write(&target(), &writes, Priority::Update).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().id, id(1));
    assert_eq!(outcomes[1].as_ref().unwrap().id, id(2));
    assert_eq!(outcomes[2].as_ref().unwrap_err().class, Class::Data);
}

#[tokio::test]
async fn a_single_update_minds_who_was_faster() {
    let scene = direct();
    scene.script(|seen| {
        if !seen.is("PATCH", &format!("/sobjects/Contact/{}", id(1))) {
            return None;
        }
        assert_eq!(seen.headers["if-unmodified-since"], "Thu, 01 Jan 2026 12:00:01 GMT");
        assert_eq!(seen.json(), json!({"LastName": "Lovelace"}));
        Some(Ok(super::org::Said { status: 412, headers: Vec::new(), body: String::new() }))
    });
    let mut update = write(WriteKind::Update, 1, json!({"LastName": "Lovelace"}));
    update.expect = Some("2026-01-01T12:00:01Z".to_owned());
    let outcomes = scene.crm.write(&target(), &[update], Priority::Update).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap_err().class, Class::LookAgain);
}

/// Takes every collection that a composite call carries, and calls that carry one alone.
fn takes_all(seen: &super::org::Seen) -> Option<Result<super::org::Said, entente_connect::transport::wire::WireError>> {
    let taken = |body: &Value| -> Value {
        body["records"].as_array().unwrap().iter().map(|row| json!({"id": row["id"], "success": true, "errors": []})).collect()
    };
    if seen.is("PATCH", "/composite/sobjects") {
        return said(200, taken(&seen.json()));
    }
    if !seen.is("POST", "/composite") {
        return None;
    }
    let parts = seen.json()["compositeRequest"].as_array().unwrap().clone();
    let answers: Vec<Value> = parts
        .iter()
        .map(|part| json!({"referenceId": part["referenceId"], "httpStatusCode": 200, "httpHeaders": {}, "body": taken(&part["body"])}))
        .collect();
    said(200, json!({"compositeResponse": answers}))
}

/// An update of as many contacts, from contact `from` on, that is asked for after others had their turn so often.
async fn updating(scene: &super::org::Scene, turns: usize, from: u32, many: u32, priority: Priority) -> usize {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
    let writes: Vec<Write> = (from..from + many).map(|n| write(WriteKind::Update, n, json!({"LastName": "Lovelace"}))).collect();
    let outcomes = scene.crm.write(&target(), &writes, priority).await.unwrap();
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

#[tokio::test]
async fn background_writes_of_several_batches_share_a_call() {
    let scene = direct();
    scene.script(takes_all);
    assert_eq!(updating(&scene, 0, 1, 1, Priority::Update).await, 1, "the org is known from here on");
    let landed = tokio::join!(updating(&scene, 0, 10, 12, Priority::Backfill), updating(&scene, 2, 30, 15, Priority::Backfill));
    assert_eq!(landed, (12, 15));
    let composites = scene.calls("POST", "/composite");
    assert_eq!(composites.len(), 1, "the second batch came a moment later");
    assert_eq!(scene.calls("PATCH", "/composite/sobjects").len(), 1, "the first write of all");
}

#[tokio::test]
async fn background_writes_leave_with_what_must_not_wait() {
    let scene = direct();
    scene.script(takes_all);
    assert_eq!(updating(&scene, 0, 1, 1, Priority::Update).await, 1, "the org is known from here on");
    let began = scene.hands.now_ms();
    let landed = tokio::join!(updating(&scene, 0, 10, 12, Priority::Backfill), updating(&scene, 1, 30, 15, Priority::Update));
    assert_eq!(landed, (12, 15));
    assert_eq!((scene.calls("POST", "/composite").len(), scene.hands.now_ms()), (1, began), "nobody waited");
}

#[tokio::test]
async fn deletions_go_together_and_a_second_one_looks_again() {
    let scene = direct();
    scene.script(|seen| {
        if !seen.is("DELETE", "/composite/sobjects") {
            return None;
        }
        assert_eq!((seen.query["ids"].as_str(), seen.query["allOrNone"].as_str()), (format!("{},{}", id(1), id(2)).as_str(), "false"));
        said(200, json!([{"id": id(1), "success": true, "errors": []}, failed("ENTITY_IS_DELETED", "entity is deleted")]))
    });
    let writes = [write(WriteKind::Delete, 1, json!({})), write(WriteKind::Delete, 2, json!({}))];
    let outcomes = scene.crm.write(&target(), &writes, Priority::Update).await.unwrap();
    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[1].as_ref().unwrap_err().class, Class::LookAgain);
}

#[tokio::test]
async fn a_call_that_fails_speaks_for_no_row() {
    let scene = direct();
    scene.script(|seen| seen.is("PATCH", "/composite/sobjects").then(|| refused(503, "SERVER_UNAVAILABLE", "try again")).flatten());
    let writes: Vec<Write> = (1..=2).map(|n| write(WriteKind::Update, n, json!({"LastName": "Lovelace"}))).collect();
    let error = scene.crm.write(&target(), &writes, Priority::Update).await.unwrap_err();
    assert_eq!((error.class, error.status), (Class::Retry, 503));
}
