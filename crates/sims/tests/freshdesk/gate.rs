//! The way in: keys, forms, limits of a minute, faults.

use entente_sims::faults::Fault;
use serde_json::{Value, json};

use crate::account::{Account, ids};

#[tokio::test]
async fn without_the_key_nothing_is_told() {
    let account = Account::open();
    let refused = account.call_as("wrong", "GET", "agents/me", Value::Null).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (401, Some("invalid_credentials")));
    assert_eq!(account.get("agents/me").await.ok()["contact"]["email"], "sync@acme.example");
    assert_eq!(account.get("account").await.ok()["account_domain"], "acme.freshdesk.com");
    assert_eq!(account.get("groups").await.ok()[1]["name"], "Enterprise Support");
}

#[tokio::test]
async fn bodies_and_methods_are_strict() {
    let account = Account::open();
    assert_eq!(account.call("GET", "contacts", json!({})).await.json()["code"], "no_content_required");
    assert_eq!(account.call("PATCH", "contacts", json!({})).await.status, 405);
    assert_eq!(account.get("nothing").await.status, 404);
}

#[tokio::test]
async fn a_minute_s_calls_are_counted_and_a_refusal_says_how_long_to_wait() {
    let account = Account::with(|options| options.profile.quota = 3);
    for left in ["2", "1", "0"] {
        assert_eq!(account.get("groups").await.header("x-ratelimit-remaining"), left);
    }
    account.pass(20_000);
    let refused = account.get("groups").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "40"));
    account.pass(41_000);
    assert_eq!(account.get("groups").await.status, 200);
}

#[tokio::test]
async fn lists_have_a_limit_of_their_own() {
    let account = Account::with(|options| {
        options.profile.quota = 200;
        options.profile.limits = true;
    });
    for _ in 0..20 {
        account.get("tickets").await.ok();
    }
    let refused = account.get("tickets").await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("x-ratelimit-remaining").parse::<u64>().unwrap() > 0);
    account.get("companies").await.ok();
}

#[tokio::test]
async fn ordered_faults_happen_once() {
    let account = Account::open();
    account.faults.order([Fault::TooMany, Fault::ServerError, Fault::Unavailable, Fault::QuotaExhausted]);
    let statuses = [account.get("groups").await.status, account.get("groups").await.status, account.get("groups").await.status];
    assert_eq!(statuses, [429, 500, 503]);
    assert_eq!(account.get("groups").await.status, 429, "the minute is used up");
    account.pass(61_000);
    assert_eq!(account.get("groups").await.status, 200);
    account.faults.order([Fault::Collision, Fault::TimeoutAfter]);
    assert_eq!(account.post("companies", json!({"name": "Acme"})).await.status, 409);
    assert_eq!(account.post("companies", json!({"name": "Acme"})).await.header("x-sim-hang"), "1");
    assert_eq!(account.post("companies", json!({"name": "Acme"})).await.status, 409, "it was made all the same");
}

#[tokio::test]
async fn the_desk_tells_of_itself_and_its_agents() {
    let account = Account::open();
    assert_eq!(account.get("settings/helpdesk").await.ok()["primary_language"], "en");
    assert_eq!(ids(&account.get("agents?state=fulltime").await.ok()).len(), 4);
    assert!(ids(&account.get("agents?state=occasional").await.ok()).is_empty());
    let types = account.get("ticket_fields?type=default_status").await.ok();
    assert_eq!((types.as_array().map(Vec::len), &types[0]["name"]), (Some(1), &serde_json::json!("status")));
}
