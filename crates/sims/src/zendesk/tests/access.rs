use serde_json::{Value, json};

use super::*;
use crate::faults::Fault;

#[tokio::test]
async fn credentials_decide_who_calls() {
    let world = World::new(Profile::instant());
    let me = world.get("users/me.json").await;
    assert_eq!((me.status, me.body["user"]["role"].as_str()), (200, Some("admin")));
    let nobody = world.ask_as("", "GET", "users/me", Value::Null).await;
    assert_eq!((nobody.status, &nobody.body["user"]["id"]), (200, &Value::Null));
    assert_eq!(world.ask_as("", "GET", "users", Value::Null).await.status, 401);
    let wrong = format!("Basic {}", STANDARD.encode("sync@acme.example/token:nope"));
    let wrong = world.ask_as(&wrong, "GET", "users/me", Value::Null).await;
    assert_eq!((wrong.status, wrong.text.as_str()), (401, r#"{"error":"Couldn't authenticate you"}"#));
    let agent = format!("Basic {}", STANDARD.encode("ada@acme.example/token:zendesk-api-token"));
    let export = world.ask_as(&agent, "GET", "incremental/users/cursor?start_time=0", Value::Null).await;
    assert_eq!(export.status, 403);
    assert!(export.body["error"].is_object());
}

#[tokio::test]
async fn a_refresh_kills_the_old_pair_at_once() {
    let world = World::new(Profile::instant());
    let away = "/oauth/authorizations/new?response_type=code&client_id=entente&redirect_uri=http://here/cb&scope=read&state=s1";
    let away = world.ask_as("", "GET", away, Value::Null).await;
    let code = away.header("location").split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert!(away.header("location").ends_with("&state=s1"));
    let exchange = json!({"grant_type": "authorization_code", "code": code, "client_id": "entente", "client_secret": "zendesk-client-secret", "redirect_uri": "http://here/cb"});
    let pair = world.ask_as("", "POST", "/oauth/tokens", exchange.clone()).await;
    assert_eq!(pair.status, 200, "{}", pair.text);
    assert_eq!(world.ask_as("", "POST", "/oauth/tokens", exchange).await.body["error"], "invalid_grant");
    let bearer = |pair: &Got| format!("Bearer {}", pair.body["access_token"].as_str().unwrap());
    let first = bearer(&pair);
    assert_eq!(world.ask_as(&first, "GET", "users", Value::Null).await.status, 200);
    let write = world.ask_as(&first, "POST", "users", user("Eve", "eve@x.example")).await;
    assert_eq!((write.status, write.body["description"].as_str()), (403, Some("Missing the following required scopes: write")));

    let refresh = json!({"grant_type": "refresh_token", "refresh_token": pair.body["refresh_token"], "client_id": "entente", "client_secret": "zendesk-client-secret"});
    let next = world.ask_as("", "POST", "/oauth/tokens", refresh.clone()).await;
    assert_eq!(next.status, 200);
    assert_eq!(world.ask_as(&first, "GET", "users", Value::Null).await.status, 401);
    assert_eq!(world.ask_as("", "POST", "/oauth/tokens", refresh).await.status, 400);
    assert_eq!(world.ask_as(&bearer(&next), "GET", "users", Value::Null).await.status, 200);
    world.pass(1_801);
    assert_eq!(world.ask_as(&bearer(&next), "GET", "users", Value::Null).await.status, 401);

    let machine = json!({"grant_type": "client_credentials", "client_id": "entente", "client_secret": "zendesk-client-secret", "scope": "read write"});
    let machine = world.ask_as("", "POST", "/oauth/tokens", machine).await;
    assert_eq!(world.ask_as(&bearer(&machine), "GET", "users", Value::Null).await.status, 200);
    world.sim.expire_sessions();
    assert_eq!(world.ask_as(&bearer(&machine), "GET", "users", Value::Null).await.status, 401);
}

#[tokio::test]
async fn the_minute_ends_with_a_plain_sentence() {
    let world = World::new(Profile { quota: 3, ..strict() });
    for left in ["2", "1", "0"] {
        assert_eq!(world.get("groups").await.header("x-rate-limit-remaining"), left);
    }
    let full = world.get("groups").await;
    assert_eq!((full.status, full.header("retry-after"), full.header("content-type")), (429, "60", "text/html; charset=utf-8"));
    assert_eq!(full.header("ratelimit-reset"), "60");
    world.pass(60);
    assert_eq!(world.get("groups").await.status, 200);
}

#[tokio::test]
async fn one_user_takes_five_writes_a_minute_and_exports_have_buckets() {
    let world = World::new(strict());
    let id = world.made("users", user("Eve", "eve@x.example")).await;
    for turn in 0..4 {
        let got = world.ask("PUT", &format!("users/{id}"), json!({"user": {"notes": format!("{turn}")}})).await;
        assert_eq!(got.status, 200);
    }
    let full = world.ask("PUT", &format!("users/{id}"), json!({"user": {"notes": "more"}})).await;
    assert_eq!(full.status, 429);
    assert!(full.text.contains("eve@x.example"), "{}", full.text);
    world.pass(60);
    assert_eq!(world.ask("PUT", &format!("users/{id}"), json!({"user": {"notes": "more"}})).await.status, 200);

    let old = START_MS / 1000 - 3_600;
    let page = world.get(&format!("incremental/users/cursor.json?start_time={old}")).await;
    assert_eq!(page.header("zendesk-ratelimit-incremental-exports-cursor"), "total=20; remaining=19; resets=60");
    for _ in 0..10 {
        assert_eq!(world.get(&format!("incremental/organizations?start_time={old}")).await.status, 200);
    }
    assert_eq!(world.get(&format!("incremental/organizations?start_time={old}")).await.status, 429);
    assert_eq!(world.get(&format!("incremental/users/cursor?start_time={old}")).await.status, 200);
}

#[tokio::test]
async fn faults_come_as_ordered() {
    let world = World::new(Profile::instant());
    world.options.faults.order([Fault::TimeoutAfter]);
    let lost = world.ask("POST", "users", user("Eve", "eve@x.example")).await;
    assert_eq!((lost.status, lost.header("x-sim-hang")), (599, "1"));
    assert_eq!(world.sim.count(super::super::Kind::User), 1);
    world.options.faults.order([Fault::TimeoutBefore]);
    assert_eq!(world.ask("POST", "users", user("Ann", "ann@x.example")).await.status, 599);
    assert_eq!(world.sim.count(super::super::Kind::User), 1);
    world.options.faults.order([Fault::Collision, Fault::ServerError, Fault::Unavailable, Fault::TooMany]);
    let again = world.ask("POST", "users", user("Ann", "ann@x.example")).await;
    assert_eq!((again.status, again.body["error"].as_str()), (409, Some("DatabaseConflict")));
    assert_eq!(world.get("users").await.status, 500);
    assert_eq!(world.get("users").await.header("retry-after"), "1");
    assert_eq!(world.get("users").await.status, 429);
    world.options.faults.order([Fault::QuotaExhausted]);
    assert_eq!(world.get("users").await.status, 429);
    assert_eq!(world.get("users").await.status, 429);
    world.pass(60);
    world.options.faults.order([Fault::HalfPage]);
    let half = world.get("users?page[size]=4").await;
    assert_eq!((half.body["users"].as_array().unwrap().len(), half.body["meta"]["has_more"].as_bool()), (2, Some(true)));
    assert_eq!(world.sim.calls().faulty, 8);
}

#[tokio::test]
async fn the_control_surface_orders_and_looks() {
    let world = World::new(Profile::instant());
    let ask = async |method: &str, path: &str, body: Value| {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let response = world.sim.control_router().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    };
    let (_, made) = ask("POST", "/create", json!({"kind": "organization", "fields": {"name": "Acme"}})).await;
    let id = serde_json::from_str::<Value>(&made).unwrap()["id"].as_u64().unwrap();
    assert_eq!(ask("POST", "/update", json!({"kind": "organization", "id": id, "fields": {"notes": "n"}})).await.0, 200);
    assert!(ask("GET", "/dump?kind=organizations", Value::Null).await.1.contains("\"notes\":\"n\""));
    assert_eq!(ask("POST", "/update", json!({"kind": "organization", "id": id, "fields": {"nothing": 1}})).await.0, 422);
    assert_eq!(ask("POST", "/add_field", json!({"kind": "user", "fields": {"key": "tier", "type": "text"}})).await.0, 200);
    assert_eq!(ask("POST", "/faults", json!({"order": ["server_error"], "calls": {"too_many": 0}})).await.0, 204);
    assert_eq!(world.get("users").await.status, 500);
    assert!(ask("GET", "/calls", Value::Null).await.1.contains("\"total\":1"));
    let (_, hook) = ask("POST", "/subscribe", json!({"url": "http://there/in", "subscriptions": ["zen:event-type:user.created"]})).await;
    assert!(hook.contains("secret"));
}
