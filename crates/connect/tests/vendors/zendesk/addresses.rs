//! Addresses of users: each is an identity, and one of them is the primary one.

use entente_connect::connector::{Connector, Priority};
use entente_connect::error::Class;
use entente_connect::look::ReadSpec;
use serde_json::{Value, json};

use super::desk::{Said, Seen, desk, ok, said, user};
use super::written::{landed, target, update};

/// A user with one primary address, whose identities can be added to and promoted.
fn post_office(call: &Seen, identities: &mut Vec<Value>) -> Option<Said> {
    let promote = |identities: &mut Vec<Value>, id: u64| {
        for identity in identities.iter_mut() {
            identity["primary"] = json!(identity["id"] == id);
        }
    };
    match call.route().as_str() {
        "GET users/7/identities" => Some(ok(json!({"identities": identities}))),
        "POST users/7/identities" => {
            let given = &call.body["identity"];
            assert_eq!((&given["verified"], &given["primary"]), (&json!(true), &json!(true)));
            if identities.iter().any(|identity| identity["value"] == given["value"]) {
                let taken = json!({"value": [{"description": "Email: is already being used by another user", "error": "DuplicateValue"}]});
                return Some(said(422, json!({"error": "RecordInvalid", "details": taken})));
            }
            identities.push(json!({"id": 71, "type": "email", "value": given["value"], "primary": true, "verified": true}));
            promote(identities, 71);
            Some(ok(json!({"identity": identities.last()})))
        }
        "PUT users/7/identities/69/make_primary" => {
            promote(identities, 69);
            Some(ok(json!({"identities": identities})))
        }
        _ => None,
    }
}

#[tokio::test]
async fn a_new_address_becomes_the_primary_one_and_the_old_one_stays() {
    let mut identities = vec![json!({"id": 70, "type": "email", "value": "old@example.com", "primary": true, "verified": true})];
    let desk = desk(move |call| {
        if let Some(said) = post_office(call, &mut identities) {
            return said;
        }
        assert_eq!(call.route(), "PUT users/7");
        assert_eq!(call.body, json!({"user": {"name": "Ada"}}), "the address is not in the write, which would only add a secondary one");
        let mut row = user(7, "Ada");
        row["email"] = identities.iter().find(|identity| identity["primary"] == true).unwrap()["value"].clone();
        ok(json!({"user": row}))
    });
    let writes = [update("7", json!({"name": "Ada", "email": "new@example.com"}))];
    let outcomes = desk.zendesk.write(&target("user"), &writes, Priority::Update).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().look.as_ref().unwrap().row["email"], "new@example.com");
    assert_eq!(desk.calls.lock().unwrap().len(), 2, "one call for the address, one for the rest");
    // The same write again finds the address in place.
    desk.zendesk.write(&target("user"), &writes, Priority::Update).await.unwrap()[0].as_ref().unwrap();
    assert_eq!(desk.count("GET users/7/identities"), 1);
}

#[tokio::test]
async fn a_secondary_address_of_the_user_is_made_the_primary_one() {
    let mut identities = vec![
        json!({"id": 69, "type": "email", "value": "second@example.com", "primary": false, "verified": true}),
        json!({"id": 70, "type": "email", "value": "old@example.com", "primary": true, "verified": true}),
    ];
    let desk = desk(move |call| post_office(call, &mut identities).unwrap_or_else(|| panic!("{}", call.route())));
    let writes = [update("7", json!({"email": "second@example.com"}))];
    desk.zendesk.write(&target("user"), &writes, Priority::Update).await.unwrap()[0].as_ref().unwrap();
    assert_eq!(desk.count("PUT users/7/identities/69/make_primary"), 1);
}

#[tokio::test]
async fn a_secondary_address_that_an_export_has_shown_is_made_the_primary_one_without_asking() {
    let desk = desk(|call| match call.route().as_str() {
        "GET users/count" => ok(json!({"count": {"value": 1, "refreshed_at": "2026-01-02T00:00:00Z"}})),
        "GET incremental/users/cursor" => {
            assert_eq!(call.q("include"), "identities");
            let identities = json!([
                {"id": 69, "user_id": 7, "type": "email", "value": "second@example.com", "primary": false, "verified": true},
                {"id": 70, "user_id": 7, "type": "email", "value": "ada@example.com", "primary": true, "verified": true},
            ]);
            ok(json!({"users": [user(7, "Ada")], "identities": identities, "after_cursor": "A", "end_of_stream": true}))
        }
        "PUT users/7/identities/69/make_primary" => ok(json!({"identities": []})),
        other => panic!("{other}"),
    });
    let read = ReadSpec { object: "user".to_owned(), fields: vec!["name".to_owned(), "email".to_owned()] };
    desk.zendesk.page(&read, None, Priority::Backfill).await.unwrap();
    let writes = [update("7", json!({"email": "Second@example.com"}))];
    desk.zendesk.write(&target("user"), &writes, Priority::Backfill).await.unwrap()[0].as_ref().unwrap();
    assert_eq!(desk.count("PUT users/7/identities/69/make_primary"), 1);
}

#[tokio::test]
async fn a_secondary_address_that_has_vanished_since_is_added_anew() {
    let mut identities = vec![json!({"id": 70, "type": "email", "value": "old@example.com", "primary": true, "verified": true})];
    let desk = desk(move |call| match call.route().as_str() {
        "GET users/count" => ok(json!({"count": {"value": 1, "refreshed_at": "2026-01-02T00:00:00Z"}})),
        "GET incremental/users/cursor" => {
            let gone =
                json!([{"id": 68, "user_id": 7, "type": "email", "value": "second@example.com", "primary": false, "verified": true}]);
            ok(json!({"users": [user(7, "Ada")], "identities": gone, "after_cursor": "A", "end_of_stream": true}))
        }
        "PUT users/7/identities/68/make_primary" => said(404, json!({"error": "RecordNotFound", "description": "Not found"})),
        other => post_office(call, &mut identities).unwrap_or_else(|| panic!("{other}")),
    });
    let read = ReadSpec { object: "user".to_owned(), fields: vec!["email".to_owned()] };
    desk.zendesk.page(&read, None, Priority::Backfill).await.unwrap();
    let writes = [update("7", json!({"email": "second@example.com"}))];
    desk.zendesk.write(&target("user"), &writes, Priority::Backfill).await.unwrap()[0].as_ref().unwrap();
    assert_eq!((desk.count("POST users/7/identities"), desk.count("GET users/7/identities")), (1, 0));
}

#[tokio::test]
async fn an_address_of_somebody_else_is_a_reason_to_look_again() {
    let desk = desk(|call| match call.route().as_str() {
        "GET users/7/identities" => ok(json!({"identities": []})),
        "POST users/7/identities" => said(
            422,
            json!({"error": "RecordInvalid", "details": {"value": [{"description": "Email: x@y.z is already being used by another user", "error": "DuplicateValue"}]}}),
        ),
        "PUT users/8" => ok(json!({"user": user(8, "Bob")})),
        other => panic!("{other}"),
    });
    let writes = [update("7", json!({"email": "x@y.z"})), update("8", json!({"name": "Bob"}))];
    let outcomes = desk.zendesk.write(&target("user"), &writes, Priority::Update).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap_err().class, Class::LookAgain);
    assert_eq!(landed(&outcomes[1]).0, "8");
}
