//! Companies: kept by an id that never changes, listed once they have people, scrolled through by one at a time.

use serde_json::json;

use super::workspace::{Workspace, ids};

#[tokio::test]
async fn a_company_is_made_and_found_by_its_id_and_leaves_out_what_it_has_not() {
    let workspace = Workspace::open();
    let made = workspace.post("/companies", json!({"company_id": "a-1", "name": "Acme", "monthly_spend": 12.9})).await.ok();
    assert!(!made.as_object().unwrap().contains_key("website") && made["plan"] == json!({}));
    assert_eq!((&made["monthly_spend"], &made["custom_attributes"]["creation_source"]), (&json!(12), &json!("api")));
    let again = workspace.post("/companies", json!({"company_id": "a-1", "plan": "Pro", "website": "acme.example"})).await.ok();
    assert_eq!((&again["id"], &again["name"], &again["plan"]["name"]), (&made["id"], &json!("Acme"), &json!("Pro")));
    let refused = workspace.post("/companies", json!({"company_id": "a-1", "nickname": "A"})).await;
    assert_eq!((refused.refusal(), refused.message().as_str()), ((400, "bad_request".to_owned()), "bad 'nickname' parameter"));
    assert_eq!(workspace.get("/companies?company_id=a-1").await.ok()["id"], made["id"]);
    assert_eq!(workspace.get("/companies?name=Bolt").await.refusal(), (404, "company_not_found".to_owned()));
    let id = made["id"].as_str().unwrap();
    let gone = workspace.delete(&format!("/companies/{id}")).await.ok();
    assert_eq!(gone, json!({"id": id, "object": "company", "deleted": true}));
}

#[tokio::test]
async fn companies_without_people_are_counted_and_not_listed() {
    let workspace = Workspace::open();
    for at in 0..3 {
        let company = workspace.make("/companies", json!({"company_id": format!("a-{at}")})).await;
        if at == 1 {
            let ann = workspace.contact("ann@acme.example").await;
            workspace.post(&format!("/contacts/{ann}/companies"), json!({"id": company})).await.ok();
        }
    }
    let listed = workspace.post("/companies/list", json!({})).await.ok();
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["total_count"]), (1, &json!(3)));
    assert!(listed["pages"]["next"].is_null());
}

#[tokio::test]
async fn a_scroll_shows_everyone_and_keeps_others_out_until_it_ends_or_idles() {
    let workspace = Workspace::open();
    for at in 0..120 {
        workspace.make("/companies", json!({"company_id": format!("a-{at}")})).await;
    }
    let first = workspace.get("/companies/scroll").await.ok();
    assert_eq!((ids(&first["data"]).len(), &first["pages"], &first["total_count"]), (100, &json!(null), &json!(null)));
    assert_eq!(workspace.get("/companies/scroll").await.refusal(), (400, "scroll_exists".to_owned()));
    let param = first["scroll_param"].as_str().unwrap();
    let path = format!("/companies/scroll?scroll_param={param}");
    assert_eq!(ids(&workspace.get(&path).await.ok()["data"]).len(), 20);
    assert_eq!(ids(&workspace.get(&path).await.ok()["data"]).len(), 0);
    assert_eq!(workspace.get(&path).await.status, 404, "the end ended it");
    let second = workspace.get("/companies/scroll").await.ok();
    workspace.pass(60_000);
    let path = format!("/companies/scroll?scroll_param={}", second["scroll_param"].as_str().unwrap());
    assert_eq!(workspace.get(&path).await.status, 404, "it was idle for a minute");
    workspace.get("/companies/scroll").await.ok();
}
