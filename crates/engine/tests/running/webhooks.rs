//! Webhooks between their arrival and their end.

use std::collections::{BTreeMap, BTreeSet};

use entente_engine::automation::follow;
use entente_engine::sync::{inbox, lead, retention, work};
use entente_model::actor::Actor;
use entente_model::value::Value;
use entente_store::{Existence, LinkState, NewHint, RemoteKey, StoredLook};

use crate::house::{CRM, DESK, House, read_all, work_off};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn signed(secret: &str) -> BTreeMap<String, String> {
    [("x-signature", secret), ("authorization", "Basic c2VjcmV0"), ("cookie", "session=secret"), ("content-type", "application/json")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn body(delivery: &str, id: &str) -> Vec<u8> {
    told(delivery, "Account", id)
}

fn told(delivery: &str, object: &str, id: &str) -> Vec<u8> {
    serde_json::json!({ "delivery": delivery, "object": object, "id": id }).to_string().into_bytes()
}

#[tokio::test]
async fn webhooks_of_both_platforms_about_one_customer_are_each_read_by_their_own_mapping() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let desk_row = house.desk.ids("organization").remove(0);
    house.watch.pass(60_000);
    for platform in [&house.crm, &house.desk] {
        platform.sign_with("secret");
    }

    house.crm.put_silently("Account", &row, &[("Industry", "Steel")]);
    house.desk.put_silently("organization", &desk_row, &[("organization_fields.implementation_status", "live")]);
    inbox::receive(&engine, CRM, "", signed("secret"), body("1", &row)).await.unwrap();
    inbox::receive(&engine, DESK, "", signed("secret"), told("2", "organization", &desk_row)).await.unwrap();
    work_off(&house, &engine).await;

    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Steel");
    assert_eq!(house.crm.calls("fetch"), 0, "the webhook told everything");
}

#[tokio::test]
async fn what_a_change_gives_rise_to_travels_with_the_batch_that_brings_it() {
    let mut house = House::sqlite().await;
    house.options.latency_target_ms = 3_000;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    lead::beat(&engine).await.unwrap();
    while follow::step(&engine, 500).await.unwrap() > 0 {}
    work_off(&house, &engine).await;
    let desk_row = house.desk.ids("organization").remove(0);
    house.watch.pass(60_000);
    house.crm.sign_with("secret");

    // Sales calls the customer: the desk is told in the same step of work in which the call becomes known.
    let call = [("Subject", "Check-in call"), ("Kind", "Call"), ("ActivityDate", "2026-01-05"), ("AccountId", &row), ("Entente_Id__c", "")];
    let task = house.crm.put("Activity", None, &call);
    inbox::receive(&engine, CRM, "", signed("secret"), told("1", "Activity", &task)).await.unwrap();
    inbox::take_up(&engine).await.unwrap();
    house.watch.pass(4_000);
    let writes = house.desk.calls("write");
    work::work(&engine, work::claim(&engine).await.unwrap()).await.unwrap();
    let context = house.desk.row("organization", &desk_row).unwrap()["organization_fields.sales_context"].to_string();
    assert!(context.contains("Check-in call"), "{context}");
    assert_eq!(house.desk.calls("write") - writes, 1);
}

#[tokio::test]
async fn a_row_that_was_found_gone_before_anybody_told_where_it_went_has_been_merged() {
    let house = House::sqlite().await;
    let rows = ["Acme", "Globex"].map(|name| house.customer(name));
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.watch.pass(60_000);

    // A look finds the row gone, and the record's counterpart at the CRM with it.
    house.crm.sign_with("secret");
    house.crm.delete_silently("Account", &rows[0]);
    inbox::receive(&engine, CRM, "", signed("secret"), body("1", &rows[0])).await.unwrap();
    work_off(&house, &engine).await;
    let acme = house.accounts().await.remove("Acme").unwrap();
    assert_eq!(house.link(&acme, CRM).await.state, LinkState::Deleted);

    // Late, word comes of what it was merged into.
    let (id, now) = (acme.id.clone(), engine.now());
    let told = StoredLook {
        key: RemoteKey::new(CRM, "Account", &rows[0]),
        row: serde_json::Map::new(),
        complete: true,
        existence: Existence::MergedInto(rows[1].clone()),
        version: None,
        changed_at: Some(now),
        changed_by: Actor::Unknown,
        marks: BTreeMap::new(),
        seen_at: now,
        earlier: Vec::new(),
        stamp: 0,
        changed_who: None,
    };
    let hint = NewHint {
        subject: id.to_string(),
        object: "account".to_owned(),
        lane: 1,
        due_at: now,
        cause: "webhook".to_owned(),
        fetch: BTreeSet::new(),
        origin_at: None,
        is_news: false,
        at: now,
    };
    house.tell(told, hint).await;
    work_off(&house, &engine).await;
    assert_eq!(house.link(&acme, CRM).await.state, LinkState::Merged);
    let asked = house.store.read(move |tx| tx.reviews_of(&[id.to_string()])).await.unwrap();
    assert_eq!(asked.iter().map(|review| review.review.kind.as_str()).collect::<Vec<_>>(), ["merge"], "the desk still has both");
}

#[tokio::test]
async fn a_new_row_that_messages_of_one_second_show_otherwise_is_taken_as_it_is_there() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    house.crm.put_silently("Account", &row, &[("Industry", "Steel")]);
    let (key, now) = (RemoteKey::new(CRM, "Account", &row), engine.now());
    let mut shown = house.crm.row("Account", &row).unwrap();
    shown.insert("Industry".to_owned(), "Wood".into());
    let look = |row| StoredLook {
        key: key.clone(),
        row,
        complete: true,
        existence: Existence::Present,
        version: None,
        changed_at: None,
        changed_by: Actor::Unknown,
        marks: BTreeMap::new(),
        seen_at: now,
        earlier: Vec::new(),
        stamp: 0,
        changed_who: None,
    };
    let kept = look(shown);
    let hint = NewHint {
        subject: format!("{CRM}/Account/{row}"),
        object: "account".to_owned(),
        lane: 1,
        due_at: now,
        cause: "webhook".to_owned(),
        fetch: BTreeSet::from([CRM.to_owned()]),
        origin_at: None,
        is_news: false,
        at: now,
    };
    house.tell(kept, hint).await;
    work_off(&house, &engine).await;
    assert_eq!(house.crm.calls("fetch Account"), 1);
    assert_eq!(house.accounts().await["Acme"].data["industry"], Value::text("Steel"));
}

