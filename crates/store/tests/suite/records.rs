//! Records, links and looks.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::{Actor, ChangeMark, UserId};
use entente_model::id::RecordId;
use entente_model::value::Value;
use entente_store::{
    Existence, Link, LinkState, PutRecord, Record, RecordQuery, RecordState, RemoteKey, SeenVersion, StoreError, StoredLook, Viewer,
};
use serde_json::json;

use crate::house::{House, at, contact, record, story, text};

fn query() -> RecordQuery {
    RecordQuery { object: Some("contact".into()), ..RecordQuery::default() }
}

async fn put(house: &House, puts: Vec<PutRecord>) -> entente_store::Result<()> {
    house.write(move |tx| tx.put_records(&puts)).await
}

async fn get(house: &House, number: u64) -> Record {
    house.read(move |tx| tx.record(&Viewer::system(), &contact(number))).await.unwrap().unwrap()
}

async fn find(house: &House, text: &'static str) -> Vec<String> {
    let query = RecordQuery { text: Some(text.into()), ..query() };
    let page = house.read(move |tx| tx.list_records(&Viewer::system(), &query, 50)).await.unwrap();
    page.records.iter().map(|record| record.data["name"].display()).collect()
}

story! {
    async fn a_record_is_read_back_as_it_was_written(house: &House) {
        let mut new = record(1, "Ada");
        new.record.data.insert("score".into(), Value::Json(json!({ "a": [1, 2.5, null] })));
        put(house, vec![new.clone()]).await.unwrap();
        assert_eq!(get(house, 1).await, Record { version: 1, ..new.record });
        let found = house.read(|tx| tx.records(&Viewer::system(), &[contact(1), contact(2)])).await.unwrap();
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [contact(1)]);
    }
}

story! {
    async fn two_writers_of_one_version_cannot_both_win(house: &House) {
        put(house, vec![record(1, "Ada")]).await.unwrap();
        let read = get(house, 1).await;
        let change = |name: &str| PutRecord { record: Record { data: text("name", name), ..read.clone() }, search_text: name.into() };
        put(house, vec![change("Eve")]).await.unwrap();
        let lost = put(house, vec![change("Bob")]).await;
        assert!(matches!(lost, Err(StoreError::Conflict { .. })), "{lost:?}");
        assert!(matches!(put(house, vec![record(1, "Twin")]).await, Err(StoreError::Conflict { .. })));
        let now = get(house, 1).await;
        assert_eq!((now.version, now.data["name"].display().as_str()), (2, "Eve"));
    }
}

story! {
    async fn records_are_found_by_the_beginnings_of_their_words(house: &House) {
        let names = ["Ada Lovelace ada@lovelace.example", "Grace Hopper +1 202 555 0117", "Adam Ant"];
        put(house, names.iter().zip(1..).map(|(name, number)| record(number, name)).collect()).await.unwrap();
        assert_eq!(find(house, "ada").await, ["Adam Ant", names[0]]);
        assert_eq!(find(house, "LOVE ada").await, [names[0]]);
        assert_eq!(find(house, "ada@lovelace.example").await, [names[0]]);
        assert_eq!(find(house, "202 555").await, [names[1]]);
        assert_eq!(find(house, "o'brien \"or\" *").await, Vec::<String>::new());
        assert_eq!(find(house, "---").await, Vec::<String>::new());

        let mut gone = get(house, 3).await;
        gone.state = RecordState::Deleted;
        put(house, vec![PutRecord { record: gone, search_text: "Adam Ant".into() }]).await.unwrap();
        let mut renamed = get(house, 1).await;
        renamed.data = text("name", "Augusta King");
        put(house, vec![PutRecord { record: renamed, search_text: "Augusta King".into() }]).await.unwrap();
        assert_eq!(find(house, "ada").await, Vec::<String>::new());
        assert_eq!(find(house, "king").await, ["Augusta King"]);
        let deleted = RecordQuery { state: Some(RecordState::Deleted), ..query() };
        assert_eq!(house.read(move |tx| tx.list_records(&Viewer::system(), &deleted, 10)).await.unwrap().records.len(), 1);
    }
}

