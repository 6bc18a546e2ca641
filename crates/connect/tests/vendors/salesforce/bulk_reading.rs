//! Reads of so many rows that a job is cheaper.

use std::collections::BTreeSet;

use entente_connect::connector::Priority;
use entente_connect::look::Existence;
use entente_sims::salesforce::{FieldSpec, FieldType};
use serde_json::{Value, json};

use super::live::Live;
use super::org::{contacts, direct, row, said};
use crate::stage::rows::{map, read_on, spec};

/// Rows behind the first page from which on a job is cheaper, and that page.
const MANY: usize = 18_000;

#[tokio::test]
async fn many_rows_are_read_in_a_handful_of_calls_each_once() {
    let live = Live::open();
    live.people(MANY);
    let read = spec("Contact", &["LastName", "Email", "Account.Name"]);
    let (looks, rest) = read_on(&*live.crm, &read, None).await;
    let names: BTreeSet<&str> = looks.iter().filter_map(|look| look.row["LastName"].as_str()).collect();
    assert_eq!((looks.len(), names.len()), (MANY, MANY));
    assert_eq!((live.calls("query"), live.calls("bulk_job"), live.calls("bulk_results")), (2, 1, 1), "one query asks who works there");
    assert!(live.calls("bulk_state") <= 4, "{} questions", live.calls("bulk_state"));

    // All of it was made within the overlap, so that the poll after it sees it again: as a job, too.
    let (again, _) = read_on(&*live.crm, &read, Some(rest)).await;
    assert_eq!((again.len(), live.calls("bulk_job"), live.calls("query_more")), (MANY, 2, 0));
}

#[tokio::test]
async fn a_job_shows_rows_as_pages_do() {
    let live = Live::open();
    for (name, kind) in [("Score__c", FieldType::Double), ("Met__c", FieldType::Datetime), ("Tags__c", FieldType::MultiPicklist)] {
        live.sim.add_field("Contact", FieldSpec::new(name, kind)).unwrap();
    }
    live.people(MANY);
    let account = live.add("Account", json!({"Name": "Acme, \"Inc\""}));
    let ada = live.add(
        "Contact",
        json!({"LastName": "Lovelace", "AccountId": account, "Email": "ada@example.com", "Score__c": 12.5, "Description": "one\r\ntwo, \"3\"",
               "Met__c": "2014-02-14T00:53:26Z", "Tags__c": "chess;engines", "Birthdate": "1815-12-10", "HasOptedOutOfEmail": true}),
    );
    let fields = [
        "LastName",
        "AccountId",
        "Account.Name",
        "Email",
        "Phone",
        "Score__c",
        "Description",
        "Met__c",
        "Tags__c",
        "Birthdate",
        "HasOptedOutOfEmail",
    ];
    let read = spec("Contact", &fields);
    let (looks, _) = read_on(&*live.crm, &read, None).await;
    assert_eq!(live.calls("bulk_results"), 1);
    let of_job = looks.into_iter().find(|look| look.id == ada).unwrap();
    let of_page = live.crm.fetch(&read, &[ada], Priority::Update).await.unwrap().remove(0);
    assert_eq!(Value::Object(of_job.row), Value::Object(of_page.row));
    assert_eq!((of_job.version, of_job.mark, of_job.existence), (of_page.version, of_page.mark, of_page.existence));
}

#[tokio::test]
async fn another_process_goes_on_in_the_middle_of_a_job_s_results() {
    let live = Live::open();
    live.people(MANY);
    let read = spec("Contact", &["LastName"]);
    let mut seen = BTreeSet::new();
    let mut cursor = None;
    while seen.len() < 8_000 {
        let page = live.crm.page(&read, cursor.as_ref(), Priority::Backfill).await.unwrap();
        assert!(page.more);
        seen.extend(page.looks.into_iter().map(|look| look.id));
        cursor = Some(page.next);
    }
    let other = live.beside();
    let (rest, _) = read_on(&*other, &read, cursor).await;
    assert!(rest.iter().all(|look| seen.insert(look.id.clone())), "a row came twice");
    assert_eq!(seen.len(), MANY);
    assert_eq!(other.counts().by_kind.get("bulk_job"), None, "the job was made before");
}

