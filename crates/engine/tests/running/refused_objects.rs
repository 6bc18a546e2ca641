//! An object that a platform refuses to us is left alone by itself.

use entente_connect::error::{Class, VendorError};
use entente_engine::alerts::AlertKind;
use entente_engine::alerts::list::{self, AlertQuery};
use entente_engine::reports::dashboard;
use entente_engine::reports::dashboard::{ConnectionStatus, Dashboard, Overall};
use entente_engine::reports::watch::watch;
use entente_engine::sync::pressure::PAUSE_MS;
use entente_engine::sync::resting_objects::Asked;
use entente_engine::sync::resync::{Scope, resync};
use entente_store::{RecordQuery, Viewer};

use crate::house::{CRM, DESK, House, Process, eventually, read_all, work_off};
use crate::platform::failing;

/// What Salesforce says of an object that no permission of our user covers.
fn hidden() -> VendorError {
    VendorError::new(Class::Configuration, "INVALID_TYPE", "sObject type 'Campaign' is not supported.", "give our user the permission")
        .with_status(400)
}

fn crm(dashboard: &Dashboard) -> &ConnectionStatus {
    dashboard.connections.iter().find(|connection| connection.name == CRM).unwrap()
}

async fn held(house: &House, object: &str) -> usize {
    let query = RecordQuery { object: Some(object.to_owned()), ..RecordQuery::default() };
    house.store.read(move |tx| tx.list_records(&Viewer::system(), &query, 10)).await.unwrap().records.len()
}

async fn open_alerts(engine: &entente_engine::Engine) -> Vec<(String, String)> {
    watch(engine).await.unwrap();
    let alerts = list::list(engine, AlertQuery::default()).await.unwrap().items;
    alerts.into_iter().map(|alert| (alert.kind, alert.subject)).collect()
}

#[tokio::test]
async fn an_object_that_our_user_may_not_read_rests_alone_is_told_of_and_tried_again() {
    let house = House::sqlite().await;
    let account = house.customer("Acme");
    house.crm.put("Contact", None, &[("FirstName", "Ann"), ("LastName", "Lee"), ("Email", "ann@acme.example"), ("AccountId", &account)]);
    house.crm.put("Campaign", None, &[("Name", "Spring fair")]);
    house.crm.refuse(|call| (call.split_whitespace().nth(1) == Some("Campaign")).then(hidden));
    let process = Process::start(house.engine().await);
    let engine = process.engine.clone();

    eventually("people reach the desk though campaigns come first", async || house.desk.ids("user").len() == 1).await;
    let shown = dashboard(&engine).await.unwrap();
    let resting = &crm(&shown).resting[0];
    assert_eq!((resting.object.as_str(), resting.asked, crm(&shown).resting.len()), ("Campaign", Asked::Read, 1));
    assert!(resting.line().contains("INVALID_TYPE") && resting.line().ends_with("give our user the permission"), "{}", resting.line());
    assert_eq!(crm(&shown).state, "ok", "the connection itself is in use");
    assert_eq!(shown.health.overall, Overall::Degraded, "neither down nor starting for ever");
    assert!(shown.alerts.iter().any(|alert| alert.level == "warning" && alert.text.contains("Campaign is not read")));
    assert_eq!(open_alerts(&engine).await, [(AlertKind::ObjectRefused.to_string(), "crm/read/Campaign".to_owned())]);
    let asked = house.crm.calls("page Campaign ");

    // A customer who comes in meanwhile is synced as ever, and campaigns are not asked for.
    let second = house.customer("Globex");
    resync(&engine, &Scope::Object("account".to_owned())).await.unwrap();
    eventually("the second customer is there", async || house.accounts().await.contains_key("Globex")).await;
    assert_eq!((house.crm.calls("page Campaign "), house.crm.row("Account", &second).is_some()), (asked, true));

    house.watch.pass(PAUSE_MS + 1_000);
    eventually("it is asked again", async || house.crm.calls("page Campaign ") > asked).await;
    house.crm.relent();
    house.watch.pass(PAUSE_MS + 1_000);
    eventually("campaigns are read as soon as they may be", async || held(&house, "campaign").await == 1).await;
    eventually("and nothing rests", async || crm(&dashboard(&engine).await.unwrap()).resting.is_empty()).await;
    assert_eq!(open_alerts(&engine).await, []);
    process.stop().await;
}

#[tokio::test]
async fn a_person_who_has_granted_the_right_need_not_wait() {
    let house = House::sqlite().await;
    house.crm.put("Campaign", None, &[("Name", "Spring fair")]);
    house.crm.refuse(|call| (call.split_whitespace().nth(1) == Some("Campaign")).then(hidden));
    let process = Process::start(house.engine().await);
    eventually("it was refused", async || house.crm.calls("page Campaign ") == 1).await;
    house.crm.relent();
    resync(&process.engine, &Scope::Object("campaign".to_owned())).await.unwrap();
    eventually("campaigns are read", async || held(&house, "campaign").await == 1).await;
    process.stop().await;
}

#[tokio::test]
async fn where_one_object_may_not_be_written_the_others_are_and_no_attempt_is_spent() {
    let house = House::sqlite().await;
    let account = house.customer("Acme");
    let person = [("FirstName", "Ann"), ("LastName", "Lee"), ("Email", "ann@acme.example"), ("AccountId", account.as_str())];
    let contact = house.crm.put("Contact", None, &person);
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let (user, organization) = (house.desk.ids("user").remove(0), house.desk.ids("organization").remove(0));

    house.desk.refuse(|call| (call == "write user").then(|| failing(Class::Configuration, "Forbidden").with_status(403)));
    house.crm.put("Contact", Some(&contact), &[("LastName", "Leeds")]);
    house.crm.put("Account", Some(&account), &[("Industry", "Steel")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.crm.put("Account", Some(&account), &[("Industry", "Iron")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.row("organization", &organization).unwrap()["organization_fields.industry"], "Iron", "the desk is in use");
    assert_eq!(house.desk.calls("write user"), 2, "once to create, once to hear the refusal");
    let resting = engine.connection(DESK).unwrap().objects.all();
    assert_eq!(resting.iter().map(|resting| (resting.object.as_str(), resting.asked)).collect::<Vec<_>>(), [("user", Asked::Written)]);
    assert_eq!(house.store.read(|tx| tx.dead_letter_counts()).await.unwrap().len(), 0);

    house.desk.relent();
    house.watch.pass(PAUSE_MS + 1_000);
    work_off(&house, &engine).await;
    assert_eq!(house.desk.row("user", &user).unwrap()["name"], "Ann Leeds");
    assert_eq!(house.store.read(|tx| tx.next_due()).await.unwrap(), None, "everything has converged");
}
