//! Signing in, staying signed in, and what never leaves the house.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::settings::{Auth, ConnectionSettings, Secret};
use entente_connect::transport::wire::WireError;
use serde_json::{Value, json};

use super::org::{contacts, direct, id, refused, row, said, scene, settings};

fn refreshing() -> ConnectionSettings {
    ConnectionSettings {
        auth: Auth::RefreshToken {
            client_id: "app".to_owned(),
            client_secret: Secret::new("client-secret"),
            refresh_token: Secret::new("refresh-token-0"),
        },
        ..settings()
    }
}

#[tokio::test]
async fn many_callers_sign_in_once() {
    let scene = direct();
    let checks = futures::future::join_all((0..8).map(|_| scene.crm.check())).await;
    assert!(checks.iter().all(Result::is_ok));
    assert_eq!(scene.calls("POST", "/token").len(), 1);
    assert_eq!(checks[0].as_ref().unwrap().organization, "00D000000000001EAA");
}

#[tokio::test]
async fn an_expired_session_is_renewed_once_for_all() {
    let scene = direct();
    scene.crm.check().await.unwrap();
    scene.script(|seen| {
        let stale = seen.headers.get("authorization").is_some_and(|token| token == "Bearer access-token-1");
        if stale { refused(401, "INVALID_SESSION_ID", "Session expired or invalid") } else { None }
    });
    let checks = futures::future::join_all((0..8).map(|_| scene.crm.check())).await;
    assert!(checks.iter().all(Result::is_ok));
    assert_eq!(scene.calls("POST", "/token").len(), 2);
}

#[tokio::test]
async fn a_session_that_no_token_cures_is_not_renewed_for_ever() {
    let scene = direct();
    scene
        .script(|seen| seen.path.ends_with("userinfo").then(|| refused(401, "INVALID_SESSION_ID", "Session expired or invalid")).flatten());
    let error = scene.crm.check().await.unwrap_err();
    assert_eq!(error.class, Class::Reauthenticate);
    assert_eq!(scene.calls("POST", "/token").len(), 2);
    scene.script(|seen| {
        seen.path
            .ends_with("userinfo")
            .then(|| refused(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"))
            .flatten()
    });
    assert_eq!(scene.crm.check().await.unwrap_err().class, Class::Configuration);
    assert_eq!(scene.calls("POST", "/token").len(), 2);
}

#[tokio::test]
async fn a_rotated_token_is_kept_before_it_is_used() {
    let scene = scene(refreshing());
    let mut turn = 0;
    scene.script(move |seen| {
        if !seen.path.ends_with("/token") {
            return None;
        }
        let given = seen.form()["refresh_token"].clone();
        assert_eq!(given, format!("refresh-token-{turn}"), "a refresh token works once");
        turn += 1;
        said(200, json!({"access_token": format!("access-{turn}"), "refresh_token": format!("refresh-token-{turn}")}))
    });
    *scene.vault.broken.lock().unwrap() = true;
    let error = scene.crm.check().await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Retry, "vault"));
    assert_eq!(scene.calls("GET", "/userinfo").len(), 0, "nothing is called with tokens that are not kept");

    *scene.vault.broken.lock().unwrap() = false;
    scene.crm.check().await.unwrap();
    assert_eq!(scene.calls("POST", "/token").len(), 1, "the rotated token was not lost");
    let kept = scene.vault.kept.lock().unwrap();
    let tokens = kept.values().next().unwrap();
    assert_eq!(tokens.refresh.as_ref().unwrap().reveal(), "refresh-token-1");
}

#[tokio::test]
async fn two_processes_renew_one_token_one_after_the_other() {
    let scene = scene(refreshing());
    let beside = scene.beside(refreshing());
    *scene.vault.slow.lock().unwrap() = 20;
    let mut turn = 0;
    scene.script(move |seen| {
        if !seen.path.ends_with("/token") {
            return None;
        }
        if seen.form()["refresh_token"] != format!("refresh-token-{turn}") {
            return said(400, json!({"error": "invalid_grant", "error_description": "expired access/refresh token"}));
        }
        turn += 1;
        said(200, json!({"access_token": format!("access-{turn}"), "refresh_token": format!("refresh-token-{turn}")}))
    });
    let (first, second) = futures::future::join(scene.crm.check(), beside.check()).await;
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(scene.calls("POST", "/token").len(), 1, "the second takes over what the first one got");
}

