//! Polls, fetches and searches.

use std::time::Duration;

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::{Existence, Find};
use entente_model::actor::Actor;
use serde_json::{Value, json};

use super::org::{contacts, direct, id, refused, row, said};

fn page(rows: &[Value], next: Option<&str>) -> Value {
    let mut page = json!({"totalSize": 4, "done": next.is_none(), "records": rows});
    if let Some(next) = next {
        page["nextRecordsUrl"] = Value::from(format!("/services/data/v62.0/query/{next}"));
    }
    page
}

#[tokio::test]
async fn a_first_read_follows_the_locator_and_ends_at_the_time_it_began() {
    let scene = direct();
    scene.script(|seen| {
        if seen.is("GET", "/query") {
            assert_eq!(
                seen.soql(),
                "SELECT Id,SystemModstamp,LastModifiedDate,LastModifiedById,IsDeleted,MasterRecordId,Email,Account.Name FROM Contact ORDER BY SystemModstamp, Id"
            );
            return said(200, page(&[row(1, 1), row(2, 2)], Some("0r8-2")));
        }
        if seen.is("GET", "/query/0r8-2") {
            return said(200, page(&[row(3, 3)], None));
        }
        None
    });
    let read = contacts(&["Email", "Account.Name"]);
    let first = scene.crm.page(&read, None, Priority::Backfill).await.unwrap();
    assert_eq!((first.looks.len(), first.more, first.total), (2, true, Some(4)));
    assert_eq!(first.looks[0].row["Email"], "1@example.com");
    assert_eq!(first.looks[0].row["Account.Name"], Value::Null);
    assert_eq!(first.looks[0].mark.by, Actor::Sales);
    assert_eq!(first.looks[0].version.as_deref(), Some("2026-01-01T12:00:01Z"));
    scene.hands.pass(Duration::from_secs(3_600));
    let last = scene.crm.page(&read, Some(&first.next), Priority::Backfill).await.unwrap();
    assert_eq!((last.looks.len(), last.more, last.total), (1, false, None));

    // What was deleted or changed while the first read went on is seen by the poll after it.
    scene.script(|seen| {
        if !seen.is("GET", "/queryAll") {
            return None;
        }
        assert!(seen.soql().contains("WHERE SystemModstamp >= 2026-01-01T11:50:00.000Z ORDER BY"), "{}", seen.soql());
        let mut merged = row(2, 30);
        merged["IsDeleted"] = json!(true);
        merged["MasterRecordId"] = json!(id(1));
        let mut deleted = row(3, 31);
        deleted["IsDeleted"] = json!(true);
        said(200, page(&[merged, deleted], None))
    });
    let poll = scene.crm.page(&read, Some(&last.next), Priority::Backfill).await.unwrap();
    let existences: Vec<_> = poll.looks.iter().map(|look| look.existence.clone()).collect();
    assert_eq!(existences, [Existence::MergedInto(id(1)), Existence::Deleted]);
    assert!(poll.looks.iter().all(|look| look.row.is_empty()));
}

#[tokio::test]
async fn a_read_whose_locator_died_goes_on_behind_its_last_row() {
    let scene = direct();
    scene.script(|seen| seen.is("GET", "/query").then(|| said(200, page(&[row(1, 1), row(2, 2)], Some("0r8-2")))).flatten());
    let read = contacts(&["Email"]);
    let first = scene.crm.page(&read, None, Priority::Backfill).await.unwrap();
    scene.script(|seen| {
        if seen.is("GET", "/query/0r8-2") {
            return refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
        }
        let expected =
            format!("(SystemModstamp = 2026-01-01T12:00:02.000Z AND Id > '{}') OR SystemModstamp > 2026-01-01T12:00:02.000Z", id(2));
        assert!(seen.is("GET", "/query") && seen.soql().contains(&expected), "{}", seen.soql());
        said(200, page(&[row(3, 3)], None))
    });
    let rest = scene.crm.page(&read, Some(&first.next), Priority::Backfill).await.unwrap();
    assert_eq!((rest.looks[0].id.as_str(), rest.more), (id(3).as_str(), false));
}

#[tokio::test]
async fn other_fields_need_another_locator() {
    let scene = direct();
    scene.script(|seen| {
        assert!(!seen.path.ends_with("0r8-2") || seen.path.ends_with("userinfo"), "the locator reads the old fields");
        seen.is("GET", "/query").then(|| said(200, page(&[row(1, 1)], Some("0r8-2")))).flatten()
    });
    let first = scene.crm.page(&contacts(&["Email"]), None, Priority::Backfill).await.unwrap();
    let second = scene.crm.page(&contacts(&["Email", "LastName"]), Some(&first.next), Priority::Backfill).await.unwrap();
    assert_eq!(second.looks.len(), 1);
}

