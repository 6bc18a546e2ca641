//! HubSpot for a hub that no webhook can reach: what happens in the portal is read from its journal.

use serde_json::{Value, json};

use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration, first_sync, provision};
use crate::people::{hubspot, zendesk};
use crate::sims::Sims;

/// The user of an address at the desk, by a name.
async fn named(sims: &Sims, email: &str, name: &str) -> Option<Value> {
    zendesk::rows(sims, "users").await.into_iter().find(|user| user["email"] == email && user["name"] == name)
}

/// Calls of the portal's API whose path has such a word.
async fn calls(sims: &Sims, word: &str) -> u64 {
    let counts: Value = serde_json::from_str(&sims.ask(sims.client.get(format!("{}/_sim/calls", sims.base("hubspot")))).await).unwrap();
    let routes = counts["by_route"].as_object().unwrap().iter();
    routes.filter(|(route, _)| route.contains(word)).filter_map(|(_, calls)| calls.as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_the_portal_reaches_the_desk_by_the_journal_alone() {
    let sims = Sims::start(&["hubspot", "zendesk"], &["--seed", "6"]).await;
    // Polls come once in ten minutes and no webhook is set up: what arrives, the journal told of.
    let connections = [("hubspot", hubspot::auth(&sims)), ("zendesk", zendesk::auth(&sims))];
    let text =
        configuration(&sims, &connections, 600_000).replace("name = \"hubspot\"\n", "name = \"hubspot\"\nhubspot.changes = \"journal\"\n");
    assert!(text.contains("hubspot.changes"), "{text}");
    let folder = Folder::new(&text);
    let told = provision(&folder).await;
    let webhook = told["webhooks"].as_array().unwrap().iter().find(|webhook| webhook["connection"] == "hubspot").unwrap();
    assert!(webhook.to_string().contains("journal"), "{webhook}");

    let mut server = folder.serve();
    folder.serves(&mut server).await;
    first_sync(&folder).await;

    // The first that ever happens: nothing stood in the journal before.
    let northwind = json!({"name": "Northwind", "domain": "northwind.example", "lifecyclestage": "customer"});
    let northwind = hubspot::create(&sims, "companies", northwind).await;
    let maria = json!({"email": "maria@northwind.example", "firstname": "Maria", "lastname": "Lindquist", "lifecyclestage": "customer"});
    let contact = hubspot::create(&sims, "contacts", maria).await;
    hubspot::associate(&sims, "contacts", &contact, &northwind, true).await;
    arrives("the person", &folder, async || named(&sims, "maria@northwind.example", "Maria Lindquist").await).await;

    // From here on nothing is searched: an edit costs the fetch of its row.
    let searched = calls(&sims, "objects/contacts/search").await;
    hubspot::change(&sims, "contacts", &contact, json!({"lastname": "Lindqvist"})).await;
    let renamed = arrives("the new name", &folder, async || named(&sims, "maria@northwind.example", "Maria Lindqvist").await).await;
    assert_eq!(calls(&sims, "objects/contacts/search").await, searched);

    // The desk's edit goes the other way, and its echo in the journal comes back to nobody.
    zendesk::edit_user(&sims, &renamed["id"], json!({"name": "Maria Berg"})).await;
    arrives("the name in the portal", &folder, async || {
        let contacts = hubspot::rows(&sims, "contacts").await;
        contacts.into_iter().find(|each| each["hs_object_id"] == json!(contact) && each["lastname"] == "Berg")
    })
    .await;
    hubspot::change(&sims, "contacts", &contact, json!({"firstname": "Mia"})).await;
    arrives("the first name", &folder, async || named(&sims, "maria@northwind.example", "Mia Berg").await).await;

    let status = arrives("agreement", &folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["consistency"]["in_flight"] == 0).then_some(status)
    })
    .await;
    assert_eq!(folder.get("/api/v1/dead-letters").await["items"], json!([]), "{status}");
    let portal = status["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "hubspot").unwrap();
    assert_eq!(portal["webhooks"], 0, "{portal}");
    stop(server).await;
}