story! {
    async fn records_are_found_by_any_of_many_values_of_a_field(house: &House) {
        put(house, vec![record(1, "Ada"), record(2, "Bea"), record(3, "Cleo"), record(4, "Ada")]).await.unwrap();
        let mut gone = get(house, 2).await;
        gone.state = RecordState::Deleted;
        put(house, vec![PutRecord { record: gone, search_text: String::new() }]).await.unwrap();
        let with = async |object: &'static str, names: Vec<&str>| {
            let values: Vec<Value> = names.into_iter().map(Value::text).collect();
            let found = house.read(move |tx| tx.records_with(&Viewer::system(), object, "name", &values)).await.unwrap();
            found.into_iter().map(|record| record.id).collect::<Vec<_>>()
        };
        assert_eq!(with("contact", vec!["Ada", "Bea", "Dora"]).await, [contact(1), contact(4)]);
        // More than one statement asks for.
        let many: Vec<String> = (0..250).map(|number| if number == 240 { "Cleo".to_owned() } else { format!("nobody {number}") }).collect();
        assert_eq!(with("contact", many.iter().map(String::as_str).collect()).await, [contact(3)]);
        assert_eq!(with("account", vec!["Ada"]).await, []);
        assert_eq!(with("contact", vec![]).await, []);
        let wrong = house.read(|tx| tx.records_with(&Viewer::system(), "contact", "name' or 1=1", &[Value::Null])).await;
        assert!(matches!(wrong, Err(StoreError::Invalid(_))), "{wrong:?}");
    }
}

story! {
    async fn a_list_is_paged_without_gaps(house: &House) {
        put(house, (0..1_205).map(|number| record(number, "x")).collect()).await.unwrap();
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let query = RecordQuery { after, ..query() };
            let page = house.read(move |tx| tx.list_records(&Viewer::system(), &query, 500)).await.unwrap();
            seen.extend(page.records.into_iter().map(|record| record.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..1_205).rev().map(contact).collect::<Vec<_>>());
        assert_eq!(house.read(|tx| tx.record_counts(&Viewer::system())).await.unwrap()["contact"], 1_205);
        let walked = house.read(|tx| tx.records_after(&Viewer::system(), "contact", Some(&contact(1_202)), 10)).await.unwrap();
        assert_eq!(walked.len(), 2);
        let back = |before: Option<RecordId>| house.read(move |tx| tx.records_before(&Viewer::system(), "contact", before.as_ref(), 2));
        let ids = |records: Vec<Record>| records.into_iter().map(|record| record.id).collect::<Vec<_>>();
        assert_eq!(ids(back(None).await.unwrap()), [contact(1_204), contact(1_203)], "the newest first");
        assert_eq!(ids(back(Some(contact(1))).await.unwrap()), [contact(0)]);
        let bad = RecordQuery { after: Some("nonsense".into()), ..query() };
        assert!(matches!(house.read(move |tx| tx.list_records(&Viewer::system(), &bad, 1)).await, Err(StoreError::Invalid(_))));
    }
}

story! {
    async fn what_belongs_to_an_account_comes_last_changed_first(house: &House) {
        let account = RecordId::new("acc", 1);
        let of = |number: u64, account: &RecordId| {
            let mut new = record(number, "x");
            new.record.data.insert("account".into(), Value::Ref(account.clone()));
            new.record.updated_at = at(i64::try_from(number).unwrap());
            new
        };
        let mut gone = of(4, &account);
        gone.record.state = RecordState::Deleted;
        let others = [of(5, &RecordId::new("acc", 2)), record(6, "nobody's")];
        put(house, [of(1, &account), of(3, &account), of(2, &account), gone].into_iter().chain(others).collect()).await.unwrap();
        let found = house.read(move |tx| tx.records_of_account("contact", &account, 2)).await.unwrap();
        assert_eq!(found.into_iter().map(|record| record.id).collect::<Vec<_>>(), [contact(3), contact(2)]);
    }
}

