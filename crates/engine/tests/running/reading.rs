//! Polls, complete reads and resyncs.

use std::time::Duration;

use entente_engine::reconcile::{self, scan};
use entente_engine::sync::poll::poll;
use entente_engine::sync::resync::{Scope, resync};
use entente_model::clock::Timestamp;
use entente_store::{Lane, LinkState, Viewer};

use crate::house::{CRM, DESK, House, Process, read_all, work_off};

/// The lane of first reads and resyncs.
const BACKFILL: Lane = 3;

#[tokio::test]
async fn a_resync_asked_for_during_a_poll_is_not_lost() {
    let house = House::sqlite().await;
    for number in 0..6 {
        house.customer(&format!("Customer {number}"));
    }
    let engine = house.engine().await;
    let hand = house.crm.hold_up("page Account after row");
    let polling = {
        let engine = engine.clone();
        tokio::spawn(async move { poll(&engine, CRM, "Account", &|_, _, _, _| {}, &|| false).await })
    };
    house.crm.called("page Account after row", 1).await;
    resync(&engine, &Scope::Everything).await.unwrap();
    hand.add_permits(100);
    let polled = polling.await.unwrap().unwrap();
    assert_eq!(house.crm.calls("page Account from the start"), 2, "the poll under way begins again");
    assert_eq!(polled.rows, 4 + 6);

    poll(&engine, CRM, "Account", &|_, _, _, _| {}, &|| false).await.unwrap();
    assert_eq!(house.crm.calls("page Account from the start"), 2, "and is answered by one complete read");
    assert_eq!(house.crm.calls("page Account after change"), 1);
}

#[tokio::test]
async fn a_resync_that_is_interrupted_goes_on_where_it_was() {
    let house = House::sqlite().await;
    (0..6).for_each(|number| drop(house.customer(&format!("Customer {number}"))));
    let engine = house.engine().await;
    read_all(&engine).await;
    resync(&engine, &Scope::Object("account".to_owned())).await.unwrap();
    let pages = std::sync::atomic::AtomicUsize::new(0);
    let one_page = || pages.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= 1;
    let polled = poll(&engine, CRM, "Account", &|_, _, _, _| {}, &one_page).await.unwrap();
    assert!(polled.stopped);
    assert_eq!(polled.pages, 1);
    let next = house.engine().await;
    let polled = poll(&next, CRM, "Account", &|_, _, _, _| {}, &|| false).await.unwrap();
    assert_eq!((polled.pages, polled.rows), (2, 4), "another process reads the rest, and no page twice");
}

#[tokio::test]
async fn a_first_read_alone_leans_on_an_index() {
    let house = House::sqlite().await;
    (0..3).for_each(|number| drop(house.customer(&format!("Customer {number}"))));
    house.crm.has_an_index();
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let reads = |house: &House| (house.crm.calls("page Account after row 0"), house.crm.calls("page Account from the start"));
    assert_eq!(reads(&house), (1, 0));

    // What concludes from a row's absence, or looks for what was overlooked, reads from the start.
    resync(&engine, &Scope::Object("account".to_owned())).await.unwrap();
    read_all(&engine).await;
    assert_eq!(reads(&house), (1, 1));
    scan(&engine, &reconcile::Scope::default(), false, "a test", &|_, _, _| {}, &|| false).await.unwrap();
    assert_eq!(reads(&house), (1, 2));
}

#[tokio::test]
async fn a_stop_during_a_first_read_waits_for_no_more_than_the_page_in_flight() {
    let house = House::sqlite().await;
    house.crm.never_ends();
    house.desk.never_ends();
    let process = Process::start(house.engine().await);
    house.crm.called("page Account", 5).await;
    let stopped = tokio::time::timeout(Duration::from_secs(2), process.stop()).await;
    assert!(stopped.is_ok(), "it goes on reading");
}

