//! When the platform is in the way: pauses, deadlocks, columns that vanish.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_model::clock::Clock;
use entente_sims::faults::Fault;
use serde_json::json;

use crate::dynamics::company::{Company, accounts, settings};
use crate::stage::rows::{create, spec, update};

#[tokio::test]
async fn service_protection_is_obeyed_and_work_goes_on_afterwards() {
    let company = Company::with(settings("dynamics-secret"), |options| {
        options.profile.quota = 40;
        options.profile.limits = true;
    })
    .unwrap();
    company.plant("accounts", json!({"name": "Acme"}));
    let read = accounts(&["name"]);
    let mut waits = 0;
    for _ in 0..60 {
        match company.crm.page(&read, None, Priority::Urgent).await {
            Ok(_) => {}
            Err(error) => {
                let Class::Wait { until } = error.class else { panic!("{error}") };
                waits += 1;
                let pause = until.as_second() - company.hands.now().as_second();
                company.pass(u64::try_from(pause).unwrap().max(1));
            }
        }
    }
    assert!(waits > 0);
    assert!(company.sim.calls().limited <= waits, "nobody pushes on while told to wait");
    assert!(company.crm.budget().remaining.is_some());
}

#[tokio::test]
async fn a_deadlock_is_repeated_later_and_tells_nothing_landed() {
    let company = Company::open();
    company.write("accounts", &[create("acc_1", json!({"name": "Acme"}))]).await.remove(0).unwrap();
    company.faults.order([Fault::Collision]);
    let error = company
        .crm
        .write(&crate::dynamics::company::target("accounts"), &[create("acc_2", json!({"name": "Two"}))], Priority::Update)
        .await
        .unwrap_err();
    assert_eq!((error.class, error.code.as_str(), company.sim.count("accounts")), (Class::Retry, "0x80044150", 1));
}

#[tokio::test]
async fn a_column_that_vanished_is_a_matter_of_configuration() {
    let company = Company::open();
    company.sim.add_column("accounts", &crate::dynamics::company::text_column("new_Region")).unwrap();
    let id = company.plant("accounts", json!({"name": "Acme", "new_region": "North"}));
    let read = accounts(&["name", "new_region"]);
    let (_, cursor) = company.read_on(&read, None).await;
    company.sim.drop_column("accounts", "new_region").unwrap();
    company.edit("accounts", &id, json!({"name": "Acme Ltd"}));
    let error = company.crm.page(&read, Some(&cursor), Priority::Backfill).await.unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Configuration, Some("new_region")));
    let error = company.crm.page(&read, Some(&cursor), Priority::Backfill).await.unwrap_err();
    assert_eq!(error.code, "unknown_field", "and the metadata are read anew");
    let (looks, _) = company.read_on(&accounts(&["name"]), Some(cursor)).await;
    assert_eq!((looks.len(), &looks[0].row["name"]), (1, &json!("Acme Ltd")), "without the column, the poll goes on");
    let nowhere = company.crm.page(&spec("activities", &["subject", "nothing"]), None, Priority::Backfill).await.unwrap_err();
    assert_eq!((nowhere.code.as_str(), nowhere.field.as_deref()), ("unknown_field", Some("nothing")));
    let error = company.write("accounts", &[update(&id, json!({"name": "Again"}))]).await.remove(0);
    assert!(error.is_ok(), "{error:?}");
    assert_eq!(company.crm.page(&spec("nothing", &["id"]), None, Priority::Backfill).await.unwrap_err().code, "unknown_object");
}
