//! Chains of merges are taken back in any order, from what the store holds.

use std::collections::{BTreeMap, BTreeSet};

use entente_engine::Engine;
use entente_engine::options::MergeValue;
use entente_engine::records::reviews;
use entente_engine::records::reviews::certain::merge_certain;
use entente_engine::records::unmerge::unmerge;
use entente_model::actor::Actor;
use entente_model::id::RecordId;
use entente_model::matching::AUTO_LINK;
use entente_model::matching::counterpart::Matcher;
use entente_model::value::{Fields, Value};
use entente_store::{Changes, Link, LinkState, MergeWay, Moved, NewMerge, NewReview, PutRecord, Record, RecordState, Viewer};

use crate::house::{CRM, DESK, House};

async fn keeping_the_oldest() -> House {
    let mut house = House::sqlite().await;
    house.options.merge_keeps_oldest = true;
    house
}

fn petra() -> Viewer {
    Viewer::new("petra", "admin")
}

async fn contact(house: &House, engine: &Engine, fields: &[(&str, &str)], link: Option<(&str, &str, &str)>) -> RecordId {
    house.watch.pass(1_000);
    let (id, now) = (engine.new_id("con"), engine.now());
    let data: Fields = fields.iter().map(|(field, value)| ((*field).to_owned(), Value::text(*value))).collect();
    let record = Record {
        id: id.clone(),
        object: "contact".to_owned(),
        subject: id.to_string(),
        data: data.clone(),
        provenance: BTreeMap::new(),
        created_at: now,
        updated_at: now,
        version: 0,
        state: RecordState::Active,
        merged_into: None,
    };
    let link = link.map(|(connection, object, external)| Link {
        record: id.clone(),
        connection: connection.to_owned(),
        remote_object: object.to_owned(),
        external_id: external.to_owned(),
        base: data,
        seen: None,
        taken: None,
        written: BTreeSet::new(),
        pending: None,
        is_whole: false,
        version: None,
        seen_at: Some(now),
        changed_at: Some(now),
        changed_by: Actor::Unknown,
        told_at: None,
        waiting: BTreeMap::new(),
        state: LinkState::Present,
        created_at: now,
    });
    let store = &house.store;
    store
        .write(move |tx| {
            tx.put_records(&[PutRecord { record: record.clone(), search_text: String::new() }])?;
            tx.put_links(&link.clone().into_iter().collect::<Vec<_>>())
        })
        .await
        .unwrap();
    id
}

/// A ticket about somebody.
async fn ticket(house: &House, engine: &Engine, about: &RecordId) -> RecordId {
    let (id, now, about) = (engine.new_id("cas"), engine.now(), about.clone());
    let record = Record {
        id: id.clone(),
        object: "case".to_owned(),
        subject: about.to_string(),
        data: Fields::from([("contact".to_owned(), Value::Ref(about))]),
        provenance: BTreeMap::new(),
        created_at: now,
        updated_at: now,
        version: 0,
        state: RecordState::Active,
        merged_into: None,
    };
    house.store.write(move |tx| tx.put_records(&[PutRecord { record: record.clone(), search_text: String::new() }])).await.unwrap();
    id
}

/// A person finds two to be one. The one known longer stays.
async fn merge(house: &House, engine: &Engine, one: &RecordId, other: &RecordId) {
    house.watch.pass(1_000);
    let now = engine.now();
    let new = NewReview {
        kind: "match".to_owned(),
        record: other.clone(),
        other: one.to_string(),
        object: "contact".to_owned(),
        score: 0.9,
        evidence: serde_json::json!({ "why": "told" }),
        opened_at: now,
    };
    let id = house.store.write(move |tx| tx.open_review(&new)).await.unwrap().id;
    reviews::accept(engine, &petra(), &id.to_string()).await.unwrap();
}

/// Values, states, counterparts and what tickets are about.
type Snapshot = (BTreeMap<RecordId, (Fields, RecordState)>, BTreeSet<(RecordId, String, String)>);

async fn snapshot(house: &House, ids: &[RecordId]) -> Snapshot {
    let ids = ids.to_vec();
    let read = house.store.read(move |tx| Ok((tx.records(&Viewer::system(), &ids)?, tx.links_of(&ids)?)));
    let (records, links) = read.await.unwrap();
    let blank = |fields: Fields| -> Fields { fields.into_iter().filter(|(_, value)| !value.is_blank()).collect() };
    (
        records.into_iter().map(|(id, record)| (id, (blank(record.data), record.state))).collect(),
        links.into_iter().map(|link| (link.record, link.connection, link.external_id)).collect(),
    )
}

/// Three of one customer, and a ticket about each.
async fn three(house: &House, engine: &Engine) -> [RecordId; 6] {
    let c = contact(house, engine, &[("first_name", "Ada"), ("email", "ada@one.example")], Some((CRM, "Contact", "003A"))).await;
    let b = contact(house, engine, &[("first_name", "Ada"), ("job_title", "Countess")], None).await;
    let a = contact(house, engine, &[("first_name", "Augusta"), ("phone", "+14155552671")], Some((DESK, "user", "42"))).await;
    let tickets = [ticket(house, engine, &a).await, ticket(house, engine, &b).await, ticket(house, engine, &c).await];
    let [of_a, of_b, of_c] = tickets;
    [a, b, c, of_a, of_b, of_c]
}

