use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entente_sims::salesforce::JwtTrust;
use http::Request;
use serde_json::json;

use crate::desk::{Desk, Reply, START_MS, encoded};

async fn form(desk: &Desk, path: &str, fields: &[(&str, &str)]) -> Reply {
    let body: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", encoded(v))).collect();
    let request = Request::builder()
        .method("POST")
        .uri(format!("/services/oauth2/{path}"))
        .header("Host", "acme.sim")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(Body::from(body.join("&")))
        .unwrap();
    desk.send(request).await
}

const APP: [(&str, &str); 2] = [("client_id", "sim-client"), ("client_secret", "sim-secret")];

#[tokio::test]
async fn a_client_signs_in_with_its_own_credentials_and_reads() {
    let mut desk = Desk::open();
    let reply = form(&desk, "token", &[("grant_type", "client_credentials"), APP[0], APP[1]]).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let body = reply.json();
    assert_eq!(body["instance_url"], "http://acme.sim");
    assert!(body["id"].as_str().unwrap().ends_with(&desk.sf.users().integration));
    assert!(body.get("expires_in").is_none());
    desk.token = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(desk.get("/limits").await.status, 200);
    let me = desk.call_with("GET", "/services/oauth2/userinfo", "", &[]).await.json();
    assert_eq!(me["user_id"], desk.sf.users().integration.as_str());
    assert_eq!(desk.sf.calls().by_kind["token"], 2);
    assert_eq!(desk.sf.calls().total, 1, "signing in spends no quota");
}

#[tokio::test]
async fn wrong_credentials_are_refused_in_the_vendors_words() {
    let desk = Desk::open();
    let wrong =
        form(&desk, "token", &[("grant_type", "password"), APP[0], APP[1], ("username", "integration@acme.example"), ("password", "no")])
            .await;
    assert_eq!((wrong.status, wrong.json()), (400, json!({"error": "invalid_grant", "error_description": "authentication failure"})));
    let stranger = form(&desk, "token", &[("grant_type", "client_credentials"), ("client_id", "x")]).await;
    assert_eq!((stranger.status, stranger.json()["error"].clone()), (400, json!("invalid_client_id")));
    let secret = form(&desk, "token", &[("grant_type", "client_credentials"), APP[0], ("client_secret", "x")]).await;
    assert_eq!((secret.status, secret.json()["error"].clone()), (401, json!("invalid_client")));
    let odd = form(&desk, "token", &[("grant_type", "magic")]).await;
    assert_eq!(odd.json()["error"], "unsupported_grant_type");
    let right = form(
        &desk,
        "token",
        &[("grant_type", "password"), APP[0], APP[1], ("username", "integration@acme.example"), ("password", "sim-password")],
    )
    .await;
    assert_eq!(right.status, 200);
}

async fn code(desk: &Desk, extra: &str) -> String {
    let path = format!(
        "/services/oauth2/authorize?response_type=code&client_id=sim-client&redirect_uri=https%3A%2F%2Fhub%2Fcb&scope=api%20refresh_token&state=s1{extra}"
    );
    let reply = desk.call_with("GET", &path, "", &[]).await;
    assert_eq!(reply.status, 302);
    let target = url::Url::parse(reply.header("location")).unwrap();
    assert!(target.query_pairs().any(|(k, v)| k == "state" && v == "s1"));
    target.query_pairs().find(|(k, _)| k == "code").unwrap().1.into_owned()
}