#[tokio::test]
async fn the_vendors_answer_is_kept_word_for_word_without_secrets() {
    let scene = direct();
    scene.script(|seen| {
        seen.path.ends_with("userinfo").then(|| refused(400, "X", &format!("you sent access-token-1 {}", "x".repeat(3_000)))).flatten()
    });
    let answer = scene.crm.check().await.unwrap_err().answer.unwrap();
    assert!(answer.starts_with(r#"[{"errorCode":"X","message":"you sent [secret] xxx"#), "{answer}");
    assert_eq!(answer.chars().count(), entente_connect::error::ANSWER_CHARS);
}

#[tokio::test]
async fn a_refused_sign_in_is_not_repeated_at_once() {
    let scene = direct();
    scene.script(|seen| {
        seen.path.ends_with("/token").then(|| said(400, json!({"error": "invalid_grant", "error_description": "inactive user"}))).flatten()
    });
    for _ in 0..3 {
        let error = scene.crm.check().await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (Class::Reauthenticate, "invalid_grant"));
    }
    assert_eq!(scene.calls("POST", "/token").len(), 1);
    scene.hands.pass(std::time::Duration::from_secs(31));
    scene.script(|_| None);
    scene.crm.check().await.unwrap();
}

#[tokio::test]
async fn a_jwt_names_the_user_and_is_signed_with_the_key() {
    let key = include_str!("key.pem");
    let auth = Auth::JwtBearer {
        client_id: "app".to_owned(),
        username: "us@example.com".to_owned(),
        audience: "https://login.salesforce.com".to_owned(),
        private_key: Secret::new(key),
    };
    let scene = scene(ConnectionSettings { auth, ..settings() });
    scene.crm.check().await.unwrap();
    let form = scene.calls("POST", "/token")[0].form();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (message, signature) = form["assertion"].rsplit_once('.').unwrap();
    let (head, payload) = message.split_once('.').unwrap();
    let part = |text: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    assert_eq!(part(head)["alg"], "RS256");
    let claims = part(payload);
    assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("app"), Some("us@example.com")));
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!(lifetime <= 180, "{lifetime}");

    let der = jsonwebtoken::EncodingKey::from_rsa_pem(key.as_bytes()).unwrap();
    let pair = ring::signature::RsaKeyPair::from_der(der.as_bytes()).unwrap();
    let public = ring::signature::RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    public.verify(&ring::signature::RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn the_gateways_key_goes_to_the_gateway_only() {
    let behind = scene(settings());
    behind.crm.check().await.unwrap();
    let call = &behind.calls("GET", "/userinfo")[0];
    assert_eq!((call.host.as_str(), call.path.as_str()), ("gateway.example.com", "/crm/services/oauth2/userinfo"));
    assert_eq!(call.headers["x-gateway-key"], "gateway-secret");
    assert_eq!(call.headers["sforce-call-options"], "client=entente");

    let following = scene(ConnectionSettings { follow_instance_url: true, ..settings() });
    following.crm.check().await.unwrap();
    let call = &following.calls("GET", "/userinfo")[0];
    assert_eq!(call.host, "data.example.com");
    assert!(!call.headers.contains_key("x-gateway-key"));
}

#[tokio::test]
async fn vendor_headers_go_to_the_vendor_wherever_it_is() {
    let mut settings = ConnectionSettings { follow_instance_url: true, ..settings() };
    settings.headers.insert("Sforce-Duplicate-Rule-Header".to_owned(), Secret::new("allowSave=true"));
    let scene = scene(settings);
    scene.crm.check().await.unwrap();
    assert_eq!(scene.calls("GET", "/userinfo")[0].headers["sforce-duplicate-rule-header"], "allowSave=true");
}

#[tokio::test]
async fn errors_show_no_secret() {
    let scene = direct();
    scene.script(|seen| {
        seen.path.ends_with("userinfo").then(|| refused(400, "X", "you sent access-token-1 and client-secret and gateway-secret")).flatten()
    });
    let error = scene.crm.check().await.unwrap_err();
    assert_eq!(error.message, "you sent [secret] and [secret] and [secret]");
}

#[tokio::test]
async fn silence_is_told_apart() {
    let scene = direct();
    let lost = |error: WireError| {
        let mut error = Some(error);
        move |seen: &super::org::Seen| if seen.path.ends_with("userinfo") { error.take().map(Err) } else { None }
    };
    let host = || "acme".to_owned();
    scene.script(lost(WireError::TimedOut { host: host(), seconds: 30 }));
    let error = scene.crm.check().await.unwrap_err();
    assert_eq!((error.class, error.code.as_str(), error.status), (Class::Retry, "timeout", 0));
    scene.script(lost(WireError::Unreachable { host: host(), reason: "refused".to_owned() }));
    assert_eq!(scene.crm.check().await.unwrap_err().code, "unreachable");
    scene.script(lost(WireError::Broken { host: host(), reason: "reset".to_owned() }));
    assert!(scene.crm.check().await.is_ok(), "a read whose answer broke off is sent once more");
}

#[tokio::test]
async fn the_quota_and_the_crowd_are_told_apart() {
    let scene = direct();
    let now = || entente_model::clock::Clock::now(&*scene.hands);
    let query = |seen: &super::org::Seen| seen.path.ends_with("/query");
    scene.script(move |seen| {
        query(seen)
            .then(|| refused(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."))
            .flatten()
    });
    let read = contacts(&["Email"]);
    let Class::Wait { until } = scene.crm.page(&read, None, Priority::Backfill).await.unwrap_err().class else { panic!("wait") };
    assert!(until.duration_since(now()).as_secs() <= 10);
    scene.hands.pass(std::time::Duration::from_secs(10));

    scene.script(move |seen| query(seen).then(|| refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")).flatten());
    let Class::Wait { until } = scene.crm.page(&read, None, Priority::Backfill).await.unwrap_err().class else { panic!("wait") };
    assert!(until.duration_since(now()).as_secs() >= 1_800);
    let before = scene.calls("GET", "/query").len();
    let error = scene.crm.page(&read, None, Priority::Urgent).await.unwrap_err();
    assert_eq!(error.code, "budget");
    assert_eq!(scene.calls("GET", "/query").len(), before, "nobody calls while the org is out of calls");
    assert!(scene.crm.budget().blocked_until.is_some());
    let counts = scene.crm.counts();
    assert_eq!((counts.limited, counts.by_kind["query"]), (2, 3), "the third asked who works in the org");
}

#[tokio::test]
async fn the_live_usage_is_the_budget() {
    let scene = direct();
    scene.script(|seen| {
        seen.path.ends_with("/query").then(|| {
            Ok(super::org::Said {
                status: 200,
                headers: vec![("sforce-limit-info", "api-usage=4700/5000".to_owned())],
                body: json!({"totalSize": 1, "done": true, "records": [row(1, 1)]}).to_string(),
            })
        })
    });
    let page = scene.crm.page(&contacts(&["Email"]), None, Priority::Backfill).await.unwrap();
    assert_eq!(page.looks[0].id, id(1));
    assert_eq!((scene.crm.budget().limit, scene.crm.budget().remaining), (Some(5_000), Some(300)));
    let refused = scene.crm.page(&contacts(&["Email"]), None, Priority::Backfill).await.unwrap_err();
    assert_eq!(refused.code, "budget", "the last tenth is for more urgent calls");
    assert!(scene.crm.page(&contacts(&["Email"]), None, Priority::Urgent).await.is_ok());
}
