//! The weights by which customers are recognised are learned from the store's own records.

use std::collections::{BTreeMap, BTreeSet};

use entente_engine::Engine;
use entente_engine::records::reviews::certain::merge_certain;
use entente_engine::records::reviews::{self, Review, ReviewQuery};
use entente_engine::sync::learn::{self, Bounds};
use entente_model::actor::Actor;
use entente_model::clock::Clock;
use entente_model::id::RecordId;
use entente_model::value::{Fields, Value};
use entente_store::{LinkState, PutRecord, Record, RecordState, RemoteKey, Viewer};

use crate::house::{CRM, DESK, House, read_all, work_off};

/// Records of contacts, a third of whom are called Smith.
async fn contacts(house: &House, numbers: std::ops::Range<usize>) {
    let now = house.watch.now();
    let engine = house.engine().await;
    let puts: Vec<PutRecord> = numbers
        .map(|n| {
            let family = if n % 3 == 0 { "Smith".to_owned() } else { format!("Family{}x{n}", ["ab", "cd", "ef", "gh"][n % 4]) };
            let pairs = [
                ("first_name", format!("Given{}", n % 97)),
                ("last_name", family),
                ("email", format!("person{n}@company{}.example", n % 50)),
            ];
            let id = engine.new_id("con");
            let record = Record {
                id: id.clone(),
                object: "contact".to_owned(),
                subject: id.to_string(),
                data: pairs.into_iter().map(|(field, text)| (field.to_owned(), Value::Text(text))).collect::<Fields>(),
                provenance: BTreeMap::new(),
                created_at: now,
                updated_at: now,
                version: 0,
                state: RecordState::Active,
                merged_into: None,
            };
            PutRecord { record, search_text: String::new() }
        })
        .collect();
    house.store.write(move |tx| tx.put_records(&puts)).await.unwrap();
}

