//! Pipedrive beside Zendesk: a company's CRM and its desk that come to agree, told by webhooks.

use serde_json::{Value, json};

use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration, first_sync, forget, provision};
use crate::people::pipedrive::number;
use crate::people::{pipedrive, zendesk};
use crate::sims::Sims;

/// The user of an address at the desk.
async fn user(sims: &Sims, email: &str) -> Option<Value> {
    zendesk::rows(sims, "users").await.into_iter().find(|user| user["email"] == email)
}

async fn organization_of(sims: &Sims, email: &str) -> Option<Value> {
    let user = user(sims, email).await?;
    zendesk::rows(sims, "organizations").await.into_iter().find(|organization| organization["id"] == user["organization_id"])
}

async fn person(sims: &Sims, id: &str) -> Value {
    pipedrive::rows(sims, "persons").await.into_iter().find(|person| person["id"] == number(id)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_of_the_crm_is_one_customer_at_the_desk_and_what_changes_on_either_side_arrives() {
    they_come_to_agree(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_for_the_crm_described_in_yaml_alone() {
    they_come_to_agree(true).await;
}

/// The story, with Pipedrive's own connector or with the one of the description that is shipped as an example.
async fn they_come_to_agree(described: bool) {
    let sims = Sims::start(&["pipedrive", "zendesk"], &["--seed", "5"]).await;
    // Polls come once in ten minutes: what arrives, arrives by webhook.
    let mut text = configuration(&sims, &[("pipedrive", pipedrive::auth(&sims)), ("zendesk", zendesk::auth(&sims))], 600_000);
    if described {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/pipedrive.yaml");
        text = text.replace("platform = \"pipedrive\"", &format!("platform = \"rest\"\ndescription = \"{file}\""));
    }
    let folder = Folder::new(&text);

    // Fields and webhooks are made over the API; asked again, nothing is made twice.
    let said = provision(&folder).await;
    let fields = said["fields"].as_array().unwrap();
    let made = fields.iter().filter(|field| field["connection"] == "pipedrive" && field["state"] == "created").count();
    assert!(made > 30 && fields.iter().all(|field| field["state"] != "refused"), "{said}");
    let webhooks =
        |said: &Value| said["webhooks"].as_array().unwrap().iter().find(|each| each["connection"] == "pipedrive").unwrap().clone();
    assert_eq!((&webhooks(&said)["state"], &webhooks(&said)["verified"]), (&json!("created"), &json!(true)), "{said}");
    let again = provision(&folder).await;
    assert_eq!(webhooks(&again)["state"], "present", "{again}");
    assert!(again["fields"].as_array().unwrap().iter().all(|field| field["state"] == "present"), "{again}");

    let mut server = folder.serve();
    folder.serves(&mut server).await;
    first_sync(&folder).await;

    // A deal is won: the desk gets the company, its contact and the checklist, each once.
    let northwind = pipedrive::create(&sims, "organizations", json!({"name": "Northwind", "website": "northwind.example"})).await;
    let maria = pipedrive::person(&sims, "Maria Lindquist", "maria@northwind.example", &northwind).await;
    let deal = json!({"title": "Northwind, first year", "value": 1200, "org_id": number(&northwind), "person_id": number(&maria)});
    let deal = pipedrive::create(&sims, "deals", deal).await;
    pipedrive::change(&sims, "deals", &deal, json!({"status": "won"})).await;
    arrives("the onboarding checklist", &folder, async || {
        zendesk::rows(&sims, "tickets").await.into_iter().find(|ticket| ticket["subject"] == "Onboarding: Northwind")
    })
    .await;
    arrives("the support profile", &folder, async || {
        organization_of(&sims, "maria@northwind.example").await.filter(|organization| organization["name"] == "Northwind")
    })
    .await;

    // An edit of a person in the CRM, and one at the desk.
    pipedrive::change(&sims, "persons", &maria, json!({"name": "Maria Lindqvist"})).await;
    let renamed = arrives("the new name", &folder, async || {
        user(&sims, "maria@northwind.example").await.filter(|user| user["name"] == "Maria Lindqvist")
    })
    .await;
    zendesk::edit_user(&sims, &renamed["id"], json!({"name": "Maria Berg", "phone": "+46812345678"})).await;
    arrives("the name and number in the CRM", &folder, async || {
        let row = person(&sims, &maria).await;
        (row["name"] == "Maria Berg" && row["phones"][0]["value"] == "+46812345678").then_some(())
    })
    .await;
    assert_eq!(person(&sims, &maria).await["emails"][0]["value"], "maria@northwind.example");

    // A ticket becomes an activity of the customer, and is done when it is solved.
    let ticket = zendesk::open_ticket(&sims, &renamed["id"], "Cannot log in").await;
    let subject = format!("[Ticket #{}] Cannot log in", ticket["id"]);
    let activity = async || pipedrive::rows(&sims, "activities").await.into_iter().find(|row| row["subject"] == json!(subject));
    let told = arrives("the ticket as an activity", &folder, async || {
        activity().await.filter(|row| row["org_id"] == number(&northwind) && row["person_id"] == number(&maria))
    })
    .await;
    assert_eq!((&told["type"], &told["done"]), (&json!("task"), &json!(false)), "{told}");
    zendesk::solve(&sims, &ticket["id"]).await;
    arrives("the activity that is done", &folder, async || activity().await.filter(|row| row["done"] == true)).await;

    // A note of sales is an activity of the account; the description knows activities alone.
    let told = json!({"subject": "They want a second seat.", "type": "call", "org_id": number(&northwind)});
    let (kind, told) = match described {
        false => ("notes", json!({"content": "<p>They want a second seat.</p>", "org_id": number(&northwind)})),
        true => ("activities", told),
    };
    pipedrive::create(&sims, kind, told).await;
    arrives("the note of sales", &folder, async || {
        let activities = folder.get("/api/v1/records?object=activity").await;
        activities.to_string().contains("They want a second seat.").then_some(())
    })
    .await;

    // Two contacts turn out to be one person: the desk's two users are a person's to merge.
    let twin = pipedrive::person(&sims, "Maria Lindqvist", "m.lindqvist@northwind.example", &northwind).await;
    arrives("the second user", &folder, async || user(&sims, "m.lindqvist@northwind.example").await).await;
    pipedrive::merge(&sims, "persons", &twin, &maria).await;
    arrives("the question whether to merge at the desk", &folder, async || {
        let reviews = folder.get("/api/v1/reviews").await;
        reviews.to_string().contains("merged at pipedrive").then_some(())
    })
    .await;

    // Somebody who is deleted in the CRM stays at the desk, and is not made again in the CRM.
    let erik = pipedrive::person(&sims, "Erik Nyman", "erik@northwind.example", &northwind).await;
    arrives("the third user", &folder, async || user(&sims, "erik@northwind.example").await).await;
    pipedrive::delete(&sims, "persons", &erik).await;
    arrives("the deletion", &folder, async || {
        let found = folder.get("/api/v1/records?object=contact&q=Nyman").await;
        let record = folder.get(&format!("/api/v1/records/{}", found["items"][0]["id"].as_str()?)).await;
        record.to_string().contains("\"deleted\"").then_some(())
    })
    .await;

    // In the end every record agrees, nothing failed on the way, and nobody was made twice.
    let status = arrives("agreement", &folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["consistency"]["in_flight"] == 0).then_some(status)
    })
    .await;
    assert_eq!(folder.get("/api/v1/dead-letters").await["items"], json!([]), "{status}");
    let connection = status["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "pipedrive").unwrap();
    assert!(connection["webhooks"].as_u64().unwrap() > 0 && connection["webhooks_refused"] == 0, "{connection}");
    let people = pipedrive::rows(&sims, "persons").await;
    assert_eq!(people.len(), 1, "{people:?}");
    let organizations = zendesk::rows(&sims, "organizations").await;
    assert_eq!(organizations.iter().filter(|organization| organization["name"] == "Northwind").count(), 1);

    // Who asks to be forgotten is blanked and deleted in the CRM, and nothing of her is left there.
    let erased = forget(&folder, "maria@northwind.example").await;
    let answers = erased["answers"].as_array().unwrap();
    let there: Vec<&Value> = answers.iter().filter(|row| row["connection"] == "pipedrive").collect();
    assert!(!there.is_empty() && answers.iter().all(|row| row["state"] == "erased"), "{erased}");
    for kind in ["persons", "activities"] {
        let rows = Value::from(pipedrive::rows(&sims, kind).await).to_string();
        assert!(!rows.contains("maria@northwind.example") && !rows.contains("Lindqvist"), "{kind}: {rows}; {erased}");
    }
    stop(server).await;
}
