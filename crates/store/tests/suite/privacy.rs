//! Forgetting a person: requests, what is blocked, every table's traces, and the database's files.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::Actor;
use entente_model::value::Value;
use entente_store::{
    ConflictSide, DeliveryState, Erasure, ErasureState, Existence, HeldRecord, Link, LinkState, MassKey, MatchKey, NewConflict,
    NewDeadLetter, NewDelivery, NewErasure, NewNotice, NewReview, NewSyncEvent, PutRecord, RecordState, RemoteKey, Scrubbed, StoreError,
    StoreUrl, StoredLook, SyncStatus, Traces, Verdict, Viewer,
};
use serde_json::json;

use crate::house::{House, at, contact, entry, hint, record, story, text};

/// What nobody else's row holds.
const NAME: &str = "Quintessa Vanterpool";
const EMAIL: &str = "quintessa@vanterpool.example";

fn request() -> NewErasure {
    NewErasure {
        record: Some(contact(1)),
        asked_at: at(5),
        asked_by: "olga".into(),
        source: "cli".into(),
        work: json!({ "rows": [] }),
        errand: EMAIL.as_bytes().to_vec(),
    }
}

fn key() -> RemoteKey {
    RemoteKey::new("crm", "Contact", "003A")
}

/// Leaves a trace of the person in every table that can hold one, and one of somebody else beside it.
async fn traces(house: &House) {
    house
        .write(|tx| {
            tx.put_records(&[record(1, NAME), record(2, "Bob")])?;
            tx.append(&[entry(1, "", NAME), entry(2, "", "Bob")])?;
            let words: BTreeSet<MatchKey> = [MatchKey::new("email", EMAIL)].into();
            tx.put_match_keys(&[(contact(1), "contact".into(), words)])?;
            tx.put_links(&[Link {
                record: contact(1),
                connection: "crm".into(),
                remote_object: "Contact".into(),
                external_id: "003A".into(),
                base: text("name", NAME),
                seen: Some(text("email", EMAIL)),
                taken: None,
                written: BTreeSet::new(),
                pending: None,
                is_whole: false,
                version: None,
                seen_at: None,
                changed_at: None,
                changed_by: Actor::Sales,
                told_at: None,
                waiting: BTreeMap::new(),
                state: LinkState::Present,
                created_at: at(0),
            }])?;
            let row = json!({ "Email": EMAIL }).as_object().cloned().unwrap_or_default();
            tx.put_looks(&[StoredLook {
                key: key(),
                row,
                complete: true,
                existence: Existence::Present,
                version: None,
                changed_at: None,
                changed_by: Actor::Unknown,
                marks: BTreeMap::new(),
                seen_at: at(0),
                earlier: Vec::new(),
                stamp: 0,
                changed_who: None,
            }])?;
            tx.hint(&[hint(contact(1).as_str(), 0), hint("crm/Contact/003A", 0), hint("bystander", 0)])?;
            for (id, body) in [("d1", format!("{{\"mail\":\"{}\"}}", EMAIL.to_uppercase())), ("d2", "{\"mail\":\"bob@x.example\"}".into())]
            {
                tx.deliver(&NewDelivery {
                    connection: "desk".into(),
                    delivery_id: id.into(),
                    received_at: at(0),
                    body: body.into_bytes(),
                    headers: BTreeMap::new(),
                    events: json!([]),
                })?;
            }
            let taken: Vec<(i64, Option<String>)> = tx.take_deliveries(10)?.into_iter().map(|id| (id, None)).collect();
            tx.finish_deliveries(&taken)?;
            tx.open_conflicts(&[NewConflict {
                record: contact(1),
                object: "contact".into(),
                field: "email".into(),
                base: Value::Null,
                sides: vec![ConflictSide { side: "crm".into(), value: Value::text(EMAIL), at: None, by: "sales".into(), who: None }],
                suggested: None,
                opened_at: at(0),
            }])?;
            for (one, other) in [(contact(1), contact(2)), (contact(3), contact(1))] {
                tx.open_review(&NewReview {
                    kind: "match".into(),
                    record: one,
                    other: other.to_string(),
                    object: "contact".into(),
                    score: 0.9,
                    evidence: json!({ "why": EMAIL }),
                    opened_at: at(0),
                })?;
            }
            tx.bury(&NewDeadLetter {
                subject: contact(2).to_string(),
                record: Some(contact(2)),
                connection: Some("desk".into()),
                object: "contact".into(),
                error_class: "data".into(),
                error_code: "DuplicateValue".into(),
                message: format!("Email: {EMAIL} is already being used by another user"),
                vendor_answer: String::new(),
                attempts: Vec::new(),
                advice: String::new(),
                first_at: at(0),
                died_at: at(0),
            })?;
            tx.sync_failed(&NewSyncEvent {
                at: at(0),
                direction: String::new(),
                subject: contact(1).to_string(),
                record: Some(contact(1)),
                object: "contact".into(),
                connection: None,
                external_id: None,
                error: NAME.into(),
                status: SyncStatus::Failing,
            })?;
            for body in [format!("{NAME} is new"), "Bob is new".to_owned()] {
                let kind = "new_customer".to_owned();
                tx.notify(&NewNotice { at: at(0), kind, recipient: "ops".into(), title: String::new(), body, record: None })?;
            }
            let of = MassKey { connection: "desk".into(), object: "contact".into(), kind: "blank".into() };
            let (hold, _) = tx.open_hold(&of, 9, 1, at(0))?;
            tx.put_held(&[HeldRecord { record: contact(1), hold, preview: json!({ "name": NAME }), since: at(0) }])?;
            tx.wait_for(&contact(1), "acc_x", "desk", at(0))
        })
        .await
        .unwrap();
}

