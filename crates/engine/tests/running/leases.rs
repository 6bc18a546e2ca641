//! One worker at a time looks at a record.

use entente_connect::error::Class;
use entente_engine::sync::inbox;
use entente_engine::sync::resync::{Scope, resync};
use entente_engine::sync::work;
use entente_model::value::get;
use entente_store::{RemoteKey, ReviewState, Viewer};
use serde_json::json;

use crate::house::{DESK, House, Process, eventually, read_all, work_off};
use crate::platform::failing;

#[tokio::test]
async fn a_worker_that_lost_its_lease_writes_nothing_to_a_vendor() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let (stalled, other) = (house.engine().await, house.engine().await);
    read_all(&stalled).await;
    work_off(&house, &stalled).await;
    let written = house.desk.calls("write organization");

    // The first worker is held up while it looks, for longer than its lease lasts.
    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    let record = house.accounts().await.remove("Acme").unwrap();
    resync(&stalled, &Scope::Record(record.id)).await.unwrap();
    let hints = work::claim(&stalled).await.unwrap();
    assert_eq!(hints.len(), 1);
    let hand = house.crm.hold_up("fetch Account");
    let working = {
        let stalled = stalled.clone();
        tokio::spawn(async move { work::work(&stalled, hints).await })
    };
    house.crm.called("fetch Account", 1).await;
    house.watch.pass(i64::try_from(house.options.lease_ms).unwrap() + 1);
    let taken = work::claim(&other).await.unwrap();
    assert_eq!(taken.len(), 1, "the lease ran out, and the other worker has the record now");
    hand.add_permits(1);
    working.await.unwrap().unwrap();
    assert_eq!(house.desk.calls("write organization"), written, "the stalled worker may not write");

    hand.add_permits(10);
    work::work(&other, taken).await.unwrap();
    work_off(&house, &other).await;
    assert_eq!(house.desk.calls("write organization"), written + 1);
    let desk_row = house.desk.ids("organization").remove(0);
    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Steel");
}

#[tokio::test]
async fn a_counterpart_that_is_found_while_a_worker_decides_is_not_created_again() {
    let house = House::sqlite().await;
    let (slow, other) = (house.engine().await, house.engine().await);
    read_all(&slow).await;
    work_off(&house, &slow).await;

    // The desk is away when the customer comes in, so that the counterpart is still to be made.
    house.desk.refuse(|call| call.starts_with("write").then(|| failing(Class::Retry, "E1")));
    house.crm.put("Account", None, &[("Name", "Acme"), ("Type", "Customer"), ("Website", "https://acme.example")]);
    read_all(&slow).await;
    work_off(&house, &slow).await;
    house.desk.relent();
    assert_eq!(house.desk.ids("organization"), Vec::<String>::new());

    // One worker is about to make it when the organization that somebody has made by hand comes in, and another one adopts that.
    let record = house.accounts().await.remove("Acme").unwrap();
    resync(&slow, &Scope::Record(record.id.clone())).await.unwrap();
    let hints = work::claim(&slow).await.unwrap();
    assert_eq!(hints.len(), 1);
    let hand = house.crm.hold_up("fetch Account");
    let working = {
        let slow = slow.clone();
        tokio::spawn(async move { work::work(&slow, hints).await })
    };
    house.crm.called("fetch Account", 1).await;
    let made = house.desk.put("organization", None, &[("name", "Acme"), ("organization_fields.website", "https://acme.example")]);
    read_all(&other).await;
    house.watch.pass(1_000);
    let rows = work::claim(&other).await.unwrap();
    work::work(&other, rows).await.unwrap();
    assert_eq!(house.link(&record, DESK).await.external_id, made);

    hand.add_permits(10);
    working.await.unwrap().unwrap();
    work_off(&house, &slow).await;
    assert_eq!(house.desk.ids("organization"), [made.as_str()], "the desk has the customer once");
    assert_eq!(house.link(&record, DESK).await.external_id, made);
}

