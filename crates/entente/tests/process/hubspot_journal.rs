//! HubSpot's webhooks journal beside Zendesk: a hub that no webhook reaches and that searches for nothing is told of every change.

use serde_json::{Value, json};

use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration};
use crate::people::{hubspot, zendesk};
use crate::sims::Sims;

/// What the dashboard says of HubSpot.
async fn told(folder: &Folder) -> Value {
    let status = folder.get("/api/v1/dashboard").await;
    status["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "hubspot").unwrap().clone()
}

fn calls(told: &Value, kind: &str) -> u64 {
    told["calls_by_kind"].as_object().unwrap().iter().filter(|(name, _)| name.contains(kind)).filter_map(|(_, many)| many.as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_the_portal_reaches_the_desk_by_the_journal_alone() {
    let sims = Sims::start(&["hubspot", "zendesk"], &["--seed", "5"]).await;
    let text = configuration(&sims, &[("hubspot", hubspot::auth(&sims)), ("zendesk", zendesk::auth(&sims))], 1_000);
    let folder = Folder::new(&text.replace("platform = \"hubspot\"", "platform = \"hubspot\"\nhubspot = { changes = \"journal\" }"));
    let provisioned = folder.run(&["provision", "--apply"]).await;
    assert!(provisioned.status.success(), "{}", String::from_utf8_lossy(&provisioned.stderr));
    let mut server = folder.serve();
    folder.serves(&mut server).await;
    let user = async |email: &str, name: &str| {
        zendesk::rows(&sims, "users").await.into_iter().find(|user| user["email"] == email && user["name"] == name)
    };

    let company = json!({"name": "Northwind", "domain": "northwind.example", "lifecyclestage": "customer"});
    let company = hubspot::create(&sims, "companies", company).await;
    let maria = json!({"email": "maria@northwind.example", "firstname": "Maria", "lastname": "Lindquist", "lifecyclestage": "customer"});
    let contact = hubspot::create(&sims, "contacts", maria).await;
    hubspot::associate(&sims, "contacts", &contact, &company, true).await;
    arrives("the user", &folder, async || user("maria@northwind.example", "Maria Lindquist").await).await;

    // Polls search until each object's offset is taken over. From then on rounds go by without a search.
    let mut quiet = (0, 0);
    let searched = arrives("rounds of polls that search for nothing", &folder, async || {
        let told = told(&folder).await;
        let (polls, searches) = (told["polls"].as_u64().unwrap(), calls(&told, "search"));
        if searches != quiet.1 {
            quiet = (polls, searches);
        }
        // Six objects are read; four rounds of all of them.
        (polls >= quiet.0 + 24).then_some(searches)
    })
    .await;
    let before = told(&folder).await;

    hubspot::change(&sims, "contacts", &contact, json!({"lastname": "Lindqvist"})).await;
    let renamed = arrives("the new name", &folder, async || user("maria@northwind.example", "Maria Lindqvist").await).await;
    zendesk::edit_user(&sims, &renamed["id"], json!({"name": "Maria Berg"})).await;
    arrives("the desk's name in the portal", &folder, async || {
        let contacts = hubspot::rows(&sims, "contacts").await;
        contacts.into_iter().find(|each| each["hs_object_id"] == json!(contact) && each["lastname"] == "Berg")
    })
    .await;
    let eve = json!({"email": "eve@northwind.example", "firstname": "Eve", "lastname": "Berg", "lifecyclestage": "customer"});
    let eve = hubspot::create(&sims, "contacts", eve).await;
    hubspot::associate(&sims, "contacts", &eve, &company, true).await;
    arrives("a second person", &folder, async || user("eve@northwind.example", "Eve Berg").await).await;

    let after = told(&folder).await;
    assert_eq!(after["webhooks"], 0, "{after}");
    assert_eq!(calls(&after, "search"), searched, "nothing was searched for: {after}");
    assert!(after["polls"].as_u64() > before["polls"].as_u64(), "{after}");
    let doctor = folder.run(&["doctor", "--offline"]).await;
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("webhooks journal"), "{}", String::from_utf8_lossy(&doctor.stdout));
    stop(server).await;
}
