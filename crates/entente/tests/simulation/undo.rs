//! Undoing, told to the whole engine between both platforms.

use entente_engine::flaws::Flaws;
use entente_engine::records::as_of::record_as_of;
use entente_engine::records::undo::{UndoReport, UndoRequest, undo};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_sims::faults::{DeliveryFault, Fault};
use entente_store::{RemoteKey, Viewer};
use serde_json::{Value, json};

use crate::hub::{Hub, SALESFORCE, fields, seed_customer};

const MINUTE: i64 = 60_000;

fn person() -> Viewer {
    Viewer::new("olga", "admin")
}

async fn plan(hub: &Hub, request: &UndoRequest) -> UndoReport {
    undo(&hub.engine, &person(), request, false, &|_| {}).await.unwrap()
}

async fn take_back(hub: &Hub, request: &UndoRequest) -> UndoReport {
    undo(&hub.engine, &person(), request, true, &|_| {}).await.unwrap()
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

async fn record_of(hub: &Hub, object: &str, id: &str) -> RecordId {
    let key = RemoteKey::new(SALESFORCE, object, id);
    let asked = key.clone();
    let links = hub.store.read(move |tx| tx.links_at(std::slice::from_ref(&asked))).await.unwrap();
    links[&key].record.clone()
}

fn desk_account(hub: &Hub, account: &str) -> Value {
    let id = hub.salesforce.get("Account", account).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    Value::Object(hub.zendesk.organization(id).unwrap())
}

fn desk_user(hub: &Hub, contact: &str) -> u64 {
    hub.salesforce.get("Contact", contact).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_stretch_of_time_is_undone_at_both_sides_but_for_what_was_edited_since() {
    let mut hub = Hub::new(71, Flaws::none()).await;
    let (account, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let rep = hub.rep();
    let (record, user) = (record_of(&hub, "Account", &account).await, desk_user(&hub, &contacts[0]));
    let start = hub.now();
    let change = json!({ "Industry": "Steel", "Plan__c": "Free", "CSM_Name__c": null, "Status__c": "Churned" });
    hub.salesforce.update("Account", &account, &fields(change), &rep).unwrap();
    hub.zendesk.update_user(user, &fields(json!({ "name": "Ada King" })), hub.agent()).unwrap();
    hub.run_for(5).await;
    assert_eq!(desk_account(&hub, &account)["organization_fields"]["industry"], "Steel");
    assert_eq!(hub.salesforce.get("Contact", &contacts[0]).unwrap()["LastName"], "King");
    let end = hub.now();
    hub.salesforce.update("Account", &account, &fields(json!({ "Plan__c": "Enterprise" })), &rep).unwrap();
    hub.run_for(5).await;

    let request = UndoRequest { since: Some(at(start)), until: Some(at(end)), ..UndoRequest::default() };
    let told = plan(&hub, &request).await;
    hub.run_for(5).await;
    assert_eq!(desk_account(&hub, &account)["organization_fields"]["industry"], "Steel", "a plan changes nothing");
    let of_account = told.items.iter().find(|item| item.record == record.to_string()).unwrap();
    let industry = of_account.fields.iter().find(|field| field.field == "industry").unwrap();
    assert_eq!((industry.now.as_deref(), industry.then.as_deref()), (Some("Steel"), Some("Software")));
    assert_eq!(industry.writes, ["salesforce", "zendesk"]);
    assert_eq!(of_account.kept.iter().map(|kept| kept.field.as_str()).collect::<Vec<_>>(), ["plan"]);

    assert_eq!(take_back(&hub, &request).await.restored, told.restored);
    hub.run_for(5).await;
    let crm = hub.salesforce.get("Account", &account).unwrap();
    let desk = desk_account(&hub, &account)["organization_fields"].clone();
    assert_eq!((&crm["Industry"], &desk["industry"]), (&json!("Software"), &json!("Software")));
    assert_eq!((&crm["CSM_Name__c"], &desk["csm_name"]), (&json!("Cora Smith"), &json!("Cora Smith")));
    assert_eq!((&crm["Status__c"], &desk["account_status"]), (&json!("Active"), &json!("Active")));
    assert_eq!((&crm["Plan__c"], &desk["plan"]), (&json!("Enterprise"), &json!("Enterprise")), "it was edited since");
    assert_eq!(hub.salesforce.get("Contact", &contacts[0]).unwrap()["LastName"], "Lovelace");
    assert_eq!(hub.zendesk.user(user).unwrap()["name"], "Ada Lovelace");

    // It stays so: nothing has come back from either side.
    hub.run_for(40).await;
    assert_eq!(hub.salesforce.get("Account", &account).unwrap()["Industry"], "Software");
    assert_eq!(plan(&hub, &request).await.restored, 0);
    assert!(hub.store.read(|tx| tx.dead_letter_counts()).await.unwrap().is_empty(), "{}", hub.backlog().await);
}

#[tokio::test]
async fn a_record_is_shown_as_it_was() {
    let mut hub = Hub::new(72, Flaws::none()).await;
    let before = hub.now() - MINUTE;
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    hub.run_for(40).await;
    let record = record_of(&hub, "Account", &account).await;
    let mut times = Vec::new();
    for industry in ["Steel", "Wood", "Wool"] {
        times.push(hub.now());
        hub.run_for(2).await;
        hub.salesforce.update("Account", &account, &fields(json!({ "Industry": industry })), &hub.rep()).unwrap();
        hub.run_for(5).await;
    }
    for (time, then) in times.iter().zip(["Software", "Steel", "Wood"]) {
        let shown = record_as_of(&hub.engine, &person(), record.as_str(), at(*time)).await.unwrap();
        let industry = shown.fields.iter().find(|field| field.field == "industry").unwrap();
        assert_eq!((industry.value.as_deref(), industry.now.as_deref()), (Some(then), Some("Wool")));
        assert!(industry.changed_by.is_some());
        let name = shown.fields.iter().find(|field| field.field == "name").unwrap();
        assert_eq!((name.value.as_deref(), &name.changed_by), (Some("Acme"), &None));
        assert_eq!(shown.state, "active");
    }
    let shown = record_as_of(&hub.engine, &person(), record.as_str(), at(before)).await.unwrap();
    assert_eq!(shown.state, "unknown");
    assert!(shown.fields.iter().all(|field| field.value.is_none()));
}

#[tokio::test]
async fn what_cannot_be_undone_is_named_with_its_reason() {
    let mut hub = Hub::new(73, Flaws::none()).await;
    let start = hub.now() - MINUTE;
    let people = [("Ada", "ada"), ("Eva", "eva"), ("Bob", "bob"), ("Zoe", "zoe")]
        .map(|(first, name)| (first, first, format!("{name}@acme.example")));
    let people: Vec<(&str, &str, &str)> = people.iter().map(|(first, last, email)| (*first, *last, email.as_str())).collect();
    let (account, contacts) = seed_customer(&hub, "Acme", &people);
    hub.run_for(40).await;
    let request = UndoRequest { since: Some(at(start)), ..UndoRequest::default() };
    let told = plan(&hub, &request).await;
    // What the desk filled in by itself after the record was made is a change like any other; what the record began with is not.
    let begun = ["name", "first_name", "last_name", "email", "account", "job_title"];
    let restored = told.items.iter().flat_map(|item| &item.fields).filter(|field| begun.contains(&field.field.as_str()));
    assert_eq!(restored.count(), 0, "nobody is undone into a blank: {:?}", told.items);
    let account_record = record_of(&hub, "Account", &account).await;
    let of_account = told.items.iter().find(|item| item.record == account_record.to_string()).unwrap();
    assert_eq!(of_account.fields, []);
    assert!(of_account.impossible.iter().any(|no| no.reason.contains("came into being")), "{of_account:?}");
    assert!(of_account.impossible.iter().any(|no| no.field.as_deref() == Some("support_id")), "{of_account:?}");
    let flow = of_account.impossible.iter().find(|no| no.field.as_deref() == Some("health_score")).unwrap();
    assert!(flow.reason.contains("support health"), "{flow:?}");

    // One is deleted, one is merged into another, and one is erased.
    let middle = hub.now();
    hub.run_for(1).await;
    let rep = hub.rep();
    let mut records = Vec::new();
    for contact in &contacts {
        records.push(record_of(&hub, "Contact", contact).await);
    }
    for contact in &contacts {
        hub.salesforce.update("Contact", contact, &fields(json!({ "Title": "Countess" })), &rep).unwrap();
    }
    hub.run_for(5).await;
    hub.salesforce.delete("Contact", &contacts[1], &rep).unwrap();
    hub.salesforce.merge("Contact", &contacts[2], &[&contacts[3]], &rep).unwrap();
    let subject = hub.store.read({
        let id = records[0].clone();
        move |tx| Ok(tx.record(&Viewer::system(), &id)?.unwrap().subject)
    });
    let subject = subject.await.unwrap();
    let now = at(hub.now());
    hub.run_for(20).await;
    let request = UndoRequest { since: Some(at(middle)), fields: vec!["job_title".to_owned()], ..UndoRequest::default() };
    let told = plan(&hub, &request).await;
    let deleted = told.items.iter().find(|item| item.record == records[1].to_string()).unwrap();
    assert!(deleted.impossible.iter().any(|no| no.reason.contains("deleted at salesforce")), "{deleted:?}");
    let merged = told.items.iter().find(|item| item.record == records[3].to_string()).unwrap();
    let into = format!("merged into {}", records[2]);
    assert!(merged.fields.is_empty() && merged.impossible.iter().any(|no| no.reason.contains(&into)), "{merged:?}");
    let parts = format!("`entente unmerge {}`", records[2]);
    assert!(merged.impossible.iter().any(|no| no.remedy.contains(&parts)), "{merged:?}");

    hub.store.write(move |tx| tx.shred(&subject, now)).await.unwrap();
    let told = take_back(&hub, &request).await;
    let erased = told.items.iter().find(|item| item.record == records[0].to_string()).unwrap();
    assert!(erased.fields.is_empty() && erased.impossible[0].reason.contains("erased"), "{erased:?}");
    let bob = told.items.iter().find(|item| item.record == records[2].to_string()).unwrap();
    assert_eq!(bob.fields.iter().map(|field| field.then.as_deref()).collect::<Vec<_>>(), [Some("Engineer")]);
    hub.run_for(5).await;
    assert_eq!(hub.salesforce.get("Contact", &contacts[2]).unwrap()["Title"], "Engineer");
    assert_eq!(hub.zendesk.user(desk_user(&hub, &contacts[2])).unwrap()["user_fields"]["job_title"], "Engineer");
}

#[tokio::test]
async fn a_write_that_nobody_answered_for_does_not_bring_back_what_is_undone() {
    let mut hub = Hub::new(74, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let user = desk_user(&hub, &contacts[0]);
    let names = |hub: &Hub| {
        (hub.salesforce.get("Contact", &contacts[0]).unwrap()["LastName"].clone(), hub.zendesk.user(user).unwrap()["name"].clone())
    };
    hub.salesforce.faults().set_calls(Fault::TimeoutAfter, 1_000);
    hub.zendesk.update_user(user, &fields(json!({ "name": "Ada King" })), hub.agent()).unwrap();
    for _ in 0..200 {
        if names(&hub).0 == "King" {
            break;
        }
        let until = hub.now() + 100;
        hub.run_until(until).await;
    }
    assert_eq!(names(&hub), (json!("King"), json!("Ada King")), "it has landed, and we do not know");
    let record = record_of(&hub, "Contact", &contacts[0]).await.to_string();
    let request = UndoRequest { record: Some(record), fields: vec!["last_name".to_owned()], ..UndoRequest::default() };
    assert_eq!(take_back(&hub, &request).await.restored, 1);
    hub.salesforce.faults().clear();
    hub.run_for(40).await;
    assert_eq!(names(&hub), (json!("Lovelace"), json!("Ada Lovelace")), "{}", hub.backlog().await);
}

#[tokio::test]
async fn whom_a_row_pointed_to_from_the_first_is_no_change_that_could_be_undone() {
    let mut hub = Hub::new(77, Flaws::none()).await;
    hub.run_for(20).await;
    let rep = hub.rep();
    let start = hub.now();
    let insert = |object: &str, row: Value| hub.salesforce.insert(object, &fields(row), &rep).unwrap();
    // Nothing tells of the account in time.
    hub.crm_faults.set_deliveries(DeliveryFault::Lost, 1_000);
    let account = insert("Account", json!({ "Name": "Newcomer", "Type": "Prospect" }));
    hub.crm_faults.set_deliveries(DeliveryFault::Lost, 0);
    let contact =
        insert("Contact", json!({ "FirstName": "Nell", "LastName": "Newby", "Email": "nell@newcomer.example", "AccountId": account }));
    hub.run_for(20).await;
    let record = record_of(&hub, "Contact", &contact).await;
    let of = record.clone();
    let history = hub.store.read(move |tx| tx.history(&Viewer::system(), &of, 10, None)).await.unwrap();
    let tells =
        |entry: &&entente_store::Entry| matches!(&entry.changes, entente_store::Changes::Open(changes) if changes.contains_key("account"));
    assert!(!history.iter().find(tells).unwrap().detail.contains("first seen"), "{history:?}");
    let report = take_back(&hub, &UndoRequest { since: Some(at(start)), ..UndoRequest::default() }).await;
    let of_contact = report.items.iter().find(|item| item.record == record.to_string()).unwrap();
    assert_eq!(of_contact.fields, [], "{report:?}");
    let refused = of_contact.impossible.iter().find(|no| no.field.as_deref() == Some("account")).unwrap();
    assert_eq!(refused.reason, "it was there when the record came into being, and is known since what it points to is");
    hub.run_for(20).await;
    assert_eq!(hub.salesforce.get("Contact", &contact).unwrap()["AccountId"], json!(account), "{}", hub.backlog().await);
}