#[tokio::test]
async fn a_row_that_is_found_while_a_counterpart_is_being_created_is_not_forgotten() {
    let house = House::sqlite().await;
    let (slow, other) = (house.engine().await, house.engine().await);
    read_all(&slow).await;
    work_off(&house, &slow).await;

    // The desk takes its time to create the counterpart, and somebody makes one by hand meanwhile.
    let hand = house.desk.hold_up("write organization");
    house.crm.put("Account", None, &[("Name", "Acme"), ("Type", "Customer"), ("Website", "https://acme.example")]);
    read_all(&slow).await;
    house.watch.pass(1_000);
    let hints = work::claim(&slow).await.unwrap();
    let working = {
        let slow = slow.clone();
        tokio::spawn(async move { work::work(&slow, hints).await })
    };
    house.desk.called("write organization", 1).await;
    let by_hand = house.desk.put("organization", None, &[("name", "Acme"), ("organization_fields.website", "https://acme.example")]);
    read_all(&other).await;
    house.watch.pass(1_000);
    let rows = work::claim(&other).await.unwrap();
    work::work(&other, rows).await.unwrap();

    hand.add_permits(10);
    working.await.unwrap().unwrap();
    work_off(&house, &other).await;
    let rows = house.desk.ids("organization");
    assert!(rows.len() == 2 && rows.contains(&by_hand), "{rows:?}");
    let keys: Vec<RemoteKey> = rows.iter().map(|id| RemoteKey::new(DESK, "organization", id)).collect();
    let linked = house.store.read(move |tx| tx.links_at(&keys)).await.unwrap();
    assert_eq!(linked.len(), 2, "both rows are somebody's: {linked:?}");
    let waiting = house.store.read(|tx| tx.reviews(&Viewer::system(), ReviewState::Waiting, 10, None)).await.unwrap();
    assert_eq!(waiting.len(), 1, "a person is asked about the two: {waiting:?}");
}

#[tokio::test]
async fn a_webhook_that_overtakes_the_answer_to_a_creation_is_not_forgotten() {
    let house = House::sqlite().await;
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.desk.sign_with("secret");

    // The desk's webhook about the new row comes before its answer to whoever made the row.
    let hand = house.desk.hold_up("write organization");
    house.customer("Acme");
    read_all(&engine).await;
    house.watch.pass(1_000);
    let hints = work::claim(&engine).await.unwrap();
    let working = {
        let engine = engine.clone();
        tokio::spawn(async move { work::work(&engine, hints).await })
    };
    house.desk.called("write organization", 1).await;
    let told = json!({ "delivery": "1", "object": "organization", "id": "organization-0001", "shows": false });
    let signed = [("x-signature".to_owned(), "secret".to_owned())].into();
    inbox::receive(&engine, DESK, "", signed, told.to_string().into_bytes()).await.unwrap();
    inbox::take_up(&engine).await.unwrap();
    hand.add_permits(10);
    working.await.unwrap().unwrap();
    assert_eq!(house.desk.ids("organization"), ["organization-0001"]);

    // What the desk had filled in is what the webhook was about; no poll tells of it.
    house.desk.put_silently("organization", "organization-0001", &[("organization_fields.implementation_status", "live")]);
    house.watch.pass(1_000);
    work_off(&house, &engine).await;
    let record = house.accounts().await.remove("Acme").unwrap();
    assert_eq!(get(&record.data, "implementation_status").display(), "live");
    assert_eq!(house.desk.calls("fetch organization"), 1, "one look after the creation is enough");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_starts_waits_no_longer_for_one_that_was_killed_than_its_calls_may_take() {
    let house = House::sqlite().await;
    let dead = house.engine().await;
    read_all(&dead).await;
    work_off(&house, &dead).await;
    let row = house.customer("Acme");
    read_all(&dead).await;
    house.watch.pass(1_000);
    let held = work::claim(&dead).await.unwrap();
    assert_eq!(held.len(), 1, "it dies with {row} in hand, and the clock of this story stands still from now on");
    let lease = house.options.lease_ms;
    let next = Process::start(house.engine().await);
    let ends = async || house.store.read(|tx| tx.next_due()).await.unwrap();
    let soon = || house.watch.now_ms() + 10_000;
    eventually("the lease ends soon", async || ends().await.is_some_and(|at| at.as_millisecond() <= soon())).await;
    assert!(house.desk.ids("organization").is_empty(), "what the dead process has sent may still land");
    house.watch.pass(10_000);
    eventually("the customer is at the desk", async || house.desk.ids("organization").len() == 1).await;
    next.stop().await;
    assert!(lease > 10_000, "a lease of {lease} ms would have made nobody wait");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_processes_the_living_take_over_what_a_dead_one_held_within_seconds() {
    let Some(house) = House::postgres().await else { return };
    let dead = house.another().await;
    read_all(&dead).await;
    work_off(&house, &dead).await;
    house.customer("Acme");
    read_all(&dead).await;
    house.watch.pass(1_000);
    let (name, started, now) = (dead.owner().to_owned(), dead.now(), dead.now());
    house.store.write(move |tx| tx.worker_seen(&name, "process 7", started, now)).await.unwrap();
    assert_eq!(work::claim(&dead).await.unwrap().len(), 1);
    house.watch.pass(20_000);
    assert!(house.options.lease_ms > 20_000, "its lease lasts");
    let next = Process::start(house.another().await);
    eventually("the customer is at the desk", async || house.desk.ids("organization").len() == 1).await;
    next.stop().await;
    house.pull_down().await;
}
