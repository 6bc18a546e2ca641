//! Schema changes and rollouts over the API.

use super::mappings::with_bare_platforms;
use super::*;
use entente_engine::sync::provision::provision;
use entente_sims::salesforce::{FieldSpec, FieldType};

#[tokio::test]
async fn a_field_that_is_removed_is_shown_with_its_patch_applied_and_over() {
    let (server, salesforce, _) = with_bare_platforms().await;
    provision(&server.app.engine, true).await.unwrap();
    let (status, looked) = server.post("/api/v1/schema/check", json!({ "connection": "salesforce" })).await;
    assert_eq!((status, &looked["found"]), (StatusCode::OK, &json!(0)), "the first look remembers: {looked}");
    salesforce.remove_field("Account", "Billing_Contact__c").unwrap();
    salesforce.add_field("Account", FieldSpec::new("Shoe_Size__c", FieldType::Double)).unwrap();
    let (_, looked) = server.post("/api/v1/schema/check", json!({})).await;
    assert_eq!((&looked["found"], &looked["broken"]), (&json!(2), &json!(1)), "{looked}");
    let (_, page) = server.get("/api/v1/schema/changes?state=open").await;
    let change = &page["items"][0];
    assert_eq!((&change["kind"], &change["hits"][0]["fields"]), (&json!("removed"), &json!(["billing_contact"])), "{page}");
    assert!(change["advice"].as_str().unwrap().contains("entente schema apply"), "{change}");
    let (_, dashboard) = server.get("/api/v1/dashboard").await;
    let mappings = &dashboard["mappings"];
    assert!(mappings["crm_to_support_operational"].as_u64() < mappings["crm_to_support"].as_u64(), "{mappings}");

    let id = change["id"].as_str().unwrap();
    let (status, applied) = server.post(&format!("/api/v1/schema/changes/{id}/apply"), json!({})).await;
    assert_eq!((status, &applied["saved"][0]["version"]), (StatusCode::OK, &json!(2)), "{applied}");
    let (_, mapping) = server.get("/api/v1/mappings?connection=salesforce&object=account").await;
    let lines = mapping[0]["mapping"]["fields"].as_array().unwrap();
    let line = lines.iter().find(|line| line["field"] == "billing_contact").unwrap();
    assert_eq!(line["archived"], true, "{line}");
    let (_, page) = server.get("/api/v1/schema/changes?state=open").await;
    assert_eq!(page["items"], json!([]), "{page}");
    let (status, error) = server.post(&format!("/api/v1/schema/changes/{id}/accept"), json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{error}");
    let (status, error) = server.get("/api/v1/schema/changes/99").await;
    assert_eq!((status, error["error"]["remedy"].is_string()), (StatusCode::NOT_FOUND, true), "{error}");
    assert_eq!(server.get("/api/v1/schema/changes?state=gone").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_draft_goes_into_the_shadow_and_back() {
    let (server, ..) = with_bare_platforms().await;
    provision(&server.app.engine, true).await.unwrap();
    let (_, list) = server.get("/api/v1/mappings?connection=zendesk&object=account").await;
    let mut mapping = list[0]["mapping"].clone();
    mapping["fields"].as_array_mut().unwrap().push(json!({ "field": "kind", "remote": "details", "owner": "crm" }));
    let (status, drafted) = server.post("/api/v1/mappings/zendesk/draft", json!({ "mapping": mapping, "note": "try it" })).await;
    assert_eq!((status, &drafted["version"], &drafted["active"]), (StatusCode::CREATED, &json!(2), &json!(false)), "{drafted}");
    let (status, tried) = server.post("/api/v1/mappings/zendesk/account/try", json!({ "version": 2 })).await;
    assert_eq!((status, &tried["records"], &tried["judgement"]["added"]), (StatusCode::OK, &json!(0), &json!(["kind"])), "{tried}");
    let (status, state) = server.post("/api/v1/mappings/zendesk/account/advance", json!({ "version": 2 })).await;
    assert_eq!((status, &state["stage"]), (StatusCode::OK, &json!("shadow")), "{state}");
    let (status, _) = server.post("/api/v1/mappings/zendesk/account/verify", json!({})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "it is not in force");
    let (status, error) = server.post("/api/v1/mappings/zendesk/account/advance", json!({ "version": 2, "percent": 100 })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
    let (status, back) = server.post("/api/v1/mappings/zendesk/account/back", json!({})).await;
    assert_eq!((status, &back["version"]), (StatusCode::OK, &json!(1)), "{back}");
    let (status, error) = server.post("/api/v1/mappings/zendesk/account/back", json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{error}");
}
