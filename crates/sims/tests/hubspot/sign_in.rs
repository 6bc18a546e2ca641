use serde_json::Value;

use crate::portal::Portal;

const CLIENT: [(&str, &str); 2] = [("client_id", "hubspot-client"), ("client_secret", "hubspot-secret")];

#[tokio::test]
async fn a_refresh_gives_half_an_hour_and_keeps_its_token() {
    let portal = Portal::open();
    let fields = [&CLIENT[..], &[("grant_type", "refresh_token"), ("refresh_token", "hubspot-refresh")]].concat();
    for (path, dated) in [("/oauth/v1/token", false), ("/oauth/2026-09/token", true)] {
        let answer = portal.form(path, &fields).await.ok();
        assert_eq!((answer["expires_in"].as_u64(), answer["refresh_token"].as_str()), (Some(1_800), Some("hubspot-refresh")));
        assert_eq!(answer["hub_id"].is_u64(), dated);
        let token = answer["access_token"].as_str().unwrap();
        assert_eq!(portal.call_as(token, "GET", "/crm/v3/objects/contacts", Value::Null).await.status, 200);
        portal.pass(30 * 60 * 1000);
        let late = portal.call_as(token, "GET", "/crm/v3/objects/contacts", Value::Null).await;
        assert_eq!((late.status, late.json()["category"].as_str()), (401, Some("EXPIRED_AUTHENTICATION")));
    }
}

#[tokio::test]
async fn a_wrong_refresh_token_is_named_in_the_status() {
    let portal = Portal::open();
    let fields = [&CLIENT[..], &[("grant_type", "refresh_token"), ("refresh_token", "old")]].concat();
    let refused = portal.form("/oauth/v1/token", &fields).await;
    assert_eq!((refused.status, refused.json()["status"].as_str()), (400, Some("BAD_REFRESH_TOKEN")));
    assert!(refused.json()["correlationId"].is_string());
}

#[tokio::test]
async fn a_code_is_good_once_and_a_key_for_ever() {
    let portal = Portal::open();
    let code = portal.sim.authorization_code();
    let fields = [&CLIENT[..], &[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", "http://x")]].concat();
    assert_eq!(portal.form("/oauth/v1/token", &fields).await.status, 200);
    assert_eq!(portal.form("/oauth/v1/token", &fields).await.json()["status"], "BAD_AUTH_CODE");
    portal.pass(365 * 86_400_000);
    let details = portal.call_as("pat-na1-sim-key", "GET", "/account-info/v3/details", Value::Null).await;
    assert_eq!(details.ok()["portalId"], 62_515);
    assert_eq!(details.header("x-hubspot-ratelimit-daily"), "625000", "only keys are told of their day");
    let stranger = portal.call_as("nobody", "GET", "/crm/v3/owners", Value::Null).await;
    assert_eq!((stranger.status, stranger.json()["category"].as_str()), (401, Some("INVALID_AUTHENTICATION")));
}