#[tokio::test]
async fn what_two_become_has_the_tags_of_both_and_of_each_field_what_its_rule_keeps() {
    let mut house = keeping_the_oldest().await;
    house.options.merge_values = BTreeMap::from([("contact.job_title".to_owned(), MergeValue::Longest)]);
    let engine = house.engine().await;
    let known = [("first_name", "Ada"), ("job_title", "Countess"), ("phone", "+14155552671")];
    let stays = contact(&house, &engine, &known, Some((CRM, "Contact", "003A"))).await;
    let other = [("first_name", "Augusta"), ("job_title", "Countess of Lovelace"), ("email", "ada@one.example")];
    let goes = contact(&house, &engine, &other, Some((DESK, "user", "42"))).await;
    for (id, tags) in [(&stays, ["vip", "old"]), (&goes, ["vip", "beta"])] {
        let (id, tags) = (id.clone(), Value::Set(tags.iter().map(|tag| (*tag).to_owned()).collect()));
        let put = house.store.write(move |tx| {
            let mut record = tx.record(&Viewer::system(), &id)?.unwrap();
            record.data.insert("support_tags".to_owned(), tags.clone());
            tx.put_records(&[PutRecord { record, search_text: String::new() }])
        });
        put.await.unwrap();
    }
    let ids = [stays.clone(), goes.clone()];
    let before = snapshot(&house, &ids).await;
    merge(&house, &engine, &stays, &goes).await;
    let (records, _) = snapshot(&house, &ids).await;
    let held = &records[&stays].0;
    let text = |field: &str| held[field].display();
    assert_eq!(held["support_tags"], Value::Set(["vip", "old", "beta"].map(str::to_owned).into()));
    assert_eq!((text("first_name"), text("job_title")), ("Ada".to_owned(), "Countess of Lovelace".to_owned()));
    assert_eq!((text("phone"), text("email")), ("+14155552671".to_owned(), "ada@one.example".to_owned()));
    let of = stays.clone();
    let history = house.store.read(move |tx| tx.history(&Viewer::system(), &of, 1, None)).await.unwrap();
    let Changes::Open(changes) = &history[0].changes else { panic!("{history:?}") };
    let lost = |field: &str| changes[field].lost.iter().map(|lost| lost.value.display()).collect::<Vec<_>>();
    assert_eq!((lost("first_name"), lost("job_title")), (vec!["Augusta".to_owned()], vec!["Countess".to_owned()]));
    // And apart they are as they were.
    unmerge(&engine, &petra(), goes.as_str(), true).await.unwrap();
    assert_eq!(snapshot(&house, &ids).await, before);
}

#[tokio::test]
async fn what_is_certain_is_found_beyond_the_newest_two_hundred_reviews() {
    let mut house = keeping_the_oldest().await;
    house.options.auto_merge = true;
    let engine = house.engine().await;
    let person = [("first_name", "Ada"), ("last_name", "Lovelace"), ("email", "ada@one.example"), ("phone", "+14155552671")];
    let one = contact(&house, &engine, &person, Some((CRM, "Contact", "003A"))).await;
    let other = contact(&house, &engine, &person, Some((DESK, "user", "42"))).await;
    let now = engine.now();
    let review = move |number: usize, record: &RecordId, other: &RecordId, score: f64| NewReview {
        kind: "match".to_owned(),
        record: record.clone(),
        other: other.to_string(),
        object: "contact".to_owned(),
        score,
        evidence: serde_json::json!({ "why": number }),
        opened_at: now,
    };
    let mut strangers = Vec::new();
    for number in 0..205 {
        strangers.push(contact(&house, &engine, &[("first_name", &format!("Nobody{number}"))], None).await);
    }
    let fields: Fields = person.iter().map(|(field, value)| ((*field).to_owned(), Value::text(*value))).collect();
    let judged = Matcher::new("contact", None, AUTO_LINK).judge(&(&fields).into(), &[(&fields).into()], &|_, _| 1).unwrap().remove(0);
    assert!(judged.certain);
    let sure = serde_json::json!({ "why": judged.in_words(), "waterfall": judged.waterfall });
    let (a, b) = (one.clone(), other.clone());
    let opened = house.store.write(move |tx| {
        let mut first = review(0, &b, &a, 0.999);
        first.kind = "duplicate".to_owned();
        first.evidence = sure.clone();
        let certain = tx.open_review(&first)?.id;
        for (number, pair) in strangers.windows(2).enumerate() {
            tx.open_review(&review(number, &pair[0], &pair[1], 0.5))?;
        }
        Ok(certain)
    });
    opened.await.unwrap();
    assert_eq!(merge_certain(&engine, &|| false).await.unwrap(), 1, "it is older than 200 that came since");
    let (records, _) = snapshot(&house, &[one, other]).await;
    assert_eq!(records.values().filter(|(_, state)| *state == RecordState::Merged).count(), 1);
}

