//! One CRM and two support desks: what there is one of is one desk's, and always the same one's.

use std::collections::BTreeMap;

use entente_connect::error::Class;
use entente_engine::sync::edit::{self, Edit};
use entente_engine::sync::poll::poll;
use entente_engine::sync::task::LANE_URGENT;
use entente_model::actor::Actor;
use entente_model::value::{Fields, Value};
use entente_store::{PutRecord, Record, RecordQuery, RecordState, Viewer};

use crate::house::{CRM, DESK, House, work_off};
use crate::platform::{Platform, failing};

/// The second desk's connection.
const OTHER: &str = "other";

#[tokio::test]
async fn two_desks_do_not_take_turns_with_the_id_that_the_record_shows() {
    let house = House::sqlite().await;
    let other = Platform::default();
    let engine = house.engine_beside(&[(OTHER, &other)]).await;
    house.crm.has_columns(&["Support_Id__c", "Status__c"]);
    [&house.desk, &other].iter().for_each(|desk| desk.has_columns(&["organization_fields.account_status"]));
    let row = house.customer("Acme");
    for connection in [CRM, DESK, OTHER] {
        for (object, _) in engine.catalog().reads(connection) {
            poll(&engine, connection, &object, &|_, _, _, _| {}, &|| false).await.unwrap();
        }
    }
    work_off(&house, &engine).await;
    let (first, second) = (house.desk.ids("organization"), other.ids("organization"));
    assert_eq!((first.len(), second.len()), (1, 1), "the customer is at both desks");
    let shown = || house.crm.row("Account", &row).unwrap()["Support_Id__c"].clone();
    assert_eq!(shown(), first[0].as_str(), "the CRM shows the id of the first desk by name");
    let written = house.crm.calls("write Account");
    for round in 0..4 {
        let (platform, id) = if round % 2 == 0 { (&house.desk, &first[0]) } else { (&other, &second[0]) };
        platform.put("organization", Some(id), &[("organization_fields.account_status", &format!("Status {round}"))]);
        let at = if round % 2 == 0 { DESK } else { OTHER };
        poll(&engine, at, "organization", &|_, _, _, _| {}, &|| false).await.unwrap();
        work_off(&house, &engine).await;
        assert_eq!(shown(), first[0].as_str(), "round {round}");
    }
    assert_eq!(house.crm.calls("write Account") - written, 4, "one write for each edit, and none for ids");
    let record = house.accounts().await.remove("Acme").unwrap();
    let history = house.store.read(move |tx| tx.history(&Viewer::system(), &record.id, 100, None)).await.unwrap();
    let turns = history.iter().filter(|entry| match &entry.changes {
        entente_store::Changes::Open(changes) => changes.contains_key("support_id"),
        _ => false,
    });
    assert!(turns.count() <= 2, "{history:?}");
}

#[tokio::test]
async fn a_checklist_is_opened_at_one_desk_alone_though_the_other_has_the_customer_first() {
    let house = House::sqlite().await;
    let other = Platform::default();
    let engine = house.engine_beside(&[(OTHER, &other)]).await;
    let account = house.customer("Acme");
    let ada = [("FirstName", "Ada"), ("LastName", "Lovelace"), ("Email", "ada@acme.example"), ("AccountId", account.as_str())];
    house.crm.put("Contact", None, &ada);
    // The first desk takes nobody for now.
    house.desk.refuse(|call| call.starts_with("write").then(|| failing(Class::Retry, "busy")));
    for connection in [CRM, DESK, OTHER] {
        for (object, _) in engine.catalog().reads(connection) {
            poll(&engine, connection, &object, &|_, _, _, _| {}, &|| false).await.unwrap();
        }
    }
    work_off(&house, &engine).await;
    assert_eq!((house.desk.ids("user").len(), other.ids("user").len()), (0, 1), "one desk has the customer");
    let list = |object: &str| {
        let query = RecordQuery { object: Some(object.to_owned()), ..RecordQuery::default() };
        house.store.read(move |tx| tx.list_records(&Viewer::system(), &query, 10))
    };
    let of = |object: &'static str| async move { list(object).await.unwrap().records.remove(0).id };
    let (account, contact) = (of("account").await, of("contact").await);
    let (engine_, id, now) = (engine.clone(), engine.new_id("cas"), engine.now());
    let fields = Fields::from([
        ("subject".to_owned(), Value::text("Onboarding: Acme")),
        ("description".to_owned(), Value::text("[ ] Welcome call")),
        ("onboarding".to_owned(), Value::Bool(true)),
        ("account".to_owned(), Value::Ref(account)),
        ("contact".to_owned(), Value::Ref(contact)),
    ]);
    let case = id.clone();
    house
        .store
        .write(move |tx| {
            let record = Record {
                id: case.clone(),
                object: "case".to_owned(),
                subject: case.to_string(),
                data: Fields::new(),
                provenance: BTreeMap::new(),
                created_at: now,
                updated_at: now,
                version: 0,
                state: RecordState::Active,
                merged_into: None,
            };
            tx.put_records(&[PutRecord { record, search_text: String::new() }])?;
            let edit = Edit {
                record: case.clone(),
                fields: fields.clone(),
                actor: Actor::Us,
                actor_name: "onboarding".to_owned(),
                cause: "flow".to_owned(),
                detail: "onboarding checklist of a new customer".to_owned(),
                lane: LANE_URGENT,
                window_ms: 0,
            };
            edit::apply(tx, &engine_.catalog(), &edit, now).map(drop)
        })
        .await
        .unwrap();
    work_off(&house, &engine).await;
    assert_eq!((house.desk.ids("ticket").len(), other.ids("ticket").len()), (0, 0), "it waits for the desk whose it is");
    house.desk.relent();
    house.watch.pass(2 * 60_000);
    work_off(&house, &engine).await;
    assert_eq!((house.desk.ids("user").len(), house.desk.ids("ticket").len(), other.ids("ticket").len()), (1, 1, 0));
}