/// Erases the person as the engine does.
async fn erase(house: &House) -> i64 {
    house
        .write(|tx| {
            let id = tx.open_erasure(&request())?;
            let mut gone = tx.record(&Viewer::system(), &contact(1))?.unwrap();
            (gone.data, gone.provenance, gone.state) = (BTreeMap::new(), BTreeMap::new(), RecordState::Erased);
            tx.put_records(&[PutRecord { record: gone, search_text: String::new() }])?;
            let words = vec![NAME.to_owned(), EMAIL.to_owned()];
            tx.forget(&Traces { records: vec![contact(1)], rows: vec![key()], words })?;
            tx.shred(contact(1).as_str(), at(6))?;
            Ok(id)
        })
        .await
        .unwrap()
}

story! {
    async fn a_request_is_kept_with_an_errand_that_only_its_key_opens(house: &House) {
        let id = house.write(|tx| tx.open_erasure(&request())).await.unwrap();
        assert_eq!(house.read(move |tx| tx.errand(id)).await.unwrap().as_deref(), Some(EMAIL.as_bytes()));
        let due = house.read(|tx| tx.due_erasures(at(5), 10)).await.unwrap();
        assert_eq!(due.iter().map(|one| (one.id, one.state)).collect::<Vec<_>>(), [(id, ErasureState::Working)]);
        assert!(house.read(|tx| tx.due_erasures(at(4), 10)).await.unwrap().is_empty());
        let ended = Erasure { state: ErasureState::Done, due_at: None, ended_at: Some(at(9)), ..due[0].clone() };
        let put = ended.clone();
        house.write(move |tx| { tx.put_erasure(&put)?; tx.end_errand(id, at(9)) }).await.unwrap();
        assert_eq!(house.read(move |tx| tx.errand(id)).await.unwrap(), None);
        assert_eq!(house.read(move |tx| tx.erasure(&Viewer::system(), id)).await.unwrap(), Some(ended));
        assert_eq!(house.read(|tx| tx.erasure_of(&contact(1))).await.unwrap().map(|one| one.id), Some(id));
        let waiting = house.read(|tx| tx.erasures(&Viewer::system(), Some(ErasureState::Working), 10, None)).await.unwrap();
        assert!(waiting.is_empty());
        assert_eq!(house.read(|tx| tx.erasures(&Viewer::system(), None, 10, None)).await.unwrap().len(), 1);
        let nobody = Viewer::new("nobody", "");
        assert!(house.read(move |tx| tx.erasures(&nobody, None, 10, None)).await.unwrap().is_empty());
    }
}

