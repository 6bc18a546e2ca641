//! What was done is undone at both sides, however much of it there is.

use entente_engine::Engine;
use entente_engine::records::undo::{UndoReport, UndoRequest, undo};
use entente_engine::sync::resync::{Scope, resync};
use entente_model::actor::Actor;
use entente_model::clock::{Clock, Timestamp};
use entente_model::value::get;
use entente_store::{EntryFilter, Viewer};

use crate::house::{CRM, DESK, House, read_all, work_off};

fn person() -> Viewer {
    Viewer::new("olga", "admin")
}

fn since(at: Timestamp) -> UndoRequest {
    UndoRequest { since: Some(at), ..UndoRequest::default() }
}

async fn take_back(engine: &Engine, request: &UndoRequest) -> UndoReport {
    undo(engine, &person(), request, true, &|_| {}).await.unwrap()
}

fn industries(house: &House) -> (Vec<String>, Vec<String>) {
    let of = |platform: &crate::platform::Platform, object: &str, field: &str| {
        let rows = platform.ids(object).into_iter().filter_map(|id| platform.row(object, &id));
        rows.map(|row| row[field].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    (of(&house.crm, "Account", "Industry"), of(&house.desk, "organization", "organization_fields.industry"))
}

#[tokio::test]
async fn a_mass_change_is_undone_in_batches_at_both_sides() {
    let house = House::sqlite().await;
    let rows: Vec<String> = (0..230).map(|number| house.customer(&format!("Customer {number:03}"))).collect();
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.watch.pass(60_000);
    let start = house.watch.now();
    for row in &rows {
        house.crm.put("Account", Some(row), &[("Industry", "Steel")]);
    }
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let (crm, desk) = industries(&house);
    assert!(crm.iter().chain(&desk).all(|industry| industry == "Steel"));
    house.watch.pass(60_000);
    let end = house.watch.now();
    // One of them is somebody's own decision by now.
    house.crm.put("Account", Some(&rows[7]), &[("Industry", "Wood")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;

    let request = UndoRequest { until: Some(end), ..since(start) };
    let plan = undo(&engine, &person(), &request, false, &|_| {}).await.unwrap();
    assert_eq!((plan.records, plan.restored, plan.kept, plan.applied), (230, 229, 1, false));
    assert_eq!((plan.items.len(), plan.left_out), (200, 30));
    work_off(&house, &engine).await;
    assert!(industries(&house).0.iter().all(|industry| industry == "Steel" || industry == "Wood"), "a plan changes nothing");

    let done = take_back(&engine, &request).await;
    assert_eq!((done.restored, done.kept), (229, 1));
    work_off(&house, &engine).await;
    let (crm, desk) = industries(&house);
    for side in [&crm, &desk] {
        assert_eq!(side.iter().filter(|industry| *industry == "Software").count(), 229);
        assert_eq!(side.iter().filter(|industry| *industry == "Wood").count(), 1);
    }
    let again = take_back(&engine, &request).await;
    assert_eq!(again.restored, 0, "asked for again, nothing is left to do");

    // What was undone is a change like any other.
    let filter = EntryFilter { cause: Some("undo".to_owned()), ..EntryFilter::default() };
    let entries = house.store.read(move |tx| tx.entries(&Viewer::system(), &filter, 500)).await.unwrap();
    assert_eq!(entries.len(), 229);
    assert!(entries.iter().all(|entry| entry.actor == Actor::Person && entry.actor_name == "olga"));
    let request = UndoRequest { run: Some(entries[100].id.to_string()), ..UndoRequest::default() };
    assert_eq!(take_back(&engine, &request).await.restored, 229);
    work_off(&house, &engine).await;
    let (crm, desk) = industries(&house);
    assert!(crm.iter().chain(&desk).all(|industry| industry == "Steel" || industry == "Wood"), "undone in turn");
}

#[tokio::test]
async fn what_is_undone_stands_until_the_owner_speaks_again() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;

    // The CRM cannot be written to when the undo is asked for. It lands when it can.
    house.crm.refuse(|call| call.starts_with("write").then(|| crate::platform::failing(entente_connect::error::Class::Retry, "E1")));
    let request = UndoRequest { record: Some("Acme".to_owned()), fields: vec!["industry".to_owned()], ..UndoRequest::default() };
    assert_eq!(take_back(&engine, &request).await.restored, 1);
    work_off(&house, &engine).await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let record = house.accounts().await.remove("Acme").unwrap();
    assert_eq!(get(&record.data, "industry").display(), "Software", "the CRM's old value does not come back");
    house.crm.relent();
    house.watch.pass(90_000);
    work_off(&house, &engine).await;
    assert_eq!(house.crm.row("Account", &row).unwrap()["Industry"], "Software");
    assert_eq!(house.link(&record, CRM).await.base["industry"].display(), "Software");
    assert_eq!(house.link(&record, CRM).await.taken, None);

    // A resync finds nothing to do, and the owner's next word counts.
    resync(&engine, &Scope::Record(record.id.clone())).await.unwrap();
    work_off(&house, &engine).await;
    assert_eq!(house.crm.row("Account", &row).unwrap()["Industry"], "Software");
    house.crm.put("Account", Some(&row), &[("Industry", "Wood")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let desk_row = house.desk.ids("organization").remove(0);
    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Wood");
    assert_eq!(house.link(&record, DESK).await.base["industry"].display(), "Wood");
}
