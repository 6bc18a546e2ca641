//! Leaders: one holder at a time, taken over when it is silent.

use entente_store::Store;

use super::house::{House, at, story};

async fn lead(store: &Store, holder: &'static str, now: i64) -> Option<i64> {
    store.write(move |tx| tx.lead("sync", holder, at(now), at(now + 8_000))).await.unwrap()
}

story! {
    async fn one_leads_until_it_is_silent_for_too_long(house: &House) {
        assert_eq!(lead(house, "first", 0).await, Some(1));
        assert_eq!(lead(house, "second", 5_000).await, None);
        assert_eq!(lead(house, "first", 6_000).await, Some(1), "a lease that is prolonged is the same one");
        assert_eq!(lead(house, "second", 13_999).await, None);
        assert_eq!(lead(house, "second", 14_000).await, Some(2));
        assert_eq!(lead(house, "first", 14_001).await, None, "whoever wakes up too late follows");
        assert!(!house.write(|tx| tx.resign("sync", "first")).await.unwrap());
        assert!(house.write(|tx| tx.resign("sync", "second")).await.unwrap());
        assert_eq!(lead(house, "first", 14_002).await, Some(3), "one that resigns is not waited for");
    }
}

story! {
    async fn of_many_that_ask_at_once_one_leads(house: &House) {
        let asked = (0..8).map(|number| {
            let store = house.store.clone();
            tokio::spawn(async move {
                let holder = format!("worker {number}");
                store.write(move |tx| tx.lead("sync", &holder, at(0), at(8_000))).await.unwrap()
            })
        });
        let mut leaders = 0;
        for answer in asked.collect::<Vec<_>>() {
            leaders += usize::from(answer.await.unwrap().is_some());
        }
        assert_eq!(leaders, 1);
    }
}

story! {
    async fn two_readers_of_one_cursor_never_pass_the_same_place(house: &House) {
        house.write(|tx| tx.put_cursor("automation", &0, at(0))).await.unwrap();
        let readers = (0..8).map(|_| {
            let store = house.store.clone();
            tokio::spawn(async move {
                store
                    .write(|tx| {
                        let after = tx.cursor_for_update::<i64>("automation")?.unwrap_or(0);
                        tx.put_cursor("automation", &(after + 1), at(0))?;
                        Ok(after)
                    })
                    .await
                    .unwrap()
            })
        });
        let mut places = Vec::new();
        for reader in readers.collect::<Vec<_>>() {
            places.push(reader.await.unwrap());
        }
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