#[tokio::test]
async fn a_resync_says_so_counts_as_a_full_sync_and_not_as_a_live_change() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let key = "read/crm/Account";
    let first = house.store.read(move |tx| tx.setting::<serde_json::Value>(key)).await.unwrap().unwrap();
    assert!(first["started_at"].is_string(), "{first}");

    house.crm.put_silently("Account", &row, &[("Industry", "Steel")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.ids("organization").len(), 1);
    let desk_row = house.desk.ids("organization").remove(0);
    assert_ne!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Steel", "no poll tells of it");

    house.watch.pass(60_000);
    let asked_at = engine.now();
    resync(&engine, &Scope::Everything).await.unwrap();
    house.watch.pass(5_000);
    read_all(&engine).await;
    let record = house.accounts().await.remove("Acme").unwrap();
    let subject = record.id.to_string();
    let hint = house.store.read(move |tx| tx.hint_of(&subject)).await.unwrap().unwrap();
    assert_eq!((hint.cause.as_str(), hint.lane, hint.origin_at), ("resync", BACKFILL, None));
    let live = async || {
        let far = Timestamp::from_second(4_000_000_000).unwrap();
        house.store.read(move |tx| tx.latency("live", Timestamp::UNIX_EPOCH, far)).await.unwrap().samples
    };
    let before = live().await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Steel");
    assert_eq!(live().await, before);
    let id = record.id.clone();
    let history = house.store.read(move |tx| tx.history(&Viewer::system(), &id, 1, None)).await.unwrap();
    assert_eq!(history[0].cause, "resync");
    let last = house.store.read(move |tx| tx.setting::<serde_json::Value>(key)).await.unwrap().unwrap();
    let started: Timestamp = serde_json::from_value(last["started_at"].clone()).unwrap();
    let ended: Timestamp = serde_json::from_value(last["at"].clone()).unwrap();
    assert!((started.as_millisecond() - asked_at.as_millisecond()).abs() < 2_000, "it began when it was asked for");
    assert!(ended.as_millisecond() - started.as_millisecond() >= 5_000);
}

#[tokio::test]
async fn linked_rows_that_a_complete_read_does_not_show_are_fetched_and_never_taken_for_deleted() {
    let house = House::sqlite().await;
    (0..5).for_each(|number| drop(house.customer(&format!("Customer {number}"))));
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let accounts = house.accounts().await;
    let (gone, hidden) = (&accounts["Customer 1"], &accounts["Customer 3"]);
    let gone_row = house.link(gone, DESK).await.external_id;
    let hidden_row = house.link(hidden, DESK).await.external_id;
    house.desk.delete_silently("organization", &gone_row);
    house.desk.hide(&hidden_row);
    house.watch.pass(1_000);

    resync(&engine, &Scope::Connection(DESK.to_owned())).await.unwrap();
    let fetched = house.desk.calls("fetch organization");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.calls("fetch organization"), fetched + 1, "both in one call");
    assert_ne!(house.link(gone, DESK).await.external_id, "", "the link is kept as history or made anew");
    let gone_link = house.link(gone, DESK).await;
    assert!(gone_link.state == LinkState::Deleted || gone_link.external_id != gone_row, "{gone_link:?}");
    assert_eq!(house.link(hidden, DESK).await.state, LinkState::Present);
    assert_eq!(house.link(hidden, DESK).await.external_id, hidden_row);
}

#[tokio::test]
async fn a_complete_read_that_was_broken_off_in_another_process_takes_nothing_for_missing() {
    let house = House::sqlite().await;
    (0..5).for_each(|number| drop(house.customer(&format!("Customer {number}"))));
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.watch.pass(1_000);
    resync(&engine, &Scope::Connection(DESK.to_owned())).await.unwrap();
    let pages = std::sync::atomic::AtomicUsize::new(0);
    let one_page = || pages.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= 1;
    poll(&engine, DESK, "organization", &|_, _, _, _| {}, &one_page).await.unwrap();
    let fetched = house.desk.calls("fetch organization");
    let next = house.engine().await;
    read_all(&next).await;
    work_off(&house, &next).await;
    assert_eq!(house.desk.calls("fetch organization"), fetched);
}
