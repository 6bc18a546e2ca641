use axum::body::Body;
use entente_sims::faults::Fault;
use http::Request;
use serde_json::json;
use tower::ServiceExt;

use crate::desk::Desk;

#[tokio::test]
async fn a_call_that_hangs_may_have_done_its_work() {
    let desk = Desk::open();
    desk.faults.order([Fault::TimeoutBefore]);
    let before = desk.call("POST", "/sobjects/Contact", json!({"LastName": "x"})).await;
    assert_eq!((before.status, before.header("x-sim-hang"), desk.sf.count("Contact")), (599, "1", 0));
    desk.faults.order([Fault::TimeoutAfter]);
    let after = desk.call("POST", "/sobjects/Contact", json!({"LastName": "x"})).await;
    assert_eq!((after.status, desk.sf.count("Contact")), (599, 1));
}

#[tokio::test]
async fn each_named_fault_shows_as_the_vendor_shows_it() {
    let desk = Desk::open();
    let id = desk.make("Contact", json!({"LastName": "x"})).await;
    let path = format!("/sobjects/Contact/{id}");
    for (fault, status, code) in [
        (Fault::TooMany, 403, "REQUEST_LIMIT_EXCEEDED"),
        (Fault::QuotaExhausted, 403, "REQUEST_LIMIT_EXCEEDED"),
        (Fault::ServerError, 500, "UNKNOWN_EXCEPTION"),
        (Fault::Collision, 400, "UNABLE_TO_LOCK_ROW"),
        (Fault::ExpiredSession, 401, "INVALID_SESSION_ID"),
    ] {
        desk.faults.order([fault]);
        let reply = desk.call("PATCH", &path, json!({"Title": "t"})).await;
        assert_eq!((reply.status, reply.json()[0]["errorCode"].clone()), (status, json!(code)));
    }
    assert!(!desk.sf.get("Contact", &id).unwrap().contains_key("Title"));
    let mut desk = desk;
    assert_eq!(desk.get(&path).await.status, 401, "an expired session stays expired");
    desk.token = desk.sf.session_for("").unwrap();
    desk.faults.order([Fault::Unavailable]);
    assert_eq!(desk.get(&path).await.status, 503);
    desk.faults.order([Fault::Collision]);
    assert_eq!(desk.get(&path).await.status, 200, "a read collides with nothing");
    let list = [json!({"attributes": {"type": "Contact"}, "LastName": "a"}), json!({"attributes": {"type": "Contact"}, "LastName": "b"})];
    let some = desk.call("POST", "/composite/sobjects", json!({"records": list})).await.json();
    let locked = some.as_array().unwrap().iter().filter(|r| r["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW").count();
    assert_eq!(locked, 1, "one record of a collection is locked");
}

#[tokio::test]
async fn a_half_page_still_leads_to_all_rows() {
    let desk = Desk::open();
    for n in 0..5 {
        desk.plant("Contact", json!({"LastName": format!("N{n}")}));
    }
    desk.faults.order([Fault::HalfPage]);
    let first = desk.soql("SELECT Id FROM Contact").await.json();
    assert_eq!((first["records"].as_array().unwrap().len(), first["done"].clone()), (3, json!(false)));
    let rest = desk.get(first["nextRecordsUrl"].as_str().unwrap()).await.json();
    assert_eq!(rest["records"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_quota_is_a_rolling_day() {
    let desk = Desk::with(|options| options.profile.quota = 2);
    assert_eq!(desk.get("/limits").await.header("sforce-limit-info"), "api-usage=1/2");
    desk.pass(60 * 60 * 1000);
    assert_eq!(desk.get("/limits").await.json()["DailyApiRequests"], json!({"Max": 2, "Remaining": 0}));
    let over = desk.get("/limits").await;
    assert_eq!((over.status, over.json()[0]["message"].clone()), (403, json!("TotalRequests Limit exceeded.")));
    desk.pass(23 * 60 * 60 * 1000 + 60_000);
    let mut desk = desk;
    desk.token = desk.sf.session_for("").unwrap();
    assert_eq!(desk.get("/limits").await.status, 200, "the first call has left the window");
    assert_eq!(desk.get("/limits").await.status, 403);
}

#[tokio::test]
async fn another_process_steers_the_org() {
    let desk = Desk::open();
    let control = desk.sf.control_router();
    let send = async |method: &str, path: &str, body: serde_json::Value| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Content-Type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = control.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    };
    assert_eq!(send("POST", "/add_field", json!({"object": "Contact", "field": {"name": "X__c", "type": "double"}})).await.0, 200);
    let (_, made) = send("POST", "/insert", json!({"object": "Contact", "fields": {"LastName": "x", "X__c": 2}, "by": "site"})).await;
    let id = serde_json::from_str::<serde_json::Value>(&made).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(send("POST", "/update", json!({"object": "Contact", "id": id, "fields": {"Title": "t"}, "by": "sales"})).await.0, 200);
    let (_, dump) = send("GET", "/dump?object=Contact&fields=Id,Title,X__c", json!({})).await;
    assert_eq!(dump, format!("{{\"Id\":\"{id}\",\"Title\":\"t\",\"X__c\":2.0}}\n"));
    assert_eq!(
        send("POST", "/subscribe", json!({"object": "Contact", "url": "http://hub", "fields": ["Title"], "except": ["integration"]}))
            .await
            .0,
        200
    );
    assert_eq!(
        send("POST", "/faults", json!({"calls": {"timeout_after": 5}, "deliveries": {"doubled": 10}, "order": ["server_error"]})).await.0,
        200
    );
    assert_eq!(desk.get("/limits").await.status, 500);
    assert_eq!(send("DELETE", "/faults", json!({})).await.0, 200);
    assert_eq!(send("POST", "/delete", json!({"object": "Contact", "id": id})).await.0, 200);
    assert_eq!(send("POST", "/delete", json!({"object": "Contact", "id": id})).await.0, 400);
    assert!(send("GET", "/calls", json!({})).await.1.contains("\"total\""));
    assert_eq!(send("POST", "/expire_sessions", json!({})).await.0, 200);
    assert_eq!(desk.get("/limits").await.status, 401);
}

#[tokio::test]
async fn behind_a_socket_mail_is_retried_until_it_is_acknowledged() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let clock = entente_sims::clock::SimClock::wall();
    let mail = entente_sims::mailroom::Mailroom::new(clock, entente_sims::faults::Faults::none(1));
    let tries = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&tries);
    let hub = axum::Router::new().fallback(move || {
        let seen = Arc::clone(&seen);
        async move {
            seen.fetch_add(1, Ordering::SeqCst);
            "<Ack>true</Ack>"
        }
    });
    let (addr, task) = entente_sims::serve::serve(hub, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        rustls::crypto::ring::default_provider().install_default().unwrap();
    }
    let post = tokio::spawn(entente_sims::serve::deliver_mail(mail.clone(), reqwest::Client::new()));
    let delivery = entente_sims::mailroom::Delivery {
        platform: "salesforce",
        method: http::Method::POST,
        url: format!("http://{addr}/hook"),
        headers: vec![],
        body: b"<x/>".to_vec(),
        attempt: 0,
    };
    mail.post(delivery, 0);
    for _ in 0..200 {
        if tries.load(Ordering::SeqCst) > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!((tries.load(Ordering::SeqCst), mail.next_due_ms()), (1, None), "acknowledged once, never again");
    post.abort();
    task.abort();
}