#[tokio::test]
async fn the_present_hides_what_came_before() {
    let scene = direct();
    let present = scene.crm.present(&contacts(&["Email"])).await.unwrap();
    scene.script(|seen| {
        if !seen.is("GET", "/queryAll") {
            return None;
        }
        assert!(seen.soql().contains("SystemModstamp >= 2026-01-01T12:00:00.000Z"), "{}", seen.soql());
        said(200, page(&[], None))
    });
    let poll = scene.crm.page(&contacts(&["Email"]), Some(&present), Priority::Backfill).await.unwrap();
    assert!(poll.looks.is_empty() && !poll.more);
}

#[tokio::test]
async fn a_fetch_tells_merged_deleted_and_unknown_rows() {
    let scene = direct();
    scene.script(|seen| {
        if !seen.is("GET", "/queryAll") {
            return None;
        }
        let mut merged = row(2, 2);
        merged["IsDeleted"] = json!(true);
        merged["MasterRecordId"] = json!(id(1));
        said(200, page(&[merged, row(1, 1)], None))
    });
    let ids = [id(1), id(2), id(3), "bogus".to_owned()];
    let looks = scene.crm.fetch(&contacts(&["Email"]), &ids, Priority::Update).await.unwrap();
    let existences: Vec<_> = looks.iter().map(|look| look.existence.clone()).collect();
    assert_eq!(existences, [Existence::Present, Existence::MergedInto(id(1)), Existence::Deleted, Existence::Deleted]);
    assert_eq!(scene.calls("GET", "/queryAll").len(), 1);
}

#[tokio::test]
async fn many_rows_are_fetched_in_one_call() {
    let scene = direct();
    scene.script(|seen| {
        if seen.is("POST", "/composite/sobjects/Contact") {
            let ids = seen.json()["ids"].as_array().unwrap().clone();
            assert_eq!(ids.len(), 999);
            let rows: Vec<Value> = (1..=999).map(|n| if n == 7 { Value::Null } else { row(n, 1) }).collect();
            return said(200, Value::from(rows));
        }
        if seen.is("GET", "/queryAll") {
            assert!(seen.soql().contains(&id(7)) && !seen.soql().contains(&id(8)));
            let mut merged = row(7, 2);
            merged["IsDeleted"] = json!(true);
            merged["MasterRecordId"] = json!(id(1));
            return said(200, page(&[merged], None));
        }
        None
    });
    let ids: Vec<String> = (1..=999).map(id).collect();
    let looks = scene.crm.fetch(&contacts(&["Email"]), &ids, Priority::Update).await.unwrap();
    assert_eq!(looks.len(), 999);
    assert_eq!(looks[6].existence, Existence::MergedInto(id(1)));
    assert_eq!(looks[998].row["Email"], "999@example.com");
    assert_eq!((scene.calls("POST", "/Contact").len(), scene.calls("GET", "/queryAll").len()), (1, 1));
}

#[tokio::test]
async fn a_vanished_field_is_an_admins_matter_and_forgotten() {
    let scene = direct();
    scene.script(|seen| {
        seen.is("GET", "/query")
            .then(|| refused(400, "INVALID_FIELD", "SELECT Email\nERROR at Row:1:Column:8\nNo such column 'Email' on entity 'Contact'."))
            .flatten()
    });
    let error = scene.crm.page(&contacts(&["Email"]), None, Priority::Backfill).await.unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Configuration, Some("Email")));
    drop(scene.crm.page(&contacts(&["Email"]), None, Priority::Backfill).await);
    assert_eq!(scene.calls("GET", "/describe").len(), 2, "the schema is read anew");
}

#[tokio::test]
async fn questions_get_their_own_answers() {
    let scene = direct();
    scene.script(|seen| {
        if !seen.is("GET", "/query") {
            return None;
        }
        assert!(seen.soql().contains("Email IN ('1@example.com','9@example.com')"), "{}", seen.soql());
        let mut keyed = row(2, 1);
        keyed["Entente_Id__c"] = json!("con_2");
        said(200, page(&[row(1, 1), keyed], None))
    });
    let questions = [Find::Email("1@example.com".to_owned()), Find::Email("9@example.com".to_owned()), Find::Key("con_2".to_owned())];
    let answers = scene.crm.find(&contacts(&["LastName"]), &questions, "Entente_Id__c", Priority::Urgent).await.unwrap();
    let ids: Vec<Vec<String>> = answers.iter().map(|looks| looks.iter().map(|look| look.id.clone()).collect()).collect();
    assert_eq!(ids, [vec![id(1)], vec![], vec![id(2)]]);
    assert!(!answers[0][0].row.contains_key("Email"), "only what was asked for comes along");
    assert_eq!(scene.calls("GET", "/query").len(), 1);
}
