//! Salesforce beside Freshdesk: a CRM and a desk that come to agree. Tickets are told by webhook, everything else is polled.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where something is not as told")]

#[path = "process/caller.rs"]
mod caller;
#[path = "process/desk.rs"]
mod desk;
#[path = "process/hub.rs"]
mod hub;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use desk::Desk;
use hub::{Folder, stop};

/// Time that anything awaited may take.
const AWAITED_MAX: Duration = Duration::from_secs(60);
/// Time between two looks at something that is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Asks until there is an answer.
async fn arrives<T>(what: &str, folder: &Folder, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        let patience = AWAITED_MAX.as_secs();
        assert!(began.elapsed() < AWAITED_MAX, "{what}: not within {patience} seconds; the log ends:\n{}", folder.last_words());
        sleep(LOOK_EVERY).await;
    }
}

/// The contact of an address at the desk.
async fn contact(desk: &Desk, email: &str) -> Option<Value> {
    desk.rows("contacts").await.into_iter().find(|contact| contact["email"] == email)
}

async fn provision(folder: &Folder) -> Value {
    let output = folder.run(&["provision", "--apply", "--output", "json"]).await;
    let said: Value = serde_json::from_slice(&output.stdout).expect("an answer in JSON");
    assert!(output.status.success(), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_won_deal_and_what_follows_are_the_same_on_both_sides() {
    let desk = Desk::start(5).await;
    // The shortest interval of polls that is taken.
    let folder = Folder::new(&desk.configuration(10_000));

    // Fields and rules are made over the API; asked again, nothing is made twice.
    let said = provision(&folder).await;
    let fields = said["fields"].as_array().unwrap();
    let made = fields.iter().filter(|field| field["connection"] == "freshdesk" && field["state"] == "created").count();
    assert!(made > 30 && fields.iter().all(|field| field["state"] != "refused"), "{said}");
    let webhooks =
        |said: &Value| said["webhooks"].as_array().unwrap().iter().find(|each| each["connection"] == "freshdesk").unwrap().clone();
    assert_eq!((&webhooks(&said)["state"], &webhooks(&said)["verified"]), (&json!("created"), &json!(true)), "{said}");
    let again = provision(&folder).await;
    assert_eq!(webhooks(&again)["state"], "present", "{again}");
    assert!(again["fields"].as_array().unwrap().iter().all(|field| field["state"] == "present"), "{again}");

    let mut server = folder.serve();
    folder.serves(&mut server).await;
    arrives("the first sync", &folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["health"]["overall"] == "operational").then_some(())
    })
    .await;

    // A deal is won: the desk gets the company, its contact and the checklist, and the CRM the desk's id.
    let account = desk.sell("Account", json!({"Name": "Northwind", "Website": "northwind.example", "Account_Tier__c": "Enterprise"})).await;
    let person = json!({"FirstName": "Maria", "LastName": "Lindquist", "Email": "maria@northwind.example", "AccountId": account});
    let person = desk.sell("Contact", person).await;
    let deal = json!({"Name": "Northwind, first year", "StageName": "Negotiation/Review", "CloseDate": "2026-12-31", "Amount": 1200, "AccountId": account});
    let deal = desk.sell("Opportunity", deal).await;
    desk.steer("salesforce", "update", json!({"object": "Opportunity", "id": deal, "fields": {"StageName": "Closed Won"}, "by": "sales"}))
        .await;
    let company = arrives("the support profile", &folder, async || {
        desk.rows("companies").await.into_iter().find(|company| company["name"] == "Northwind")
    })
    .await;
    assert_eq!(company["custom_fields"]["customer_tier"], "Enterprise", "{company}");
    let maria = arrives("its contact", &folder, async || {
        contact(&desk, "maria@northwind.example").await.filter(|contact| contact["company_id"] == company["id"])
    })
    .await;
    assert_eq!(maria["name"], "Maria Lindquist");
    let checklist = arrives("the onboarding checklist", &folder, async || {
        desk.rows("tickets").await.into_iter().find(|ticket| ticket["subject"] == "Onboarding: Northwind")
    })
    .await;
    assert_eq!(checklist["description_text"], "Onboarding: Northwind", "what is for colleagues is in a note: {checklist}");
    assert_eq!(checklist["company_id"], company["id"], "{checklist}");
    arrives("the desk's id in the CRM", &folder, async || {
        let accounts = desk.crm("Account").await;
        accounts.into_iter().find(|row| row["Id"] == json!(account) && row["Support_Id__c"] == json!(company["id"].to_string()))
    })
    .await;

    // Edits on both sides, and a ticket.
    desk.steer("salesforce", "update", json!({"object": "Contact", "id": person, "fields": {"Title": "CFO"}, "by": "sales"})).await;
    desk.steer("freshdesk", "update", json!({"kind": "contacts", "id": maria["id"], "fields": {"phone": "+46812345678"}})).await;
    desk.steer("freshdesk", "update", json!({"kind": "companies", "id": company["id"], "fields": {"note": "Prefers mail"}})).await;
    let ticket = json!({"email": "maria@northwind.example", "subject": "The printer smokes", "description": "Help!", "status": 2, "priority": 3, "source": 2});
    let ticket = desk.steer("freshdesk", "create", json!({"kind": "tickets", "fields": ticket})).await;
    arrives("the new title at the desk", &folder, async || {
        contact(&desk, "maria@northwind.example").await.filter(|contact| contact["job_title"] == "CFO")
    })
    .await;
    arrives("the new number in the CRM", &folder, async || {
        let contacts = desk.crm("Contact").await;
        contacts
            .into_iter()
            .find(|row| row["Id"] == json!(person) && row["Phone"].as_str().is_some_and(|phone| phone.contains("812345678")))
    })
    .await;
    arrives("the agents' note in the CRM", &folder, async || {
        desk.crm("Account").await.into_iter().find(|row| row["Id"] == json!(account) && row["Support_Notes__c"] == "Prefers mail")
    })
    .await;
    // The ticket is an activity of the account, and its end is told.
    let activity = arrives("the activity", &folder, async || {
        let tasks = desk.crm("Task").await;
        tasks.into_iter().find(|task| task["Subject"].as_str().is_some_and(|subject| subject.contains("The printer smokes")))
    })
    .await;
    assert_eq!((&activity["WhatId"], &activity["WhoId"]), (&json!(account), &json!(person)), "{activity}");
    let open = activity["Status"].clone();
    desk.steer("freshdesk", "update", json!({"kind": "tickets", "id": ticket["id"], "fields": {"status": 5}})).await;
    arrives("its end", &folder, async || {
        desk.crm("Task").await.into_iter().find(|task| task["Id"] == activity["Id"] && task["Status"] != open)
    })
    .await;

    // In the end every record agrees, and nothing failed on the way.
    let status = arrives("agreement", &folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["consistency"]["in_flight"] == 0).then_some(status)
    })
    .await;
    assert_eq!(folder.get("/api/v1/dead-letters").await["items"], json!([]), "{status}");
    let told = status["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "freshdesk").unwrap();
    assert!(told["webhooks"].as_u64().unwrap() > 0 && told["webhooks_refused"] == 0, "{told}");
    assert_eq!(desk.rows("companies").await.len() + desk.rows("contacts").await.len(), 2, "nobody twice");
    stop(server).await;
}
