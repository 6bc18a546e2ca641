//! Polls.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_connect::connector::{Connector, Priority};
use entente_connect::error::Class;
use entente_connect::look::{Existence, ReadSpec};
use serde_json::{Value, json};

use super::desk::{START_MS, desk, ok, said, texts, user};

fn users() -> ReadSpec {
    ReadSpec { object: "user".to_owned(), fields: texts(&["name", "email", "user_fields.plan_tier"]) }
}

fn organizations() -> ReadSpec {
    ReadSpec { object: "organization".to_owned(), fields: texts(&["name"]) }
}

fn organization(id: u64, updated: &str) -> Value {
    json!({"id": id, "name": format!("Org {id}"), "updated_at": updated, "organization_fields": {}})
}

#[tokio::test]
async fn a_first_read_pages_through_all_users_and_then_resumes_where_it_ended() {
    let desk = desk(|call| match (call.route().as_str(), call.q("cursor")) {
        ("GET users/count", _) => ok(json!({"count": {"value": 3, "refreshed_at": "2026-01-02T00:00:00Z"}})),
        ("GET incremental/users/cursor", "") => {
            assert_eq!((call.q("start_time"), call.q("per_page")), ("1", "1000"));
            let mut gone = user(2, "Bob");
            gone["active"] = json!(false);
            ok(json!({"users": [user(1, "Ada"), gone], "after_cursor": "A", "end_of_stream": false}))
        }
        ("GET incremental/users/cursor", "A") => ok(json!({"users": [user(3, "Cy")], "after_cursor": "B", "end_of_stream": true})),
        ("GET incremental/users/cursor", "B") => ok(json!({"users": [], "after_cursor": "B", "end_of_stream": true})),
        other => panic!("{other:?}"),
    });
    let first = desk.zendesk.page(&users(), None, Priority::Backfill).await.unwrap();
    assert_eq!((first.total, first.more), (Some(3), true));
    assert_eq!(first.looks[0].row["email"], "ada@example.com");
    assert_eq!(first.looks[1].existence, Existence::Deleted);
    let second = desk.zendesk.page(&users(), Some(&first.next), Priority::Backfill).await.unwrap();
    assert_eq!((second.total, second.more, second.looks.len()), (None, false, 1));
    let third = desk.zendesk.page(&users(), Some(&second.next), Priority::Backfill).await.unwrap();
    assert!(third.looks.is_empty() && !third.more);
    assert_eq!(third.next, second.next);
}

/// A cursor as Zendesk writes them: at a second, behind a row.
fn cursor_at(second: i64, row: u64) -> String {
    STANDARD.encode(format!("{second}.0||{row}|"))
}

#[tokio::test]
async fn where_cursor_pages_are_nearly_spent_the_time_based_export_carries_on_and_no_user_is_left_out() {
    const SECOND: i64 = 1_700_000_000;
    let desk = desk(|call| match call.route().as_str() {
        "GET users/count" => ok(json!({"count": {"value": 23, "refreshed_at": "2026-01-02T00:00:00Z"}})),
        "GET incremental/users/cursor" => {
            let behind = STANDARD.decode(call.q("cursor")).ok().and_then(|text| String::from_utf8(text).ok());
            let row = behind.and_then(|text| text.trim_end_matches('|').rsplit('|').next()?.parse::<u64>().ok()).unwrap_or(0) + 1;
            let at = SECOND + i64::try_from(row).unwrap();
            assert!(call.q("start_time").is_empty() || row == 1 || call.q("start_time") == (SECOND + 22).to_string());
            if call.q("start_time") == (SECOND + 22).to_string() {
                return ok(
                    json!({"users": [user(22, "U22"), user(23, "U23")], "after_cursor": cursor_at(SECOND + 23, 23), "end_of_stream": true}),
                );
            }
            ok(json!({"users": [user(row, &format!("U{row}"))], "after_cursor": cursor_at(at, row), "end_of_stream": false}))
        }
        "GET incremental/users" => {
            assert_eq!(call.q("start_time").parse::<i64>().unwrap(), SECOND + 19, "from the second of the last cursor page on");
            let rows: Vec<Value> = (19..=22).map(|row| user(row, &format!("U{row}"))).collect();
            ok(json!({"users": rows, "end_time": SECOND + 22, "end_of_stream": false}))
        }
        "GET incremental/tickets/cursor" => ok(json!({"tickets": [], "after_cursor": null, "end_of_stream": true})),
        "GET tickets/count" => ok(json!({"count": {"value": 0, "refreshed_at": "2026-01-02T00:00:00Z"}})),
        other => panic!("{other}"),
    });
    let mut read = BTreeSet::new();
    let mut cursor = None;
    for _ in 0..20 {
        let page = desk.zendesk.page(&users(), cursor.as_ref(), Priority::Backfill).await.unwrap();
        read.extend(page.looks.into_iter().map(|look| look.id));
        assert!(page.more);
        cursor = Some(page.next);
    }
    assert_eq!(desk.count("GET incremental/users"), 1);
    let tickets = ReadSpec { object: "ticket".to_owned(), fields: vec!["subject".to_owned()] };
    assert!(desk.zendesk.page(&tickets, None, Priority::Backfill).await.is_ok(), "one cursor page is left for tickets in the same minute");

    desk.hands.pass(Duration::from_secs(61));
    let last = desk.zendesk.page(&users(), cursor.as_ref(), Priority::Backfill).await.unwrap();
    assert!(!last.more);
    read.extend(last.looks.into_iter().map(|look| look.id));
    assert_eq!(read, (1..=23).map(|id| id.to_string()).collect());
}

