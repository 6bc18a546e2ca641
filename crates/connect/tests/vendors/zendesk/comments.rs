//! What is said on tickets, read as rows of their own.

use std::collections::BTreeMap;

use entente_connect::connector::{Connector, Priority};
use entente_connect::erase::{Erase, Erased, Manner};
use entente_connect::error::Class;
use entente_connect::look::{Existence, Find, Look, ReadSpec};
use entente_connect::write::WriteTarget;
use entente_model::actor::Actor;
use serde_json::{Value, json};

use super::desk::{Desk, Seen, desk, ok, said, texts};
use crate::stage::rows::{create, spec};

const FIELDS: &[&str] = &[
    "kind",
    "public",
    "body",
    "created_at",
    "ticket_id",
    "author.name",
    "author.customer_id",
    "ticket.subject",
    "ticket.requester_id",
    "ticket.organization_id",
];

fn comments() -> ReadSpec {
    spec("ticket_comment", FIELDS)
}

fn ticket(id: u64) -> Value {
    json!({"id": id, "subject": "Printer", "status": "open", "requester_id": 7, "organization_id": 9, "updated_at": "2026-01-02T09:00:00Z"})
}

fn comment(id: u64, author: i64, public: bool, body: &str) -> Value {
    json!({"id": id, "event_type": "Comment", "via": "Mail", "author_id": author, "public": public, "plain_body": body, "body": body})
}

fn audit(id: u64, ticket: u64, events: Value) -> Value {
    json!({"id": id, "ticket_id": ticket, "created_at": "2026-01-02T09:00:00Z", "timestamp": 1_767_344_400, "event_type": "Audit", "child_events": events})
}

fn page(audits: Value, end: i64, ended: bool) -> Value {
    json!({"ticket_events": audits, "count": 1, "end_time": end, "end_of_stream": ended})
}

/// Tickets that are asked for are there, with the people in them.
fn tickets(call: &Seen) -> Option<super::desk::Said> {
    let ids = || call.q("ids").split(',').filter_map(|id| id.parse().ok()).collect::<Vec<u64>>();
    match call.route().as_str() {
        "GET tickets/show_many" => Some(ok(json!({
            "tickets": ids().into_iter().filter(|id| *id != 404).map(ticket).collect::<Vec<Value>>(),
            "users": [{"id": 7, "name": "Ada Lovelace", "role": "end-user"}],
        }))),
        "GET users/show_many" => Some(ok(json!({
            "users": ids().into_iter().map(|id| json!({"id": id, "name": format!("Agent {id}"), "role": "agent"})).collect::<Vec<Value>>(),
        }))),
        _ => None,
    }
}

fn by_id(looks: &[Look]) -> BTreeMap<&str, &Look> {
    looks.iter().map(|look| (look.id.as_str(), look)).collect()
}

async fn first_page(desk: &Desk) -> entente_connect::look::Page {
    desk.zendesk.page(&comments(), None, Priority::Backfill).await.unwrap()
}

#[tokio::test]
async fn a_page_shows_who_said_what_about_which_ticket_and_what_no_person_said_is_left_out() {
    let desk = desk(|call| {
        tickets(call).unwrap_or_else(|| {
            assert_eq!(
                (call.route().as_str(), call.q("include"), call.q("start_time")),
                ("GET incremental/ticket_events", "comment_events", "1")
            );
            let by_rule =
                json!({"id": 4, "event_type": "Comment", "via": "Rule", "author_id": 901, "public": true, "body": "We have got it"});
            let by_us =
                json!({"id": 5, "event_type": "Comment", "via": "Web service", "author_id": 900, "public": false, "body": "[ ] step"});
            let by_nobody = comment(6, -1, true, "This request was closed");
            let call = json!({"id": 3, "event_type": "VoiceComment", "via": "Phone call (incoming)", "author_id": 901, "public": true,
                "html_body": "<p>Call from: +1</p>"});
            ok(page(
                json!([
                    audit(11, 33, json!([comment(1, 7, true, "It does not print"), {"id": 90, "event_type": "Create", "status": "new"}])),
                    audit(12, 33, json!([comment(2, 901, false, "Old model"), {"id": 91, "event_type": "Change", "status": "open"}])),
                    audit(13, 33, json!([call])),
                    audit(14, 33, json!([by_rule, by_us, by_nobody])),
                    audit(15, 404, json!([comment(8, 7, true, "On a ticket that is gone")])),
                ]),
                1_767_344_400,
                true,
            ))
        })
    });
    let page = first_page(&desk).await;
    let looks = by_id(&page.looks);
    assert!(!page.more);
    assert_eq!(
        Value::Object(looks["33-1"].row.clone()),
        json!({"kind": "reply", "public": true, "body": "It does not print", "created_at": "2026-01-02T09:00:00Z", "ticket_id": "33",
               "author.name": "Ada Lovelace", "author.customer_id": "7", "ticket.subject": "Printer", "ticket.requester_id": "7", "ticket.organization_id": "9"})
    );
    let note = looks["33-2"];
    assert_eq!((&note.row["kind"], &note.row["public"], &note.row["author.name"]), (&json!("note"), &json!(false), &json!("Agent 901")));
    assert_eq!(note.row["author.customer_id"], Value::Null, "agents are nobody's customers");
    assert_eq!((&looks["33-3"].row["kind"], &looks["33-3"].row["body"]), (&json!("call"), &json!("Call from: +1")));
    let gone: Vec<&str> = looks.iter().filter(|(_, look)| look.existence == Existence::Deleted).map(|(id, _)| *id).collect();
    assert_eq!(gone, ["33-4", "33-5", "33-6", "404-8"], "a rule, Entente, the system, and a ticket that is gone");
    assert_eq!([looks["33-1"].mark.by, note.mark.by], [Actor::Customer, Actor::Support]);
    assert!(page.looks.iter().all(|look| look.complete && look.object == "ticket_comment"));
    assert_eq!(desk.routes(), ["GET incremental/ticket_events", "GET tickets/show_many", "GET users/show_many"], "three calls a page");
}

