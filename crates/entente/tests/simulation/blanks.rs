//! Values that one side cannot be without: Zendesk always shows a time zone and a language. Where they are taken away elsewhere, nothing of the
//! platform's own making comes back in their place.

use entente_engine::flaws::Flaws;
use entente_engine::reconcile::cause::Cause;
use entente_engine::reconcile::{Scope, finish, scan};
use entente_engine::records::reviews::{self, ReviewQuery};
use entente_engine::records::undo::{UndoReport, UndoRequest, undo};
use entente_engine::records::unmerge::unmerge;
use entente_model::clock::Timestamp;
use entente_model::value::get;
use entente_store::{Record, Viewer};
use serde_json::{Value, json};

use crate::hub::{Hub, SALESFORCE, ZENDESK, fields, seed_customer};

/// Ada, at both sides, and everything settled.
async fn ada(seed: u64) -> (Hub, String, u64) {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let zone = json!({ "Time_Zone__c": "Europe/Berlin", "Language__c": "de" });
    hub.salesforce.update("Contact", &contacts[0], &fields(zone), &hub.rep()).unwrap();
    hub.run_for(20).await;
    let user = hub.salesforce.get("Contact", &contacts[0]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    assert_eq!(hub.zendesk.user(user).unwrap()["time_zone"], "Berlin");
    (hub, contacts[0].clone(), user)
}

async fn record(hub: &Hub, contact: &str) -> Record {
    let id = entente_engine::records::find(&hub.engine, &Viewer::system(), &format!("{SALESFORCE}/Contact/{contact}")).await.unwrap();
    hub.store.read(move |tx| tx.record(&Viewer::system(), &id)).await.unwrap().unwrap()
}

/// Time zones at the CRM, at the desk, and as Entente holds them.
async fn zones(hub: &Hub, contact: &str, user: u64) -> (Value, Value, String) {
    let crm = hub.salesforce.get("Contact", contact).unwrap().get("Time_Zone__c").cloned().unwrap_or_default();
    (crm, hub.zendesk.user(user).unwrap()["time_zone"].clone(), get(&record(hub, contact).await.data, "timezone").display())
}

fn clear(hub: &Hub, contact: &str) {
    hub.salesforce.update("Contact", contact, &fields(json!({ "Time_Zone__c": null })), &hub.rep()).unwrap();
}

#[tokio::test]
async fn what_sales_clears_stays_cleared_the_desk_keeps_its_own_and_both_are_told_of() {
    let (mut hub, contact, user) = ada(61).await;
    clear(&hub, &contact);
    hub.run_for(40).await;
    let kept = (Value::Null, json!("Berlin"), String::new());
    assert_eq!(zones(&hub, &contact, user).await, kept, "{}", hub.backlog().await);
    let id = record(&hub, &contact).await.id;
    let history = hub.store.read(move |tx| tx.history(&Viewer::system(), &id, 10, None)).await.unwrap();
    let told = history.iter().find(|entry| entry.detail.contains("keeps its value")).map(|entry| entry.detail.as_str());
    assert_eq!(told, Some("zendesk cannot be without `timezone` and keeps its value"));

    // A reconciliation finds nothing to put right, and lists it.
    let found = scan(&hub.engine, &Scope::default(), true, "a test", &|_, _, _| {}, &|| false).await.unwrap();
    hub.run_for(3).await;
    let outcome = finish(&hub.engine, found).await.unwrap();
    let listed: Vec<(&str, Option<&str>, Cause)> =
        outcome.report.exceptions.iter().map(|one| (one.connection.as_str(), one.field.as_deref(), one.cause)).collect();
    assert_eq!(listed, [(ZENDESK, Some("timezone"), Cause::CannotBeBlank)]);
    assert_eq!(outcome.report.exceptions[0].words, "blank elsewhere, and Support cannot be without a value");
    hub.run_for(40).await;
    assert_eq!(zones(&hub, &contact, user).await, kept, "nothing moves any more");

    // Other fields go on, and what an agent enters counts, whoever cleared it before.
    let rep = hub.rep();
    hub.salesforce.update("Contact", &contact, &fields(json!({ "Title": "Countess" })), &rep).unwrap();
    hub.run_for(5).await;
    assert_eq!(hub.zendesk.user(user).unwrap()["user_fields"]["job_title"], "Countess");
    hub.zendesk.update_user(user, &fields(json!({ "time_zone": "London" })), hub.agent()).unwrap();
    hub.run_for(40).await;
    assert_eq!(zones(&hub, &contact, user).await, (json!("Europe/London"), json!("London"), "Europe/London".to_owned()));
    assert!(hub.store.read(|tx| tx.dead_letter_counts()).await.unwrap().is_empty(), "{}", hub.backlog().await);
}

async fn take_back(hub: &Hub, request: &UndoRequest, apply: bool) -> UndoReport {
    undo(&hub.engine, &Viewer::new("olga", "admin"), request, apply, &|_| {}).await.unwrap()
}

#[tokio::test]
async fn an_undo_to_a_blank_that_a_platform_cannot_hold_is_refused_beforehand_and_both_sides_stay_equal() {
    let mut hub = Hub::new(62, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let contact = &contacts[0];
    let user = hub.salesforce.get("Contact", contact).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    let before = zones(&hub, contact, user).await;
    assert_eq!(before.2, "America/New_York", "the desk has filled it in");
    let since = Timestamp::from_millisecond(hub.now() - 3 * 60 * 60 * 1000).unwrap();
    let request = UndoRequest { since: Some(since), fields: vec!["timezone".to_owned()], ..UndoRequest::default() };
    for apply in [false, true] {
        let told = take_back(&hub, &request, apply).await;
        assert_eq!((told.restored, told.items.len()), (0, 1), "{told:?}");
        let no = &told.items[0].impossible[0];
        assert_eq!(no.field.as_deref(), Some("timezone"));
        assert_eq!(no.reason, "it was blank, and zendesk cannot be without a value");
        assert!(no.remedy.starts_with("give it another value"), "{no:?}");
        hub.run_for(20).await;
        assert_eq!(zones(&hub, contact, user).await, before);
    }
}

#[tokio::test]
async fn a_blank_is_undone_into_the_value_of_before_at_the_side_that_was_cleared() {
    let (mut hub, contact, user) = ada(63).await;
    clear(&hub, &contact);
    hub.run_for(20).await;
    let id = record(&hub, &contact).await.id.to_string();
    let request = UndoRequest { record: Some(id), fields: vec!["timezone".to_owned()], ..UndoRequest::default() };
    assert_eq!(take_back(&hub, &request, true).await.restored, 1);
    hub.run_for(20).await;
    assert_eq!(zones(&hub, &contact, user).await, (json!("Europe/Berlin"), json!("Berlin"), "Europe/Berlin".to_owned()));
}

#[tokio::test]
async fn a_time_zone_that_a_parting_takes_away_and_the_desk_keeps_is_told_of() {
    let (mut hub, contact, user) = ada(64).await;
    clear(&hub, &contact);
    hub.run_for(20).await;
    let account = hub.salesforce.get("Contact", &contact).unwrap()["AccountId"].clone();
    let twin = json!({ "FirstName": "Ada", "LastName": "Lovelace", "Email": "ada.lovelace@acme.example", "Time_Zone__c": "Europe/London", "AccountId": account });
    hub.salesforce.insert("Contact", &fields(twin), &hub.rep()).unwrap();
    hub.run_for(20).await;
    // Whoever was changed last stays, and takes over what it does not have.
    hub.salesforce.update("Contact", &contact, &fields(json!({ "Title": "Countess" })), &hub.rep()).unwrap();
    hub.run_for(20).await;
    let (petra, id) = (Viewer::new("petra", "admin"), record(&hub, &contact).await.id);
    let review = reviews::list(&hub.engine, &petra, ReviewQuery::default()).await.unwrap().items.remove(0);
    assert_eq!(review.first.record, id.to_string(), "{review:?}");
    reviews::accept(&hub.engine, &petra, &review.id).await.unwrap();
    hub.run_for(40).await;
    let london = (json!("Europe/London"), json!("London"), "Europe/London".to_owned());
    assert_eq!(zones(&hub, &contact, user).await, london, "{}", hub.backlog().await);

    unmerge(&hub.engine, &petra, &review.second.record, true).await.unwrap();
    hub.run_for(40).await;
    assert_eq!(zones(&hub, &contact, user).await, (Value::Null, json!("London"), String::new()), "{}", hub.backlog().await);
    let history = hub.store.read(move |tx| tx.history(&Viewer::system(), &id, 10, None)).await.unwrap();
    let told = history.iter().find(|entry| entry.detail.starts_with("parted from")).map(|entry| entry.detail.as_str());
    let expected = format!("parted from {}; zendesk cannot be without `timezone` and keeps its value", review.second.record);
    assert_eq!(told, Some(expected.as_str()));
}
