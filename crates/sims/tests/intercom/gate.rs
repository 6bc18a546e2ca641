//! The way in: token, version, limits, faults.

use entente_sims::faults::Fault;
use serde_json::{Value, json};

use super::workspace::{START_MS, Workspace};

#[tokio::test]
async fn a_token_is_needed_and_got_for_a_code() {
    let workspace = Workspace::open();
    let stranger = workspace.call_as("nobody", "2.16", "GET", "/me", Value::Null).await;
    assert_eq!(stranger.refusal(), (401, "unauthorized".to_owned()));
    assert_eq!(stranger.header("x-ratelimit-limit"), "", "nobody has no limit");
    let code = json!({"code": "intercom-code", "client_id": "intercom-client", "client_secret": "intercom-client-secret"});
    let got = workspace.call_as("", "", "POST", "/auth/eagle/token", code).await.ok();
    assert_eq!((&got["access_token"], &got["token_type"]), (&json!("intercom-token"), &json!("Bearer")));
    let me = workspace.get("/me").await.ok();
    assert_eq!((&me["app"]["region"], &me["app"]["id_code"]), (&json!("US"), &json!("abc12345")));
}

#[tokio::test]
async fn the_version_is_echoed_and_decides_what_there_is() {
    let workspace = Workspace::open();
    let answer = workspace.call_as("intercom-token", "", "GET", "/me", Value::Null).await;
    assert_eq!(answer.header("intercom-version"), "2.14", "the app's own where none is named");
    assert_eq!(answer.header("x-intercom-version").len(), 40, "which is a build and no version");
    for (version, path, status, code) in [
        ("2.99", "/me", 400, "intercom_version_invalid"),
        ("2.15", "/conversations/deleted", 400, "intercom_version_invalid"),
        ("2.11", "/contacts/find_by_external_id/x", 400, "intercom_version_invalid"),
        ("2.16", "/nowhere", 404, "not_found"),
    ] {
        let refused = workspace.call_as("intercom-token", version, "GET", path, Value::Null).await;
        assert_eq!(refused.refusal(), (status, code.to_owned()), "{version} {path}");
    }
}

#[tokio::test]
async fn ten_seconds_have_a_limit_and_no_answer_says_how_long_to_wait() {
    let workspace = Workspace::with(|options| options.profile.quota = 3);
    for left in ["2", "1", "0"] {
        let answer = workspace.get("/me").await;
        assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (200, left));
    }
    let refused = workspace.get("/me").await;
    assert_eq!(refused.refusal(), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!((refused.message().as_str(), refused.header("retry-after")), ("Exceeded rate limit of 3 in 10_seconds", ""));
    let reset: i64 = refused.header("x-ratelimit-reset").parse().unwrap();
    assert_eq!(reset, START_MS / 1000 / 10 * 10 + 10);
    workspace.pass(reset * 1000 - START_MS);
    assert_eq!(workspace.get("/me").await.status, 200);
    assert_eq!((workspace.sim.calls().total, workspace.sim.calls().limited), (5, 1));
}

#[tokio::test]
async fn faults_strike_as_they_are_ordered() {
    let workspace = Workspace::open();
    let strike = async |fault: Fault, method: &str, path: &str| {
        workspace.faults.order([fault]);
        workspace.call(method, path, if method == "POST" { json!({"email": "ann@acme.example"}) } else { Value::Null }).await
    };
    assert_eq!(strike(Fault::ServerError, "GET", "/me").await.refusal(), (500, "server_error".to_owned()));
    assert_eq!(strike(Fault::Unavailable, "GET", "/me").await.refusal(), (503, "service_unavailable".to_owned()));
    assert_eq!(strike(Fault::TimeoutBefore, "POST", "/contacts").await.header("x-sim-hang"), "1");
    assert_eq!(workspace.sim.rows(entente_sims::intercom::Kind::Contact).len(), 0);
    assert_eq!(strike(Fault::TimeoutAfter, "POST", "/contacts").await.header("x-sim-hang"), "1");
    assert_eq!(workspace.sim.rows(entente_sims::intercom::Kind::Contact).len(), 1);
    let scroll = strike(Fault::ServerError, "GET", "/companies/scroll").await;
    assert!(scroll.message().contains("Please restart the scroll operation"));
    assert_eq!(strike(Fault::QuotaExhausted, "GET", "/me").await.status, 429);
    assert_eq!(workspace.get("/me").await.status, 429, "until the window ends");
}
