//! The weights by which customers are recognised are learned from the store's own records.

use std::collections::BTreeMap;

use entente_engine::records::reviews::{self, ReviewQuery};
use entente_engine::sync::learn;
use entente_model::clock::Clock;
use entente_model::value::{Fields, Value};
use entente_store::{PutRecord, Record, RecordState, Viewer};

use crate::house::{House, read_all, work_off};

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
