//! Counterparts in bulk, and the instance's own key.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::Actor;
use entente_store::{Link, LinkState, MasterKey, RecordState};

use super::house::{House, at, contact, record, story, text};

fn link(number: u64, connection: &str, id: &str, state: LinkState) -> Link {
    Link {
        record: contact(number),
        connection: connection.into(),
        remote_object: "Contact".into(),
        external_id: id.into(),
        base: text("name", "Ada"),
        seen: None,
        taken: None,
        written: BTreeSet::new(),
        pending: None,
        is_whole: false,
        version: None,
        seen_at: Some(at(1)),
        changed_at: None,
        changed_by: Actor::Customer,
        told_at: None,
        waiting: BTreeMap::new(),
        state,
        created_at: at(0),
    }
}

story! {
    async fn rows_are_found_with_their_records_and_gaps_are_seen(house: &House) {
        let links = vec![
            link(1, "crm", "a", LinkState::Present),
            link(1, "desk", "x", LinkState::Deleted),
            link(2, "crm", "b", LinkState::Present),
            link(3, "crm", "c", LinkState::Merged),
        ];
        house
            .write(move |tx| {
                tx.put_records(&[record(1, "Ada"), record(2, "Bob"), record(3, "Cid"), record(4, "Dan")])?;
                tx.put_links(&links)
            })
            .await
            .unwrap();
        let ids = ["b", "a", "nobody"].map(str::to_owned);
        let asked = ids.clone();
        let mut found = house.read(move |tx| tx.counterparts("crm", "Contact", &asked)).await.unwrap();
        found.sort_by(|one, other| one.external_id.cmp(&other.external_id));
        assert_eq!(found.iter().map(|row| (row.external_id.as_str(), row.record.clone())).collect::<Vec<_>>(), [("a", contact(1)), ("b", contact(2))]);
        assert_eq!((&found[0].data, found[0].object.as_str(), found[0].link), (&text("name", "Ada"), "contact", LinkState::Present));
        let mut behind = house.read(move |tx| tx.records_behind("crm", "Contact", &ids)).await.unwrap();
        behind.sort();
        assert_eq!(behind, [("a".to_owned(), contact(1)), ("b".to_owned(), contact(2))]);

        let lacking = house.read(|tx| tx.records_without_link("contact", "desk", None, 2)).await.unwrap();
        assert_eq!(lacking.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), [contact(2), contact(3)], "one that had a counterpart is no gap");
        let rest = house.read(|tx| tx.records_without_link("contact", "desk", Some(&contact(3)), 2)).await.unwrap();
        assert_eq!(rest, [(contact(4), text("name", "Dan"))]);

        let ended = |connection: &'static str| house.read(move |tx| tx.ended_links(connection, "Contact", "", 10));
        let at_desk = ended("desk").await.unwrap();
        assert_eq!((at_desk.len(), at_desk[0].record.clone(), at_desk[0].lives_elsewhere), (1, contact(1), true));
        let at_crm = ended("crm").await.unwrap();
        assert_eq!((at_crm.len(), at_crm[0].record.clone(), at_crm[0].lives_elsewhere), (1, contact(3), false));
    }
}

story! {
    async fn what_names_a_row_that_was_merged_away_means_the_record_that_it_has_ended_in(house: &House) {
        let ended_in = |number: u64, into: u64| {
            let mut new = record(number, "x");
            new.record.state = RecordState::Merged;
            new.record.merged_into = Some(contact(into));
            new
        };
        let links = [link(1, "desk", "a", LinkState::Merged), link(2, "desk", "b", LinkState::Merged), link(3, "desk", "c", LinkState::Present)];
        house
            .write(move |tx| {
                tx.put_records(&[ended_in(1, 2), ended_in(2, 3), record(3, "Cid")])?;
                tx.put_links(&links)
            })
            .await
            .unwrap();
        let ids = ["a", "b", "c", "nobody"].map(str::to_owned);
        let mut meant = house.read(move |tx| tx.records_meant("desk", "Contact", &ids)).await.unwrap();
        meant.sort();
        assert_eq!(meant, ["a", "b", "c"].map(|id| (id.to_owned(), contact(3))));
    }
}

story! {
    async fn the_instance_s_key_is_made_once_and_outlives_the_master_key(house: &House) {
        let made = house.write(|tx| tx.instance_key()).await.unwrap();
        assert_ne!(made, [0; entente_store::INSTANCE_KEY_BYTES]);
        assert_eq!(house.write(|tx| tx.instance_key()).await.unwrap(), made);
        let new = MasterKey::from_bytes(&[9; 32]).unwrap();
        house.store.rotate_master_key(new).await.unwrap();
        assert_eq!(house.write(|tx| tx.instance_key()).await.unwrap(), made);
    }
}
