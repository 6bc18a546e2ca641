//! HubSpot beside Zendesk: a portal and a desk that come to agree, told by webhooks alone.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where something is not as told")]

#[path = "process/caller.rs"]
mod caller;
#[path = "process/hub.rs"]
mod hub;
#[path = "process/portal.rs"]
mod portal;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use hub::{Folder, stop};
use portal::Portal;

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

/// The user of an address at the desk.
async fn user(portal: &Portal, email: &str) -> Option<Value> {
    portal.desk("users").await.into_iter().find(|user| user["email"] == email)
}

async fn organization_of(portal: &Portal, email: &str) -> Option<String> {
    let user = user(portal, email).await?;
    let organizations = portal.desk("organizations").await;
    let found = organizations.into_iter().find(|organization| organization["id"] == user["organization_id"])?;
    found["name"].as_str().map(str::to_owned)
}

async fn webhook_notes(folder: &Folder) -> Value {
    let output = folder.run(&["provision", "--apply", "--output", "json"]).await;
    let said: Value = serde_json::from_slice(&output.stdout).expect("an answer in JSON");
    assert!(output.status.success(), "{said}");
    said["webhooks"].as_array().unwrap().iter().find(|webhook| webhook["connection"] == "hubspot").unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_the_portal_reaches_the_desk_by_webhook() {
    let portal = Portal::start(5).await;
    // Polls come once in ten minutes: what arrives, arrives by webhook.
    let folder = Folder::new(&portal.configuration(600_000));
    let address = format!("{}/hooks/hubspot", folder.url);

    // A person is told what to set up; HubSpot signs, so the address holds no secret and there is no other secret to bring.
    let told = webhook_notes(&folder).await;
    assert_eq!((&told["state"], &told["verified"], &told["address"]), (&json!("manual"), &json!(true), &json!(address)), "{told}");
    assert!(told["note"].as_str().unwrap().contains("associationChange"), "{told}");
    let contacts = told["objects"].as_array().unwrap().iter().find(|object| object["object"] == "contacts").unwrap();
    assert!(contacts["fields"].as_array().unwrap().contains(&json!("email")) && !contacts.to_string().contains("SystemModstamp"));
    portal.subscribe(&address, &told).await;

    let mut server = folder.serve();
    folder.serves(&mut server).await;
    arrives("the first sync", &folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["health"]["overall"] == "operational").then_some(())
    })
    .await;

    // A company and its people: the desk has them, at their organization.
    let northwind = portal.create("companies", json!({"name": "Northwind", "domain": "northwind.example"})).await;
    let southwind = json!({"name": "Southwind", "domain": "southwind.example", "lifecyclestage": "customer"});
    let southwind = portal.create("companies", southwind).await;
    let maria = json!({"email": "maria@northwind.example", "firstname": "Maria", "lastname": "Lindquist", "lifecyclestage": "customer"});
    let contact = portal.create("contacts", maria).await;
    portal.steer("associate", json!({"object": "contacts", "id": contact, "to": "companies", "into": northwind, "primary": true})).await;
    // The deal is won: a customer, whose checklist the desk gets.
    let deal = portal.create("deals", json!({"dealname": "Northwind, first year", "dealstage": "contractsent", "amount": "1200"})).await;
    portal.steer("associate", json!({"object": "deals", "id": deal, "to": "companies", "into": northwind, "primary": true})).await;
    portal.steer("update", json!({"object": "deals", "id": deal, "properties": {"dealstage": "closedwon"}})).await;
    arrives("the onboarding checklist", &folder, async || {
        portal.desk("tickets").await.into_iter().find(|ticket| ticket["subject"] == "Onboarding: Northwind")
    })
    .await;
    arrives("the support profile", &folder, async || {
        organization_of(&portal, "maria@northwind.example").await.filter(|name| name == "Northwind")
    })
    .await;

    // Who moves from one company to another changes nothing of the contact itself: only the association's event tells.
    portal.steer("associate", json!({"object": "contacts", "id": contact, "to": "companies", "into": southwind, "primary": true})).await;
    arrives("the new company", &folder, async || {
        organization_of(&portal, "maria@northwind.example").await.filter(|name| name == "Southwind")
    })
    .await;

    // An edit of a person in the portal, and one at the desk.
    portal.steer("update", json!({"object": "contacts", "id": contact, "properties": {"lastname": "Lindqvist"}})).await;
    let renamed = arrives("the new name", &folder, async || {
        user(&portal, "maria@northwind.example").await.filter(|user| user["name"] == "Maria Lindqvist")
    })
    .await;
    portal.edit_user(&renamed["id"], json!({"name": "Maria Berg"})).await;
    arrives("the name in the portal", &folder, async || {
        let contacts = portal.dump("contacts").await;
        contacts.into_iter().find(|each| each["hs_object_id"] == json!(contact) && each["lastname"] == "Berg")
    })
    .await;

    // A call report of sales is an activity of the account.
    let note = portal.create("notes", json!({"hs_timestamp": "2026-01-05T09:00:00Z", "hs_note_body": "They want a second seat."})).await;
    portal.steer("associate", json!({"object": "notes", "id": note, "to": "companies", "into": northwind})).await;
    arrives("the note of sales", &folder, async || {
        let activities = folder.get("/api/v1/records?object=activity").await;
        activities.to_string().contains("They want a second seat.").then_some(())
    })
    .await;

    // Two contacts turn out to be one person: the desk's two users are a person's to merge.
    let twin = json!({"email": "m.lindqvist@southwind.example", "firstname": "Maria", "lastname": "Lindqvist"});
    let twin = portal.create("contacts", twin).await;
    portal.steer("associate", json!({"object": "contacts", "id": twin, "to": "companies", "into": southwind, "primary": true})).await;
    arrives("the second user", &folder, async || user(&portal, "m.lindqvist@southwind.example").await).await;
    portal.steer("merge", json!({"object": "contacts", "id": twin, "into": contact})).await;
    arrives("the question whether to merge at the desk", &folder, async || {
        let reviews = folder.get("/api/v1/reviews").await;
        reviews.to_string().contains("merged at hubspot").then_some(())
    })
    .await;

    // In the end every record agrees, and nothing failed on the way.
    let status = arrives("agreement", &folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["consistency"]["in_flight"] == 0).then_some(status)
    })
    .await;
    assert_eq!(folder.get("/api/v1/dead-letters").await["items"], json!([]), "{status}");
    let hubspot = status["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "hubspot").unwrap();
    assert!(hubspot["webhooks"].as_u64().unwrap() > 0 && hubspot["webhooks_refused"] == 0, "{hubspot}");
    stop(server).await;
}