#[tokio::test]
async fn a_code_with_its_verifier_buys_tokens_once_and_refreshing_rotates_when_asked() {
    let desk = Desk::open();
    let verifier = "a-verifier-of-the-client-that-nobody-else-knows";
    let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    let code = code(&desk, &format!("&code_challenge={}", URL_SAFE_NO_PAD.encode(digest.as_ref()))).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        APP[0],
        APP[1],
        ("redirect_uri", "https://hub/cb"),
        ("code_verifier", verifier),
    ];
    let first = form(&desk, "token", &fields).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(form(&desk, "token", &fields).await.status, 400, "a code is good once");
    let refresh = first.json()["refresh_token"].as_str().unwrap().to_owned();
    let again = [("grant_type", "refresh_token"), APP[0], APP[1], ("refresh_token", refresh.as_str())];
    let plain = form(&desk, "token", &again).await;
    assert!(plain.json().get("refresh_token").is_none());
    desk.sf.rotate_refresh_tokens(true);
    let rotated = form(&desk, "token", &again).await.json();
    assert_ne!(rotated["refresh_token"], json!(refresh));
    let spent = form(&desk, "token", &again).await;
    assert_eq!(spent.json()["error_description"], "expired access/refresh token");
    let revoked = form(&desk, "revoke", &[("token", rotated["refresh_token"].as_str().unwrap())]).await;
    assert_eq!(revoked.status, 200);
}

#[tokio::test]
async fn the_sixth_approval_revokes_the_oldest_refresh_token() {
    let desk = Desk::open();
    let mut tokens = Vec::new();
    for _ in 0..6 {
        let code = code(&desk, "").await;
        let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), APP[0], APP[1], ("redirect_uri", "https://hub/cb")];
        tokens.push(form(&desk, "token", &fields).await.json()["refresh_token"].as_str().unwrap().to_owned());
    }
    let status =
        async |token: &str| form(&desk, "token", &[("grant_type", "refresh_token"), APP[0], APP[1], ("refresh_token", token)]).await.status;
    assert_eq!(status(&tokens[0]).await, 400);
    assert_eq!(status(&tokens[1]).await, 200);
}

fn assertion(claims: serde_json::Value) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(&json!({"alg": "RS256"})), part(&claims), URL_SAFE_NO_PAD.encode("signature"))
}

#[tokio::test]
async fn a_signed_assertion_is_taken_for_the_right_user_audience_and_time() {
    let desk = Desk::open();
    let now = START_MS / 1000;
    let claims = |sub: &str, aud: &str, exp: i64| json!({"iss": "sim-client", "sub": sub, "aud": aud, "exp": exp});
    let ask = async |claims: serde_json::Value| {
        let assertion = assertion(claims);
        form(&desk, "token", &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &assertion)]).await
    };
    let user = "integration@acme.example";
    let good = ask(claims(user, "https://login.salesforce.com", now + 170)).await;
    assert_eq!(good.status, 200, "{}", good.text);
    assert!(good.json().get("issued_at").is_none() && good.json().get("refresh_token").is_none());
    assert_eq!(ask(claims(user, "http://acme.sim", now + 170)).await.status, 200);
    assert_eq!(ask(claims(user, "https://elsewhere", now + 170)).await.json()["error_description"], "audience is invalid");
    assert_eq!(
        ask(claims("nobody@x", "https://login.salesforce.com", now + 170)).await.json()["error_description"],
        "user hasn't approved this consumer"
    );
    assert_eq!(ask(claims(user, "https://login.salesforce.com", now - 1)).await.json()["error"], "invalid_grant");
    assert_eq!(ask(claims(user, "https://login.salesforce.com", now + 3600)).await.json()["error_description"], "invalid assertion");
}

#[tokio::test]
async fn a_forged_assertion_is_refused_when_a_key_is_set() {
    let desk = Desk::with(|options| options.jwt_trust = JwtTrust::Rsa { n: vec![0xc3; 256], e: vec![1, 0, 1] });
    let forged = assertion(
        json!({"iss": "sim-client", "sub": "integration@acme.example", "aud": "https://login.salesforce.com", "exp": START_MS / 1000 + 60}),
    );
    let reply = form(&desk, "token", &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &forged)]).await;
    assert_eq!((reply.status, reply.json()["error_description"].clone()), (400, json!("invalid assertion")));
}

