use entente_sims::faults::Fault;
use serde_json::{Value, json};

use crate::portal::Portal;

const CONTACTS: &str = "/crm/v3/objects/contacts";

#[tokio::test]
async fn ten_seconds_hold_so_many_calls_and_headers_count_down() {
    let portal = Portal::with(|options| {
        options.profile.quota = 3;
    });
    for left in ["2", "1", "0"] {
        let answer = portal.get(CONTACTS).await;
        assert_eq!((answer.header("x-hubspot-ratelimit-max"), answer.header("x-hubspot-ratelimit-remaining")), ("3", left));
    }
    let refused = portal.get(CONTACTS).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, ""));
    assert_eq!(refused.json()["policyName"], "TEN_SECONDLY_ROLLING");
    portal.pass(10_000);
    assert_eq!(portal.get(CONTACTS).await.status, 200);
    assert_eq!(portal.sim.calls().limited, 1);
}

#[tokio::test]
async fn a_day_ends_at_the_portals_midnight() {
    let portal = Portal::open();
    let list = async || portal.call_as("pat-na1-sim-key", "GET", CONTACTS, Value::Null).await;
    portal.faults.order([Fault::QuotaExhausted]);
    assert_eq!(list().await.json()["policyName"], "DAILY");
    portal.pass(12 * 3_600_000);
    assert_eq!(list().await.status, 429);
    portal.pass(3_600_000);
    assert_eq!(list().await.status, 200, "23:00 UTC is midnight in Berlin");
}

#[tokio::test]
async fn every_trouble_has_its_shape() {
    let portal = Portal::open();
    portal.faults.order([Fault::ServerError, Fault::Unavailable, Fault::ExpiredSession]);
    assert_eq!(portal.get(CONTACTS).await.status, 500);
    let edge = portal.get(CONTACTS).await;
    assert!(matches!(edge.status, 502 | 503 | 504 | 524) && edge.text.starts_with("<html>"));
    assert_eq!(portal.get(CONTACTS).await.json()["category"], "EXPIRED_AUTHENTICATION");
    let portal = Portal::open();
    portal.faults.order([Fault::Collision]);
    assert_eq!(portal.post(CONTACTS, json!({"properties": {"email": "a@example.com"}})).await.status, 423);
    portal.sim.move_away(90);
    let moving = portal.get(CONTACTS).await;
    assert_eq!((moving.status, moving.header("retry-after")), (477, "90"));
    portal.pass(90_000);
    portal.sim.say_retry_after(Some(7));
    portal.faults.order([Fault::TooMany]);
    assert_eq!(portal.get(CONTACTS).await.header("retry-after"), "7");
    let text = portal.send(http::Request::post(CONTACTS).header("content-type", "text/plain").body("x".into()).unwrap()).await;
    assert_eq!(text.status, 415);
    let long = portal.get(&format!("{CONTACTS}?properties={}", "x".repeat(16_400))).await;
    assert_eq!(long.status, 414);
}

#[tokio::test]
async fn a_lost_answer_leaves_its_work() {
    let portal = Portal::open();
    portal.faults.order([Fault::TimeoutAfter, Fault::TimeoutBefore]);
    for email in ["a@example.com", "b@example.com"] {
        let lost = portal.post(CONTACTS, json!({"properties": {"email": email}})).await;
        assert_eq!(lost.header("x-sim-hang"), "1");
    }
    assert_eq!(portal.sim.count("contacts"), 1, "the first landed, the second never came");
    portal.faults.order([Fault::HalfPage]);
    portal.plant("contacts", json!({"email": "c@example.com"}));
    let half: Value = portal.get(&format!("{CONTACTS}?limit=2")).await.ok();
    assert_eq!((half["results"].as_array().unwrap().len(), half["paging"].is_object()), (1, true));
}
