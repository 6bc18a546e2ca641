//! The ledger: append, history, seal, verify, erase.

use entente_model::value::Value;
use entente_store::{Changes, EntryFilter, MasterKey, NewEntry, StoreError, Verdict, Verified, Viewer};

use crate::house::{House, at, contact, entry, story};

async fn append(house: &House, entries: Vec<NewEntry>) -> Vec<i64> {
    house.write(move |tx| tx.append(&entries)).await.unwrap()
}

async fn verified(house: &House) -> Verified {
    match house.verify(|_| {}).await.unwrap() {
        Verdict::Intact(verified) => verified,
        Verdict::Broken(broken) => panic!("{broken:?}"),
    }
}

async fn broken(house: &House) -> String {
    match house.verify(|_| {}).await.unwrap() {
        Verdict::Intact(verified) => panic!("{verified:?}"),
        Verdict::Broken(broken) => broken.what,
    }
}

async fn seal(house: &House) {
    house.write(|tx| tx.seal(at(1), 1_000)).await.unwrap();
}

story! {
    async fn a_history_is_read_back_newest_first(house: &House) {
        let ids = append(house, vec![entry(1, "", "Ada"), entry(2, "", "Bob"), entry(1, "Ada", "Ada L.")]).await;
        assert!(ids.is_sorted());
        let history = house.read(|tx| tx.history(&Viewer::system(), &contact(1), 10, None)).await.unwrap();
        assert_eq!(history.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[2], ids[0]]);
        let Changes::Open(changes) = &history[0].changes else { panic!("sealed") };
        assert_eq!((&changes["name"].before, &changes["name"].after), (&Value::text("Ada"), &Value::text("Ada L.")));

        let before = ids[2];
        let older = house.read(move |tx| tx.history(&Viewer::system(), &contact(1), 10, Some(before))).await.unwrap();
        assert_eq!(older.len(), 1);
        let filter = EntryFilter { connection: Some("crm".into()), until: Some(at(0)), ..EntryFilter::default() };
        assert_eq!(house.read(move |tx| tx.entries(&Viewer::system(), &filter, 10)).await.unwrap().len(), 3);
        let nobody = Viewer::new("nobody", "");
        assert!(house.read(move |tx| tx.history(&nobody, &contact(1), 10, None)).await.unwrap().is_empty());
    }
}

