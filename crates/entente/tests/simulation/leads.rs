//! Leads of the CRM: kept where the setting says so, nobody at the desk before they are converted, and forgotten with the person whom they are.

use entente_engine::flaws::Flaws;
use entente_engine::privacy::ask::{ErasureRequest, ask};
use entente_engine::privacy::export::export;
use entente_engine::sync::provision;
use entente_model::value::Value;
use entente_store::{Record, RecordQuery, RecordState, Viewer};
use serde_json::json;

use crate::hub::{Hub, PATH_SECRET, SALESFORCE, fields};

fn person() -> Viewer {
    Viewer::new("olga", "admin")
}

async fn hub(seed: u64) -> Hub {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    hub.options.leads = true;
    hub.restart().await;
    provision::provision(&hub.engine, true).await.unwrap();
    let carried = [
        "SystemModstamp",
        "LastModifiedDate",
        "LastModifiedById",
        "FirstName",
        "LastName",
        "Email",
        "Company",
        "LeadSource",
        "IsConverted",
        "ConvertedContactId",
        "Erasure_Requested__c",
    ];
    hub.salesforce.subscribe_outbound("Lead", &format!("http://hub/hooks/salesforce/{PATH_SECRET}"), &carried);
    hub
}

async fn records(hub: &Hub, object: &str, state: RecordState) -> Vec<Record> {
    let query = RecordQuery { object: Some(object.to_owned()), state: Some(state), ..RecordQuery::default() };
    hub.store.read(move |tx| tx.list_records(&Viewer::system(), &query, 50)).await.unwrap().records
}

fn lead(hub: &Hub, first: &str, last: &str, email: &str) -> String {
    let row = json!({ "FirstName": first, "LastName": last, "Email": email, "Company": "Globex", "LeadSource": "Web" });
    hub.salesforce.insert("Lead", &fields(row), &hub.rep()).unwrap()
}

fn users(hub: &Hub, email: &str) -> usize {
    let mut many = 0;
    hub.zendesk.each_user(&mut |_, user| many += usize::from(user["email"] == email));
    many
}

#[tokio::test]
async fn a_lead_is_kept_for_sales_alone_until_it_is_converted_and_then_it_is_one_contact() {
    let mut hub = hub(31).await;
    let bo = lead(&hub, "Bo", "Ray", "bo@globex.example");
    hub.run_for(60).await;
    let kept = records(&hub, "lead", RecordState::Active).await;
    assert_eq!((kept.len(), kept[0].data["email"].display().as_str()), (1, "bo@globex.example"));
    assert_eq!((&kept[0].data["source"], users(&hub, "bo@globex.example")), (&Value::text("Web"), 0), "the desk knows nobody yet");

    hub.salesforce.convert_lead(&bo, &hub.rep()).unwrap();
    hub.run_for(120).await;
    let contacts = records(&hub, "contact", RecordState::Active).await;
    let [contact] = contacts.as_slice() else { panic!("one person is one contact: {contacts:?}") };
    let converted = records(&hub, "lead", RecordState::Active).await;
    assert_eq!(converted[0].data["contact"], Value::Ref(contact.id.clone()));
    assert_eq!(converted[0].data["converted"], Value::Bool(true));
}

#[tokio::test]
async fn where_the_setting_is_off_nobody_reads_leads() {
    let mut hub = Hub::new(32, Flaws::none()).await;
    lead(&hub, "Bo", "Ray", "bo@globex.example");
    hub.run_for(60).await;
    assert!(records(&hub, "lead", RecordState::Active).await.is_empty());
    hub.options.leads = true;
    hub.restart().await;
    assert!(hub.engine.catalog().mapped(SALESFORCE, "lead").is_some());
    hub.options.leads = false;
    hub.restart().await;
    assert!(hub.engine.catalog().mapped(SALESFORCE, "lead").is_none(), "the shipped mapping goes with the setting");
}

#[tokio::test]
async fn a_person_s_leads_are_exported_and_forgotten_with_them_and_do_not_come_back() {
    let mut hub = hub(33).await;
    let converted = lead(&hub, "Bo", "Ray", "bo@globex.example");
    let again = lead(&hub, "B.", "Ray", "bo@globex.example");
    let other = lead(&hub, "Cy", "Dean", "cy@globex.example");
    hub.run_for(60).await;
    hub.salesforce.convert_lead(&converted, &hub.rep()).unwrap();
    hub.run_for(120).await;

    let held = export(&hub.engine, &person(), "bo@globex.example").await.unwrap();
    let objects: Vec<&str> = held.records.iter().map(|record| record.object.as_str()).collect();
    assert_eq!((objects[0], objects.iter().filter(|object| **object == "lead").count()), ("contact", 2), "{objects:?}");

    ask(&hub.engine, &person(), &ErasureRequest { who: "bo@globex.example".to_owned() }, "cli").await.unwrap();
    hub.run_for(120).await;
    for id in [&converted, &again] {
        assert!(hub.salesforce.get("Lead", id).is_none(), "the CRM's policy is to delete");
    }
    assert_eq!(records(&hub, "lead", RecordState::Erased).await.len(), 2);
    assert_eq!(hub.salesforce.get("Lead", &other).unwrap()["LastName"], "Dean", "somebody else's stays");

    lead(&hub, "Bo", "Ray", "bo@globex.example");
    hub.run_for(60).await;
    let kept = records(&hub, "lead", RecordState::Active).await;
    assert_eq!(kept.iter().map(|lead| lead.data["email"].display()).collect::<Vec<_>>(), ["cy@globex.example"], "nobody comes back");
}

#[tokio::test]
async fn a_lead_who_asks_to_be_erased_is() {
    let mut hub = hub(34).await;
    let bo = lead(&hub, "Bo", "Ray", "bo@globex.example");
    hub.run_for(60).await;
    let held = export(&hub.engine, &person(), "bo@globex.example").await.unwrap();
    assert_eq!(held.records.len(), 1);
    hub.salesforce.update("Lead", &bo, &fields(json!({ "Erasure_Requested__c": true })), &hub.rep()).unwrap();
    hub.run_for(120).await;
    assert!(hub.salesforce.get("Lead", &bo).is_none());
    assert_eq!(hub.salesforce.get_deleted("Lead", &bo).unwrap()["LastName"], "Erased person");
    assert_eq!(records(&hub, "lead", RecordState::Erased).await.len(), 1);
}
