use entente_sims::hubspot::Tier;
use serde_json::{Value, json};

use crate::portal::Portal;

fn car() -> Value {
    json!({
        "name": "car", "labels": {"singular": "Car", "plural": "Cars"}, "primaryDisplayProperty": "model", "requiredProperties": ["model"],
        "searchableProperties": ["model"], "associatedObjects": ["CONTACT"],
        "properties": [
            {"name": "model", "label": "Model", "type": "string", "fieldType": "text"},
            {"name": "vin", "label": "VIN", "type": "string", "fieldType": "text", "hasUniqueValue": true},
        ],
    })
}

#[tokio::test]
async fn an_object_type_is_defined_and_its_records_behave_like_any() {
    let portal = Portal::open();
    let made = portal.post("/crm-object-schemas/v3/schemas", car()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let ty = made["objectTypeId"].as_str().unwrap().to_owned();
    assert!(ty.starts_with("2-") && made["fullyQualifiedName"] == "p62515_car");
    let listed = portal.get("/crm/v3/schemas").await.ok();
    assert_eq!(listed["results"][0]["objectTypeId"], ty.as_str(), "both paths lead there");
    let id = portal.make(&ty, json!({"model": "Beetle", "vin": "W1"})).await;
    let read = portal.get(&format!("/crm/objects/2026-09/p62515_car/{id}?properties=model,vin,mileage")).await.ok();
    assert_eq!(read["properties"]["model"], "Beetle");
    assert!(read["properties"].get("mileage").is_none());
    let found = portal
        .post(
            &format!("/crm/v3/objects/{ty}/search"),
            json!({"filterGroups": [{"filters": [{"propertyName": "vin", "operator": "EQ", "value": "W1"}]}]}),
        )
        .await
        .ok();
    assert_eq!(found["total"], 1);
    assert_eq!(portal.get("/crm/v3/objects/car").await.status, 400, "the short name is none in paths");
    let lacking = portal.post(&format!("/crm/v3/objects/{ty}"), json!({"properties": {"vin": "W2"}})).await;
    assert_eq!((lacking.status, lacking.json()["errors"][0]["code"].clone()), (400, json!("MISSING_REQUIRED_PROPERTY")));
    let twin = portal.post(&format!("/crm/v3/objects/{ty}"), json!({"properties": {"model": "B", "vin": "W1"}})).await;
    assert_eq!(twin.status, 409);
}

#[tokio::test]
async fn its_associations_have_numbers_of_their_own_in_both_directions() {
    let portal = Portal::open();
    let made = portal.post("/crm-object-schemas/2026-09/schemas", car()).await.ok();
    let ty = made["objectTypeId"].as_str().unwrap().to_owned();
    let contact = portal.make("contacts", json!({"email": "a@example.com"})).await;
    let id = portal.make(&ty, json!({"model": "Beetle"})).await;
    let labels = portal.get(&format!("/crm/v4/associations/{ty}/contacts/labels")).await.ok();
    let (number, category) = (labels["results"][0]["typeId"].clone(), labels["results"][0]["category"].clone());
    assert_eq!(category, "USER_DEFINED");
    let body = json!([{"associationCategory": category, "associationTypeId": number}]);
    let put = portal.call("PUT", &format!("/crm/v4/objects/{ty}/{id}/associations/contacts/{contact}"), body).await;
    assert_eq!(put.status, 201, "{}", put.text);
    let back = portal.get(&format!("/crm/v4/objects/contacts/{contact}/associations/{ty}")).await.ok();
    assert_eq!(back["results"][0]["toObjectId"], id.as_str());
    assert_ne!(back["results"][0]["associationTypes"][0]["typeId"], number);
    let deals = portal.get(&format!("/crm/v4/associations/{ty}/deals/labels")).await;
    assert_eq!(deals.status, 404, "they were not said to go together");
    let pair = json!({"fromObjectTypeId": ty, "toObjectTypeId": "0-3", "name": "car_to_deal"});
    portal.post(&format!("/crm-object-schemas/v3/schemas/{ty}/associations"), pair).await.ok();
    portal.get(&format!("/crm/v4/associations/deals/{ty}/labels")).await.ok();
}

#[tokio::test]
async fn a_definition_is_deleted_only_without_records_and_its_name_is_free_once_purged() {
    let portal = Portal::open();
    let made = portal.post("/crm-object-schemas/v3/schemas", car()).await.ok();
    let ty = made["objectTypeId"].as_str().unwrap().to_owned();
    let twice = portal.post("/crm-object-schemas/v3/schemas", car()).await;
    assert_eq!((twice.status, twice.json()["category"].clone()), (409, json!("OBJECT_ALREADY_EXISTS")));
    let id = portal.make(&ty, json!({"model": "Beetle"})).await;
    let path = format!("/crm-object-schemas/v3/schemas/{ty}");
    assert_eq!(portal.call("DELETE", &path, Value::Null).await.status, 400);
    portal.call("DELETE", &format!("/crm/v3/objects/{ty}/{id}"), Value::Null).await.ok();
    portal.call("DELETE", &path, Value::Null).await.ok();
    assert_eq!(portal.get(&format!("/crm/v3/objects/{ty}")).await.status, 400);
    assert_eq!(portal.post("/crm-object-schemas/v3/schemas", car()).await.status, 409, "its name is kept while it lies in the bin");
    portal.call("DELETE", &format!("{path}?archived=true"), Value::Null).await.ok();
    assert_eq!(portal.post("/crm-object-schemas/v3/schemas", car()).await.status, 201);
}

#[tokio::test]
async fn accounts_below_the_tier_have_none() {
    let portal = Portal::with(|options| options.tier = Tier::Professional);
    let refused = portal.get("/crm-object-schemas/v3/schemas").await;
    assert_eq!((refused.status, refused.json()["category"].clone()), (403, json!("MISSING_SCOPES")));
    assert_eq!(portal.post("/crm-object-schemas/v3/schemas", car()).await.status, 403);
    let wrong = Portal::open();
    let mut strange = car();
    strange["requiredProperties"] = json!(["wheels"]);
    assert_eq!(wrong.post("/crm-object-schemas/v3/schemas", strange).await.status, 400);
    let mut bare = car();
    bare.as_object_mut().unwrap().remove("associatedObjects");
    assert_eq!(wrong.post("/crm-object-schemas/v3/schemas", bare).await.status, 400);
}