#[tokio::test]
async fn the_second_where_a_page_ends_is_not_told_twice() {
    let desk = desk(|call| {
        tickets(call).unwrap_or_else(|| match call.q("start_time") {
            "1" => ok(page(json!([audit(11, 33, json!([comment(1, 7, true, "One")]))]), 1_767_000_000, true)),
            "1767000000" => ok(page(
                json!([audit(11, 33, json!([comment(1, 7, true, "One")])), audit(12, 33, json!([comment(2, 7, true, "Two")]))]),
                1_767_000_000,
                true,
            )),
            other => panic!("{other}"),
        })
    });
    let first = first_page(&desk).await;
    let second = desk.zendesk.page(&comments(), Some(&first.next), Priority::Activity).await.unwrap();
    assert_eq!(second.looks.iter().map(|look| look.id.as_str()).collect::<Vec<_>>(), ["33-2"]);
    let third = desk.zendesk.page(&comments(), Some(&second.next), Priority::Activity).await.unwrap();
    assert!(third.looks.is_empty());
}

#[tokio::test]
async fn an_export_that_is_stuck_in_one_second_goes_on_behind_it() {
    let desk = desk(|call| {
        tickets(call).unwrap_or_else(|| match call.q("start_time") {
            "1" => {
                let audits: Vec<Value> =
                    (1..=1000).map(|id| audit(id, 33, json!([{"id": id, "event_type": "Change", "status": "closed"}]))).collect();
                ok(page(json!(audits), 1, false))
            }
            "2" => ok(page(json!([audit(2000, 33, json!([comment(5, 7, true, "Later")]))]), 1_767_000_000, true)),
            other => panic!("{other}"),
        })
    });
    let first = first_page(&desk).await;
    assert!(first.more);
    let second = desk.zendesk.page(&comments(), Some(&first.next), Priority::Backfill).await.unwrap();
    assert_eq!((second.more, second.looks[0].id.as_str()), (false, "33-5"));
}

#[tokio::test]
async fn what_becomes_of_a_comment_later_is_seen() {
    let desk = desk(|call| {
        tickets(call).unwrap_or_else(|| match call.route().as_str() {
            "GET incremental/ticket_events" => ok(page(
                json!([
                    audit(20, 33, json!([{"id": 70, "event_type": "CommentPrivacyChange", "comment_id": 1, "public": false}])),
                    audit(21, 34, json!([{"id": 71, "event_type": "CommentRedactionEvent", "comment_id": 2}])),
                ]),
                1_767_000_000,
                true,
            )),
            "GET tickets/33/comments" => ok(json!({"comments": [
                {"id": 1, "type": "Comment", "author_id": 7, "public": false, "plain_body": "Hidden", "created_at": "2026-01-01T09:00:00Z"},
                {"id": 3, "type": "Comment", "author_id": 7, "public": true, "plain_body": "Another"},
            ], "meta": {"has_more": false}})),
            "GET tickets/34/comments" => ok(json!({"comments": [
                {"id": 2, "type": "Comment", "author_id": 7, "public": true, "plain_body": "▇▇▇"},
            ], "meta": {"has_more": false}})),
            other => panic!("{other}"),
        })
    });
    let page = first_page(&desk).await;
    let looks = by_id(&page.looks);
    assert_eq!(looks.keys().copied().collect::<Vec<_>>(), ["33-1", "34-2"]);
    assert_eq!((&looks["33-1"].row["kind"], &looks["33-1"].row["created_at"]), (&json!("note"), &json!("2026-01-01T09:00:00Z")));
    assert_eq!(looks["34-2"].row["body"], "▇▇▇");
}

