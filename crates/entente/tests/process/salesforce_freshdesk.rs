//! Salesforce beside Freshdesk: a CRM and a desk that come to agree. Tickets are told by webhook, everything else is polled.

use serde_json::{Value, json};

use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration, first_sync, provision};
use crate::people::{freshdesk, salesforce};
use crate::sims::Sims;

/// The contact of an address at the desk.
async fn contact(sims: &Sims, email: &str) -> Option<Value> {
    freshdesk::rows(sims, "contacts").await.into_iter().find(|contact| contact["email"] == email)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_won_deal_and_what_follows_are_the_same_on_both_sides() {
    let sims = Sims::start(&["salesforce", "freshdesk"], &["--seed", "5"]).await;
    // The shortest interval of polls that is taken.
    let folder =
        Folder::new(&configuration(&sims, &[("salesforce", salesforce::auth(&sims)), ("freshdesk", freshdesk::auth(&sims))], 10_000));

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
    first_sync(&folder).await;

    // A deal is won: the desk gets the company, its contact and the checklist, and the CRM the desk's id.
    let account =
        salesforce::sell(&sims, "Account", json!({"Name": "Northwind", "Website": "northwind.example", "Account_Tier__c": "Enterprise"}))
            .await;
    let person = json!({"FirstName": "Maria", "LastName": "Lindquist", "Email": "maria@northwind.example", "AccountId": account});
    let person = salesforce::sell(&sims, "Contact", person).await;
    let deal = json!({"Name": "Northwind, first year", "StageName": "Negotiation/Review", "CloseDate": "2026-12-31", "Amount": 1200, "AccountId": account});
    let deal = salesforce::sell(&sims, "Opportunity", deal).await;
    salesforce::change(&sims, "Opportunity", &deal, json!({"StageName": "Closed Won"})).await;
    let company = arrives("the support profile", &folder, async || {
        freshdesk::rows(&sims, "companies").await.into_iter().find(|company| company["name"] == "Northwind")
    })
    .await;
    assert_eq!(company["custom_fields"]["customer_tier"], "Enterprise", "{company}");
    let maria = arrives("its contact", &folder, async || {
        contact(&sims, "maria@northwind.example").await.filter(|contact| contact["company_id"] == company["id"])
    })
    .await;
    assert_eq!(maria["name"], "Maria Lindquist");
    let checklist = arrives("the onboarding checklist", &folder, async || {
        freshdesk::rows(&sims, "tickets").await.into_iter().find(|ticket| ticket["subject"] == "Onboarding: Northwind")
    })
    .await;
    assert_eq!(checklist["description_text"], "Onboarding: Northwind", "what is for colleagues is in a note: {checklist}");
    assert_eq!(checklist["company_id"], company["id"], "{checklist}");
    arrives("the desk's id in the CRM", &folder, async || {
        let accounts = salesforce::rows(&sims, "Account").await;
        accounts.into_iter().find(|row| row["Id"] == json!(account) && row["Support_Id__c"] == json!(company["id"].to_string()))
    })
    .await;

    // Edits on both sides, and a ticket.
    salesforce::change(&sims, "Contact", &person, json!({"Title": "CFO"})).await;
    freshdesk::change(&sims, "contacts", &maria["id"], json!({"phone": "+46812345678"})).await;
    freshdesk::change(&sims, "companies", &company["id"], json!({"note": "Prefers mail"})).await;
    let ticket = json!({"email": "maria@northwind.example", "subject": "The printer smokes", "description": "Help!", "status": 2, "priority": 3, "source": 2});
    let ticket = freshdesk::create(&sims, "tickets", ticket).await;
    arrives("the new title at the desk", &folder, async || {
        contact(&sims, "maria@northwind.example").await.filter(|contact| contact["job_title"] == "CFO")
    })
    .await;
    arrives("the new number in the CRM", &folder, async || {
        let contacts = salesforce::rows(&sims, "Contact").await;
        contacts
            .into_iter()
            .find(|row| row["Id"] == json!(person) && row["Phone"].as_str().is_some_and(|phone| phone.contains("812345678")))
    })
    .await;
    arrives("the agents' note in the CRM", &folder, async || {
        salesforce::rows(&sims, "Account")
            .await
            .into_iter()
            .find(|row| row["Id"] == json!(account) && row["Support_Notes__c"] == "Prefers mail")
    })
    .await;
    // The ticket is an activity of the account, and its end is told.
    let activity = arrives("the activity", &folder, async || {
        let tasks = salesforce::rows(&sims, "Task").await;
        tasks.into_iter().find(|task| task["Subject"].as_str().is_some_and(|subject| subject.contains("The printer smokes")))
    })
    .await;
    assert_eq!((&activity["WhatId"], &activity["WhoId"]), (&json!(account), &json!(person)), "{activity}");
    let open = activity["Status"].clone();
    freshdesk::change(&sims, "tickets", &ticket["id"], json!({"status": 5})).await;
    arrives("its end", &folder, async || {
        salesforce::rows(&sims, "Task").await.into_iter().find(|task| task["Id"] == activity["Id"] && task["Status"] != open)
    })
    .await;

    // In the end every record agrees, and nothing failed on the way. A poll may have been faster than a webhook, which comes all the same.
    let (status, told) = arrives("agreement, and the webhooks", &folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        let told = status["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "freshdesk").unwrap().clone();
        (status["consistency"]["in_flight"] == 0 && told["webhooks"].as_u64().unwrap() > 0).then_some((status, told))
    })
    .await;
    assert_eq!(folder.get("/api/v1/dead-letters").await["items"], json!([]), "{status}");
    assert_eq!(told["webhooks_refused"], 0, "{told}");
    assert_eq!(freshdesk::rows(&sims, "companies").await.len() + freshdesk::rows(&sims, "contacts").await.len(), 2, "nobody twice");
    stop(server).await;
}
