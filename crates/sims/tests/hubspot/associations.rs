use serde_json::{Value, json};

use crate::portal::Portal;

#[tokio::test]
async fn both_directions_are_written_and_the_primary_mark_moves() {
    let portal = Portal::open();
    let contact = portal.make("contacts", json!({"email": "a@example.com"})).await;
    let (first, second) = (portal.make("companies", json!({"name": "One"})).await, portal.make("companies", json!({"name": "Two"})).await);
    let put = |company: &str| format!("/crm/v4/objects/contacts/{contact}/associations/default/companies/{company}");
    let made = portal.call("PUT", &put(&first), Value::Null).await.ok();
    assert_eq!(made["results"][0]["associationSpec"]["associationTypeId"], 279);
    assert_eq!(made["results"][1]["associationSpec"]["associationTypeId"], 280);
    let types = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]);
    let primary = |company: &str| json!({"inputs": [{"from": {"id": contact}, "to": {"id": company}, "types": types}]});
    for company in [&first, &second] {
        let batch = portal.post("/crm/v4/associations/contacts/companies/batch/create", primary(company)).await;
        assert_eq!(batch.status, 201, "{}", batch.text);
    }
    let listed = portal.get(&format!("/crm/v4/objects/contacts/{contact}/associations/companies")).await.ok();
    let marks: Vec<(&str, usize)> = listed["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["toObjectId"].as_str().unwrap(), row["associationTypes"].as_array().unwrap().len()))
        .collect();
    assert_eq!(marks, [(first.as_str(), 1), (second.as_str(), 2)], "the second is primary now");
    let read = portal.post("/crm/v4/associations/companies/contacts/batch/read", json!({"inputs": [{"id": first}]})).await.ok();
    assert_eq!(read["results"][0]["to"][0]["toObjectId"], contact.as_str());
    let inline = portal.get("/crm/v3/objects/contacts?associations=companies&properties=associatedcompanyid").await.ok();
    let rows: Vec<(&str, &str)> = inline["results"][0]["associations"]["companies"]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["id"].as_str().unwrap(), row["type"].as_str().unwrap()))
        .collect();
    assert!(rows.contains(&(second.as_str(), "contact_to_company")) && rows.contains(&(first.as_str(), "contact_to_company_unlabeled")));
    assert_eq!(inline["results"][0]["properties"]["associatedcompanyid"], second.as_str());
}

#[tokio::test]
async fn ends_that_are_missing_fail_alone_and_archiving_ends_all_labels() {
    let portal = Portal::open();
    let note = portal.make("notes", json!({"hs_note_body": "Hello", "hs_timestamp": "2026-01-05T10:00:00Z"})).await;
    let contact = portal.make("contacts", json!({"email": "a@example.com"})).await;
    let types = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}]);
    let body = json!({"inputs": [
        {"from": {"id": note}, "to": {"id": contact}, "types": types}, {"from": {"id": note}, "to": {"id": "9"}, "types": types},
    ]});
    let mixed = portal.post("/crm/v4/associations/notes/contacts/batch/create", body).await;
    assert_eq!((mixed.status, mixed.json()["numErrors"].as_u64()), (207, Some(1)));
    let archive = json!({"inputs": [{"from": {"id": note}, "to": [{"id": contact}]}]});
    assert_eq!(portal.post("/crm/v4/associations/notes/contacts/batch/archive", archive.clone()).await.status, 204);
    assert_eq!(portal.post("/crm/associations/2026-09/notes/contacts/batch/archive", archive).await.status, 200);
    assert!(portal.sim.associated("notes", &note, "contacts").is_empty());
    let none = portal.post("/crm/v4/associations/notes/contacts/batch/read", json!({"inputs": [{"id": note}]})).await.json();
    assert_eq!(none["errors"][0]["subCategory"], "crm.associations.NO_ASSOCIATIONS_FOUND");
    let old = json!({"inputs": [{"from": {"id": note}, "to": {"id": contact}, "type": "note_to_contact"}]});
    let both = portal.post("/crm/v3/associations/notes/contacts/batch/create", old).await.ok();
    assert_eq!(both["results"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_record_is_born_with_its_associations() {
    let portal = Portal::open();
    let company = portal.make("companies", json!({"name": "One"})).await;
    let body = json!({
        "properties": {"email": "a@example.com"},
        "associations": [{"to": {"id": company}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]}],
    });
    let made = portal.post("/crm/v3/objects/contacts", body).await.ok();
    assert_eq!(portal.sim.associated("contacts", made["id"].as_str().unwrap(), "companies"), [company]);
}