#[tokio::test]
async fn a_chain_of_merges_comes_apart_in_any_order() {
    for order in [[0, 1], [1, 0]] {
        let house = keeping_the_oldest().await;
        let engine = house.engine().await;
        let ids = three(&house, &engine).await;
        let [a, b, c, ..] = ids.clone();
        let before = snapshot(&house, &ids).await;
        merge(&house, &engine, &b, &a).await;
        merge(&house, &engine, &c, &b).await;
        let (merged, links) = snapshot(&house, &ids).await;
        assert_eq!((merged[&a].1, merged[&b].1), (RecordState::Merged, RecordState::Merged));
        assert!(links.iter().all(|(record, ..)| *record == c), "both counterparts are the one's that stays");
        assert_eq!(merged[&c].0["phone"], Value::text("+14155552671"));
        for at in order {
            house.watch.pass(1_000);
            let report = unmerge(&engine, &petra(), ids[at].as_str(), true).await.unwrap();
            assert!(report.entry.is_some() && report.impossible.is_empty(), "{report:?}");
        }
        assert_eq!(snapshot(&house, &ids).await, before, "parted in the order {order:?}");
    }
}

#[tokio::test]
async fn one_of_a_chain_comes_back_alone_and_the_rest_stays_one() {
    let house = keeping_the_oldest().await;
    let engine = house.engine().await;
    let ids = three(&house, &engine).await;
    let [a, b, c, of_a, of_b, of_c] = ids.clone();
    merge(&house, &engine, &b, &a).await;
    merge(&house, &engine, &c, &b).await;
    unmerge(&engine, &petra(), a.as_str(), true).await.unwrap();
    let (records, links) = snapshot(&house, &ids).await;
    assert_eq!((records[&a].1, records[&b].1, records[&c].1), (RecordState::Active, RecordState::Merged, RecordState::Active));
    assert!(!records[&c].0.contains_key("phone") && !records[&b].0.contains_key("phone"), "what was hers went with her");
    assert_eq!(records[&c].0["job_title"], Value::text("Countess"), "what is the other one's stays");
    let owner = |connection: &str| links.iter().find(|(_, at, _)| at == connection).map(|(record, ..)| record.clone());
    assert_eq!((owner(DESK), owner(CRM)), (Some(a.clone()), Some(c.clone())));
    let about = |ticket: &RecordId| records[ticket].0["contact"].clone();
    assert_eq!((about(&of_a), about(&of_b), about(&of_c)), (Value::Ref(a.clone()), Value::Ref(c.clone()), Value::Ref(c.clone())));
    assert!(house.store.read(move |tx| Ok(tx.are_apart(&a, &b)? && tx.are_apart(&a, &c)?)).await.unwrap(), "it is remembered");
}

#[tokio::test]
async fn two_of_which_each_has_ended_in_the_other_are_two_again() {
    let house = keeping_the_oldest().await;
    let engine = house.engine().await;
    let ids = three(&house, &engine).await;
    let [a, _, c, ..] = ids.clone();
    let before = snapshot(&house, &ids).await;
    // As platforms that merged them the one way and the other had left them once.
    let (one, other, now) = (a.clone(), c.clone(), engine.now());
    let ended = house.store.write(move |tx| {
        for (absorbed, survivor) in [(&one, &other), (&other, &one)] {
            let mut record = tx.record(&Viewer::system(), absorbed)?.unwrap();
            record.state = RecordState::Merged;
            record.merged_into = Some(survivor.clone());
            tx.put_records(&[PutRecord { record, search_text: String::new() }])?;
            let after = tx.last_entry()?;
            tx.keep_merge(&NewMerge {
                object: "contact".to_owned(),
                survivor: survivor.clone(),
                absorbed: absorbed.clone(),
                way: MergeWay::Followed,
                connection: Some(CRM.to_owned()),
                at: now,
                by: CRM.to_owned(),
                after,
                moved: Moved::default(),
            })?;
        }
        Ok(())
    });
    ended.await.unwrap();
    let report = unmerge(&engine, &petra(), a.as_str(), true).await.unwrap();
    assert!(report.entry.is_some(), "{report:?}");
    assert_eq!(snapshot(&house, &ids).await, before);
    let (one, other) = (a.clone(), c.clone());
    let standing = house.store.read(move |tx| Ok([tx.merges_of(&one)?, tx.merges_of(&other)?].concat())).await.unwrap();
    assert!(standing.iter().all(|merge| merge.undone_at.is_some()), "{standing:?}");
}

#[tokio::test]
async fn what_never_was_merged_cannot_be_parted() {
    let house = keeping_the_oldest().await;
    let engine = house.engine().await;
    let [a, ..] = three(&house, &engine).await;
    let refusal = unmerge(&engine, &petra(), a.as_str(), true).await.unwrap_err().to_string();
    assert!(refusal.contains("nobody's record ended in it"), "{refusal}");
}
