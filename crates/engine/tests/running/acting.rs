//! What people ask the CRM to do with a record, and what becomes of a row that is held there.

use entente_connect::action::{Action, Target};
use entente_connect::error::{Class, VendorError};
use entente_engine::platforms::{Wish, act};
use entente_model::clock::{Clock, Timestamp};
use entente_store::{EntryFilter, SyncStatus, Viewer};

use crate::house::{CRM, House, read_all, work_off};

fn submit() -> Action {
    Action::Submit { process: Some("Discount".to_owned()), approvers: Vec::new(), comment: "Ada asks for it".to_owned() }
}

#[tokio::test]
async fn what_was_asked_for_is_in_the_record_s_history_and_its_row_is_looked_at() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let record = house.accounts().await.remove("Acme").unwrap();
    let wish = Wish { record: Some(record.id.clone()), connection: None, action: submit() };
    let acted = act(&engine, &Viewer::new("olga", "admin"), &wish).await.unwrap();
    assert_eq!((acted.connection.as_str(), acted.status.as_str()), (CRM, "Pending"));
    let target = Target { object: "Account".to_owned(), id: row };
    assert_eq!(house.crm.acted(), [(Some(target.clone()), submit())]);

    let id = record.id.clone();
    let filter = EntryFilter { record: Some(id), ..EntryFilter::default() };
    let entries = house.store.read(move |tx| tx.entries(&Viewer::system(), &filter, 50)).await.unwrap();
    let told = entries.iter().find(|entry| entry.detail.contains("submitted for approval `Discount`: Pending")).unwrap();
    assert_eq!((told.actor_name.as_str(), told.cause.as_str()), ("olga", "user"));
    assert!(!told.detail.contains("Ada"), "a comment may tell of people");
    let before = house.crm.calls("fetch Account");
    work_off(&house, &engine).await;
    assert_eq!(house.crm.calls("fetch Account"), before + 1);
}

#[tokio::test]
async fn a_record_that_the_platform_does_not_have_cannot_be_acted_upon() {
    let house = House::sqlite().await;
    let engine = house.engine().await;
    let nobody = Wish { record: Some(engine.new_id("acc")), connection: None, action: submit() };
    assert!(act(&engine, &Viewer::system(), &nobody).await.unwrap_err().to_string().contains("there is no record"));
    let nowhere = Wish { record: None, connection: Some("nowhere".to_owned()), action: submit() };
    assert!(act(&engine, &Viewer::system(), &nowhere).await.unwrap_err().to_string().contains("no connection"));
    assert!(house.crm.acted().is_empty());
}

#[tokio::test]
async fn a_row_that_people_hold_waits_without_spending_an_attempt_and_its_reason_is_told() {
    let house = House::sqlite().await;
    house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let until = house.watch.now().checked_add(std::time::Duration::from_secs(86_400)).unwrap();
    let locked = VendorError::new(Class::Wait { until }, "ENTITY_IS_LOCKED", "locked; it is in approval since noon", "wait");
    house.desk.refuse(move |call| call.starts_with("write").then(|| locked.clone()));
    let row = house.desk.ids("organization").remove(0);
    // The CRM owns the industry: it is put back, once the row may be written to.
    house.desk.put("organization", Some(&row), &[("organization_fields.industry", "Oil")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let events = || house.store.read(|tx| tx.sync_events(&Viewer::system(), Timestamp::UNIX_EPOCH, 10));
    let told = events().await.unwrap();
    assert!(told.iter().any(|event| event.event.error.contains("in approval since noon")), "{told:?}");
    assert_eq!(house.store.read(|tx| tx.dead_letter_counts()).await.unwrap().len(), 0, "no attempt is spent");

    house.desk.relent();
    house.watch.pass(90_000_000);
    work_off(&house, &engine).await;
    assert_eq!(house.desk.row("organization", &row).unwrap()["organization_fields.industry"], "Software");
    assert!(events().await.unwrap().iter().all(|event| event.event.status == SyncStatus::Recovered));
}
