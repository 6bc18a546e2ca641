//! What is deleted, merged, and reached for how long.

use entente_sims::pipedrive::Kind;
use serde_json::json;

use crate::company::Company;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

#[tokio::test]
async fn a_deleted_row_is_in_no_list_and_reached_by_its_id_for_thirty_days() {
    let company = Company::open();
    let (ada, deal) = (company.plant(Kind::Person, json!({"name": "Ada"})), company.plant(Kind::Deal, json!({"title": "Deal"})));
    company.sim.delete(Kind::Person, &ada, company.person()).unwrap();
    company.sim.delete(Kind::Deal, &deal, company.person()).unwrap();
    assert!(company.get("/api/v2/persons").await.ids().is_empty());
    assert_eq!(company.get("/api/v2/deals?status=deleted").await.ids(), [1]);
    assert_eq!(company.get("/api/v2/persons/1").await.body["data"]["is_deleted"], true);
    assert_eq!(company.send("DELETE", "/api/v2/persons/1", None).await.status, 410);
    assert_eq!(company.send("PATCH", "/api/v2/persons/1", Some(json!({"name": "Eve"}))).await.status, 404);
    company.sim.restore(Kind::Person, &ada, company.person()).unwrap();
    assert_eq!(company.get("/api/v2/persons").await.ids(), [1]);
    company.pass(31 * DAY_S);
    assert!(company.get("/api/v2/deals?status=deleted").await.ids().is_empty());
    assert_eq!(company.get("/api/v2/deals/1").await.status, 404);
}

#[tokio::test]
async fn recent_changes_reach_back_a_month_at_most() {
    let company = Company::open();
    company.plant(Kind::Person, json!({"name": "Old"}));
    company.pass(40 * DAY_S);
    company.plant(Kind::Person, json!({"name": "New"}));
    let recents = company.get("/v1/recents?since_timestamp=2026-01-01%2000:00:00&items=person").await;
    assert_eq!(recents.ids(), [2]);
}

#[tokio::test]
async fn a_merge_moves_what_belonged_to_the_one_that_goes() {
    let company = Company::open();
    for name in ["Ada", "Ada King"] {
        company.plant(Kind::Person, json!({"name": name}));
    }
    company.plant(Kind::Deal, json!({"title": "Deal", "person_id": 2}));
    company.plant(Kind::Activity, json!({"subject": "Call", "participants": [{"person_id": 2, "primary": true}]}));
    let merged = company.send("PUT", "/v1/persons/2/merge", Some(json!({"merge_with_id": 1}))).await;
    assert_eq!((merged.status, &merged.body["data"]["id"], &merged.body["data"]["merge_what_id"]), (200, &json!(1), &json!(2)));
    assert_eq!(company.get("/api/v2/persons/2").await.status, 404);
    assert_eq!(company.get("/api/v2/deals/1").await.body["data"]["person_id"], 1);
    assert_eq!(company.get("/api/v2/activities/1").await.body["data"]["person_id"], 1);
}
