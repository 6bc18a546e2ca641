//! Who we are, and staying it.

use std::sync::{Arc, Mutex};

use entente_connect::connector::{Connector, Priority};
use entente_connect::error::Class;
use entente_connect::look::ReadSpec;
use entente_connect::settings::{Auth, Secret};
use serde_json::{Value, json};

use super::desk::{desk, desk_with, ok, said, texts, user};

#[tokio::test]
async fn an_anonymous_answer_is_no_sign_in() {
    let desk = desk(|_| ok(json!({"user": {"id": null, "email": "invalid@example.com", "role": "end-user"}})));
    let error = desk.zendesk.check().await.unwrap_err();
    assert_eq!(error.class, Class::Reauthenticate);
}

#[tokio::test]
async fn a_check_says_who_we_are_and_that_tokens_end() {
    let desk = desk(|call| {
        // base64 of admin@acme.example/token:t0ken-of-acme
        assert_eq!(call.authorization, "Basic YWRtaW5AYWNtZS5leGFtcGxlL3Rva2VuOnQwa2VuLW9mLWFjbWU=");
        ok(json!({"user": {"id": 900, "email": "admin@acme.example", "role": "admin"}}))
    });
    let identity = desk.zendesk.check().await.unwrap();
    assert_eq!((identity.user_id.as_str(), identity.organization.as_str()), ("900", "acme"));
    assert!(identity.user.contains("2027-04-30"), "{}", identity.user);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_used_for_the_next_refresh() {
    let valid: Arc<Mutex<(u32, u32)>> = Arc::new(Mutex::new((0, 0)));
    let script = Arc::clone(&valid);
    let auth = Auth::RefreshToken {
        client_id: "cid".to_owned(),
        client_secret: Secret::new("client-secret"),
        refresh_token: Secret::new("refresh-0"),
    };
    let desk = desk_with(auth, move |call| {
        let mut valid = script.lock().unwrap();
        if call.route() == "POST oauth/tokens" {
            assert_eq!(call.body["grant_type"], "refresh_token");
            if call.body["refresh_token"] != format!("refresh-{}", valid.1) {
                return said(400, json!({"error": "invalid_grant", "error_description": "used"}));
            }
            *valid = (valid.1 + 1, valid.1 + 1);
            return ok(
                json!({"access_token": format!("access-{}", valid.0), "refresh_token": format!("refresh-{}", valid.1), "token_type": "bearer", "expires_in": 1800}),
            );
        }
        if call.authorization != format!("Bearer access-{}", valid.0) {
            return said(401, json!({"error": "Couldn't authenticate you"}));
        }
        ok(json!({"users": [user(1, "Ada")]}))
    });
    let read = ReadSpec { object: "user".to_owned(), fields: texts(&["name"]) };
    let ids = texts(&["1"]);
    desk.zendesk.fetch(&read, &ids, Priority::Update).await.unwrap();
    // The access token is revoked: the second refresh must use the rotated token.
    valid.lock().unwrap().0 = 99;
    desk.zendesk.fetch(&read, &ids, Priority::Update).await.unwrap();
    assert_eq!(desk.count("POST oauth/tokens"), 2);
    assert_eq!(valid.lock().unwrap().1, 2);
}

#[tokio::test]
async fn a_refused_api_token_needs_a_person() {
    let desk = desk(|_| said(401, json!({"error": "Couldn't authenticate you"})));
    let read = ReadSpec { object: "user".to_owned(), fields: texts(&["name"]) };
    let error = desk.zendesk.fetch(&read, &texts(&["1"]), Priority::Update).await.unwrap_err();
    assert_eq!(error.class, Class::Reauthenticate);
    assert!(error.advice.contains("OAuth"));
    assert!(!format!("{error:?}").contains("t0ken"));
}

#[tokio::test]
async fn a_page_in_html_says_when_to_come_back() {
    let desk = desk(|_| {
        let mut said =
            said(429, Value::Null).header("retry-after", "7").header("content-type", "text/html").header("x-rate-limit-remaining", "0");
        said.body = "Number of allowed API requests per minute exceeded".to_owned();
        said
    });
    let read = ReadSpec { object: "user".to_owned(), fields: texts(&["name"]) };
    let error = desk.zendesk.fetch(&read, &texts(&["1"]), Priority::Update).await.unwrap_err();
    let until = desk.now() + jiff::SignedDuration::from_secs(7);
    assert_eq!(error.class, Class::Wait { until });
    assert_eq!(desk.zendesk.budget().blocked_until, Some(until), "the whole account waits");
}
