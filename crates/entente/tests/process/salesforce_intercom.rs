//! Salesforce beside Intercom: a CRM and a desk that come to agree, told by signed webhooks and by polls.

use serde_json::{Value, json};

use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration, first_sync, forget, provision};
use crate::people::{intercom, salesforce};
use crate::sims::Sims;

/// The contact of an address at the desk.
async fn contact(sims: &Sims, email: &str) -> Option<Value> {
    intercom::rows(sims, "contacts").await.into_iter().find(|contact| contact["email"] == email)
}

/// The activity of the CRM that is about something.
async fn activity(sims: &Sims, about: &str) -> Option<Value> {
    let tasks = salesforce::rows(sims, "Task").await;
    tasks.into_iter().find(|task| task["Subject"].as_str().is_some_and(|subject| subject.contains(about)))
}

/// Ids of a contact of this name and of its counterpart at the desk, once it has one.
async fn counterpart(folder: &Folder, name: &str) -> Option<(String, String)> {
    let contacts = folder.get("/api/v1/records?object=contact").await;
    let record = contacts["items"].as_array()?.iter().find(|record| record["title"] == name)?;
    let link = record["links"].as_array()?.iter().find(|link| link["connection"] == "intercom")?;
    Some((record["id"].as_str()?.to_owned(), link["external_id"].as_str()?.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_won_deal_its_people_and_what_they_ask_are_the_same_on_both_sides() {
    they_come_to_agree(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_for_the_older_version() {
    they_come_to_agree(Some("2.14")).await;
}

/// The story, on the version of the API that is usual or on another one.
async fn they_come_to_agree(version: Option<&str>) {
    let sims = Sims::start(&["salesforce", "intercom"], &["--seed", "5"]).await;
    let connections = [("salesforce", salesforce::auth(&sims)), ("intercom", intercom::auth(&sims))];
    // The shortest interval of polls that is taken.
    let mut text = configuration(&sims, &connections, 10_000);
    if let Some(version) = version {
        text = text.replace("name = \"intercom\"\n", &format!("name = \"intercom\"\napi_version = \"{version}\"\n"));
    }
    let folder = Folder::new(&(text + &intercom::webhooks(&sims)));

    // Attributes are made over the API; asked again, nothing is made twice. Webhooks are a person's to set up.
    let said = provision(&folder).await;
    let fields = said["fields"].as_array().unwrap();
    let made = fields.iter().filter(|field| field["connection"] == "intercom" && field["state"] == "created").count();
    assert!(made > 30 && fields.iter().all(|field| field["state"] != "refused"), "{said}");
    let again = provision(&folder).await;
    assert!(again["fields"].as_array().unwrap().iter().all(|field| field["state"] == "present"), "{again}");
    let told = again["webhooks"].as_array().unwrap().iter().find(|each| each["connection"] == "intercom").unwrap();
    let address = format!("{}/hooks/intercom", folder.url);
    assert_eq!((&told["state"], &told["verified"], &told["address"]), (&json!("manual"), &json!(true), &json!(address)), "{told}");

    let mut server = folder.serve();
    folder.serves(&mut server).await;
    intercom::subscribe(&sims, &address).await;
    first_sync(&folder).await;

    // A deal is won: the desk gets the company, its contact and the checklist, and the CRM the desk's id.
    let account = json!({"Name": "Northwind & Sons", "Website": "northwind.example", "Account_Tier__c": "Enterprise"});
    let account = salesforce::sell(&sims, "Account", account).await;
    let person = json!({"FirstName": "Maria", "LastName": "Lindquist", "Email": "maria@northwind.example", "AccountId": account});
    let person = salesforce::sell(&sims, "Contact", person).await;
    let deal = json!({"Name": "Northwind, first year", "StageName": "Negotiation/Review", "CloseDate": "2026-12-31", "Amount": 1200, "AccountId": account});
    let deal = salesforce::sell(&sims, "Opportunity", deal).await;
    salesforce::change(&sims, "Opportunity", &deal, json!({"StageName": "Closed Won"})).await;
    let company = arrives("the support profile", &folder, async || {
        intercom::rows(&sims, "companies").await.into_iter().find(|company| company["name"] == "Northwind &amp; Sons")
    })
    .await;
    assert_eq!((&company["custom_attributes"]["customer_tier"], &company["website"]), (&json!("Enterprise"), &json!("northwind.example")));
    let maria = arrives("its contact", &folder, async || {
        let maria = contact(&sims, "maria@northwind.example").await;
        maria.filter(|contact| contact["companies"]["data"][0]["id"] == company["id"])
    })
    .await;
    assert_eq!((&maria["name"], &maria["role"]), (&json!("Maria Lindquist"), &json!("user")));
    let checklist = arrives("the onboarding checklist", &folder, async || intercom::rows(&sims, "tickets").await.into_iter().next()).await;
    assert_eq!(checklist["ticket_attributes"]["_default_title_"], "Onboarding: Northwind &amp; Sons");
    assert_eq!(checklist["category"], "Back-office", "what is for colleagues no customer sees");
    assert_ne!(checklist["contacts"]["contacts"][0]["id"], maria["id"], "and none takes part in");
    arrives("the desk's id in the CRM", &folder, async || {
        let accounts = salesforce::rows(&sims, "Account").await;
        accounts.into_iter().find(|row| row["Id"] == json!(account) && row["Support_Id__c"] == company["id"])
    })
    .await;

    // Edits on both sides.
    salesforce::change(&sims, "Contact", &person, json!({"Title": "CFO"})).await;
    intercom::change(&sims, "contacts", &maria["id"], json!({"phone": "+46812345678"})).await;
    intercom::change(&sims, "companies", &company["id"], json!({"custom_attributes": {"support_notes": "Prefers mail & chat"}})).await;
    arrives("the new title at the desk", &folder, async || {
        contact(&sims, "maria@northwind.example").await.filter(|contact| contact["custom_attributes"]["job_title"] == "CFO")
    })
    .await;
    arrives("the new number in the CRM", &folder, async || {
        let contacts = salesforce::rows(&sims, "Contact").await;
        let new = |row: &Value| row["Id"] == json!(person) && row["Phone"].as_str().is_some_and(|phone| phone.contains("812345678"));
        contacts.into_iter().find(new)
    })
    .await;
    arrives("the agents' note in the CRM", &folder, async || {
        let accounts = salesforce::rows(&sims, "Account").await;
        accounts.into_iter().find(|row| row["Id"] == json!(account) && row["Support_Notes__c"] == "Prefers mail & chat")
    })
    .await;

    // A conversation is an activity of the account and of who began it, and its end is told; a ticket is one as well.
    let from = json!({"from": {"type": "user", "id": maria["id"]}, "body": "The printer smokes"});
    let conversation = intercom::create(&sims, "conversations", from).await;
    let task = arrives("the activity", &folder, async || activity(&sims, "The printer smokes").await).await;
    assert_eq!((&task["WhatId"], &task["WhoId"]), (&json!(account), &json!(person)), "{task}");
    sims.steer("intercom", "manage", &json!({"id": conversation, "fields": {"message_type": "close"}})).await;
    arrives("its end", &folder, async || activity(&sims, "The printer smokes").await.filter(|now| now["Status"] != task["Status"])).await;
    let people: Value = serde_json::from_str(&sims.ask(sims.client.get(format!("{}/_sim/people", sims.base("intercom")))).await).unwrap();
    let ticket = json!({
        "ticket_type_id": people["ticket_types"][0]["id"], "contacts": [{"id": maria["id"]}], "ticket_attributes": {"_default_title_": "No ink"},
    });
    intercom::create(&sims, "tickets", ticket).await;
    let task = arrives("the ticket's activity", &folder, async || activity(&sims, "No ink").await).await;
    assert_eq!((&task["WhatId"], &task["WhoId"]), (&json!(account), &json!(person)), "{task}");

    // A lead turns out to be Maria: what they asked and what they say from then on is hers.
    let lead = intercom::create(&sims, "contacts", json!({"role": "lead", "name": "Visitor"})).await;
    let asked = json!({"from": {"type": "lead", "id": lead}, "body": "Do you sell paper?"});
    let asked = intercom::create(&sims, "conversations", asked).await;
    sims.steer("intercom", "merge", &json!({"id": lead, "into": maria["id"]})).await;
    sims.steer("intercom", "say", &json!({"id": asked, "body": "It is me", "by": maria["id"]})).await;
    let task = arrives("what the lead asked", &folder, async || activity(&sims, "Do you sell paper?").await).await;
    assert_eq!(task["WhoId"], json!(person), "{task}");

    // Who is deleted at the desk stays in the CRM, and does not come back by itself.
    let ben = json!({"FirstName": "Ben", "LastName": "Alm", "Email": "ben@northwind.example", "AccountId": account});
    salesforce::sell(&sims, "Contact", ben).await;
    let (record, ben) = arrives("a second contact", &folder, async || counterpart(&folder, "Ben Alm").await).await;
    sims.steer("intercom", "delete", &json!({"kind": "contacts", "id": ben})).await;
    arrives("the end of the link", &folder, async || {
        let record = folder.get(&format!("/api/v1/records/{record}")).await;
        let link = record["links"].as_array()?.iter().find(|link| link["connection"] == "intercom")?.clone();
        (link["state"] == "deleted").then_some(())
    })
    .await;

    // In the end every record agrees, and nothing failed on the way.
    let status = arrives("agreement", &folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["consistency"]["in_flight"] == 0).then_some(status)
    })
    .await;
    assert_eq!(folder.get("/api/v1/dead-letters").await["items"], json!([]), "{status}");
    let told = status["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "intercom").unwrap();
    assert!(told["webhooks"].as_u64().unwrap() > 0 && told["webhooks_refused"] == 0, "{told}");
    let names: Vec<Value> = intercom::rows(&sims, "contacts").await.into_iter().map(|contact| contact["external_id"].clone()).collect();
    assert_eq!((intercom::rows(&sims, "companies").await.len(), names.len()), (1, 2), "Maria, and who stands in for colleagues: {names:?}");
    assert_eq!(intercom::rows(&sims, "tickets").await.len(), 2, "one checklist and one ticket");

    // Who asks to be forgotten is blanked at the desk and deleted in the CRM, and nothing of her is left there.
    let erased = forget(&folder, "maria@northwind.example").await;
    let answers = erased["answers"].as_array().unwrap();
    let there: Vec<&Value> = answers.iter().filter(|row| row["connection"] == "intercom").collect();
    assert!(!there.is_empty() && answers.iter().all(|row| row["state"] == "erased"), "{erased}");
    for kind in ["contacts", "conversations", "tickets"] {
        let rows = Value::from(intercom::rows(&sims, kind).await).to_string();
        assert!(!rows.contains("maria@northwind.example") && !rows.contains("Lindqvist"), "{kind}: {rows}; {erased}");
    }
    stop(server).await;
}
