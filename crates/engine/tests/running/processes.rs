//! Several processes on one PostgreSQL database.

use std::sync::mpsc;
use std::time::Duration;

use entente_connect::error::{Class, VendorError};
use entente_engine::Engine;
use entente_engine::automation::follow;
use entente_engine::reports::dashboard;
use entente_engine::reports::meter::Meter;
use entente_engine::sync::poll::poll;
use entente_engine::sync::presence;
use entente_engine::sync::pressure::PAUSE_MS;
use entente_model::actor::Actor;
use entente_model::value::{Fields, Value};
use entente_store::{NoticeState, PutRecord, RecordState};

use crate::house::{CRM, House, Process, eventually, read_all, work_off};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_processes_one_polls_and_tells_and_the_other_takes_over_when_it_dies() {
    let Some(mut house) = House::postgres().await else { return };
    house.options.poll_interval_ms = 60_000;
    let row = house.customer("Acme");
    house.crm.put("Account", Some(&row), &[("CSM_Email__c", "cora@vendor.example"), ("Account_Tier__c", "Pro"), ("Plan__c", "Pro")]);
    let (first, second) = (Process::start(house.another().await), Process::start(house.another().await));
    eventually("the customer is at the desk", async || house.desk.ids("organization").len() == 1).await;
    let pages = || house.crm.calls("page Account");
    eventually("one leads", async || first.engine.leads() != second.engine.leads()).await;
    eventually("all is quiet", async || house.store.read(|tx| tx.next_due()).await.unwrap().is_none()).await;
    assert_eq!(pages(), 1, "one poll of one page, though there are two processes");

    // A live change that people are told of: once.
    house.crm.put("Account", Some(&row), &[("Account_Tier__c", "Enterprise"), ("Plan__c", "Enterprise")]);
    let body = serde_json::json!({ "delivery": "1", "object": "Account", "id": row }).to_string().into_bytes();
    house.crm.sign_with("secret");
    let headers = [("x-signature".to_owned(), "secret".to_owned())].into();
    let (leader, follower) = if first.engine.leads() { (first, second) } else { (second, first) };
    entente_engine::sync::inbox::receive(&follower.engine, CRM, "", headers, body).await.unwrap();
    let notices = async || house.store.read(|tx| tx.notices(NoticeState::Pending, 100, None)).await.unwrap().len();
    eventually("the CSM is told", async || notices().await > 0).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(notices().await, 1, "{:?}", house.store.read(|tx| tx.notices(NoticeState::Pending, 100, None)).await.unwrap());
    assert_eq!(pages(), 1);

    // The leader dies without a word.
    leader.kill();
    eventually("the other one leads", async || follower.engine.leads()).await;
    eventually("and polls", async || pages() == 2).await;
    follower.stop().await;
    house.pull_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_leader_that_stops_is_followed_at_once() {
    let Some(house) = House::postgres().await else { return };
    let (first, second) = (Process::start(house.another().await), Process::start(house.another().await));
    eventually("one leads", async || first.engine.leads() != second.engine.leads()).await;
    let (leader, follower) = if first.engine.leads() { (first, second) } else { (second, first) };
    leader.stop().await;
    let soon = tokio::time::timeout(Duration::from_secs(4), eventually("the other one leads", async || follower.engine.leads())).await;
    assert!(soon.is_ok());
    follower.stop().await;
    house.pull_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn automation_that_meets_a_worker_at_one_record_goes_on_with_the_others() {
    let Some(house) = House::postgres().await else { return };
    for number in 0..3 {
        house.customer(&format!("Customer {number}"));
    }
    let engine = house.another().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    while follow::step(&engine, 500).await.unwrap() > 0 {}
    // Each account gets a case, and with it a health score that automation sets.
    let accounts: Vec<_> = house.accounts().await.into_values().collect();
    let (contested, now) = (accounts[0].clone(), engine.now());
    let cases: Vec<PutRecord> = accounts
        .iter()
        .map(|account| {
            let mut case = account.clone();
            case.id = engine.new_id("cas");
            case.object = "case".to_owned();
            case.version = 0;
            case.data = Fields::from([
                ("account".to_owned(), Value::Ref(account.id.clone())),
                ("subject".to_owned(), Value::text("Help")),
                ("priority".to_owned(), Value::text("urgent")),
            ]);
            assert_eq!(case.state, RecordState::Active);
            PutRecord { record: case, search_text: String::new() }
        })
        .collect();
    house
        .store
        .write(move |tx| {
            let entries: Vec<_> = cases
                .iter()
                .map(|case| entente_store::NewEntry {
                    record: case.record.id.clone(),
                    object: "case".to_owned(),
                    subject: case.record.subject.clone(),
                    at: now,
                    actor: Actor::Customer,
                    actor_name: "desk".to_owned(),
                    cause: "webhook".to_owned(),
                    detail: String::new(),
                    connection: None,
                    changes: std::collections::BTreeMap::new(),
                })
                .collect();
            tx.put_records(&cases)?;
            tx.append(&entries).map(drop)
        })
        .await
        .unwrap();

    // A worker changes the first account and commits a moment after automation has read it.
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let (began, begun) = tokio::sync::oneshot::channel::<()>();
    let began = std::sync::Mutex::new(Some(began));
    let worker = {
        let store = house.store.clone();
        tokio::spawn(async move {
            store
                .write(move |tx| {
                    tx.put_records(&[PutRecord { record: contested.clone(), search_text: String::new() }])?;
                    if let Some(began) = began.lock().unwrap().take() {
                        began.send(()).unwrap();
                        wait.lock().unwrap().recv_timeout(Duration::from_secs(20)).unwrap();
                    }
                    Ok(())
                })
                .await
        })
    };
    begun.await.unwrap();
    let following = {
        let engine = engine.clone();
        tokio::spawn(async move {
            let mut entries = 0;
            loop {
                match follow::step(&engine, 500).await? {
                    0 => return Ok::<usize, entente_engine::EngineError>(entries),
                    many => entries += many,
                }
            }
        })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    go.send(()).unwrap();
    worker.await.unwrap().unwrap();
    assert!(following.await.unwrap().unwrap() >= 3, "a race is not a failure of the step");
    for account in house.accounts().await.into_values() {
        assert!(account.data.contains_key("health_score"), "{:?}", account.data);
    }
    house.pull_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_are_known_while_they_live() {
    let Some(house) = House::postgres().await else { return };
    let engine = house.another().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let present = tokio::spawn(presence::keep(engine.clone(), "process 7 on a".to_owned(), stopped));
    let places = async || {
        let alive = presence::alive(&house.store, engine.now()).await.unwrap();
        alive.into_iter().map(|worker| worker.place).collect::<Vec<_>>()
    };
    eventually("it is there", async || places().await == ["process 7 on a"]).await;
    stop.send_replace(true);
    present.await.unwrap();
    assert!(places().await.is_empty());
    house.pull_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_is_refused_all_know_of_and_one_answer_ends_the_rest_of_all() {
    let Some(house) = House::postgres().await else { return };
    let (one, other) = (house.another().await, house.another().await);
    house.watch.pass(1_000);
    let (mut of_one, mut of_other) = (Meter::default(), Meter::default());
    let read = async |engine: &Engine, object: &str| poll(engine, CRM, object, &|_, _, _, _| {}, &|| false).await;
    let hidden =
        || VendorError::new(Class::Configuration, "INVALID_TYPE", "not supported", "give our user the permission").with_status(400);
    house.crm.refuse(move |call| (call.split_whitespace().nth(1) == Some("Campaign")).then(hidden));
    assert!(read(&one, "Campaign").await.is_err());
    of_one.write(&one).await.unwrap();
    of_other.write(&other).await.unwrap();

    let shown = dashboard(&other).await.unwrap();
    let crm = shown.connections.iter().find(|connection| connection.name == CRM).unwrap();
    assert_eq!(
        crm.resting.iter().map(|resting| resting.line()).collect::<Vec<_>>(),
        ["Campaign is not read: INVALID_TYPE: not supported; give our user the permission"]
    );
    let asked = house.crm.calls("page Campaign");
    assert!(read(&other, "Campaign").await.unwrap().rests);
    assert_eq!(house.crm.calls("page Campaign"), asked, "the other one does not ask again");

    house.crm.relent();
    house.watch.pass(PAUSE_MS + 1_000);
    read(&other, "Campaign").await.unwrap();
    of_other.write(&other).await.unwrap();
    of_one.write(&one).await.unwrap();
    assert_eq!(one.connection(CRM).unwrap().objects.all(), [], "one answer is enough");

    // The same for the connection as a whole.
    let gone = || VendorError::new(Class::Reauthenticate, "INVALID_SESSION_ID", "expired", "sign in again").with_status(401);
    house.crm.refuse(move |_| Some(gone()));
    assert!(read(&one, "Account").await.is_err());
    of_one.write(&one).await.unwrap();
    of_other.write(&other).await.unwrap();
    let trouble = other.connection(CRM).unwrap().pressure.last_trouble().unwrap();
    assert_eq!(
        (trouble.error.class, trouble.error.code.as_str(), trouble.error.advice),
        (Class::Reauthenticate, "INVALID_SESSION_ID", "sign in again")
    );
    let asked = house.crm.calls("page Account");
    assert!(read(&other, "Account").await.unwrap().wait_until.is_some());
    assert_eq!(house.crm.calls("page Account"), asked);
    house.crm.relent();
    house.watch.pass(PAUSE_MS + 1_000);
    read(&one, "Account").await.unwrap();
    of_one.write(&one).await.unwrap();
    of_other.write(&other).await.unwrap();
    assert!(other.connection(CRM).unwrap().pressure.last_trouble().is_none() && other.connection(CRM).unwrap().pressure.answers());
    house.pull_down().await;
}