story! {
    async fn the_feed_passes_no_entry_by(house: &House) {
        let writers: Vec<_> = (0..40)
            .map(|number| {
                let store = house.store.clone();
                tokio::spawn(async move {
                    store
                        .write(move |tx| {
                            let ids = tx.append(&[entry(number, "", "x")])?;
                            // Some commit long after they took their number.
                            if number % 5 == 0 {
                                std::thread::sleep(std::time::Duration::from_millis(30));
                            }
                            Ok(ids)
                        })
                        .await
                        .unwrap()[0]
                })
            })
            .collect();
        let (mut read, mut cursor) = (Vec::new(), 0);
        for _ in 0..2_000 {
            let page = house.read(move |tx| tx.feed(cursor, 7)).await.unwrap();
            cursor = page.last().map_or(cursor, |entry| entry.id);
            read.extend(page.into_iter().map(|entry| entry.id));
            if read.len() == 40 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let mut written = Vec::new();
        for writer in writers {
            written.push(writer.await.unwrap());
        }
        written.sort_unstable();
        assert_eq!(read, written);
    }
}

story! {
    async fn a_ledger_proves_whole_while_it_grows(house: &House) {
        assert_eq!(verified(house).await.blocks, 0);
        append(house, (0..1_203).map(|number| entry(number % 9, "", "x")).collect()).await;
        house.write(|tx| tx.seal(at(1), 1_100)).await.unwrap().unwrap();
        seal(house).await;
        assert_eq!(house.write(|tx| tx.seal(at(1), 10)).await.unwrap(), None);
        append(house, vec![entry(1, "", "y"), entry(2, "", "z")]).await;

        let mut steps = 0;
        let verdict = house.verify(|_| steps += 1).await.unwrap();
        let Verdict::Intact(whole) = verdict else { panic!("{verdict:?}") };
        assert_eq!((whole.entries, whole.blocks, whole.unsealed, steps), (1_203, 2, 2, 2));
        let last = house.read(|tx| tx.last_block()).await.unwrap().unwrap();
        assert!(whole.chain.starts_with(&format!("{:02x}", last.hash[0])));
    }
}

story! {
    async fn the_ledger_cannot_be_changed_by_accident(house: &House) {
        append(house, vec![entry(1, "", "Ada")]).await;
        seal(house).await;
        for sql in ["update entries set cause = 'user'", "delete from entries", "update blocks set count = 0", "delete from blocks"] {
            assert!(house.write(move |tx| tx.raw(sql)).await.is_err(), "{sql}");
        }
    }
}

story! {
    async fn a_changed_entry_is_named(house: &House) {
        append(house, (0..5).map(|number| entry(number, "", "x")).collect()).await;
        seal(house).await;
        house.unlock_ledger().await;
        house.raw("update entries set cause = 'user' where id = 3").await;
        assert!(broken(house).await.contains("entry 3 of record con_"));
    }
}

story! {
    async fn a_changed_byte_of_a_value_is_named(house: &House) {
        append(house, (0..5).map(|number| entry(number, "", "x")).collect()).await;
        house.unlock_ledger().await;
        // Not sealed yet: its own hash tells.
        house.raw("update entries set changes = unhex('00') where id = 2").await;
        assert!(broken(house).await.contains("entry 2"));
        let opened = house.read(|tx| tx.entry(&Viewer::system(), 2)).await;
        assert!(matches!(opened, Err(StoreError::Corrupt { .. })), "{opened:?}");
    }
}

story! {
    async fn a_removed_entry_is_missed(house: &House) {
        append(house, (0..5).map(|number| entry(number, "", "x")).collect()).await;
        seal(house).await;
        house.unlock_ledger().await;
        house.raw("delete from entries where id = 4").await;
        assert_eq!(broken(house).await, "block 1 sealed 5 entries, 4 are there");
    }
}

story! {
    async fn a_replaced_block_breaks_the_chain(house: &House) {
        for _ in 0..3 {
            append(house, vec![entry(1, "", "x")]).await;
            seal(house).await;
        }
        house.unlock_ledger().await;
        house.raw("update blocks set sealed_at = sealed_at + 1 where no = 2").await;
        assert_eq!(broken(house).await, "block 2 was changed: its hash does not fit");
        house.raw("update blocks set sealed_at = sealed_at - 1 where no = 2").await;
        assert_eq!(verified(house).await.blocks, 3);
        house.raw("update blocks set previous = hash where no = 3").await;
        assert_eq!(broken(house).await, "block 3 is not chained to the block before it");
        house.raw("delete from blocks where no = 2").await;
        assert_eq!(broken(house).await, "block 2 is missing");
    }
}

story! {
    async fn an_erased_subject_is_unreadable_and_the_chain_still_holds(house: &House) {
        append(house, vec![entry(1, "", "Ada"), entry(2, "", "Bob")]).await;
        seal(house).await;
        let before = verified(house).await;
        let subject = contact(1).to_string();
        assert!(house.write(move |tx| tx.shred(&subject, at(2))).await.unwrap());

        let entries = house.read(|tx| tx.entries(&Viewer::system(), &EntryFilter::default(), 10)).await.unwrap();
        assert!(matches!(entries[0].changes, Changes::Open(_)));
        assert_eq!(entries[1].changes, Changes::Erased);
        assert_eq!(verified(house).await, before);
        assert_eq!(house.read(|tx| tx.erased_at(contact(1).as_str())).await.unwrap(), Some(at(2)));

        // Values can no more be written about it, but that something happened can.
        let refused = house.write(|tx| tx.append(&[entry(1, "Ada", "Eve")])).await;
        assert!(matches!(refused, Err(StoreError::Erased { .. })), "{refused:?}");
        append(house, vec![NewEntry { changes: [].into(), cause: "erasure".into(), ..entry(1, "", "") }]).await;
        assert!(!house.write(|tx| tx.shred(contact(1).as_str(), at(3))).await.unwrap());
    }
}

story! {
    async fn nobody_writes_about_a_subject_erased_before_it_was_known(house: &House) {
        assert!(house.write(|tx| tx.shred(contact(5).as_str(), at(2))).await.unwrap());
        assert!(matches!(house.write(|tx| tx.append(&[entry(5, "", "Eve")])).await, Err(StoreError::Erased { .. })));
    }
}

story! {
    async fn history_survives_a_new_master_key(house: &House) {
        append(house, (0..1_200).map(|number| entry(number, "", "Ada")).collect()).await;
        house.rotate_master_key(MasterKey::from_bytes(&[9; 32]).unwrap()).await.unwrap();
        append(house, vec![entry(1, "Ada", "Eve"), entry(5_000, "", "Zoe")]).await;
        for number in [0, 1, 1_199, 5_000] {
            let history = house.read(move |tx| tx.history(&Viewer::system(), &contact(number), 10, None)).await.unwrap();
            assert!(history.iter().all(|entry| matches!(entry.changes, Changes::Open(_))));
        }
        verified(house).await;
    }
}

story! {
    async fn writers_of_the_same_new_subject_agree_on_its_key(house: &House) {
        let writers: Vec<_> = (0..16)
            .map(|_| {
                let store = house.store.clone();
                tokio::spawn(async move { store.write(|tx| tx.append(&[entry(1, "", "Ada")])).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        let history = house.read(|tx| tx.history(&Viewer::system(), &contact(1), 100, None)).await.unwrap();
        assert_eq!(history.len(), 16);
        assert!(history.iter().all(|entry| matches!(entry.changes, Changes::Open(_))));
    }
}
