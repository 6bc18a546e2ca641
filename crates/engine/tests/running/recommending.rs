//! What a month's report recommends: from its numbers, and only from enough of them.

use entente_connect::error::Class;
use entente_engine::Engine;
use entente_engine::reports::levels;
use entente_engine::reports::meter::CALLS;
use entente_engine::reports::monthly::{self, Month, Recommendation};
use entente_model::clock::{Clock, Timestamp};
use entente_model::value::Value;
use entente_store::{ConflictSide, NewConflict, NewDeadLetter, Resolution};
use jiff::tz::TimeZone;

use crate::house::{CRM, DESK, House, read_all, work_off};
use crate::platform::failing;

const HOUR_MS: i64 = 3_600_000;

async fn recommended(engine: &Engine) -> Vec<Recommendation> {
    let month = Month::of(engine.now(), &TimeZone::UTC);
    monthly::report(engine, month).await.unwrap().recommendations
}

fn about<'a>(found: &'a [Recommendation], rule: &str) -> Option<&'a Recommendation> {
    found.iter().find(|one| one.rule == rule)
}

/// It is the fifteenth of the month, at noon, with customers that agree.
async fn company(house: &House, customers: usize) -> Engine {
    let noon = house.watch.now().to_zoned(TimeZone::UTC).with().day(15).hour(12).minute(0).second(0).build().unwrap().timestamp();
    house.watch.pass(noon.as_millisecond() - house.watch.now_ms());
    for number in 0..customers {
        house.customer(&format!("Customer {number}"));
    }
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(house, &engine).await;
    engine
}