story! {
    async fn of_an_account_s_activities_those_of_sales_are_told_the_latest_day_first(house: &House) {
        let account = RecordId::new("acc", 1);
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let of = |number: u64, day: Option<&str>, case: Option<u64>| {
            let mut new = record(number, "x");
            "activity".clone_into(&mut new.record.object);
            new.record.data.insert("account".into(), Value::Ref(account.clone()));
            new.record.data.insert("done_on".into(), day.map_or(Value::Null, |day| Value::Date(day.parse().unwrap())));
            new.record.data.insert("case".into(), case.map_or(Value::Null, |case| Value::Ref(RecordId::new("cas", case.into()))));
            new.record.updated_at = at(i64::try_from(number).unwrap());
            new
        };
        let mut gone = of(9, Some("2026-03-09"), None);
        gone.record.state = RecordState::Deleted;
        let mut undated = of(8, None, None);
        undated.record.data.remove("done_on");
        undated.record.data.remove("case");
        let all = [
            of(1, Some("2026-01-01"), None),
            of(2, Some("2026-03-01"), None),
            of(3, Some("2026-03-01"), Some(1)),
            of(4, Some("2026-02-01"), Some(1)),
            of(5, None, None),
            of(6, Some("2026-03-05"), Some(1)),
            of(7, Some("2026-03-07"), None),
            undated,
            gone,
        ];
        put(house, all.into()).await.unwrap();
        let linked = [link(3, "crm", "3"), link(6, "desk", "6"), link(7, "desk", "7"), link(1, "crm", "1")];
        house.write(move |tx| tx.put_links(&linked)).await.unwrap();
        let (sales, desks) = (texts(&["crm"]), texts(&["desk"]));
        let told = |limit: usize| {
            let (account, sales, desks) = (account.clone(), sales.clone(), desks.clone());
            house.read(move |tx| tx.sales_activities(&account, &sales, &desks, limit))
        };
        let ids = |found: Vec<Record>| found.into_iter().map(|record| record.id).collect::<Vec<_>>();
        assert_eq!(ids(told(9).await.unwrap()), [contact(3), contact(2), contact(1), contact(8), contact(5)]);
        assert_eq!(ids(told(2).await.unwrap()), [contact(3), contact(2)]);
    }
}

story! {
    async fn records_are_found_by_the_value_of_an_indexed_field(house: &House) {
        house.write(|tx| tx.index_field("contact", "name")).await.unwrap();
        house.write(|tx| tx.index_field("contact", "name")).await.unwrap();
        put(house, vec![record(1, "Ada"), record(2, "Bob")]).await.unwrap();
        let by_name = |name: &str| RecordQuery { equal: vec![("name".into(), Value::text(name))], ..query() };
        let (ada, eve) = (by_name("Ada"), by_name("Eve"));
        assert_eq!(house.read(move |tx| tx.list_records(&Viewer::system(), &ada, 10)).await.unwrap().records.len(), 1);
        assert_eq!(house.read(move |tx| tx.list_records(&Viewer::system(), &eve, 10)).await.unwrap().records.len(), 0);
        let trick = RecordQuery { equal: vec![("name' = '' or 'a".into(), Value::Null)], ..query() };
        assert!(matches!(house.read(move |tx| tx.list_records(&Viewer::system(), &trick, 10)).await, Err(StoreError::Invalid(_))));
    }
}

story! {
    async fn a_viewer_without_a_role_sees_nothing(house: &House) {
        put(house, vec![record(1, "Ada")]).await.unwrap();
        let (seen, listed) = house
            .read(|tx| {
                let nobody = Viewer::new("nobody", "");
                Ok((tx.record(&nobody, &contact(1))?, tx.list_records(&nobody, &query(), 10)?))
            })
            .await
            .unwrap();
        assert_eq!((seen, listed.records.len()), (None, 0));
        let agent = Viewer::new("ada", "agent");
        assert!(house.read(move |tx| tx.record(&agent, &contact(1))).await.unwrap().is_some());
    }
}

