//! Unusual mass changes: held before they are written on, seen by a person, let go or put back.

use entente_engine::Engine;
use entente_engine::records::holds::{self, HeldQuery, Hold, HoldQuery};
use entente_engine::sync::poll::poll;
use entente_engine::sync::resync::{Scope, resync};
use entente_model::clock::Clock;
use entente_model::value::get;
use entente_store::{Changes, EntryFilter, Viewer};

use crate::house::{DESK, House, read_all, work_off};

const CUSTOMERS: usize = 12;

fn person() -> Viewer {
    Viewer::new("olga", "admin")
}

/// Customers in agreement, in a house where more than three changes of a kind are unusual.
async fn house() -> (House, Engine, Vec<String>) {
    let mut house = House::sqlite().await;
    house.options.hold_above = 3;
    house.options.hold_overwrites_above = 6;
    let rows: Vec<String> = (0..CUSTOMERS).map(|number| house.customer(&format!("Customer {number:02}"))).collect();
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(open(&engine).await, [], "a first sync is nothing unusual");
    (house, engine, rows)
}

async fn open(engine: &Engine) -> Vec<Hold> {
    holds::list(engine, &person(), HoldQuery::default()).await.unwrap().items
}

async fn set(house: &House, engine: &Engine, rows: &[String], field: &str, value: &str) {
    for row in rows {
        house.crm.put("Account", Some(row), &[(field, value)]);
    }
    read_all(engine).await;
    work_off(house, engine).await;
}

fn count(house: &House, side: &str, value: &str) -> usize {
    let (platform, object, field) =
        if side == "crm" { (&house.crm, "Account", "Industry") } else { (&house.desk, "organization", "organization_fields.industry") };
    let rows = platform.ids(object).into_iter().filter_map(|id| platform.row(object, &id));
    rows.filter(|row| row.get(field).and_then(serde_json::Value::as_str).unwrap_or_default() == value).count()
}

async fn notices(house: &House) -> Vec<String> {
    let notices = house.store.read(|tx| tx.notices(entente_store::NoticeState::Pending, 100, None)).await.unwrap();
    notices.into_iter().filter(|notice| notice.notice.kind == "alert").map(|notice| notice.notice.title).collect()
}

#[tokio::test]
async fn a_first_read_of_two_sides_that_differ_is_nothing_unusual() {
    let mut house = House::sqlite().await;
    house.options.hold_overwrites_above = 2;
    house.options.hold_overwrite_percent = 1;
    let site = |number: usize| format!("customer{number:02}.example");
    let name = |number: usize| format!("Customer {number:02}");
    for number in 0..CUSTOMERS {
        let fields = [("name", &*name(number)), ("organization_fields.industry", "Mining"), ("domain_names", &*site(number))];
        house.desk.put("organization", None, &fields);
    }
    let engine = house.engine().await;
    // The desk is read first, so that what it shows is what its records hold when the CRM is read.
    poll(&engine, DESK, "organization", &|_, _, _, _| {}, &|| false).await.unwrap();
    work_off(&house, &engine).await;
    for number in 0..CUSTOMERS {
        let address = format!("https://www.{}", site(number));
        let fields = [("Name", &*name(number)), ("Type", "Customer"), ("Industry", "Software"), ("Website", &*address)];
        house.crm.put("Account", None, &fields);
    }
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!((house.desk.ids("organization").len(), count(&house, "desk", "Software")), (CUSTOMERS, CUSTOMERS), "linked, not made");
    assert_eq!(open(&engine).await, []);
}

#[tokio::test]
async fn values_blanked_in_bulk_are_held_shown_and_released() {
    let (house, engine, rows) = house().await;
    set(&house, &engine, &rows[..2], "Industry", "").await;
    assert_eq!((count(&house, "desk", ""), open(&engine).await.len()), (2, 0), "two are nothing unusual");

    set(&house, &engine, &rows[2..], "Industry", "").await;
    assert_eq!(count(&house, "desk", "Software"), CUSTOMERS - 2, "the other ten are not written on");
    let held = open(&engine).await;
    assert_eq!(held.len(), 1);
    let hold = &held[0];
    assert_eq!((hold.kind.as_str(), hold.connection.as_str(), hold.records, hold.many, hold.allowed), ("blank", "desk", 10, 12, 3));
    let shown = holds::show(&engine, &person(), &hold.id, HeldQuery { limit: Some(4), after: None }).await.unwrap();
    assert_eq!(shown.held.len(), 4);
    let change = &shown.held[0].changes[0];
    assert_eq!((change.field.as_str(), change.before.as_deref(), &change.after), ("industry", Some("Software"), &None));
    let rest = holds::show(&engine, &person(), &hold.id, HeldQuery { limit: Some(50), after: shown.next }).await.unwrap();
    assert_eq!((rest.held.len(), rest.next), (6, None));
    assert_eq!(notices(&house).await, ["⚠ Held: 12 account records would lose values at desk"], "told once");

    // Whatever wakes a held record, it waits; and what joins waits too. Everybody else goes on.
    let record = house.accounts().await.remove("Customer 05").unwrap();
    resync(&engine, &Scope::Record(record.id.clone())).await.unwrap();
    work_off(&house, &engine).await;
    assert_eq!(count(&house, "desk", "Software"), CUSTOMERS - 2);
    assert_eq!(get(&house.accounts().await["Customer 05"].data, "industry").display(), "Software", "the record is as it was");
    let late = house.customer("Latecomer");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.ids("organization").len(), CUSTOMERS + 1, "a newcomer is not held");
    set(&house, &engine, &[late], "Industry", "").await;
    assert_eq!(open(&engine).await[0].records, 11);
    assert_eq!(house.store.read(|tx| tx.next_due()).await.unwrap(), None, "what waits for a person is not tried over and over");

    let released = holds::release(&engine, &person(), &hold.id).await.unwrap();
    assert_eq!((released.records, released.hold.state.as_str(), released.hold.closed_by.as_deref()), (11, "released", Some("olga")));
    work_off(&house, &engine).await;
    assert_eq!(count(&house, "desk", ""), CUSTOMERS + 1, "nothing is lost");
    assert_eq!(open(&engine).await, []);
    // What follows of the same within the window passes as well.
    set(&house, &engine, &rows, "Industry", "Steel").await;
    assert_eq!(count(&house, "desk", "Steel"), CUSTOMERS, "blank values are not overwritten but filled");
}