#[tokio::test]
async fn a_value_that_was_changed_and_changed_back_before_anybody_looked_is_as_it_was() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    house.crm.put_silently("Account", &row, &[("Industry", "Wood")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.crm.sign_with("secret");
    for (delivery, industry) in [("1", "Steel"), ("2", "Wood")] {
        house.watch.pass(60_000);
        house.crm.put_silently("Account", &row, &[("Industry", industry)]);
        inbox::receive(&engine, CRM, "", signed("secret"), body(delivery, &row)).await.unwrap();
    }
    work_off(&house, &engine).await;

    let desk_row = house.desk.ids("organization").remove(0);
    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Wood");
    assert_eq!(house.crm.row("Account", &row).unwrap()["Industry"], "Wood");
}

#[tokio::test]
async fn what_comes_in_while_others_are_fetched_is_written_in_the_same_call() {
    let house = House::sqlite().await;
    let (acme, bolt) = (house.customer("Acme"), house.customer("Bolt"));
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.watch.pass(60_000);
    house.crm.sign_with("secret");
    let before = house.desk.calls("write organization");

    // The first webhook only names its row, and the second shows its own while the first is fetched.
    house.crm.put_silently("Account", &acme, &[("Industry", "Steel")]);
    house.crm.put_silently("Account", &bolt, &[("Industry", "Wood")]);
    let unshown = serde_json::json!({ "delivery": "1", "object": "Account", "id": acme, "shows": false });
    inbox::receive(&engine, CRM, "", signed("secret"), unshown.to_string().into_bytes()).await.unwrap();
    inbox::take_up(&engine).await.unwrap();
    house.watch.pass(1_000);
    let hints = work::claim(&engine).await.unwrap();
    assert_eq!(hints.len(), 1);
    let hand = house.crm.hold_up("fetch Account");
    let working = {
        let engine = engine.clone();
        tokio::spawn(async move { work::work(&engine, hints).await })
    };
    house.crm.called("fetch Account", 1).await;
    inbox::receive(&engine, CRM, "", signed("secret"), body("2", &bolt)).await.unwrap();
    inbox::take_up(&engine).await.unwrap();
    hand.add_permits(1);
    working.await.unwrap().unwrap();

    let industries: Vec<_> = house
        .desk
        .ids("organization")
        .iter()
        .map(|id| house.desk.row("organization", id).unwrap()["organization_fields.industry"].clone())
        .collect();
    assert_eq!(industries, ["Steel", "Wood"]);
    assert_eq!(house.desk.calls("write organization"), before + 1);
}

#[tokio::test]
async fn a_new_row_is_fetched_unless_its_event_tells_what_is_blank_in_it() {
    let house = House::sqlite().await;
    let engine = house.engine().await;
    read_all(&engine).await;
    house.crm.sign_with("secret");
    for (name, blanks, fetches) in [("Acme", serde_json::json!("left_out"), 1), ("Bolt", serde_json::json!({ "known": ["Industry"] }), 1)] {
        let row = house.crm.put("Account", None, &[("Name", name)]);
        let event = serde_json::json!({ "delivery": name, "object": "Account", "id": row, "shows": "a part", "blanks": blanks });
        inbox::receive(&engine, CRM, "", signed("secret"), event.to_string().into_bytes()).await.unwrap();
        house.watch.pass(60_000);
        work_off(&house, &engine).await;
        assert_eq!(house.crm.calls("fetch"), fetches, "{name}");
        let record = house.accounts().await.remove(name).unwrap();
        let links = house.store.read(move |tx| tx.links_of(&[record.id])).await.unwrap();
        let ours = links.into_iter().find(|link| link.connection == CRM).unwrap();
        // The rows of this platform do not show what is blank.
        assert_eq!(ours.base.contains_key("industry"), name == "Bolt", "{name}: what is known to be blank is no unknown");
    }
}

/// Whether an event about a row that is just being made at the desk is taken up: before its answer has come, and after.
async fn taken_up(shows: &str, created: bool) -> (bool, bool) {
    let house = House::sqlite().await;
    house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.desk.sign_with("secret");
    house.customer("Bolt");
    read_all(&engine).await;
    house.watch.pass(60_000);
    let hand = house.desk.hold_up("write organization");
    let working = {
        let engine = engine.clone();
        let hints = work::claim(&engine).await.unwrap();
        tokio::spawn(async move { work::work(&engine, hints).await })
    };
    house.desk.called("write organization", 2).await;

    // The desk has made the row, and tells of it before it answers.
    let record = house.accounts().await.remove("Bolt").unwrap().id;
    let made = house.desk.put("organization", None, &[("external_id", record.as_str())]);
    let tell = async |delivery: &str| {
        let event = serde_json::json!({ "delivery": delivery, "object": "organization", "id": made, "shows": shows, "created": created });
        inbox::receive(&engine, DESK, "", signed("secret"), event.to_string().into_bytes()).await.unwrap();
        inbox::take_up(&engine).await.unwrap();
        let row = format!("{DESK}/organization/{made}");
        house.store.read(move |tx| tx.hint_of(&row)).await.unwrap().is_some()
    };
    let before = tell("1").await;
    hand.add_permits(1);
    working.await.unwrap().unwrap();
    (before, tell("2").await)
}

#[tokio::test]
async fn what_an_event_tells_of_a_row_that_is_just_being_made_is_left_to_the_answer() {
    assert_eq!(taken_up("a part", true).await, (false, true), "the answer shows more; later nobody is about to get one");
    assert_eq!(taken_up("all", true).await, (true, true), "a whole row is taken in, as from anybody");
    assert_eq!(taken_up("a part", false).await, (true, true), "what somebody does with the row is news, whatever becomes of the answer");
}

#[tokio::test]
async fn a_kept_webhook_holds_no_secret_and_outlives_the_rotation_of_the_one_it_was_signed_with() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.crm.put_silently("Account", &row, &[("Industry", "Steel")]);
    house.crm.sign_with("old secret");
    inbox::receive(&engine, CRM, "", signed("old secret"), body("1", &row)).await.unwrap();
    let kept = house.store.read(|tx| tx.unread_deliveries(10)).await.unwrap();
    let names: Vec<&String> = kept[0].delivery.headers.keys().collect();
    assert_eq!(names, ["content-type"]);

    house.crm.sign_with("new secret");
    work_off(&house, &engine).await;
    let desk_row = house.desk.ids("organization").remove(0);
    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Steel");
}

