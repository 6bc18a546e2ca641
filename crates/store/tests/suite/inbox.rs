//! The inbox, cursors, waits, match keys, workers.

use std::collections::{BTreeMap, BTreeSet};

use entente_store::{DeliveryState, MatchKey, NewDelivery, WaitCount};
use serde_json::json;

use super::house::{House, at, contact, story};

fn delivery(id: &str) -> NewDelivery {
    NewDelivery {
        connection: "crm".into(),
        delivery_id: id.into(),
        received_at: at(0),
        body: vec![0, 255, b'{'],
        headers: BTreeMap::from([("content-type".into(), "text/xml".into())]),
        events: json!([{ "id": "7" }]),
    }
}

story! {
    async fn a_delivery_that_comes_twice_is_kept_once(house: &House) {
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let store = house.store.clone();
                tokio::spawn(async move { store.write(move |tx| tx.deliver(&delivery(&format!("d{}", number % 4)))).await.unwrap() })
            })
            .collect();
        let mut kept = BTreeSet::new();
        for task in tasks {
            kept.extend(task.await.unwrap());
        }
        assert_eq!(kept.len(), 4);
        let elsewhere = NewDelivery { connection: "desk".into(), ..delivery("d1") };
        assert!(house.write(move |tx| tx.deliver(&elsewhere)).await.unwrap().is_some());
    }
}

story! {
    async fn deliveries_are_read_in_order_and_pruned_when_they_are_old(house: &House) {
        house.write(|tx| { tx.deliver(&delivery("a"))?; tx.deliver(&delivery("b"))?; tx.deliver(&delivery("c")) }).await.unwrap();
        let read = house
            .write(|tx| {
                let taken = tx.take_deliveries(2)?;
                tx.finish_deliveries(&[(taken[0], None), (taken[1], Some("not XML".into()))])?;
                tx.deliveries(&taken)
            })
            .await
            .unwrap();
        assert_eq!(read.iter().map(|one| &one.delivery).collect::<Vec<_>>(), [&delivery("a"), &delivery("b")]);
        let left = house.read(|tx| tx.unread_deliveries(10)).await.unwrap();
        assert_eq!(left[0].delivery.delivery_id, "c");
        assert_eq!(house.write(|tx| tx.take_deliveries(10)).await.unwrap(), [left[0].id]);
        let counts = house.read(|tx| tx.inbox_counts()).await.unwrap();
        assert_eq!(counts[&("crm".into(), DeliveryState::Bad)], 1);
        assert_eq!(house.read(|tx| tx.oldest_unread()).await.unwrap(), Some(left[0].delivery.received_at));
        assert_eq!(house.write(|tx| tx.empty_deliveries(at(1), 1)).await.unwrap(), 1);
        assert_eq!(house.write(|tx| tx.empty_deliveries(at(1), 10)).await.unwrap(), 1, "each is emptied once, and what is not read yet is not");
        let left = house.read(|tx| tx.unread_deliveries(10)).await.unwrap();
        assert_eq!(left[0].delivery, delivery("c"));
        assert_eq!(house.read(|tx| tx.inbox_counts()).await.unwrap(), counts, "that they came stays");
        assert_eq!(house.write(|tx| tx.prune_inbox(at(1), 1)).await.unwrap(), 1);
        assert_eq!(house.write(|tx| tx.prune_inbox(at(1), 10)).await.unwrap(), 1, "what is not read yet stays");
    }
}

story! {
    async fn cursors_stay_where_they_were_put(house: &House) {
        house.write(|tx| tx.put_cursor("poll/crm/Contact", "2026-01-01", at(0))).await.unwrap();
        house.write(|tx| tx.put_cursor("poll/crm/Contact", &json!({ "at": 5 }), at(9))).await.unwrap();
        assert_eq!(house.read(|tx| tx.cursor::<serde_json::Value>("poll/crm/Contact")).await.unwrap(), Some(json!({ "at": 5 })));
        assert_eq!(house.read(|tx| tx.cursors("poll/")).await.unwrap()["poll/crm/Contact"].1, at(9));
        assert_eq!(house.read(|tx| tx.cursor::<String>("poll/crm/Account")).await.unwrap(), None);
    }
}

