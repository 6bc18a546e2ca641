//! Dynamics 365 beside Zendesk: a company's CRM and its desk that come to agree, told by webhooks.

use serde_json::{Value, json};

use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration, first_sync, forget, in_agreement, provisioned_once};
use crate::people::{dynamics, zendesk};
use crate::sims::Sims;

/// The user of an address at the desk.
async fn user(sims: &Sims, email: &str) -> Option<Value> {
    zendesk::rows(sims, "users").await.into_iter().find(|user| user["email"] == email)
}

async fn contact(sims: &Sims, id: &str) -> Value {
    dynamics::rows(sims, "contacts").await.into_iter().find(|contact| contact["contactid"] == id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_of_the_crm_is_one_customer_at_the_desk_and_a_ticket_is_a_case() {
    let sims = Sims::start(&["dynamics", "zendesk"], &["--seed", "5"]).await;
    // Polls come once in ten minutes: what arrives, arrives by webhook.
    let text = configuration(&sims, &[("zendesk", zendesk::auth(&sims)), ("dynamics", dynamics::auth(&sims))], 600_000);
    let folder = Folder::new(&(text + &dynamics::login(&sims)));

    // Columns, keys and webhooks are made over the API; asked again, nothing is made twice.
    let made = provisioned_once(&folder, "dynamics").await;
    assert!(made > 30, "{made}");

    let mut server = folder.serve();
    folder.serves(&mut server).await;
    first_sync(&folder).await;

    // A deal is won: the desk gets the company, its contact and the checklist, each once.
    let northwind = dynamics::create(&sims, "accounts", json!({"name": "Northwind", "websiteurl": "northwind.example"})).await;
    let maria = dynamics::person(&sims, "Maria", "Lindquist", "maria@northwind.example", &northwind).await;
    let bind = format!("/accounts({northwind})");
    let deal = json!({"name": "Northwind, first year", "estimatedvalue": 1200, "parentaccountid@odata.bind": bind});
    let deal = dynamics::create(&sims, "opportunities", deal).await;
    dynamics::win(&sims, &deal).await;
    arrives("the onboarding checklist", &folder, async || {
        zendesk::rows(&sims, "tickets").await.into_iter().find(|ticket| ticket["subject"] == "Onboarding: Northwind")
    })
    .await;
    let known = arrives("the support profile", &folder, async || user(&sims, "maria@northwind.example").await).await;

    // An edit of a person in the CRM, and one at the desk.
    dynamics::change(&sims, "contacts", &maria, json!({"lastname": "Lindqvist"})).await;
    arrives("the new name", &folder, async || {
        user(&sims, "maria@northwind.example").await.filter(|user| user["name"] == "Maria Lindqvist")
    })
    .await;
    zendesk::edit_user(&sims, &known["id"], json!({"name": "Maria Berg", "phone": "+46812345678"})).await;
    arrives("the name and number in the CRM", &folder, async || {
        let row = contact(&sims, &maria).await;
        (row["lastname"] == "Berg" && row["telephone1"] == "+46812345678").then_some(())
    })
    .await;
    assert_eq!(contact(&sims, &maria).await["emailaddress1"], "maria@northwind.example");

    // A ticket becomes a case of the customer, and is resolved when it is solved.
    let ticket = zendesk::open_ticket(&sims, &known["id"], "Cannot log in").await;
    let title = format!("[Ticket #{}] Cannot log in", ticket["id"]);
    let case = async || dynamics::rows(&sims, "incidents").await.into_iter().find(|row| row["title"] == json!(title));
    let told = arrives("the ticket as a case", &folder, async || {
        case().await.filter(|row| row["_customerid_value"] == json!(northwind) && row["_primarycontactid_value"] == json!(maria))
    })
    .await;
    assert_eq!((&told["statecode"], &told["statuscode"]), (&json!(0), &json!(1)), "{told}");
    zendesk::solve(&sims, &ticket["id"]).await;
    arrives("the case that is resolved", &folder, async || case().await.filter(|row| row["statecode"] == 1)).await;

    // A call of sales is an activity of the account.
    let call = json!({"subject": "They want a second seat.", "regardingobjectid_account_phonecall@odata.bind": bind});
    dynamics::create(&sims, "phonecalls", call).await;
    arrives("the call of sales", &folder, async || {
        let activities = folder.get("/api/v1/records?object=activity").await;
        activities.to_string().contains("They want a second seat.").then_some(())
    })
    .await;

    // A campaign of marketing is a record, with the days that its people entered far from UTC.
    let fair =
        json!({"name": "Spring fair", "statuscode": 2, "typecode": 3, "proposedstart": "2026-02-28T23:00:00Z", "budgetedcost": 5000});
    dynamics::create(&sims, "campaigns", fair).await;
    arrives("the campaign", &folder, async || {
        let campaigns = folder.get("/api/v1/records?object=campaign").await;
        let data = &folder.get(&format!("/api/v1/records/{}", campaigns["items"][0]["id"].as_str()?)).await.to_string();
        ["Spring fair", "Launched", "2026-03-01", "Event"].iter().all(|word| data.contains(word)).then_some(())
    })
    .await;

    // Two contacts turn out to be one person: the desk's two users are a person's to merge.
    let twin = dynamics::person(&sims, "Maria", "Lindqvist", "m.lindqvist@northwind.example", &northwind).await;
    arrives("the second user", &folder, async || user(&sims, "m.lindqvist@northwind.example").await).await;
    dynamics::merge(&sims, "contacts", &twin, &maria).await;
    arrives("the question whether to merge at the desk", &folder, async || {
        let reviews = folder.get("/api/v1/reviews").await;
        reviews.to_string().contains("merged at dynamics").then_some(())
    })
    .await;

    // Somebody who is deleted in the CRM stays at the desk, and is not made again in the CRM.
    let erik = dynamics::person(&sims, "Erik", "Nyman", "erik@northwind.example", &northwind).await;
    arrives("the third user", &folder, async || user(&sims, "erik@northwind.example").await).await;
    dynamics::delete(&sims, "contacts", &erik).await;
    arrives("the deletion", &folder, async || {
        let found = folder.get("/api/v1/records?object=contact&q=Nyman").await;
        let record = folder.get(&format!("/api/v1/records/{}", found["items"][0]["id"].as_str()?)).await;
        record.to_string().contains("\"deleted\"").then_some(())
    })
    .await;

    // In the end every record agrees, nothing failed on the way, and nobody was made twice.
    in_agreement(&folder, "dynamics").await;
    let people = dynamics::rows(&sims, "contacts").await;
    assert_eq!(people.iter().filter(|row| row["statecode"] == 0).count(), 1, "{people:?}");
    let organizations = zendesk::rows(&sims, "organizations").await;
    assert_eq!(organizations.iter().filter(|organization| organization["name"] == "Northwind").count(), 1);

    // Who asks to be forgotten is blanked and deleted in the CRM. A row that was merged away is no counterpart any more: people delete it.
    let erased = forget(&folder, "maria@northwind.example").await;
    let answers = erased["answers"].as_array().unwrap();
    let there: Vec<&Value> = answers.iter().filter(|row| row["connection"] == "dynamics").collect();
    assert!(!there.is_empty() && answers.iter().all(|row| row["state"] == "erased"), "{erased}");
    let left = dynamics::rows(&sims, "contacts").await;
    assert!(
        left.iter().all(|row| row["contactid"] != json!(maria) && row["emailaddress1"] != "maria@northwind.example"),
        "{left:?}; {erased}"
    );
    stop(server).await;
}