#[tokio::test]
async fn rows_in_the_bin_are_seen_by_a_poll_of_many_changes() {
    let live = Live::open();
    let read = spec("Contact", &["LastName"]);
    let (_, rest) = read_on(&*live.crm, &read, None).await;
    live.people(MANY);
    let gone = live.add("Contact", json!({"LastName": "Gone"}));
    live.sim.delete("Contact", &gone, "").unwrap();
    let (looks, _) = read_on(&*live.crm, &read, Some(rest)).await;
    assert_eq!(live.calls("bulk_job"), 1);
    assert_eq!(looks.iter().find(|look| look.id == gone).map(|look| look.existence.clone()), Some(Existence::Deleted));
}

#[tokio::test]
async fn a_job_that_comes_to_nothing_leaves_the_pages_where_they_were() {
    for state in ["Failed", "Aborted"] {
        let scene = direct();
        scene.script(move |seen| {
            if seen.is("GET", "/query") {
                let next = "/services/data/v62.0/query/0r8-2";
                return said(200, json!({"totalSize": 40_000, "done": false, "nextRecordsUrl": next, "records": [row(1, 1), row(2, 2)]}));
            }
            if seen.is("POST", "/jobs/query") {
                assert_eq!(seen.json()["operation"], "query");
                assert!(seen.json()["query"].as_str().unwrap().contains("Id > '003000000000002AAA') OR SystemModstamp >"), "{}", seen.body);
                return said(200, json!({"id": "750000000000001AAA", "state": "UploadComplete"}));
            }
            if seen.is("GET", "/jobs/query/750000000000001AAA") {
                return said(200, json!({"id": "750000000000001AAA", "state": state}));
            }
            seen.is("GET", "/query/0r8-2").then(|| said(200, json!({"totalSize": 40_000, "done": true, "records": [row(3, 3)]}))).flatten()
        });
        let (looks, _) = read_on(&*scene.crm, &contacts(&["Email"]), None).await;
        assert_eq!(looks.len(), 3, "{state}");
        assert_eq!(scene.calls("POST", "/jobs/query").len(), 1, "no second job is tried");
    }
}

#[tokio::test]
async fn an_org_without_bulk_jobs_is_read_page_by_page() {
    let scene = direct();
    scene.script(|seen| {
        if seen.is("GET", "/query") {
            let next = "/services/data/v62.0/query/0r8-2";
            return said(200, json!({"totalSize": 40_000, "done": false, "nextRecordsUrl": next, "records": [row(1, 1)]}));
        }
        if seen.is("POST", "/jobs/query") {
            return said(400, json!([{"errorCode": "FEATURENOTENABLED", "message": "The Bulk API is not enabled"}]));
        }
        seen.is("GET", "/query/0r8-2").then(|| said(200, json!({"totalSize": 40_000, "done": true, "records": [row(2, 3)]}))).flatten()
    });
    let (looks, _) = read_on(&*scene.crm, &contacts(&["Email"]), None).await;
    assert_eq!(looks.len(), 2);
}

#[tokio::test]
async fn fields_that_a_job_cannot_read_keep_the_pages() {
    let live = Live::open();
    live.people(MANY);
    let account = live.add("Account", json!({"Name": "Acme"}));
    let ada = live.add("Contact", json!({"LastName": "Lovelace", "AccountId": account}));
    live.sim.update("Contact", &ada, &map(json!({"MailingCity": "London"})), "").unwrap();
    for field in ["MailingAddress", "Account.Entente_Id__c"] {
        let (looks, _) = read_on(&*live.crm, &spec("Contact", &["LastName", field]), None).await;
        assert_eq!((looks.len(), live.calls("bulk_job")), (MANY + 1, 0), "{field}");
    }
}
