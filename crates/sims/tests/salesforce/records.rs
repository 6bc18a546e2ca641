use entente_sims::salesforce::{DuplicateRule, FieldSpec};
use serde_json::{Value, json};

use crate::desk::{Desk, map};

#[tokio::test]
async fn a_record_is_made_read_changed_and_deleted_with_its_authors() {
    let desk = Desk::open();
    let made =
        desk.call("POST", "/sobjects/Contact", json!({"FirstName": " Ada ", "LastName": "Byron", "Email": "ada@x.org", "Phone": ""})).await;
    assert_eq!(made.status, 201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 18);
    assert!(made.header("location").ends_with(&id));
    assert!(made.header("sforce-limit-info").starts_with("api-usage=1/"));

    let read = desk.get(&format!("/sobjects/Contact/{}?fields=Name,Phone,CreatedById,SystemModstamp", &id[..15])).await.json();
    assert_eq!(read["Name"], "Ada Byron");
    assert_eq!(read["Phone"], Value::Null);
    assert_eq!(read["CreatedById"], desk.sf.users().integration.as_str());
    assert_eq!(read["SystemModstamp"], "2026-01-05T10:00:00.000+0000", "stamps are whole seconds");

    desk.pass(5_000);
    desk.sf.update("Contact", &id, &map(json!({"Title": "Countess"})), &desk.sf.users().site).unwrap();
    let read = desk.get(&format!("/sobjects/Contact/{id}")).await.json();
    assert_eq!((read["Title"].clone(), read["LastModifiedById"].clone()), (json!("Countess"), json!(desk.sf.users().site)));
    assert!(read.get("MailingCity").is_some_and(Value::is_null), "unset fields are explicit nulls");

    assert_eq!(desk.call("PATCH", &format!("/sobjects/Contact/{id}"), json!({"Title": null})).await.status, 204);
    let path = format!("/sobjects/Contact/{id}");
    assert_eq!(desk.call_with("DELETE", &path, "", &[]).await.status, 204);
    let gone = desk.call_with("DELETE", &path, "", &[]).await;
    assert_eq!((gone.status, gone.json()[0]["errorCode"].clone()), (404, json!("ENTITY_IS_DELETED")));
    assert_eq!(desk.get(&path).await.status, 404);
}

#[tokio::test]
async fn an_edit_happens_when_a_story_says_and_the_clock_goes_on() {
    let desk = Desk::open();
    let made = desk.call("POST", "/sobjects/Contact", json!({"LastName": "Byron"})).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let then: jiff::Timestamp = "2026-01-05T10:00:07Z".parse().unwrap();
    desk.pass(60_000);
    desk.sf.update_at("Contact", &id, &map(json!({"Title": "Countess"})), &desk.sf.users().site, then.as_millisecond()).unwrap();
    let stamp = async || desk.get(&format!("/sobjects/Contact/{id}")).await.json()["SystemModstamp"].clone();
    assert_eq!(stamp().await, "2026-01-05T10:00:07.000+0000");
    desk.sf.update("Contact", &id, &map(json!({"Title": "Lady"})), &desk.sf.users().site).unwrap();
    assert_eq!(stamp().await, "2026-01-05T10:01:00.000+0000");
}

