//! Scheduled batches: a burst that is more than the quota allows travels in them, new customers do not wait for them, a process that starts
//! goes on where another one ended, and everything lands.

use entente_connect::error::Class;
use entente_engine::Engine;
use entente_engine::alerts::AlertKind;
use entente_engine::reports::meter::Condition;
use entente_engine::reports::watch::watch;
use entente_engine::sync::work;
use entente_model::clock::{Clock, Timestamp};
use entente_store::Viewer;

use crate::house::{DESK, House, read_all, work_off};
use crate::platform::failing;

const MINUTE_MS: i64 = 60_000;
/// Customers of the burst.
const MANY: usize = 30;

/// Customers in sync, and an engine to which more than twenty changes put off are a burst.
async fn in_sync(house: &mut House) -> (Engine, Vec<String>) {
    house.options.batch_mode_above = 20;
    house.options.hold_overwrite_percent = 0;
    let rows: Vec<String> = (0..MANY).map(|number| house.customer(&format!("Customer {number}"))).collect();
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(house, &engine).await;
    assert_eq!(house.desk.ids("organization").len(), MANY);
    house.watch.pass(1_000);
    (engine, rows)
}

fn until(house: &House, ms: i64) -> Timestamp {
    Timestamp::from_millisecond(house.watch.now_ms() + ms).unwrap()
}

fn burst(house: &House, rows: &[String], industry: &str) {
    rows.iter().for_each(|row| drop(house.crm.put("Account", Some(row), &[("Industry", industry)])));
}

fn of_industry(house: &House, industry: &str) -> usize {
    let held =
        |id: &String| house.desk.row("organization", id).unwrap().get("organization_fields.industry").is_some_and(|held| held == industry);
    house.desk.ids("organization").iter().filter(|id| held(id)).count()
}

fn is_in_force(engine: &Engine) -> bool {
    Condition::of(engine.connection(DESK).unwrap(), engine.now()).scheduled.is_some()
}

#[tokio::test]
async fn a_burst_travels_in_scheduled_batches_across_a_restart_and_all_of_it_lands() {
    let mut house = House::sqlite().await;
    let (engine, rows) = in_sync(&mut house).await;
    let renewed = until(&house, MINUTE_MS);
    house.desk.refuse(move |call| call.starts_with("write").then(|| failing(Class::Wait { until: renewed }, "budget")));
    burst(&house, &rows, "Burst");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert!(is_in_force(&engine), "the mode has begun");
    watch(&engine).await.unwrap();
    let open = |ended: bool| {
        let read = house.store.read(move |tx| tx.alerts_since(Timestamp::UNIX_EPOCH));
        async move {
            let alerts = read.await.unwrap();
            alerts.iter().filter(|one| one.alert.kind == AlertKind::ScheduledBatches.as_str() && one.ended_at.is_some() == ended).count()
        }
    };
    assert_eq!(open(false).await, 1, "operators are told");

    // Another process takes over. The quota suffices again before the slot: what is ordinary waits all the same, what is urgent goes.
    house.desk.relent();
    let engine = house.engine().await;
    assert!(is_in_force(&engine), "it is in the mode, too");
    house.watch.pass(10_000);
    let calls = house.desk.calls("write");
    burst(&house, &rows[..3], "Burst 2");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!((house.desk.calls("write") - calls, of_industry(&house, "Burst")), (0, 0), "changes wait for the slot");
    let (store, urgent) = (house.store.clone(), house.accounts().await["Customer 9"].id.to_string());
    let now = house.watch.now();
    store.write(move |tx| tx.hint(&[hint_of(&urgent, now)])).await.unwrap();
    work_off(&house, &engine).await;
    assert_eq!(of_industry(&house, "Burst"), 1, "what is urgent does not");

    house.watch.pass(MINUTE_MS);
    work_off(&house, &engine).await;
    assert_eq!((of_industry(&house, "Burst"), of_industry(&house, "Burst 2")), (MANY - 3, 3), "everything has landed with the slot");
    assert!(house.desk.calls("write organization") - calls <= 4, "in few calls");
    let dead = house.store.read(|tx| tx.dead_letters(&Viewer::system(), &entente_store::DeadLetterFilter::default(), 10)).await.unwrap();
    assert!(dead.is_empty(), "{dead:?}");

    // Two slots later it is over, though nothing came any more.
    house.watch.pass(3 * MINUTE_MS);
    watch(&engine).await.unwrap();
    assert!(!is_in_force(&engine));
    assert_eq!((open(false).await, open(true).await), (0, 1));
    assert!(!is_in_force(&house.engine().await), "also for a process that starts now");
    burst(&house, &rows[..1], "Later");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(of_industry(&house, "Later"), 1, "edits leave at once again");
    assert!(work::claim(&engine).await.unwrap().is_empty());
}

/// A hint at a record that a person waits for.
fn hint_of(record: &str, now: Timestamp) -> entente_store::NewHint {
    entente_store::NewHint {
        subject: record.to_owned(),
        object: "account".to_owned(),
        lane: entente_engine::sync::task::LANE_URGENT,
        due_at: now,
        cause: "user".to_owned(),
        fetch: std::collections::BTreeSet::new(),
        origin_at: None,
        is_news: false,
        at: now,
    }
}