#[tokio::test]
async fn forged_webhooks_are_counted_without_a_write() {
    let house = House::sqlite().await;
    let engine = house.engine().await;
    house.crm.sign_with("secret");
    let writes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&writes);
    house.store.set_step_hook(Some(std::sync::Arc::new(move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        true
    })));
    for _ in 0..50 {
        assert!(inbox::receive(&engine, CRM, "", signed("forged"), body("1", "x")).await.is_err());
    }
    assert_eq!(writes.load(std::sync::atomic::Ordering::SeqCst), 0);
    entente_engine::reports::meter::Meter::default().write(&engine).await.unwrap();
    assert_eq!(house.counted("webhooks_refused").await, 50);
}

#[tokio::test]
async fn old_deliveries_lose_their_bodies_and_then_themselves() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    house.crm.sign_with("secret");
    inbox::receive(&engine, CRM, "", signed("secret"), body("1", &row)).await.unwrap();
    work_off(&house, &engine).await;
    let removed = async || retention::daily(&engine, &|| false).await.unwrap();
    assert_eq!(removed().await.unwrap().bodies, 0);
    assert_eq!(removed().await, None, "once a day is enough");
    house.watch.pass(8 * DAY_MS);
    let pruned = removed().await.unwrap();
    assert_eq!((pruned.bodies, pruned.deliveries), (1, 0));
    house.watch.pass(23 * DAY_MS);
    let pruned = removed().await.unwrap();
    assert_eq!((pruned.bodies, pruned.deliveries), (0, 1));
}
