//! How fast the hot paths are, printed. Run with `cargo test --release -p entente-store --test suite -- --ignored --nocapture`.

use std::time::Instant;

use entente_store::{Claim, LANE_LAST, Outcome, Settled};

use super::house::{House, at, entry, hint, record};

/// Writers at the same time, as an engine under load has.
const WRITERS: u64 = 32;

/// Transactions of each writer.
const EACH: u64 = 200;

fn told(what: &str, many: u64, since: Instant) {
    let seconds = since.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let rate = many as f64 / seconds;
    println!("{what:<60} {rate:>10.0} /s");
}

async fn together<F, Fut>(work: F)
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let tasks: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(work(writer))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn hot_paths() {
    let house = House::sqlite().await;
    measure(&house).await;
    if let Some(house) = House::postgres().await {
        println!("PostgreSQL:");
        measure(&house).await;
        house.pull_down().await;
    }
}

async fn measure(house: &House) {
    let store = &house.store;
    let since = Instant::now();
    together(|writer| {
        let store = store.clone();
        async move {
            for number in 0..EACH {
                store.write(move |tx| tx.hint(&[hint(&format!("s{writer}-{number}"), 0)])).await.unwrap();
            }
        }
    })
    .await;
    told("hints, one per transaction, 32 writers", WRITERS * EACH, since);

    let since = Instant::now();
    for batch in 0..100 {
        store
            .write(move |tx| tx.hint(&(0..200).map(|n| hint(&format!("b{}", (batch * 200 + n) % 5_000), 0)).collect::<Vec<_>>()))
            .await
            .unwrap();
    }
    told("hints, 200 per transaction, 3 of 4 coalescing", 20_000, since);

    let since = Instant::now();
    let mut done = 0;
    loop {
        let claim = Claim {
            owner: "w".into(),
            now: at(1),
            window_ms: 0,
            lease_ms: 60_000,
            limit: 200,
            full: 200,
            only_full: false,
            shown: false,
            lanes: 0..=LANE_LAST,
        };
        let taken = store.write(move |tx| tx.claim(&claim)).await.unwrap();
        if taken.is_empty() {
            break;
        }
        done += taken.len() as u64;
        let settled: Vec<Settled> =
            taken.into_iter().map(|hint| Settled { subject: hint.subject, generation: hint.generation, outcome: Outcome::Done }).collect();
        store.write(move |tx| tx.settle("w", at(2), &settled)).await.unwrap();
    }
    told("hints claimed and settled, 200 at a time", done, since);

    let since = Instant::now();
    together(|writer| {
        let store = store.clone();
        async move {
            for number in 0..EACH {
                store.write(move |tx| tx.append(&[entry(writer * EACH + number, "", "Ada")])).await.unwrap();
            }
        }
    })
    .await;
    told("ledger entries of new subjects, one per transaction", WRITERS * EACH, since);

    let since = Instant::now();
    for batch in 0..100 {
        store
            .write(move |tx| tx.append(&(0..200).map(|n| entry((batch * 200 + n) % 6_000, "Ada", "Eve")).collect::<Vec<_>>()))
            .await
            .unwrap();
    }
    told("ledger entries, 200 per transaction", 20_000, since);

    let since = Instant::now();
    for batch in 0..100 {
        store
            .write(move |tx| tx.put_records(&(0..200).map(|n| record(batch * 200 + n, "Ada Lovelace")).collect::<Vec<_>>()))
            .await
            .unwrap();
    }
    told("new records with search, 200 per transaction", 20_000, since);

    let since = Instant::now();
    let mut sealed = 0;
    while let Some(block) = store.write(|tx| tx.seal(at(1), 4_096)).await.unwrap() {
        sealed += u64::try_from(block.count).unwrap();
    }
    told("entries sealed", sealed, since);
    let since = Instant::now();
    let verdict = store.verify(|_| {}).await.unwrap();
    assert!(matches!(verdict, entente_store::Verdict::Intact(_)));
    told("entries verified", sealed, since);
}