#[tokio::test]
async fn a_poll_from_the_present_never_starts_too_recently() {
    let desk = desk(|call| {
        let start: i64 = call.q("start_time").parse().unwrap();
        assert!(start < START_MS / 1000 - 60, "{start}");
        ok(json!({"users": [], "after_cursor": null, "end_of_stream": true}))
    });
    let cursor = desk.zendesk.present(&users()).await.unwrap();
    let page = desk.zendesk.page(&users(), Some(&cursor), Priority::Update).await.unwrap();
    assert_eq!((page.next, page.total), (cursor, None));
}

#[tokio::test]
async fn tickets_come_with_their_metrics_and_their_agent() {
    let desk = desk(|call| {
        assert_eq!(call.q("include"), "metric_sets,users");
        ok(json!({
            "tickets": [{"id": 33, "status": "solved", "assignee_id": 7, "updated_at": "2026-01-01T09:00:00Z"},
                        {"id": 34, "status": "deleted", "updated_at": "2026-01-01T09:00:00Z"}],
            "users": [{"id": 7, "name": "Grace"}],
            "metric_sets": [{"ticket_id": 33, "full_resolution_time_in_minutes": {"calendar": 90, "business": 30}}],
            "after_cursor": "A", "end_of_stream": true,
        }))
    });
    let read =
        ReadSpec { object: "ticket".to_owned(), fields: texts(&["status", "assignee.name", "metric_set.full_resolution_time_in_minutes"]) };
    let cursor = desk.zendesk.present(&read).await.unwrap();
    let page = desk.zendesk.page(&read, Some(&cursor), Priority::Activity).await.unwrap();
    assert_eq!(
        Value::Object(page.looks[0].row.clone()),
        json!({"status": "solved", "assignee.name": "Grace", "metric_set.full_resolution_time_in_minutes": 90})
    );
    assert!(page.looks[0].complete);
    assert_eq!(page.looks[1].existence, Existence::Deleted);
}

#[tokio::test]
async fn the_boundary_second_of_organizations_is_not_told_twice() {
    let desk = desk(|call| match call.q("start_time") {
        "1" => ok(json!({"organizations": [organization(1, "2026-01-01T00:00:00Z"), organization(2, "2026-01-01T00:00:05Z")],
                          "count": 2, "end_of_stream": true, "end_time": 1_767_225_605})),
        "1767225605" => ok(json!({"organizations": [organization(2, "2026-01-01T00:00:05Z"), organization(2, "2026-01-01T00:00:09Z")],
                          "count": 2, "end_of_stream": true, "end_time": 1_767_225_609})),
        _ if call.path.ends_with("/count") => ok(json!({"count": {"value": 2}})),
        other => panic!("{other}"),
    });
    let first = desk.zendesk.page(&organizations(), None, Priority::Backfill).await.unwrap();
    assert_eq!(first.looks.len(), 2);
    assert!(!first.more);
    let second = desk.zendesk.page(&organizations(), Some(&first.next), Priority::Backfill).await.unwrap();
    assert_eq!(second.looks.len(), 1, "only the version that is new");
    assert_eq!(second.looks[0].version.as_deref(), Some("2026-01-01T00:00:09Z"));
}

