//! An admin removes the app at Pipedrive: the hub is told at once, tells people what to do, keeps what changes meanwhile, and goes on when it
//! is let in again by the same address.

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::client;
use crate::connecting::begin;
use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration, first_sync, provision};
use crate::people::pipedrive::number;
use crate::people::{pipedrive, zendesk};
use crate::sims::Sims;

/// What somebody hears who says at the callback address that the app was removed.
async fn says_removed(address: &str, credentials: Option<(&str, &str)>, body: Value) -> (u16, String) {
    let call = client().request(Method::DELETE, address).json(&body);
    let call = match credentials {
        Some((id, secret)) => call.basic_auth(id, Some(secret)),
        None => call,
    };
    let answer = call.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The alert about Pipedrive's credentials that is going on.
async fn alert(folder: &Folder) -> Option<Value> {
    let alerts = folder.get("/api/v1/alerts").await;
    let of = |alert: &&Value| alert["kind"] == "credentials" && alert["subject"] == "pipedrive" && alert["ended_at"].is_null();
    alerts["items"].as_array().unwrap().iter().find(of).cloned()
}

async fn condition(folder: &Folder) -> Value {
    let shown = folder.get("/api/v1/dashboard").await;
    shown["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "pipedrive").unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_removes_the_app_is_noticed_at_once_and_nothing_is_lost_until_it_is_let_in_again() {
    let sims = Sims::start(&["pipedrive", "zendesk"], &["--seed", "11"]).await;
    let of = |name| sims.credential("pipedrive", name);
    let folder = Folder::new(&configuration(&sims, &[("pipedrive", pipedrive::auth(&sims)), ("zendesk", zendesk::auth(&sims))], 600_000));
    let address = format!("{}/callback/pipedrive", folder.url);
    sims.steer("pipedrive", "callback", &json!({"url": address})).await;
    provision(&folder).await;
    let mut server = folder.serve();
    folder.serves(&mut server).await;
    first_sync(&folder).await;
    let northwind = pipedrive::create(&sims, "organizations", json!({"name": "Northwind", "website": "northwind.example"})).await;
    let maria = pipedrive::person(&sims, "Maria Lindquist", "maria@northwind.example", &northwind).await;
    let deal = json!({"title": "Northwind, first year", "org_id": number(&northwind), "person_id": number(&maria), "status": "won"});
    pipedrive::create(&sims, "deals", deal).await;
    let user = async || zendesk::rows(&sims, "users").await.into_iter().find(|user| user["email"] == "maria@northwind.example");
    let there = arrives("the customer at the desk", &folder, user).await;
    arrives("agreement", &folder, async || (folder.get("/api/v1/dashboard").await["consistency"]["in_flight"] == 0).then_some(())).await;

    // Strangers learn nothing, and change nothing; nor does a company that has the same app.
    let company = 15_043_420;
    let strangers = [None, Some((of("client_id"), "another-secret")), Some(("another", of("client_secret"))), Some(("", ""))];
    for stranger in strangers {
        let told = says_removed(&address, stranger, json!({"company_id": company})).await;
        assert_eq!(told, (401, String::new()), "{stranger:?}");
    }
    let app = Some((of("client_id"), of("client_secret")));
    let nowhere = says_removed(&format!("{}/callback/nowhere", folder.url), app, json!({})).await;
    let at_the_desk = says_removed(&format!("{}/callback/zendesk", folder.url), app, json!({})).await;
    assert_eq!((nowhere, at_the_desk), ((401, String::new()), (401, String::new())));
    assert_eq!(says_removed(&address, app, json!({"company_id": 7})).await.0, 200);
    assert_eq!(condition(&folder).await["state"], "ok");

    // The app is removed. Said again and again, it is the same.
    sims.steer("pipedrive", "uninstall", &Value::Null).await;
    let raised = arrives("the alert", &folder, async || alert(&folder).await).await;
    assert!(
        raised["body"].as_str().unwrap().contains("the app was removed at Pipedrive; let it in again with `entente connect pipedrive`")
    );
    for _ in 0..3 {
        assert_eq!(says_removed(&address, app, json!({"company_id": company})).await, (200, String::new()));
    }
    let paused = condition(&folder).await;
    assert_eq!(paused["state"], "paused", "{paused}");

    // What changes meanwhile waits.
    zendesk::edit_user(&sims, &there["id"], json!({"name": "Maria Berg"})).await;
    let phones = json!([{"value": "+46812345678", "primary": true, "label": "work"}]);
    pipedrive::change(&sims, "persons", &maria, json!({"phones": phones})).await;

    // Let in again, by the address that the server shares with the vendor: the browser is sent on to whoever signs in.
    let id = of("client_id");
    let arguments = ["pipedrive", "--with", "browser", "--through-server", "--client-id", id, "--base-url", sims.base("pipedrive")];
    let asking = begin(&folder, &arguments, &[("ENTENTE_CLIENT_SECRET", of("client_secret"))]).await;
    let strange = client().get(format!("{address}?code=stolen&state=another")).send().await.unwrap();
    assert_eq!(strange.status().as_u16(), 400);
    let (good, connected, said) = asking.agree().await;
    assert!(good, "{connected} {said}");
    stop(server).await;
    let mut server = folder.serve();
    folder.serves(&mut server).await;
    // What waits is looked at within minutes; whoever does not want to wait says so.
    let resync = folder.run(&["resync", "--record", "maria@northwind.example"]).await;
    assert!(resync.status.success(), "{}", String::from_utf8_lossy(&resync.stderr));
    arrives("what changed at the desk, in the CRM", &folder, async || {
        let row = pipedrive::rows(&sims, "persons").await.into_iter().find(|row| row["id"] == number(&maria)).unwrap();
        (row["name"] == "Maria Berg").then_some(())
    })
    .await;
    arrives("what changed in the CRM, at the desk", &folder, async || {
        user().await.filter(|user| user["phone"].as_str().is_some_and(|phone| phone.ends_with("812345678")))
    })
    .await;
    arrives("the end of the alert", &folder, async || alert(&folder).await.is_none().then_some(())).await;
    assert_eq!(folder.get("/api/v1/dead-letters").await["items"], json!([]));
    stop(server).await;
}