fn link(number: u64, connection: &str, id: &str) -> Link {
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
        version: Some("v1".into()),
        seen_at: Some(at(1)),
        changed_at: None,
        changed_by: Actor::Customer,
        told_at: None,
        waiting: BTreeMap::new(),
        state: LinkState::Present,
        created_at: at(0),
    }
}

story! {
    async fn a_link_is_found_from_both_ends(house: &House) {
        let waiting = BTreeMap::from([("name".to_owned(), ChangeMark { at: Some(at(3)), by: Actor::Support, who: None })]);
        let written = BTreeSet::from(["name".to_owned(), "phone".to_owned()]);
        let seen = Link { seen: Some(text("name", "Eve")), taken: Some(text("name", "Bob")), written, waiting, ..link(1, "desk", "7") };
        let links = vec![link(1, "crm", "003"), seen.clone(), link(2, "crm", "004")];
        let put = links.clone();
        house.write(move |tx| tx.put_links(&put)).await.unwrap();
        assert_eq!(house.read(|tx| tx.links_of(&[contact(1)])).await.unwrap(), links[..2]);
        let keys = [seen.key(), RemoteKey::new("crm", "Contact", "004"), RemoteKey::new("crm", "Contact", "404")];
        let found = house.read(move |tx| tx.links_at(&keys)).await.unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[&seen.key()], seen);
        let counts = house.read(|tx| tx.link_counts()).await.unwrap();
        assert_eq!(counts[&("crm".into(), "Contact".into())], 2);
    }
}

story! {
    async fn what_was_told_without_news_moves_its_version_and_the_latest_time_that_was_told(house: &House) {
        house.write(|tx| tx.put_links(&[link(1, "crm", "003")])).await.unwrap();
        let seen = |version: &str, changed: Option<i64>| SeenVersion {
            record: contact(1),
            connection: "crm".into(),
            version: Some(version.into()),
            is_whole: true,
            changed_at: changed.map(at),
            seen_at: at(30),
        };
        for (told, version, told_at) in [
            (vec![seen("v2", None)], "v2", None),
            (vec![seen("v3", Some(20)), seen("v2", Some(10))], "v2", Some(at(20))),
            (vec![seen("v4", Some(15))], "v4", Some(at(20))),
            (vec![seen("v5", None)], "v5", Some(at(20))),
        ] {
            house.write(move |tx| tx.note_versions(&told)).await.unwrap();
            let link = house.read(|tx| tx.links_of(&[contact(1)])).await.unwrap().remove(0);
            assert_eq!((link.version.as_deref(), link.told_at, link.seen_at, link.is_whole), (Some(version), told_at, Some(at(30)), true));
        }
        house.write(|tx| tx.put_links(&[link(1, "crm", "003")])).await.unwrap();
        assert_eq!(house.read(|tx| tx.links_of(&[contact(1)])).await.unwrap()[0].told_at, Some(at(20)), "it stands beside all else");
    }
}

story! {
    async fn the_rows_that_a_complete_read_must_show_are_those_linked_before_it(house: &House) {
        put(house, (1..=4).map(|number| record(number, "Ada")).collect()).await.unwrap();
        let gone = Link { state: LinkState::Deleted, ..link(3, "crm", "005") };
        let young = Link { created_at: at(50), ..link(4, "crm", "006") };
        let links = vec![link(1, "crm", "003"), link(2, "crm", "004"), gone, young, link(1, "desk", "7")];
        house.write(move |tx| tx.put_links(&links)).await.unwrap();
        let rows = house.read(|tx| tx.present_rows("crm", "Contact", at(10), "", 10)).await.unwrap();
        let found: Vec<_> = rows.iter().map(|row| (row.id.as_str(), row.record.clone(), row.object.as_str())).collect();
        assert_eq!(found, [("003", contact(1), "contact"), ("004", contact(2), "contact")]);
        assert_eq!(house.read(|tx| tx.present_rows("crm", "Contact", at(10), "003", 10)).await.unwrap(), rows[1..]);
    }
}

