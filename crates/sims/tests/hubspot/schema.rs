use serde_json::{Value, json};

use crate::portal::Portal;

fn tier() -> Value {
    json!({"name": "account_tier", "label": "Tier", "type": "enumeration", "fieldType": "select", "groupName": "companyinformation",
           "options": [{"label": "Pro", "value": "Pro", "displayOrder": 0, "hidden": false}]})
}

#[tokio::test]
async fn a_property_is_made_once_and_comes_back_after_archiving() {
    let portal = Portal::open();
    let path = "/crm/v3/properties/companies";
    let made = portal.post(path, tier()).await;
    assert_eq!((made.status, made.json()["displayOrder"].as_i64()), (201, Some(-1)));
    let twice = portal.post(path, tier()).await;
    assert_eq!((twice.status, twice.json()["subCategory"].as_str()), (409, Some("Properties.PROPERTY_WITH_NAME_EXISTS")));
    let options = json!({"options": [{"label": "Free", "value": "Free", "displayOrder": 0, "hidden": false}]});
    let changed = portal.call("PATCH", "/crm/v3/properties/companies/account_tier", options).await.ok();
    assert_eq!(changed["options"].as_array().unwrap().len(), 1, "the whole list is replaced");
    assert_eq!(portal.call("DELETE", "/crm/v3/properties/companies/account_tier", Value::Null).await.status, 204);
    assert_eq!(portal.get("/crm/v3/properties/companies/account_tier").await.status, 404);
    assert_eq!(portal.post(path, tier()).await.status, 201);
    let mut lost = tier();
    lost["name"] = json!("other");
    lost["groupName"] = json!("nowhere");
    assert_eq!(portal.post(path, lost).await.status, 400);
}

#[tokio::test]
async fn owners_pipelines_and_read_only_marks_are_there() {
    let portal = Portal::open();
    let owners = portal.get("/crm/v3/owners?limit=2").await.ok();
    assert_eq!((owners["results"].as_array().unwrap().len(), owners["paging"]["next"]["after"].is_string()), (2, true));
    let left = portal.get("/crm/owners/2026-09?archived=true").await.ok();
    assert_eq!((left["results"][0]["firstName"].as_str(), left["results"][0]["userId"].is_null()), (Some("Gus"), true));
    let lines = portal.get("/crm/v3/pipelines/deals").await.ok();
    assert_eq!(lines["results"][0]["stages"][5]["metadata"], json!({"isClosed": "true", "probability": "1.0"}));
    let owner = portal.get("/crm/v3/properties/contacts/hubspot_owner_id").await.ok();
    assert_eq!((owner["referencedObjectType"].as_str(), owner["externalOptions"].as_bool()), (Some("OWNER"), Some(true)));
    let stamp = portal.get("/crm/v3/properties/contacts/lastmodifieddate").await.ok();
    assert_eq!(stamp["modificationMetadata"]["readOnlyValue"], true);
    assert_eq!(portal.get("/crm/v3/objects/spaceships").await.status, 400);
}
