//! Months that are over: a report says of them what was so then, whatever is set, mapped and filled in now.

use entente_engine::Engine;
use entente_engine::reports::levels;
use entente_engine::reports::meter::CALLS;
use entente_engine::reports::monthly::{self, Month, MonthlyReport};
use entente_engine::sync::retention;
use entente_model::clock::{Clock, Timestamp};
use entente_model::mapping::{Mapping, Owner, Rule};
use entente_store::{NewAlert, Severity};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::house::{CRM, DESK, House, read_all, work_off};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// It is the fifteenth of a month, at noon, with customers that agree.
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

async fn report(engine: &Engine, month: Month) -> MonthlyReport {
    monthly::report(engine, month).await.unwrap()
}

fn rules(report: &MonthlyReport) -> Vec<(String, String)> {
    report.recommendations.iter().map(|one| (one.rule.clone(), one.evidence.clone())).collect()
}

#[tokio::test]
async fn settings_quotas_and_values_of_now_say_nothing_of_a_month_that_is_over() {
    let mut house = House::sqlite().await;
    house.options.reconcile_hour = 9;
    let engine = company(&house, 25).await;
    let month = Month::of(engine.now(), &TimeZone::UTC);
    let day = house.watch.now_ms().div_euclid(DAY_MS) * DAY_MS;
    let at = |hour: i64| Timestamp::from_millisecond(day + hour * HOUR_MS).unwrap();
    let condition = |limit: u64| {
        json!({
            "at": "2026-01-01T00:00:00Z", "state": "ok", "note": null, "limit": limit, "remaining": 1, "daily_limit": limit, "clock_offset_ms": null,
        })
    };
    let (busy, quota) = (at(9), condition(5_000));
    house
        .store
        .write(move |tx| {
            tx.count(busy, &[("synced", DESK, 1_500), (CALLS, DESK, 4_800), ("polls", DESK, 1_200), ("webhooks", DESK, 7)])?;
            tx.put_setting("condition/desk", &quota)
        })
        .await
        .unwrap();
    levels::count(&engine).await.unwrap();
    house.watch.pass(31 * DAY_MS);
    let then = report(&engine, month).await;
    for rule in ["reconcile_hour", "poll_interval", "quota", "unshared_field"] {
        assert!(then.recommendations.iter().any(|one| one.rule == rule), "{rule}: {:?}", then.recommendations);
    }

    // Everything is otherwise now.
    let more = condition(900_000);
    house.store.write(move |tx| tx.put_setting("condition/desk", &more)).await.unwrap();
    house.options.reconcile_hour = 4;
    house.options.poll_interval_ms = 60 * 60_000;
    for row in house.crm.ids("Account") {
        house.crm.put("Account", Some(&row), &[("Type", "")]);
    }
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    levels::count(&engine).await.unwrap();
    let now = report(&engine, month).await;
    assert_eq!((rules(&now), &now.api), (rules(&then), &then.api), "what is over stays as it was");
}

#[tokio::test]
async fn what_was_not_kept_of_a_month_is_not_made_up_from_what_is_now() {
    let mut house = House::sqlite().await;
    house.options.reconcile_hour = 9;
    let engine = company(&house, 25).await;
    let month = Month::of(engine.now(), &TimeZone::UTC);
    let busy = Timestamp::from_millisecond(house.watch.now_ms().div_euclid(DAY_MS) * DAY_MS + 9 * HOUR_MS).unwrap();
    let counts = [("synced", DESK, 1_500), (CALLS, DESK, 4_800), ("polls", DESK, 1_200), ("webhooks", DESK, 7)];
    house.store.write(move |tx| tx.count(busy, &counts)).await.unwrap();
    house.watch.pass(31 * DAY_MS);
    levels::count(&engine).await.unwrap();
    let of = report(&engine, month).await;
    assert_eq!(rules(&of), [], "nobody counted in that month, and nobody knows how it was set");
    assert!(of.api.iter().all(|line| line.daily_limit.is_none()), "{:?}", of.api);
}

/// The mapping of accounts at the desk, changed.
async fn mapping(house: &House, change: impl Fn(&mut Mapping)) -> Mapping {
    let known = house.store.read(|tx| tx.mappings()).await.unwrap();
    let mut mapping = known.into_iter().find(|one| one.connection == DESK && one.mapping.object == "account").unwrap().mapping;
    change(&mut mapping);
    mapping
}

