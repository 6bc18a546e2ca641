use serde_json::{Value, json};

use crate::desk::Desk;

fn contact(last: &str, key: &str) -> Value {
    json!({"attributes": {"type": "Contact"}, "LastName": last, "Entente_Id__c": key})
}

#[tokio::test]
async fn a_collection_takes_the_good_and_names_the_bad() {
    let desk = Desk::open();
    let body = json!({"allOrNone": false, "records": [contact("A", "1"), {"attributes": {"type": "Contact"}}, contact("B", "2")]});
    let reply = desk.call("POST", "/composite/sobjects", body.clone()).await;
    assert_eq!(reply.status, 200);
    let list = reply.json();
    assert_eq!(list[0]["success"], true);
    assert_eq!(list[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert!(list[1].get("id").is_none());
    assert_eq!(desk.sf.count("Contact"), 2);
    let mut strict = body;
    strict["allOrNone"] = json!(true);
    strict["records"][0]["Entente_Id__c"] = json!("3");
    strict["records"][2]["Entente_Id__c"] = json!("4");
    let list = desk.call("POST", "/composite/sobjects", strict).await.json();
    assert_eq!(list[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(desk.sf.count("Contact"), 2, "nothing of it stays");
    let seven: Vec<Value> = (0..201).map(|n| contact("x", &format!("k{n}"))).collect();
    assert_eq!(desk.call("POST", "/composite/sobjects", json!({"records": seven})).await.status, 400);
}

#[tokio::test]
async fn collections_upsert_update_read_and_delete_in_order() {
    let desk = Desk::open();
    let path = "/composite/sobjects/Contact/Entente_Id__c";
    let first = desk.call("PATCH", path, json!({"records": [contact("A", "1"), contact("B", "2")]})).await.json();
    assert_eq!((first[0]["created"].clone(), first[1]["created"].clone()), (json!(true), json!(true)));
    let again = desk.call("PATCH", path, json!({"records": [contact("B2", "2"), contact("C", "3"), contact("C", "3")]})).await.json();
    assert_eq!((again[0]["created"].clone(), again[0]["id"].clone()), (json!(false), first[1]["id"].clone()));
    assert_eq!(again[2]["errors"][0]["statusCode"], "DUPLICATE_VALUE", "a key twice in one call fails");
    let (a, b) = (first[0]["id"].as_str().unwrap(), first[1]["id"].as_str().unwrap());
    let updated = desk
        .call("PATCH", "/composite/sobjects", json!({"records": [{"attributes": {"type": "Contact"}, "id": a, "Title": "T"}]}))
        .await
        .json();
    assert_eq!(updated[0]["id"], a);
    let read = desk
        .call("POST", "/composite/sobjects/Contact", json!({"ids": [b, "003000000000000", a], "fields": ["LastName", "Title"]}))
        .await
        .json();
    assert_eq!((read[0]["LastName"].clone(), read[1].clone(), read[2]["Title"].clone()), (json!("B2"), Value::Null, json!("T")));
    let gone = desk.call_with("DELETE", &format!("/composite/sobjects?ids={a},{a}"), "", &[]).await.json();
    assert_eq!((gone[0]["success"].clone(), gone[1]["errors"][0]["statusCode"].clone()), (json!(true), json!("ENTITY_IS_DELETED")));
}

#[tokio::test]
async fn composite_parts_refer_to_each_other_and_fall_together() {
    let desk = Desk::open();
    let v = "/services/data/v62.0";
    let part = |method: &str, url: &str, id: &str, body: Value| json!({"method": method, "url": format!("{v}{url}"), "referenceId": id, "body": body});
    let body = json!({"allOrNone": true, "compositeRequest": [
        part("POST", "/sobjects/Account", "acc", json!({"Name": "A"})),
        part("POST", "/sobjects/Contact", "con", json!({"LastName": "C", "AccountId": "@{acc.id}"})),
        {"method": "GET", "url": format!("{v}/query?q=SELECT Id, Account.Name FROM Contact WHERE Id = '@{{con.id}}'"), "referenceId": "q"},
        part("PATCH", "/sobjects/Contact/@{q.records[0].Id}", "upd", json!({"Title": "@{q.records[0].Account.Name}"})),
    ]});
    let reply = desk.call("POST", "/composite", body).await.json();
    let list = reply["compositeResponse"].as_array().unwrap();
    assert_eq!(list.iter().map(|r| r["httpStatusCode"].as_u64().unwrap()).collect::<Vec<u64>>(), [201, 201, 200, 204], "{reply}");
    let contact = list[1]["body"]["id"].as_str().unwrap();
    assert_eq!(desk.sf.get("Contact", contact).unwrap()["Title"], "A");

    let body = json!({"allOrNone": true, "compositeRequest": [
        part("POST", "/sobjects/Account", "a", json!({"Name": "B"})),
        part("POST", "/sobjects/Contact", "b", json!({})),
    ]});
    let reply = desk.call("POST", "/composite", body).await.json();
    assert_eq!(reply["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(reply["compositeResponse"][1]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(desk.sf.count("Account"), 1);
    assert_eq!(desk.sf.calls().total, 2, "a composite is one call");
}

#[tokio::test]
async fn a_batch_halts_when_told_and_a_tree_grows_whole_or_not() {
    let desk = Desk::open();
    let body = json!({"haltOnError": true, "batchRequests": [
        {"method": "POST", "url": "v62.0/sobjects/Account", "richInput": {"Name": "A"}},
        {"method": "GET", "url": "v62.0/sobjects/Account/001000000000000"},
        {"method": "GET", "url": "v62.0/limits"},
    ]});
    let reply = desk.call("POST", "/composite/batch", body).await.json();
    assert_eq!(reply["hasErrors"], true);
    assert_eq!((reply["results"][0]["statusCode"].clone(), reply["results"][2]["statusCode"].clone()), (json!(201), json!(412)));

    let tree = |last: Value| {
        json!({"records": [{"attributes": {"type": "Account", "referenceId": "r1"}, "Name": "T",
        "Contacts": {"records": [{"attributes": {"type": "Contact", "referenceId": "r2"}, "LastName": last}]}}]})
    };
    let grown = desk.call("POST", "/composite/tree/Account", tree(json!("Leaf"))).await;
    assert_eq!(grown.status, 201, "{}", grown.text);
    let leaf = grown.json()["results"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(desk.sf.get("Contact", &leaf).unwrap()["AccountId"], grown.json()["results"][0]["id"]);
    let failed = desk.call("POST", "/composite/tree/Account", tree(Value::Null)).await;
    assert_eq!((failed.status, failed.json()["results"][0]["referenceId"].clone()), (400, json!("r2")));
    assert_eq!(desk.sf.count("Account"), 2);
}
