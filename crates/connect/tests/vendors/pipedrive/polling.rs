//! Polls: changes, equal stamps, rows that move, and what leaves without a trace.

use std::collections::BTreeSet;

use entente_connect::connector::Priority;
use entente_connect::look::Existence;
use entente_sims::faults::Fault;
use entente_sims::pipedrive::Kind;
use serde_json::json;

use crate::pipedrive::company::{Company, persons};
use crate::stage::rows::{ids, spec};

#[tokio::test]
async fn twelve_thousand_notes_of_one_stamp_are_all_read_though_the_older_version_counts_rows() {
    let company = Company::open();
    let acme: u64 = company.plant(Kind::Organization, json!({"name": "Acme"})).parse().unwrap();
    let read = spec("notes", &["note"]);
    let present = company.crm.present(&read).await.unwrap();
    company.pass(60);
    for n in 0..12_000 {
        company.plant(Kind::Note, json!({"content": format!("Note {n}"), "org_id": acme}));
    }
    let (looks, _) = company.read_on(&read, Some(present)).await;
    let unique: BTreeSet<&str> = looks.iter().map(|look| look.id.as_str()).collect();
    assert_eq!(unique.len(), 12_000);
    assert!(looks.len() < 12_100, "{} looks", looks.len());
}

#[tokio::test]
async fn rows_that_change_while_a_poll_goes_on_are_not_lost() {
    let company = Company::open();
    let acme: u64 = company.plant(Kind::Organization, json!({"name": "Acme"})).parse().unwrap();
    for (kind, object, field) in [(Kind::Person, "persons", "name"), (Kind::Note, "notes", "note")] {
        let read = spec(object, &[field]);
        let present = company.crm.present(&read).await.unwrap();
        company.pass(60);
        let body = |text: &str| if kind == Kind::Note { json!({"content": text, "org_id": acme}) } else { json!({"name": text}) };
        let all: Vec<String> = (0..1_200).map(|n| company.plant(kind, body(&format!("Row {n}")))).collect();
        company.faults.order([Fault::HalfPage]);
        let first = company.crm.page(&read, Some(&present), Priority::Backfill).await.unwrap();
        assert!(first.more && !first.looks.is_empty(), "a short page is not the last one");
        company.pass(5);
        // The first rows move to the end, and with them the places of all later ones.
        for id in &all[..100] {
            company.edit(kind, id, if kind == Kind::Note { json!({"content": "New"}) } else { json!({"name": "New"}) });
        }
        let (rest, cursor) = company.read_on(&read, Some(first.next)).await;
        let seen: BTreeSet<&str> = first.looks.iter().chain(&rest).map(|look| look.id.as_str()).collect();
        let missed: Vec<&String> = all.iter().filter(|id| !seen.contains(id.as_str())).collect();
        assert!(missed.is_empty(), "{object}: {missed:?}");
        let (next, _) = company.read_on(&read, Some(cursor)).await;
        assert!(next.iter().filter(|look| look.row[field] == "New").count() >= 100, "{object}");
    }
}

#[tokio::test]
async fn a_poll_asks_in_whole_seconds_and_goes_back_by_the_overlap() {
    let company = Company::open();
    let read = persons(&["name"]);
    let (_, cursor) = company.read_on(&read, None).await;
    company.hands.pass(std::time::Duration::from_millis(600_321));
    let id = company.contact("Ada", "ada@x.example");
    let (looks, _) = company.read_on(&read, Some(cursor)).await;
    assert_eq!(ids(&looks), [id.as_str()]);
    let sent = company.line.sent.lock().unwrap();
    let poll = sent.iter().find(|(path, _)| path.contains("updated_since")).unwrap();
    assert!(poll.0.contains("updated_since=2026-01-05T09%3A58%3A00Z"), "{}", poll.0);
    assert!(!sent.iter().any(|(path, _)| path.contains("c0ffee")), "no token in an address");
}