#[tokio::test]
async fn a_store_learns_once_a_day_and_goes_by_it() {
    let mut house = House::sqlite().await;
    let engine = house.engine().await;
    contacts(&house, 0..1_900).await;
    let go_on = || false;
    assert!(learn::due(&engine, &go_on).await.unwrap().is_empty(), "not before every row was read once");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert!(learn::due(&engine, &go_on).await.unwrap().is_empty(), "too few to learn from");
    contacts(&house, 1_900..2_100).await;
    house.watch.pass(25 * 60 * 60 * 1000);
    assert_eq!(learn::due(&engine, &go_on).await.unwrap(), ["contact"]);
    assert!(learn::due(&engine, &go_on).await.unwrap().is_empty(), "once a day");

    // Two of one mailbox and another given name: a person is asked, and Smith says little here.
    house.watch.pass(120_000);
    house.crm.put("Contact", None, &[("FirstName", "Ann"), ("LastName", "Smith"), ("Email", "us@home.example")]);
    house.desk.put("user", None, &[("name", "Byron Smith"), ("email", "us@home.example"), ("role", "end-user")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let open = reviews::list(&engine, &Viewer::system(), ReviewQuery::default()).await.unwrap().items;
    // Which of the two rows comes first is nobody's promise.
    let open: Vec<_> = open
        .into_iter()
        .filter(|review| [&review.first.title, &review.second.title].into_iter().any(|title| title == "Ann Smith"))
        .collect();
    assert_eq!(open.len(), 1, "{open:?}");
    let family = open[0].waterfall.as_ref().unwrap().steps.iter().find(|step| step.field == "last_name").cloned().unwrap();
    assert!(family.level == "exact" && family.frequency < -0.5, "{family:?}");

    house.watch.pass(25 * 60 * 60 * 1000);
    house.options.learn_matching_hours = 0;
    let never = house.engine().await;
    assert!(learn::due(&never, &go_on).await.unwrap().is_empty(), "0 keeps what there is");
    assert_eq!(learn::due(&engine, &go_on).await.unwrap(), ["contact"], "a day later it is due again");
}

#[tokio::test]
async fn rows_that_share_no_key_are_found_in_the_daily_look_and_asked_about_once() {
    let house = House::sqlite().await;
    let engine = house.engine().await;
    let account = house.customer("Acme");
    let contact = |first: &str, last: &str, email: &str| {
        house.crm.put("Contact", None, &[("FirstName", first), ("LastName", last), ("Email", email), ("AccountId", &account)])
    };
    contact("Ada", "Lovelace", "ada@acme.example");
    contact("Grace", "Hopper", "grace@acme.example");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    contact("Ada", "Lovelaec", "adal@acme.example");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let waiting = || async { reviews::list(&engine, &Viewer::system(), ReviewQuery::default()).await.unwrap().items };
    assert!(waiting().await.is_empty(), "they share no key: {:?}", waiting().await);
    learn::due(&engine, &|| false).await.unwrap();
    let open = waiting().await;
    assert_eq!(open.iter().map(|review| review.kind.as_str()).collect::<Vec<_>>(), ["duplicate"], "{open:?}");
    assert_eq!((open[0].first.title.as_str(), open[0].second.title.as_str()), ("Ada Lovelace", "Ada Lovelaec"));
    reviews::reject(&engine, &Viewer::new("ada", "admin"), &open[0].id).await.unwrap();
    house.watch.pass(25 * 60 * 60 * 1000);
    learn::due(&engine, &|| false).await.unwrap();
    assert!(waiting().await.is_empty(), "what was decided is not asked again");
}

const DAY_MS: i64 = 25 * 60 * 60 * 1000;

/// Records of pairs of one customer each, mistyped the second time: those of one number, in their order.
async fn pairs(house: &House, engine: &Engine, numbers: &[usize]) {
    const FAMILIES: [&str; 8] = ["Lovelace", "Hopper", "Turing", "Babbage", "Kowalewski", "Ramanujan", "Zimmermann", "Dijkstra"];
    for number in numbers {
        let (family, now) = (FAMILIES[number % FAMILIES.len()], house.watch.now());
        let email = format!("{}@company{number}.example", family.to_lowercase());
        let id = engine.new_id("con");
        let fields = [("first_name", "Augusta"), ("last_name", family), ("email", email.as_str())];
        let record = Record {
            id: id.clone(),
            object: "contact".to_owned(),
            subject: id.to_string(),
            data: fields.iter().map(|(field, text)| ((*field).to_owned(), Value::text(*text))).collect::<Fields>(),
            provenance: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            version: 0,
            state: RecordState::Active,
            merged_into: None,
        };
        house.store.write(move |tx| tx.put_records(&[PutRecord { record: record.clone(), search_text: String::new() }])).await.unwrap();
        house.watch.pass(10);
    }
}

/// A house of which everything was read, and nothing is there.
async fn empty() -> (House, Engine) {
    let house = House::sqlite().await;
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    (house, engine)
}

async fn asked(engine: &Engine) -> Vec<Review> {
    reviews::list(engine, &Viewer::system(), ReviewQuery::default()).await.unwrap().items
}

/// Families that were asked about.
async fn families(engine: &Engine) -> BTreeSet<String> {
    asked(engine).await.into_iter().map(|review| review.first.title).collect()
}

#[tokio::test]
async fn pairs_that_were_asked_about_make_room_for_the_following_ones() {
    let (house, engine) = empty().await;
    pairs(&house, &engine, &[0, 1, 2, 3, 4, 0, 1, 2, 3, 4]).await;
    let bounds = Bounds { shown: 2, ..Bounds::default() };
    for (day, expected) in [2, 4, 5, 5].into_iter().enumerate() {
        learn::due_within(&engine, bounds, &|| false).await.unwrap();
        let open = asked(&engine).await;
        // Those that wait keep nobody's place, nor do those that were found to be two.
        let rejected = usize::from(day > 0);
        assert_eq!((open.len() + rejected, families(&engine).await.len() + rejected), (expected, expected), "{day}: {open:?}");
        if day == 0 {
            reviews::reject(&engine, &Viewer::new("ada", "admin"), &open[0].id).await.unwrap();
        }
        house.watch.pass(DAY_MS);
    }
}

#[tokio::test]
async fn everybody_is_looked_at_whatever_one_look_holds_and_the_newest_first() {
    let (house, engine) = empty().await;
    // Of each pair one is among the oldest, and one among the newest; nothing of it is in one slice.
    pairs(&house, &engine, &[0, 1, 2, 3, 4, 5, 3, 2, 1, 0]).await;
    let bounds = Bounds { records: 2, ..Bounds::default() };
    let day = async || {
        learn::due_within(&engine, bounds, &|| false).await.unwrap();
        house.watch.pass(DAY_MS);
        families(&engine).await.len()
    };
    assert_eq!(day().await, 2, "the two newest are compared with everybody: {:?}", families(&engine).await);
    pairs(&house, &engine, &[5]).await;
    assert_eq!(day().await, 4, "who is new, and the next of those who were there: {:?}", families(&engine).await);
    for _ in 0..6 {
        day().await;
    }
    assert_eq!(families(&engine).await.len(), 5, "everybody's turn has come, and who has no twin is left alone");
}

/// Somebody whom both platforms know, the desk without an address at first.
fn orphan(house: &House, first: &str, last: &str, email: &str) -> (String, String) {
    let contact = house.crm.put("Contact", None, &[("FirstName", first), ("LastName", last), ("Email", email)]);
    let user = house.desk.put("user", None, &[("name", &format!("{first} {last}")), ("role", "end-user")]);
    (contact, user)
}

async fn owner(house: &House, connection: &str, object: &str, id: &str) -> RecordId {
    let key = RemoteKey::new(connection, object, id);
    let owners = house.store.read(move |tx| tx.records_at(&[key])).await.unwrap();
    owners.into_values().next().unwrap()
}

#[tokio::test]
async fn an_orphan_whose_address_is_filled_in_later_is_linked_and_one_with_a_doubt_waits() {
    let house = House::sqlite().await;
    let engine = house.engine().await;
    assert!(!engine.options().auto_merge, "linking is no merge at a platform");
    let ada = orphan(&house, "Ada", "Lovelace", "ada@lovelace.example");
    let grace = orphan(&house, "Grace", "Hopper", "info@hopper.example");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    for (contact, user) in [&ada, &grace] {
        assert_ne!(owner(&house, CRM, "Contact", contact).await, owner(&house, DESK, "user", user).await);
    }
    house.watch.pass(120_000);
    house.desk.put("user", Some(&ada.1), &[("email", "ada@lovelace.example")]);
    house.desk.put("user", Some(&grace.1), &[("email", "info@hopper.example")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.watch.pass(DAY_MS);
    learn::due(&engine, &|| false).await.unwrap();
    assert_eq!(asked(&engine).await.iter().map(|review| review.kind.as_str()).collect::<Vec<_>>(), ["match", "match"]);

    assert_eq!(merge_certain(&engine, &|| false).await.unwrap(), 1);
    let one = owner(&house, CRM, "Contact", &ada.0).await;
    assert_eq!(one, owner(&house, DESK, "user", &ada.1).await);
    let open = asked(&engine).await;
    assert_eq!(open.iter().map(|review| review.first.title.as_str()).collect::<Vec<_>>(), ["Grace Hopper"]);
    assert!(open[0].waterfall.as_ref().is_some_and(|sum| sum.doubt.is_some()), "a role address is no certainty: {open:?}");
    let of = one.clone();
    let history = house.store.read(move |tx| tx.history(&Viewer::system(), &of, 50, None)).await.unwrap();
    let why = history.iter().find(|entry| entry.detail.starts_with("merged with")).unwrap();
    assert!(why.detail.contains("without asking: email the same") && why.detail.contains('%'), "{why:?}");
    assert_eq!((why.actor, why.cause.as_str()), (Actor::Us, "event"));
    work_off(&house, &engine).await;
    let links = house.store.read(move |tx| tx.links_of(&[one])).await.unwrap();
    assert!(links.len() == 2 && links.iter().all(|link| link.state == LinkState::Present), "{links:?}");
    assert_eq!(house.crm.ids("Contact").len() + house.desk.ids("user").len(), 4, "no platform has merged or made anything");
    assert_eq!(merge_certain(&engine, &|| false).await.unwrap(), 0, "nobody is looked at twice");
}

#[tokio::test]
async fn of_two_that_are_as_surely_the_counterpart_a_person_picks_one() {
    let house = House::sqlite().await;
    let engine = house.engine().await;
    let (_, user) = orphan(&house, "Ada", "Lovelace", "ada@lovelace.example");
    house.crm.put("Contact", None, &[("FirstName", "Ada"), ("LastName", "Lovelace"), ("Email", "ada@lovelace.example")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.watch.pass(120_000);
    house.desk.put("user", Some(&user), &[("email", "ada@lovelace.example")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.watch.pass(DAY_MS);
    learn::due(&engine, &|| false).await.unwrap();
    assert_eq!(merge_certain(&engine, &|| false).await.unwrap(), 0);
    let matches: Vec<Review> = asked(&engine).await.into_iter().filter(|review| review.kind == "match").collect();
    assert_eq!(matches.len(), 2, "{matches:?}");
    for held in &matches {
        assert!(held.held_up.as_ref().is_some_and(|why| why.contains("as surely the counterpart") && why.ends_with("; a person decides")));
    }
}