#[tokio::test]
async fn bad_values_are_refused_each_with_its_code() {
    let desk = Desk::open();
    desk.sf.add_field("Contact", FieldSpec::picklist("Tier__c", &["Gold", "Silver"], true)).unwrap();
    let cases = [
        (json!({"FirstName": "x"}), "REQUIRED_FIELD_MISSING"),
        (json!({"LastName": "x".repeat(81)}), "STRING_TOO_LONG"),
        (json!({"LastName": "x", "Tier__c": "Tin"}), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (json!({"LastName": "x", "Email": "no at"}), "INVALID_EMAIL_ADDRESS"),
        (json!({"LastName": "x", "Nope__c": 1}), "INVALID_FIELD"),
        (json!({"LastName": "x", "Name": "y"}), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        (json!({"LastName": "x", "AccountId": "zzz"}), "MALFORMED_ID"),
        (json!({"LastName": "x", "AccountId": "001000000000001"}), "INVALID_CROSS_REFERENCE_KEY"),
        (json!({"LastName": "x", "Birthdate": "soon"}), "JSON_PARSER_ERROR"),
        (json!({"LastName": "x", "DoNotCall": null}), "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        (json!({"LastName": "x", "Account": {"Entente_Id__c": "none"}}), "INVALID_FIELD"),
    ];
    for (fields, code) in cases {
        let reply = desk.call("POST", "/sobjects/Contact", fields.clone()).await;
        assert_eq!((reply.status, reply.json()[0]["errorCode"].clone()), (400, json!(code)), "{fields}");
    }
    let large = desk.call("POST", "/sobjects/Account", json!({"Name": "x", "AnnualRevenue": 1e19})).await;
    assert_eq!(large.json()[0]["errorCode"], "NUMBER_OUTSIDE_VALID_RANGE");
    assert_eq!(desk.sf.count("Contact"), 0);
    let broken = desk.call_with("POST", "/sobjects/Contact", "{", &[]).await;
    assert_eq!(broken.json()[0]["errorCode"], "JSON_PARSER_ERROR");
    assert_eq!(desk.get("/sobjects/Nothing/describe").await.status, 404);
}

#[tokio::test]
async fn an_upsert_creates_then_updates_and_names_the_many() {
    let desk = Desk::open();
    let path = "/sobjects/Account/Entente_Id__c/a%2F1.b";
    let first = desk.call("PATCH", path, json!({"Name": "A"})).await;
    assert_eq!((first.status, first.json()["created"].clone()), (201, json!(true)));
    let second = desk.call("PATCH", path, json!({"Name": "B"})).await;
    assert_eq!((second.status, second.json()["created"].clone()), (200, json!(false)));
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_eq!(desk.get(path).await.json()["Entente_Id__c"], "a/1.b");
    assert_eq!(desk.call("PATCH", path, json!({"Entente_Id__c": "z"})).await.json()[0]["errorCode"], "INVALID_FIELD");
    assert_eq!(desk.call("PATCH", "/sobjects/Account/Entente_Id__c/new?updateOnly=true", json!({"Name": "C"})).await.status, 404);
    assert_eq!(desk.call("PATCH", "/sobjects/Account/Nope__c/1", json!({"Name": "C"})).await.status, 404);

    let twin = desk.call("POST", "/sobjects/Account", json!({"Name": "T", "Entente_Id__c": "A/1.B"})).await.json();
    assert_eq!(twin[0]["errorCode"], "DUPLICATE_VALUE");
    assert!(twin[0]["message"].as_str().unwrap().ends_with(first.json()["id"].as_str().unwrap()), "the text names the record");

    let mut open = FieldSpec::external_id("Loose__c");
    open.unique = false;
    desk.sf.add_field("Account", open).unwrap();
    for name in ["L1", "L2"] {
        desk.make("Account", json!({"Name": name, "Loose__c": "same"})).await;
    }
    let many = desk.call("PATCH", "/sobjects/Account/Loose__c/same", json!({"Name": "C"})).await;
    assert_eq!((many.status, many.json().as_array().unwrap().len()), (300, 2));
}

#[tokio::test]
async fn parents_may_be_named_by_their_key() {
    let desk = Desk::open();
    let account = desk.make("Account", json!({"Name": "A", "Entente_Id__c": "A-1"})).await;
    let contact = desk.make("Contact", json!({"LastName": "C", "Account": {"Entente_Id__c": "A-1"}})).await;
    assert_eq!(desk.sf.get("Contact", &contact).unwrap()["AccountId"], account.as_str());
    let parent = desk.get(&format!("/sobjects/Contact/{contact}/Account")).await.json();
    assert_eq!(parent["Name"], "A");
    let children = desk.get(&format!("/sobjects/Account/{account}/Contacts")).await.json();
    assert_eq!(children["records"][0]["Id"], contact.as_str());
}

#[tokio::test]
async fn a_stale_write_is_refused_by_tag_or_by_time() {
    let desk = Desk::open();
    let account = desk.make("Account", json!({"Name": "A"})).await;
    let path = format!("/sobjects/Account/{account}");
    let seen = desk.get(&path).await;
    let tag = seen.header("etag").to_owned();
    assert!(tag.starts_with('"'));
    assert_eq!(desk.call_with("GET", &path, "", &[("If-None-Match", &tag)]).await.status, 304);
    assert_eq!(desk.call_with("PATCH", &path, r#"{"Name":"B"}"#, &[("If-Match", &tag)]).await.status, 204);
    let stale = desk.call_with("PATCH", &path, r#"{"Name":"C"}"#, &[("If-Match", &tag)]).await;
    assert_eq!((stale.status, desk.sf.get("Account", &account).unwrap()["Name"].clone()), (412, json!("B")), "even within one second");

    let contact = desk.make("Contact", json!({"LastName": "C"})).await;
    let path = format!("/sobjects/Contact/{contact}");
    let read = desk.get(&path).await;
    assert_eq!(read.header("etag"), "", "only accounts have tags");
    let stamp = read.header("last-modified").to_owned();
    assert_eq!(desk.call_with("PATCH", &path, r#"{"Title":"x"}"#, &[("If-Unmodified-Since", &stamp)]).await.status, 204);
    desk.pass(2_000);
    desk.sf.update("Contact", &contact, &map(json!({"Title": "y"})), "").unwrap();
    assert_eq!(desk.call_with("PATCH", &path, r#"{"Title":"z"}"#, &[("If-Unmodified-Since", &stamp)]).await.status, 412);
    assert_eq!(desk.call_with("PATCH", &path, "{}", &[("If-Unmodified-Since", "yesterday")]).await.status, 400);
    assert_eq!(desk.call_with("GET", &path, "", &[("If-Modified-Since", &stamp)]).await.status, 200);
}

#[tokio::test]
async fn rules_of_the_org_have_their_say() {
    let desk = Desk::open();
    desk.sf.add_validation(
        "Contact",
        Box::new(|row| (row.get("Title")? == "Bad").then(|| ("No bad titles".to_owned(), Some("Title".to_owned())))),
    );
    let refused = desk.call("POST", "/sobjects/Contact", json!({"LastName": "x", "Title": "Bad"})).await.json();
    assert_eq!(refused, json!([{"message": "No bad titles", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Title"]}]));

    let rule = |allow_save| DuplicateRule {
        name: "Same_Mail".to_owned(),
        object: "Contact".to_owned(),
        fields: vec!["Email".to_owned()],
        allow_save,
    };
    desk.sf.add_duplicate_rule(rule(true));
    let first = desk.make("Contact", json!({"LastName": "x", "Email": "a@x.org"})).await;
    let again = r#"{"LastName":"y","Email":"A@x.org"}"#;
    let alert = desk.call_with("POST", "/sobjects/Contact", again, &[]).await.json();
    assert_eq!(alert[0]["errorCode"], "DUPLICATES_DETECTED");
    assert_eq!(alert[0]["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"]["Id"], first.as_str());
    let insisted = desk
        .call_with("POST", "/sobjects/Contact", again, &[("Sforce-Duplicate-Rule-Header", "allowSave=true; runAsCurrentUser=true")])
        .await;
    assert_eq!(insisted.status, 201);
    desk.sf.add_duplicate_rule(rule(false));
    let blocked = desk.call_with("POST", "/sobjects/Contact", again, &[("Sforce-Duplicate-Rule-Header", "allowSave=true")]).await;
    assert_eq!(blocked.status, 400);

    let parent = desk.make("Account", json!({"Name": "P"})).await;
    let child = desk.make("Account", json!({"Name": "C", "ParentId": parent})).await;
    let circle = desk.call("PATCH", &format!("/sobjects/Account/{parent}"), json!({"ParentId": child})).await.json();
    assert_eq!(circle[0]["errorCode"], "CIRCULAR_DEPENDENCY");
}

#[tokio::test]
async fn the_platform_fills_in_what_it_knows() {
    let desk = Desk::open();
    let account = desk.make("Account", json!({"Name": "A"})).await;
    let contact = desk.make("Contact", json!({"LastName": "C", "AccountId": account, "Email": "c@x.org"})).await;
    let case = desk.make("Case", json!({"Subject": "Help", "ContactId": contact})).await;
    let row = desk.sf.get("Case", &case).unwrap();
    assert_eq!(
        (&row["AccountId"], &row["Status"], &row["CaseNumber"], &row["IsClosed"]),
        (&json!(account), &json!("New"), &json!("00001001"), &json!(false))
    );
    desk.call("PATCH", &format!("/sobjects/Case/{case}"), json!({"Status": "Closed"})).await;
    let row = desk.sf.get("Case", &case).unwrap();
    assert_eq!(row["IsClosed"], true);
    assert!(row.contains_key("ClosedDate"));
    let deal = desk.make("Opportunity", json!({"Name": "D", "StageName": "Closed Won", "CloseDate": "2026-02-01", "Amount": 100})).await;
    let row = desk.sf.get("Opportunity", &deal).unwrap();
    assert_eq!((&row["IsWon"], &row["Probability"], &row["ExpectedRevenue"]), (&json!(true), &json!(100.0), &json!(100.0)));
    let task = desk.make("Task", json!({"Subject": "Call", "WhoId": contact, "WhatId": case})).await;
    assert_eq!(desk.sf.get("Task", &task).unwrap()["Status"], "Not Started");
    let note = desk.make("CaseComment", json!({"ParentId": case, "CommentBody": "a\nb"})).await;
    assert_eq!(desk.sf.get("CaseComment", &note).unwrap()["CommentBody"], "a\r\nb");
}

#[tokio::test]
async fn deleted_and_merged_records_lie_in_the_bin_and_come_back() {
    let desk = Desk::open();
    let (a, b) = (desk.make("Account", json!({"Name": "A"})).await, desk.make("Account", json!({"Name": "B"})).await);
    let contact = desk.make("Contact", json!({"LastName": "C", "AccountId": b})).await;
    desk.pass(60_000);
    desk.sf.merge("Account", &a, &[&b], &desk.sf.users().sales[0]).unwrap();
    assert_eq!(desk.sf.get("Contact", &contact).unwrap()["AccountId"], a.as_str());
    let all = desk.get("/queryAll?q=SELECT+Id,IsDeleted,MasterRecordId+FROM+Account+WHERE+IsDeleted+=+true").await.json();
    assert_eq!((all["records"][0]["Id"].clone(), all["records"][0]["MasterRecordId"].clone()), (json!(b), json!(a)));
    assert_eq!(desk.soql("SELECT Id FROM Account").await.json()["totalSize"], 1);

    desk.pass(60_000);
    desk.sf.delete("Account", &a, "").unwrap();
    assert!(desk.sf.get("Contact", &contact).is_none(), "contacts go with their account");
    desk.pass(120_000);
    let gone = desk.get("/sobjects/Account/deleted/?start=2026-01-05T10:00:00%2B00:00&end=2026-01-05T11:00:00%2B00:00").await.json();
    assert_eq!(gone["deletedRecords"].as_array().unwrap().len(), 2);
    assert_eq!(gone["latestDateCovered"], "2026-01-05T10:04:00.000+0000");
    desk.sf.undelete("Account", &a, "").unwrap();
    assert!(desk.sf.get("Contact", &contact).is_some());
    let updated = desk.get("/sobjects/Contact/updated/?start=2026-01-05T10:00:00%2B00:00&end=2026-01-05T11:00:00%2B00:00").await.json();
    assert_eq!(updated["ids"], json!([contact]));
    let wrong = desk.get("/sobjects/Contact/updated/?start=2020-01-05T10:00:00Z&end=2026-01-05T11:00:00Z").await.json();
    assert_eq!(wrong[0]["errorCode"], "INVALID_REPLICATION_DATE");

    desk.sf.delete("Account", &a, "").unwrap();
    desk.pass(16 * 24 * 60 * 60 * 1000);
    assert_eq!(desk.sf.undelete("Account", &a, "").unwrap_err().code, "UNDELETE_FAILED");
}