#[tokio::test]
async fn what_was_deleted_is_swept_up_within_the_hour_and_told_once() {
    let company = Company::open();
    let acme: u64 = company.plant(Kind::Organization, json!({"name": "Acme"})).parse().unwrap();
    let plant = |kind: Kind| match kind {
        Kind::Deal => company.plant(kind, json!({"title": "Deal"})),
        Kind::Activity => company.plant(kind, json!({"subject": "Call them", "type": "call"})),
        Kind::Note => company.plant(kind, json!({"content": "Note", "org_id": acme})),
        _ => company.plant(kind, json!({"name": "Name"})),
    };
    for (kind, object) in [
        (Kind::Person, "persons"),
        (Kind::Organization, "organizations"),
        (Kind::Deal, "deals"),
        (Kind::Activity, "activities"),
        (Kind::Note, "activities"),
    ] {
        let rows: Vec<String> = (0..5).map(|_| plant(kind)).collect();
        let read = spec(object, &["id"]);
        let (_, cursor) = company.read_on(&read, None).await;
        company.pass(1_200);
        for id in &rows[1..3] {
            company.sim.delete(kind, id, company.person()).unwrap();
        }
        company.pass(60);
        let (poll, cursor) = company.read_on(&read, Some(cursor)).await;
        assert!(poll.iter().all(|look| look.existence == Existence::Present), "{object}: no sweep is due");
        company.pass(3_600);
        let (sweep, cursor) = company.read_on(&read, Some(cursor)).await;
        let gone: BTreeSet<String> = sweep.iter().filter(|look| look.existence == Existence::Deleted).map(|look| look.id.clone()).collect();
        let name = |id: &String| if kind == Kind::Note { format!("note-{id}") } else { id.clone() };
        assert_eq!(gone, rows[1..3].iter().map(name).collect(), "{object}");
        company.pass(60);
        let (next, _) = company.read_on(&read, Some(cursor)).await;
        assert!(next.iter().all(|look| look.existence == Existence::Present), "{object}: {next:?}");
    }
}

#[tokio::test]
async fn a_deal_that_was_archived_is_seen_by_the_next_sweep() {
    let company = Company::open();
    let deal = company.plant(Kind::Deal, json!({"title": "Deal"}));
    let read = spec("deals", &["is_archived"]);
    let (_, cursor) = company.read_on(&read, None).await;
    company.pass(3_700);
    company.edit(Kind::Deal, &deal, json!({"is_archived": true}));
    let (looks, _) = company.read_on(&read, Some(cursor)).await;
    assert_eq!(
        (looks[0].id.as_str(), &looks[0].row["is_archived"], &looks[0].existence),
        (deal.as_str(), &json!(true), &Existence::Present)
    );
}

#[tokio::test]
async fn a_poll_of_five_objects_costs_little() {
    let company = Company::open();
    company.contact("Ada", "ada@x.example");
    let mut cursors = Vec::new();
    for object in ["persons", "organizations", "deals", "activities"] {
        let read = spec(object, &["id", "owner.name"]);
        let (_, cursor) = company.read_on(&read, None).await;
        cursors.push((read, cursor));
    }
    company.pass(600);
    let before = company.sim.tokens_spent();
    for (read, cursor) in cursors {
        company.read_on(&read, Some(cursor)).await;
    }
    assert_eq!(company.sim.tokens_spent() - before, 3 * 10 + 10 + 20, "one list each, and that of notes beside activities");
}

#[tokio::test]
async fn a_cursor_that_has_come_of_age_begins_its_list_again() {
    let company = Company::open();
    for n in 0..700 {
        company.contact("Somebody", &format!("{n}@example.com"));
    }
    let read = persons(&["email"]);
    let first = company.crm.page(&read, None, Priority::Backfill).await.unwrap();
    let mut position: serde_json::Value = serde_json::from_str(&first.next).unwrap();
    position["place"]["cursor"] = json!("forgotten");
    let (rest, _) = company.read_on(&read, Some(position.to_string())).await;
    let seen: BTreeSet<&str> = rest.iter().map(|look| look.id.as_str()).collect();
    assert_eq!(seen.len(), 700);
}
