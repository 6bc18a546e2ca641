//! One worker at a time looks at a record.

use entente_engine::sync::resync::{Scope, resync};
use entente_engine::sync::work;

use crate::house::{House, read_all, work_off};

#[tokio::test]
async fn a_worker_that_lost_its_lease_writes_nothing_to_a_vendor() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let (stalled, other) = (house.engine().await, house.engine().await);
    read_all(&stalled).await;
    work_off(&house, &stalled).await;
    let written = house.desk.calls("write organization");

    // The first worker is held up while it looks, for longer than its lease lasts.
    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    let record = house.accounts().await.remove("Acme").unwrap();
    resync(&stalled, &Scope::Record(record.id)).await.unwrap();
    let hints = work::claim(&stalled).await.unwrap();
    assert_eq!(hints.len(), 1);
    let hand = house.crm.hold_up("fetch Account");
    let working = {
        let stalled = stalled.clone();
        tokio::spawn(async move { work::work(&stalled, hints).await })
    };
    house.crm.called("fetch Account", 1).await;
    house.watch.pass(i64::try_from(house.options.lease_ms).unwrap() + 1);
    let taken = work::claim(&other).await.unwrap();
    assert_eq!(taken.len(), 1, "the lease ran out, and the other worker has the record now");
    hand.add_permits(1);
    working.await.unwrap().unwrap();
    assert_eq!(house.desk.calls("write organization"), written, "the stalled worker may not write");

    hand.add_permits(10);
    work::work(&other, taken).await.unwrap();
    work_off(&house, &other).await;
    assert_eq!(house.desk.calls("write organization"), written + 1);
    let desk_row = house.desk.ids("organization").remove(0);
    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Steel");
}