/// A throw-away key, and an assertion signed with it that expires two minutes after the stories begin.
const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvjJmWrSO8Vr9e9iHPsEH\n0Wnq7tDwhUP1S1IrFMDQuyFburJeCkHpkz7U4MiJQ85LkdHAAk1mV4Dsjmz5+kar\nSx/Q2Ghp/8HltRYvEonRuET7z0lccOg07AS6EZihbgGhceeD3xEuXlJ0Cbbgt70n\nJGW7cP4O+EjCO0/LZyQi4gTCIoASU3/nL3zTE2Hiy3+49HmsqnTXg9DOx2C4wHuG\nW7g28J81prSpZ8XK78EniwyOA5f95aXqOxUe3Vn3W3cNiHLG99mHB34FfwafYcSD\n1ArOTm2d+LL+ES0eV1Xluty0ugXajDaXvHlPIf6TWH5P7Y1lPYlCIpAqwUKW3hWR\ntQIDAQAB\n-----END PUBLIC KEY-----";
const SIGNED: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJzaW0tY2xpZW50Iiwic3ViIjoiaW50ZWdyYXRpb25AYWNtZS5leGFtcGxlIiwiYXVkIjoiaHR0cHM6Ly9sb2dpbi5zYWxlc2ZvcmNlLmNvbSIsImV4cCI6MTc2NzYwNzMyMH0.nn-RuqW7pnDbE-OcF5gq5uNb7XIML6lbXQmVXhMA4BihZJWW-nHIEFgeJEz0dOFHC4oCXOOKhka6yDH_sl22MmBd7nBHPOkHCqfEc_nIv2xybCjJm9Oc9-hgt6x9rUNwY5gvtYqK3zhdACZbJ0Tq4bY5q4rQRhZnE9CONISXVhYrlx5kDu0wBHr4K9ODtTBSpJWFqTxvBs3NAH2J6juyX4Bu0DZlyVTZKuCkMTNToTzp7i8nMhOEJgQFGmSjCTg1Y3_1qituFGVW79w-LZtyBsL_38XWPQCSTwlTNz3nVtx3EEFsYCKnefP-K3pHKJCukTmI8UBftQFOjpc3sTAO2g";

#[tokio::test]
async fn a_genuine_assertion_passes_the_same_check() {
    let desk = Desk::with(|options| options.jwt_trust = JwtTrust::Pem(KEY.to_owned()));
    let ask = async |assertion: &str| {
        form(&desk, "token", &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)]).await.status
    };
    assert_eq!(ask(SIGNED).await, 200);
    let (head, signature) = SIGNED.rsplit_once('.').unwrap();
    let bent: String = signature.chars().rev().collect();
    assert_eq!(ask(&format!("{head}.{bent}")).await, 400);
}

#[tokio::test]
async fn a_session_dies_of_idleness_or_by_force_but_not_while_used() {
    let desk = Desk::open();
    for _ in 0..4 {
        desk.pass(90 * 60 * 1000);
        assert_eq!(desk.get("/limits").await.status, 200, "use extends a session");
    }
    desk.pass(2 * 60 * 60 * 1000 + 1);
    let late = desk.get("/limits").await;
    assert_eq!((late.status, late.json()), (401, json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])));
    let mut desk = Desk::open();
    desk.sf.expire_sessions();
    assert_eq!(desk.get("/limits").await.status, 401);
    desk.token = desk.sf.session_for("").unwrap();
    assert_eq!(desk.get("/limits").await.status, 200);
}

#[tokio::test]
async fn versions_are_listed_without_a_session_and_retired_ones_are_gone() {
    let desk = Desk::open();
    let list = desk.send(Request::get("/services/data").body(Body::empty()).unwrap()).await.json();
    let list = list.as_array().unwrap();
    assert_eq!(list.last().unwrap(), &json!({"label": "Winter '25", "url": "/services/data/v62.0", "version": "62.0"}));
    assert_eq!(desk.get("/services/data/v30.0/limits").await.json()[0]["errorCode"], "UNSUPPORTED_API_VERSION");
    assert_eq!(desk.get("/services/data/v99.0/limits").await.status, 404);
}