#[tokio::test]
async fn what_is_dropped_is_put_back_where_it_came_from_and_stays_in_the_ledger() {
    let (house, engine, rows) = house().await;
    set(&house, &engine, &rows, "Industry", "Steel").await;
    let held = open(&engine).await;
    assert_eq!((held.len(), held[0].kind.as_str(), held[0].records), (1, "overwrite", 12));
    // Somebody mends one of them in the meantime: it is held no more.
    set(&house, &engine, &rows[..1], "Industry", "Software").await;
    assert_eq!(open(&engine).await[0].records, 11);

    let dropped = holds::drop(&engine, &person(), &held[0].id).await.unwrap();
    assert_eq!((dropped.records, dropped.hold.state.as_str(), dropped.kept.len()), (11, "dropped", 0));
    work_off(&house, &engine).await;
    assert_eq!((count(&house, "crm", "Software"), count(&house, "desk", "Software")), (CUSTOMERS, CUSTOMERS));
    let filter = EntryFilter { cause: Some("user".to_owned()), ..EntryFilter::default() };
    let entries = house.store.read(move |tx| tx.entries(&Viewer::system(), &filter, 100)).await.unwrap();
    let lost = entries.iter().filter(|entry| match &entry.changes {
        Changes::Open(changes) => changes
            .get("industry")
            .is_some_and(|change| change.lost.iter().any(|lost| lost.side == "crm" && lost.value.display() == "Steel")),
        _ => false,
    });
    assert_eq!(lost.count(), 11);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!((count(&house, "crm", "Software"), open(&engine).await.len()), (CUSTOMERS, 0), "it is over");
}

#[tokio::test]
async fn owners_that_can_only_be_read_cannot_be_dropped() {
    let (house, engine, rows) = house().await;
    set(&house, &engine, &rows, "Owner.Name", "Eve").await;
    assert_eq!(open(&engine).await, [], "nobody was there before");
    set(&house, &engine, &rows, "Owner.Name", "Mallory").await;
    let held = open(&engine).await;
    assert_eq!((held.len(), held[0].kind.as_str(), held[0].records), (1, "owner", 12));
    let dropped = holds::drop(&engine, &person(), &held[0].id).await.unwrap();
    assert_eq!((dropped.records, dropped.hold.state.as_str(), dropped.kept.len()), (0, "open", 12));
    assert!(dropped.kept[0].reason.contains("crm owns it"), "{:?}", dropped.kept[0]);
    set(&house, &engine, &rows, "Owner.Name", "Eve").await;
    assert_eq!(open(&engine).await, [], "put back at its platform, nothing is held any more");
}

#[tokio::test]
async fn deletions_in_bulk_are_held_and_a_dropped_one_stays_elsewhere() {
    let (house, engine, rows) = house().await;
    let mut mapping = engine.catalog().mapped("crm", "account").unwrap().mapping().clone();
    mapping.on_delete = entente_model::mapping::DeletePolicy::Propagate;
    let now = house.watch.now();
    house.store.write(move |tx| tx.save_mapping("crm", &mapping, "olga", "", now).map(drop)).await.unwrap();
    let engine = house.engine().await;
    for row in &rows {
        house.crm.delete_silently("Account", row);
    }
    for record in house.accounts().await.into_values() {
        resync(&engine, &Scope::Record(record.id)).await.unwrap();
    }
    work_off(&house, &engine).await;
    let held = open(&engine).await;
    assert_eq!((held.len(), held[0].kind.as_str(), held[0].records), (1, "delete", 12));
    assert_eq!(house.desk.ids("organization").len(), CUSTOMERS, "nothing is deleted yet");
    let shown = holds::show(&engine, &person(), &held[0].id, HeldQuery::default()).await.unwrap();
    assert_eq!(shown.held[0].gone, ["crm"]);
    let dropped = holds::drop(&engine, &person(), &held[0].id).await.unwrap();
    assert_eq!((dropped.records, dropped.hold.state.as_str()), (12, "dropped"));
    work_off(&house, &engine).await;
    assert_eq!(house.desk.ids("organization").len(), CUSTOMERS, "they stay at the desk");
    assert_eq!(house.accounts().await.len(), CUSTOMERS);
}

#[tokio::test]
async fn what_a_person_asked_for_is_not_held() {
    let (house, engine, rows) = house().await;
    set(&house, &engine, &rows[..6], "Industry", "Steel").await;
    assert_eq!(open(&engine).await, []);
    let request = entente_engine::records::undo::UndoRequest {
        since: Some(entente_model::clock::Timestamp::UNIX_EPOCH),
        fields: vec!["industry".to_owned()],
        ..Default::default()
    };
    entente_engine::records::undo::undo(&engine, &person(), &request, true, &|_| {}).await.unwrap();
    work_off(&house, &engine).await;
    assert_eq!((open(&engine).await.len(), count(&house, "desk", "Software")), (0, CUSTOMERS));
}
