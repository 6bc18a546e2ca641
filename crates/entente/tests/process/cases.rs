//! Tickets as cases of the CRM: the mappings of `docs/examples/cases` in place of those that make activities of them.

use std::path::Path;

use serde_json::{Value, json};

use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration, first_sync, provision};
use crate::people::{hubspot, salesforce, zendesk};
use crate::sims::Sims;

/// Puts an example in the place of a CRM's mapping of cases, as its first lines tell a person to.
async fn take_up(folder: &Folder, crm: &str) {
    let run = async |arguments: &[&str]| {
        let output = folder.run(arguments).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let exported = run(&["export", "files"]).await;
    assert_eq!(exported.0, Some(0), "{exported:?}");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/examples/cases/{crm}.yaml"));
    std::fs::copy(example, folder.path().join(format!("files/mappings/{crm}/case.yaml"))).unwrap();
    let planned = run(&["plan", "-f", "files", "--output", "json"]).await;
    assert_eq!(planned.0, Some(2), "{planned:?}");
    let plan: Value = serde_json::from_str(&planned.1).unwrap();
    let digest = plan["digest"].as_str().unwrap();
    let applied = run(&["apply", "-f", "files", "--digest", digest, "--note", "cases"]).await;
    assert_eq!(applied.0, Some(0), "{applied:?}");
}

async fn user(sims: &Sims, email: &str) -> Option<Value> {
    zendesk::rows(sims, "users").await.into_iter().find(|user| user["email"] == email)
}

async fn in_the_end(folder: &Folder) {
    let status = arrives("agreement", folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["consistency"]["in_flight"] == 0).then_some(status)
    })
    .await;
    assert_eq!(folder.get("/api/v1/dead-letters").await["items"], json!([]), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_a_case_in_salesforce_and_no_task() {
    let sims = Sims::start(&["salesforce", "zendesk"], &["--seed", "7"]).await;
    let connections = [("salesforce", salesforce::auth(&sims)), ("zendesk", zendesk::auth(&sims))];
    let folder = Folder::new(&configuration(&sims, &connections, 10_000));
    take_up(&folder, "salesforce").await;
    provision(&folder).await;
    let mut server = folder.serve();
    folder.serves(&mut server).await;
    first_sync(&folder).await;

    let account = salesforce::sell(&sims, "Account", json!({"Name": "Northwind", "Type": "Customer - Direct"})).await;
    let maria = json!({"FirstName": "Maria", "LastName": "Lindquist", "Email": "maria@northwind.example", "AccountId": account});
    let maria = salesforce::sell(&sims, "Contact", maria).await;
    let known = arrives("the user", &folder, async || user(&sims, "maria@northwind.example").await).await;
    let ticket = zendesk::open_ticket(&sims, &known["id"], "The printer is on fire").await;
    let subject = format!("[Ticket #{}] The printer is on fire", ticket["id"]);
    let case = arrives("the case", &folder, async || {
        salesforce::rows(&sims, "Case").await.into_iter().find(|case| case["Subject"] == json!(subject))
    })
    .await;
    assert_eq!((&case["ContactId"], &case["AccountId"], &case["IsClosed"]), (&json!(maria), &json!(account), &json!(false)), "{case}");
    assert_eq!(case["Description"], "Since this morning.", "{case}");

    zendesk::solve(&sims, &ticket["id"]).await;
    arrives("its end", &folder, async || {
        let cases = salesforce::rows(&sims, "Case").await;
        cases.into_iter().find(|row| row["Id"] == case["Id"] && row["IsClosed"] == json!(true) && row["Status"] == "Closed")
    })
    .await;
    let tasks = salesforce::rows(&sims, "Task").await;
    assert!(tasks.is_empty(), "a ticket is one thing there: {tasks:?}");
    assert_eq!(salesforce::rows(&sims, "Case").await.len(), 1);
    in_the_end(&folder).await;
    stop(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_a_ticket_in_hubspot_and_no_task() {
    let sims = Sims::start(&["hubspot", "zendesk"], &["--seed", "7"]).await;
    let connections = [("hubspot", hubspot::auth(&sims)), ("zendesk", zendesk::auth(&sims))];
    let folder = Folder::new(&configuration(&sims, &connections, 10_000));
    take_up(&folder, "hubspot").await;
    provision(&folder).await;
    let mut server = folder.serve();
    folder.serves(&mut server).await;
    first_sync(&folder).await;

    let company =
        hubspot::create(&sims, "companies", json!({"name": "Northwind", "domain": "northwind.example", "lifecyclestage": "customer"}))
            .await;
    let maria = json!({"email": "maria@northwind.example", "firstname": "Maria", "lastname": "Lindquist"});
    let maria = hubspot::create(&sims, "contacts", maria).await;
    hubspot::associate(&sims, "contacts", &maria, &company, true).await;
    let known = arrives("the user", &folder, async || user(&sims, "maria@northwind.example").await).await;
    let opened = zendesk::open_ticket(&sims, &known["id"], "The printer is on fire").await;
    let subject = format!("[Ticket #{}] The printer is on fire", opened["id"]);
    let has = |ticket: &Value, name: &str, value: &str| ticket[name] == json!(value) || ticket["properties"][name] == json!(value);
    let ticket = arrives("the ticket", &folder, async || {
        hubspot::rows(&sims, "tickets").await.into_iter().find(|ticket| has(ticket, "subject", &subject))
    })
    .await;
    assert!(has(&ticket, "content", "Since this morning.") && !has(&ticket, "hs_pipeline_stage", "4"), "{ticket}");

    zendesk::solve(&sims, &opened["id"]).await;
    arrives("its end", &folder, async || {
        let tickets = hubspot::rows(&sims, "tickets").await;
        tickets.into_iter().find(|row| row["id"] == ticket["id"] && has(row, "hs_pipeline_stage", "4"))
    })
    .await;
    assert_eq!(hubspot::rows(&sims, "tickets").await.len(), 1);
    let tasks = hubspot::rows(&sims, "tasks").await;
    assert!(tasks.is_empty(), "a ticket is one thing there: {tasks:?}");
    in_the_end(&folder).await;
    stop(server).await;
}
