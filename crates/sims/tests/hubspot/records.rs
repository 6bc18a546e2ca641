use entente_sims::hubspot::Hand;
use serde_json::{Value, json};

use crate::portal::{Portal, ids, map};

#[tokio::test]
async fn values_are_texts_unset_ones_null_and_unknown_ones_left_out() {
    let portal = Portal::open();
    let id = portal.make("deals", json!({"dealname": "Big", "dealstage": "closedwon", "amount": 10000})).await;
    let read =
        portal.get(&format!("/crm/v3/objects/deals/{id}?properties=amount,description&properties=no_such,hs_is_closed_won")).await.ok();
    let properties = map(read["properties"].clone());
    assert_eq!(properties["amount"], "10000");
    assert_eq!(properties["description"], Value::Null);
    assert_eq!(properties["hs_is_closed_won"], "true");
    assert!(!properties.contains_key("no_such"));
    let usual = portal.get(&format!("/crm/objects/2026-09/deals/{id}")).await.ok();
    assert_eq!(usual["properties"]["dealstage"], "closedwon", "dated paths lead to the same record");
    assert_eq!(usual["updatedAt"], "2026-01-05T10:00:00.250Z");
}

#[tokio::test]
async fn a_write_that_changes_nothing_keeps_the_stamp() {
    let portal = Portal::open();
    let id = portal.make("contacts", json!({"email": " Ada@Example.COM ", "firstname": "Ada"})).await;
    let before = portal.get(&format!("/crm/v3/objects/contacts/{id}?properties=email")).await.ok();
    assert_eq!(before["properties"]["email"], "ada@example.com");
    portal.pass(5_000);
    let path = format!("/crm/v3/objects/contacts/{id}");
    let same = portal.call("PATCH", &path, json!({"properties": {"firstname": "Ada"}})).await.ok();
    assert_eq!(same["updatedAt"], before["updatedAt"]);
    let other = portal.call("PATCH", &path, json!({"properties": {"firstname": ""}})).await.ok();
    assert_eq!(other["updatedAt"], "2026-01-05T10:00:05.250Z");
    let read = portal.get(&format!("{path}?properties=firstname&propertiesWithHistory=firstname")).await.ok();
    assert_eq!(read["properties"]["firstname"], Value::Null);
    let past: Vec<&str> =
        read["propertiesWithHistory"]["firstname"].as_array().unwrap().iter().map(|was| was["value"].as_str().unwrap()).collect();
    assert_eq!(past, ["", "Ada"]);
}

#[tokio::test]
async fn history_tells_of_each_property_who_changed_it_and_a_record_its_last_user_alone() {
    let portal = Portal::open();
    let id = portal.make("contacts", json!({"email": "ada@example.com", "phone": "1"})).await;
    let form = portal.sim.make_form(&map(json!({"name": "Call me"}))).unwrap();
    let change = |row: Value, by: Hand| portal.sim.update("contacts", &id, &map(row), by).unwrap();
    change(json!({"firstname": "Ada"}), portal.person());
    change(json!({"city": "London"}), Hand::Workflow);
    change(json!({"jobtitle": "Countess"}), Hand::App(7));
    let sent = json!({"fields": [{"name": "email", "value": "ada@example.com"}, {"name": "phone", "value": "2"}]});
    portal.sim.submit(&form, &sent).unwrap();

    let names = ["firstname", "city", "jobtitle", "phone"];
    let asked = json!({"inputs": [{"id": id}], "properties": ["hs_updated_by_user_id"], "propertiesWithHistory": names});
    let read = portal.post("/crm/v3/objects/contacts/batch/read", asked).await.ok();
    let row = &read["results"][0];
    let told = names.map(|name| {
        let last = &row["propertiesWithHistory"][name][0];
        (last["sourceType"].as_str().unwrap().to_owned(), last["sourceId"].as_str().map(str::to_owned), last["updatedByUserId"].as_u64())
    });
    let Hand::Person(user) = portal.person() else { panic!("a person") };
    let says = |source: &str, id: Option<String>, user: Option<u64>| (source.to_owned(), id, user);
    assert_eq!(
        told,
        [
            says("CRM_UI", Some(format!("userId:{user}")), Some(user)),
            says("AUTOMATION_PLATFORM", None, None),
            says("INTEGRATION", Some("7".to_owned()), None),
            says("FORM", None, None),
        ]
    );
    assert_eq!(row["properties"]["hs_updated_by_user_id"], user.to_string(), "whom no user follows stays");
    let many: Vec<Value> = (0..51).map(|id| json!({ "id": id.to_string() })).collect();
    let refused = portal.post("/crm/v3/objects/contacts/batch/read", json!({"inputs": many, "propertiesWithHistory": ["phone"]})).await;
    assert_eq!(refused.status, 400, "fifty with history at most");
}

