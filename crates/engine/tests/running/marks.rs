//! When and by whom a value was changed is the value's own, whatever else happens to its row.

use std::collections::{BTreeMap, BTreeSet};

use entente_engine::Engine;
use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use entente_store::{ConflictSide, ConflictState, Existence, LinkState, NewHint, Record, RemoteKey, StoredLook, Viewer};
use serde_json::json;

use crate::house::{CRM, DESK, House, read_all, work_off};

pub const STATUS: &str = "organization_fields.account_status";

/// A message shows some values of the record's row at a connection, changed there then and by that hand.
pub async fn tell(
    house: &House,
    engine: &Engine,
    record: &Record,
    connection: &str,
    shown: serde_json::Value,
    (at, by): (Timestamp, Actor),
) {
    let link = house.link(record, connection).await;
    assert_eq!(link.state, LinkState::Present);
    let row: Row = shown.as_object().cloned().unwrap();
    let look = StoredLook {
        key: RemoteKey::new(connection, &link.remote_object, &link.external_id),
        row,
        complete: false,
        existence: Existence::Present,
        version: None,
        changed_at: Some(at),
        changed_by: by,
        marks: BTreeMap::new(),
        seen_at: engine.now(),
        earlier: Vec::new(),
        stamp: 0,
        changed_who: None,
    };
    let hint = NewHint {
        subject: record.id.to_string(),
        object: "account".to_owned(),
        lane: 1,
        due_at: engine.now(),
        cause: "webhook".to_owned(),
        fetch: BTreeSet::new(),
        origin_at: None,
        is_news: false,
        at: engine.now(),
    };
    house.tell(look, hint).await;
}

pub fn after(start: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(start.as_second() + seconds).unwrap()
}

/// The sides of conflicts, decided or not: who and when.
pub async fn sides(house: &House, state: ConflictState) -> Vec<Vec<ConflictSide>> {
    let found = house.store.read(move |tx| tx.conflicts(&Viewer::system(), state, 10, None)).await.unwrap();
    found.into_iter().map(|conflict| conflict.conflict.sides).collect()
}

/// A customer at both platforms, whose status they agree on, and the time.
pub async fn customer() -> (House, Engine, Record, Timestamp) {
    let house = House::sqlite().await;
    house.describe_accounts(&[], &[]);
    let engine = house.engine().await;
    let account = house.customer("Acme");
    house.crm.put("Account", Some(&account), &[("Status__c", "Active")]);
    for _ in 0..3 {
        read_all(&engine).await;
        work_off(&house, &engine).await;
    }
    house.watch.pass(600_000);
    let record = house.accounts().await.remove("Acme").unwrap();
    let start = engine.now();
    (house, engine, record, start)
}

#[tokio::test]
async fn a_value_that_waits_for_a_person_keeps_its_time_and_its_hand_while_its_row_goes_on() {
    let (house, engine, record, start) = customer().await;

    tell(&house, &engine, &record, CRM, json!({ "Status__c": "Churned" }), (start, Actor::Sales)).await;
    tell(&house, &engine, &record, DESK, json!({ STATUS: "Suspended" }), (after(start, 2), Actor::Unknown)).await;
    work_off(&house, &engine).await;
    let entered = sides(&house, ConflictState::Waiting).await.remove(0);
    let told = |side: &str| entered.iter().find(|one| one.side == side).map(|one| (one.at, one.by.as_str())).unwrap();
    assert_eq!((told(CRM), told(DESK)), ((Some(start), "sales"), (Some(after(start, 2)), "unknown")));

    // A flow changes another field of the row, and our own write of it moves the other row on.
    house.watch.pass(60_000);
    tell(&house, &engine, &record, CRM, json!({ "Industry": "Steel" }), (after(start, 60), Actor::Automation)).await;
    work_off(&house, &engine).await;
    let link = house.link(&record, DESK).await;
    assert_eq!(link.changed_by, Actor::Us, "the industry was written there");
    tell(&house, &engine, &record, DESK, json!({ "name": "Acme Inc" }), (after(start, 90), Actor::Support)).await;
    work_off(&house, &engine).await;
    assert_eq!(sides(&house, ConflictState::Waiting).await.remove(0), entered, "nobody has touched the status since");
}

#[tokio::test]
async fn a_value_that_two_messages_show_alike_was_changed_when_the_first_says() {
    let (house, engine, record, start) = customer().await;

    // Both wait together: the seller's change of the status, and a later one of the industry that shows the status as well.
    tell(&house, &engine, &record, CRM, json!({ "Status__c": "Churned" }), (start, Actor::Sales)).await;
    let both = json!({ "Status__c": "Churned", "Industry": "Steel" });
    tell(&house, &engine, &record, CRM, both, (after(start, 58), Actor::Automation)).await;
    tell(&house, &engine, &record, DESK, json!({ STATUS: "Suspended" }), (after(start, 60), Actor::Unknown)).await;
    work_off(&house, &engine).await;

    // Two seconds apart they would wait for a person; a minute apart the later one wins.
    let decided = sides(&house, ConflictState::Resolved).await;
    assert!(sides(&house, ConflictState::Waiting).await.is_empty(), "they are a minute apart: {decided:?}");
    let status = house.accounts().await.remove("Acme").unwrap().data.remove("status");
    assert_eq!(status.map(|status| status.display()).as_deref(), Some("Suspended"));
}

#[tokio::test]
async fn what_somebody_entered_in_a_row_that_we_wrote_last_is_nobody_s_whom_we_know() {
    let (house, engine, record, start) = customer().await;
    tell(&house, &engine, &record, CRM, json!({ "Status__c": "Churned" }), (start, Actor::Us)).await;
    tell(&house, &engine, &record, DESK, json!({ STATUS: "Suspended" }), (after(start, 1), Actor::Unknown)).await;
    work_off(&house, &engine).await;
    let waiting = sides(&house, ConflictState::Waiting).await.remove(0);
    let by: Vec<&str> = waiting.iter().map(|side| side.by.as_str()).collect();
    assert_eq!(by, ["unknown", "unknown"]);
}
