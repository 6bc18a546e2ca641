//! Bad input, told to the real program: each time a clear error that says where and what to do, and nothing changes.

use std::process::Output;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use crate::caller::client;
use crate::hub::{Folder, stop};
use crate::platforms::Platforms;

/// Contacts in the CRM.
const CUSTOMERS: usize = 20;
/// Time that the first sync of so few may take.
const SYNC_MAX: Duration = Duration::from_secs(40);
/// Bytes beyond which a webhook is refused.
const WEBHOOK_MAX: usize = 2 * 1024 * 1024;

/// A configuration with both connections; secrets and addresses as given.
fn configuration(salesforce: &str, zendesk: &str, client_secret: &str, organization: &str, signing_secret: &str) -> String {
    format!(
        r#"
[server]
listen = "{{listen}}"

[store]
url = "sqlite:entente.db"

[sync]
latency_target_ms = 500
poll_interval_ms = 10000

[[connection]]
name = "salesforce"
platform = "salesforce"
base_url = "{salesforce}"
auth = {{ kind = "client_credentials", client_id = "sim-client", client_secret = "{client_secret}" }}
webhooks = {{ organization = "{organization}", path_secret = "a-secret-path" }}

[[connection]]
name = "zendesk"
platform = "zendesk"
base_url = "{zendesk}"
auth = {{ kind = "client_credentials", client_id = "entente", client_secret = "zendesk-client-secret" }}
webhooks = {{ signing_secret = "{signing_secret}" }}
"#
    )
}

fn all_text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A signature as Zendesk makes it.
fn sign(secret: &str, stamp: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, &[stamp.as_bytes(), body].concat()))
}

/// Rows of both platforms, as they are now.
async fn rows(platforms: &Platforms) -> Vec<String> {
    let crm = ["Account", "Contact", "Task", "Opportunity"].map(|object| format!("{}/_sim/dump?object={object}", platforms.salesforce));
    let desk = ["users", "organizations", "tickets"].map(|kind| format!("{}/_sim/dump?kind={kind}", platforms.zendesk));
    let mut rows = Vec::new();
    for url in crm.into_iter().chain(desk) {
        rows.push(client().get(url).send().await.unwrap().text().await.unwrap());
    }
    rows
}

