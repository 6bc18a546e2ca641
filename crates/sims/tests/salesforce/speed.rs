use std::time::Instant;

use serde_json::json;

use crate::desk::Desk;

/// Twenty thousand records go in through collections, and a poll by stamp stays a matter of pages. The bound is loose: it guards
/// against a scan or a sort per page, not against a slow machine.
#[tokio::test]
async fn many_records_stay_quick_to_write_and_to_poll() {
    let desk = Desk::open();
    let begun = Instant::now();
    for batch in 0..100 {
        desk.pass(1_000);
        let records: Vec<_> = (0..200)
            .map(|n| json!({"attributes": {"type": "Contact"}, "LastName": format!("L{n}"), "Email": format!("u{batch}.{n}@x.org"), "Entente_Id__c": format!("{batch}-{n}")}))
            .collect();
        let reply = desk.call("PATCH", "/composite/sobjects/Contact/Entente_Id__c", json!({"records": records})).await;
        assert_eq!(reply.status, 200);
    }
    let wrote = begun.elapsed();
    assert_eq!(desk.sf.count("Contact"), 20_000);
    let begun = Instant::now();
    for _ in 0..100 {
        let page = desk
            .soql("SELECT Id, Email FROM Contact WHERE SystemModstamp >= 2026-01-05T10:00:30Z ORDER BY SystemModstamp, Id LIMIT 50")
            .await;
        assert_eq!(page.json()["totalSize"], 50);
    }
    let polled = begun.elapsed();
    assert!(wrote.as_secs() < 30, "20,000 writes took {wrote:?}");
    assert!(polled.as_secs() < 5, "100 polls took {polled:?}");
    println!("20,000 writes: {wrote:?}; 100 polls: {polled:?}");
}
