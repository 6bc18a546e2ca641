//! Short stories, each told to the whole engine without faults.

use entente_engine::flaws::Flaws;
use serde_json::{Value, json};

use crate::hub::{Hub, fields, seed_customer};

#[tokio::test]
async fn a_customer_of_the_crm_becomes_a_support_profile_and_its_ids_are_written_back() {
    let mut hub = Hub::new(1, Flaws::none()).await;
    let (account, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "Ada@Acme.example")]);
    hub.run_for(40).await;
    let crm_account = hub.salesforce.get("Account", &account).unwrap();
    let organization: u64 = crm_account["Support_Id__c"].as_str().expect("support id written back").parse().unwrap();
    let organization = hub.zendesk.organization(organization).unwrap();
    assert_eq!(organization["name"], "Acme");
    assert_eq!(organization["organization_fields"]["account_tier"], "Pro");
    assert_eq!(organization["organization_fields"]["crm_id"], json!(account));
    let crm_contact = hub.salesforce.get("Contact", &contacts[0]).unwrap();
    let user: u64 = crm_contact["Support_Id__c"].as_str().expect("support id written back").parse().unwrap();
    let user = hub.zendesk.user(user).unwrap();
    assert_eq!(user["name"], "Ada Lovelace");
    assert_eq!(user["email"], "ada@acme.example");
    assert_eq!(user["organization_id"], organization["id"]);
}

#[tokio::test]
async fn an_edit_at_the_desk_reaches_the_crm_and_the_other_way_round() {
    let mut hub = Hub::new(2, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let user: u64 = hub.salesforce.get("Contact", &contacts[0]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    hub.zendesk.update_user(user, &fields(json!({ "name": "Ada King" })), hub.agent()).unwrap();
    hub.run_for(1).await;
    assert_eq!(hub.salesforce.get("Contact", &contacts[0]).unwrap()["LastName"], "King");
    hub.salesforce.update("Contact", &contacts[0], &fields(json!({ "Title": "Countess" })), &hub.rep()).unwrap();
    hub.run_for(1).await;
    assert_eq!(hub.zendesk.user(user).unwrap()["user_fields"]["job_title"], "Countess");
}

#[tokio::test]
async fn a_ticket_becomes_an_activity_of_the_crm_and_moves_the_health_score() {
    let mut hub = Hub::new(3, Flaws::none()).await;
    let (account, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let user: u64 = hub.salesforce.get("Contact", &contacts[0]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    let ticket = json!({ "subject": "It is on fire", "requester_id": user, "priority": "urgent", "comment": { "body": "Help" } });
    let ticket = hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
    hub.run_for(5).await;
    let mut tasks: Vec<Value> = Vec::new();
    hub.salesforce.each("Task", &mut |_, task| tasks.push(Value::Object(task.clone())));
    assert_eq!(tasks.len(), 1, "{tasks:?}; {}", hub.backlog().await);
    assert_eq!(tasks[0]["Subject"], format!("[Ticket #{ticket}] It is on fire"));
    assert_eq!(tasks[0]["WhatId"], json!(account));
    let score = hub.salesforce.get("Account", &account).unwrap()["Support_Health_Score__c"].clone();
    assert!(score.as_f64().is_some_and(|score| score < 100.0), "{score}");
    hub.zendesk.solve(ticket, hub.agent()).unwrap();
    hub.run_for(5).await;
    let mut statuses: Vec<Value> = Vec::new();
    hub.salesforce.each("Task", &mut |_, task| statuses.push(task["Status"].clone()));
    assert_eq!(statuses, [json!("Completed")]);
}

#[tokio::test]
async fn closed_won_makes_a_support_profile_a_checklist_and_a_first_health_score() {
    let mut hub = Hub::new(4, Flaws::none()).await;
    hub.run_for(20).await;
    let rep = hub.rep();
    let account = json!({ "Name": "Newcomer", "Type": "Prospect", "CSM_Email__c": "cora@vendor.example", "Status__c": "Active" });
    let account = hub.salesforce.insert("Account", &fields(account), &rep).unwrap();
    let contact = json!({ "FirstName": "Nell", "LastName": "Newby", "Email": "nell@newcomer.example", "AccountId": account });
    let contact = hub.salesforce.insert("Contact", &fields(contact), &rep).unwrap();
    let deal = json!({ "Name": "First deal", "AccountId": account, "StageName": "Prospecting", "CloseDate": "2026-02-01" });
    let deal = hub.salesforce.insert("Opportunity", &fields(deal), &rep).unwrap();
    hub.run_for(2).await;
    assert!(!hub.salesforce.get("Account", &account).unwrap().contains_key("Support_Id__c"), "a prospect has no support profile");
    hub.salesforce.update("Opportunity", &deal, &fields(json!({ "StageName": "Closed Won" })), &rep).unwrap();
    hub.run_for(2).await;
    let won = hub.salesforce.get("Account", &account).unwrap();
    assert!(won.contains_key("Support_Id__c"), "{won:?}; {}", hub.backlog().await);
    assert_eq!(won["Support_Health_Score__c"].as_f64(), Some(100.0));
    assert!(hub.salesforce.get("Contact", &contact).unwrap().contains_key("Support_Id__c"));
    let mut subjects = Vec::new();
    hub.zendesk.each_ticket(&mut |_, ticket| subjects.push(ticket["subject"].clone()));
    assert_eq!(subjects, [json!("Onboarding: Newcomer")]);
    let notices = hub.store.read(|tx| tx.notices(entente_store::NoticeState::Pending, 10, None)).await.unwrap();
    assert!(notices.iter().any(|notice| notice.notice.recipient == "cora@vendor.example"), "{notices:?}");
}