/// What Entente holds: its records, the newest entry of one of them, webhooks kept and what waits.
async fn held(folder: &Folder) -> Value {
    let records = folder.get("/api/v1/records?limit=500").await;
    let letters = folder.get("/api/v1/dead-letters").await;
    json!({ "records": records, "dead_letters": letters, "conflicts": folder.get("/api/v1/conflicts").await })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_host_is_named_and_nothing_is_written() {
    let folder = Folder::new(&configuration("http://127.0.0.1:9", "http://127.0.0.1:9", "hush-hush", "00D000000000001EAA", "hush-hush"));
    let doctor = folder.run(&["doctor"]).await;
    let told = all_text(&doctor);
    assert_eq!(doctor.status.code(), Some(1), "{told}");
    assert!(told.contains("FAIL  salesforce") && told.contains("cannot reach 127.0.0.1") && told.contains("check the network"), "{told}");
    assert!(!told.contains("hush-hush"), "{told}");
    // The server serves all the same, says why it cannot sync, and holds nothing.
    let mut child = folder.serve();
    folder.serves(&mut child).await;
    let began = tokio::time::Instant::now();
    while !folder.last_words().contains("a poll failed") {
        assert!(began.elapsed() < SYNC_MAX, "the server says nothing:\n{}", folder.last_words());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(folder.get("/api/v1/records").await["items"], json!([]));
    stop(child).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_told_with_their_remedy_and_change_nothing() {
    let platforms = Platforms::start(3, CUSTOMERS).await;
    let before = rows(&platforms).await;
    let folder = Folder::new(&configuration(&platforms.salesforce, &platforms.zendesk, "hush-hush", "00D000000000001EAA", "hush"));
    let doctor = folder.run(&["doctor"]).await;
    let told = all_text(&doctor);
    assert_eq!(doctor.status.code(), Some(1), "{told}");
    assert!(told.contains("FAIL  salesforce") && told.contains("signing in failed"), "{told}");
    assert!(!told.contains("hush-hush"), "{told}");
    let provision = folder.run(&["provision", "--apply"]).await;
    let told = all_text(&provision);
    assert_eq!(provision.status.code(), Some(1), "{told}");
    assert!(told.contains("salesforce") && told.contains("fix:"), "{told}");
    assert!(!told.contains("hush-hush"), "{told}");
    assert_eq!(rows(&platforms).await, before, "a program that cannot sign in changed something");
}

/// What is sent, where to, with which headers and body, and the status that answers it.
type Case<'a> = (&'a str, &'a str, Vec<(String, String)>, Vec<u8>, u16);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_that_are_not_the_vendor_s_or_not_readable_leave_nothing_behind() {
    let platforms = Platforms::start(4, CUSTOMERS).await;
    // Nobody sends webhooks here but this test.
    let (organization, secret) = platforms.webhooks("http://127.0.0.1:9/", "http://127.0.0.1:9/").await;
    let folder = Folder::new(&configuration(&platforms.salesforce, &platforms.zendesk, "sim-secret", &organization, &secret));
    let mut child = folder.serve();
    folder.serves(&mut child).await;
    let began = tokio::time::Instant::now();
    let mut still = 0;
    while still < 5 {
        let dashboard = folder.get("/api/v1/dashboard").await;
        let agreement = platforms.get("world/agreement").await;
        still = if agreement["in_agreement"] == agreement["customers"] { still + 1 } else { 0 };
        assert!(began.elapsed() < SYNC_MAX, "no agreement: {agreement:#}\n{dashboard:#}\n{}", folder.last_words());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (before, platforms_before) = (held(&folder).await, rows(&platforms).await);

    let now = jiff::Timestamp::now().to_string();
    let body = json!({
        "type": "zen:event-type:user.name_changed", "id": "01HXYZ", "account_id": 1, "subject": "zen:user:1", "time": now,
        "zendesk_event_version": "2022-11-06", "detail": { "id": "1" }, "event": { "current": "Mallory", "previous": "Ada" },
    });
    let body = body.to_string();
    let signed = |secret: &str, stamp: &str, body: &[u8]| {
        vec![
            ("x-zendesk-webhook-signature".to_owned(), sign(secret, stamp, body)),
            ("x-zendesk-webhook-signature-timestamp".to_owned(), stamp.to_owned()),
            ("x-zendesk-webhook-invocation-id".to_owned(), "01HINVOCATION".to_owned()),
        ]
    };
    let soap = |organization: &str| {
        format!(
            r#"<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{organization}</OrganizationId><Notification><Id>04l000000000001AAA</Id><sObject xsi:type="sf:Contact" xmlns:sf="urn:sobject.enterprise.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><sf:Id>003000000000001AAA</sf:Id></sObject></Notification></notifications></soapenv:Body></soapenv:Envelope>"#
        )
    };
    let broken = "{\"type\": ";
    let large = vec![b'x'; WEBHOOK_MAX + 1];
    let old = "2020-01-01T00:00:00Z";
    let cases: Vec<Case> = vec![
        ("no signature", "/hooks/zendesk", Vec::new(), body.clone().into_bytes(), 401),
        ("another secret's signature", "/hooks/zendesk", signed("another", &now, body.as_bytes()), body.clone().into_bytes(), 401),
        ("a signature of another body", "/hooks/zendesk", signed(&secret, &now, b"{}"), body.clone().into_bytes(), 401),
        ("an old delivery sent again", "/hooks/zendesk", signed(&secret, old, body.as_bytes()), body.clone().into_bytes(), 401),
        ("no JSON", "/hooks/zendesk", signed(&secret, &now, broken.as_bytes()), broken.as_bytes().to_vec(), 400),
        ("an oversized body", "/hooks/zendesk", signed(&secret, &now, &large), large.clone(), 413),
        ("a wrong path", "/hooks/salesforce/wrong", Vec::new(), soap(&organization).into_bytes(), 401),
        ("no secret path", "/hooks/salesforce", Vec::new(), soap(&organization).into_bytes(), 401),
        ("another organisation", "/hooks/salesforce/a-secret-path", Vec::new(), soap("00D000000000099EAA").into_bytes(), 401),
        ("no XML", "/hooks/salesforce/a-secret-path", Vec::new(), b"<soapenv:Envelope".to_vec(), 400),
        ("an unknown connection", "/hooks/hubspot", Vec::new(), b"{}".to_vec(), 404),
    ];
    let client = client();
    for (what, path, headers, body, expected) in cases {
        let mut request = client.post(format!("{}{path}", folder.url)).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        assert_eq!(status, expected, "{what}: {text}");
        let error: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{what}: {text}"));
        for part in ["code", "message", "remedy"] {
            assert!(error["error"][part].as_str().is_some_and(|text| !text.is_empty()), "{what}: no {part} in {text}");
        }
        assert!(!text.contains(&secret) && !text.contains("a-secret-path"), "{what}: {text}");
    }
    // API bodies are held to their own limits.
    let answer =
        client.post(format!("{}/api/v1/resync", folder.url)).header("content-type", "application/json").body("{").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 400, "{}", answer.text().await.unwrap());
    let answer =
        client.post(format!("{}/api/v1/resync", folder.url)).header("content-type", "application/json").body(large).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 413, "{}", answer.text().await.unwrap());

    assert_eq!(held(&folder).await, before, "a refused webhook changed what Entente holds");
    assert_eq!(rows(&platforms).await, platforms_before, "a refused webhook changed a platform");
    // Refusals are counted in memory and kept with the next counters.
    let began = std::time::Instant::now();
    loop {
        let metrics = client.get(format!("{}/metrics", folder.url)).send().await.unwrap().text().await.unwrap();
        if metrics.lines().any(|line| line.contains("refused") && !line.starts_with('#') && !line.ends_with(" 0")) {
            break;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "{metrics}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    stop(child).await;
}
