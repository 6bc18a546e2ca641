//! The right to be forgotten, on the real process: after an erasure no byte of the person is in the database's files, in a backup made
//! since, in the log or at either platform, and nothing brings the person back.

use std::path::Path;

use serde_json::{Value, json};

use crate::caller::client;
use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration, provision};
use crate::people::{salesforce, zendesk};
use crate::sims::Sims;

/// What only this person's data holds, in lower case.
const TRACES: &[&str] = &["quintessa", "vanterpool", "4155550147", "415) 555-0147"];
const EMAIL: &str = "quintessa@vanterpool.example";

/// Every row of a kind at the desk, erased ones included.
async fn desk(sims: &Sims, kind: &str) -> Vec<Value> {
    sims.dump("zendesk", &format!("kind={kind}")).await
}

/// The row of an address, whatever its case.
fn of_address(rows: Vec<Value>, field: &str, address: &str) -> Option<Value> {
    rows.into_iter().find(|row| row[field].as_str().is_some_and(|text| text.eq_ignore_ascii_case(address)))
}

async fn post(folder: &Folder, path: &str, body: Value) -> Value {
    let answer = client().post(format!("{}{path}", folder.url)).json(&body).send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}

/// Traces of the person in a text.
fn traces(bytes: &[u8]) -> Vec<&'static str> {
    let lower = bytes.to_ascii_lowercase();
    TRACES.iter().copied().filter(|trace| lower.windows(trace.len()).any(|window| window == trace.as_bytes())).collect()
}

/// Files of a folder that hold a trace of the person.
fn files_with_traces(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|file| file.is_file()) {
        let traces = traces(&std::fs::read(&file).unwrap());
        if !traces.is_empty() {
            found.push(format!("{}: {traces:?}", file.display()));
        }
    }
    found
}

/// Rows of both platforms that hold a trace of the person.
async fn rows_with_traces(sims: &Sims) -> Vec<String> {
    let mut found = Vec::new();
    for object in ["Account", "Contact", "Task", "Opportunity"] {
        found.extend(salesforce::rows(sims, object).await);
    }
    for kind in ["user", "organization", "ticket"] {
        found.extend(desk(sims, kind).await);
    }
    found.into_iter().map(|row| row.to_string()).filter(|row| !traces(row.as_bytes()).is_empty()).collect()
}

/// A copy of the database's files, as a backup takes it.
fn back_up(folder: &Folder) -> tempfile::TempDir {
    let backup = tempfile::tempdir().unwrap();
    for name in ["entente.db", "entente.db-wal"] {
        if folder.path().join(name).exists() {
            std::fs::copy(folder.path().join(name), backup.path().join(name)).unwrap();
        }
    }
    backup
}