story! {
    async fn no_row_is_the_counterpart_of_two_records(house: &House) {
        house.write(|tx| tx.put_links(&[Link { taken: Some(text("name", "Eve")), ..link(1, "crm", "003") }])).await.unwrap();
        let twin = house.write(|tx| tx.put_links(&[link(2, "crm", "003")])).await;
        assert!(matches!(twin, Err(StoreError::Conflict { .. })), "{twin:?}");

        house.write(|tx| tx.move_link(&contact(1), "crm", &contact(2))).await.unwrap();
        let moved = house.read(|tx| tx.links_of(&[contact(2)])).await.unwrap().remove(0);
        assert_eq!((moved.external_id.as_str(), moved.taken), ("003", None), "what was weighed was weighed for the other record");
        let gone = house.write(|tx| tx.move_link(&contact(1), "crm", &contact(3))).await;
        assert!(matches!(gone, Err(StoreError::Missing(_))));
        assert!(house.write(|tx| tx.end_link(&contact(2), "crm", LinkState::Deleted, at(5))).await.unwrap());
        assert!(!house.write(|tx| tx.end_link(&contact(2), "crm", LinkState::Deleted, at(5))).await.unwrap());
        assert!(house.write(|tx| tx.delete_link(&contact(2), "crm")).await.unwrap());
    }
}

fn look(changed: Option<i64>, seen: i64, complete: bool, row: serde_json::Value) -> StoredLook {
    let serde_json::Value::Object(row) = row else { panic!("an object") };
    StoredLook {
        key: RemoteKey::new("crm", "Contact", "003"),
        row,
        complete,
        existence: Existence::Present,
        version: Some(seen.to_string()),
        changed_at: changed.map(at),
        changed_by: Actor::Sales,
        marks: BTreeMap::new(),
        seen_at: at(seen),
        earlier: Vec::new(),
        stamp: 0,
        changed_who: None,
    }
}

async fn keep(house: &House, looks: Vec<StoredLook>) -> StoredLook {
    let key = looks[0].key.clone();
    house.write(move |tx| tx.put_looks(&looks)).await.unwrap();
    house.read(move |tx| tx.looks_for(&[key])).await.unwrap().into_values().next().unwrap()
}

story! {
    async fn the_newest_look_stays(house: &House) {
        keep(house, vec![look(Some(10), 20, true, json!({ "Name": "new" }))]).await;
        let late = keep(house, vec![look(Some(5), 30, true, json!({ "Name": "old" }))]).await;
        assert_eq!(late.row["Name"], "new");
        let both = keep(house, vec![look(Some(12), 31, true, json!({ "Name": "newest" })), look(Some(11), 40, true, json!({ "Name": "mid" }))]).await;
        assert_eq!(both.row["Name"], "newest");
        let gone = keep(house, vec![StoredLook { existence: Existence::MergedInto("004".into()), ..look(Some(13), 41, true, json!({})) }]).await;
        assert_eq!(gone.existence, Existence::MergedInto("004".into()));
    }
}

story! {
    async fn where_a_row_went_is_kept_whoever_tells_only_that_it_is_gone(house: &House) {
        let merged = |at| StoredLook { existence: Existence::MergedInto("004".into()), ..look(Some(at), 20 + at, true, json!({})) };
        let deleted = |at| StoredLook { existence: Existence::Deleted, ..look(Some(at), 20 + at, true, json!({})) };
        let told = keep(house, vec![merged(1), deleted(2)]).await;
        assert_eq!(told.existence, Existence::MergedInto("004".into()));
        let elsewhere = |look: StoredLook| StoredLook { key: RemoteKey::new("crm", "Contact", "005"), ..look };
        let told = keep(house, vec![elsewhere(deleted(2)), elsewhere(merged(1))]).await;
        assert_eq!(told.existence, Existence::MergedInto("004".into()), "in the other order as well");
    }
}

