//! Counters and latencies.

use super::house::{House, at, story};

const HOUR: i64 = 3_600_000;

story! {
    async fn counters_add_up_by_hour_and_connection(house: &House) {
        house
            .write(|tx| {
                tx.count(at(0), &[("calls", "crm", 2), ("calls", "crm", 3), ("calls", "desk", 1), ("converged", "", 1)])?;
                tx.count(at(2 * HOUR), &[("calls", "crm", 10)])
            })
            .await
            .unwrap();
        house
            .read(|tx| {
                assert_eq!(tx.counted("calls", Some("crm"), at(0), at(3 * HOUR))?, 15);
                assert_eq!(tx.counted("calls", None, at(0), at(HOUR))?, 6);
                assert_eq!(tx.counted("calls", Some("crm"), at(0), at(1))?, 5, "the hour that is touched counts");
                assert_eq!(tx.counted_by_connection("calls", at(0), at(3 * HOUR))?["desk"], 1);
                let hours: Vec<i64> = tx.counted_by_hour("calls", None, at(0), at(3 * HOUR))?.into_values().collect();
                assert_eq!(hours, [6, 10]);
                Ok(())
            })
            .await
            .unwrap();
    }
}

story! {
    async fn percentiles_come_out_of_the_histogram(house: &House) {
        let samples: Vec<u64> = (1..=100).map(|n| n * 10).collect();
        house.write(move |tx| tx.add_latencies(at(0), "sync", &samples)).await.unwrap();
        house.write(|tx| tx.add_latencies(at(0), "sync", &[1_000_000])).await.unwrap();
        let told = house.read(|tx| tx.latency("sync", at(0), at(1))).await.unwrap();
        assert_eq!(told.samples, 101);
        assert!((510..=610).contains(&told.p50_ms), "{told:?}");
        assert!((960..=1_150).contains(&told.p95_ms), "{told:?}");
        assert!(told.max_ms >= 1_000_000);
        let none = house.read(|tx| tx.latency("sync", at(-5 * HOUR), at(-4 * HOUR))).await.unwrap();
        assert_eq!((none.samples, none.p50_ms), (0, 0));
    }
}
