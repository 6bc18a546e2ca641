//! Picklists by record type, and those that hang on another field.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::settings::{ConnectionSettings, SalesforceApi, SalesforceSettings};
use entente_sims::salesforce::{FieldSpec, FieldType};
use serde_json::{Value, json};

use super::live::{self, Live, target};
use crate::stage::rows::{create, update};

/// An org with partners, who know two industries, and customers, who know all.
fn org() -> (Live, String) {
    org_over(SalesforceApi::Rest)
}

fn org_over(api: SalesforceApi) -> (Live, String) {
    let salesforce = SalesforceSettings { api, ..SalesforceSettings::default() };
    let live = Live::with(ConnectionSettings { salesforce, ..live::settings() });
    live.sim.set_picklist("Account", "Industry", &["Banking", "Energy", "Media"], true).unwrap();
    let kind =
        |name: &str| live.add("RecordType", json!({"Name": name, "DeveloperName": name, "SobjectType": "Account", "IsActive": true}));
    let (partner, _) = (kind("Partner"), kind("Customer"));
    live.sim.set_record_type_picklist("Account", &partner, "Industry", &["Banking", "Energy"]).unwrap();
    (live, partner)
}

async fn made(live: &Live, row: Value) -> entente_connect::write::WriteOutcome {
    let key = format!("acc_{}", live.sim.count("Account"));
    live.crm.write(&target("Account"), &[create(&key, row)], Priority::Update).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_record_type_takes_its_own_values_alone_and_is_asked_for_them_once() {
    let (live, _) = org();
    let partner = |industry: &str| json!({"Name": "A", "RecordType.DeveloperName": "Partner", "Industry": industry});
    made(&live, partner("Energy")).await.unwrap();
    let calls = live.calls("picklists");
    made(&live, partner("Banking")).await.unwrap();
    assert_eq!((calls, live.calls("picklists")), (1, 1));
    let sent = live.line.sent.lock().unwrap().len();
    let error = made(&live, partner("Media")).await.unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Data, Some("Industry")));
    assert!(error.message.contains("Banking, Energy"), "{}", error.message);
    let beyond: Vec<String> = live.line.sent.lock().unwrap()[sent..].iter().map(|(call, _)| call.clone()).collect();
    assert!(beyond.iter().all(|call| call.starts_with("GET ")), "nothing was written: {beyond:?}");
    // Others know the value.
    made(&live, json!({"Name": "B", "RecordType.DeveloperName": "Customer", "Industry": "Media"})).await.unwrap();
}

#[tokio::test]
async fn a_value_that_was_added_since_is_taken_at_once() {
    let (live, partner) = org();
    let media = json!({"Name": "A", "RecordType.DeveloperName": "Partner", "Industry": "Media"});
    made(&live, media.clone()).await.unwrap_err();
    live.sim.set_record_type_picklist("Account", &partner, "Industry", &["Media"]).unwrap();
    made(&live, media).await.unwrap();
}

#[tokio::test]
async fn a_new_row_without_a_record_type_is_held_to_the_usual_one() {
    let (live, partner) = org();
    live.sim.set_usual_record_type(&partner);
    let error = made(&live, json!({"Name": "A", "Industry": "Media"})).await.unwrap_err();
    assert_eq!(error.field.as_deref(), Some("Industry"));
    let id = made(&live, json!({"Name": "A", "Industry": "Energy"})).await.unwrap().id;
    assert_eq!(live.sim.get("Account", &id).unwrap()["RecordTypeId"], partner);
    // Of an update that does not name the type, the org itself judges.
    let change = [update(&id, json!({"Industry": "Media"}))];
    let error = live.crm.write(&target("Account"), &change, Priority::Update).await.unwrap().remove(0).unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Data, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"));
}

#[tokio::test]
async fn the_schema_shows_what_each_record_type_has_of_a_list() {
    let (live, _) = org();
    let lists = live.crm.describe("Account").await.unwrap().lists;
    let of = |is: &str| lists.iter().find(|list| list.is == is && list.field == "Industry").map(|list| list.values.clone());
    assert_eq!(of("Partner"), Some(vec!["Banking".to_owned(), "Energy".to_owned()]));
    assert_eq!(of("Customer").map(|values| values.len()), Some(3));
}

#[tokio::test]
async fn a_list_that_hangs_on_another_field_takes_what_goes_with_it() {
    let live = Live::open();
    for (name, values) in [("Region__c", vec!["EMEA", "AMER"]), ("City__c", vec!["Berlin", "Boston", "Remote"])] {
        let mut field = FieldSpec::new(name, FieldType::Picklist);
        field.values = values.into_iter().map(str::to_owned).collect();
        field.restricted = true;
        live.sim.add_field("Account", field).unwrap();
    }
    live.sim.set_dependency("Account", "City__c", "Region__c", &[("EMEA", &["Berlin", "Remote"]), ("AMER", &["Boston", "Remote"])]);
    let lists = live.crm.describe("Account").await.unwrap().lists;
    let emea = lists.iter().find(|list| list.when == "Region__c" && list.is == "EMEA").unwrap();
    assert_eq!((emea.field.as_str(), &emea.values[..]), ("City__c", &["Berlin".to_owned(), "Remote".to_owned()][..]));
    made(&live, json!({"Name": "A", "Region__c": "AMER", "City__c": "Remote"})).await.unwrap();
    let error = made(&live, json!({"Name": "A", "Region__c": "AMER", "City__c": "Berlin"})).await.unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Data, Some("City__c")));
    assert!(error.message.contains("Region__c") && error.message.contains("Boston, Remote"), "{}", error.message);
}

#[tokio::test]
async fn an_org_that_tells_nothing_of_its_lists_is_written_to_all_the_same() {
    let (live, _) = org();
    live.line.interject_at("picklist-values", 403);
    made(&live, json!({"Name": "A", "RecordType.DeveloperName": "Partner", "Industry": "Energy"})).await.unwrap();
}

#[tokio::test]
async fn over_soap_the_layout_tells_what_a_record_type_has_of_a_list() {
    let (live, _) = org_over(SalesforceApi::Soap);
    let partner = |industry: &str| json!({"Name": "A", "RecordType.DeveloperName": "Partner", "Industry": industry});
    made(&live, partner("Energy")).await.unwrap();
    made(&live, partner("Banking")).await.unwrap();
    assert_eq!(live.calls("picklists"), 1, "once an hour");
    let error = made(&live, partner("Media")).await.unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Data, Some("Industry")));
    assert!(error.message.contains("Banking, Energy"), "{}", error.message);
    assert_eq!(live.sim.count("Account"), 2, "nothing was written");
    let lists = live.crm.describe("Account").await.unwrap().lists;
    let of = |is: &str| lists.iter().find(|list| list.is == is && list.field == "Industry").map(|list| list.values.len());
    assert_eq!((of("Partner"), of("Customer")), (Some(2), Some(3)));
    let sent = live.line.sent.lock().unwrap();
    assert!(sent.iter().all(|(call, _)| call.contains("/services/Soap/") || call.contains("/oauth2/")), "{sent:?}");
}