story! {
    async fn a_look_that_does_not_tell_all_adds_to_what_is_known(house: &House) {
        keep(house, vec![look(Some(10), 20, true, json!({ "Name": "Ada", "Phone": "1", "Plan": "pro" }))]).await;
        let kept = keep(house, vec![look(Some(11), 21, false, json!({ "Name": "Eve" })), look(Some(12), 22, false, json!({ "Phone": null }))]).await;
        assert!(kept.complete);
        assert_eq!(serde_json::Value::Object(kept.row), json!({ "Name": "Eve", "Phone": null, "Plan": "pro" }));
        assert_eq!(kept.version.as_deref(), Some("22"));
    }
}

story! {
    async fn a_poll_that_names_nobody_leaves_the_hand_that_a_webhook_named(house: &House) {
        let polled = |changed, seen, name: &str| StoredLook { changed_by: Actor::Unknown, ..look(Some(changed), seen, true, json!({ "Name": name })) };
        keep(house, vec![look(Some(10), 20, false, json!({ "Name": "Eve" }))]).await;
        let kept = keep(house, vec![polled(10, 21, "Eve")]).await;
        assert_eq!((kept.complete, kept.changed_by), (true, Actor::Sales), "it is the same change");
        let kept = keep(house, vec![polled(10, 22, "Mallory")]).await;
        assert_eq!(kept.changed_by, Actor::Unknown, "somebody else was there within the same second");
        keep(house, vec![look(Some(12), 23, false, json!({ "Name": "Eve" }))]).await;
        let kept = keep(house, vec![polled(13, 24, "Eve")]).await;
        assert_eq!(kept.changed_by, Actor::Unknown, "a later change is another one");
    }
}

story! {
    async fn a_value_is_as_old_as_the_first_look_that_shows_it(house: &House) {
        let mark = |second, by| ChangeMark { at: Some(at(second)), by, who: None };
        let flow = |changed, seen, row| StoredLook { changed_by: Actor::Automation, ..look(Some(changed), seen, true, row) };
        keep(house, vec![look(Some(10), 20, false, json!({ "Name": "Ada", "Phone": "1" }))]).await;
        let kept = keep(house, vec![flow(12, 22, json!({ "Name": "Ada", "Phone": "2", "City": "Ulm" }))]).await;
        let known = [("City".to_owned(), mark(12, Actor::Unknown)), ("Name".to_owned(), mark(10, Actor::Sales))];
        assert_eq!(kept.marks, known.into(), "the flow changed the number, and one of the two the city");
        let kept = keep(house, vec![flow(14, 24, json!({ "Name": "Ada", "Phone": "2", "City": "Bonn" }))]).await;
        let known = [("Name".to_owned(), mark(10, Actor::Sales)), ("Phone".to_owned(), mark(12, Actor::Automation))];
        assert_eq!(kept.marks, known.into());
        // One that comes late, and shows what was entered, replaced and entered again, tells nothing of the last time.
        let kept = keep(house, vec![look(Some(9), 25, false, json!({ "Phone": "2", "City": "Bonn" }))]).await;
        assert_eq!((kept.marks.get("Phone"), kept.marks.get("City")), (Some(&mark(12, Actor::Automation)), None));
    }
}

