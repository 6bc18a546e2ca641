//! Holds and what they count.

use std::collections::BTreeMap;

use entente_store::{HeldRecord, HoldState, MassKey, Viewer};

use crate::house::{House, at, contact, story};

/// A minute, in milliseconds.
const MINUTE: i64 = 60_000;

fn key(kind: &str) -> MassKey {
    MassKey { connection: "desk".into(), object: "contact".into(), kind: kind.into() }
}

fn held(number: u64, hold: i64, what: &str) -> HeldRecord {
    HeldRecord { record: contact(number), hold, preview: serde_json::json!({ "what": what }), since: at(0) }
}

story! {
    async fn a_hold_is_open_once_and_knows_its_records_until_a_person_decides(house: &House) {
        let (id, fresh) = house.write(|tx| tx.open_hold(&key("blank"), 90, 50, at(0))).await.unwrap();
        assert!(fresh);
        assert_eq!(house.write(|tx| tx.open_hold(&key("blank"), 95, 50, at(1))).await.unwrap(), (id, false));
        let (other, _) = house.write(|tx| tx.open_hold(&key("delete"), 60, 50, at(1))).await.unwrap();
        house.write(move |tx| tx.put_held(&[held(1, id, "old"), held(2, id, ""), held(1, other, "")])).await.unwrap();
        house.write(move |tx| tx.put_held(&[held(1, id, "new")])).await.unwrap();
        let holds = house.read(|tx| tx.holds(&Viewer::system(), HoldState::Open, 10, None)).await.unwrap();
        assert_eq!(holds.iter().map(|hold| (hold.id, hold.records, hold.many)).collect::<Vec<_>>(), [(other, 1, 60), (id, 2, 90)]);
        assert_eq!(house.read(|tx| tx.held_count()).await.unwrap(), 2, "one record waits twice");
        let rows = house.read(move |tx| tx.held_by(id, None, 1)).await.unwrap();
        assert_eq!(rows, [held(1, id, "new")]);
        let rows = house.read(move |tx| tx.held_by(id, Some(&contact(1)), 10)).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.record.clone()).collect::<Vec<_>>(), [contact(2)]);

        assert!(house.write(move |tx| tx.close_hold(id, HoldState::Released, "olga", at(5))).await.unwrap());
        assert!(!house.write(move |tx| tx.close_hold(id, HoldState::Dropped, "eve", at(6))).await.unwrap());
        let closed = house.read(move |tx| tx.hold_of(&Viewer::system(), id)).await.unwrap().unwrap();
        assert_eq!((closed.state, closed.closed_by.as_deref()), (HoldState::Released, Some("olga")));
        assert_eq!(house.read(|tx| tx.open_holds()).await.unwrap(), BTreeMap::from([(key("delete"), other)]));
        assert_eq!(house.read(|tx| tx.released_since(at(5))).await.unwrap(), [key("blank")]);
        assert_eq!(house.read(|tx| tx.released_since(at(6))).await.unwrap(), []);
        let of = house.read(|tx| tx.held_of(&[contact(1)])).await.unwrap();
        let states: BTreeMap<i64, HoldState> = of.into_iter().map(|(_, hold, _, state)| (hold, state)).collect();
        assert_eq!(states, BTreeMap::from([(id, HoldState::Released), (other, HoldState::Open)]));

        house.write(|tx| tx.prune_holds(at(10))).await.unwrap();
        assert_eq!(house.read(move |tx| tx.held_by(id, None, 10)).await.unwrap(), [], "the pass of a released record ends");
        assert_eq!(house.read(|tx| tx.held_count()).await.unwrap(), 1, "what is held stays held");
        house.write(move |tx| tx.end_held(&[(contact(1), other)])).await.unwrap();
        assert_eq!(house.read(|tx| tx.held_count()).await.unwrap(), 0);
        let nobody = Viewer::new("nobody", "");
        assert_eq!(house.read(move |tx| tx.holds(&nobody, HoldState::Open, 10, None)).await.unwrap(), []);
    }
}

story! {
    async fn changes_are_counted_by_minute_and_forgotten(house: &House) {
        for minute in [0, 3, 9, 9] {
            house.write(move |tx| tx.count_mass(at(minute * MINUTE), &BTreeMap::from([(key("blank"), 7), (key("owner"), 1)]))).await.unwrap();
        }
        let since = |minute: i64| house.read(move |tx| tx.mass_since(at(minute * MINUTE)));
        assert_eq!(since(0).await.unwrap(), BTreeMap::from([(key("blank"), 28), (key("owner"), 4)]));
        assert_eq!(since(3).await.unwrap()[&key("blank")], 21);
        assert_eq!(since(10).await.unwrap(), BTreeMap::new());
        house.write(|tx| tx.prune_holds(at(9 * MINUTE))).await.unwrap();
        assert_eq!(since(0).await.unwrap()[&key("blank")], 14);
    }
}