#[tokio::test]
async fn drafts_and_archived_lines_are_not_what_is_synced() {
    let house = House::sqlite().await;
    let engine = company(&house, 1).await;
    let first = Month::of(engine.now(), &TimeZone::UTC);
    let before = report(&engine, first).await.mappings;
    assert!(before.active > 0 && before.added.is_empty() && before.changes == 0, "{before:?}");

    // A draft takes the industry away and lets the desk own the name. Nobody takes it into use.
    let owned =
        |mapping: &mut Mapping| mapping.fields.iter_mut().filter(|line| line.field == "name").for_each(|line| line.owner = Owner::Support);
    let draft = mapping(&house, |mapping| {
        mapping.fields.retain(|line| line.field != "industry");
        owned(mapping);
    })
    .await;
    let now = house.watch.now();
    house.store.write(move |tx| tx.draft_mapping(DESK, &draft, "olga", "", now).map(drop)).await.unwrap();
    house.watch.pass(DAY_MS);
    assert_eq!(report(&engine, first).await.mappings, before, "a draft syncs nothing");

    // A month later, a version archives the line of the industry, here and at the CRM.
    house.watch.pass(31 * DAY_MS);
    let second = Month::of(house.watch.now(), &TimeZone::UTC);
    for connection in [CRM, DESK] {
        let known = house.store.read(|tx| tx.mappings()).await.unwrap();
        let mut saved = known.into_iter().find(|one| one.connection == connection && one.mapping.object == "account").unwrap().mapping;
        saved.fields.iter_mut().filter(|line| line.field == "industry").for_each(|line| line.archived = true);
        let now = house.watch.now();
        house.store.write(move |tx| tx.save_mapping(connection, &saved, "olga", "", now).map(drop)).await.unwrap();
    }
    house.watch.pass(DAY_MS);
    let after = report(&engine, second).await.mappings;
    assert_eq!((after.active, after.changes, after.added.len()), (before.active - 1, 0, 0), "{after:?}");
    assert_eq!(after.deprecated.iter().map(|field| field.label.as_str()).collect::<Vec<_>>(), ["Account: Industry"]);
    assert_eq!(report(&engine, first).await.mappings, before, "the month before had it");

    // The month after next, the mapping is taken out of use: the month before still had its fields.
    house.watch.pass(31 * DAY_MS);
    let now = house.watch.now();
    house.store.write(move |tx| tx.retire_mapping(DESK, "account", now).map(drop)).await.unwrap();
    let again = report(&engine, second).await.mappings;
    assert_eq!((again.active, again.crm_to_support), (after.active, after.crm_to_support));
}

#[tokio::test]
async fn what_a_mapping_says_of_all_its_lines_is_counted_too() {
    let house = House::sqlite().await;
    let engine = company(&house, 1).await;
    let month = Month::of(engine.now(), &TimeZone::UTC);
    house.watch.pass(HOUR_MS);
    let ruled = mapping(&house, |mapping| {
        mapping.rules.push(Rule { must: "NOT(ISBLANK(name))".to_owned(), message: "Nobody knows who that is".to_owned() });
    })
    .await;
    let now = house.watch.now();
    house.store.write(move |tx| tx.save_mapping(DESK, &ruled, "olga", "", now).map(drop)).await.unwrap();
    house.watch.pass(HOUR_MS);
    let of = report(&engine, month).await.mappings;
    assert_eq!((of.changes, of.changed), (1, vec!["validation rules".to_owned()]));
}

#[tokio::test]
async fn alerts_that_were_removed_are_told_to_be() {
    let house = House::sqlite().await;
    let engine = company(&house, 1).await;
    let month = Month::of(engine.now(), &TimeZone::UTC);
    assert_eq!(report(&engine, month).await.alerts_kept_since, None);
    let now = house.watch.now();
    house
        .store
        .write(move |tx| {
            let new = NewAlert {
                kind: "rate_limit".to_owned(),
                subject: DESK.to_owned(),
                severity: Severity::Warning,
                title: String::new(),
                body: String::new(),
                since: now,
            };
            let (id, _) = tx.raise_alert(&new, now)?;
            tx.end_alert(id, now).map(drop)
        })
        .await
        .unwrap();
    assert_eq!(report(&engine, month).await.alerts.len(), 1);
    let kept = i64::try_from(house.options.keep_sync_events_days).unwrap();
    house.watch.pass((kept + 40) * DAY_MS);
    retention::daily(&engine, &|| false).await.unwrap();
    let of = report(&engine, month).await;
    let since = of.alerts_kept_since.unwrap();
    let late = house.watch.now_ms() - kept * DAY_MS - since.as_millisecond();
    assert!((0..HOUR_MS).contains(&late), "the clock went on meanwhile: {late} ms");
    assert!(of.alerts.is_empty() && since > of.to, "{of:?}");
    let present = Month::of(house.watch.now(), &TimeZone::UTC);
    assert_eq!(report(&engine, present).await.alerts_kept_since, None, "of this month all are kept");
}