story! {
    async fn what_two_people_changed_between_two_whole_looks_is_each_one_s_as_far_as_messages_told(house: &House) {
        let told = |second, by, who: &str, row| StoredLook { changed_by: by, changed_who: UserId::new(who), ..look(Some(second), 20 + second, false, row) };
        let whole = |second, by, who: &str, row| StoredLook { complete: true, ..told(second, by, who, row) };
        let hands = |kept: &StoredLook, field: &str| {
            let mark = kept.marks.get(field).copied().unwrap_or(kept.mark());
            (mark.at, mark.by, mark.who.map(|who| who.as_str().to_owned()))
        };
        let user = |id: &str| Some(id.to_owned());
        // The customer changes the number, then a seller the name; a poll shows both, and a city that nobody told of.
        keep(house, vec![told(10, Actor::Customer, "", json!({ "Phone": "2" })), told(12, Actor::Sales, "7", json!({ "Name": "Eve" }))]).await;
        let row = json!({ "Phone": "2", "Name": "Eve", "City": "Ulm" });
        let kept = keep(house, vec![whole(12, Actor::Sales, "7", row.clone())]).await;
        assert_eq!(hands(&kept, "Phone"), (Some(at(10)), Actor::Customer, None));
        assert_eq!(hands(&kept, "Name"), (Some(at(12)), Actor::Sales, user("7")));
        assert_eq!(hands(&kept, "City"), (Some(at(12)), Actor::Unknown, None), "either of them may have been there");
        // Of two sellers it is known that it was one.
        let other = |look: StoredLook| StoredLook { key: RemoteKey::new("crm", "Contact", "006"), ..look };
        keep(house, vec![other(told(10, Actor::Sales, "8", json!({ "Phone": "2" })))]).await;
        let kept = keep(house, vec![other(whole(12, Actor::Sales, "7", row.clone()))]).await;
        assert_eq!((hands(&kept, "City"), hands(&kept, "Phone").2), ((Some(at(12)), Actor::Sales, None), user("8")));
        // One that was alone is the one who did it all, and our own write is nobody's entry.
        let third = |look: StoredLook| StoredLook { key: RemoteKey::new("crm", "Contact", "007"), ..look };
        let ours = third(told(9, Actor::Us, "", json!({ "Plan": "pro" })));
        keep(house, vec![ours, third(told(10, Actor::Sales, "7", json!({ "Phone": "2" })))]).await;
        let kept = keep(house, vec![third(whole(12, Actor::Sales, "7", row))]).await;
        assert_eq!(hands(&kept, "City"), (Some(at(12)), Actor::Sales, user("7")));
    }
}

story! {
    async fn a_look_that_comes_late_adds_what_the_newer_one_does_not_show(house: &House) {
        keep(house, vec![look(Some(12), 20, false, json!({ "Name": "Eve" }))]).await;
        let kept = keep(house, vec![look(Some(11), 21, false, json!({ "Name": "Ada", "Phone": "1" }))]).await;
        assert_eq!((kept.complete, kept.version.as_deref()), (false, Some("20")), "it stays as new as it was");
        assert_eq!(serde_json::Value::Object(kept.row), json!({ "Name": "Eve", "Phone": "1" }));
        assert!(kept.stamp > 1, "whoever read it before has not seen it all");
    }
}

story! {
    async fn what_older_looks_showed_otherwise_is_kept_until_the_row_is_converged(house: &House) {
        keep(house, vec![look(Some(10), 20, false, json!({ "Name": "Ada", "Phone": "1", "City": "" }))]).await;
        keep(house, vec![look(Some(12), 22, false, json!({ "Name": "Eve", "City": "Ulm" }))]).await;
        let kept = keep(house, vec![look(Some(11), 23, false, json!({ "Name": "Bob", "City": "Ulm" }))]).await;
        let names: Vec<_> = kept.earlier.iter().map(|one| (serde_json::Value::Object(one.row.clone()), one.changed_at)).collect();
        assert_eq!(names, [(json!({ "Name": "Ada" }), Some(at(10))), (json!({ "Name": "Bob" }), Some(at(11)))]);
        house.write(move |tx| tx.consume_looks(&[(kept.key.clone(), kept.stamp)])).await.unwrap();
        assert_eq!(keep(house, vec![look(Some(13), 24, false, json!({ "Name": "Zoe" }))]).await.earlier, []);
    }
}

story! {
    async fn a_look_that_a_newer_one_replaced_is_not_consumed(house: &House) {
        let read = keep(house, vec![look(None, 20, true, json!({ "Name": "Ada" }))]).await;
        let newer = keep(house, vec![look(None, 20, true, json!({ "Name": "Eve" }))]).await;
        let (key, stamp) = (read.key.clone(), read.stamp);
        assert_eq!(house.write(move |tx| tx.consume_looks(&[(key.clone(), stamp)])).await.unwrap(), 0);
        assert_eq!(house.write(move |tx| tx.consume_looks(&[(newer.key.clone(), newer.stamp)])).await.unwrap(), 1);
    }
}