#[tokio::test]
async fn an_export_that_is_stuck_in_one_second_is_left_by_listing() {
    let desk = desk(|call| match (call.route().as_str(), call.q("start_time"), call.q("page[after]")) {
        ("GET organizations/count", ..) => said(404, json!({"error": "RecordNotFound"})),
        ("GET incremental/organizations", "1", _) => {
            let rows: Vec<Value> = (1..=1000).map(|id| organization(id, "2026-01-01T00:00:05Z")).collect();
            ok(json!({"organizations": rows, "count": 1000, "end_of_stream": false, "end_time": 1}))
        }
        ("GET organizations", _, "") => ok(
            json!({"organizations": [organization(1, "x")], "meta": {"has_more": true, "after_cursor": "L"}, "links": {"next": "https://acme.zendesk.com/x"}}),
        ),
        ("GET organizations", _, "L") => ok(
            json!({"organizations": [organization(1001, "x")], "meta": {"has_more": false, "after_cursor": "M"}, "links": {"next": "https://acme.zendesk.com/y"}}),
        ),
        ("GET incremental/organizations", "2", _) => ok(json!({"organizations": [], "count": 0, "end_of_stream": true, "end_time": null})),
        other => panic!("{other:?}"),
    });
    let (mut cursor, mut ids, mut pages) = (None, std::collections::BTreeSet::new(), 0);
    loop {
        let page = desk.zendesk.page(&organizations(), cursor.as_ref(), Priority::Backfill).await.unwrap();
        ids.extend(page.looks.iter().map(|look| look.id.clone()));
        pages += 1;
        assert!(pages < 10, "it ends");
        let more = page.more;
        cursor = Some(page.next);
        if !more {
            break;
        }
    }
    assert_eq!(ids.len(), 1001);
}

#[tokio::test]
async fn an_empty_export_budget_is_waited_for_without_asking() {
    let desk = desk(|_| {
        ok(json!({"users": [], "after_cursor": "A", "end_of_stream": true}))
            .header("zendesk-ratelimit-incremental-exports-cursor", "total=20; remaining=0; resets=43")
    });
    let cursor = desk.zendesk.present(&users()).await.unwrap();
    let page = desk.zendesk.page(&users(), Some(&cursor), Priority::Backfill).await.unwrap();
    let error = desk.zendesk.page(&users(), Some(&page.next), Priority::Backfill).await.unwrap_err();
    assert_eq!(error.class, Class::Wait { until: desk.now() + jiff::SignedDuration::from_secs(43) });
    assert_eq!(desk.calls.lock().unwrap().len(), 1);
    assert_eq!(desk.zendesk.spec().overlap, Duration::ZERO);
}

#[tokio::test]
async fn a_field_that_was_removed_is_not_taken_for_one_that_was_cleared() {
    let desk = desk(|call| match call.route().as_str() {
        "GET users/show_many" => {
            let mut row = user(1, "Ada");
            row["user_fields"] = json!({});
            ok(json!({"users": [row]}))
        }
        "GET user_fields" => {
            ok(json!({"user_fields": [{"id": 9, "key": "region", "type": "text", "active": true}], "meta": {"has_more": false}}))
        }
        other => panic!("{other}"),
    });
    let ids = texts(&["1"]);
    let error = desk.zendesk.fetch(&users(), &ids, Priority::Update).await.unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Configuration, Some("user_fields.plan_tier")));
    let read = ReadSpec { object: "user".to_owned(), fields: texts(&["name", "user_fields.region"]) };
    let looks = desk.zendesk.fetch(&read, &ids, Priority::Update).await.unwrap();
    assert_eq!(looks[0].row["user_fields.region"], Value::Null);
    assert_eq!(desk.count("GET user_fields"), 1, "definitions are remembered");
}

#[tokio::test]
async fn rows_that_cannot_be_found_are_deleted() {
    let desk = desk(|call| {
        assert_eq!(call.q("ids"), "1,2");
        ok(json!({"users": [user(2, "Bob")], "count": 1, "next_page": null, "previous_page": null}))
    });
    let looks = desk.zendesk.fetch(&users(), &texts(&["1", "not-a-number", "2"]), Priority::Update).await.unwrap();
    let told: Vec<(&str, bool)> = looks.iter().map(|look| (look.id.as_str(), look.existence == Existence::Present)).collect();
    assert_eq!(told, [("1", false), ("not-a-number", false), ("2", true)]);
}
