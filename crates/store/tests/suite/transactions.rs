//! Transactions: group commit, failures, deaths.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use entente_store::{Step, StoreError, Tx};

use crate::house::{House, story};

fn count(tx: &mut Tx<'_>) -> entente_store::Result<i64> {
    Ok(tx.setting::<i64>("count")?.unwrap_or(0))
}

story! {
    async fn two_hundred_writers_lose_no_increment(house: &House) {
        house.write(|tx| tx.put_setting("count", &0)).await.unwrap();
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let store = house.store.clone();
                // Counters add up in the database, whoever else adds at the same time.
                tokio::spawn(async move { store.write(|tx| tx.count(crate::house::at(0), &[("writes", "", 1)])).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let sum = house.read(|tx| tx.counted("writes", None, crate::house::at(0), crate::house::at(1))).await.unwrap();
        assert_eq!(sum, 200);
    }
}

story! {
    async fn one_that_fails_takes_nothing_of_the_others_with_it(house: &House) {
        let tasks: Vec<_> = (0..40_i64)
            .map(|number| {
                let store = house.store.clone();
                tokio::spawn(async move {
                    store
                        .write(move |tx| {
                            tx.put_setting(&format!("n{number}"), &number)?;
                            match number % 4 {
                                0 => Err(StoreError::abort("changed my mind")),
                                1 => panic!("number {number}"),
                                _ => Ok(number),
                            }
                        })
                        .await
                })
            })
            .collect();
        for (number, task) in tasks.into_iter().enumerate() {
            let answer = task.await.unwrap();
            match number % 4 {
                0 => assert!(matches!(answer, Err(StoreError::Abort(_))), "{answer:?}"),
                1 => assert!(matches!(&answer, Err(StoreError::Panicked(text)) if text.contains(&number.to_string())), "{answer:?}"),
                _ => assert_eq!(usize::try_from(answer.unwrap()).unwrap(), number),
            }
        }
        assert_eq!(house.read(|tx| tx.settings("n")).await.unwrap().len(), 20);
    }
}

story! {
    async fn an_error_that_is_swallowed_still_rolls_back(house: &House) {
        let answer = house
            .write(|tx| {
                tx.put_setting("kept", &1)?;
                drop(tx.raw("select nothing from nowhere"));
                Ok(())
            })
            .await;
        assert!(matches!(answer, Err(StoreError::Database(_))), "{answer:?}");
        assert_eq!(house.read(|tx| tx.setting::<i64>("kept")).await.unwrap(), None);
    }
}

story! {
    async fn a_read_cannot_write(house: &House) {
        let answer = house.read(|tx| tx.put_setting("kept", &1)).await;
        assert!(answer.is_err());
        let caught = house.read(|_| -> entente_store::Result<()> { panic!("in a read") }).await;
        assert!(matches!(caught, Err(StoreError::Panicked(_))));
        assert_eq!(house.read(count).await.unwrap(), 0);
    }
}

story! {
    async fn a_death_before_the_commit_leaves_nothing_and_one_after_it_leaves_all(house: &House) {
        for (fatal, left) in [(Step::BeforeCommit, None), (Step::AfterCommit, Some(1))] {
            house.set_step_hook(Some(Arc::new(move |step| step != fatal)));
            let answer = house.write(|tx| tx.put_setting("kept", &1)).await;
            assert!(matches!(answer, Err(StoreError::Crashed)), "{answer:?}");
            house.set_step_hook(None);
            assert_eq!(house.read(|tx| tx.setting::<i64>("kept")).await.unwrap(), left);
        }
    }
}

story! {
    async fn the_step_hook_sees_every_write_and_no_read(house: &House) {
        let steps = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&steps);
        house.set_step_hook(Some(Arc::new(move |_| {
            seen.fetch_add(1, Ordering::SeqCst);
            true
        })));
        house.write(|tx| tx.put_setting("a", &1)).await.unwrap();
        house.read(count).await.unwrap();
        assert_eq!(steps.load(Ordering::SeqCst), 2);
    }
}

story! {
    async fn new_work_wakes_sleepers_here_and_elsewhere(house: &House) {
        let elsewhere = house.again().await.unwrap();
        let (mut near, mut far) = (house.wakeups(), elsewhere.wakeups());
        if house.is_postgres() {
            // The other process may not be listening yet, and wake-ups may be lost: hint until it hears one.
            for attempt in 0..100 {
                house.write(move |tx| tx.hint(&[crate::house::hint("x", attempt)])).await.unwrap();
                if tokio::time::timeout(std::time::Duration::from_millis(100), far.changed()).await.is_ok() {
                    break;
                }
            }
            assert!(elsewhere.wakeups().borrow().to_owned() > 0, "the other process was never woken");
        } else {
            house.write(|tx| tx.hint(&[crate::house::hint("x", 0)])).await.unwrap();
        }
        near.changed().await.unwrap();
    }
}