#[tokio::test]
async fn a_second_contact_of_an_address_is_refused_and_told_the_first() {
    let portal = Portal::open();
    let id = portal.make("contacts", json!({"email": "ada@example.com"})).await;
    let twin = portal.post("/crm/v3/objects/contacts", json!({"properties": {"email": "ADA@example.com"}})).await;
    assert_eq!((twin.status, twin.json()["category"].as_str()), (409, Some("CONFLICT")));
    assert_eq!(twin.json()["message"], format!("Contact already exists. Existing ID: {id}"));
    portal.make("companies", json!({"domain": "example.com"})).await;
    portal.make("companies", json!({"domain": "example.com"})).await;
    assert_eq!(portal.sim.count("companies"), 2, "companies are not told apart by domain");
}

#[tokio::test]
async fn bad_values_are_refused_property_by_property() {
    let portal = Portal::open();
    let given =
        json!({"email": "nobody", "no_such": "x", "createdate": "2026-01-01", "lifecyclestage": "unheard", "hubspot_owner_id": "5"});
    let refused = portal.post("/crm/v3/objects/contacts", json!({"properties": given})).await;
    assert_eq!(refused.status, 400);
    let body = refused.json();
    let mut codes: Vec<&str> = body["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["INVALID_EMAIL", "INVALID_OPTION", "INVALID_OWNER_ID", "PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"]);
    assert!(body["message"].as_str().unwrap().starts_with("Property values were not valid: [{"));
    let note = portal
        .post("/crm/v3/objects/notes", json!({"properties": {"hs_note_body": "x", "no_such": "y", "hs_timestamp": 1767607200000i64}}))
        .await;
    assert_eq!(note.status, 201, "engagements pass unknown properties over");
    let stage = portal.post("/crm/v3/objects/deals", json!({"properties": {"dealname": "x", "dealstage": "1"}})).await;
    assert_eq!(stage.json()["errors"][0]["code"], "INVALID_OPTION");
}

#[tokio::test]
async fn a_list_goes_by_id_and_keeps_archived_records_apart() {
    let portal = Portal::open();
    for n in 0..25 {
        portal.plant("contacts", json!({"email": format!("{n}@example.com")}));
    }
    let first = portal.get("/crm/v3/objects/contacts?limit=10").await.ok();
    let after = first["paging"]["next"]["after"].as_str().unwrap().to_owned();
    assert!(first["paging"]["next"]["link"].as_str().unwrap().starts_with("http://api.sim/crm/v3/objects/contacts?limit=10&after="));
    let gone = ids(&first)[0].clone();
    assert_eq!(portal.call("DELETE", &format!("/crm/v3/objects/contacts/{gone}"), Value::Null).await.status, 204);
    assert_eq!(portal.call("DELETE", &format!("/crm/v3/objects/contacts/{gone}"), Value::Null).await.status, 204, "twice is fine");
    let rest = portal.get(&format!("/crm/v3/objects/contacts?limit=100&after={after}")).await.ok();
    assert_eq!(rest["results"].as_array().unwrap().len(), 15);
    assert!(rest["paging"].is_null());
    let archived = portal.get("/crm/v3/objects/contacts?archived=true").await.ok();
    assert_eq!(ids(&archived), [gone.as_str()]);
    assert!(archived["results"][0]["archivedAt"].is_string());
    assert_eq!(portal.get(&format!("/crm/v3/objects/contacts/{gone}")).await.status, 404);
    assert_eq!(portal.get("/crm/v3/objects/contacts?limit=101").await.status, 400);
}

#[tokio::test]
async fn after_a_merge_both_ids_lead_to_the_survivor() {
    for new_id in [false, true] {
        let portal = Portal::with(|options| options.merge_makes_new_id = new_id);
        let winner = portal.make("contacts", json!({"email": "ada@example.com"})).await;
        let loser = portal.make("contacts", json!({"email": "ada@work.example", "jobtitle": "Countess"})).await;
        let merged = portal.post("/crm/v3/objects/contacts/merge", json!({"primaryObjectId": winner, "objectIdToMerge": loser})).await.ok();
        let survivor = merged["id"].as_str().unwrap();
        assert_eq!(survivor == winner, !new_id);
        for id in [&winner, &loser] {
            let read = portal
                .get(&format!("/crm/v3/objects/contacts/{id}?properties=jobtitle,hs_additional_emails,hs_merged_object_ids"))
                .await
                .ok();
            assert_eq!((read["id"].as_str(), read["properties"]["jobtitle"].as_str()), (Some(survivor), Some("Countess")));
            assert_eq!(read["properties"]["hs_additional_emails"], "ada@work.example");
            assert!(read["properties"]["hs_merged_object_ids"].as_str().unwrap().contains(&loser));
        }
        let by_second = portal.get("/crm/v3/objects/contacts/ada@work.example?idProperty=email").await.ok();
        assert_eq!(by_second["id"].as_str(), Some(survivor), "a secondary address finds it too");
    }
}

#[tokio::test]
async fn an_erased_contact_leaves_nothing() {
    let portal = Portal::open();
    let id = portal.make("contacts", json!({"email": "ada@example.com"})).await;
    let erased = portal.post("/crm/v3/objects/contacts/gdpr-delete", json!({"objectId": "ada@example.com", "idProperty": "email"})).await;
    assert_eq!(erased.status, 204);
    assert_eq!(portal.get(&format!("/crm/v3/objects/contacts/{id}?archived=true")).await.status, 404);
    portal.make("contacts", json!({"email": "ada@example.com"})).await;
}
