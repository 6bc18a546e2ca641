//! Polls: changes, equal stamps, lag, and what leaves without a trace.

use std::collections::BTreeSet;

use entente_connect::connector::Priority;
use entente_connect::look::Existence;
use entente_sims::faults::Fault;
use serde_json::json;

use super::portal::{Portal, contacts, oauth, settings};

#[tokio::test]
async fn rows_that_change_while_a_poll_goes_on_move_nothing() {
    let portal = Portal::open();
    let read = contacts(&["firstname"]);
    let present = portal.crm.present(&read).await.unwrap();
    // Schema and owners are known from here on: the fault meets the search.
    portal.read_on(&read, Some(present.clone())).await;
    portal.pass(60);
    let ids: Vec<String> = (0..450).map(|n| portal.plant("contacts", json!({"email": format!("{n}@example.com")}))).collect();
    portal.faults.order([Fault::HalfPage]);
    let first = portal.crm.page(&read, Some(&present), Priority::Backfill).await.unwrap();
    assert_eq!((first.looks.len(), first.more), (100, true), "a short page is not the last one");
    portal.pass(5);
    for id in &ids[..50] {
        portal.edit("contacts", id, json!({"firstname": "New"}));
    }
    let newcomer = portal.plant("contacts", json!({"email": "new@example.com"}));
    let (rest, cursor) = portal.read_on(&read, Some(first.next)).await;
    let seen: BTreeSet<&str> = first.looks.iter().chain(&rest).map(|look| look.id.as_str()).collect();
    assert!(ids.iter().chain([&newcomer]).all(|id| seen.contains(id.as_str())));
    let (next, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!(next.iter().filter(|look| look.row["firstname"] == "New").count(), 50);
}

#[tokio::test]
async fn what_the_index_shows_late_is_seen_by_the_next_poll() {
    let portal = Portal::with(settings(oauth()), |options| options.profile.index_lag_ms = 8_000);
    let read = contacts(&["email"]);
    let (_, cursor) = portal.read_on(&read, None).await;
    portal.pass(600);
    let id = portal.plant("contacts", json!({"email": "a@example.com"}));
    portal.pass(1);
    let (blind, cursor) = portal.read_on(&read, Some(cursor)).await;
    assert!(blind.is_empty());
    portal.pass(60);
    let (seen, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!(seen[0].id, id);
}

#[tokio::test]
async fn what_the_index_shows_is_dated_back_by_its_lag_and_what_is_read_by_id_is_not() {
    let portal = Portal::with(settings(oauth()), |options| options.profile.index_lag_ms = 60_000);
    let read = contacts(&["firstname"]);
    let id = portal.plant("contacts", json!({"email": "a@example.com", "firstname": "First"}));
    let (listed, cursor) = portal.read_on(&read, None).await;
    assert_eq!(listed[0].seen_at, portal.time(), "the list is never behind");
    portal.pass(600);
    portal.edit("contacts", &id, json!({"firstname": "Second"}));
    portal.pass(120);
    let edited = portal.time();
    portal.edit("contacts", &id, json!({"firstname": "Third"}));
    portal.pass(10);

    let (behind, cursor) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!((&behind[0].row["firstname"], behind[0].complete), (&json!("Second"), true));
    assert!(behind[0].seen_at < edited, "it was not read after the edit: {}", behind[0].seen_at);
    let fetched = portal.crm.fetch(&read, std::slice::from_ref(&id), Priority::Update).await.unwrap();
    assert_eq!((&fetched[0].row["firstname"], fetched[0].seen_at), (&json!("Third"), portal.time()));

    portal.pass(60);
    let (caught_up, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!(
        (&caught_up[0].row["firstname"], caught_up[0].seen_at),
        (&json!("Third"), edited),
        "it is as new as the change that it shows"
    );
}

#[tokio::test]
async fn archived_rows_are_swept_up_once() {
    let portal = Portal::open();
    let ids: Vec<String> = (0..5).map(|n| portal.plant("contacts", json!({"email": format!("{n}@example.com")}))).collect();
    let read = contacts(&["email"]);
    let (_, cursor) = portal.read_on(&read, None).await;
    portal.pass(900);
    portal.sim.archive("contacts", &ids[2], portal.person()).unwrap();
    portal.pass(400);
    let (poll, cursor) = portal.read_on(&read, Some(cursor)).await;
    let gone: Vec<(&str, &Existence)> = poll.iter().map(|look| (look.id.as_str(), &look.existence)).collect();
    assert!(gone.contains(&(ids[2].as_str(), &Existence::Deleted)), "{gone:?}");
    portal.pass(900);
    let (next, _) = portal.read_on(&read, Some(cursor)).await;
    assert!(next.is_empty(), "what is known to be gone is not told again: {next:?}");
}

#[tokio::test]
async fn the_present_hides_what_came_before() {
    let portal = Portal::open();
    portal.plant("contacts", json!({"email": "old@example.com"}));
    portal.pass(2);
    let read = contacts(&["email"]);
    let present = portal.crm.present(&read).await.unwrap();
    let id = portal.plant("contacts", json!({"email": "new@example.com"}));
    let (looks, _) = portal.read_on(&read, Some(present)).await;
    assert_eq!(looks.iter().map(|look| look.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
}

#[tokio::test]
async fn searches_stay_below_five_a_second() {
    let portal = Portal::with(settings(oauth()), |options| options.profile.limits = true);
    let read = contacts(&["email"]);
    let (_, mut cursor) = portal.read_on(&read, None).await;
    for _ in 0..20 {
        (_, cursor) = portal.read_on(&read, Some(cursor)).await;
    }
    assert_eq!(portal.sim.calls().limited, 0);
}