/// A customer of the CRM with this person, as the desk knows her once both agree; the contact's id and the user.
async fn customer(sims: &Sims, folder: &Folder) -> (String, Value) {
    let account = json!({ "Name": "Northwind", "Type": "Customer", "Account_Tier__c": "Pro" });
    let account = salesforce::sell(sims, "Account", account).await;
    let person = json!({ "FirstName": "Quintessa", "LastName": "Vanterpool", "Email": EMAIL, "Phone": "(415) 555-0147", "AccountId": account, "Title": "CFO" });
    let contact = salesforce::sell(sims, "Contact", person).await;
    let user = arrives("her user at the desk", folder, async || of_address(desk(sims, "user").await, "email", EMAIL)).await;
    (contact, user)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_person_who_was_erased_is_left_and_nothing_brings_her_back() {
    let sims = Sims::start(&["salesforce", "zendesk"], &["--seed", "7", "--customers", "5"]).await;
    let connections = [("salesforce", salesforce::auth(&sims)), ("zendesk", zendesk::auth(&sims))];
    // The shortest interval of polls that is taken.
    let folder = Folder::new(&configuration(&sims, &connections, 10_000));
    provision(&folder).await;
    let mut server = folder.serve();
    folder.serves(&mut server).await;
    arrives("the first sync", &folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["health"]["overall"] == "operational" && status["consistency"]["in_flight"] == 0).then_some(())
    })
    .await;

    let (contact, user) = customer(&sims, &folder).await;
    let ticket = json!({ "subject": "Quintessa cannot log in", "requester_id": user["id"], "comment": { "body": "This is Quintessa Vanterpool, +1 415 555 0147" } });
    let ticket = sims.steer("zendesk", "create", &json!({ "kind": "ticket", "fields": ticket, "by": user["id"] })).await;
    arrives("the ticket in the CRM", &folder, async || {
        salesforce::rows(&sims, "Task").await.into_iter().find(|task| task["Subject"].to_string().contains("Quintessa cannot log in"))
    })
    .await;
    // Values come and go: each leaves traces of its own behind.
    for title in ["Quintessa's first title", "Quintessa's second title"] {
        salesforce::change(&sims, "Contact", &contact, json!({ "Title": title })).await;
        arrives("the new title", &folder, async || {
            let user = of_address(desk(&sims, "user").await, "email", EMAIL)?;
            (user["user_fields"]["job_title"] == title).then_some(())
        })
        .await;
    }
    let exported = folder.get(&format!("/api/v1/privacy/export?who={EMAIL}")).await;
    let kinds: Vec<&str> = exported["records"].as_array().unwrap().iter().filter_map(|record| record["object"].as_str()).collect();
    assert!(kinds.contains(&"contact") && kinds.contains(&"case"), "{exported}");
    assert!(exported["records"][0]["history"].to_string().contains("first title"), "{exported}");
    assert!(!files_with_traces(folder.path()).is_empty() && !rows_with_traces(&sims).await.is_empty(), "she is there");

    let asked = post(&folder, "/api/v1/privacy/erasures", json!({ "who": EMAIL })).await;
    let id = asked["id"].as_str().unwrap().to_owned();
    let record = asked["record"].as_str().unwrap().to_owned();
    let erasure = async || folder.get(&format!("/api/v1/privacy/erasures/{id}")).await;
    let done = arrives("the erasure", &folder, async || {
        let found = erasure().await;
        (found["state"] == "done" && !found["scrubbed_at"].is_null()).then_some(found)
    })
    .await;
    assert!(done["answers"].as_array().unwrap().iter().all(|row| row["state"] == "erased"), "{done}");
    assert_eq!(files_with_traces(folder.path()), Vec::<String>::new(), "database, log and everything beside them");
    assert_eq!(files_with_traces(back_up(&folder).path()), Vec::<String>::new());
    assert_eq!(rows_with_traces(&sims).await, Vec::<String>::new());
    let kept = desk(&sims, "ticket").await.into_iter().find(|row| row["id"] == ticket["id"]).unwrap();
    assert_eq!(kept["subject"], "Erased", "the desk keeps the ticket: {kept}");

    // She turns up by webhook at the desk and by poll in the CRM, and is not taken in.
    let fields = json!({ "name": "Q Vanterpool", "email": EMAIL });
    let caller = sims.steer("zendesk", "create", &json!({ "kind": "user", "fields": fields })).await["id"].clone();
    let fields = json!({ "FirstName": "Q", "LastName": "Vanterpool", "Email": EMAIL.to_uppercase(), "AccountId": null });
    let back = sims.steer("salesforce", "insert", &json!({ "object": "Contact", "fields": fields, "by": "sales" })).await["id"].clone();
    arrives("that she was seen at both", &folder, async || {
        let seen = erasure().await["seen_again"].to_string();
        (seen.contains(back.as_str().unwrap()) && seen.contains(&caller.to_string())).then_some(())
    })
    .await;
    arrives("rest", &folder, async || (folder.get("/api/v1/dashboard").await["consistency"]["in_flight"] == 0).then_some(())).await;
    let users = desk(&sims, "user").await;
    assert_eq!(users.iter().filter(|user| user["email"] == EMAIL).count(), 1, "hers, and none of ours");
    assert!(users.iter().all(|user| user["email"] != EMAIL || user["external_id"].is_null()), "nobody linked it");
    let contacts = salesforce::rows(&sims, "Contact").await;
    assert_eq!(contacts.iter().filter(|row| row["Email"].as_str().is_some_and(|email| email.eq_ignore_ascii_case(EMAIL))).count(), 1);
    let listed = folder.get("/api/v1/records?q=vanterpool").await;
    assert_eq!(listed["items"], json!([]));
    assert_eq!(files_with_traces(folder.path()), Vec::<String>::new(), "not even for a moment");

    // What is asked about her is answered, and the ledger is whole.
    for (command, expected) in [
        (vec!["ledger", "verify"], "whole"),
        (vec!["show", &record], "erased"),
        (vec!["show", &record, "--as-of", "1m"], "erased"),
        (vec!["history", &record], "erased"),
        (vec!["undo", &record], "erased"),
    ] {
        let ran = folder.run(&command).await;
        let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(said.contains(expected), "{command:?}: {said}");
    }
    let certified = folder.run(&["privacy", "certificate", &id, "--out", "certificate.json"]).await;
    assert!(certified.status.success(), "{}", String::from_utf8_lossy(&certified.stderr));
    let verified = folder.run(&["privacy", "verify", "certificate.json"]).await;
    assert!(String::from_utf8_lossy(&verified.stdout).contains("complete"), "{verified:?}");
    stop(server).await;
    assert_eq!(files_with_traces(folder.path()), Vec::<String>::new(), "nor in what a stop writes");

    // Without a server, the command does the work itself.
    let left = contacts.iter().find(|row| row["Email"].as_str().is_some_and(|email| !email.eq_ignore_ascii_case(EMAIL))).unwrap();
    let email = left["Email"].as_str().unwrap();
    let would = folder.run(&["privacy", "erase", email]).await;
    assert_eq!(would.status.code(), Some(2), "{would:?}");
    assert!(of_address(salesforce::rows(&sims, "Contact").await, "Email", email).is_some(), "it only said what it would do");
    let erased = folder.run(&["privacy", "erase", email, "--yes"]).await;
    assert!(erased.status.success(), "{erased:?}");
    assert!(of_address(salesforce::rows(&sims, "Contact").await, "Email", email).is_none());
}