#[tokio::test]
async fn comments_are_fetched_out_of_their_tickets_and_what_is_not_there_is_gone() {
    let desk = desk(|call| {
        tickets(call).unwrap_or_else(|| match (call.route().as_str(), call.q("page[after]")) {
            ("GET tickets/33/comments", "") => ok(json!({"comments": [
                {"id": 1, "type": "Comment", "author_id": 7, "public": true, "plain_body": "One"},
            ], "meta": {"has_more": true, "after_cursor": "A"}})),
            ("GET tickets/33/comments", "A") => ok(json!({"comments": [
                {"id": 2, "type": "Comment", "author_id": 7, "public": true, "plain_body": "Two"},
            ], "meta": {"has_more": true, "after_cursor": "B"}})),
            ("GET tickets/404/comments", _) => said(404, json!({"error": "RecordNotFound", "description": "Not found"})),
            other => panic!("{other:?}"),
        })
    });
    let ids = texts(&["33-2", "nonsense", "404-8", "33-1"]);
    let looks = desk.zendesk.fetch(&comments(), &ids, Priority::Update).await.unwrap();
    let told: Vec<(&str, bool)> = looks.iter().map(|look| (look.id.as_str(), look.existence == Existence::Present)).collect();
    assert_eq!(told, [("33-2", true), ("nonsense", false), ("404-8", false), ("33-1", true)]);
    assert_eq!(desk.count("GET tickets/33/comments"), 2, "no page beyond what is asked for");
}

#[tokio::test]
async fn they_are_only_read() {
    let desk = desk(|call| panic!("{}", call.route()));
    let target = WriteTarget { object: "ticket_comment".to_owned(), key_field: "id".to_owned() };
    let error = desk.zendesk.write(&target, &[create("act_1", json!({"body": "Hello"}))], Priority::Update).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Configuration, "read_only"));
    let found = desk.zendesk.find(&comments(), &[Find::Name("Printer".to_owned())], "id", Priority::Update).await.unwrap();
    assert_eq!(found, [Vec::new()]);
    let described = desk.zendesk.describe("ticket_comment").await.unwrap();
    assert!(described.fields.iter().all(|field| !field.writable) && FIELDS.iter().all(|name| described.field(name).is_some()));
    let error = desk.zendesk.page(&spec("ticket_comment", &["subject"]), None, Priority::Backfill).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.field.as_deref()), ("unknown_field", Some("subject")));
    let able = desk.zendesk.spec().capabilities("ticket_comment").unwrap();
    assert!(able.key.is_none() && !able.creates_fields && !desk.zendesk.merges("ticket_comment"));
}

#[tokio::test]
async fn a_comment_that_is_erased_loses_its_words_and_one_of_a_ticket_that_is_gone_has_none() {
    let desk = desk(|call| match call.route().as_str() {
        "GET tickets/33/comments" => ok(json!({"comments": [
            {"id": 1, "html_body": "<p>I am Bo</p>", "attachments": []},
            {"id": 2, "html_body": "<p>I am Ada</p>", "attachments": [{"id": 9}]},
        ], "meta": {"has_more": false}})),
        "GET tickets/34/comments" => said(404, json!({"error": "RecordNotFound", "description": "Not found"})),
        "PUT comment_redactions/2" => {
            assert_eq!(call.body, json!({"ticket_id": 33, "html_body": "<p><redact>I am Ada</redact></p>"}));
            ok(json!({}))
        }
        other => panic!("{other}"),
    });
    for manner in [Manner::Anonymise, Manner::Delete] {
        let erase = |id: &str| Erase { object: "ticket_comment".to_owned(), id: id.to_owned(), manner, blank: serde_json::Map::new() };
        let erased = desk.zendesk.erase(&erase("33-2"), Priority::Urgent).await.unwrap();
        assert!(erased.done == "redacted" && erased.left.len() == 1 && erased.left[0].contains("attachments"), "{erased:?}");
        let gone = desk.zendesk.erase(&erase("34-1"), Priority::Urgent).await.unwrap();
        assert_eq!(gone, Erased::wholly("was deleted with its ticket already"));
    }
}
