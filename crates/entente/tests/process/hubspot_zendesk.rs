//! HubSpot beside Zendesk: a portal and a desk that come to agree, told by webhooks alone.

use serde_json::{Value, json};

use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration, first_sync, provision};
use crate::people::{hubspot, zendesk};
use crate::sims::Sims;

/// The user of an address at the desk.
async fn user(sims: &Sims, email: &str) -> Option<Value> {
    zendesk::rows(sims, "users").await.into_iter().find(|user| user["email"] == email)
}

async fn organization_of(sims: &Sims, email: &str) -> Option<String> {
    let user = user(sims, email).await?;
    let organizations = zendesk::rows(sims, "organizations").await;
    let found = organizations.into_iter().find(|organization| organization["id"] == user["organization_id"])?;
    found["name"].as_str().map(str::to_owned)
}

async fn webhook_notes(folder: &Folder) -> Value {
    let said = provision(folder).await;
    said["webhooks"].as_array().unwrap().iter().find(|webhook| webhook["connection"] == "hubspot").unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_the_portal_reaches_the_desk_by_webhook() {
    they_come_to_agree(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_for_the_paths_without_a_date() {
    they_come_to_agree(Some("v3")).await;
}

/// The story, on the version of the API that is usual or on another one.
async fn they_come_to_agree(version: Option<&str>) {
    let sims = Sims::start(&["hubspot", "zendesk"], &["--seed", "5"]).await;
    // Polls come once in ten minutes: what arrives, arrives by webhook.
    let mut text = configuration(&sims, &[("hubspot", hubspot::auth(&sims)), ("zendesk", zendesk::auth(&sims))], 600_000);
    if let Some(version) = version {
        text = text.replace("name = \"hubspot\"\n", &format!("name = \"hubspot\"\napi_version = \"{version}\"\n"));
    }
    let folder = Folder::new(&text);
    let address = format!("{}/hooks/hubspot", folder.url);

    // A person is told what to set up; HubSpot signs, so the address holds no secret and there is no other secret to bring.
    let told = webhook_notes(&folder).await;
    assert_eq!((&told["state"], &told["verified"], &told["address"]), (&json!("manual"), &json!(true), &json!(address)), "{told}");
    assert!(told["note"].as_str().unwrap().contains("associationChange"), "{told}");
    let contacts = told["objects"].as_array().unwrap().iter().find(|object| object["object"] == "contacts").unwrap();
    assert!(contacts["fields"].as_array().unwrap().contains(&json!("email")) && !contacts.to_string().contains("SystemModstamp"));
    hubspot::subscribe(&sims, &address, &told).await;

    let mut server = folder.serve();
    folder.serves(&mut server).await;
    first_sync(&folder).await;

    // A company and its people: the desk has them, at their organization.
    let northwind = hubspot::create(&sims, "companies", json!({"name": "Northwind", "domain": "northwind.example"})).await;
    let southwind = json!({"name": "Southwind", "domain": "southwind.example", "lifecyclestage": "customer"});
    let southwind = hubspot::create(&sims, "companies", southwind).await;
    let maria = json!({"email": "maria@northwind.example", "firstname": "Maria", "lastname": "Lindquist", "lifecyclestage": "customer"});
    let contact = hubspot::create(&sims, "contacts", maria).await;
    hubspot::associate(&sims, "contacts", &contact, &northwind, true).await;
    // The deal is won: a customer, whose checklist the desk gets.
    let deal =
        hubspot::create(&sims, "deals", json!({"dealname": "Northwind, first year", "dealstage": "contractsent", "amount": "1200"})).await;
    hubspot::associate(&sims, "deals", &deal, &northwind, true).await;
    hubspot::change(&sims, "deals", &deal, json!({"dealstage": "closedwon"})).await;
    arrives("the onboarding checklist", &folder, async || {
        zendesk::rows(&sims, "tickets").await.into_iter().find(|ticket| ticket["subject"] == "Onboarding: Northwind")
    })
    .await;
    arrives("the support profile", &folder, async || {
        organization_of(&sims, "maria@northwind.example").await.filter(|name| name == "Northwind")
    })
    .await;

    // Who moves from one company to another changes nothing of the contact itself: only the association's event tells.
    hubspot::associate(&sims, "contacts", &contact, &southwind, true).await;
    arrives("the new company", &folder, async || {
        organization_of(&sims, "maria@northwind.example").await.filter(|name| name == "Southwind")
    })
    .await;

    // An edit of a person in the portal, and one at the desk.
    hubspot::change(&sims, "contacts", &contact, json!({"lastname": "Lindqvist"})).await;
    let renamed = arrives("the new name", &folder, async || {
        user(&sims, "maria@northwind.example").await.filter(|user| user["name"] == "Maria Lindqvist")
    })
    .await;
    zendesk::edit_user(&sims, &renamed["id"], json!({"name": "Maria Berg"})).await;
    arrives("the name in the portal", &folder, async || {
        let contacts = hubspot::rows(&sims, "contacts").await;
        contacts.into_iter().find(|each| each["hs_object_id"] == json!(contact) && each["lastname"] == "Berg")
    })
    .await;

    // A call report of sales is an activity of the account.
    let note =
        hubspot::create(&sims, "notes", json!({"hs_timestamp": "2026-01-05T09:00:00Z", "hs_note_body": "They want a second seat."})).await;
    hubspot::associate(&sims, "notes", &note, &northwind, false).await;
    arrives("the note of sales", &folder, async || {
        let activities = folder.get("/api/v1/records?object=activity").await;
        activities.to_string().contains("They want a second seat.").then_some(())
    })
    .await;

    // A ticket becomes a task of the customer, and is done when it is solved.
    let ticket = zendesk::open_ticket(&sims, &renamed["id"], "Cannot log in").await;
    let subject = format!("[Ticket #{}] Cannot log in", ticket["id"]);
    let task = async || hubspot::rows(&sims, "tasks").await.into_iter().find(|row| row["hs_task_subject"] == json!(subject));
    arrives("the ticket as a task", &folder, task).await;
    zendesk::solve(&sims, &ticket["id"]).await;
    arrives("the task that is done", &folder, async || task().await.filter(|row| row["hs_task_status"] == "COMPLETED")).await;

    // Two contacts turn out to be one person: the desk's two users are a person's to merge.
    let twin = json!({"email": "m.lindqvist@southwind.example", "firstname": "Maria", "lastname": "Lindqvist"});
    let twin = hubspot::create(&sims, "contacts", twin).await;
    hubspot::associate(&sims, "contacts", &twin, &southwind, true).await;
    arrives("the second user", &folder, async || user(&sims, "m.lindqvist@southwind.example").await).await;
    sims.steer("hubspot", "merge", &json!({"object": "contacts", "id": twin, "into": contact})).await;
    arrives("the question whether to merge at the desk", &folder, async || {
        let reviews = folder.get("/api/v1/reviews").await;
        reviews.to_string().contains("merged at hubspot").then_some(())
    })
    .await;

    // Somebody who is deleted in the portal stays at the desk, and is not made again in the portal.
    let erik = json!({"email": "erik@southwind.example", "firstname": "Erik", "lastname": "Nyman"});
    let erik = hubspot::create(&sims, "contacts", erik).await;
    hubspot::associate(&sims, "contacts", &erik, &southwind, true).await;
    arrives("the third user", &folder, async || user(&sims, "erik@southwind.example").await).await;
    sims.steer("hubspot", "archive", &json!({"object": "contacts", "id": erik})).await;
    arrives("the deletion", &folder, async || {
        let found = folder.get("/api/v1/records?object=contact&q=Nyman").await;
        let record = folder.get(&format!("/api/v1/records/{}", found["items"][0]["id"].as_str()?)).await;
        record.to_string().contains("\"deleted\"").then_some(())
    })
    .await;
    assert!(user(&sims, "erik@southwind.example").await.is_some());

    // In the end every record agrees, and nothing failed on the way.
    let status = arrives("agreement", &folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["consistency"]["in_flight"] == 0).then_some(status)
    })
    .await;
    assert_eq!(folder.get("/api/v1/dead-letters").await["items"], json!([]), "{status}");
    let told = status["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "hubspot").unwrap();
    assert!(told["webhooks"].as_u64().unwrap() > 0 && told["webhooks_refused"] == 0, "{told}");
    stop(server).await;
}
