use serde_json::json;

use crate::desk::Desk;

async fn load(desk: &Desk, job: serde_json::Value, csv: &str) -> String {
    let made = desk.call("POST", "/jobs/ingest", job).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let body = made.json();
    assert_eq!(body["state"], "Open");
    assert_eq!(body["apiVersion"], json!(62.0));
    let id = body["id"].as_str().unwrap().to_owned();
    let url = format!("/{}", body["contentUrl"].as_str().unwrap());
    assert_eq!(desk.call_with("PUT", &url, csv, &[("Content-Type", "text/csv")]).await.status, 201);
    assert_eq!(desk.call_with("PUT", &url, csv, &[]).await.status, 400, "one upload per job");
    let closed = desk.call("PATCH", &format!("/jobs/ingest/{id}"), json!({"state": "UploadComplete"})).await;
    assert_eq!(closed.json()["state"], "UploadComplete");
    id
}

#[tokio::test]
async fn rows_are_loaded_and_the_bad_ones_come_back_with_reasons() {
    let desk = Desk::open();
    let account = desk.make("Account", json!({"Name": "A", "Entente_Id__c": "A-1"})).await;
    let csv = "LastName,Entente_Id__c,Account.Entente_Id__c,Title\nOne,1,A-1,\"a, \"\"b\"\"\"\n,2,,\nThree,3,none,#N/A\n";
    let job = json!({"object": "Contact", "operation": "upsert", "externalIdFieldName": "Entente_Id__c", "contentType": "CSV", "lineEnding": "LF"});
    let id = load(&desk, job.clone(), csv).await;
    let done = desk.get(&format!("/jobs/ingest/{id}")).await.json();
    assert_eq!(
        (&done["state"], &done["numberRecordsProcessed"], &done["numberRecordsFailed"]),
        (&json!("JobComplete"), &json!(3), &json!(2))
    );
    let good = desk.get(&format!("/jobs/ingest/{id}/successfulResults")).await.text;
    assert!(
        good.starts_with("\"sf__Id\",\"sf__Created\",\"LastName\"") && good.contains("\"true\",\"One\",\"1\",\"A-1\",\"a, \"\"b\"\"\""),
        "{good}"
    );
    let bad = desk.get(&format!("/jobs/ingest/{id}/failedResults")).await.text;
    assert!(bad.contains("\"REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --\""), "{bad}");
    assert_eq!(desk.soql(&format!("SELECT Id FROM Contact WHERE AccountId = '{account}'")).await.json()["totalSize"], 1);

    let wrong = load(&desk, job, "LastName,Entente_Id__c\r\nX,9\r\n").await;
    let failed = desk.get(&format!("/jobs/ingest/{wrong}")).await.json();
    assert_eq!(failed["state"], "Failed");
    assert!(failed["errorMessage"].as_str().unwrap().contains("LineEnding is invalid"));
    assert_eq!(desk.call_with("DELETE", &format!("/jobs/ingest/{wrong}"), "", &[]).await.status, 204);
    assert_eq!(desk.get("/jobs/ingest?jobType=V2Ingest").await.json()["records"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_hard_delete_leaves_nothing_in_the_bin() {
    let desk = Desk::open();
    let (soft, hard) = (desk.make("Contact", json!({"LastName": "S"})).await, desk.make("Contact", json!({"LastName": "H"})).await);
    load(&desk, json!({"object": "Contact", "operation": "delete"}), &format!("Id\n{soft}\n")).await;
    load(&desk, json!({"object": "Contact", "operation": "hardDelete"}), &format!("Id\n{hard}\n")).await;
    assert!(desk.sf.get_deleted("Contact", &soft).is_some());
    assert!(desk.sf.get_deleted("Contact", &hard).is_none());
}

#[tokio::test]
async fn a_query_job_is_read_page_by_page_until_the_word_null() {
    let desk = Desk::open();
    for n in 0..5 {
        desk.plant("Contact", json!({"LastName": format!("N{n}"), "DoNotCall": n == 0}));
    }
    let made = desk
        .call(
            "POST",
            "/jobs/query",
            json!({"operation": "query", "query": "SELECT LastName, DoNotCall, CreatedDate, Owner.Name FROM Contact ORDER BY LastName"}),
        )
        .await
        .json();
    assert_eq!(made["state"], "UploadComplete");
    let id = made["id"].as_str().unwrap();
    assert_eq!(desk.get(&format!("/jobs/query/{id}")).await.json()["numberRecordsProcessed"], 5);
    let first = desk.get(&format!("/jobs/query/{id}/results?maxRecords=3")).await;
    assert_eq!(first.text.lines().count(), 4);
    assert!(
        first.text.starts_with(
            "\"LastName\",\"DoNotCall\",\"CreatedDate\",\"Owner.Name\"\n\"N0\",\"true\",\"2026-01-05T10:00:00.000Z\",\"Sam Seller\""
        ),
        "{}",
        first.text
    );
    assert_eq!(first.header("sforce-numberofrecords"), "3");
    let second = desk.get(&format!("/jobs/query/{id}/results?maxRecords=3&locator={}", first.header("sforce-locator"))).await;
    assert_eq!((second.text.lines().count(), second.header("sforce-locator")), (3, "null"));
    let refused = desk.call("POST", "/jobs/query", json!({"operation": "query", "query": "SELECT MailingAddress FROM Contact"})).await;
    assert_eq!(refused.status, 400);
    let pages = desk.get(&format!("/jobs/query/{id}/resultPages?maxRecords=2")).await.json();
    assert_eq!((pages["resultPages"].as_array().unwrap().len(), pages["done"].clone()), (3, json!(true)));
}
