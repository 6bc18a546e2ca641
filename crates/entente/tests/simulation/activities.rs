//! Meetings beside calls: what sales did reaches the desk, whichever of the platform's objects it is, and a mapping may move between them.

use entente_engine::flaws::Flaws;
use entente_engine::metadata::mappings::{self, Proposal};
use entente_store::Viewer;
use serde_json::{Value, json};

use crate::hub::{Hub, SALESFORCE, fields, seed_customer};

/// What the desk shows of the account's dealings with sales.
fn at_the_desk(hub: &Hub, account: &str) -> (String, Value) {
    let organization: u64 = hub.salesforce.get("Account", account).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    let shown = hub.zendesk.organization(organization).unwrap()["organization_fields"].clone();
    (shown["sales_context"].as_str().unwrap_or_default().to_owned(), shown["last_sales_activity_at"].clone())
}

async fn activities(hub: &Hub) -> u64 {
    hub.store.read(|tx| tx.record_counts(&Viewer::system())).await.unwrap().get("activity").copied().unwrap_or_default()
}

fn meet(hub: &Hub, account: &str, subject: &str, more: Value) -> String {
    let mut meeting = json!({ "Subject": subject, "WhatId": account, "StartDateTime": "2026-01-05T14:00:00Z", "DurationInMinutes": 60 });
    fields(more).into_iter().for_each(|(name, value)| meeting[name.as_str()] = value);
    hub.salesforce.insert("Event", &fields(meeting), &hub.rep()).unwrap()
}

fn call(hub: &Hub, account: &str, subject: &str) -> String {
    let call = json!({ "Subject": subject, "TaskSubtype": "Call", "Status": "Completed", "WhatId": account, "ActivityDate": "2026-01-04" });
    hub.salesforce.insert("Task", &fields(call), &hub.rep()).unwrap()
}

#[tokio::test]
async fn a_meeting_reaches_the_desk_as_a_call_does_and_once() {
    let mut hub = Hub::new(14, Flaws::none()).await;
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    hub.run_for(40).await;
    call(&hub, &account, "Check-in");
    meet(&hub, &account, "Quarterly review", json!({ "Description": "Liked the roadmap.", "IsGroupEvent": true }));
    // The copy of a colleague who was invited.
    meet(&hub, &account, "Quarterly review", json!({ "IsGroupEvent": true, "IsChild": true }));
    hub.run_for(20).await;
    let (context, last) = at_the_desk(&hub, &account);
    assert!(context.contains("2026-01-05 Meeting: Quarterly review") && context.contains("Liked the roadmap."), "{context}");
    assert!(context.contains("2026-01-04 Call: Check-in"), "{context}");
    assert_eq!(context.matches("Quarterly review").count(), 1, "{context}");
    assert!(last.as_str().is_some_and(|last| last.starts_with("2026-01-05")), "{last}");
    assert_eq!(activities(&hub).await, 2);
}

#[tokio::test]
async fn a_mapping_that_moves_to_activities_and_back_takes_its_rows_along() {
    let mut hub = Hub::new(15, Flaws::none()).await;
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    hub.run_for(40).await;
    // As an installation has it that began with tasks alone.
    let mut mapping = mappings::list(&hub.engine, Some(SALESFORCE), Some("activity")).await.unwrap().remove(0).mapping;
    "Task".clone_into(&mut mapping.remote);
    let kind = mapping.fields.iter_mut().find(|line| line.field == "kind").unwrap();
    "TaskSubtype".clone_into(&mut kind.remote);
    let proposal = Proposal { mapping, note: "tasks alone".to_owned(), accept_loss: false, new_fields: Vec::new() };
    let viewer = Viewer::new("olga", "admin");
    mappings::save(&hub.engine, &viewer, SALESFORCE, proposal).await.unwrap();
    let task = call(&hub, &account, "Check-in");
    meet(&hub, &account, "Quarterly review", json!({}));
    hub.run_for(60).await;
    assert_eq!(activities(&hub).await, 1, "{}", hub.backlog().await);

    for (version, many) in [(1, 2), (2, 2), (1, 2)] {
        mappings::activate(&hub.engine, &viewer, SALESFORCE, "activity", version).await.unwrap();
        hub.run_for(60).await;
        assert_eq!(activities(&hub).await, many, "version {version}: {}", hub.backlog().await);
    }
    // The row is still followed.
    hub.salesforce.update("Task", &task, &fields(json!({ "Subject": "Check-in, again" })), &hub.rep()).unwrap();
    hub.run_for(20).await;
    let (context, _) = at_the_desk(&hub, &account);
    assert!(context.contains("Check-in, again") && context.contains("Quarterly review"), "{context}");
    assert_eq!(activities(&hub).await, 2);
}