story! {
    async fn what_is_blocked_is_known_until_it_is_let_in_again(house: &House) {
        assert_eq!(house.read(|tx| tx.blocked_stamp()).await.unwrap(), 0);
        house.write(|tx| { tx.block(1, &[[1; 32], [2; 32]])?; tx.block(2, &[[3; 32], [3; 32]]) }).await.unwrap();
        let stamp = house.read(|tx| tx.blocked_stamp()).await.unwrap();
        let blocked = house.read(|tx| tx.blocked()).await.unwrap();
        assert_eq!((blocked.len(), blocked[&[1; 32]], blocked[&[3; 32]]), (3, 1, 2));
        assert_eq!(house.write(|tx| tx.unblock(1)).await.unwrap(), 2);
        assert_eq!(house.read(|tx| tx.blocked()).await.unwrap().len(), 1);
        assert!(house.read(|tx| tx.blocked_stamp()).await.unwrap() > stamp, "a copy of before is told to be old");
    }
}

story! {
    async fn every_table_forgets_and_bystanders_stay(house: &House) {
        traces(house).await;
        erase(house).await;
        let viewer = Viewer::system();
        house
            .read(move |tx| {
                assert!(tx.links_of(&[contact(1)])?.is_empty() && tx.looks_for(&[key()])?.is_empty());
                assert!(tx.match_records("contact", &[MatchKey::new("email", EMAIL)])?.is_empty());
                assert!(tx.hint_of(contact(1).as_str())?.is_none() && tx.hint_of("crm/Contact/003A")?.is_none());
                assert!(tx.hint_of("bystander")?.is_some());
                assert!(tx.conflicts_of(&[contact(1)])?.is_empty() && tx.reviews_of(&[contact(1).to_string()])?.is_empty());
                assert!(tx.dead_letters(&viewer, &Default::default(), 10)?.is_empty(), "the vendor's words named the address");
                assert_eq!(tx.held_count()? + tx.wait_counts()?.len() as u64, 0);
                assert!(tx.sync_events(&viewer, at(0), 10)?.is_empty());
                let notices = tx.notices(entente_store::NoticeState::Pending, 10, None)?;
                assert_eq!(notices.iter().map(|one| one.notice.body.as_str()).collect::<Vec<_>>(), ["Bob is new"]);
                assert_eq!(tx.inbox_counts()?[&("desk".into(), DeliveryState::Done)], 2, "that something came stays");
                assert_eq!(tx.record(&viewer, &contact(2))?.map(|record| record.data), Some(text("name", "Bob")));
                Ok(())
            })
            .await
            .unwrap();
        assert!(matches!(house.verify(|_| {}).await.unwrap(), Verdict::Intact(_)));
    }
}

story! {
    async fn records_of_an_erased_subject_that_stay_get_one_of_their_own(house: &House) {
        let mut case = record(7, "a case");
        case.record.subject = contact(1).to_string();
        house.write(move |tx| tx.put_records(&[case.clone()])).await.unwrap();
        assert_eq!(house.read(|tx| tx.records_of_subjects(&[contact(1).to_string()])).await.unwrap().len(), 1);
        assert_eq!(house.write(|tx| { tx.shred(contact(1).as_str(), at(1))?; tx.part_from_subjects(&[contact(1).to_string()], at(1)) }).await.unwrap(), 1);
        house.write(|tx| tx.append(&[entry(7, "", "still told")])).await.unwrap();
        assert_eq!(house.read(|tx| tx.record(&Viewer::system(), &contact(7))).await.unwrap().unwrap().subject, contact(7).to_string());
    }
}

story! {
    async fn texts_within_values_are_found_whatever_their_case(house: &House) {
        house.write(|tx| tx.put_records(&[record(1, "Billing: QUINTESSA@vanterpool.example"), record(2, "100% Bob")])).await.unwrap();
        let holding = |text: &'static str| house.read(move |tx| tx.records_holding(&Viewer::system(), text, 10));
        assert_eq!(holding(EMAIL).await.unwrap().len(), 1);
        assert_eq!(holding("100% b").await.unwrap().len(), 1);
        assert!(holding("1%b").await.unwrap().is_empty(), "a sign is a sign and no pattern");
    }
}