/// Conflicts about the industry, decided by a person for the side of the name.
async fn decide(house: &House, decisions: &[&'static str]) {
    conflicts(house, decisions, None).await;
}

/// The same, decided by a rule where one is named.
async fn conflicts(house: &House, decisions: &[&'static str], rule: Option<&'static str>) {
    let record = house.accounts().await.remove("Customer 0").unwrap().id;
    for side in decisions {
        let (record, now) = (record.clone(), house.watch.now());
        let side = (*side).to_owned();
        house
            .store
            .write(move |tx| {
                let of = |name: &str| ConflictSide {
                    side: name.to_owned(),
                    value: Value::text(format!("from {name}")),
                    at: None,
                    by: "unknown".to_owned(),
                    who: None,
                };
                let opened = tx.open_conflicts(&[NewConflict {
                    record: record.clone(),
                    object: "account".to_owned(),
                    field: "industry".to_owned(),
                    base: Value::Null,
                    sides: vec![of(CRM), of(DESK)],
                    suggested: None,
                    opened_at: now,
                }])?;
                // A person's decision is an entry of the ledger.
                let entry = if rule.is_none() { Some(tx.last_entry()?) } else { None };
                let by = rule.map_or_else(|| "olga".to_owned(), |rule| format!("rule {rule}"));
                let decision = Resolution { value: Value::text(format!("from {side}")), by, at: now, entry };
                tx.resolve_conflict(opened[0].0, &decision).map(drop)
            })
            .await
            .unwrap();
    }
}

async fn bury(house: &House, code: &'static str, many: usize) {
    let now = house.watch.now();
    house
        .store
        .write(move |tx| {
            for number in 0..many {
                tx.bury(&NewDeadLetter {
                    subject: format!("acc_{code}{number}"),
                    record: None,
                    connection: Some(DESK.to_owned()),
                    object: "account".to_owned(),
                    error_class: "data".to_owned(),
                    error_code: code.to_owned(),
                    message: "no".to_owned(),
                    vendor_answer: String::new(),
                    attempts: Vec::new(),
                    advice: "add the value to the list".to_owned(),
                    first_at: now,
                    died_at: now,
                })?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_month_without_trouble_recommends_nothing() {
    let house = House::sqlite().await;
    let engine = company(&house, 3).await;
    levels::count(&engine).await.unwrap();
    assert_eq!(recommended(&engine).await, []);
}

#[tokio::test]
async fn conflicts_that_people_decide_one_way_ask_for_an_owner() {
    let house = House::sqlite().await;
    let engine = company(&house, 1).await;
    decide(&house, &[CRM, CRM]).await;
    assert_eq!(about(&recommended(&engine).await, "conflict_owner"), None, "two are no pattern");
    decide(&house, &[CRM, CRM, DESK]).await;
    let found = recommended(&engine).await;
    let owner = about(&found, "conflict_owner").unwrap();
    assert_eq!(owner.title, "Let the CRM own \"Account: Industry\"");
    assert!(owner.evidence.starts_with("4 of 5 conflicts about it were decided for the CRM's value"), "{owner:?}");
    conflicts(&house, &[DESK, DESK, DESK], Some("latest")).await;
    assert_eq!(recommended(&engine).await, found, "what a rule decides needs no owner");
    decide(&house, &[DESK, DESK]).await;
    assert_eq!(about(&recommended(&engine).await, "conflict_owner"), None, "now people decide both ways");
}

#[tokio::test]
async fn the_conflicts_for_people_are_those_that_no_rule_decided() {
    let house = House::sqlite().await;
    let engine = company(&house, 1).await;
    conflicts(&house, &[CRM, CRM, DESK], Some("latest")).await;
    let month = Month::of(engine.now(), &TimeZone::UTC);
    let counted = async || monthly::report(&engine, month).await.unwrap().consistency.conflicts;
    let none = counted().await;
    assert_eq!((none.opened, none.decided, none.mean_hours, none.late), (0, 0, None, 0));
    decide(&house, &[CRM, DESK]).await;
    // One more waits, for longer than is promised.
    let (record, now) = (house.accounts().await.remove("Customer 0").unwrap().id, house.watch.now());
    let waiting = NewConflict {
        record,
        object: "account".to_owned(),
        field: "status".to_owned(),
        base: Value::Null,
        sides: Vec::new(),
        suggested: None,
        opened_at: now,
    };
    house.store.write(move |tx| tx.open_conflicts(std::slice::from_ref(&waiting)).map(drop)).await.unwrap();
    house.watch.pass(25 * HOUR_MS);
    let found = counted().await;
    assert_eq!((found.opened, found.decided, found.mean_hours, found.late), (3, 2, Some(0.0), 1));
}

#[tokio::test]
async fn the_most_frequent_cause_of_dead_letters_comes_first_with_what_to_do() {
    let house = House::sqlite().await;
    let engine = company(&house, 1).await;
    decide(&house, &[DESK, DESK, DESK]).await;
    bury(&house, "rare", 1).await;
    bury(&house, "INVALID_PICKLIST", 3).await;
    let found = recommended(&engine).await;
    assert_eq!(found[0].title, "Mend the cause of `INVALID_PICKLIST` for account records at desk");
    assert_eq!(found[0].evidence, "3 of 4 dead letters of the month were of this kind: add the value to the list");
    assert!(found[1].title.contains("Let the support desk own"), "{found:?}");
}

#[tokio::test]
async fn the_time_of_day_the_polls_and_the_quota_are_judged_by_their_counts() {
    let mut house = House::sqlite().await;
    house.options.reconcile_hour = 9;
    let engine = company(&house, 1).await;
    let day = house.watch.now().as_millisecond().div_euclid(24 * HOUR_MS) * 24 * HOUR_MS;
    let at = |hour: i64| Timestamp::from_millisecond(day + hour * HOUR_MS).unwrap();
    let (busy, calm, now) = (at(9), at(4), house.watch.now());
    let condition = serde_json::json!({
        "at": now, "state": "ok", "note": null, "limit": 5000, "remaining": 1, "daily_limit": 5000, "clock_offset_ms": null,
    });
    house
        .store
        .write(move |tx| {
            tx.count(busy, &[("synced", DESK, 1_500), (CALLS, DESK, 4_800), ("polls", DESK, 1_200), ("webhooks", DESK, 7)])?;
            tx.count(calm, &[("synced", DESK, 15)])?;
            tx.put_setting("condition/desk", &condition)
        })
        .await
        .unwrap();
    let found = recommended(&engine).await;
    let hour = about(&found, "reconcile_hour").unwrap();
    assert!(hour.title.starts_with("Move the daily reconciliation from 9:00 to "), "{hour:?}");
    assert!(hour.evidence.starts_with("100 syncs a day fall into its hour"), "{hour:?}");
    let polls = about(&found, "poll_interval").unwrap();
    assert!(polls.evidence.contains("hourly ones would be 9") && polls.evidence.contains("while 7 webhooks"), "{polls:?}");
    let quota = about(&found, "quota").unwrap();
    assert!(quota.evidence.contains("of 5000 calls (9"), "{quota:?}");
}

#[tokio::test]
async fn what_most_records_have_and_one_side_alone_shows_is_offered_to_the_other() {
    let house = House::sqlite().await;
    let engine = company(&house, 25).await;
    levels::count(&engine).await.unwrap();
    // The kind of customer is read from the CRM, filled in everywhere, and mapped nowhere else; names are at both sides.
    let found = recommended(&engine).await;
    let unshared = about(&found, "unshared_field").unwrap();
    assert!(unshared.title.ends_with("in the support desk as well: add it to the mapping"), "{unshared:?}");
    assert_eq!(unshared.evidence, "100% of the records had a value when the month was counted last, and it was mapped at crm alone");
}

#[tokio::test]
async fn what_is_on_its_way_is_nobody_s_change_behind_the_sync() {
    let house = House::sqlite().await;
    let engine = company(&house, 60).await;
    house.desk.refuse(|call| call.starts_with("write").then(|| failing(Class::Retry, "busy")));
    for row in house.crm.ids("Account") {
        house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    }
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let desk_row = house.desk.ids("organization").remove(0);
    assert_ne!(
        house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"],
        "Steel",
        "the desk does not have it yet"
    );
    levels::count(&engine).await.unwrap();
    assert!(about(&recommended(&engine).await, "drift").is_none());
}
