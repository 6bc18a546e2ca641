use entente_sims::salesforce::{FieldSpec, FieldType};
use serde_json::{Value, json};

use crate::desk::Desk;

fn field<'a>(describe: &'a Value, name: &str) -> Option<&'a Value> {
    describe["fields"].as_array().unwrap().iter().find(|f| f["name"] == name)
}

#[tokio::test]
async fn describe_tells_types_keys_and_lists() {
    let desk = Desk::open();
    let global = desk.get("/sobjects").await.json();
    assert!(global["sobjects"].as_array().unwrap().iter().any(|o| o["name"] == "Case" && o["keyPrefix"] == "500"));
    let contact = desk.get("/sobjects/Contact/describe").await;
    let body = contact.json();
    let last = field(&body, "LastName").unwrap();
    assert_eq!((&last["nillable"], &last["createable"], &last["length"]), (&json!(false), &json!(true), &json!(80)));
    assert_eq!(field(&body, "Entente_Id__c").unwrap()["externalId"], true);
    assert_eq!(field(&body, "AccountId").unwrap()["referenceTo"], json!(["Account"]));
    let required: Vec<&str> = body["fields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["nillable"] == false && f["defaultedOnCreate"] == false && f["createable"] == true)
        .map(|f| f["name"].as_str().unwrap())
        .collect();
    assert_eq!(required, ["LastName"]);
    let since = contact.header("last-modified").to_owned();
    let headers = [("If-Modified-Since", since.as_str())];
    assert_eq!(desk.call_with("GET", "/sobjects/Contact/describe", "", &headers).await.status, 304);
    desk.pass(2_000);
    desk.sf.set_picklist("Contact", "LeadSource", &["Web", "Fair"], true).unwrap();
    let again = desk.call_with("GET", "/sobjects/Contact/describe", "", &headers).await;
    assert_eq!(field(&again.json(), "LeadSource").unwrap()["picklistValues"][1]["value"], "Fair");
}

#[tokio::test]
async fn a_new_field_is_invisible_until_somebody_grants_it() {
    let desk = Desk::open();
    let metadata = json!({"type": "Text", "label": "Sync key", "length": 40, "externalId": true, "unique": true});
    let made = desk.call("POST", "/tooling/sobjects/CustomField", json!({"FullName": "Contact.Sync_Key__c", "Metadata": metadata})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let again = desk.call("POST", "/tooling/sobjects/CustomField", json!({"FullName": "Contact.Sync_Key__c", "Metadata": metadata})).await;
    assert_eq!(again.json()[0]["errorCode"], "DUPLICATE_DEVELOPER_NAME");
    assert!(field(&desk.get("/sobjects/Contact/describe").await.json(), "Sync_Key__c").is_none());
    assert_eq!(desk.soql("SELECT Sync_Key__c FROM Contact").await.json()[0]["errorCode"], "INVALID_FIELD");
    assert_eq!(
        desk.call("POST", "/sobjects/Contact", json!({"LastName": "x", "Sync_Key__c": "1"})).await.json()[0]["errorCode"],
        "INVALID_FIELD"
    );

    let set = desk.make("PermissionSet", json!({"Name": "Sync", "Label": "Sync"})).await;
    desk.make("PermissionSetAssignment", json!({"PermissionSetId": set, "AssigneeId": desk.sf.users().integration})).await;
    let grant = json!({"ParentId": set, "SobjectType": "Contact", "Field": "Contact.Sync_Key__c", "PermissionsRead": true, "PermissionsEdit": true});
    desk.make("FieldPermissions", grant).await;
    let found = field(&desk.get("/sobjects/Contact/describe").await.json(), "Sync_Key__c").unwrap().clone();
    assert_eq!((&found["length"], &found["updateable"]), (&json!(40), &json!(true)));
    assert_eq!(desk.call("PATCH", "/sobjects/Contact/Sync_Key__c/k1", json!({"LastName": "x"})).await.status, 201);
    let defined = desk.get("/tooling/query?q=SELECT+QualifiedApiName,DataType+FROM+FieldDefinition+WHERE+EntityDefinition.QualifiedApiName+=+'Contact'+AND+QualifiedApiName+=+'Sync_Key__c'").await.json();
    assert_eq!(defined["records"][0]["DataType"], "string(40)");
}

#[tokio::test]
async fn fields_come_are_renamed_and_go() {
    let desk = Desk::open();
    desk.sf.add_field("Contact", FieldSpec::new("Score__c", FieldType::Double)).unwrap();
    let id = desk.make("Contact", json!({"LastName": "x", "Score__c": 1.256})).await;
    assert_eq!(desk.sf.get("Contact", &id).unwrap()["Score__c"], json!(1.26));
    desk.sf.rename_field("Contact", "Score__c", "Points__c").unwrap();
    assert_eq!(desk.soql("SELECT Score__c FROM Contact").await.status, 400);
    assert_eq!(desk.soql("SELECT Points__c FROM Contact").await.json()["records"][0]["Points__c"], json!(1.26));
    desk.sf.remove_field("Contact", "Points__c").unwrap();
    assert_eq!(desk.soql("SELECT Points__c FROM Contact").await.status, 400);
    assert!(desk.sf.remove_field("Contact", "LastName").is_err(), "standard fields stay");
    desk.sf.add_object("Plan__c", "Plan").unwrap();
    desk.make("Plan__c", json!({"Name": "Gold"})).await;
    assert_eq!(desk.soql("SELECT Name FROM Plan__c").await.json()["records"][0]["Name"], "Gold");
}
