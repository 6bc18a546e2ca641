//! What one row alone may have, and somebody else has by now, is not put back.

use entente_connect::error::Class;
use entente_engine::Engine;
use entente_engine::records::undo::{NotUndone, UndoReport, UndoRequest, undo};
use entente_model::clock::{Clock, Timestamp};
use entente_store::Viewer;

use crate::house::{House, read_all, work_off};
use crate::platform::{Platform, failing};

/// What the remedy is where somebody has the value.
const OTHER_FIRST: &str = "let the other have another value, or merge the two where they are one, then ask again";

async fn settle(house: &House, engine: &Engine) {
    read_all(engine).await;
    work_off(house, engine).await;
    house.watch.pass(60_000);
}

async fn rename(house: &House, engine: &Engine, row: &str, name: &str) {
    house.crm.put("Account", Some(row), &[("Name", name)]);
    settle(house, engine).await;
}

fn since(at: Timestamp) -> UndoRequest {
    UndoRequest { since: Some(at), fields: vec!["name".to_owned()], ..UndoRequest::default() }
}

async fn asked(engine: &Engine, request: &UndoRequest, apply: bool) -> UndoReport {
    undo(engine, &Viewer::new("olga", "admin"), request, apply, &|_| {}).await.unwrap()
}

fn refusals(report: &UndoReport) -> Vec<&NotUndone> {
    report.items.iter().flat_map(|item| &item.impossible).collect()
}

fn names(platform: &Platform, object: &str, field: &str) -> Vec<String> {
    let rows = platform.ids(object).into_iter().filter_map(|id| platform.row(object, &id));
    let mut names: Vec<String> = rows.filter_map(|row| row.get(field)?.as_str().map(str::to_owned)).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_name_that_a_stranger_at_the_desk_has_by_now_goes_back_once_it_is_free() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    settle(&house, &engine).await;
    let start = house.watch.now();
    rename(&house, &engine, &row, "Apex").await;
    // Nobody has told us of it.
    let stranger = house.desk.put("organization", None, &[("name", "Acme")]);
    house.desk.delete_silently("organization", &stranger);
    house.desk.put_silently("organization", &stranger, &[("name", "Acme")]);

    for apply in [false, true] {
        let told = asked(&engine, &since(start), apply).await;
        let [no] = refusals(&told)[..] else { panic!("{told:?}") };
        assert_eq!((told.restored, no.field.as_deref()), (0, Some("name")));
        assert_eq!(no.reason, format!("the organization {stranger} of desk (Acme) has it by now, and desk lets one row alone have it"));
        assert_eq!(no.remedy, OTHER_FIRST);
    }
    // A desk that does not answer has not said that it is free.
    house.desk.refuse(|call| call.starts_with("find").then(|| failing(Class::Retry, "E1")));
    let told = asked(&engine, &since(start), true).await;
    let [no] = refusals(&told)[..] else { panic!("{told:?}") };
    assert!(no.reason.starts_with("desk cannot be asked whether somebody else has it by now: E1"), "{no:?}");
    assert_eq!((told.restored, no.remedy.as_str()), (0, "ask again when it answers"));
    work_off(&house, &engine).await;
    assert_eq!(names(&house.crm, "Account", "Name"), ["Apex"], "refused is refused everywhere");

    house.desk.relent();
    house.desk.delete_silently("organization", &stranger);
    assert_eq!(asked(&engine, &since(start), true).await.restored, 1);
    work_off(&house, &engine).await;
    assert_eq!(
        (names(&house.crm, "Account", "Name"), names(&house.desk, "organization", "name")),
        (vec!["Acme".to_owned()], vec!["Acme".to_owned()])
    );
}

#[tokio::test]
async fn a_record_that_has_the_name_is_named_without_a_call_and_what_nobody_else_may_want_is_not_asked_about() {
    let house = House::sqlite().await;
    let (row, other) = (house.customer("Acme"), house.customer("Bolt"));
    let engine = house.engine().await;
    settle(&house, &engine).await;
    let start = house.watch.now();
    rename(&house, &engine, &row, "Apex").await;
    rename(&house, &engine, &other, "Acme").await;
    let request = UndoRequest { record: Some("Apex".to_owned()), ..since(start) };
    let told = asked(&engine, &request, true).await;
    let [no] = refusals(&told)[..] else { panic!("{told:?}") };
    let holder = &house.accounts().await["Acme"].id;
    assert_eq!(no.reason, format!("Acme ({holder}) has it by now, and desk lets one row alone have it"));
    assert_eq!((no.remedy.as_str(), house.desk.calls("find")), (OTHER_FIRST, 0));

    // It goes back where it came from; the one that waited for it follows when asked for again.
    let told = asked(&engine, &since(start), true).await;
    assert_eq!((told.restored, told.impossible, house.desk.calls("find")), (1, 1, 1), "{told:?}");
    work_off(&house, &engine).await;
    assert_eq!(names(&house.desk, "organization", "name"), ["Apex", "Bolt"]);
    let told = asked(&engine, &since(start), true).await;
    assert_eq!((told.restored, told.impossible), (1, 0), "{told:?}");
    work_off(&house, &engine).await;
    assert_eq!(names(&house.desk, "organization", "name"), ["Acme", "Bolt"]);

    let calls = house.desk.calls("find");
    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    settle(&house, &engine).await;
    let request = UndoRequest { record: Some("Acme".to_owned()), ..UndoRequest::default() };
    assert_eq!((asked(&engine, &request, true).await.restored, house.desk.calls("find")), (1, calls));
}

#[tokio::test]
async fn one_undo_does_not_give_two_records_one_name() {
    let house = House::sqlite().await;
    let (row, other) = (house.customer("Acme"), house.customer("Zenith"));
    let engine = house.engine().await;
    settle(&house, &engine).await;
    rename(&house, &engine, &other, "Bolt").await;
    rename(&house, &engine, &row, "Zenith").await;
    let start = house.watch.now();
    rename(&house, &engine, &row, "Axis").await;
    // Somebody takes the other's new name back, and it is given one more: by what polls brought, both were called Zenith last.
    let request = UndoRequest { record: Some("Bolt".to_owned()), fields: vec!["name".to_owned()], ..UndoRequest::default() };
    assert_eq!(asked(&engine, &request, true).await.restored, 1);
    settle(&house, &engine).await;
    rename(&house, &engine, &other, "Brass").await;

    let by_polls = UndoRequest { cause: Some("poll".to_owned()), ..since(start) };
    for apply in [false, true] {
        let told = asked(&engine, &by_polls, apply).await;
        assert_eq!((told.restored, told.impossible), (1, 1), "{told:?}");
        let given = told.items.iter().find(|item| !item.fields.is_empty()).unwrap();
        let [no] = refusals(&told)[..] else { panic!("{told:?}") };
        assert_eq!(no.reason, format!("the same undo puts it back at {}, and desk lets one row alone have it", given.record));
    }
    work_off(&house, &engine).await;
    assert_eq!(names(&house.desk, "organization", "name").iter().filter(|name| *name == "Zenith").count(), 1);
}
