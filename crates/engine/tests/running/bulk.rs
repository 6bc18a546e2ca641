//! Mass creations at a platform that takes many rows as one job.

use entente_engine::sync::poll::poll;

use crate::house::{CRM, DESK, House, work_off};

/// Customers who have no counterpart yet.
const CUSTOMERS: usize = 250;

/// Records of a batch of live changes.
const BATCH: usize = 20;

/// Records of an ordinary batch of background work.
const BACKFILL: usize = 30;

/// Every customer is known before the desk was read: their counterparts all wait for that, and are made at once.
async fn made_in(house: &House) -> Vec<usize> {
    for number in 0..CUSTOMERS {
        house.customer(&format!("Customer {number}"));
    }
    let engine = house.engine().await;
    for connection in [CRM, DESK] {
        for (object, _) in engine.catalog().reads(connection) {
            poll(&engine, connection, &object, &|_, _, _, _| {}, &|| false).await.unwrap();
        }
        work_off(house, &engine).await;
    }
    assert_eq!(house.desk.ids("organization").len(), CUSTOMERS);
    house.desk.sizes("organization")
}

#[tokio::test]
async fn creations_that_waited_go_as_one_job() {
    let mut house = House::sqlite().await;
    house.options.batch_records = BATCH;
    house.desk.has_jobs(200);
    let sizes = made_in(&house).await;
    assert_eq!(sizes.iter().max(), Some(&200), "{sizes:?}");
}

#[tokio::test]
async fn where_there_are_no_jobs_batches_stay_as_they_are() {
    let mut house = House::sqlite().await;
    house.options.batch_records = BATCH;
    let sizes = made_in(&house).await;
    assert_eq!(sizes.iter().max(), Some(&BACKFILL), "{sizes:?}");
}
