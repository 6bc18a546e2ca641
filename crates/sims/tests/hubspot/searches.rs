use serde_json::{Value, json};

use crate::portal::{Portal, ids, map};

fn one(property: &str, operator: &str, value: Value) -> Value {
    let value = if value.is_array() {
        json!({"propertyName": property, "operator": operator, "values": value})
    } else {
        json!({"propertyName": property, "operator": operator, "value": value})
    };
    json!({"filterGroups": [{"filters": [value]}], "limit": 200})
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let portal = Portal::open();
    let acme = portal.make("companies", json!({"name": "Acme", "numberofemployees": 90, "phone": "+49 (30) 123-4567"})).await;
    let bolt = portal.make("companies", json!({"name": "Bolt Works", "numberofemployees": 1000})).await;
    let found = async |body: Value| ids(&portal.post("/crm/v3/objects/companies/search", body).await.ok());
    assert_eq!(found(one("name", "EQ", json!("acme"))).await, [acme.as_str()]);
    assert_eq!(found(one("numberofemployees", "GT", json!("100"))).await, [bolt.as_str()], "numbers are compared as numbers");
    assert_eq!(found(one("name", "IN", json!(["acme", "bolt works"]))).await.len(), 2);
    assert_eq!(found(one("name", "CONTAINS_TOKEN", json!("work*"))).await, [bolt.as_str()]);
    assert_eq!(found(one("phone", "NOT_HAS_PROPERTY", Value::Null)).await, [bolt.as_str()]);
    assert_eq!(found(one("hs_searchable_calculated_phone_number", "EQ", json!("49301234567"))).await, [acme.as_str()]);
    let groups = json!({"filterGroups": [
        {"filters": [{"propertyName": "name", "operator": "EQ", "value": "Acme"}]},
        {"filters": [{"propertyName": "name", "operator": "EQ", "value": "Bolt Works"}]},
    ], "sorts": [{"propertyName": "numberofemployees", "direction": "DESCENDING"}]});
    assert_eq!(found(groups).await, [bolt, acme]);
    let strange = portal.post("/crm/v3/objects/companies/search", one("no_such", "EQ", json!("1"))).await;
    assert_eq!(strange.status, 400);
    let sorts = json!({"sorts": ["-name", "domain"]});
    assert_eq!(portal.post("/crm/v3/objects/companies/search", sorts).await.status, 400, "one sort only");
}

#[tokio::test]
async fn no_page_reaches_behind_ten_thousand() {
    let portal = Portal::open();
    for n in 0..10_150 {
        portal.plant("companies", json!({"name": format!("C{n}")}));
    }
    let page = |after: usize, limit: usize| json!({"limit": limit, "after": after.to_string(), "sorts": ["hs_object_id"]});
    let last = portal.post("/crm/v3/objects/companies/search", page(9_800, 200)).await.ok();
    assert_eq!((last["total"].as_u64(), last["paging"]["next"]["after"].as_str()), (Some(10_150), Some("10000")));
    let beyond = portal.post("/crm/v3/objects/companies/search", page(10_000, 200)).await;
    assert_eq!((beyond.status, beyond.json()["category"].as_str()), (400, Some("VALIDATION_ERROR")));
    assert_eq!(portal.post("/crm/v3/objects/companies/search", page(0, 201)).await.status, 400);
    let long: String = "x".repeat(3_000);
    assert_eq!(portal.post("/crm/v3/objects/companies/search", one("name", "EQ", json!(long))).await.status, 400);
}

#[tokio::test]
async fn the_index_lags_and_knows_no_archived_records() {
    let portal = Portal::with(|options| options.profile.index_lag_ms = 2_000);
    let id = portal.make("contacts", json!({"email": "a@example.com", "firstname": "Old"})).await;
    let total =
        async |name: &str| portal.post("/crm/v3/objects/contacts/search", one("firstname", "EQ", json!(name))).await.ok()["total"].clone();
    assert_eq!(total("Old").await, 0);
    portal.pass(2_000);
    assert_eq!(total("Old").await, 1);
    portal.sim.update("contacts", &id, &map(json!({"firstname": "New"})), portal.person()).unwrap();
    assert_eq!((total("Old").await, total("New").await), (json!(1), json!(0)));
    portal.pass(2_000);
    assert_eq!((total("Old").await, total("New").await), (json!(0), json!(1)));
    portal.sim.archive("contacts", &id, portal.person()).unwrap();
    assert_eq!(total("New").await, 0);
}

#[tokio::test]
async fn five_searches_a_second_and_no_word_about_it() {
    let portal = Portal::with(|options| options.profile.limits = true);
    for _ in 0..5 {
        let answer = portal.post("/crm/v3/objects/contacts/search", json!({})).await;
        assert_eq!((answer.status, answer.header("x-hubspot-ratelimit-max")), (200, ""));
    }
    let refused = portal.post("/crm/v3/objects/contacts/search", json!({})).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, ""));
    assert_eq!(refused.json()["message"], "You have reached your secondly limit.");
    assert_eq!(portal.get("/crm/v3/objects/contacts").await.status, 200, "other calls have their own limit");
    portal.pass(1_000);
    assert_eq!(portal.post("/crm/v3/objects/contacts/search", json!({})).await.status, 200);
}
