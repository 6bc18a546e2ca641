use serde_json::{Value, json};

use crate::portal::{Portal, ids};

#[tokio::test]
async fn upsert_by_a_unique_property_makes_no_twin() {
    let portal = Portal::open();
    let rows = |name: &str| json!({"inputs": [{"id": "con_1", "idProperty": "entente_id", "properties": {"firstname": name}}]});
    let first = portal.post("/crm/v3/objects/contacts/batch/upsert", rows("Ada")).await.ok();
    let second = portal.post("/crm/objects/2026-09/contacts/batch/upsert", rows("Augusta")).await.ok();
    assert_eq!((&first["results"][0]["new"], &second["results"][0]["new"]), (&json!(true), &json!(false)));
    assert_eq!(ids(&first), ids(&second));
    assert_eq!(portal.sim.count("contacts"), 1);
}

#[tokio::test]
async fn a_row_with_a_trace_id_fails_alone_and_one_without_takes_all_down() {
    let portal = Portal::open();
    let row = |email: &str, trace: Option<&str>| {
        let mut row = json!({"properties": {"email": email}});
        if let Some(trace) = trace {
            row["objectWriteTraceId"] = json!(trace);
        }
        row
    };
    let traced = json!({"inputs": [row("a@example.com", Some("0")), row("broken", Some("1")), row("c@example.com", Some("2"))]});
    let partial = portal.post("/crm/v3/objects/contacts/batch/create", traced.clone()).await;
    assert_eq!((partial.status, partial.json()["numErrors"].as_u64()), (207, Some(1)));
    assert_eq!(partial.json()["errors"][0]["context"]["objectWriteTraceId"], json!(["1"]));
    assert_eq!(partial.json()["results"][1]["objectWriteTraceId"], "2");
    let dated = portal.post("/crm/objects/2026-09/contacts/batch/create", traced).await;
    assert_eq!((dated.status, dated.json()["numErrors"].as_u64()), (201, Some(3)), "dated paths know no 207");
    let bare =
        portal.post("/crm/v3/objects/contacts/batch/create", json!({"inputs": [row("d@example.com", None), row("broken", None)]})).await;
    assert_eq!(bare.status, 400);
    assert_eq!(portal.sim.count("contacts"), 2, "nothing of a failed batch is kept");
}

#[tokio::test]
async fn batches_have_a_ceiling_and_no_doubles() {
    let portal = Portal::open();
    let many: Vec<Value> = (0..101).map(|n| json!({"id": n.to_string()})).collect();
    assert_eq!(portal.post("/crm/v3/objects/contacts/batch/read", json!({"inputs": many})).await.status, 400);
    let history = json!({"inputs": many[..51], "propertiesWithHistory": ["email"]});
    assert_eq!(portal.post("/crm/v3/objects/contacts/batch/read", history).await.status, 400);
    let twice = json!({"inputs": [{"id": "1", "properties": {}}, {"id": "1", "properties": {}}]});
    assert_eq!(portal.post("/crm/v3/objects/contacts/batch/update", twice).await.status, 400);
    assert_eq!(portal.post("/crm/v3/objects/contacts/batch/read", json!([{"id": "1"}])).await.status, 400, "inputs must be wrapped");
}

#[tokio::test]
async fn a_read_tells_which_rows_are_missing() {
    let portal = Portal::open();
    let id = portal.make("contacts", json!({"email": "a@example.com"})).await;
    let read = portal.post("/crm/v3/objects/contacts/batch/read", json!({"inputs": [{"id": id}, {"id": "77"}]})).await;
    assert_eq!(read.status, 207);
    assert_eq!(ids(&read.json()), [id.as_str()]);
    assert_eq!(read.json()["errors"][0]["category"], "OBJECT_NOT_FOUND");
    assert_eq!(read.json()["errors"][0]["context"]["ids"], json!(["77"]));
    let by_email = json!({"inputs": [{"id": "A@example.com"}], "idProperty": "email", "properties": ["email"]});
    assert_eq!(ids(&portal.post("/crm/v3/objects/contacts/batch/read", by_email).await.ok()), [id.as_str()]);
    let gone = portal.post("/crm/v3/objects/contacts/batch/archive", json!({"inputs": [{"id": id}, {"id": "77"}]})).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(portal.sim.count("contacts"), 0);
}