story! {
    async fn a_scrubbed_database_has_no_byte_of_the_person_in_its_files(house: &House) {
        traces(house).await;
        // Values that come and go leave free pages and gaps behind.
        for round in 0..30_u64 {
            house.write(move |tx| {
                let many: Vec<PutRecord> = (100..140).map(|number| record(number + round * 40, &format!("{NAME} {EMAIL} {}", "x".repeat(900)))).collect();
                tx.put_records(&many)
            }).await.unwrap();
        }
        house.raw("delete from records where id in (select id from records order by id desc limit 1200)").await;
        house.raw("delete from search where id not in (select id from records)").await;
        // The planner's statistics quote values, of columns and of indexes.
        house.raw("analyze").await;
        let before = found(house).await;
        assert!(before.iter().any(|place| place.contains("stat")) || !house.is_postgres(), "{before:?}");
        erase(house).await;
        let scrubbed = house.scrub().await.unwrap();
        assert!(!before.is_empty(), "the traces were there");
        assert_eq!(found(house).await, Vec::<String>::new());
        match house.path() {
            Some(path) => {
                assert_eq!(scrubbed, Scrubbed::File);
                assert_eq!(std::fs::metadata(path.with_extension("db-wal")).map_or(0, |log| log.len()), 0);
            }
            None => assert!(matches!(scrubbed, Scrubbed::Tables { many: 30.., statistics: true }), "{scrubbed:?}"),
        }
        house.write(|tx| tx.put_records(&[record(9, "Zoe")])).await.unwrap();
        assert!(matches!(house.verify(|_| {}).await.unwrap(), Verdict::Intact(_)));
    }
}

story! {
    async fn a_transaction_that_still_sees_old_rows_holds_up_the_scrub_and_nothing_is_said_to_be_done(house: &House) {
        let StoreUrl::Postgres(url) = house.url.clone() else { return };
        traces(house).await;
        let (mut client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        // It has not touched a table of ours, so that no lock tells of it, and still it sees the rows as they were.
        let old = client.build_transaction().isolation_level(tokio_postgres::IsolationLevel::RepeatableRead).start().await.unwrap();
        old.query("select 1", &[]).await.unwrap();
        erase(house).await;
        let refused = house.scrub().await.unwrap_err();
        assert!(matches!(&refused, StoreError::Busy(why) if why.contains("old versions")), "{refused}");
        assert!(!found(house).await.is_empty(), "the rows are there as long as it sees them");
        old.rollback().await.unwrap();
        house.scrub().await.unwrap();
        assert_eq!(found(house).await, Vec::<String>::new());
        drop(client);
        driver.await.unwrap().unwrap();
    }
}

/// Where the person stands in the files of the database.
async fn found(house: &House) -> Vec<String> {
    let words = [NAME, EMAIL, "quintessa", "vanterpool"];
    if let StoreUrl::Postgres(url) = &house.url {
        return found_on_the_server(url, &words).await;
    }
    found_in_files(house, &words.map(str::to_lowercase))
}

/// The server reads its own files: those of every table and index of the database, the catalog's as well.
async fn found_on_the_server(url: &str, words: &[&str]) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute("checkpoint").await.unwrap();
    let sql = "select c.relname::text from pg_class c where pg_relation_filepath(c.oid) is not null and exists
               (select from unnest($1::text[]) word, lateral (select pg_read_binary_file(pg_relation_filepath(c.oid)) as bytes) file
                where position(convert_to(word, 'UTF8') in file.bytes) > 0)";
    let mut forms: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    forms.extend(words.iter().map(|word| word.to_lowercase()));
    forms.push("Quintessa".to_owned());
    forms.push("Vanterpool".to_owned());
    let rows = client.query(sql, &[&forms]).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Those of SQLite, with what is around it.
fn found_in_files(house: &House, words: &[String]) -> Vec<String> {
    let Some(path) = house.path() else { return Vec::new() };
    let mut found = Vec::new();
    for file in ["db", "db-wal", "db-shm"].map(|ending| path.with_extension(ending)) {
        let bytes = std::fs::read(&file).unwrap_or_default().to_ascii_lowercase();
        for word in words {
            for at in (0..bytes.len().saturating_sub(word.len())).filter(|at| bytes[*at..].starts_with(word.as_bytes())) {
                let around = &bytes[at.saturating_sub(40)..(at + 60).min(bytes.len())];
                found.push(format!("{} at {at}: {}", file.display(), String::from_utf8_lossy(around)));
            }
        }
    }
    found
}