story! {
    async fn who_waited_for_a_counterpart_is_called_when_it_is_there(house: &House) {
        house
            .write(|tx| {
                tx.wait_for(&contact(2), &contact(1), "desk", at(0))?;
                tx.wait_for(&contact(2), &contact(1), "desk", at(5))?;
                tx.wait_for(&contact(3), &contact(1), "crm", at(6))
            })
            .await
            .unwrap();
        assert_eq!(house.read(|tx| tx.waits(10)).await.unwrap().len(), 2);
        let targets = [(contact(1).to_string(), "desk".to_owned()), (contact(7).to_string(), "crm".to_owned())];
        let ended = house.write(move |tx| tx.end_waits(&targets)).await.unwrap();
        assert_eq!(ended.iter().map(|wait| (&wait.record, wait.connection.as_str())).collect::<Vec<_>>(), [(&contact(2), "desk")]);
        assert_eq!(house.read(|tx| tx.waits(10)).await.unwrap().len(), 1, "who waits for it elsewhere goes on waiting");
    }
}

story! {
    async fn what_records_wait_for_is_counted_with_its_age_until_they_wait_no_longer(house: &House) {
        house
            .write(|tx| {
                tx.wait_for(&contact(1), &contact(9), "desk", at(5))?;
                tx.wait_for(&contact(1), &contact(8), "desk", at(6))?;
                tx.wait_for(&contact(2), &contact(9), "desk", at(7))?;
                tx.wait_for(&contact(3), &contact(9), "crm", at(8))
            })
            .await
            .unwrap();
        let counts = house.read(|tx| tx.wait_counts()).await.unwrap();
        assert_eq!(counts["desk"], WaitCount { records: 2, oldest: at(5) });
        assert_eq!(counts["crm"], WaitCount { records: 1, oldest: at(8) });

        let save = [(contact(2), contact(9).to_string(), "desk".to_owned())];
        house.write(move |tx| tx.end_waits_of(&[contact(1), contact(2)], &save)).await.unwrap();
        let counts = house.read(|tx| tx.wait_counts()).await.unwrap();
        assert_eq!(counts["desk"], WaitCount { records: 1, oldest: at(7) }, "who goes on waiting has waited since then");
        assert_eq!(counts["crm"].records, 1);
    }
}

story! {
    async fn records_are_recognised_by_their_keys(house: &House) {
        let keys = |values: &[(&str, &str)]| values.iter().map(|(kind, value)| MatchKey::new(*kind, *value)).collect::<BTreeSet<_>>();
        let of = move |number: u64, values: &[(&str, &str)]| (contact(number), "contact".to_owned(), keys(values));
        house
            .write(move |tx| {
                tx.put_match_keys(&[of(1, &[("email", "a@x.example"), ("phone", "+1")]), of(2, &[("email", "b@x.example"), ("phone", "+1")])])?;
                tx.put_match_keys(&[of(2, &[("email", "c@x.example"), ("phone", "+1")])])
            })
            .await
            .unwrap();
        let asked = [MatchKey::new("phone", "+1"), MatchKey::new("email", "b@x.example"), MatchKey::new("email", "+1")];
        let hits = house.read(move |tx| tx.match_records("contact", &asked)).await.unwrap();
        assert_eq!(hits.iter().map(|hit| hit.record.clone()).collect::<Vec<_>>(), [contact(1), contact(2)]);
        let none = house.read(|tx| tx.match_records("account", &[MatchKey::new("phone", "+1")])).await.unwrap();
        assert!(none.is_empty());
    }
}

story! {
    async fn workers_are_known_while_they_are_heard_of(house: &House) {
        house.write(|tx| tx.worker_seen("w1", "process 1 on a", at(0), at(1))).await.unwrap();
        house.write(|tx| tx.worker_seen("w1", "process 1 on a", at(0), at(9))).await.unwrap();
        let heard = house.read(|tx| tx.workers(at(5))).await.unwrap().remove(0);
        assert_eq!((heard.seen_at, heard.place.as_str()), (at(9), "process 1 on a"));
        house.write(|tx| tx.worker_gone("w1")).await.unwrap();
        assert!(house.read(|tx| tx.workers(at(0))).await.unwrap().is_empty());
    }
}
