//! Platforms that tell by themselves that something changed.

use entente_store::Viewer;

use crate::house::{CRM, House, Process, eventually, read_all, work_off};

#[tokio::test]
async fn what_a_platform_tells_of_is_read_at_once_and_nothing_else() {
    let mut house = House::sqlite().await;
    // No poll is due while this story lasts.
    house.options.poll_interval_ms = 3_600_000;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let process = Process::start(engine);
    // The first round is over.
    for object in ["Account", "Contact"] {
        house.crm.called(&format!("page {object} after change"), 1).await;
    }
    let (accounts, contacts) = (house.crm.calls("page Account"), house.crm.calls("page Contact"));

    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    house.crm.tell("Account");
    house.crm.tell("Something that nobody reads");
    let agreed = || async {
        let found = house.accounts().await;
        found.get("Acme").is_some_and(|record| entente_model::value::get(&record.data, "industry").display() == "Steel")
    };
    eventually("the change is known", agreed).await;
    process.stop().await;
    let record = house.accounts().await.remove("Acme").unwrap();
    let entry = house.store.read(move |tx| tx.entry(&Viewer::system(), record.provenance["industry"])).await.unwrap().unwrap();
    assert_eq!(entry.cause, "event", "the platform told; no poll was due");
    assert!(house.crm.calls("page Account") > accounts);
    assert_eq!(house.crm.calls("page Contact"), contacts, "of {CRM} nothing else was asked");
}
