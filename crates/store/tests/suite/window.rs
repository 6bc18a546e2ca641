//! Windows of the ledger.

use entente_store::{NewEntry, Viewer, Window};

use crate::house::{House, at, contact, entry, story};

/// A minute, in milliseconds.
const MINUTE: i64 = 60_000;

story! {
    async fn a_window_begins_near_an_instant_and_passes_no_entry_by(house: &House) {
        let entries: Vec<NewEntry> = (0..500).map(|number| NewEntry { at: at(number * MINUTE), ..entry(number.unsigned_abs() % 7, "", "x") }).collect();
        let ids = house.write(move |tx| tx.append(&entries)).await.unwrap();
        for minute in [-5, 0, 1, 250, 499, 900] {
            let before = house.read(move |tx| tx.entry_before(at(minute * MINUTE))).await.unwrap();
            let missed = ids.iter().zip(0..).filter(|(id, at)| **id <= before && *at >= minute).count();
            let needless = ids.iter().zip(0..).filter(|(id, at)| **id > before && *at < minute).count();
            assert_eq!(missed, 0, "minute {minute}");
            assert!(needless <= 11, "minute {minute}: {needless} entries are read for nothing");
        }
        let (first, last) = (ids[0], ids[499]);
        let window = Window { since: Some(at(10 * MINUTE)), until: Some(at(30 * MINUTE)), record: Some(contact(3)), ..Window::between(first, last) };
        let asked = window.clone();
        let up = house.read(move |tx| tx.touches(&Viewer::system(), &asked, 0, true, 10)).await.unwrap();
        assert_eq!(up.iter().map(|touch| touch.entry).collect::<Vec<_>>(), [ids[10], ids[17], ids[24]]);
        let (asked, from) = (window.clone(), ids[24]);
        let down = house.read(move |tx| tx.touches(&Viewer::system(), &asked, from, false, 1)).await.unwrap();
        assert_eq!(down.iter().map(|touch| touch.entry).collect::<Vec<_>>(), [ids[17]]);
        let from = ids[10];
        let histories = house.read(move |tx| tx.histories_since(&Viewer::system(), &[contact(3)], from)).await.unwrap();
        let held: Vec<i64> = histories[&contact(3)].iter().filter(|entry| window.holds(entry)).map(|entry| entry.id).collect();
        assert_eq!(held, [ids[10], ids[17], ids[24]]);
        let firsts = house.read(|tx| tx.first_entries(&[contact(3), contact(99)])).await.unwrap();
        assert_eq!(firsts.into_iter().collect::<Vec<_>>(), [(contact(3), ids[3])]);
        let nobody = Viewer::new("nobody", "");
        assert_eq!(house.read(move |tx| tx.touches(&nobody, &Window::between(first, last), 0, true, 10)).await.unwrap(), []);
    }
}

story! {
    async fn an_empty_ledger_has_empty_windows(house: &House) {
        assert_eq!(house.read(|tx| Ok((tx.last_entry()?, tx.entry_before(at(0))?))).await.unwrap(), (0, 0));
    }
}

story! {
    async fn the_erased_are_told_from_the_others(house: &House) {
        house.write(|tx| tx.append(&[entry(1, "", "Ada"), entry(2, "", "Bob")])).await.unwrap();
        house.write(|tx| tx.shred(contact(1).as_str(), at(2))).await.unwrap();
        let asked = [contact(1), contact(2)].map(|id| id.to_string()).into();
        assert_eq!(house.read(move |tx| tx.erased_of(&asked)).await.unwrap(), [contact(1).to_string()].into());
    }
}
