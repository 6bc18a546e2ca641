//! Approvals asked for as another program does it: over HTTP, of the real server beside a simulated CRM.

use serde_json::{Value, json};

use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration, provision};
use crate::people::{salesforce, zendesk};
use crate::sims::Sims;

/// An answer of the API: its status and body.
async fn asked(folder: &Folder, sims: &Sims, body: Value) -> (u16, Value) {
    let answer = sims.client.post(format!("{}/api/v1/actions", folder.url)).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_submits_a_record_sees_for_whom_it_waits_and_approves_it() {
    let sims = Sims::start(&["salesforce", "zendesk"], &["--customers", "5"]).await;
    sims.steer("salesforce", "add_approval_process", &json!({ "object": "Account", "name": "Discount" })).await;
    let auths = [("salesforce", salesforce::auth(&sims)), ("zendesk", zendesk::auth(&sims))];
    let folder = Folder::new(&configuration(&sims, &auths, 600_000));
    provision(&folder).await;
    let mut server = folder.serve();
    folder.serves(&mut server).await;
    let account = arrives("an account at the CRM", &folder, async || {
        let accounts = folder.get("/api/v1/records?object=account").await;
        let id = accounts["items"][0]["id"].as_str()?.to_owned();
        let record = folder.get(&format!("/api/v1/records/{id}")).await;
        record["links"].as_array()?.iter().any(|link| link["connection"] == "salesforce").then_some(id)
    })
    .await;

    let offered = folder.get("/api/v1/actions").await;
    assert_eq!((&offered[0]["kind"], &offered[0]["name"]), (&json!("approval"), &json!("Discount")), "{offered}");
    let submit = json!({ "action": "submit", "record": account, "process": "Discount", "approvers": ["rita.rep@acme.example"], "comment": "30 % for Ada" });
    let (status, done) = asked(&folder, &sims, submit.clone()).await;
    assert_eq!((status, &done["status"]), (200, &json!("Pending")), "{done}");
    let waiting = folder.get(&format!("/api/v1/actions/waiting?record={account}")).await;
    assert_eq!((&waiting[0]["process"], &waiting[0]["user"]), (&json!("Discount"), &done["waits_for"][0]), "{waiting}");
    let (status, error) = asked(&folder, &sims, submit).await;
    assert!(status >= 400 && error["error"]["remedy"].is_string(), "it is in approval already: {status} {error}");

    let (status, done) = asked(&folder, &sims, json!({ "action": "approve", "record": account })).await;
    assert_eq!((status, &done["status"]), (200, &json!("Approved")), "{done}");
    assert_eq!(folder.get(&format!("/api/v1/actions/waiting?record={account}")).await, json!([]));
    let history = folder.get(&format!("/api/v1/records/{account}/history")).await.to_string();
    assert!(history.contains("submitted for approval `Discount`: Pending") && history.contains("approved: Approved"), "{history}");
    assert!(!history.contains("30 %"), "a comment may tell of people");
    assert_eq!(folder.get("/api/v1/actions/currencies").await, json!([]), "the account has one currency");
    stop(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_for_is_refused_by_name() {
    let sims = Sims::start(&["salesforce", "zendesk"], &[]).await;
    let auths = [("salesforce", salesforce::auth(&sims)), ("zendesk", zendesk::auth(&sims))];
    let folder = Folder::new(&configuration(&sims, &auths, 600_000));
    let mut server = folder.serve();
    folder.serves(&mut server).await;
    for (body, code, words) in [
        (json!({ "action": "dance", "record": "x" }), 422, "dance"),
        (json!({ "action": "approve", "record": "con_01h455vb4pex5vsknk084sn02q" }), 404, "record"),
        (json!({ "action": "approve", "record": "x", "process": "Discount" }), 422, "process"),
        (json!({ "action": "submit" }), 422, "record"),
        (json!({ "action": "run", "flow": "No_Such" }), 502, "No_Such"),
        (json!({ "action": "run", "flow": "Welcome", "connection": "nowhere" }), 404, "nowhere"),
        (json!({ "action": "run", "flow": "Welcome", "connection": "zendesk" }), 502, "has no approvals or flows"),
    ] {
        let (status, error) = asked(&folder, &sims, body.clone()).await;
        let message = error["error"]["message"].as_str().unwrap_or_default();
        assert!(status == code && message.contains(words), "{body}: {status} {error}");
        assert!(error["error"]["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{body}: {error}");
    }
    stop(server).await;
}
